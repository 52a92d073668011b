"""Real servers, started the way a user starts them: `shopllm demo`."""

import os
import signal
import socket
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests

PROJECT = Path(__file__).parents[2]
SHARED = Path(os.environ.get("SHOPLLM_SHARED", PROJECT.parent / "shared"))
READY_LINE = "The shop is open"
START_SECONDS = 1200  # a first start trains; with the other tests' load on two cores that takes minutes


@dataclass(frozen=True)
class RunningDemo:
    """A demo that answers."""

    rasa_url: str
    web_url: str
    work_dir: Path

    def conversation(self, channel: str = "rest") -> "Conversation":
        return Conversation(f"{self.rasa_url}/webhooks/{channel}/webhook", f"test-{uuid.uuid4().hex}")


@dataclass(frozen=True)
class Conversation:
    """One customer's chat."""

    url: str
    sender: str

    def messages(self, text: str) -> list[dict[str, Any]]:
        answer = requests.post(self.url, json={"sender": self.sender, "message": text}, timeout=60)
        answer.raise_for_status()
        return answer.json()

    def say(self, text: str) -> str:
        return "\n".join(message["text"] for message in self.messages(text) if "text" in message)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def running_demo(work_dir: Path, *options: str) -> Iterator[RunningDemo]:
    ports = [_free_port() for _ in range(3)]
    names = ("--rasa-port", "--actions-port", "--web-port")
    command = [sys.executable, "-m", "shopllm_rasa.cli.main", "demo", "--work-dir", str(work_dir), *options]
    for name, port in zip(names, ports, strict=True):
        command += [name, str(port)]
    log = work_dir / "demo.log"
    with log.open("w") as stderr:
        process = subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE, stderr=stderr, text=True)
        ready = threading.Event()

        def read() -> None:
            assert process.stdout is not None
            for line in process.stdout:
                if READY_LINE in line:
                    ready.set()

        threading.Thread(target=read, daemon=True).start()
        try:
            for _ in range(START_SECONDS):
                if ready.wait(1) or process.poll() is not None:
                    break
            if not ready.is_set():
                pytest.fail(f"The demo did not start:\n{log.read_text()[-3000:]}")
            yield RunningDemo(f"http://localhost:{ports[0]}", f"http://localhost:{ports[2]}/", work_dir)
        finally:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()


@pytest.fixture(scope="session")
def demo_shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningDemo]:
    """The demo shop of the repository."""
    with running_demo(tmp_path_factory.mktemp("demo")) as demo:
        yield demo


@pytest.fixture(scope="module")
def electronics_shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningDemo]:
    """Another shop's catalogue, with no code changed."""
    catalog = SHARED / "catalogs" / "electronics_3291.jsonl"
    if not catalog.is_file():
        pytest.skip(f"{catalog} is not there (set SHOPLLM_SHARED)")
    with running_demo(tmp_path_factory.mktemp("electronics"), "--catalog", str(catalog), "--name", "Volt") as demo:
        yield demo
