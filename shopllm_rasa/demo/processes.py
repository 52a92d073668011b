"""Child processes that never outlive the demo."""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType

from shopllm_rasa.demo.interruption import Interruption
from shopllm_rasa.errors import DemoError

TAIL_LINES = 15
GRACE_SECONDS = 5.0
_STANDARD_ERROR = 2
_TAIL_BYTES = 64 * 1024
_POLL_SECONDS = 0.1
_PR_SET_PDEATHSIG = 1
# Looked up now: between fork and exec as little as possible may happen.
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None


class ChildProcess:
    """A program in a process group of its own: Ctrl-C reaches only the demo, which then ends its children.

    As a context manager it is stopped at the end of the block.

    Example:
        >>> with ChildProcess("the clock", ["date"], log=Path("date.log")) as child:
        ...     child.require_alive()
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str | Path],
        *,
        log: Path | None = None,
        folder: Path | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """Starts the program.

        Args:
            name: as it is called in sentences, such as "the action server".
            command: program and arguments.
            log: takes what it prints; without one that goes to standard error.
            folder: its working folder.
            environment: its variables; by default those of this process.
        """
        self.name = name
        self.log = log
        with contextlib.ExitStack() as stack:
            if log is not None:
                log.parent.mkdir(parents=True, exist_ok=True)
            output = stack.enter_context(log.open("wb")) if log is not None else _STANDARD_ERROR
            # The programs are this Python's own modules; no shell reads the arguments.
            self._process = subprocess.Popen(  # noqa: S603
                [str(part) for part in command],
                cwd=folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=_end_with_parent,
            )

    def __enter__(self) -> "ChildProcess":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        stop_all([self])

    @property
    def pid(self) -> int:
        """The process id, which is also that of the group."""
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """How it ended; None while it runs."""
        return self._process.poll()

    def wait(self, interruption: Interruption) -> int:
        """Waits for the end and gives the exit code; the user may interrupt."""
        while (code := self.exit_code) is None:
            interruption.pause(_POLL_SECONDS)
        return code

    def require_alive(self) -> None:
        """Checks that it still runs.

        Raises:
            DemoError: with its exit code and the end of its log.
        """
        code = self.exit_code
        if code is not None:
            raise DemoError(self.report(f"{self.name[:1].upper()}{self.name[1:]} ended {_in_words(code)}."))

    def report(self, sentence: str) -> str:
        """The sentence, followed by the end of the log."""
        if self.log is None:
            return sentence
        lines = [f"  {line}" for line in tail(self.log)] or ["  (it is empty)"]
        return "\n".join([f"{sentence} The end of its log, '{self.log}':", *lines])

    def send(self, number: signal.Signals) -> None:
        """Sends a signal to the whole group; one that is gone is no error."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, number)


def stop_all(children: Sequence[ChildProcess], grace: float = GRACE_SECONDS) -> None:
    """Ends children and everything they started: asks first, kills what is left after `grace` seconds."""
    for child in children:
        child.send(signal.SIGTERM)
    deadline = time.monotonic() + grace
    while time.monotonic() < deadline and any(child.exit_code is None for child in children):
        time.sleep(_POLL_SECONDS)
    for child in children:
        child.send(signal.SIGKILL)  # also what a child that ended well left behind in its group
        with contextlib.suppress(subprocess.TimeoutExpired):
            child._process.wait(timeout=grace)


def tail(log: Path, lines: int = TAIL_LINES) -> list[str]:
    """The last lines of a log, however long it is."""
    try:
        with log.open("rb") as stream:
            stream.seek(max(0, log.stat().st_size - _TAIL_BYTES))
            text = stream.read().decode("utf-8", errors="replace")
    except OSError:
        return []
    return [line.rstrip() for line in text.splitlines() if line.strip()][-lines:]


def _in_words(code: int) -> str:
    if code >= 0:
        return f"with exit code {code}"
    with contextlib.suppress(ValueError):
        return f"by the signal {signal.Signals(-code).name}"
    return f"by the signal {-code}"


def _end_with_parent() -> None:
    """Runs in the child: Linux ends it when the demo itself is killed and cannot clean up."""
    if _LIBC is not None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
