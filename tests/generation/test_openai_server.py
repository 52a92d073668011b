"""The `openai` backend against a real compatible server: `transformers serve`, installed and started here."""

import os
import socket
import subprocess
import sysconfig
import time
import venv
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from shopllm_rasa.generation import Answerer
from shopllm_rasa.generation.backends import ChatMessage
from shopllm_rasa.generation.extractive import ExtractiveBackend
from shopllm_rasa.generation.guard import GroundingGuard
from shopllm_rasa.generation.openai_compatible import OpenAICompatibleBackend
from shopllm_rasa.generation.relevance import Relevance
from shopllm_rasa.retrieval import KnowledgeIndex
from shopllm_rasa.settings import OpenAISettings

pytestmark = pytest.mark.slow

# What serving needs and this environment cannot have beside rasa's pins; torch and transformers are used from here.
SERVER_PACKAGES = ("fastapi==0.115.14", "uvicorn==0.35.0", "openai>=1.99,<3", "pydantic>=2,<3", "websockets>=14,<16")
WITHOUT_THEIR_NEEDS = ("accelerate>=1.1,<2", "psutil>=5.9")
# The command itself is built with the newest release of a library that this one does not fit; its class is not.
START = """
import sys
from fastapi import Request
import transformers.cli.serve as serving
serving.Request = Request
serving.Serve(host="127.0.0.1", port=int(sys.argv[1]), force_model=sys.argv[2], device="cpu", log_level="error")
"""
START_SECONDS = 180


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory, causal: Path) -> Iterator[str]:
    """The address of a running server with a small random model."""
    folder = tmp_path_factory.mktemp("server")
    venv.create(folder / "env", with_pip=True)
    python = folder / "env" / "bin" / "python"
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"]
    for packages in (SERVER_PACKAGES, ("--no-deps", *WITHOUT_THEIR_NEEDS)):
        try:
            done = subprocess.run([*pip, *packages], capture_output=True, text=True, timeout=300)
        except subprocess.TimeoutExpired:
            pytest.skip("the server's packages were not downloaded within 5 minutes")
        if done.returncode:
            pytest.skip(f"the server's packages cannot be installed: {done.stderr.strip()[-200:]}")
    site = next((folder / "env" / "lib").glob("python*/site-packages"))
    (site / "zz_main.pth").write_text(sysconfig.get_paths()["purelib"] + "\n")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"} | {"HF_HUB_OFFLINE": "1"}
    log = folder / "log"
    with log.open("w") as stream:
        process = subprocess.Popen(
            [str(python), "-c", START, str(port), str(causal)], stdout=stream, stderr=stream, env=environment
        )
    try:
        deadline = time.monotonic() + START_SECONDS
        while not _answers(port):
            if process.poll() is not None or time.monotonic() > deadline:
                pytest.fail(f"The server did not start:\n{log.read_text()[-2000:]}")
            time.sleep(0.3)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        process.terminate()
        process.wait(30)


def _answers(port: int) -> bool:
    try:
        return requests.get(f"http://127.0.0.1:{port}/health", timeout=2).ok
    except requests.RequestException:
        return False


def backend(url: str) -> OpenAICompatibleBackend:
    settings = OpenAISettings(base_url=url, model="tiny", timeout_seconds=60, total_seconds=60, max_tokens=16)
    return OpenAICompatibleBackend(settings, "Vale")


def test_it_streams(server: str) -> None:
    completion = backend(server).complete([ChatMessage("system", "Answer."), ChatMessage("user", "shoes?")], 16)
    assert completion.text


def test_what_a_senseless_model_writes_is_not_sent(server: str, knowledge_index: KnowledgeIndex) -> None:
    encoder = knowledge_index.encoder
    chain = [backend(server), ExtractiveBackend()]
    relevance = Relevance(encoder, knowledge_index.passages)
    answer = Answerer(knowledge_index, chain, 0.3, relevance, GroundingGuard(encoder)).answer(
        "What is the return policy for electronic products?"
    )
    assert answer.answered
    assert "30 days" in answer.text
    assert answer.backend == "extractive"
    assert [item.outcome for item in answer.attempts] == ["refused", "refused", "sent"]
