"""Invented customers of a small shop, with a structure that can be found."""

from collections.abc import Callable
from datetime import datetime, timedelta

import numpy as np
import pytest

from shopllm_rasa.settings import RecommendationSettings
from shopllm_rasa.shop import Event

START = datetime(2026, 1, 1)
MakeEvent = Callable[..., Event]


@pytest.fixture
def settings() -> RecommendationSettings:
    """The defaults, with figures of three customers and a collaborative model from few events."""
    return RecommendationSettings(min_customers=3, collaborative_min_pairs=100)


def event(customer: str, product: str, kind: str = "view", day: float = 0, value: float | None = None) -> Event:
    """An event some days after the start."""
    return Event(customer, product, kind, START + timedelta(days=day), value)


@pytest.fixture(scope="session")
def two_worlds() -> list[Event]:
    """Two hundred customers who buy either of products A0 to A9 or of B0 to B9, one each week for five weeks."""
    random = np.random.default_rng(7)
    events = []
    for number in range(200):
        world = "AB"[number % 2]
        for week, product in enumerate(random.choice(10, 5, replace=False)):
            events.append(event(f"C-{number}", f"{world}{product}", "purchase", 7 * week + float(random.random())))
    return events
