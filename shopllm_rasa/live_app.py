"""The running process's app, exchanged for a new one when the index or what was learned from events changes."""

import functools
import logging
import threading
import time
import weakref
from pathlib import Path

from shopllm_rasa.app import ShopApp
from shopllm_rasa.errors import ShopLLMError
from shopllm_rasa.generation import metrics
from shopllm_rasa.retrieval.index_directory import IndexDirectory
from shopllm_rasa.settings import Settings

logger = logging.getLogger(__name__)

POLL_SECONDS = 2.0


class LiveApp:
    """Keeps an app that is open on the newest index.

    A thread looks at the index's manifest. When it was replaced, everything is opened again beside the app in use,
    and then takes its place: no caller waits, and one that is at work ends on what it began with. An index that
    cannot be opened is logged, and the old one stays in use.
    """

    def __init__(self, settings: Settings, poll_seconds: float = POLL_SECONDS) -> None:
        """Opens the app.

        Raises:
            ShopLLMError: if something of it cannot be opened.
        """
        self._directory = IndexDirectory(settings.index_dir)
        self._version = self._directory.version
        self._learned = _stamp(settings.behaviour_file)
        self.app = ShopApp(settings)
        self.app.open()
        if settings.metrics.port:
            metrics.serve(settings.metrics.host, settings.metrics.port)
        self._stopped = threading.Event()
        # The thread does not keep this object alive, and ends with it.
        watch = threading.Thread(
            target=_watch, args=(weakref.ref(self), self._stopped, poll_seconds), name="index-watch", daemon=True
        )
        weakref.finalize(self, self._stopped.set)
        watch.start()

    def refresh(self) -> None:
        """Opens a new app where the index has changed since the last look, or what was learned from events again."""
        learned = _stamp(self.app.settings.behaviour_file)
        self._refresh_index()
        if learned != self._learned:
            self._learned = learned
            self.app.renew_recommender()
            logger.info("What was newly learned from events is in use.")

    def _refresh_index(self) -> None:
        version = self._directory.version
        if version is None or version == self._version:
            return
        self._version = version
        started = time.monotonic()
        try:
            app = ShopApp(self.app.settings, self.app)
            app.open()
        except (ShopLLMError, OSError) as error:
            logger.warning("The new index cannot be opened, the old one stays in use: %s", error)
            return
        self.app = app
        logger.info("The new index is in use, opened in %.1f s.", time.monotonic() - started)


def _watch(live: "weakref.ref[LiveApp]", stopped: threading.Event, poll_seconds: float) -> None:
    while not stopped.wait(poll_seconds):
        current = live()
        if current is None:
            return
        try:
            current.refresh()
        except Exception as error:  # noqa: BLE001 - the watch goes on whatever an index holds
            logger.error("The new index cannot be opened, the old one stays in use: %s", type(error).__name__)
        del current


def _stamp(file: Path) -> tuple[int, int] | None:
    """Changes when a file is replaced; None where there is none."""
    try:
        status = file.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_ino


_lock = threading.Lock()


def shop_app() -> ShopApp:
    """The process's app on the newest index, made from the settings in force when it is first asked for.

    Raises:
        ShopLLMError: if it cannot be opened; the next call tries again.
    """
    # Under the lock, so that two first messages do not load the encoder twice.
    with _lock:
        return _live().app


@functools.lru_cache(maxsize=1)
def _live() -> LiveApp:
    return LiveApp(Settings.load())
