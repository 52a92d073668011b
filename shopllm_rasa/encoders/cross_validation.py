"""Splits for out-of-fold scores: each leaves out some examples, and some intents with all of theirs."""

import random
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

_MIN_INTENTS_TO_LEAVE_OUT = 4
# An intent that is left out of one fold is held out in the others: that takes two more.
_MIN_FOLDS_TO_LEAVE_OUT = 3
# Examples that are this far on the way from the usual cosine to 1 say nearly the same ("cancel order", "cancel my
# order"): about a cosine of 0.75 for the commerce-tuned encoder. Some others give unrelated texts 0.8.
NEAR_DUPLICATE_SIMILARITY = 0.69
# Examples of one intent that are compared with each other at a time; bounds the memory.
_COMPARED_AT_ONCE = 2_000


@dataclass(frozen=True)
class Fold:
    """Rows of the data, by what a training without some of them uses them for.

    Attributes:
        training: rows to train on.
        in_scope: held-out rows of intents that are trained.
        out_of_scope: all rows of the intents that are not trained.
    """

    training: list[int]
    in_scope: list[int]
    out_of_scope: list[int]


def mean_cosine(vectors: np.ndarray) -> float:
    """The mean over all pairs of different rows of unit vectors, (texts, dimensions); 0 for a single text."""
    count = len(vectors)
    total = vectors.sum(axis=0, dtype=float)
    return float(total @ total - count) / (count * (count - 1)) if count > 1 else 0.0


def above_usual(vectors: np.ndarray, share: float) -> float:
    """The cosine that is this share of the way from the usual one of these texts to 1."""
    usual = mean_cosine(vectors)
    return usual + share * (1 - usual)


def near_duplicates(vectors: np.ndarray, labels: Sequence[str]) -> list[int]:
    """Groups examples of the same intent that say nearly the same, also by a chain of others.

    Held-out examples that have near duplicates in training are easier than what customers write, and would make
    the confidence too high.

    Args:
        vectors: unit vectors of the examples, before any training, (examples, dimensions).
        labels: their intents.

    Returns:
        A group number for each example.
    """
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    rows_of: dict[str, list[int]] = defaultdict(list)
    for row, label in enumerate(labels):
        rows_of[label].append(row)
    pairs: list[np.ndarray] = []
    limit = above_usual(vectors, NEAR_DUPLICATE_SIMILARITY)
    for rows in (
        block[start : start + _COMPARED_AT_ONCE]
        for block in rows_of.values()
        for start in range(0, len(block), _COMPARED_AT_ONCE)
    ):
        near = np.argwhere(np.triu(vectors[rows] @ vectors[rows].T >= limit, k=1))
        pairs.append(np.array(rows)[near])
    first, second = np.concatenate(pairs).reshape(-1, 2).T
    graph = coo_matrix((np.ones(len(first)), (first, second)), shape=(len(labels), len(labels)))
    return [int(number) for number in connected_components(graph, directed=False)[1]]


def leave_intents_out(labels: Sequence[str], folds: int, seed: int, groups: Sequence[int] | None = None) -> list[Fold]:
    """Splits so that over all folds each row is held out once, and out of scope once.

    An unseen intent is what a message out of scope looks like to a classifier, so a fold's left-out intents
    show how it treats what it has never seen (as in leave-class-out evaluation of open-set recognition, e.g.
    Larson et al. 2019, https://aclanthology.org/D19-1131). With fewer than four intents or three folds
    none is left out. An intent's only example is always trained on, or left out with its intent.

    Args:
        labels: the intent of each row.
        folds: how many, at least 2.
        seed: of the shuffling.
        groups: examples of one group stay together, see `near_duplicates`; without it each is its own.
    """
    members = groups if groups is not None else range(len(labels))
    shuffler = random.Random(seed)  # noqa: S311 - no secret, and repeatable
    rows_of: dict[str, list[int]] = defaultdict(list)
    for row, label in enumerate(labels):
        rows_of[label].append(row)
    intents = sorted(rows_of)
    shuffler.shuffle(intents)
    leave_out = len(intents) >= _MIN_INTENTS_TO_LEAVE_OUT and folds >= _MIN_FOLDS_TO_LEAVE_OUT
    left_out_in = {intent: number % folds if leave_out else -1 for number, intent in enumerate(intents)}
    held_out: dict[int, int] = {}
    for intent in (name for name in intents if len(rows_of[name]) > 1):
        others = [fold for fold in range(folds) if fold != left_out_in[intent]]
        shuffler.shuffle(others)
        held_out |= _spread(rows_of[intent], members, others)
    result = []
    for fold in range(folds):
        outside = {row for row, label in enumerate(labels) if left_out_in[label] == fold}
        inside = {row for row, its_fold in held_out.items() if its_fold == fold}
        training = [row for row in range(len(labels)) if row not in outside and row not in inside]
        trained = {labels[row] for row in training}
        # An intent whose examples are all held out in one fold cannot be recognised there.
        inside = {row for row in inside if labels[row] in trained}
        result.append(Fold(training, sorted(inside), sorted(outside)))
    return result


def _spread(rows: Sequence[int], members: Sequence[int], folds: Sequence[int]) -> dict[int, int]:
    """Deals groups out to folds, the largest first, each to the fold that has the fewest examples."""
    groups: dict[int, list[int]] = defaultdict(list)
    for row in rows:
        groups[members[row]].append(row)
    sizes = dict.fromkeys(folds, 0)
    placed: dict[int, int] = {}
    for group in sorted(groups.values(), key=len, reverse=True):
        fold = min(sizes, key=lambda number: sizes[number])
        sizes[fold] += len(group)
        placed |= dict.fromkeys(group, fold)
    return placed
