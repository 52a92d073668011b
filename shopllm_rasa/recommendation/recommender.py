"""Recommends products from what a customer looked at, bought and said."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from shopllm_rasa.catalog import Product
from shopllm_rasa.retrieval import Filters, ProductIndex
from shopllm_rasa.retrieval.product_index import MAX_RESULTS

# The k-th latest product a customer looked at counts DECAY**k: what was seen last matters most.
DECAY = 0.8
MAX_HISTORY = 20
_CANDIDATES = 60
# Strength of a Bayesian mean: a product needs about this many ratings to be judged by its own.
_PRIOR_RATINGS = 20
# Maximal marginal relevance (Carbonell and Goldstein, 1998): share of relevance against variety.
_RELEVANCE_SHARE = 0.7
_QUALITY_WEIGHT = 0.15


@dataclass(frozen=True)
class Recommendation:
    """A recommended product and the reason to tell the customer."""

    product: Product
    reason: str


class Recommender:
    """Content-based recommendations over a product index, mixed with what other customers think.

    A candidate's score is its cosine to the customer's profile plus a share for quality. The profile is the
    mean of the wish in words and of the products of the history, the latest first. The list is then
    diversified by maximal marginal relevance.
    """

    def __init__(self, index: ProductIndex) -> None:
        self._index = index
        rated = [product.rating for product in index.products if product.rating is not None]
        self._mean_rating = sum(rated) / len(rated) if rated else 0.0
        counts = [product.popularity or product.rating_count for product in index.products]
        self._most_popular = max(counts, default=0) or 1

    def recommend(
        self,
        wish: str = "",
        viewed: Sequence[str] = (),
        bought: Sequence[str] = (),
        filters: Filters | None = None,
        k: int = 5,
    ) -> list[Recommendation]:
        """Recommends products that are in stock.

        Args:
            wish: what the customer said they want; may be empty.
            viewed: ids of products the customer looked at, the latest first.
            bought: ids of products the customer bought, the latest first. Neither is recommended again.
            filters: conditions from the conversation.
            k: how many.

        Returns:
            At most k recommendations, best first; the shop's favourites when nothing is known of the customer.
        """
        wish = wish.strip()
        conditions = filters or Filters()
        history = dict.fromkeys([*viewed, *bought])
        seen = [item for item in list(history)[:MAX_HISTORY] if self._index.get(item)]
        profile = self._profile(wish, seen)
        if profile is None:
            pool = [p for p in self._index.products if p.in_stock and conditions.allow(p) and p.id not in history]
            pool.sort(key=self._quality, reverse=True)
            relevance = {product.id: self._quality(product) for product in pool[:_CANDIDATES]}
        else:
            hits = self._index.search_vector(profile, min(_CANDIDATES + len(history), MAX_RESULTS), conditions)
            pool = [hit.product for hit in hits if hit.product.in_stock and hit.product.id not in history]
            scores = {hit.product.id: hit.score for hit in hits}
            relevance = {p.id: scores[p.id] + _QUALITY_WEIGHT * self._quality(p) for p in pool}
        chosen = self._diversify(pool[:_CANDIDATES], relevance, k)
        return [Recommendation(product, self._reason(product, wish, seen, bought)) for product in chosen]

    def _profile(self, wish: str, seen: Sequence[str]) -> np.ndarray | None:
        vectors, weights = [], []
        if wish:
            vectors.append(self._index.encoder.encode([wish])[0])
            weights.append(1.0)
        for vector, position in zip(self._index.vectors_of(seen), range(len(seen)), strict=True):
            vectors.append(vector)
            weights.append(DECAY**position / (2 if wish else 1))
        if not vectors:
            return None
        profile = np.average(vectors, axis=0, weights=weights).astype(np.float32)
        norm = float(np.linalg.norm(profile))
        return profile / norm if norm else None

    def _quality(self, product: Product) -> float:
        """Rating (as a Bayesian mean) and popularity in one number, 0 to 1."""
        count = product.rating_count if product.rating is not None else 0
        rating = (self._mean_rating * _PRIOR_RATINGS + (product.rating or 0) * count) / (_PRIOR_RATINGS + count)
        popularity = math.log1p(product.popularity or product.rating_count) / math.log1p(self._most_popular)
        return 0.6 * rating / 5 + 0.4 * popularity if rating else popularity

    def _diversify(self, pool: list[Product], relevance: dict[str, float], k: int) -> list[Product]:
        vectors = {
            product.id: vector for product, vector in zip(pool, self._index.vectors_of(p.id for p in pool), strict=True)
        }
        chosen: list[Product] = []
        rest = list(pool)
        while rest and len(chosen) < k:

            def gain(product: Product) -> float:
                nearest = max((float(vectors[product.id] @ vectors[other.id]) for other in chosen), default=0.0)
                return _RELEVANCE_SHARE * relevance[product.id] - (1 - _RELEVANCE_SHARE) * nearest

            best = max(rest, key=gain)
            chosen.append(best)
            rest.remove(best)
        return chosen

    def _reason(self, product: Product, wish: str, seen: Sequence[str], bought: Sequence[str]) -> str:
        """The strongest reason that is true of this product."""
        for item in seen:
            other = self._index.get(item)
            # The narrowest category has to be shared: "because you looked at a lamp" explains no sofa.
            if other and other.categories and other.categories[-1:] == product.categories[-1:]:
                return f"because you {'bought' if item in bought else 'looked at'} {other.name}"
        if product.rating is not None and product.rating >= 4 and product.rating_count:
            people = "customer" if product.rating_count == 1 else "customers"
            return f"{product.rating:.1f} of 5 from {product.rating_count} {people}"
        if wish:
            return "fits what you asked for"
        return "popular in our shop"
