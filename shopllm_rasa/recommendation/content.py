"""The catalogue's side of recommendations, from the product index."""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from shopllm_rasa.catalog import Product
from shopllm_rasa.recommendation.ranking import Content
from shopllm_rasa.retrieval import Filters, ProductIndex

# Strength of a Bayesian mean: a product needs about this many ratings to be judged by its own.
_PRIOR_RATINGS = 20


class IndexContent:
    """Vectors and ratings of the products of an index; a `ranking.Content`."""

    def __init__(self, index: ProductIndex, filters: Filters | None = None) -> None:
        """Looks at an index.

        Args:
            index: the products.
            filters: conditions that everything found fulfils.
        """
        self._index = index
        self._filters = filters or Filters()
        standings = index.standings()
        rated = standings.ratings[~np.isnan(standings.ratings)]
        self._mean_rating = float(rated.mean()) if len(rated) else 0.0
        self._most_popular = max(float(standings.popularities.max()) if len(standings.rows) else 0.0, 1.0)

    def within(self, filters: Filters) -> "IndexContent":
        """The same with conditions."""
        copy = object.__new__(IndexContent)
        vars(copy).update(vars(self), _filters=filters)
        return copy

    def vectors(self, ids: Sequence[str]) -> np.ndarray:
        """Unit vectors of products, zeros for those that are not in the index."""
        asked = list(dict.fromkeys(ids))
        found = self._index.vectors_of(asked)
        if len(found) < len(asked):
            asked = [item for item in asked if self._index.get(item) is not None]
        of_id = dict(zip(asked, found, strict=True))
        none = np.zeros(self._index.encoder.info.dimensions, np.float32)
        return np.array([of_id.get(item, none) for item in ids], np.float32).reshape(len(ids), len(none))

    def near(self, vector: np.ndarray, count: int) -> list[str]:
        """Ids of the products nearest to a vector."""
        return [hit.product.id for hit in self._index.search_vector(vector, count, self._filters)]

    def best(self, count: int) -> list[str]:
        """Ids of the products of the highest quality."""
        standings = self._index.standings(self._filters)
        quality = self._quality(standings.ratings, standings.rating_counts, standings.popularities)
        best = np.lexsort((standings.rows, -quality))[:count]
        return [self._index.products[int(row)].id for row in standings.rows[best]]

    def quality(self, ids: Sequence[str]) -> np.ndarray:
        """What customers think of products; 0 for those that are not in the index."""
        products = [self._index.get(item) for item in ids]
        figures = [
            (np.nan if product.rating is None else product.rating, product.rating_count, _popularity(product))
            if product
            else (np.nan, 0, 0)
            for product in products
        ]
        ratings, counts, popularities = np.array(figures, np.float32).reshape(len(ids), 3).T
        known = np.array([product is not None for product in products], np.float32)
        return np.asarray(known * self._quality(ratings, counts, popularities), np.float32)

    def _quality(self, ratings: np.ndarray, counts: np.ndarray, popularities: np.ndarray) -> np.ndarray:
        """Rating (as a Bayesian mean) and popularity in one number, 0 to 1."""
        popularity = np.log1p(popularities) / math.log1p(self._most_popular)
        if not self._mean_rating:
            return np.asarray(popularity)
        counts = np.where(np.isnan(ratings), 0, counts)
        total = self._mean_rating * _PRIOR_RATINGS + np.nan_to_num(ratings) * counts
        return np.asarray(0.6 * total / (_PRIOR_RATINGS + counts) / 5 + 0.4 * popularity)


class RememberedContent:
    """Another content with its answers kept, for thousands of questions about the same products."""

    def __init__(self, content: Content) -> None:
        self._content = content
        self._vectors: dict[str, np.ndarray] = {}
        self._quality: dict[str, float] = {}
        self._best: dict[int, list[str]] = {}
        self._near: dict[tuple[bytes, int], list[str]] = {}

    def vectors(self, ids: Sequence[str]) -> np.ndarray:
        """As the other content has them."""
        new = [item for item in dict.fromkeys(ids) if item not in self._vectors]
        if new or not ids:
            found = self._content.vectors(new)
            self._vectors.update(zip(new, found, strict=True))
            if not ids:
                return found
        return np.stack([self._vectors[item] for item in ids])

    def near(self, vector: np.ndarray, count: int) -> list[str]:
        """As the other content has them."""
        key = vector.tobytes(), count
        if key not in self._near:
            self._near[key] = self._content.near(vector, count)
        return self._near[key]

    def quality(self, ids: Sequence[str]) -> np.ndarray:
        """As the other content has it."""
        new = [item for item in dict.fromkeys(ids) if item not in self._quality]
        self._quality.update(zip(new, self._content.quality(new).tolist(), strict=True))
        return np.array([self._quality[item] for item in ids], np.float32)

    def best(self, count: int) -> list[str]:
        """As the other content has them."""
        if count not in self._best:
            self._best[count] = self._content.best(count)
        return self._best[count]


def in_stock(filters: Filters | None) -> Filters:
    """Conditions, with that of being in stock."""
    return replace(filters or Filters(), in_stock=True)


def narrowest(product: Product) -> str | None:
    """The narrowest category of a product."""
    return product.categories[-1] if product.categories else None


def _popularity(product: Product) -> float:
    return product.rating_count if product.popularity is None else product.popularity
