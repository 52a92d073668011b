"""The class that `endpoints.yml` names, with Rasa's own domain, trackers and factory."""

import asyncio
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rasa.core.nlg import NaturalLanguageGenerator, TemplatedNaturalLanguageGenerator
from rasa.shared.core.domain import Domain
from rasa.shared.core.events import BotUttered, Event, SlotSet, UserUttered
from rasa.shared.core.trackers import DialogueStateTracker
from rasa.shared.exceptions import InvalidConfigException
from rasa.utils.endpoints import EndpointConfig, read_endpoint_config

from shopllm_rasa.errors import GenerationError
from shopllm_rasa.generation.rephrasing import Rephraser
from shopllm_rasa.nlg import GroundedNLG
from shopllm_rasa.settings import SETTINGS_ENV

ROOT = Path(__file__).parents[2]
DOMAIN = """
slots:
  order_number: {type: text, mappings: [{type: custom}]}
  vip: {type: bool, mappings: [{type: custom}]}
responses:
  utter_plain:
    - text: "Fixed text."
  utter_status:
    - text: "Your order {order_number} arrives on 25 November. May I help with anything else?"
      buttons: [{title: "Track {order_number}", payload: "/track"}]
      metadata: {rephrase: true}
  utter_mood:
    - text: "Sure."
    - text: "Sorry, sure."
      metadata: {sentiment: negative}
  utter_varied:
    - text: "One."
      metadata: {rephrase: true}
    - text: "Two."
      metadata: {rephrase: true}
  utter_conditional:
    - text: "For all."
      metadata: {rephrase: true}
    - text: "For the best."
      metadata: {rephrase: true}
      condition: [{type: slot, name: vip, value: true}]
    - text: "For the web."
      channel: web
      metadata: {rephrase: true}
"""
STATUS = "Your order JV-20418 arrives on 25 November. May I help with anything else?"
OTHER_WORDS = "Good news: order {order_number} will be with you on 25 November. Is there more I can help with?"


@pytest.fixture(scope="module")
def domain() -> Domain:
    return Domain.from_yaml(DOMAIN)


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv(SETTINGS_ENV, raising=False)
    monkeypatch.chdir(tmp_path)


def tracker(domain: Domain, *events: Event) -> DialogueStateTracker:
    return DialogueStateTracker.from_events("me", [SlotSet("order_number", "JV-20418"), *events], domain=domain)


def customer(text: str, sentiment: str | None = None) -> UserUttered:
    entities = [{"entity": "sentiment", "value": sentiment}] if sentiment else []
    return UserUttered(text, entities=entities)


def said(nlg: NaturalLanguageGenerator, action: str, state: DialogueStateTracker, **values: Any) -> dict[str, Any]:
    message = asyncio.run(nlg.generate(action, state, values.pop("channel", "rest"), **values))
    assert message is not None
    return message


class TestLoading:
    def test_rasa_makes_it_from_the_demo_bots_endpoints(self, domain: Domain) -> None:
        config = read_endpoint_config(str(ROOT / "endpoints.yml"), "nlg")
        nlg = NaturalLanguageGenerator.create(config, domain)
        assert isinstance(nlg, GroundedNLG)
        assert isinstance(nlg, TemplatedNaturalLanguageGenerator)  # Rasa gives it the responses of a new model
        assert said(nlg, "utter_plain", tracker(domain))["text"] == "Fixed text."

    def test_the_demo_bots_responses_are_valid(self) -> None:
        responses = Domain.load(str(ROOT / "domain")).responses
        marked = [item for items in responses.values() for item in items if "metadata" in item]
        assert len(marked) > 5
        assert all(item["metadata"].keys() <= {"rephrase", "sentiment"} for item in marked)

    @pytest.mark.parametrize(
        ("values", "message"),
        [
            ({"timeout": 2}, "unknown key 'timeout'. Known: type, timeout_seconds."),
            ({"timeout_seconds": 0}, "'timeout_seconds' is 0; allowed is a number above 0, at most 30."),
            ({"timeout_seconds": "2"}, "'timeout_seconds' is '2'"),
            ({"timeout_seconds": 31}, "'timeout_seconds' is 31"),
            ({"timeout_seconds": True}, "'timeout_seconds' is True"),
        ],
    )
    def test_wrong_values(self, domain: Domain, values: dict[str, Any], message: str) -> None:
        with pytest.raises(InvalidConfigException, match=message.replace(".", r"\.")):
            GroundedNLG(EndpointConfig(**values), domain)

    def test_wrong_settings(self, domain: Domain, tmp_path: Path) -> None:
        (tmp_path / "shopllm.yml").write_text("generation: {backend: nonsense}")
        with pytest.raises(InvalidConfigException, match="generation.backend"):
            GroundedNLG(None, domain)

    def test_without_a_model_nothing_is_rephrased(self, domain: Domain) -> None:
        assert said(GroundedNLG(None, domain), "utter_status", tracker(domain))["text"] == STATUS

    def test_an_unknown_response(self, domain: Domain) -> None:
        assert asyncio.run(GroundedNLG(None, domain).generate("utter_nothing", tracker(domain), "rest")) is None


class TestChoice:
    @pytest.mark.parametrize(
        ("sentiment", "text"),
        [("negative", "Sorry, sure."), ("neutral", "Sure."), ("positive", "Sure."), (None, "Sure.")],
    )
    def test_by_sentiment(self, domain: Domain, sentiment: str | None, text: str) -> None:
        nlg = GroundedNLG(None, domain)
        state = tracker(domain, customer("hm", sentiment))
        assert {said(nlg, "utter_mood", state)["text"] for _ in range(8)} == {text}

    def test_not_the_same_twice_in_a_row(self, domain: Domain) -> None:
        nlg = GroundedNLG(None, domain)
        for last, expected in (("One.", "Two."), ("Two.", "One.")):
            event = BotUttered(last, metadata={"utter_action": "utter_varied"})
            state = tracker(domain, customer("hi"), event, customer("hi again"))
            assert {said(nlg, "utter_varied", state)["text"] for _ in range(8)} == {expected}

    def test_rasas_conditions_and_channels_hold(self, domain: Domain) -> None:
        nlg = GroundedNLG(None, domain)
        assert said(nlg, "utter_conditional", tracker(domain))["text"] == "For all."
        assert said(nlg, "utter_conditional", tracker(domain, SlotSet("vip", True)))["text"] == "For the best."
        assert said(nlg, "utter_conditional", tracker(domain), channel="web")["text"] == "For the web."


class TestRephrasing:
    def test_values_links_and_buttons_stay(self, domain: Domain, model: Callable[..., Any]) -> None:
        backend = model(OTHER_WORDS)
        nlg = GroundedNLG(None, domain, Rephraser(backend))
        events = [customer("hello"), BotUttered("Hi! What can I do?"), customer("where is it?!", "negative")]
        message = said(nlg, "utter_status", tracker(domain, *events))
        assert message["text"] == OTHER_WORDS.replace("{order_number}", "JV-20418")
        assert message["buttons"] == [{"title": "Track JV-20418", "payload": "/track"}]
        assert message["metadata"]["template"].startswith("Your order {order_number}")
        ((system, user),) = backend.prompts
        assert "sounds negative" in system.content
        assert "Customer: hello\nBot: Hi! What can I do?\nCustomer: where is it?!" in user.content
        assert "{order_number}" in user.content
        assert "JV-20418" not in user.content  # the value never leaves

    def test_the_domain_is_not_changed(self, domain: Domain, model: Callable[..., Any]) -> None:
        nlg = GroundedNLG(None, domain, Rephraser(model(OTHER_WORDS)))
        said(nlg, "utter_status", tracker(domain))
        assert domain.responses["utter_status"][0]["text"].startswith("Your order {order_number}")

    def test_a_response_without_the_mark_is_never_sent_to_the_model(self, domain: Domain, model: Any) -> None:
        backend = model("Other words.")
        nlg = GroundedNLG(None, domain, Rephraser(backend))
        assert said(nlg, "utter_plain", tracker(domain))["text"] == "Fixed text."
        assert said(nlg, "utter_mood", tracker(domain))["text"] == "Sure."
        assert backend.prompts == []

    @pytest.mark.parametrize(
        "reply", ["Your order arrives. More?", GenerationError("The server is gone.")], ids=["doubt", "no reply"]
    )
    def test_the_template_is_sent_on_any_doubt(self, domain: Domain, model: Callable[..., Any], reply: Any) -> None:
        nlg = GroundedNLG(None, domain, Rephraser(model(reply)))
        assert said(nlg, "utter_status", tracker(domain))["text"] == STATUS

    def test_a_model_that_breaks(self, domain: Domain) -> None:
        class Broken(Rephraser):
            def __init__(self) -> None:
                pass

            def rephrase(self, *arguments: Any) -> str:
                raise ZeroDivisionError

        nlg = GroundedNLG(None, domain, Broken())
        assert said(nlg, "utter_status", tracker(domain))["text"] == STATUS


class _Waiting(Rephraser):
    """A model that does not reply before it is let go."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.asked = 0

    def rephrase(self, template: str, *arguments: Any) -> str:
        self.asked += 1
        self.go.wait(20)
        return OTHER_WORDS


class TestSlowModel:
    def test_the_event_loop_stays_free_and_the_template_is_sent_in_time(self, domain: Domain) -> None:
        waiting = _Waiting()
        nlg = GroundedNLG(EndpointConfig(timeout_seconds=0.3), domain, waiting)

        async def talk() -> tuple[list[Any], int]:
            turns = 0
            replies = asyncio.gather(*(nlg.generate("utter_status", tracker(domain), "rest") for _ in range(10)))
            while not replies.done():
                await asyncio.sleep(0.01)
                turns += 1
            return await replies, turns

        started = time.monotonic()
        try:
            replies, turns = asyncio.run(talk())
        finally:
            waiting.go.set()
        assert {reply["text"] for reply in replies} == {STATUS}
        assert turns > 5
        assert waiting.asked == 4  # the others found all busy and did not queue
        assert time.monotonic() - started < 15

    def test_it_rephrases_again_once_the_model_is_free(self, domain: Domain) -> None:
        waiting = _Waiting()
        nlg = GroundedNLG(EndpointConfig(timeout_seconds=0.1), domain, waiting)

        async def talk() -> str:
            await asyncio.gather(*(nlg.generate("utter_status", tracker(domain), "rest") for _ in range(4)))
            waiting.go.set()
            for _ in range(500):
                reply = await nlg.generate("utter_status", tracker(domain), "rest")
                assert reply is not None
                if reply["text"] != STATUS:
                    return str(reply["text"])
                await asyncio.sleep(0.02)
            return ""

        assert asyncio.run(talk()) == OTHER_WORDS.replace("{order_number}", "JV-20418")
