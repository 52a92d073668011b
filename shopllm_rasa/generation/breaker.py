"""A circuit breaker: what keeps failing is left alone for a while, so that customers need not wait for it."""

import threading
import time


class CircuitBreaker:
    """Opens after several failures in a row; after a pause one call is let through to try.

    Args:
        failures: failures in a row after which it opens; 0 keeps it closed.
        seconds: how long it stays open.
    """

    def __init__(self, failures: int, seconds: float) -> None:
        self._limit, self._seconds = failures, seconds
        self._lock = threading.Lock()
        self._failures = 0
        self._until = 0.0

    def allows(self) -> bool:
        """Whether a call may be made now."""
        with self._lock:
            if not self._limit or self._failures < self._limit:
                return True
            if time.monotonic() < self._until:
                return False
            self._until = time.monotonic() + self._seconds  # this one tries; others wait for what becomes of it
            return True

    def failed(self) -> None:
        """Notes a failure."""
        with self._lock:
            self._failures += 1
            if self._failures >= self._limit:
                self._until = time.monotonic() + self._seconds

    def succeeded(self) -> None:
        """Notes a success, which closes the circuit."""
        with self._lock:
            self._failures = 0
