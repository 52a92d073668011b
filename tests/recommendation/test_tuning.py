from datetime import timedelta

import pytest

from shopllm_rasa.errors import RecommendationError
from shopllm_rasa.recommendation import fit_behaviour
from shopllm_rasa.recommendation.mix import Mix
from shopllm_rasa.recommendation.tuning import gain, in_order, moments, split_at, tuned_model
from shopllm_rasa.settings import RecommendationSettings
from shopllm_rasa.shop import Event

from .conftest import START, event


class TestSplit:
    def test_nothing_of_the_future_is_seen(self, two_worlds: list[Event]) -> None:
        events = in_order(two_worlds)
        start = START + timedelta(days=20)
        split = split_at(events, start)
        assert split.cases
        assert all(seen.time < start for seen in split.training)
        for case in split.cases:
            assert case.time >= start
            assert all(seen.time < case.time - timedelta(days=1) for seen in case.past)
            assert case.target not in case.bought
            assert len({seen.customer_id for seen in case.past}) == 1

    def test_the_visit_of_the_purchase_is_hidden(self) -> None:
        own = [event("C", "P", "view", 0), event("C", "Q", "view", 9.5), event("C", "Q", "purchase", 10)]
        others = [event("D", "Q", "view", 1)]
        (case,) = split_at(in_order(own + others), START + timedelta(days=5)).cases
        assert [seen.product_id for seen in case.past] == ["P"]

    def test_the_last_new_purchase_counts(self) -> None:
        bought = [("P", 1), ("Q", 10), ("R", 20), ("Q", 30)]
        events = [event("C", product, "purchase", day) for product, day in bought]
        events.append(event("D", "R", "view", 0))
        (case,) = split_at(in_order(events), START + timedelta(days=5)).cases
        assert case.target == "R"

    def test_what_is_left_out_is_counted(self) -> None:
        events = [
            event("NEW", "P", "purchase", 10),
            event("OLD", "P", "view", 0),
            event("OLD", "NEVER-SEEN", "purchase", 10),
        ]
        split = split_at(in_order(events), START + timedelta(days=5))
        assert (split.cases, split.newcomers, split.unknown) == ([], 1, 1)

    def test_an_end(self, two_worlds: list[Event]) -> None:
        split = split_at(in_order(two_worlds), START + timedelta(days=10), START + timedelta(days=20))
        assert split.cases
        assert all(case.time < START + timedelta(days=20) for case in split.cases)


def test_moments() -> None:
    events = [event("C", f"P-{day}", "purchase", day) for day in range(10)]
    assert moments(events, 0.5, 0.8) == [START + timedelta(days=5), START + timedelta(days=8)]
    with pytest.raises(RecommendationError, match="There is no purchase among the events"):
        moments([event("C", "P", "view")], 0.5)


@pytest.mark.parametrize(("place", "value"), [(0, 1.0), (1, 0.6309), (9, 0.2891), (10, 0.0)])
def test_gain(place: int, value: float) -> None:
    recommended = [f"P-{number}" for number in range(20)]
    assert gain(f"P-{place}", recommended) == pytest.approx(value, abs=1e-4)


def test_few_cases_choose_nothing(settings: RecommendationSettings) -> None:
    events = in_order(event(f"C-{n}", f"P-{n % 4}", "purchase", n) for n in range(40))
    assert tuned_model(split_at(events, START + timedelta(days=30)), settings).mix == Mix()


def test_the_mix_follows_the_events(two_worlds: list[Event], settings: RecommendationSettings) -> None:
    """Where a customer's next purchase is of their world alone, popularity is worth little."""
    model = fit_behaviour(two_worlds, settings)
    assert model.events == len(two_worlds)
    assert model.mix.neighbours + model.mix.collaborative > 0.5
    assert model.mix.content == 0
    assert sum(vars(model.mix).values()) == pytest.approx(1, abs=0.01)


def test_without_purchases_there_is_a_model_all_the_same(settings: RecommendationSettings) -> None:
    views = [event(f"C-{n}", "P") for n in range(5)]
    assert fit_behaviour(views, settings).products == ["P"]
