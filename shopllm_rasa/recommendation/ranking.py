"""Ranks products for one customer: four views of what suits them, mixed."""

from collections.abc import Iterable, Sequence
from typing import Protocol

import numpy as np

from shopllm_rasa.recommendation.behaviour import BehaviourModel
from shopllm_rasa.recommendation.mix import PARTS, Mix
from shopllm_rasa.recommendation.signals import History

# Candidates that each view brings.
CANDIDATES = 150
# Products of a history whose surroundings are searched for candidates.
_SEARCHED = 5
# A likeness counts by this power: products that resemble one liked product closely come before those that resemble
# all of them a little.
_SHARPNESS = 3
# Share of the customers' ratings in popularity, where there is demand to go by as well.
_QUALITY_SHARE = 0.2


class Content(Protocol):
    """What is known of products apart from what customers do with them."""

    def vectors(self, ids: Sequence[str]) -> np.ndarray:
        """Unit vectors of products, float32 of shape (ids, dimensions); zeros for what is not known."""

    def near(self, vector: np.ndarray, count: int) -> list[str]:
        """Ids of the products nearest to a vector, the nearest first."""

    def quality(self, ids: Sequence[str]) -> np.ndarray:
        """What customers think of products, 0 to 1, float32 of shape (ids,)."""

    def best(self, count: int) -> list[str]:
        """Ids of the products of the highest quality, the best first."""


class Ranker:
    """Scores products for one customer.

    A part is scaled so that its strongest candidate has 1. The mix counts w / (w + 1) where w is the weight of the
    customer's history; the rest is popularity, so that a newcomer gets what is popular.
    """

    def __init__(self, behaviour: BehaviourModel | None, content: Content | None) -> None:
        self._behaviour = behaviour
        self._content = content

    def candidates(self, history: History) -> list[str]:
        """Products worth scoring: what each of the four views puts first."""
        found: dict[str, None] = {}
        liked = _liked(history)
        if self._content is not None:
            vectors = self._content.vectors(liked[:_SEARCHED])
            for vector in vectors[vectors.any(axis=1)]:
                found.update(dict.fromkeys(self._content.near(vector, CANDIDATES // max(1, len(vectors)) + 1)))
            found.update(dict.fromkeys(self._content.best(CANDIDATES)))
        if self._behaviour is not None:
            for scores in (*self._behavioural(history), self._behaviour.popularity):
                found.update(dict.fromkeys(self._behaviour.products[number] for number in _top(scores, CANDIDATES)))
        return list(found)

    def parts(self, history: History, ids: Sequence[str]) -> np.ndarray:
        """The four views of products, float32 of shape (4, ids).

        Each is 0 to 1, but for content: what is like a product that the customer disliked has less than 0.
        """
        parts = np.zeros((len(PARTS), len(ids)), np.float32)
        if not ids:
            return parts
        parts[PARTS.index("content")] = self._likeness(history, ids)
        if self._behaviour is not None:
            numbers = [self._behaviour.number(product) for product in ids]
            known = np.array([number is not None for number in numbers])
            rows = np.array([number for number in numbers if number is not None], np.int64)
            neighbours, collaborative = self._behavioural(history)
            for name, scores in (
                ("neighbours", neighbours),
                ("collaborative", collaborative),
                ("popularity", self._behaviour.popularity),
            ):
                parts[PARTS.index(name), known] = np.maximum(scores[rows], 0)
        if self._content is not None:
            demand = parts[PARTS.index("popularity")]
            share = _QUALITY_SHARE if self._behaviour is not None else 1
            parts[PARTS.index("popularity")] = (1 - share) * demand + share * self._content.quality(ids)
        best = np.abs(parts).max(axis=1, keepdims=True)
        return np.asarray(parts / np.where(best > 0, best, 1), np.float32)

    def scores(self, history: History, ids: Sequence[str], mix: Mix) -> np.ndarray:
        """How well products suit a customer, 0 to 1, float32 of shape (ids,)."""
        return mixed(self.parts(history, ids), mix, trust(history))

    def _behavioural(self, history: History) -> tuple[np.ndarray, np.ndarray]:
        """Scores of all products of the model by neighbours, and by the collaborative model."""
        model = self._behaviour
        if model is None:
            return np.zeros(0, np.float32), np.zeros(0, np.float32)
        neighbours, collaborative = np.zeros(len(model), np.float32), np.zeros(len(model), np.float32)
        known = [
            (number, history.weights[item]) for item in _liked(history) if (number := model.number(item)) is not None
        ]
        if not known:
            return neighbours, collaborative
        numbers = np.array([number for number, _ in known])
        strengths = np.log1p(np.array([weight for _, weight in known], np.float32))
        for number, strength in zip(numbers.tolist(), strengths.tolist(), strict=True):
            items, scores = model.neighbours.of(number)
            neighbours[items] += strength * scores
        if model.factors is not None:
            collaborative = model.factors.scores(numbers, strengths)
        return neighbours, collaborative

    def _likeness(self, history: History, ids: Sequence[str]) -> np.ndarray:
        if self._content is None or not history.weights:
            return np.zeros(len(ids), np.float32)
        past = list(history.weights)
        weights = np.array([history.weights[item] for item in past], np.float32)
        cosines = np.maximum(self._content.vectors(ids) @ self._content.vectors(past).T, 0)
        return np.asarray(cosines**_SHARPNESS @ (weights / np.abs(weights).sum()), np.float32)


def mixed(parts: np.ndarray, mix: Mix, trusted: float) -> np.ndarray:
    """Puts the parts of `Ranker.parts` together."""
    personal = mix.values() @ parts
    return np.asarray(trusted * personal + (1 - trusted) * parts[PARTS.index("popularity")], np.float32)


def trust(history: History) -> float:
    """How much a history counts against popularity, 0 to below 1."""
    total = sum(abs(weight) for weight in history.weights.values())
    return total / (total + 1)


def _liked(history: History) -> list[str]:
    return [item for item, weight in history.weights.items() if weight > 0]


def _top(scores: np.ndarray, count: int) -> Iterable[int]:
    if len(scores) > count:
        best = np.argpartition(-scores, count)[:count]
        best = best[np.lexsort((best, -scores[best]))]
    else:
        best = np.argsort(-scores, kind="stable")
    return (int(number) for number in best if scores[number] > 0)


def diversified(relevance: np.ndarray, vectors: np.ndarray, count: int, variety: float) -> list[int]:
    """Chooses by maximal marginal relevance.

    (Carbonell and Goldstein, "The use of MMR, diversity-based reranking for reordering documents and producing
    summaries", 1998.) Each step takes the product with the highest
    (1 − variety) × relevance − variety × its cosine to the nearest product chosen before.

    Args:
        relevance: float of shape (products,), about 0 to 1.
        vectors: unit vectors of shape (products, dimensions).
        count: how many to choose.
        variety: 0 for relevance alone.

    Returns:
        Places of the chosen ones, in order.
    """
    chosen: list[int] = []
    nearest = np.zeros(len(relevance), np.float32)
    free = np.ones(len(relevance), bool)
    while len(chosen) < min(count, len(relevance)):
        gain = np.where(free, (1 - variety) * relevance - variety * nearest, -np.inf)
        best = int(gain.argmax())
        chosen.append(best)
        free[best] = False
        nearest = np.maximum(nearest, vectors @ vectors[best])
    return chosen
