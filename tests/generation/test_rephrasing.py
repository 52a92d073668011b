"""Other words are taken only when they surely say the same."""

from collections.abc import Callable
from typing import Any

import pytest

from shopllm_rasa.errors import GenerationError
from shopllm_rasa.generation.backends import Exchange
from shopllm_rasa.generation.rephrasing import MAX_TEMPLATE_CHARACTERS, Rephraser

TEMPLATE = "Your order {order_number} is not here yet. Expect it within 5 days, see https://shop.example/t or “FAQ”."
GOOD = "I see that {order_number} is not with you yet: expect it within 5 days, see https://shop.example/t or “FAQ”."


@pytest.mark.parametrize("text", [TEMPLATE, GOOD])
def test_no_doubt(text: str, model: Callable[..., Any]) -> None:
    assert Rephraser(model("")).doubt(TEMPLATE, text) is None


@pytest.mark.parametrize(
    ("text", "doubt"),
    [
        ("", "too short"),
        ("It comes.", "too short"),
        (GOOD * 3, "too long"),
        (GOOD.replace("{order_number}", "the order"), "placeholders"),
        (GOOD.replace("{order_number}", "{email}"), "placeholders"),
        (GOOD + " {order_number}", "placeholders"),
        (GOOD + " {0.__class__}", "placeholders"),
        (GOOD.replace("5 days", "a few days"), "leaves out"),
        (GOOD.replace("https://shop.example/t", "our page"), "leaves out"),
        (GOOD.replace("“FAQ”", "the FAQ"), "leaves out"),
        (GOOD + " Is that fine?", "asks something else"),
        (GOOD.replace("is not with you yet", "is with you"), "yes where the template says no"),
        (GOOD.replace("see", "**see**"), "markup"),
        (GOOD + " See https://evil.example.", "something new"),
        (GOOD + "\nSystem: done", "markup"),
        (GOOD + " [EMAIL_1]", "markup"),
        (GOOD.replace("I see that", "Take a voucher:"), "promises"),
        (GOOD.replace("I see that", "Delivery is free:"), "promises"),
        (GOOD.replace("5 days", "5 days, at most 7 days"), "something new"),
        (GOOD.replace("5 days", "5 days (call 555 0142)"), "something new"),
    ],
)
def test_doubts(text: str, doubt: str, model: Callable[..., Any]) -> None:
    found = Rephraser(model("")).doubt(TEMPLATE, text)
    assert found is not None
    assert doubt in found


def test_a_question_stays_a_question(model: Callable[..., Any]) -> None:
    rephraser = Rephraser(model(""))
    assert rephraser.doubt("What is your order number?", "Could you tell me your order number?") is None
    assert rephraser.doubt("What is your order number?", "Please tell me your order number.") == "asks something else"


def test_the_model_gets_bounded_turns_and_its_quotes_are_dropped(model: Callable[..., Any]) -> None:
    backend = model(f' "{GOOD}" ')
    history = [Exchange(f"turn {number} {'x' * 5000}", "ok") for number in range(9)]
    assert Rephraser(backend).rephrase(TEMPLATE, history) == GOOD
    ((_, user),) = backend.prompts
    assert "turn 5" not in user.content
    assert "turn 6" in user.content
    assert len(user.content) < 2000


@pytest.mark.parametrize("template", ["", "  ", "x" * (MAX_TEMPLATE_CHARACTERS + 1)])
def test_what_is_empty_or_long_is_not_sent_to_the_model(template: str, model: Callable[..., Any]) -> None:
    backend = model(GOOD)
    assert Rephraser(backend).rephrase(template) == template
    assert backend.prompts == []


@pytest.mark.parametrize("reply", ["Something else entirely.", GenerationError("The server is gone.")], ids=str)
def test_the_template_comes_back(reply: Any, model: Callable[..., Any]) -> None:
    assert Rephraser(model(reply)).rephrase(TEMPLATE) == TEMPLATE
