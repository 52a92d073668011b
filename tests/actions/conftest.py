"""A conversation with the actions: real trackers and dispatchers, the real app over the small index."""

import asyncio
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from rasa_sdk import Tracker
from rasa_sdk.executor import CollectingDispatcher

from actions.answers import ActionAnswer, ActionHandleComplaint, ActionHandover
from actions.base import ShopAction
from actions.orders import ActionOrderStatus
from actions.products import (
    ActionCheckAvailability,
    ActionCompareProducts,
    ActionDescribeProduct,
    ActionProductPrice,
    ActionProductReviews,
    ActionRecommend,
    ActionSearchProducts,
)
from shopllm_rasa import live_app
from shopllm_rasa.catalog import Product
from shopllm_rasa.catalog.mentions import MentionFinder
from shopllm_rasa.recommendation import BehaviourModel
from shopllm_rasa.settings import SETTINGS_ENV, RecommendationSettings
from shopllm_rasa.shop import Event, EventStore, ShopStore, read_events

ACTIONS: dict[str, ShopAction] = {
    action.name(): action
    for action in (
        ActionAnswer(),
        ActionCheckAvailability(),
        ActionCompareProducts(),
        ActionDescribeProduct(),
        ActionHandleComplaint(),
        ActionHandover(),
        ActionOrderStatus(),
        ActionProductPrice(),
        ActionProductReviews(),
        ActionRecommend(),
        ActionSearchProducts(),
    )
}
EMPTY_SLOTS: dict[str, Any] = {
    "shown_products": None,
    "current_product": None,
    "order_number": None,
    "email": None,
    "verified_order": None,
    "failed_lookups": None,
    "sentiment": None,
    "offer": None,
}


@dataclass
class Talk:
    """One conversation: remembers slots as Rasa does.

    Attributes:
        actions: by name.
        events: what the last action gave back.
        message: what it said.
    """

    finder: MentionFinder
    actions: dict[str, ShopAction] = field(default_factory=lambda: dict(ACTIONS))
    channel: str = "rest"
    slots: dict[str, Any] = field(default_factory=lambda: dict(EMPTY_SLOTS))
    active_loop: dict[str, Any] = field(default_factory=dict)
    events: list[dict[str, Any]] = field(default_factory=list)
    message: dict[str, Any] = field(default_factory=dict)

    def say(
        self,
        action: str,
        text: str,
        *,
        sentiment: str | None = None,
        intent: str = "",
        entities: list[dict[str, Any]] | None = None,
    ) -> str:
        """Runs an action on a message.

        Returns:
            What the bot says.
        """
        found = [_entity(mention) for mention in self.finder.find(text)] if entities is None else entities
        found += [{"entity": "sentiment", "value": sentiment}] if sentiment else []
        for entity in found:
            if entity["entity"] in ("order_number", "email", "sentiment"):
                self.slots[entity["entity"]] = entity["value"]
        latest = {"text": text, "intent": {"name": intent, "confidence": 0.9}, "entities": found}
        history = [{"event": "action", "name": "action_listen"}, {"event": "user", "input_channel": self.channel}]
        tracker = Tracker("talk-1", self.slots, latest, history, False, None, self.active_loop, "action_listen")
        dispatcher = CollectingDispatcher()
        self.events = asyncio.run(self.actions[action].run(dispatcher, tracker, {}))
        json.dumps([self.events, dispatcher.messages])  # what the action server sends has to be JSON
        for event in self.events:
            if event["event"] == "slot":
                assert event["name"] in EMPTY_SLOTS
                self.slots[event["name"]] = event["value"]
        (self.message,) = dispatcher.messages
        return str(self.message["text"])

    @property
    def titles(self) -> list[str]:
        """The titles of the cards shown last."""
        return [card["title"] for card in self.message["elements"]]

    @property
    def payloads(self) -> list[str]:
        """What the buttons below the last message send."""
        return [button["payload"] for button in self.message["buttons"]]

    @property
    def followups(self) -> list[str]:
        """The actions that Rasa is told to go on with."""
        return [event["name"] for event in self.events if event["event"] == "followup"]


def _entity(mention: Any) -> dict[str, Any]:
    values = {"entity": mention.kind, "value": mention.value, "start": mention.start, "end": mention.end}
    extra = {"role": mention.role, "product_id": mention.product_id, "phrase_start": mention.phrase_start}
    return values | {name: value for name, value in extra.items() if value is not None}


@pytest.fixture(scope="module")
def settings_file(
    tmp_path_factory: pytest.TempPathFactory, index_dir: Path, data_dir: Path, demo_catalog: list[Product]
) -> Path:
    """Settings of a shop with the small index, the demo shop's reviews, customers, orders and events."""
    kind_of = {product.id: product.categories[-1] for product in demo_catalog}
    folder = tmp_path_factory.mktemp("shop")
    file = folder / "shopllm.yml"
    file.write_text(
        "shop: {name: Juniper & Vale, email: help@junipervale.example, phone: '+353 1 555 0142'}\n"
        f"paths: {{index: {index_dir}, reviews: {data_dir}/reviews/reviews.jsonl,"
        " database: 'sqlite:///shop.sqlite', behaviour: behaviour.safetensors}\n",
        encoding="utf-8",
    )
    shop = data_dir / "shop"
    ShopStore(f"sqlite:///{folder}/shop.sqlite").replace_all(shop / "customers.json", shop / "orders.json")
    EventStore(f"sqlite:///{folder}/shop.sqlite").replace_all(shop / "events.csv")
    # Besides the demo's customers there are some who bought a kettle and headphones on one day.
    day = datetime(2026, 11, 1)
    pairs = [Event(f"T-{n}", item, "purchase", day) for n in range(12) for item in ("KIT-1327", "AUD-1042")]
    events = [*read_events(shop / "events.csv"), *pairs]
    fitted = BehaviourModel.fit(events, RecommendationSettings(), lambda item: kind_of[item])
    fitted.save(folder / "behaviour.safetensors")
    return file


@pytest.fixture(scope="module")
def _shop(settings_file: Path) -> Iterator[None]:
    """The process's app is the one of `settings_file`, opened once for a module's tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(SETTINGS_ENV, str(settings_file))
        live_app._live.cache_clear()
        yield
        live_app._live.cache_clear()


@pytest.fixture
def talk(_shop: None, finder: MentionFinder) -> Talk:
    """A new conversation over a channel without cards."""
    return Talk(finder)


@pytest.fixture
def web(_shop: None, finder: MentionFinder) -> Talk:
    """A new conversation on the web page."""
    return Talk(finder, channel="web")


@pytest.fixture
def broken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, finder: MentionFinder) -> Iterator[Callable[[str], Talk]]:
    """Starts a conversation with a shop of other settings."""

    def start(settings: str) -> Talk:
        file = tmp_path / "shopllm.yml"
        file.write_text(settings, encoding="utf-8")
        monkeypatch.setenv(SETTINGS_ENV, str(file))
        live_app._live.cache_clear()
        return Talk(finder)

    yield start
    live_app._live.cache_clear()
