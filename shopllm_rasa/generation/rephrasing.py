"""Rephrases the bot's fixed texts to fit the conversation, or leaves them as they are."""

import logging
import re
from collections import Counter
from collections.abc import Sequence

from shopllm_rasa.errors import GenerationError
from shopllm_rasa.generation.additions import added_markup, added_promise, repeats_instructions
from shopllm_rasa.generation.backends import CompletingBackend, Exchange
from shopllm_rasa.generation.guard import GroundingGuard
from shopllm_rasa.generation.prompts import Prompts

logger = logging.getLogger(__name__)

MAX_TURNS = 3
MAX_TURN_CHARACTERS = 300
MAX_TEMPLATE_CHARACTERS = 800
_MAX_TOKENS = 250
# What cannot be said in other words: Rasa's placeholders, links, addresses, what stands in quotes, numbers.
_KEPT = re.compile(
    r"\{[^{}\n]+\}|(?:https?://|www\.)\S+|(?<![\w.+-])[\w.+-]+@[\w-]+(?:\.[\w-]+)+|“[^”]+”"
    r"|\b[A-Z]{1,4}-?\d[\w-]*|\d+(?:[.,:]\d+)*"
)
_PLACEHOLDER = re.compile(r"\{[^{}]*\}")
_NEGATION = re.compile(r"\b(?:not|no|never|cannot|without|unable|\w+n['’]t)\b", re.I)


class Rephraser:
    """Says a text in other words with a model, and takes them only when they surely say the same.

    Args:
        backend: a model that follows prompts.
        prompts: where `rephrase.v1` and `conversation.v1` come from.
        guard: checks numbers, names and links against the text.
    """

    def __init__(
        self, backend: CompletingBackend, prompts: Prompts | None = None, guard: GroundingGuard | None = None
    ) -> None:
        self._backend = backend
        self._prompts = prompts or Prompts()
        self._guard = guard or GroundingGuard()

    def rephrase(self, template: str, history: Sequence[Exchange] = (), sentiment: str = "neutral") -> str:
        """Rephrases a text.

        Args:
            template: the text; placeholders such as `{order_number}` are kept, so their values never reach the model.
            history: the last turns; three of them are read.
            sentiment: of the customer's last message.

        Returns:
            The text in other words, or `template` itself on any doubt.
        """
        if not template.strip() or len(template) > MAX_TEMPLATE_CHARACTERS:
            return template
        messages = self._prompts.messages(
            "rephrase.v1",
            "conversation.v1",
            template=template,
            sentiment=sentiment,
            history=[Exchange(_cut(turn.customer), _cut(turn.bot)) for turn in history[-MAX_TURNS:]],
        )
        try:
            text = self._backend.complete(messages, _MAX_TOKENS).text.strip().strip('"').strip()
        except GenerationError as error:
            logger.info("A response is sent as it is: %s", error)
            return template
        if repeats_instructions(text, messages[0].content, template):
            logger.info("A response is sent as it is: the model's version repeats the instructions.")
            return template
        doubt = self.doubt(template, text)
        if doubt:
            logger.info("A response is sent as it is: the model's version %s.", doubt)
            return template
        return text

    def doubt(self, template: str, text: str) -> str | None:
        """Says why a text may not stand for a template; None where nothing speaks against it."""
        if not 0.4 * len(template) <= len(text) <= 1.6 * len(template) + 60:
            return "is too short or too long"
        if Counter(_PLACEHOLDER.findall(text)) != Counter(_PLACEHOLDER.findall(template)):
            return "has other placeholders"
        if any(piece not in text for piece in _KEPT.findall(template)):
            return "leaves out a number, link, address or quotation"
        if template.count("?") != text.count("?"):
            return "asks something else"
        if bool(_NEGATION.search(template)) != bool(_NEGATION.search(text)):
            return "says yes where the template says no"
        if added_markup(text, template) or text.count("\n") > template.count("\n"):
            return "has markup"
        if added_promise(text, template):
            return "promises something"
        if not self._guard.check(text, [template]).supported:
            return "states something new"
        return None


def _cut(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= MAX_TURN_CHARACTERS else f"{text[:MAX_TURN_CHARACTERS]}..."
