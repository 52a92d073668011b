"""The demo from the first check to the last stopped process."""

import json
import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from shopllm_rasa.catalog import Product
from shopllm_rasa.demo.checks import HOST, Port, check_packages, check_ports, check_project
from shopllm_rasa.demo.interruption import InterruptedDemo, Interruption
from shopllm_rasa.demo.preparation import Preparation, child_environment
from shopllm_rasa.demo.processes import ChildProcess, stop_all
from shopllm_rasa.demo.servers import Readiness, start_actions, start_rasa, write_endpoints
from shopllm_rasa.demo.shop import OwnShop, Shop, choose_shop
from shopllm_rasa.demo.steps import Steps
from shopllm_rasa.demo.web_server import WebServer, page_config
from shopllm_rasa.errors import DemoError

_WATCH_SECONDS = 0.5
_QUESTION_FOR_PAGES = "What is the return policy for electronic products?"


@dataclass(frozen=True)
class DemoOptions:
    """What the user chose."""

    own: OwnShop = field(default_factory=OwnShop)
    rasa_port: int = 5005
    actions_port: int = 5055
    web_port: int = 8080
    work_dir: Path = Path(".shopllm/demo")
    serve: bool = True

    @property
    def ports(self) -> tuple[Port, Port, Port]:
        """The ports with what each is for."""
        return (
            Port(self.rasa_port, "the Rasa server", "RASA_PORT", "--rasa-port"),
            Port(self.actions_port, "the action server", "ACTIONS_PORT", "--actions-port"),
            Port(self.web_port, "the web page", "WEB_PORT", "--web-port"),
        )


def run_demo(options: DemoOptions, project: Path | None = None, steps: Steps | None = None) -> bool:
    """Prepares the shop and serves it until the user asks to stop.

    Args:
        options: what the user chose.
        project: the bot's folder; the working folder by default.
        steps: says what happens.

    Returns:
        False when the user stopped the preparation, so that nothing is ready; else True.

    Raises:
        ShopLLMError: whose message says alone what was wrong.
    """
    steps = steps or Steps()
    with Interruption() as interruption:
        demo = _Demo(options, (project or Path.cwd()).resolve(), steps, interruption)
        try:
            model, products = demo.prepare()
        except InterruptedDemo:
            steps.notice("Stopped before the demo was ready; what is built already is used the next time.")
            return False
        if options.serve:
            demo.serve(model, products)
    return True


class _Demo:
    def __init__(self, options: DemoOptions, project: Path, steps: Steps, interruption: Interruption) -> None:
        self._options = options
        self._project = project
        self._steps = steps
        self._interruption = interruption
        self._work_dir = (project / options.work_dir.expanduser()).resolve()
        self._logs = self._work_dir / "logs"
        self._shop: Shop | None = None

    def prepare(self) -> tuple[Path, Sequence[Product]]:
        """Gives the trained model and the shop's products."""
        self._check()
        preparation = Preparation(self._project, self.shop, self._logs, self._steps, self._interruption)
        products = preparation.index()
        preparation.orders()
        preparation.events()
        return preparation.model(), products

    @property
    def shop(self) -> Shop:
        """The shop that is served; known once the checks are through."""
        if self._shop is None:
            raise DemoError("The shop is not chosen yet.")
        return self._shop

    def _check(self) -> None:
        with self._steps.step("Checking ports, packages and files"):
            check_project(self._project)
            check_packages()
            if self._options.serve:
                check_ports(self._options.ports)
            try:
                self._logs.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise DemoError(f"The working folder '{self._work_dir}' cannot be made: {error.strerror}.") from None
            self._shop = choose_shop(self._project, self._work_dir, self._options.own)
        if self.shop.knowledge is None:
            self._steps.notice("There is no folder of pages (--knowledge): questions about policies will be declined.")

    def serve(self, model: Path, products: Sequence[Product]) -> None:
        """Starts the servers, waits for the user, stops the servers."""
        children: list[ChildProcess] = []
        try:
            config = self._page_config(products)
            question = self._question(config["suggestions"])
            with WebServer(self._options.web_port, config) as web:
                self._start(children, model, web, question)
                self._say_ready(web, question)
                while True:
                    for child in children:
                        child.require_alive()
                    self._interruption.pause(_WATCH_SECONDS)
        except InterruptedDemo:
            self._steps.notice("Stopping the demo.")
        finally:
            stop_all(children)

    def _page_config(self, products: Sequence[Product]) -> dict[str, Any]:
        shop = self.shop
        return page_config(
            shop_name=shop.settings.shop.name,
            currency=shop.settings.shop.currency,
            rasa_port=self._options.rasa_port,
            products=products,
            has_pages=shop.knowledge is not None,
            has_orders=shop.orders is not None,
        )

    def _question(self, suggestions: Sequence[str]) -> str:
        """A question this shop can answer."""
        if self.shop.knowledge:
            return _QUESTION_FOR_PAGES
        return suggestions[0] if suggestions else "Hello"

    def _start(self, children: list[ChildProcess], model: Path, web: WebServer, question: str) -> None:
        options = self._options
        environment: Mapping[str, str] = child_environment(self.shop)
        endpoints = self._work_dir / "endpoints.yml"
        write_endpoints(self._project / "endpoints.yml", endpoints, options.actions_port)
        with self._steps.step("Starting the servers"):
            children.append(start_actions(self._project, self._logs, options.actions_port, environment))
            children.append(
                start_rasa(
                    self._project,
                    self._logs,
                    options.rasa_port,
                    environment,
                    model=model,
                    endpoints=endpoints,
                    web_port=options.web_port,
                )
            )
            ready = Readiness(children, self._interruption)
            ready.wait_for("the web page", web.url)
            ready.wait_for("the action server", f"http://{HOST}:{options.actions_port}/health")
            ready.wait_for("the Rasa server", f"http://{HOST}:{options.rasa_port}/")
        with self._steps.step("Asking the bot a first question"):
            ready.first_answer(f"http://{HOST}:{options.rasa_port}", question)

    def _say_ready(self, web: WebServer, question: str) -> None:
        body = json.dumps({"sender": "me", "message": question}, separators=(",", ":"), ensure_ascii=False)
        lines = [
            "",
            f"The shop is open: {web.url}",
            "",
            "Or ask from another terminal:",
            f"curl -s http://localhost:{self._options.rasa_port}/webhooks/rest/webhook "
            f"-H 'Content-Type: application/json' -d {shlex.quote(body)}",
            "",
            f"Logs: {self._logs}   Ctrl-C stops everything.",
        ]
        sys.stdout.write("\n".join(lines) + "\n")
        sys.stdout.flush()
