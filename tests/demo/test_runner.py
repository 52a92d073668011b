import io
import json
import re
import shlex
import signal
import socket
import sys
import threading
import time
from decimal import Decimal

import pytest
import requests
import yaml
from rich.console import Console

from shopllm_rasa.catalog import Product
from shopllm_rasa.cli.main import main
from shopllm_rasa.demo import preparation, runner
from shopllm_rasa.demo.checks import HOST
from shopllm_rasa.demo.processes import ChildProcess
from shopllm_rasa.demo.runner import DemoOptions, run_demo
from shopllm_rasa.demo.servers import write_endpoints
from shopllm_rasa.demo.steps import Steps
from shopllm_rasa.errors import DemoError
from shopllm_rasa.settings import SETTINGS_ENV

# Stands in for Rasa and the action server: healthy everywhere, answers every question.
SERVER = """
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.end_headers(); self.wfile.write(b"ok")
    def do_POST(self):
        self.send_response(200); self.end_headers(); self.wfile.write(sys.argv[2].encode())
HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""
ANSWER = '[{"text": "30 days"}]'


def free_ports(count):
    servers = [socket.create_server((HOST, 0)) for _ in range(count)]
    numbers = [server.getsockname()[1] for server in servers]
    for server in servers:
        server.close()
    return numbers


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.delenv(SETTINGS_ENV, raising=False)
    for name in ("domain", "actions", "data/nlu", "data/catalog", "data/knowledge"):
        (tmp_path / name).mkdir(parents=True)
    for name in ("config.yml", "credentials.yml"):
        (tmp_path / name).write_text("")
    (tmp_path / "endpoints.yml").write_text("nlg: {type: x}\naction_endpoint: {url: http://elsewhere/}\n")
    (tmp_path / "shopllm.yml").write_text("shop: {name: Lamps}")
    (tmp_path / "data/catalog/products.jsonl").write_text("{}")
    monkeypatch.setattr(runner, "check_packages", lambda: None)
    return tmp_path


class FakeDemo:
    """Runs the demo with stand-ins for everything that takes minutes."""

    def __init__(self, project, monkeypatch):
        self.project = project
        self.screen = io.StringIO()
        self.children = []
        self.answer = ANSWER
        rasa, actions, web = free_ports(3)
        self.options = DemoOptions(rasa_port=rasa, actions_port=actions, web_port=web)
        monkeypatch.setattr(preparation.Preparation, "index", lambda self: [])
        monkeypatch.setattr(preparation.Preparation, "model", lambda self: project / "shop.tar.gz")
        monkeypatch.setattr(runner, "start_actions", self.start)
        monkeypatch.setattr(runner, "start_rasa", self.start)

    def start(self, project, logs, port, environment, **more):
        log = logs / f"{port}.log"
        command = [sys.executable, "-c", SERVER, str(port), self.answer]
        child = ChildProcess(f"the server on {port}", command, log=log, environment=environment)
        self.children.append(child)
        return child

    def run(self, when_open):
        """Runs it, and `when_open` in a thread as soon as the web page and both servers are announced."""

        def act():
            deadline = time.monotonic() + 20
            while "✓ Asking the bot" not in self.screen.getvalue() and time.monotonic() < deadline:
                time.sleep(0.05)
            when_open()

        thread = threading.Thread(target=act, daemon=True)
        thread.start()
        try:
            return run_demo(self.options, self.project, Steps(Console(file=self.screen, highlight=False)))
        finally:
            thread.join(timeout=20)

    def all_stopped(self):
        return len(self.children) == 2 and all(child.exit_code is not None for child in self.children)


@pytest.fixture
def fake(project, monkeypatch):
    return FakeDemo(project, monkeypatch)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_serves_until_the_user_stops_it(fake, capsys, number):
    seen = {}

    def look_and_stop():
        address = f"http://{HOST}:{fake.options.web_port}"
        seen["config"] = requests.get(f"{address}/config.json", timeout=5).json()
        signal.pthread_kill(threading.main_thread().ident, number)

    assert fake.run(look_and_stop) is True
    assert fake.all_stopped()
    assert seen["config"]["shop_name"] == "Lamps"
    assert seen["config"]["rasa_url"] == f"http://{HOST}:{fake.options.rasa_port}"
    output = capsys.readouterr().out
    assert f"The shop is open: http://localhost:{fake.options.web_port}/" in output
    assert f"curl -s http://localhost:{fake.options.rasa_port}/webhooks/rest/webhook" in output


@pytest.mark.parametrize(
    ("settings", "question"),
    [
        ("{}", "What is the return policy for electronic products?"),
        ("paths: {knowledge: null}", "Show me children's lamps"),
    ],
)
def test_the_curl_line_asks_what_the_shop_can_answer(fake, project, monkeypatch, capsys, settings, question):
    (project / "shopllm.yml").write_text(settings)
    lamp = Product(id="1", name="x", price=Decimal(1), categories=("Light", "Children's lamps"))
    monkeypatch.setattr(preparation.Preparation, "index", lambda self: [lamp])
    fake.run(lambda: signal.pthread_kill(threading.main_thread().ident, signal.SIGINT))
    line = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("curl"))
    assert json.loads(shlex.split(line)[-1]) == {"sender": "me", "message": question}


def test_a_server_that_dies_ends_everything(fake):
    with pytest.raises(DemoError, match=r"The server on .* ended by the signal SIGKILL"):
        fake.run(lambda: fake.children[0].send(signal.SIGKILL))
    assert fake.all_stopped()


def test_a_server_that_cannot_start_ends_everything(fake, monkeypatch):
    def start_broken(project, logs, port, environment, **more):
        command = [sys.executable, "-c", "import sys; sys.exit('no such domain')"]
        child = ChildProcess("the Rasa server", command, log=logs / "rasa.log")
        fake.children.append(child)
        return child

    monkeypatch.setattr(runner, "start_rasa", start_broken)
    with pytest.raises(DemoError, match=r"(?s)The Rasa server ended with exit code 1.*no such domain"):
        run_demo(fake.options, fake.project, Steps(Console(file=fake.screen)))
    assert fake.all_stopped()


def test_a_bot_that_gives_no_answer_ends_everything(fake):
    fake.answer = "[]"
    with pytest.raises(DemoError, match="its bot gives no answer"):
        run_demo(fake.options, fake.project, Steps(Console(file=fake.screen)))
    assert fake.all_stopped()


def test_prepare_only_needs_no_ports(fake):
    with socket.create_server((HOST, 0)) as other:
        number = other.getsockname()[1]
        options = DemoOptions(rasa_port=number, serve=False)
        assert run_demo(options, fake.project, Steps(Console(file=fake.screen))) is True
    assert fake.children == []


def test_stopped_while_preparing_nothing_is_ready(fake, monkeypatch):
    def interrupted(self):
        signal.raise_signal(signal.SIGINT)
        self._interruption.check()

    monkeypatch.setattr(preparation.Preparation, "index", interrupted)
    assert run_demo(fake.options, fake.project, Steps(Console(file=fake.screen))) is False
    assert "Stopped before" in fake.screen.getvalue()


def test_the_endpoints_file_keeps_all_but_the_actions_port(tmp_path):
    source = tmp_path / "endpoints.yml"
    source.write_text("nlg:\n  type: x\naction_endpoint:\n  url: http://a/\n  token: ${TOKEN}\n")
    write_endpoints(source, tmp_path / "new.yml", 5155)
    assert yaml.safe_load((tmp_path / "new.yml").read_text()) == {
        "nlg": {"type": "x"},
        "action_endpoint": {"url": "http://127.0.0.1:5155/webhook", "token": "${TOKEN}"},
    }


@pytest.fixture
def invoke(project, monkeypatch, capsys):
    """Runs `shopllm demo`; gives its exit code and what it said on standard error."""
    monkeypatch.chdir(project)

    def run(*arguments, **variables):
        with monkeypatch.context() as patch:
            patch.setattr(sys, "argv", ["shopllm", "demo", *arguments])
            for name, value in variables.items():
                patch.setenv(name, value)
            with pytest.raises(SystemExit) as caught:
                main()
        return caught.value.code or 0, capsys.readouterr().err

    return run


def test_a_users_mistake_is_one_sentence(invoke):
    code, said = invoke("--catalog", "missing.csv", "--no-serve")
    assert code == 1
    assert re.fullmatch("The product feed '.*missing.csv' does not exist.", said.splitlines()[-1])
    assert "Traceback" not in said


def test_the_environment_sets_what_options_do(invoke):
    with socket.create_server((HOST, 0)) as other:
        number = str(other.getsockname()[1])
        code, said = invoke(WEB_PORT=number)
    assert code == 1
    assert f"Port {number} for the web page is already in use; set WEB_PORT" in said
    assert "missing.csv' does not exist" in invoke("--no-serve", CATALOG="missing.csv")[1]


def test_empty_variables_are_no_choice(invoke, fake):
    code, said = invoke("--no-serve", CATALOG="", KNOWLEDGE="", SHOP_NAME="", RASA_PORT="")
    assert code == 0, said


def test_a_port_that_is_none_is_wrong_usage(invoke):
    assert invoke("--web-port", "70000")[0] == 2
