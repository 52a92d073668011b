"""A lock between processes: whoever changes an index holds it."""

import fcntl
import json
import os
import socket
import time
from datetime import datetime, timezone
from pathlib import Path

from shopllm_rasa.errors import IndexBusyError

_POLL_SECONDS = 0.1


class WriterLock:
    """An exclusive lock on a file (`flock`); the system releases it when its holder dies, however that happens.

    The file says who holds it, for the message to others. On a network file system that does not pass locks on, writers
    on different machines are not kept apart.
    """

    def __init__(self, file: Path, what: str, wait_seconds: float) -> None:
        """Takes the file, what it guards (for messages), and how long to wait for another holder."""
        self._file = file
        self._what = what
        self._wait_seconds = wait_seconds
        self._descriptor: int | None = None

    def __enter__(self) -> "WriterLock":
        descriptor = os.open(self._file, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            self._wait(descriptor)
            os.ftruncate(descriptor, 0)
            holder = {
                "process": os.getpid(),
                "host": socket.gethostname(),
                "since": datetime.now(timezone.utc).isoformat(timespec="seconds"),
            }
            os.pwrite(descriptor, json.dumps(holder).encode(), 0)
        except BaseException:
            os.close(descriptor)
            raise
        self._descriptor = descriptor
        return self

    def __exit__(self, *_: object) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _wait(self, descriptor: int) -> None:
        deadline = time.monotonic() + self._wait_seconds
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    raise IndexBusyError(
                        f"{self._what} is being changed by {_holder(descriptor)}; waited {self._wait_seconds:g} s. "
                        "Try again when it has finished."
                    ) from None
            time.sleep(_POLL_SECONDS)


def _holder(descriptor: int) -> str:
    try:
        holder = json.loads(os.pread(descriptor, 1_000, 0))
        return f"process {holder['process']} on {holder['host']} since {holder['since']}"
    except (ValueError, KeyError, TypeError):
        return "another process"
