"""Requests that wait for a busy model are served together when it is free."""

import threading
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

Request = TypeVar("Request")
Result = TypeVar("Result")


class _Ticket(Generic[Request, Result]):
    def __init__(self, request: Request) -> None:
        self.request = request
        self.results: list[Result] = []  # one, when done
        self.error: Exception | None = None
        self.done = False


class Batcher(Generic[Request, Result]):
    """Calls a function for batches: whoever finds it free takes along all who wait.

    Args:
        run: gives a result for each request, in order; called by one thread at a time.
        size: requests in one batch at most.
    """

    def __init__(self, run: Callable[[Sequence[Request]], Sequence[Result]], size: int = 8) -> None:
        self._run = run
        self._size = size
        self._busy = threading.Lock()
        self._guard = threading.Lock()
        self._waiting: list[_Ticket[Request, Result]] = []

    def __call__(self, request: Request) -> Result:
        """Gives the request's result; an error of its batch is raised for each member."""
        ticket: _Ticket[Request, Result] = _Ticket(request)
        with self._guard:
            self._waiting.append(ticket)
        while not ticket.done:
            with self._busy:
                if not ticket.done:
                    self._serve()
        if ticket.error is not None:
            raise ticket.error
        return ticket.results[0]

    def _serve(self) -> None:
        with self._guard:
            batch, self._waiting = self._waiting[: self._size], self._waiting[self._size :]
        try:
            for ticket, result in zip(batch, self._run([item.request for item in batch]), strict=True):
                ticket.results.append(result)
        except Exception as error:  # noqa: BLE001 - handed to each caller
            for ticket in batch:
                ticket.error = error
        finally:
            for ticket in batch:
                ticket.done = True
