from datetime import timedelta

import pytest

from shopllm_rasa.recommendation.signals import History, decay, event_weight
from shopllm_rasa.settings import RecommendationSettings

from .conftest import START, event

PLAIN = RecommendationSettings(half_life_days=10)


def test_weights_of_types() -> None:
    weights = [event_weight(event("C", "P", kind), PLAIN) for kind in ("view", "cart", "purchase")]
    assert weights == sorted(weights)
    stars = [event_weight(event("C", "P", "rating", value=value), PLAIN) for value in (1, 2, 3, 4, 5)]
    assert stars == [-4, -2, 0, 2, 4]


@pytest.mark.parametrize(("days", "left"), [(0, 1), (10, 0.5), (20, 0.25), (-5, 1)])
def test_decay(days: float, left: float) -> None:
    assert decay(START, START + timedelta(days=days), 10) == pytest.approx(left)


class TestHistory:
    def test_sums_and_ages(self) -> None:
        events = [event("C", "P", "view", 0), event("C", "P", "cart", 10), event("C", "Q", "purchase", 10)]
        history = History.of(events, PLAIN, START + timedelta(days=10))
        assert list(history.weights) == ["Q", "P"]
        assert history.weights["P"] == pytest.approx(3 + 0.5)

    def test_the_strongest_deed_is_told(self) -> None:
        events = [event("C", "P", "view", 3), event("C", "P", "purchase", 1), event("C", "Q", "cart"), event("C", "Q")]
        assert History.of(events, PLAIN, START).deeds == {"P": "purchase", "Q": "cart"}

    def test_a_bad_rating_counts_against(self) -> None:
        events = [event("C", "P", "view"), event("C", "P", "rating", value=1)]
        assert History.of(events, PLAIN, START).weights["P"] == -3

    def test_no_product_outweighs_three_purchases(self) -> None:
        assert History.of([event("C", "P", "view")] * 1000, PLAIN, START).weights == {"P": 15}

    def test_the_conversation_counts_its_latest_most(self) -> None:
        history = History.of([], PLAIN, START, session=["P", "Q", "P", "R"])
        assert history.weights == pytest.approx({"P": 3, "Q": 3 * 0.8, "R": 3 * 0.8**2})
        assert set(history.deeds.values()) == {"session"}

    def test_only_so_many_products_count(self) -> None:
        settings = RecommendationSettings(max_history=2)
        events = [event("C", f"P-{number}", "purchase", number) for number in range(5)]
        history = History.of(events, settings, START + timedelta(days=5))
        assert list(history.weights) == ["P-4", "P-3"]
