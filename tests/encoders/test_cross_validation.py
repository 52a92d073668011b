import random
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shopllm_rasa.encoders.cross_validation import Fold, leave_intents_out, near_duplicates

LABELS = st.lists(st.sampled_from([f"intent_{number}" for number in range(9)]), min_size=1, max_size=60)
# With two folds no intent is left out: one that is has all its examples held out in the other fold.
FOLDS = st.integers(3, 8)
SEEDS = st.integers(0, 99)


def several(intents: int, examples: int) -> list[str]:
    return [f"intent_{number}" for number in range(intents) for _ in range(examples)]


def rows_of(folds: list[Fold], part: str) -> list[int]:
    return [row for fold in folds for row in getattr(fold, part)]


class TestEverySplit:
    @given(LABELS, FOLDS, SEEDS)
    def test_a_row_has_one_use_in_a_fold(self, labels: list[str], folds: int, seed: int) -> None:
        for fold in leave_intents_out(labels, folds, seed):
            used = [*fold.training, *fold.in_scope, *fold.out_of_scope]
            assert len(used) == len(set(used))
            assert set(used) <= set(range(len(labels)))

    @given(LABELS, FOLDS, SEEDS)
    def test_each_row_is_held_out_at_most_once(self, labels: list[str], folds: int, seed: int) -> None:
        rows = rows_of(leave_intents_out(labels, folds, seed), "in_scope")
        assert len(rows) == len(set(rows))

    @given(LABELS, FOLDS, SEEDS)
    def test_each_row_is_out_of_scope_once_if_intents_are_left_out(
        self, labels: list[str], folds: int, seed: int
    ) -> None:
        rows = rows_of(leave_intents_out(labels, folds, seed), "out_of_scope")
        assert sorted(rows) == (list(range(len(labels))) if len(set(labels)) >= 4 else [])

    @given(LABELS, FOLDS, SEEDS)
    def test_nothing_leaks(self, labels: list[str], folds: int, seed: int) -> None:
        for fold in leave_intents_out(labels, folds, seed):
            trained = {labels[row] for row in fold.training}
            assert not trained & {labels[row] for row in fold.out_of_scope}
            assert {labels[row] for row in fold.in_scope} <= trained

    @given(LABELS, FOLDS, SEEDS)
    def test_an_only_example_is_trained_on_or_out_of_scope(self, labels: list[str], folds: int, seed: int) -> None:
        alone = {row for row, label in enumerate(labels) if labels.count(label) == 1}
        for fold in leave_intents_out(labels, folds, seed):
            assert alone <= {*fold.training, *fold.out_of_scope}

    @given(LABELS, FOLDS, SEEDS)
    @settings(max_examples=25)
    def test_the_seed_decides_all(self, labels: list[str], folds: int, seed: int) -> None:
        assert leave_intents_out(labels, folds, seed) == leave_intents_out(labels, folds, seed)


class TestEnoughExamples:
    @pytest.mark.parametrize("folds", [2, 3, 5])
    @pytest.mark.parametrize("intents", [4, 7, 20])
    def test_each_row_is_held_out_once(self, intents: int, folds: int) -> None:
        labels = several(intents, 10)
        found = leave_intents_out(labels, folds, 7)
        assert sorted(rows_of(found, "in_scope")) == list(range(len(labels)))
        assert all(fold.training for fold in found)

    @pytest.mark.parametrize("seed", [1, 2, 3])
    def test_an_intent_s_examples_are_held_out_in_several_folds(self, seed: int) -> None:
        labels = several(6, 8)
        found = leave_intents_out(labels, 5, seed)
        for intent in set(labels):
            assert sum(any(labels[row] == intent for row in fold.in_scope) for fold in found) == 4

    def test_folds_are_of_like_size(self) -> None:
        sizes = [len(fold.in_scope) for fold in leave_intents_out(several(20, 10), 5, 7)]
        assert max(sizes) - min(sizes) <= 20

    def test_left_out_intents_are_spread(self) -> None:
        labels = several(10, 4)
        counts = Counter(len({labels[row] for row in fold.out_of_scope}) for fold in leave_intents_out(labels, 5, 7))
        assert counts == {2: 5}

    def test_other_seeds_split_otherwise(self) -> None:
        labels = several(6, 8)
        assert leave_intents_out(labels, 5, 1) != leave_intents_out(labels, 5, 2)


class TestNearDuplicates:
    AXES = np.eye(4, dtype=np.float32)

    def at(self, *degrees: float) -> np.ndarray:
        """Unit vectors in a plane."""
        turns = np.radians(degrees)
        return np.stack([np.cos(turns), np.sin(turns)], axis=1)

    def test_alike_examples_of_an_intent_are_a_group(self) -> None:
        groups = near_duplicates(self.at(0, 10, 170), ["a", "a", "a"])
        assert groups[0] == groups[1] != groups[2]

    def test_also_by_a_chain(self) -> None:
        vectors = self.at(0, 40, 80, 120, 170, 230, 290, 350)
        groups = near_duplicates(vectors, ["a"] * 4 + ["b"] * 4)
        assert len(set(groups[:4])) == 1
        assert len(set(groups[4:])) == 4

    def test_encoders_that_find_all_texts_alike(self) -> None:
        # All cosines of these are above 0.8, those of the first two near 1.
        vectors = self.at(0, 10, 90, 180, 270)
        raised = np.concatenate([vectors, np.full((5, 1), 3.0)], axis=1)
        raised /= np.linalg.norm(raised, axis=1, keepdims=True)
        groups = near_duplicates(raised, ["a"] * 5)
        assert groups[0] == groups[1]
        assert len(set(groups)) == 4

    def test_a_large_intent_is_compared_in_blocks(self) -> None:
        vectors = np.tile(np.eye(4)[:1], (4_100, 1))
        assert len(set(near_duplicates(vectors, ["a"] * 4_100))) <= 3

    def test_never_across_intents(self) -> None:
        assert len(set(near_duplicates(self.at(0, 0, 0), ["a", "b", "c"]))) == 3

    def test_each_alone_where_none_is_alike(self) -> None:
        assert len(set(near_duplicates(self.AXES, ["a", "a", "b", "b"]))) == 4

    @given(LABELS, FOLDS, SEEDS, st.integers(1, 20))
    def test_a_group_is_never_both_trained_on_and_held_out(
        self, labels: list[str], folds: int, seed: int, kinds: int
    ) -> None:
        draw = random.Random(seed)
        numbers = {label: [draw.randrange(kinds) for _ in labels] for label in set(labels)}
        groups = [hash((label, numbers[label][row])) for row, label in enumerate(labels)]
        for fold in leave_intents_out(labels, folds, seed, groups):
            assert not {groups[row] for row in fold.training} & {groups[row] for row in fold.in_scope}

    def test_groups_are_spread_over_the_folds(self) -> None:
        labels = several(5, 12)
        groups = [row // 3 for row in range(len(labels))]
        found = leave_intents_out(labels, 5, 7, groups)
        assert sorted(rows_of(found, "in_scope")) == list(range(len(labels)))
        for intent in set(labels):
            assert sum(any(labels[row] == intent for row in fold.in_scope) for fold in found) == 4

    def test_an_intent_of_one_group_is_never_held_out(self) -> None:
        labels = several(4, 6)
        groups = [0 if row < 6 else row for row in range(len(labels))]
        held_out = rows_of(leave_intents_out(labels, 3, 7, groups), "in_scope")
        assert sorted(held_out) == list(range(6, len(labels)))


class TestLittleData:
    @pytest.mark.parametrize("intents", [1, 2, 3])
    def test_of_few_intents_none_is_left_out(self, intents: int) -> None:
        labels = several(intents, 6)
        found = leave_intents_out(labels, 3, 7)
        assert rows_of(found, "out_of_scope") == []
        assert sorted(rows_of(found, "in_scope")) == list(range(len(labels)))

    def test_only_examples_hold_nothing_out(self) -> None:
        found = leave_intents_out(["a", "b", "c"], 3, 7)
        assert [(fold.training, fold.in_scope, fold.out_of_scope) for fold in found] == [([0, 1, 2], [], [])] * 3

    def test_more_folds_than_intents(self) -> None:
        found = leave_intents_out(several(4, 5), 10, 7)
        assert len(found) == 10
        assert sum(bool(fold.out_of_scope) for fold in found) == 4

    def test_nothing(self) -> None:
        assert leave_intents_out([], 3, 7) == [Fold([], [], [])] * 3
