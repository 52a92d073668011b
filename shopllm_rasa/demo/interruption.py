"""Ctrl-C and its like as a question that waiting loops ask, not as an exception from anywhere."""

import signal
import time
from types import FrameType, TracebackType
from typing import Any

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class InterruptedDemo(Exception):
    """The user asked to stop."""


class Interruption:
    """Notes the wish to stop. An exception raised by a signal handler could lose a child just started.

    Example:
        >>> with Interruption() as interruption:
        ...     interruption.pause(0.1)
    """

    def __init__(self) -> None:
        self._asked = False
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> "Interruption":
        for number in _SIGNALS:
            self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _note(self, number: int, frame: FrameType | None) -> None:
        self._asked = True

    def check(self) -> None:
        """Raises InterruptedDemo when the user has asked to stop."""
        if self._asked:
            raise InterruptedDemo

    def pause(self, seconds: float) -> None:
        """Waits a moment; ends with InterruptedDemo when the user has asked to stop."""
        self.check()
        time.sleep(seconds)
        self.check()
