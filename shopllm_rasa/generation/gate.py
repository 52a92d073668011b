"""How many replies a backend composes at once, and how many may wait for it."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from shopllm_rasa.errors import GenerationError


class Gate:
    """Lets a bounded number of calls into each backend; further ones wait, and beyond that are turned away.

    Args:
        slots: calls of one backend that run at the same time.
        waiting: calls that may wait.
        seconds: how long one waits at most.
    """

    def __init__(self, slots: int = 8, waiting: int = 16, seconds: float = 10.0) -> None:
        self._slots, self._waiting, self._seconds = slots, waiting, seconds
        self._lock = threading.Lock()
        self._doors: dict[str, tuple[threading.BoundedSemaphore, threading.BoundedSemaphore]] = {}

    @contextmanager
    def entered(self, name: str) -> Iterator[None]:
        """Holds one of a backend's slots.

        Raises:
            GenerationError: if there is no room, or none became free in time; the next backend of the chain replies.
        """
        with self._lock:
            if name not in self._doors:
                queue = threading.BoundedSemaphore(self._slots + self._waiting)
                self._doors[name] = (queue, threading.BoundedSemaphore(self._slots))
            queue, slots = self._doors[name]
        if not queue.acquire(blocking=False):
            raise GenerationError("It is busy, and its queue is full.")
        try:
            if not slots.acquire(timeout=self._seconds):
                raise GenerationError(f"It was busy for {self._seconds:g} seconds.")
            try:
                yield
            finally:
                slots.release()
        finally:
            queue.release()
