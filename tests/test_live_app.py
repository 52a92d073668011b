import gc
import threading
import time
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import pytest

from shopllm_rasa.catalog import Product
from shopllm_rasa.live_app import LiveApp
from shopllm_rasa.recommendation import BehaviourModel
from shopllm_rasa.retrieval import ProductIndex
from shopllm_rasa.retrieval.index_directory import MANIFEST_FILE
from shopllm_rasa.settings import PathSettings, Settings
from shopllm_rasa.shop import Event

FLAMINGO = Product("NEW-1", "Inflatable pink flamingo", Decimal("19.95"), "EUR", "Splash", ("Pool Toys",))


@pytest.fixture
def settings(index_copy: Path, tmp_path: Path) -> Settings:
    return Settings(paths=PathSettings(index=index_copy, database=f"sqlite:///{tmp_path}/shop.sqlite"))


def wait_for(happened: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_new_index_is_used_without_a_failed_search(settings: Settings) -> None:
    live = LiveApp(settings, poll_seconds=0.05)
    first = live.app
    problems: list[Exception] = []
    found: list[int] = []
    done = threading.Event()

    def ask() -> None:
        while not done.is_set():
            try:
                app = live.app
                found.append(len(app.search(app.read_query("a kettle under 100")).hits))
                app.answerer.answer("Can I return a kettle?")
            except Exception as error:  # noqa: BLE001 - whatever it is, it is a failed request
                problems.append(error)

    customers = [threading.Thread(target=ask) for _ in range(2)]
    for customer in customers:
        customer.start()
    writer = ProductIndex.open(settings.index_dir)
    writer.upsert([FLAMINGO])
    wait_for(lambda: live.app.products.get("NEW-1") is not None)
    writer.delete(["NEW-1"])
    wait_for(lambda: live.app.products.get("NEW-1") is None)
    done.set()
    for customer in customers:
        customer.join()
    assert problems == []
    assert found
    assert min(found) > 0
    assert live.app is not first
    assert live.app.store is first.store
    assert live.app.products.encoder.encode(["kettle"]).shape == (1, 384)


def test_an_index_that_cannot_be_opened_leaves_the_old_one_in_use(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    live = LiveApp(settings, poll_seconds=0.05)
    manifest = settings.index_dir / MANIFEST_FILE
    content = manifest.read_text(encoding="utf-8")
    manifest.write_text("{", encoding="utf-8")
    wait_for(lambda: "cannot be opened, the old one stays in use" in caplog.text)
    assert live.app.search(live.app.read_query("kettle")).hits
    manifest.write_text(content, encoding="utf-8")
    ProductIndex.open(settings.index_dir).upsert([FLAMINGO])
    wait_for(lambda: live.app.products.get("NEW-1") is not None)


def test_what_was_newly_learned_is_used(settings: Settings, tmp_path: Path) -> None:
    settings = settings.copy(
        update={"paths": settings.paths.copy(update={"behaviour": tmp_path / "behaviour.safetensors"})}
    )
    live = LiveApp(settings, poll_seconds=0.05)
    first = live.app
    assert live.app.recommender.goes_with_category("Kettles") == []
    day = datetime(2026, 1, 1)
    events = [Event(f"C-{n}", item, "purchase", day) for n in range(6) for item in ("KIT-1327", "AUD-1042")]
    events += [Event(f"D-{n}", "SHO-3310", "purchase", day) for n in range(9)]
    BehaviourModel.fit(events, settings.recommendation, first.category_of).save(settings.behaviour_file)
    wait_for(lambda: len(live.app.recommender.goes_with_category("Kettles")) > 0)
    settings.behaviour_file.write_bytes(b"nonsense")
    wait_for(lambda: live.app.recommender.goes_with_category("Kettles") == [])
    assert live.app is first
    assert live.app.recommender.recommend()


def test_the_watch_ends_with_its_app(settings: Settings) -> None:
    before = set(threading.enumerate())
    live = LiveApp(settings, poll_seconds=0.05)
    (watch,) = set(threading.enumerate()) - before
    assert watch.is_alive()
    del live
    gc.collect()
    wait_for(lambda: not watch.is_alive())
