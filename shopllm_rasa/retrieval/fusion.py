"""How meaning and words are weighed against each other: every number of it stands here."""

from collections.abc import Mapping

import numpy as np

# A convex combination of both scores, brought to a like range; Bruch, Gai and Ingber, "An analysis of fusion functions
# for hybrid retrieval" (2022), found it better than reciprocal ranks, and that one weight is quickly tuned.
# Chosen on the tuning queries of benchmarks/data/electronics_queries.jsonl.
DENSE_SHARE = 0.7
# How many products each of the two proposes, at least; all proposed ones get both scores.
CANDIDATES = 100
# Counts of facets look at products that are about what was asked: those whose score is at least this share of the
# best, among so many. An order looks further, but keeps to the narrowest categories of the first few.
RELEVANT_SHARE = 0.6
SORTED_SHARE = 0.45
RELEVANT_ROWS = 500
KIND_ROWS = 10

# Sort orders: name to (column, whether the highest comes first).
SORTS: Mapping[str, tuple[str, bool]] = {
    "price": ("prices", False),
    "-price": ("prices", True),
    "rating": ("ratings", True),
    "popularity": ("popularities", True),
}


def fuse(cosines: np.ndarray, word_scores: np.ndarray) -> np.ndarray:
    """The score of products, 0 to 1.

    Args:
        cosines: of query and product, float32 of shape (products,).
        word_scores: how well the words match, 0 to 1, of the same shape.
    """
    return np.clip(DENSE_SHARE * np.maximum(cosines, 0) + (1 - DENSE_SHARE) * word_scores, 0, 1)
