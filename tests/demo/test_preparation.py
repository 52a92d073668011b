import io
import json
import sys
from pathlib import Path
from typing import ClassVar

import pytest
from rich.console import Console

from shopllm_rasa.demo import preparation as module
from shopllm_rasa.demo.interruption import Interruption
from shopllm_rasa.demo.preparation import Preparation
from shopllm_rasa.demo.shop import OwnShop, choose_shop
from shopllm_rasa.demo.steps import Steps
from shopllm_rasa.errors import DemoError, IndexUnusableError
from shopllm_rasa.settings import SETTINGS_ENV


class RecordingChild:
    """Stands in for child processes: notes commands, makes what they would make."""

    commands: ClassVar[list[list[str]]] = []
    exit_code = 0

    def __init__(self, name, command, *, log=None, folder=None, environment=None):
        self.command = [str(part) for part in command]
        self.environment = environment
        self.commands.append(self.command)

    def __enter__(self):
        return self

    def __exit__(self, *details):
        pass

    def wait(self, interruption):
        if self.exit_code == 0 and "--out" in self.command:
            out = Path(self.command[self.command.index("--out") + 1])
            out.mkdir(parents=True, exist_ok=True)
            (out / "shop.tar.gz").write_text("a model")
        return self.exit_code

    def report(self, sentence):
        return f"{sentence} LOG"


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.delenv(SETTINGS_ENV, raising=False)
    folder = tmp_path / "project"
    for name in ("domain", "data/nlu", "data/rules", "data/catalog", "data/knowledge"):
        (folder / name).mkdir(parents=True)
    (folder / "config.yml").write_text("recipe: default.v1")
    (folder / "shopllm.yml").write_text("shop: {name: x}")
    (folder / "data/catalog/products.jsonl").write_text("{}")
    (folder / "data/knowledge/returns.md").write_text("# Returns")
    return folder


@pytest.fixture
def child(monkeypatch):
    class Child(RecordingChild):
        commands: ClassVar[list[list[str]]] = []

    monkeypatch.setattr(module, "ChildProcess", Child)
    return Child


@pytest.fixture
def screen():
    return io.StringIO()


@pytest.fixture
def prepare(project, screen, monkeypatch):
    """Makes a Preparation whose index opens unless `broken` holds an error."""
    broken = []

    def open_index(self):
        if broken:
            raise broken.pop()
        return ["a product"]

    monkeypatch.setattr(Preparation, "_open_index", open_index)

    def make(**own):
        work_dir = project / ".shopllm" / "demo"
        steps = Steps(Console(file=screen, highlight=False))
        shop = choose_shop(project, work_dir, OwnShop(**own))
        return Preparation(project, shop, work_dir / "logs", steps, Interruption())

    make.broken = broken
    return make


def test_the_index_is_built_once(prepare, child, project):
    assert prepare().index() == ["a product"]
    assert prepare().index() == ["a product"]
    assert child.commands == [
        [sys.executable, "-m", "shopllm_rasa.cli.main", "index", "build",
         "--catalog", f"{project}/data/catalog/products.jsonl", "--out", f"{project}/.shopllm/index",
         "--knowledge", f"{project}/data/knowledge"]
    ]  # fmt: skip


def test_a_changed_page_builds_the_index_again(prepare, child, project, screen):
    prepare().index()
    (project / "data/knowledge/returns.md").write_text("# Returns, new")
    prepare().index()
    assert len(child.commands) == 2
    assert "data/knowledge/returns.md changed" in screen.getvalue()


def test_another_way_to_read_the_feed_builds_the_index_again(prepare, child, project, screen):
    prepare().index()
    (project / "shopllm.yml").write_text("{shop: {name: x}, catalog: {decimal: ','}}")
    prepare().index()
    assert len(child.commands) == 2
    assert "how the feed is read" in screen.getvalue()


def test_a_damaged_index_gets_one_sentence_and_is_built_again(prepare, child, screen):
    prepare().index()
    prepare.broken.append(IndexUnusableError("The index 'x' was never finished. Build it again: shopllm index"))
    assert prepare().index() == ["a product"]
    assert len(child.commands) == 2
    assert "! The index 'x' was never finished. It is built again.\n" in screen.getvalue()


def test_a_build_that_fails_is_not_recorded(prepare, child):
    child.exit_code = 1
    for _ in range(2):
        with pytest.raises(DemoError, match="index could not be built"):
            prepare().index()
    assert len(child.commands) == 2


def test_an_own_shop_without_pages_has_none_of_those_before(prepare, child, project):
    preparation = prepare(catalog=project / "data/catalog/products.jsonl")
    folder = preparation.shop.settings.index_dir
    folder.mkdir(parents=True)
    (folder / "manifest.json").write_text("{}")
    preparation.index()
    assert "--knowledge" not in child.commands[0]
    assert not (folder / "manifest.json").exists()


def test_children_know_which_shop_it_is(prepare, project):
    preparation = prepare(catalog=project / "data/catalog/products.jsonl")
    assert preparation._environment[SETTINGS_ENV] == str(preparation.shop.settings_file)
    assert preparation._environment["RASA_TELEMETRY_ENABLED"] == "false"


def test_orders_are_imported_only_where_there_are_some(prepare, child, project):
    prepare().orders()
    assert child.commands == []
    (project / "data/shop").mkdir()
    for name in ("customers.json", "orders.json"):
        (project / "data/shop" / name).write_text("[]")
    prepare().orders()
    assert child.commands[0][3:5] == ["shop", "import"]


def test_events_are_learned_from_once(prepare, child, project):
    prepare().events()
    assert child.commands == []
    (project / "data/shop").mkdir()
    events = project / "data/shop/events.csv"
    events.write_text("customer_id,product_id,type,time\n")
    preparation = prepare()
    preparation.events()
    assert [command[3:5] for command in child.commands] == [["shop", "import"], ["recommend", "fit"]]
    learned = preparation.shop.settings.behaviour_file
    learned.write_text("what a child learned")
    prepare().events()
    assert len(child.commands) == 2
    events.write_text("customer_id,product_id,type,time\nC,P,view,2026-01-01\n")
    prepare().events()
    assert len(child.commands) == 4


def test_the_bot_is_trained_once(prepare, child, project):
    first = prepare().model()
    assert first == prepare().model() == project / ".shopllm/demo/models/shop.tar.gz"
    assert len(child.commands) == 1
    command = child.commands[0]
    assert command[:4] == [sys.executable, "-m", "rasa", "train"]
    assert command[command.index("--data") + 1 :] == ["data/nlu", "data/rules"]


@pytest.mark.parametrize("name", ["config.yml", "domain/new.yml", "data/nlu/new.yml", "data/catalog/products.jsonl"])
def test_a_changed_input_trains_again(prepare, child, project, screen, name):
    prepare().model()
    (project / name).write_text("changed")
    prepare().model()
    assert len(child.commands) == 2
    assert f"Training the bot ({name} changed)" in screen.getvalue()


def test_a_changed_page_does_not_train_again(prepare, child, project):
    prepare().model()
    (project / "data/knowledge/returns.md").write_text("# New")
    prepare().model()
    assert len(child.commands) == 1


def test_a_model_cut_short_is_trained_again(prepare, child):
    prepare().model().write_text("a mod")
    prepare().model()
    assert len(child.commands) == 2


def test_a_training_that_fails_shows_its_log_and_is_not_recorded(prepare, child, project):
    child.exit_code = 1
    with pytest.raises(DemoError, match=r"The training failed with exit code 1\. LOG"):
        prepare().model()
    assert not list((project / ".shopllm").rglob("*.inputs.json"))


def test_the_record_is_readable_json(prepare, child, project):
    prepare().model()
    record = json.loads((project / ".shopllm/demo/models/shop.inputs.json").read_text())
    assert record["the encoder"] == "default"
    assert any(name.startswith("shopllm_rasa/encoders/") for name in record)
