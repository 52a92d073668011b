"""What the demo says while it works: one line a step, with its duration, on standard error."""

import contextlib
import time
from collections.abc import Iterator

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn


class Steps:
    """Announces steps.

    Example:
        >>> with Steps().step("Checking the ports"):
        ...     pass
        ✓ Checking the ports (0.0 s)
    """

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(stderr=True, highlight=False)

    @contextlib.contextmanager
    def step(self, title: str, *, reason: str = "", own_output: bool = False) -> Iterator[None]:
        """Announces a step and how long it took; a step that fails is not announced as done.

        Args:
            title: a few words, such as "Building the index".
            reason: why it has to be done, shown while it runs.
            own_output: the step writes to the screen itself, so that no running clock is shown.
        """
        started = time.monotonic()
        moving = self._console.is_terminal and not own_output
        columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn())
        with Progress(*columns, console=self._console, transient=True, disable=not moving) as progress:
            doing = f"{title} ({reason})" if reason else title
            progress.add_task(doing)
            if not moving:
                self._say(f"  {doing} ...")
            yield
        self._say(f"✓ {title} ({_duration(time.monotonic() - started)})")

    def notice(self, sentence: str) -> None:
        """Says something the user should know."""
        self._say(f"! {sentence}")

    def _say(self, line: str) -> None:
        # Paths and addresses stay in one piece, so that they can be copied.
        self._console.print(line, markup=False, soft_wrap=True)


def _duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.1f} s"
    return f"{int(seconds // 60)} min {int(seconds % 60)} s"
