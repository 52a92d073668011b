"""How meaning and words are weighed against each other: every number of it stands here."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np


class Weights(NamedTuple):
    """What each part of a score counts, in relation to the others.

    Attributes:
        vectors: the cosine of query and product.
        words: how well the words match.
        kinds: the cosine of query and the product's kind (`KindVectors`).
    """

    vectors: float
    words: float
    kinds: float


# A convex combination of scores of a like range; Bruch, Gai and Ingber, "An analysis of fusion functions for hybrid
# retrieval" (2022), found it better than reciprocal ranks, and that its weights are quickly tuned.
# Chosen on the tuning queries of benchmarks/data/electronics_queries.jsonl.
WEIGHTS = Weights(vectors=0.6, words=0.4, kinds=0.4)
# How many products each of the two proposes, at least; all proposed ones get both scores.
CANDIDATES = 100
# Counts of facets look at products that are about what was asked: those whose score is at least this share of the
# best, among so many. An order looks further, but keeps to the narrowest categories of the first few.
RELEVANT_SHARE = 0.6
SORTED_SHARE = 0.5
RELEVANT_ROWS = 500
KIND_ROWS = 10

# Sort orders: name to (column, whether the highest comes first).
SORTS: Mapping[str, tuple[str, bool]] = {
    "price": ("prices", False),
    "-price": ("prices", True),
    "rating": ("ratings", True),
    "popularity": ("popularities", True),
}


def fuse(cosines: np.ndarray, word_scores: np.ndarray, kind_cosines: np.ndarray) -> np.ndarray:
    """The score of products, 0 to 1.

    Args:
        cosines: of query and product, float32 of shape (products,).
        word_scores: how well the words match, 0 to 1, of the same shape.
        kind_cosines: of query and the product's kind, of the same shape; NaN where it has none.
    """
    likeness = np.maximum(cosines, 0)
    kind_likeness = np.where(np.isnan(kind_cosines), likeness, np.maximum(kind_cosines, 0))
    total = WEIGHTS.vectors * likeness + WEIGHTS.words * word_scores + WEIGHTS.kinds * kind_likeness
    return np.clip(total / sum(WEIGHTS), 0, 1)
