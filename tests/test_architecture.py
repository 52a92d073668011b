"""The house's rules that no single module can see."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SOURCES = sorted([*(ROOT / "shopllm_rasa").rglob("*.py"), *(ROOT / "actions").rglob("*.py")])
RASA_DOORS = ("nlu", "nlg", "channels")
# Arrows point downwards only: a room may import rooms of its own floor and of those below.
FLOORS = (
    {"errors", "instructions", "settings", "spelling", "storage"},
    {"catalog", "encoders"},
    {"retrieval", "generation", "recommendation", "shop", "insights"},
    {"app"},
    {"live_app"},
    {"cli", "nlu", "nlg", "channels", "demo", "actions"},
)


def imports(file: Path) -> Iterator[str]:
    """Every module a file imports, wherever the import stands."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: a relative import"
            yield node.module or ""
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def room(module: str) -> str:
    """The room of one of our modules, an empty text for anything else."""
    first, _, rest = module.partition(".")
    if first == "actions":
        return "actions"
    return rest.split(".")[0] if first == "shopllm_rasa" else ""


def room_of(file: Path) -> str:
    return room(".".join(file.relative_to(ROOT).with_suffix("").parts))


def floor(name: str) -> int | None:
    return next((number for number, rooms in enumerate(FLOORS) if name in rooms), None)


def of(file: Path) -> str:
    return str(file.relative_to(ROOT))


def test_there_is_something_to_look_at() -> None:
    assert len(SOURCES) > 30


@pytest.mark.parametrize("file", SOURCES, ids=of)
def test_only_rasas_doors_import_rasa(file: Path) -> None:
    packages = {name.split(".")[0] for name in imports(file)}
    allowed = {"rasa_sdk"} if room_of(file) == "actions" else {"rasa"} if room_of(file) in RASA_DOORS else set()
    assert not packages & {"rasa", "rasa_sdk"} - allowed
    if room_of(file) not in RASA_DOORS:
        assert "tensorflow" not in packages


@pytest.mark.parametrize("file", SOURCES, ids=of)
def test_arrows_point_downwards(file: Path) -> None:
    here = room_of(file)
    if here in ("", "__init__"):
        return
    assert floor(here) is not None, f"{of(file)} stands in a room that FLOORS does not know"
    above = {name for name in map(room, imports(file)) if (floor(name) or 0) > floor(here)}
    assert not above


@pytest.mark.parametrize("file", SOURCES, ids=of)
def test_nothing_read_from_disk_can_run(file: Path) -> None:
    tree = ast.parse(file.read_text(encoding="utf-8"))
    modules = {name.split(".")[0] for name in imports(file)}
    assert not modules & {"pickle", "cPickle", "cloudpickle", "dill", "joblib", "marshal", "shelve"}
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    names = {ast.unparse(call.func) for call in calls}
    assert not names & {"eval", "exec", "torch.load", "torch.save", "yaml.load", "yaml.unsafe_load", "os.system"}
    for call in calls:
        for keyword in call.keywords:
            if keyword.arg in ("trust_remote_code", "allow_pickle", "shell"):
                assert isinstance(keyword.value, ast.Constant)
                assert keyword.value.value is False


ACTIONS = [".".join(file.relative_to(ROOT).with_suffix("").parts) for file in SOURCES if room_of(file) == "actions"]
CAPABILITIES = sorted(f"shopllm_rasa.{name}" for rooms in FLOORS[:5] for name in rooms)


@pytest.mark.parametrize(
    ("modules", "heavy"),
    [
        (["shopllm_rasa.app"], ["tensorflow", "rasa", "rasa_sdk", "torch", "transformers"]),
        (["shopllm_rasa.retrieval"], ["tensorflow", "rasa", "rasa_sdk", "torch", "transformers", "pymilvus"]),
        (CAPABILITIES, ["tensorflow", "rasa", "rasa_sdk", "torch", "transformers"]),
        (
            ["shopllm_rasa.cli.main"],
            ["tensorflow", "rasa", "rasa_sdk", "torch", "transformers", "faiss", "onnxruntime"],
        ),
        (ACTIONS, ["tensorflow", "rasa", "torch", "transformers"]),
    ],
    ids=["app", "retrieval", "capabilities", "command line", "actions"],
)
def test_a_fresh_start_stays_light(modules: list[str], heavy: list[str]) -> None:
    code = (
        "import importlib, sys\n"
        f"for name in {modules!r}: importlib.import_module(name)\n"
        f"print([name for name in {heavy!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"
