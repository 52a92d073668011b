"""Do customers who greet wait for those whose replies are generated? 20 customers at once against two real bots.

Usage: python benchmarks/generation_load.py --backend embedded

Both bots run side by side on this machine: one composes replies with `--backend`, the other only quotes (`extractive`).
They are loaded in turns, so that whatever else the machine does meets both. 20 customers send a message, wait for the
reply and think for 5 seconds; half of them greet, half ask questions of the `dev` split, each in words of its own so
that no cache answers. Bounded: 20 customers, loopback addresses, `--seconds` a round.
"""

import argparse
import contextlib
import itertools
import json
import random
import socket
import statistics
import tempfile
import threading
import time
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests
import yaml
from questions import read_questions

from shopllm_rasa.demo.checks import HOST
from shopllm_rasa.demo.interruption import Interruption
from shopllm_rasa.demo.preparation import MODEL_NAME, Preparation, child_environment
from shopllm_rasa.demo.processes import ChildProcess, stop_all
from shopllm_rasa.demo.servers import Readiness, start_actions, start_rasa, write_endpoints
from shopllm_rasa.demo.shop import Shop
from shopllm_rasa.demo.steps import Steps
from shopllm_rasa.settings import Settings

ROOT = Path(__file__).parent.parent
CUSTOMERS = 20
THINK_SECONDS = 5.0
TIMEOUT_SECONDS = 60.0
ROUNDS = 2
QUOTING = "extractive"
GREETINGS = ("hello", "hi there", "good morning", "hey", "good evening")
OPENINGS = ("", "please tell me: ", "a question: ", "hi, ", "I would like to know: ", "one more thing: ")
FIRST_QUESTION = "What is the return policy for electronic products?"


@dataclass(frozen=True)
class Sent:
    """One message and how long its reply took; None where none came."""

    greeting: bool
    seconds: float | None


@dataclass(frozen=True)
class Bot:
    """A running bot."""

    backend: str
    url: str


def measure(backend: str, seconds: float, work: Path, quick: bool = False) -> dict[str, Any]:
    """Loads both bots in turns.

    Args:
        backend: what composes the replies of one of them.
        seconds: how long a round lasts.
        work: the folder for the trained bot, which is used again if it is there.
        quick: trains understanding with the preset `fast`, uncalibrated, or uses what an earlier quick run trained; a
            message takes the same time.

    Returns:
        By backend: percentiles of greetings and questions in milliseconds; and `ratio` of the greetings' p95.
    """
    questions = [
        row.text for row in read_questions("demo") if row.split == "dev" and row.stands_alone and row.answerable
    ]
    sent: dict[str, list[Sent]] = {QUOTING: [], backend: []}
    project = _quick_project(work) if quick else ROOT
    with contextlib.ExitStack() as stack:
        bots = [stack.enter_context(_bot(name, work, project)) for name in (QUOTING, backend)]
        for number in range(ROUNDS):
            for bot in bots:
                sent[bot.backend] += _load(bot, questions, seconds, seed=number)
    figures: dict[str, Any] = {name: _figures(messages) for name, messages in sent.items()}
    figures["ratio"] = round(figures[backend]["greeting"]["p95"] / figures[QUOTING]["greeting"]["p95"], 2)
    return {"backend": backend, "customers": CUSTOMERS, "think_seconds": THINK_SECONDS, **figures}


@contextlib.contextmanager
def _bot(backend: str, work: Path, project: Path) -> Iterator[Bot]:
    """Starts the demo bot with a backend; a trained model in the work folder is used again."""
    shop = _shop(backend, work)
    logs = work / f"logs-{backend}"
    logs.mkdir(parents=True, exist_ok=True)
    children: list[ChildProcess] = []
    with Interruption() as interruption:
        preparation = Preparation(project, shop, logs, Steps(), interruption)
        preparation.index()
        preparation.orders()
        kept = shop.folder / "models" / f"{MODEL_NAME}.tar.gz"
        model = kept if project != ROOT and kept.is_file() else preparation.model()
        rasa_port, actions_port = _free_port(), _free_port()
        endpoints = work / f"endpoints-{backend}.yml"
        write_endpoints(ROOT / "endpoints.yml", endpoints, actions_port)
        environment = child_environment(shop)
        try:
            children.append(start_actions(project, logs, actions_port, environment))
            children.append(
                start_rasa(
                    project, logs, rasa_port, environment, model=model, endpoints=endpoints, web_port=_free_port()
                )
            )
            ready = Readiness(children, interruption)
            ready.wait_for("the action server", f"http://{HOST}:{actions_port}/health")
            ready.wait_for("the Rasa server", f"http://{HOST}:{rasa_port}/")
            ready.first_answer(f"http://{HOST}:{rasa_port}", FIRST_QUESTION)
            yield Bot(backend, f"http://{HOST}:{rasa_port}/webhooks/rest/webhook")
        finally:
            stop_all(children)


def _quick_project(work: Path) -> Path:
    """The bot with a pipeline that trains in a minute."""
    project = work / "project"
    project.mkdir(parents=True, exist_ok=True)
    for name in ("domain", "data", "actions", "endpoints.yml", "credentials.yml", "shopllm.yml"):
        if not (project / name).exists():
            (project / name).symlink_to(ROOT / name)
    config = yaml.safe_load((ROOT / "config.yml").read_text(encoding="utf-8"))
    for component in config["pipeline"]:
        if component["name"].endswith("IntentSentimentClassifier"):
            component.update(preset="fast", folds=0, epochs=20)
    (project / "config.yml").write_text(yaml.safe_dump(config, sort_keys=False), encoding="utf-8")
    return project


def _shop(backend: str, work: Path) -> Shop:
    """The demo shop with another backend; everything else, index and database included, is shared."""
    base = Settings.load(ROOT / "shopllm.yml")
    values = yaml.safe_load((ROOT / "shopllm.yml").read_text(encoding="utf-8"))
    values["generation"] = {**values.get("generation", {}), "backend": backend}
    values["paths"] = {
        "catalog": str(base.resolve(base.paths.catalog)),
        "knowledge": str(base.resolve(base.paths.knowledge)) if base.paths.knowledge else None,
        "reviews": str(base.resolve(base.paths.reviews)) if base.paths.reviews else None,
        "index": str(work / "index"),
        "database": f"sqlite:///{work / 'shop.sqlite'}",
    }
    file = work / f"shopllm-{backend}.yml"
    work.mkdir(parents=True, exist_ok=True)
    file.write_text(yaml.safe_dump(values, allow_unicode=True), encoding="utf-8")
    data = ROOT / "data" / "shop"
    return Shop(file, Settings.load(file), work, data / "customers.json", data / "orders.json")


def _load(bot: Bot, questions: Sequence[str], seconds: float, seed: int) -> list[Sent]:
    """Runs all customers for a while."""
    chooser = random.Random(seed)
    asked = [f"{opening}{question}" for opening, question in itertools.product(OPENINGS, questions)]
    chooser.shuffle(asked)
    todo = iter(asked)
    lock = threading.Lock()
    sent: list[Sent] = []
    deadline = time.monotonic() + seconds

    def customer(number: int) -> None:
        greets = number % 2 == 0
        sender = f"load-{uuid.uuid4().hex}"
        time.sleep(THINK_SECONDS * number / CUSTOMERS)
        with requests.Session() as session:
            session.trust_env = False
            while time.monotonic() < deadline:
                with lock:
                    text = chooser.choice(GREETINGS) if greets else next(todo)
                seconds = _ask(session, bot.url, sender, text)
                with lock:
                    sent.append(Sent(greets, seconds))
                time.sleep(THINK_SECONDS)

    threads = [threading.Thread(target=customer, args=(number,)) for number in range(CUSTOMERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sent


def _ask(session: requests.Session, url: str, sender: str, text: str) -> float | None:
    started = time.perf_counter()
    try:
        reply = session.post(url, json={"sender": sender, "message": text}, timeout=TIMEOUT_SECONDS)
        said = reply.ok and reply.json()
    except (requests.RequestException, ValueError):
        return None
    return time.perf_counter() - started if said else None


def _figures(messages: Sequence[Sent]) -> dict[str, Any]:
    figures: dict[str, Any] = {}
    for name, greeting in (("greeting", True), ("question", False)):
        times = [item.seconds * 1000 for item in messages if item.greeting is greeting and item.seconds is not None]
        lost = sum(item.greeting is greeting and item.seconds is None for item in messages)
        cuts = statistics.quantiles(times, n=20, method="inclusive")
        figures[name] = {
            "p50": round(statistics.median(times), 1),
            "p95": round(cuts[18], 1),
            "n": len(times),
            "lost": lost,
        }
    return figures


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--backend", default="embedded")
    parser.add_argument("--seconds", type=float, default=60.0, help="of a round; there are two for each bot")
    parser.add_argument("--quick", action="store_true", help="train understanding briefly; it is not what is measured")
    parser.add_argument("--work", type=Path, help="keeps the trained bot (default: a folder that is removed)")
    options = parser.parse_args()
    with contextlib.ExitStack() as stack:
        work = options.work or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        print(json.dumps(measure(options.backend, options.seconds, work.resolve(), options.quick), indent=1))


if __name__ == "__main__":
    main()
