"""What all actions share: the tracker read, the capability called off the event loop, failures answered."""

import asyncio
import logging
import traceback
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from rasa_sdk import Action, Tracker
from rasa_sdk.events import FollowupAction, SlotSet
from rasa_sdk.executor import CollectingDispatcher

from shopllm_rasa.app import ShopApp
from shopllm_rasa.catalog.mentions import Mention
from shopllm_rasa.errors import ShopLLMError
from shopllm_rasa.generation import Exchange
from shopllm_rasa.live_app import shop_app

logger = logging.getLogger(__name__)

PERSON_BUTTON = {"title": "Talk to a person", "payload": "/talk_to_human"}
WEB_CHANNEL = "web"
MAX_SECONDS = 45
ACTION_LISTEN_NAME = "action_listen"
MAX_HISTORY = 3
MAX_EVENTS = 200
MAX_TURN_CHARACTERS = 500


@dataclass
class Reply:
    """What an action wants to say and remember."""

    text: str
    elements: list[dict[str, Any]] = field(default_factory=list)
    buttons: list[dict[str, str]] = field(default_factory=list)
    custom: dict[str, Any] | None = None
    slots: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Turn:
    """The customer's message and what the conversation knows."""

    text: str
    mentions: list[Mention]
    intent: str
    sentiment: str
    shown: list[str]
    current: str | None
    channel: str
    conversation_id: str
    slots: dict[str, Any]
    history: tuple[Exchange, ...] = ()

    @property
    def on_web_page(self) -> bool:
        """Whether the channel shows cards and sources of its own accord."""
        return self.channel == WEB_CHANNEL


class ShopAction(Action, ABC):
    """An action that answers with a `Reply`. Subclasses give a name and `reply`.

    Attributes:
        ends_turn: whether the bot listens (or asks on in its form) afterwards, whatever the rules say. Needed
            where an action runs outside any rule, as the core fallback does: Rasa would call it again and again.
    """

    ends_turn = False

    @abstractmethod
    def reply(self, app: ShopApp, turn: Turn) -> Reply:
        """Makes the reply; runs in a thread, so that slow work delays no other conversation."""

    async def run(
        self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]
    ) -> list[dict[str, Any]]:
        """Called by the action server."""
        turn = read_turn(tracker)
        try:
            reply = await asyncio.wait_for(asyncio.to_thread(self._reply, turn), MAX_SECONDS)
        except (ShopLLMError, asyncio.TimeoutError) as error:
            logger.error("%s failed: %s: %s", self.name(), type(error).__name__, error)
            reply = _apology()
        except Exception as error:  # noqa: BLE001 - whatever fails, the customer gets an answer
            # Where it failed, but not the error's words: what the customer wrote stays out of the log.
            place = traceback.extract_tb(error.__traceback__)[-1]
            logger.error("%s failed: %s in %s:%s", self.name(), type(error).__name__, place.filename, place.lineno)
            reply = _apology()
        dispatcher.utter_message(
            text=reply.text,
            elements=reply.elements or None,
            buttons=reply.buttons or None,
            json_message=reply.custom if turn.on_web_page else None,
        )
        # An offer is good for the customer's next message only.
        events = [SlotSet(name, value) for name, value in {"offer": None, **reply.slots}.items()]
        if self.ends_turn:
            events.append(FollowupAction((tracker.active_loop or {}).get("name") or ACTION_LISTEN_NAME))
        return events

    def _reply(self, turn: Turn) -> Reply:
        return self.reply(shop_app(), turn)


def _apology() -> Reply:
    return Reply(
        "Sorry, something is not working on our side right now. Please try again in a moment, "
        "or talk to one of my colleagues.",
        buttons=[PERSON_BUTTON],
        slots={"offer": "person"},
    )


def read_turn(tracker: Tracker) -> Turn:
    """Reads what the actions need from the tracker."""
    entities = tracker.latest_message.get("entities") or []
    sentiment = next((item["value"] for item in entities if item.get("entity") == "sentiment"), "neutral")
    return Turn(
        text=tracker.latest_message.get("text") or "",
        mentions=[_mention(item) for item in entities if item.get("entity") != "sentiment"],
        intent=(tracker.latest_message.get("intent") or {}).get("name") or "",
        sentiment=sentiment,
        shown=tracker.get_slot("shown_products") or [],
        current=tracker.get_slot("current_product"),
        channel=tracker.get_latest_input_channel() or "",
        conversation_id=tracker.sender_id,
        slots=dict(tracker.slots),
        history=_history(tracker.events),
    )


def _history(events: Sequence[dict[str, Any]]) -> tuple[Exchange, ...]:
    """The last turns before this one, cut to a length that a prompt can hold."""
    turns: list[list[str]] = []
    for event in events[-MAX_EVENTS:]:
        text = str(event.get("text") or "")[:MAX_TURN_CHARACTERS]
        if event.get("event") == "user":
            turns.append([text, ""])
        elif event.get("event") == "bot" and turns and text:
            turns[-1][1] = f"{turns[-1][1]} {text}".strip()[:MAX_TURN_CHARACTERS]
    # The last one is the message being answered; a button's payload is no question.
    return tuple(Exchange(*turn) for turn in turns[:-1] if not turn[0].startswith("/"))[-MAX_HISTORY:]


def _mention(entity: dict[str, Any]) -> Mention:
    return Mention(
        kind=entity["entity"],
        value=str(entity["value"]),
        start=entity.get("start") or 0,
        end=entity.get("end") or 0,
        role=entity.get("role"),
        product_id=entity.get("product_id"),
        confidence=entity.get("confidence_entity", 1.0),
        phrase_start=entity.get("phrase_start"),
    )


def sorry(turn: Turn) -> str:
    """The words that go before a reply to an upset customer."""
    return "I am sorry about the trouble. " if turn.sentiment == "negative" else ""
