"""How much each thing a customer did says of their taste."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from shopllm_rasa.settings import RecommendationSettings
from shopllm_rasa.shop import Event

_SECONDS_A_DAY = 86_400
_NEUTRAL_STARS = 3.0
# What a customer did most says no more than this many purchases.
_MOST = 3


def event_weight(event: Event, settings: RecommendationSettings) -> float:
    """What an event counts, before it ages; below 0 for a rating of one or two stars."""
    if event.type == "rating":
        return settings.rating_weight * ((event.value or _NEUTRAL_STARS) - _NEUTRAL_STARS) / 2
    return {"view": settings.view_weight, "cart": settings.cart_weight, "purchase": settings.purchase_weight}[
        event.type
    ]


def decay(then: datetime, now: datetime, half_life_days: float) -> float:
    """1 for what happens now, a half after each half-life; what lies in the future counts as now."""
    days = max(0.0, (now - then).total_seconds() / _SECONDS_A_DAY)
    return float(0.5 ** (days / half_life_days))


@dataclass(frozen=True)
class History:
    """What is known of one customer, gathered by product.

    Attributes:
        weights: product to how much it says of their taste, positive or negative, the strongest first.
        deeds: product to the strongest thing done with it: 'purchase', 'rating', 'cart', 'view' or, for what this
            conversation showed, 'session'.
    """

    weights: Mapping[str, float] = field(default_factory=dict)
    deeds: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        events: Iterable[Event],
        settings: RecommendationSettings,
        now: datetime,
        session: Iterable[str] = (),
    ) -> "History":
        """Gathers a customer's events and what the conversation showed them.

        Args:
            events: of this customer alone.
            settings: weights and half-life.
            now: the time from which ages are counted, UTC without a zone.
            session: ids of products looked at in this conversation, the latest first. They count as views of
                this moment; each earlier one `settings.session_decay` times the one after it.
        """
        weights: dict[str, float] = {}
        deeds: dict[str, str] = {}
        for event in events:
            aged = event_weight(event, settings) * decay(event.time, now, settings.half_life_days)
            weights[event.product_id] = weights.get(event.product_id, 0.0) + aged
            if _DEEDS.index(event.type) < _DEEDS.index(deeds.get(event.product_id, "session")):
                deeds[event.product_id] = event.type
        for place, product in enumerate(dict.fromkeys(session)):
            seen = settings.cart_weight * settings.session_decay**place
            weights[product] = weights.get(product, 0.0) + seen
            deeds.setdefault(product, "session")
        limit = _MOST * settings.purchase_weight
        strongest = sorted(weights.items(), key=lambda item: -abs(item[1]))[: settings.max_history]
        return cls({product: min(weight, limit) for product, weight in strongest if weight}, deeds)


_DEEDS = ("purchase", "rating", "cart", "view", "session")
