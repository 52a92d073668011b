"""The bot's two servers: how they are started and when they are ready."""

import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import requests
import yaml

from shopllm_rasa.demo.checks import HOST
from shopllm_rasa.demo.interruption import Interruption
from shopllm_rasa.demo.processes import ChildProcess
from shopllm_rasa.errors import DemoError
from shopllm_rasa.storage import write_text

START_LIMIT_SECONDS = 180.0
_ONE_TRY_SECONDS = 2.0
_POLL_SECONDS = 0.3


def write_endpoints(source: Path, target: Path, actions_port: int) -> None:
    """Writes Rasa's endpoints file with another port of the action server; the rest stays as it is.

    Raises:
        DemoError: if `source` is not a YAML mapping.
    """
    try:
        values = yaml.safe_load(source.read_text(encoding="utf-8")) or {}
    except yaml.YAMLError:
        raise DemoError(f"'{source}' is not valid YAML.") from None
    if not isinstance(values, dict):
        raise DemoError(f"'{source}' has no mapping of keys at the top.")
    action_endpoint = {
        **(values.get("action_endpoint") or {}),
        "url": f"http://{HOST}:{actions_port}/webhook",
    }
    write_text(target, yaml.safe_dump({**values, "action_endpoint": action_endpoint}, sort_keys=False))


def start_actions(project: Path, logs: Path, port: int, environment: Mapping[str, str]) -> ChildProcess:
    """Starts the action server."""
    command = [sys.executable, "-m", "rasa_sdk", "--actions", "actions", "--port", str(port)]
    # rasa_sdk listens to the whole network unless told otherwise.
    local = {**environment, "SANIC_HOST": HOST}
    return ChildProcess("the action server", command, log=logs / "actions.log", folder=project, environment=local)


def start_rasa(
    project: Path,
    logs: Path,
    port: int,
    environment: Mapping[str, str],
    *,
    model: Path,
    endpoints: Path,
    web_port: int,
) -> ChildProcess:
    """Starts Rasa; only the demo's own page may call it from a browser."""
    command = [sys.executable, "-m", "rasa", "run", "--model", str(model), "--endpoints", str(endpoints)]
    command += ["--credentials", "credentials.yml", "--interface", HOST, "--port", str(port)]
    command += ["--cors", f"http://localhost:{web_port}", f"http://{HOST}:{web_port}"]
    return ChildProcess("the Rasa server", command, log=logs / "rasa.log", folder=project, environment=environment)


class Readiness:
    """Waits until servers answer, for all of them together no longer than a limit.

    Attributes:
        children: the processes that must stay alive meanwhile.
    """

    def __init__(
        self, children: Sequence[ChildProcess], interruption: Interruption, limit: float = START_LIMIT_SECONDS
    ) -> None:
        self.children = children
        self._interruption = interruption
        self._limit = limit
        self._deadline = time.monotonic() + limit

    def wait_for(self, name: str, url: str) -> None:
        """Waits until an address answers with 200.

        Raises:
            DemoError: if a child dies or the time is over.
        """
        while not _answers(url):
            self._wait_a_moment(name)

    def first_answer(self, rasa_url: str, question: str) -> None:
        """Asks the bot one question: Rasa starts even when its model cannot be loaded, and then says nothing.

        It also has the slow first load of the index behind it before a person asks.

        Raises:
            DemoError: if no answer comes, with the end of Rasa's log.
        """
        url = f"{rasa_url}/webhooks/rest/webhook"
        answers: list[Any] = []
        remaining = max(_ONE_TRY_SECONDS, self._deadline - time.monotonic())

        def ask() -> None:
            answers.append(_ask(url, question, remaining))

        # In a thread, so that Ctrl-C and a dying server are noticed while it waits.
        thread = threading.Thread(target=ask, name="first-question", daemon=True)
        thread.start()
        while thread.is_alive():
            self._wait_a_moment("the first answer")
        if not answers or not answers[0]:
            rasa = self.children[-1]
            raise DemoError(rasa.report("Rasa runs but its bot gives no answer; the model may not have been loaded."))

    def _wait_a_moment(self, name: str) -> None:
        for child in self.children:
            child.require_alive()
        if time.monotonic() > self._deadline:
            reports = [child.report(f"Log of {child.name}.") for child in self.children]
            raise DemoError("\n".join([f"Waited {self._limit:.0f} s in vain for {name}.", *reports]))
        self._interruption.pause(_POLL_SECONDS)


def _session() -> requests.Session:
    """Talks to this machine directly, whatever proxy the environment names."""
    session = requests.Session()
    session.trust_env = False
    return session


def _answers(url: str) -> bool:
    try:
        with _session() as session:
            return session.get(url, timeout=_ONE_TRY_SECONDS).status_code == requests.codes.ok
    except requests.RequestException:
        return False


def _ask(url: str, question: str, seconds: float) -> Any:
    try:
        with _session() as session:
            response = session.post(url, json={"sender": "demo-start", "message": question}, timeout=seconds)
            return response.json() if response.status_code == requests.codes.ok else None
    except (requests.RequestException, ValueError):
        return None
