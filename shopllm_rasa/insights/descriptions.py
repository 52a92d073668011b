"""Product descriptions: written by a model where there is one, checked, and otherwise composed from the data."""

import json
import logging
import re
from dataclasses import dataclass
from typing import Any

from shopllm_rasa.catalog import Product
from shopllm_rasa.errors import GenerationError
from shopllm_rasa.generation.additions import added_markup, added_promise, repeats_instructions
from shopllm_rasa.generation.backends import CompletingBackend
from shopllm_rasa.generation.guard import GroundingGuard
from shopllm_rasa.generation.prompts import Prompts
from shopllm_rasa.insights.composer import (
    MAX_BULLET,
    MAX_SEO_DESCRIPTION,
    MAX_SEO_TITLE,
    SIZES,
    Copy,
    Length,
    Tone,
    compose,
    facts_of,
)

logger = logging.getLogger(__name__)

COMPOSED = "composed"
NO_REPLY = "no reply"
MAX_TITLE = 150
MAX_TEXT: dict[Length, int] = {"short": 400, "medium": 900, "long": 2000}
_MAX_TOKENS: dict[Length, int] = {"short": 350, "medium": 550, "long": 900}
_TRIES = 2


@dataclass(frozen=True)
class Refusal:
    """Why a model's text was not taken.

    Attributes:
        attempt: 1 for the first text, 2 for the stricter retry.
        reason: what kind of fault: `no reply`, `form`, `prompt`, `length`, `markup`, `promise` or
            `unsupported`.
        detail: what was wrong, such as the claim that the data do not support.
    """

    attempt: int
    reason: str
    detail: str


@dataclass(frozen=True)
class ProductDescription:
    """A product's texts and how they came about.

    Attributes:
        product_id: which product.
        copy: the texts.
        tone: as asked for.
        length: as asked for.
        backend: the model that wrote them, or `composed`.
        refused: what was not taken, and why.
    """

    product_id: str
    copy: Copy
    tone: Tone
    length: Length
    backend: str
    refused: tuple[Refusal, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """A JSON-ready mapping."""
        return {
            "id": self.product_id,
            "title": self.copy.title,
            "text": self.copy.text,
            "bullets": list(self.copy.bullets),
            "seo_title": self.copy.seo_title,
            "seo_description": self.copy.seo_description,
            "tone": self.tone,
            "length": self.length,
            "backend": self.backend,
            "refused": [vars(refusal) for refusal in self.refused],
        }


class _Refused(Exception):
    """A model's text cannot be taken."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason, self.detail = reason, detail


class DescriptionWriter:
    """Describes products. What a model writes is taken only when the product's data support it.

    Args:
        backend: a model that follows prompts; without one every text is composed from the data.
        prompts: where `describe.v1` and `product.v1` come from.
        guard: checks numbers, names and links against the data.

    Example:
        >>> DescriptionWriter().describe(product, tone="friendly").copy.seo_title
        'Brackenmill Dome Kettle'
    """

    def __init__(
        self,
        backend: CompletingBackend | None = None,
        prompts: Prompts | None = None,
        guard: GroundingGuard | None = None,
    ) -> None:
        self._backend = backend
        self._prompts = prompts or Prompts()
        self._guard = guard or GroundingGuard()

    @property
    def name(self) -> str:
        """What writes: the backend's name, or `composed`."""
        return self._backend.name if self._backend else COMPOSED

    def describe(self, product: Product, tone: Tone = "plain", length: Length = "medium") -> ProductDescription:
        """Describes a product; never fails for what a model does.

        Args:
            product: what is described.
            tone: plain, friendly, luxury or technical.
            length: short, medium or long.

        Raises:
            SettingsError: if a prompt file of the user's is wrong.
        """
        refused: list[Refusal] = []
        if self._backend:
            for attempt in range(1, _TRIES + 1):
                try:
                    copy = self._written(self._backend, product, tone, length, refused)
                except _Refused as problem:
                    refused.append(Refusal(attempt, problem.reason, problem.detail))
                except GenerationError as error:
                    refused.append(Refusal(attempt, NO_REPLY, str(error)))
                    break  # the backend has made its own retries
                else:
                    return ProductDescription(product.id, copy, tone, length, self._backend.name, tuple(refused))
            logger.info("The description of '%s' is composed: %s.", product.id, refused[-1].reason)
        return ProductDescription(product.id, compose(product, tone, length), tone, length, COMPOSED, tuple(refused))

    def _written(
        self, backend: CompletingBackend, product: Product, tone: Tone, length: Length, refused: list[Refusal]
    ) -> Copy:
        facts = facts_of(product)
        messages = self._prompts.messages(
            "describe.v1",
            "product.v1",
            facts=facts,
            tone=tone,
            max_characters=MAX_TEXT[length],
            bullets=SIZES[length].bullets,
            refused=[item.detail for item in refused],
        )
        copy = _read(backend.complete(messages, _MAX_TOKENS[length]).text)
        if repeats_instructions(copy.whole, messages[0].content, facts):
            raise _Refused("prompt", "the text repeats the instructions")
        self._check(copy, facts, length)
        return copy

    def _check(self, copy: Copy, facts: str, length: Length) -> None:
        limits = [
            ("title", copy.title, MAX_TITLE),
            ("text", copy.text, MAX_TEXT[length]),
            ("seo_title", copy.seo_title, MAX_SEO_TITLE),
            ("seo_description", copy.seo_description, MAX_SEO_DESCRIPTION),
            *(("bullet", bullet, MAX_BULLET) for bullet in copy.bullets),
        ]
        for name, value, limit in limits:
            if not 0 < len(value) <= limit:
                raise _Refused("length", f"{name} has {len(value)} characters; allowed are 1 to {limit}")
        if markup := added_markup(copy.whole):
            raise _Refused("markup", f"'{markup}'")
        if promise := added_promise(copy.whole, facts):
            raise _Refused("promise", f"'{promise}'")
        verdict = self._guard.check(copy.whole, [facts])
        if not verdict.supported:
            raise _Refused("unsupported", ", ".join(f"'{item.text}'" for item in verdict.problems[:5]))


def _read(text: str) -> Copy:
    """Reads the JSON object a model was asked for; a fence around it is common and harmless."""
    text = re.sub(r"^```(?:json)?\s*|\s*```$", "", text.strip())
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        raise _Refused("form", "the reply is no JSON object") from None
    if not isinstance(value, dict):
        raise _Refused("form", "the reply is no JSON object")
    bullets = value.get("bullets")
    if not isinstance(bullets, list) or not all(isinstance(item, str) for item in bullets):
        raise _Refused("form", "'bullets' is no list of texts")
    texts = {}
    for key in ("title", "text", "seo_title", "seo_description"):
        if not isinstance(value.get(key), str):
            raise _Refused("form", f"'{key}' is no text")
        texts[key] = value[key].strip()
    return Copy(bullets=tuple(item.strip() for item in bullets[:8]), **texts)
