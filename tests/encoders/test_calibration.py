from collections.abc import Sequence
from dataclasses import astuple, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shopllm_rasa.encoders.calibration import (
    BINS,
    DEFAULT_BIAS,
    DEFAULT_WEIGHTS,
    FEATURES,
    Calibration,
    ReliabilityBin,
    certainty_features,
    expected_calibration_error,
    fit_calibration,
    reliability,
)

NONE = np.zeros((0, len(FEATURES)))
# Log-odds of the probability and two cosines, as they come.
SIGNS = st.tuples(st.floats(-9, 9), st.floats(-1, 1), st.floats(-1, 1))
SHARES = st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=200)


def messages(count: int, centre: Sequence[float], seed: int = 1, spread: float = 1.0) -> np.ndarray:
    """Signs of certainty scattered around a point."""
    scatter = np.random.default_rng(seed).normal(size=(count, len(FEATURES))) * (1.0, 0.1, 0.1)
    return np.array(centre) + spread * scatter


def typical(count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Held-out messages of which the surer ones are right, near strangers and far strangers."""
    known = messages(count, (2.5, 0.75, 0.8))
    is_right = known.sum(axis=1) > 3.2
    return known, is_right, messages(count, (0.5, 0.5, 0.5), 2), messages(count, (0.0, 0.2, 0.25), 3)


class TestConfidence:
    @given(SIGNS)
    def test_is_a_probability(self, signs: tuple[float, ...]) -> None:
        (confidence,) = Calibration().confidence(np.array([signs]))
        assert 0 < confidence < 1

    @given(SIGNS, st.sampled_from(range(len(FEATURES))), st.floats(0, 5), st.integers(0, 5))
    @settings(max_examples=200, deadline=None)
    def test_more_certainty_never_means_less_confidence(
        self, signs: tuple[float, ...], place: int, more: float, seed: int
    ) -> None:
        higher = np.array(signs)
        higher[place] += more
        for calibration in (Calibration(), fitted(seed)):
            low, high = calibration.confidence(np.array([signs, higher]))
            assert high >= low

    def test_the_values_of_a_known_one(self) -> None:
        flat = Calibration((1.0, 0.0, 0.0), 0.0, offset=0.0, slope=1.0)
        found = flat.confidence(np.array([[0.0, 0.3, 0.9], [np.log(3), 0, 0], [-np.log(3), 0, 0]]))
        assert found == pytest.approx([0.5, 0.75, 0.25])

    def test_messages_in_scope_are_right_more_often_than_all(self) -> None:
        lifted = Calibration((1.0, 0.0, 0.0), 0.0, offset=np.log(3), slope=1.0)
        found = lifted.confidence(np.array([[0.01, 0, 0], [0.0, 0, 0], [-0.01, 0, 0], [-np.log(9), 0, 0]]))
        assert found == pytest.approx([0.75, 0.5, 0.5, 0.25], abs=3e-3)
        assert found[2] < 0.5

    @given(SIGNS, st.floats(-3, 3), st.floats(0.05, 3))
    def test_the_line_moves_no_message_across_the_operating_point(
        self, signs: tuple[float, ...], offset: float, slope: float
    ) -> None:
        plain = Calibration(offset=0.0, slope=1.0)
        lined = replace(plain, offset=offset, slope=slope)
        (before,), (after,) = (item.confidence(np.array([signs])) for item in (plain, lined))
        assert (before > 0.5) == (after > 0.5) or before == pytest.approx(0.5, abs=1e-9)

    def test_huge_values_do_not_overflow(self) -> None:
        with np.errstate(all="raise"):
            found = Calibration().confidence(np.array([[1e6, 1, 1], [-1e6, -1, -1]]))
        assert found == pytest.approx([1, 0], abs=1e-9)


def fitted(seed: int) -> Calibration:
    """A fit on data in which nothing says anything: the labels are thrown."""
    draw = np.random.default_rng(seed)
    known = messages(40, (1.0, 0.5, 0.5), seed)
    return fit_calibration(known, draw.random(40) < 0.5, messages(20, (1.0, 0.5, 0.5), seed + 1), NONE)


class TestFeatures:
    def test_known_values(self) -> None:
        found = certainty_features(
            np.array([[0.75, 0.25]]),
            np.array([[1.0, 0.0]]),
            class_means=np.array([[0.6, 0.8], [0.0, 1.0]]),
            examples=np.array([[0.0, 1.0], [0.8, 0.6]]),
        )
        assert found == pytest.approx(np.array([[np.log(3), 0.6, 0.8]]))

    def test_certain_probabilities_stay_finite(self) -> None:
        unit = np.array([[1.0, 0.0]])
        found = certainty_features(np.array([[1.0, 0.0]]), unit, unit, unit)
        assert np.isfinite(found).all()

    def test_one_row_a_text(self) -> None:
        unit = np.eye(4)
        assert certainty_features(np.full((4, 3), 1 / 3), unit, unit[:3], unit).shape == (4, len(FEATURES))


class TestFit:
    def test_without_messages_it_is_the_default(self) -> None:
        assert fit_calibration(NONE, np.zeros(0, dtype=bool), NONE, NONE) == Calibration()

    def test_known_messages_above_and_strangers_below_the_operating_point(self) -> None:
        known, is_right, near, far = typical(300)
        found = fit_calibration(known, is_right, near, far)
        assert (found.confidence(known[is_right]) > 0.5).mean() > 0.8
        assert (found.confidence(near) < 0.5).mean() > 0.8
        assert (found.confidence(far) < 0.5).mean() > 0.95

    def test_the_confidence_says_how_often_messages_in_scope_are_right(self) -> None:
        known = messages(2_000, (2.5, 0.75, 0.8))
        is_right = np.random.default_rng(5).random(2_000) < 1 / (1 + np.exp(-1.2 * (known[:, 0] - 1.5)))
        found = fit_calibration(known, is_right, messages(300, (0.5, 0.5, 0.5), 2), messages(300, (0, 0.2, 0.25), 3))
        assert expected_calibration_error(reliability(found.confidence(known), is_right)) < 0.06

    @pytest.mark.parametrize("near", [True, False])
    @pytest.mark.parametrize("far", [True, False])
    def test_either_kind_of_strangers_may_be_missing(self, near: bool, far: bool) -> None:
        known, is_right, left_out, strangers = typical(50)
        found = fit_calibration(known, is_right, left_out if near else NONE, strangers if far else NONE)
        assert np.isfinite(found.confidence(known)).all()

    @given(st.integers(0, 50))
    @settings(max_examples=20, deadline=None)
    def test_no_weight_is_below_zero(self, seed: int) -> None:
        """Not even where the surer messages are the wrong ones."""
        known = messages(60, (1.0, 0.5, 0.5), seed)
        found = fit_calibration(known, known[:, 0] < 1, known[known[:, 0] > 1] + 0.5, NONE)
        assert min(found.weights) >= 0
        assert found.slope > 0

    @pytest.mark.parametrize("right", [True, False])
    def test_a_single_kind_of_message(self, right: bool) -> None:
        known = messages(20, (2.5, 0.75, 0.8))
        found = fit_calibration(known, np.full(20, right), NONE, NONE)
        assert (found.confidence(known) > 0.5).all() == right
        assert np.isfinite([*found.weights, found.bias]).all()

    def test_the_order_of_messages_does_not_matter(self) -> None:
        known, is_right, near, far = typical(80)
        turned = fit_calibration(known[::-1], is_right[::-1], near[::-1], far[::-1])
        found = fit_calibration(known, is_right, near, far)
        assert turned.confidence(known) == pytest.approx(found.confidence(known), abs=1e-3)

    def test_few_messages_stay_nearer_to_the_default_than_many(self) -> None:
        """The same evidence, once from few messages and once from many."""
        default = np.array([*DEFAULT_WEIGHTS, DEFAULT_BIAS])

        def distance(count: int) -> float:
            known = np.tile([3.0, 0.8, 0.8], (count, 1))
            found = fit_calibration(known, np.zeros(count, dtype=bool), NONE, NONE)
            return float(np.abs(np.array([*found.weights, found.bias]) - default).max())

        assert distance(5) < distance(500)


class TestReliability:
    def test_known_values(self) -> None:
        found = reliability([0.05, 0.91, 0.95, 1.0], [False, True, True, False])
        assert [astuple(item) for item in found] == [
            pytest.approx((0.0, 1, 0.05, 0.0)),
            pytest.approx((0.9, 3, (0.91 + 0.95 + 1) / 3, 2 / 3)),
        ]
        assert expected_calibration_error(found) == pytest.approx((0.05 + 3 * (0.95333333 - 0.66666667)) / 4)

    @given(SHARES)
    def test_every_message_is_in_one_bin(self, found: list[tuple[float, bool]]) -> None:
        confidences, right = zip(*found, strict=True)
        bins = reliability(confidences, right)
        assert sum(item.count for item in bins) == len(found)
        assert all(item.count for item in bins)
        assert [item.low for item in bins] == sorted({item.low for item in bins})
        for item in bins:
            assert item.low - 1e-9 <= item.confidence <= item.low + 1 / BINS + 1e-9
            assert 0 <= item.accuracy <= 1

    @given(SHARES)
    def test_the_error_is_a_share(self, found: list[tuple[float, bool]]) -> None:
        confidences, right = zip(*found, strict=True)
        error = expected_calibration_error(reliability(confidences, right))
        gap = abs(float(np.mean(confidences)) - float(np.mean(right)))
        assert gap - 1e-9 <= error <= 1  # bins cannot make the whole gap smaller

    def test_confidences_that_are_right_have_no_error(self) -> None:
        confidences = [place / 10 + 0.05 for place in range(10) for _ in range(20)]
        right = [number < 2 * place + 1 for place in range(10) for number in range(20)]
        assert expected_calibration_error(reliability(confidences, right)) == pytest.approx(0)

    def test_sure_and_always_wrong_is_the_worst(self) -> None:
        assert expected_calibration_error(reliability([1.0, 1.0], [False, False])) == 1

    def test_nothing(self) -> None:
        assert reliability([], []) == []
        assert expected_calibration_error([]) == 0

    def test_larger_bins_count_more(self) -> None:
        bins = [ReliabilityBin(0.1, 90, 0.1, 0.1), ReliabilityBin(0.9, 10, 0.9, 0.4)]
        assert expected_calibration_error(bins) == pytest.approx(0.05)
