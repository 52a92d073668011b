"""A model's description is taken only when the product's data support it."""

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from shopllm_rasa.catalog import Product
from shopllm_rasa.errors import GenerationError
from shopllm_rasa.generation.backends import CompletingBackend
from shopllm_rasa.insights import DescriptionWriter
from shopllm_rasa.insights.composer import compose

KETTLE = Product(
    id="K-1",
    name="Dome Kettle",
    brand="Brackenmill",
    price=Decimal("59.90"),
    stock=4,
    description="Boils a litre in 4 minutes. The handle stays cool.",
    attributes={"colour": "cream", "capacity": "1.7 litres", "warranty": "3 years"},
)
GOOD = {
    "title": "Brackenmill Dome Kettle",
    "text": "A cream kettle that boils a litre in four minutes and holds 1.7 litres. Its handle stays cool.",
    "bullets": ["1.7 litres", "3 years warranty"],
    "seo_title": "Brackenmill Dome Kettle, cream",
    "seo_description": "The cream Dome Kettle boils a litre in 4 minutes.",
}


def reply(**changed: Any) -> str:
    return json.dumps({**GOOD, **changed})


class TestWithoutAModel:
    def test_composed(self) -> None:
        description = DescriptionWriter().describe(KETTLE, "friendly", "long")
        assert description.copy == compose(KETTLE, "friendly", "long")
        assert (description.backend, description.refused) == ("composed", ())
        assert json.loads(json.dumps(description.to_dict()))["bullets"] == list(description.copy.bullets)


class TestWithAModel:
    def test_a_supported_text_is_taken(self, model: Callable[..., Any]) -> None:
        backend = model(f"```json\n{reply()}\n```")
        assert isinstance(backend, CompletingBackend)
        description = DescriptionWriter(backend).describe(KETTLE, "luxury", "short")
        assert description.copy.text == GOOD["text"]
        assert (description.backend, description.refused) == ("openai", ())
        ((system, user),) = backend.prompts
        assert "Tone: luxury" in system.content
        assert "Boils a litre in 4 minutes" in user.content
        assert "59.90" not in user.content

    def test_the_retry_says_what_was_wrong(self, model: Callable[..., Any]) -> None:
        backend = model(reply(text="Boils in 2 minutes."), reply())
        description = DescriptionWriter(backend).describe(KETTLE)
        assert description.backend == "openai"
        ((refusal),) = description.refused
        assert (refusal.attempt, refusal.reason) == (1, "unsupported")
        assert "2" in refusal.detail
        first, second = (messages[0].content for messages in backend.prompts)
        assert "refused" not in first
        assert refusal.detail in second

    @pytest.mark.parametrize(
        ("wrong", "reason"),
        [
            (reply(text="Now only 39.90 EUR."), "unsupported"),
            (reply(text="It costs 59.90 EUR."), "unsupported"),  # true today, but a description is kept
            (reply(bullets=["5 years warranty"]), "unsupported"),
            (reply(text="20 % discount today."), "promise"),
            (reply(text="The best kettle in the world."), "promise"),
            (reply(text="With free delivery."), "promise"),
            (reply(text="See [here](x)."), "markup"),
            (reply(text="<b>Boils</b> water."), "markup"),
            (reply(text="Write to [EMAIL_1]."), "markup"),
            (reply(seo_title="K" * 61), "length"),
            (reply(seo_description="K" * 156), "length"),
            (reply(text="K" * 2001), "length"),
            (reply(text=""), "length"),
            (reply(text=None), "form"),
            (reply(bullets="one"), "form"),
            (reply(bullets=[1]), "form"),
            ("[1]", "form"),
            ("A fine kettle.", "form"),
            ("[" * 100_000, "form"),
            (GenerationError("The server is gone."), "no reply"),
        ],
        ids=str,
    )
    def test_anything_else_is_refused_and_composed(self, model: Callable[..., Any], wrong: Any, reason: str) -> None:
        backend = model(wrong)
        description = DescriptionWriter(backend).describe(KETTLE)
        assert description.copy == compose(KETTLE)
        assert description.backend == "composed"
        assert {refusal.reason for refusal in description.refused} == {reason}
        assert len(backend.prompts) == (1 if reason == "no reply" else 2)

    def test_words_that_the_data_have_are_no_promise(self, model: Callable[..., Any]) -> None:
        product = Product(id="P", name="Organic Tea", price=Decimal(4), description="The best organic leaves.")
        text = "The best organic leaves."
        backend = model(
            reply(title="Organic Tea", text=text, bullets=[], seo_title="Organic Tea", seo_description=text)
        )
        assert DescriptionWriter(backend).describe(product).backend == "openai"
