import dataclasses

import numpy as np
import pytest

from shopllm_rasa.recommendation import BehaviourModel, IndexContent
from shopllm_rasa.recommendation.mix import PARTS, WITHOUT_EVENTS, Mix
from shopllm_rasa.recommendation.ranking import Ranker, diversified, mixed, trust
from shopllm_rasa.recommendation.signals import History
from shopllm_rasa.retrieval import ProductIndex
from shopllm_rasa.settings import RecommendationSettings
from shopllm_rasa.shop import Event


@pytest.fixture(scope="module")
def model(two_worlds: list[Event]) -> BehaviourModel:
    settings = RecommendationSettings(min_customers=3, collaborative_min_pairs=100)
    return BehaviourModel.fit(two_worlds, settings, dimensions=2)


@pytest.fixture(scope="module")
def content(product_index: ProductIndex) -> IndexContent:
    return IndexContent(product_index)


class TestRanker:
    def test_what_the_same_customers_care_for(self, model: BehaviourModel) -> None:
        history = History({"A1": 5.0, "A2": 5.0})
        ids = Ranker(model, None).candidates(history)
        scores = Ranker(model, None).scores(history, ids, Mix(0, 0.5, 0.4, 0.1))
        first = [ids[place] for place in np.argsort(-scores)[:8]]
        assert {item[0] for item in first} == {"A"}

    def test_newcomers_get_what_is_popular(self, model: BehaviourModel) -> None:
        ids = Ranker(model, None).candidates(History())
        scores = Ranker(model, None).scores(History(), ids, Mix())
        best = model.products[int(model.popularity.argmax())]
        assert ids[int(scores.argmax())] == best
        assert len(ids) == len(model)

    def test_what_resembles_the_past(self, content: IndexContent, product_index: ProductIndex) -> None:
        ranker = Ranker(None, content)
        history = History({"KIT-1327": 5.0})
        ids = [item for item in ranker.candidates(history) if item != "KIT-1327"]
        best = ids[int(ranker.scores(history, ids, WITHOUT_EVENTS).argmax())]
        product = product_index.get(best)
        assert product is not None
        assert product.categories[-1] == "Kettles"

    def test_what_was_disliked_pushes_away(self, content: IndexContent) -> None:
        ids = ["KIT-1327", "KIT-1328", "SHO-3310"]
        parts = Ranker(None, content).parts(History({"KIT-1327": -4.0, "SHO-3310": 1.0}), ids)
        likeness = dict(zip(ids, parts[PARTS.index("content")], strict=True))
        assert likeness["KIT-1327"] == -1
        assert -1 < likeness["KIT-1328"] < 0 < likeness["SHO-3310"]

    def test_products_nobody_knows(self, model: BehaviourModel, content: IndexContent) -> None:
        parts = Ranker(model, content).parts(History({"GONE": 5.0}), ["ALSO-GONE"])
        assert not parts.any()
        assert Ranker(model, content).parts(History(), []).shape == (4, 0)

    def test_each_part_is_scaled(self, model: BehaviourModel, content: IndexContent) -> None:
        history = History({"A1": 5.0, "KIT-1327": 2.0})
        ids = Ranker(model, content).candidates(history)
        parts = Ranker(model, content).parts(history, ids)
        np.testing.assert_allclose(parts.max(axis=1), 1, rtol=1e-6)


def test_trust_grows_with_the_history() -> None:
    weights = [trust(History({"P": weight})) for weight in (0.0, 1.0, 5.0, 100.0)]
    assert weights == [0, 0.5, pytest.approx(5 / 6), pytest.approx(100 / 101)]


def test_a_mix() -> None:
    parts = np.array([[1, 0], [0, 0], [0, 1], [0, 0.5]], np.float32)
    np.testing.assert_allclose(mixed(parts, Mix(0.5, 0, 0.25, 0.25), 1.0), [0.5, 0.375])
    np.testing.assert_allclose(mixed(parts, Mix(0.5, 0, 0.25, 0.25), 0.0), [0, 0.5])
    half = Mix(0.2, 0.4, 0.2, 0.2).towards_content(0.5)
    assert dataclasses.astuple(half) == pytest.approx((0.6, 0.2, 0.1, 0.1))


class TestDiversified:
    relevance = np.array([1.0, 0.99, 0.6], np.float32)
    vectors = np.array([[1, 0], [1, 0], [0, 1]], np.float32)

    def test_a_twin_comes_later(self) -> None:
        assert diversified(self.relevance, self.vectors, 3, 0.4) == [0, 2, 1]

    def test_without_variety_it_is_the_order(self) -> None:
        assert diversified(self.relevance, self.vectors, 2, 0) == [0, 1]

    @pytest.mark.parametrize("count", [0, 1, 3, 9])
    def test_how_many(self, count: int) -> None:
        assert len(diversified(self.relevance, self.vectors, count, 0.3)) == min(count, 3)

    def test_none(self) -> None:
        assert diversified(np.zeros(0), np.zeros((0, 2)), 5, 0.3) == []
