"""Responses that fit the conversation: chosen by sentiment, not repeated, and rephrased where a model may."""

from __future__ import annotations

import asyncio
import logging
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from rasa.core.nlg import TemplatedNaturalLanguageGenerator
from rasa.core.nlg.generator import ResponseVariationFilter
from rasa.shared.core.domain import Domain
from rasa.shared.core.events import BotUttered, UserUttered
from rasa.shared.core.trackers import DialogueStateTracker
from rasa.shared.exceptions import InvalidConfigException
from rasa.utils.endpoints import EndpointConfig

from shopllm_rasa.errors import ShopLLMError
from shopllm_rasa.generation.backends import Exchange, create_completing
from shopllm_rasa.generation.prompts import Prompts
from shopllm_rasa.generation.rephrasing import MAX_TURNS, Rephraser
from shopllm_rasa.settings import Settings

logger = logging.getLogger(__name__)

METADATA = "metadata"
REPHRASE = "rephrase"
SENTIMENT = "sentiment"
# Where the sent message keeps the text it was rephrased from.
TEMPLATE = "template"
TIMEOUT_SECONDS = "timeout_seconds"
DEFAULTS: dict[str, Any] = {
    # After so many seconds the response is sent as it stands in the domain.
    TIMEOUT_SECONDS: 2.0,
}
MAX_TIMEOUT_SECONDS = 30
# Rephrasings at a time. A response that finds them all busy is sent as it is: nobody waits for a queue.
MAX_AT_A_TIME = 4

Response = dict[str, Any]


class GroundedNLG(TemplatedNaturalLanguageGenerator):
    """Rasa's own templates, with three differences.

    - A variation with `metadata: {sentiment: negative}` is for customers whose last message sounds so; the others are
      for everybody else.
    - Of several variations one that was not just said is taken.
    - A variation with `metadata: {rephrase: true}` is rephrased by the model of `shopllm.yml`, where that model follows
      prompts. Placeholders, numbers, links and buttons stay; on any doubt the template is sent.

    Responses without such metadata are Rasa's own.

    Example (endpoints.yml):
        nlg:
          type: shopllm_rasa.nlg.GroundedNLG
          timeout_seconds: 2
    """

    def __init__(
        self,
        endpoint_config: EndpointConfig | None = None,
        domain: Domain | None = None,
        rephraser: Rephraser | None = None,
    ) -> None:
        """Called by Rasa when the server starts.

        Args:
            endpoint_config: the section `nlg` of `endpoints.yml`.
            domain: the bot's domain; Rasa replaces `responses` when it loads a model.
            rephraser: what rephrases; by default what the settings say.

        Raises:
            InvalidConfigException: on a wrong key or value in `endpoints.yml` or `shopllm.yml`.
        """
        super().__init__(domain.responses if domain else {})
        self._timeout = _timeout(endpoint_config.kwargs if endpoint_config else {})
        self._rephraser = rephraser or _rephraser_of_settings()
        self._threads = ThreadPoolExecutor(MAX_AT_A_TIME, thread_name_prefix="rephrase")
        self._busy = 0

    async def generate(
        self, utter_action: str, tracker: DialogueStateTracker, output_channel: str, **kwargs: Any
    ) -> Response | None:
        """Makes the message for a response; called by Rasa for every `utter_` action."""
        slots = tracker.current_slot_values()
        if utter_action not in self.responses:
            return None
        suitable = ResponseVariationFilter(self.responses).responses_for_utter_action(
            utter_action, output_channel, slots
        )
        if not any(_metadata(variation).keys() & {REPHRASE, SENTIMENT} for variation in suitable):
            return await super().generate(utter_action, tracker, output_channel, **kwargs)
        sentiment = _sentiment(tracker)
        template = _fitting(suitable, sentiment, _last_said(tracker, utter_action))
        if _metadata(template).get(REPHRASE) is True and template.get("text"):
            template = await self._rephrased(template, tracker, sentiment)
        return TemplatedNaturalLanguageGenerator({utter_action: [template]}).generate_from_slots(
            utter_action, slots, output_channel, **kwargs
        )

    async def _rephrased(self, template: Response, tracker: DialogueStateTracker, sentiment: str) -> Response:
        """The variation with another text, or as it is where there is no model, no time or any doubt."""
        if self._rephraser is None or self._busy >= MAX_AT_A_TIME:
            return template
        self._busy += 1
        work = asyncio.get_running_loop().run_in_executor(
            self._threads, self._rephraser.rephrase, template["text"], _history(tracker), sentiment
        )
        work.add_done_callback(self._done)
        try:
            # Shielded: a thread cannot be stopped, and counts as busy until it ends.
            text = await asyncio.wait_for(asyncio.shield(work), self._timeout)
        except asyncio.TimeoutError:
            logger.info("A response is sent as it is: no rephrasing within %s seconds.", self._timeout)
            return template
        except Exception as error:  # noqa: BLE001 - whatever fails, the customer gets the template
            logger.error("A response is sent as it is: %s.", type(error).__name__)
            return template
        if text == template["text"]:
            return template
        return {**template, "text": text, METADATA: {**_metadata(template), TEMPLATE: template["text"]}}

    def _done(self, work: asyncio.Future[str]) -> None:
        self._busy -= 1
        if not work.cancelled():
            work.exception()  # marks it as seen, where nobody waits any more


def _timeout(values: dict[str, Any]) -> float:
    unknown = sorted(values.keys() - DEFAULTS.keys())
    if unknown:
        raise InvalidConfigException(f"endpoints.yml: nlg: unknown key '{unknown[0]}'. Known: type, {TIMEOUT_SECONDS}.")
    value = values.get(TIMEOUT_SECONDS, DEFAULTS[TIMEOUT_SECONDS])
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= MAX_TIMEOUT_SECONDS:
        raise InvalidConfigException(
            f"endpoints.yml: nlg: '{TIMEOUT_SECONDS}' is {value!r}; allowed is a number above 0, at most "
            f"{MAX_TIMEOUT_SECONDS}."
        )
    return float(value)


def _rephraser_of_settings() -> Rephraser | None:
    try:
        settings = Settings.load()
        backend = create_completing(settings)
        prompts = settings.generation.prompts
        return Rephraser(backend, Prompts(settings.resolve(prompts) if prompts else None)) if backend else None
    except ShopLLMError as error:
        raise InvalidConfigException(str(error)) from None


def _metadata(variation: Response) -> dict[str, Any]:
    value = variation.get(METADATA)
    return value if isinstance(value, dict) else {}


def _fitting(variations: list[Response], sentiment: str, last_said: str | None) -> Response:
    """A variation for this sentiment, else one for all; not the one said last where another is left."""
    own = [item for item in variations if _metadata(item).get(SENTIMENT) == sentiment]
    general = [item for item in variations if SENTIMENT not in _metadata(item)]
    choices = own or general or variations
    others = [item for item in choices if item.get("text") != last_said] or choices
    return others[int(np.random.choice(len(others)))]


def _sentiment(tracker: DialogueStateTracker) -> str:
    message = tracker.latest_message
    entities = message.entities if message else []
    return next((str(item.get("value")) for item in entities if item.get("entity") == SENTIMENT), "neutral")


def _last_said(tracker: DialogueStateTracker, utter_action: str) -> str | None:
    """The template of this response that was sent last."""
    for event in reversed(tracker.events):
        if isinstance(event, BotUttered) and event.metadata.get("utter_action") == utter_action:
            return _metadata(event.metadata).get(TEMPLATE) or event.text
    return None


def _history(tracker: DialogueStateTracker) -> list[Exchange]:
    """The last turns, oldest first; the last one has no reply yet."""
    turns: list[Exchange] = []
    bot: list[str] = []
    for event in reversed(tracker.events):
        if isinstance(event, BotUttered) and event.text:
            bot.insert(0, event.text)
        elif isinstance(event, UserUttered):
            turns.insert(0, Exchange(event.text or "", " ".join(bot)))
            bot = []
            if len(turns) == MAX_TURNS:
                break
    return turns
