import dataclasses
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from shopllm_rasa.errors import RecommendationError
from shopllm_rasa.recommendation import BehaviourModel
from shopllm_rasa.recommendation.behaviour import NEIGHBOURS
from shopllm_rasa.recommendation.mix import Mix
from shopllm_rasa.settings import RecommendationSettings
from shopllm_rasa.shop import Event

from .conftest import event


@pytest.fixture(scope="module")
def model(two_worlds: list[Event]) -> BehaviourModel:
    settings = RecommendationSettings(min_customers=3, collaborative_min_pairs=100)
    return BehaviourModel.fit(two_worlds, settings, lambda product: f"Kind {product[0]}", dimensions=2)


def names(model: BehaviourModel, numbers: np.ndarray) -> set[str]:
    return {model.products[number][0] for number in numbers}


class TestFit:
    def test_counts(self, model: BehaviourModel) -> None:
        assert (model.events, model.customers, len(model)) == (1000, 200, 20)
        assert model.buyers.sum() == 1000
        assert model.popularity.max() == pytest.approx(1)

    def test_neighbours_are_of_the_same_world(self, model: BehaviourModel) -> None:
        for number, product in enumerate(model.products):
            items, scores = model.neighbours.of(number)
            assert names(model, items) == {product[0]}
            assert list(scores) == sorted(scores, reverse=True)
            assert number not in items

    def test_the_collaborative_model_knows_the_worlds(self, model: BehaviourModel) -> None:
        assert model.factors is not None
        number = model.number("A0")
        assert number is not None
        scores = model.factors.scores(np.array([number]), np.array([2.0], np.float32))
        assert names(model, np.argsort(-scores)[:10]) == {"A"}

    def test_too_few_events_for_a_collaborative_model(self, two_worlds: list[Event]) -> None:
        settings = RecommendationSettings(collaborative_min_pairs=1001)
        assert BehaviourModel.fit(two_worlds, settings).factors is None

    def test_bought_on_one_day(self, settings: RecommendationSettings) -> None:
        together = [event(f"C-{n}", product, "purchase", n) for n in range(3) for product in ("TENT", "BAG")]
        others = [event(f"D-{n}", "CUP", "purchase") for n in range(9)] + [
            event(f"C-{n}", "CUP", "purchase", 50) for n in range(3)
        ]
        model = BehaviourModel.fit(together + others, settings)
        assert model.often_with("TENT") == [("BAG", 3)]
        assert model.often_with("CUP") == []
        assert model.often_with("UNKNOWN") == []

    def test_categories_of_the_same_customers(self, settings: RecommendationSettings) -> None:
        events = [
            event(f"C-{n}", f"{kind}-{n}", "purchase", day) for n in range(3) for kind, day in (("T", 0), ("B", 90))
        ]
        events += [event(f"D-{n}", "X-1", "purchase") for n in range(9)]
        model = BehaviourModel.fit(
            events, settings, lambda product: {"T": "Tents", "B": "Bags", "X": "Cups"}[product[0]]
        )
        assert model.often_with_category("Tents") == [("Bags", 3)]
        assert model.often_with_category("Cups") == []
        assert model.often_with_category("Boats") == []

    def test_nothing_leads_back_to_fewer_customers(self, settings: RecommendationSettings) -> None:
        """Two customers, however busy, leave no trace; a third makes the pair known."""
        two = [event(f"C-{n}", product, "purchase", day) for n in range(2) for day in range(9) for product in "PQ"]
        crowd = [event(f"D-{n}", "R", "purchase") for n in range(40)]
        model = BehaviourModel.fit(two + crowd, settings)
        assert model.products == ["R"]
        three = BehaviourModel.fit(
            [*two, *crowd, event("C-9", "P", "purchase"), event("C-9", "Q", "purchase")], settings
        )
        assert three.often_with("P") == [("Q", 3)]

    def test_the_file_names_no_customer(self, model: BehaviourModel, tmp_path: Path) -> None:
        model.save(tmp_path / "model.safetensors")
        assert b"C-1" not in (tmp_path / "model.safetensors").read_bytes()

    def test_recent_demand_counts_more(self, settings: RecommendationSettings) -> None:
        old = [event(f"C-{n}", "OLD", "purchase", 0) for n in range(5)]
        new = [event(f"D-{n}", "NEW", "purchase", 300) for n in range(4)]
        model = BehaviourModel.fit(old + new, settings)
        assert model.products[int(model.popularity.argmax())] == "NEW"

    def test_bad_ratings_are_no_liking(self, settings: RecommendationSettings) -> None:
        bad = [event(f"C-{n}", product, "rating", value=1) for n in range(5) for product in ("P", "Q")]
        assert len(BehaviourModel.fit(bad, settings)) == 0

    def test_only_the_nearest_are_kept(self, settings: RecommendationSettings) -> None:
        events = [event(f"C-{n}", f"P-{product}") for n in range(4) for product in range(NEIGHBOURS + 30)]
        assert len(BehaviourModel.fit(events, settings).neighbours.of(0)[0]) == NEIGHBOURS

    def test_no_events(self, settings: RecommendationSettings) -> None:
        with pytest.raises(RecommendationError, match="There are no events to learn from"):
            BehaviourModel.fit([], settings)


class TestFile:
    def test_what_was_written_is_read(self, model: BehaviourModel, tmp_path: Path) -> None:
        file = tmp_path / "a" / "model.safetensors"
        mixed = dataclasses.replace(model, mix=Mix(0.1, 0.2, 0.3, 0.4))
        mixed.save(file)
        read = BehaviourModel.load(file)
        assert read.factors is not None
        assert mixed.factors is not None
        np.testing.assert_array_equal(read.factors.products, mixed.factors.products)
        assert (read.products, read.mix, read.events, read.customers) == (mixed.products, mixed.mix, 1000, 200)
        assert read.often_with("A0") == mixed.often_with("A0")
        assert read.often_with_category("Kind A") == mixed.often_with_category("Kind A")
        assert list(file.parent.iterdir()) == [file]

    def test_without_a_collaborative_model(self, two_worlds: list[Event], tmp_path: Path) -> None:
        BehaviourModel.fit(two_worlds, RecommendationSettings(collaborative_min_pairs=9999)).save(tmp_path / "m")
        assert BehaviourModel.load(tmp_path / "m").factors is None

    def test_missing(self, tmp_path: Path) -> None:
        with pytest.raises(RecommendationError, match=r"There is no .*Make it with: shopllm recommend fit"):
            BehaviourModel.load(tmp_path / "model.safetensors")

    @pytest.mark.parametrize("size", [0, 7, 100, 3000])
    def test_cut_short(self, model: BehaviourModel, tmp_path: Path, size: int) -> None:
        file = tmp_path / "model.safetensors"
        model.save(file)
        file.write_bytes(file.read_bytes()[:size])
        with pytest.raises(RecommendationError, match=r"is damaged .*shopllm recommend fit"):
            BehaviourModel.load(file)

    @pytest.mark.parametrize("about", [b'{"format": 99}', b"{}", b"[]", b"nonsense"])
    def test_something_else(self, tmp_path: Path, about: bytes) -> None:
        file = tmp_path / "model.safetensors"
        save_file({"about": np.frombuffer(about, np.uint8)}, file)
        with pytest.raises(RecommendationError, match="shopllm recommend fit"):
            BehaviourModel.load(file)
