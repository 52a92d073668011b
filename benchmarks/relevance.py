"""The labelled shopper queries: how relevant each product is, decided by the catalogue's fields alone.

`data/electronics_queries.jsonl` has a query a line. `grades` are rules, read by a person against the catalogue: a
product has the highest grade of the rules it fulfils (3 what was asked for, 2 that but for a softer wish, 1 a
neighbour one would look at, 0 else). `must` is what the customer insisted on; a product that breaks it has grade 0.
A rule's conditions all have to hold: `is` names definitions of `data/electronics_kinds.json`; `name`, `not_name`,
`text` (name and description) and `category` (the whole path) are regular expressions found there, `brand` one that the
brand begins with; `price_min` and `price_max` are limits. Where there are several, each has to hold, and none of
`not_name`. So the judgements cover the whole catalogue, and no search had a say in them.

`split` is 'tune' for every choice, and 'test' for the last table alone.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from shopllm_rasa.catalog import Product

DATA = Path(__file__).parent / "data"
HIGHEST_GRADE = 3

Rule = Mapping[str, Any]


@dataclass(frozen=True)
class LabelledQuery:
    """A query and what is right for it.

    Attributes:
        id: its key.
        split: 'tune' or 'test'.
        kind: device, brand, code, typo, limit, sort, everyday or name.
        text: what a shopper wrote.
        must: the rule every shown product has to fulfil; empty where the shopper insisted on nothing.
        grades: the rules, each with its 'grade'.
    """

    id: str
    split: str
    kind: str
    text: str
    must: Rule
    grades: tuple[Rule, ...]


def read_queries(file: Path = DATA / "electronics_queries.jsonl") -> list[LabelledQuery]:
    rows = map(json.loads, file.read_text(encoding="utf-8").splitlines())
    return [
        LabelledQuery(row["id"], row["split"], row["kind"], row["query"], row.get("must", {}), tuple(row["grades"]))
        for row in rows
    ]


class Judge:
    """Grades the products of a catalogue."""

    def __init__(self, products: Sequence[Product], kinds: Path = DATA / "electronics_kinds.json") -> None:
        self._kinds = json.loads(kinds.read_text(encoding="utf-8"))
        self._products = products
        self._known: dict[str, np.ndarray] = {}

    def grades(self, query: LabelledQuery) -> np.ndarray:
        """The grade of each product, int8 of shape (products,)."""
        grades = np.zeros(len(self._products), dtype=np.int8)
        for rule in query.grades:
            fulfils = self.fulfil({name: value for name, value in rule.items() if name != "grade"})
            grades = np.maximum(grades, np.where(fulfils, rule["grade"], 0).astype(np.int8))
        return np.where(self.fulfil(query.must), grades, 0).astype(np.int8)

    def fulfil(self, rule: Rule) -> np.ndarray:
        """Which products fulfil a rule, bool of shape (products,)."""
        mask = np.ones(len(self._products), dtype=bool)
        for name, value in rule.items():
            if name == "is":
                for kind in _several(value):
                    if kind not in self._known:
                        self._known[kind] = self.fulfil(self._kinds[kind])
                    mask &= self._known[kind]
            else:
                mask &= np.array([_holds(name, value, product) for product in self._products])
        return mask


def _holds(name: str, value: Any, product: Product) -> bool:
    if name == "price_min":
        return product.price >= value
    if name == "price_max":
        return float(product.price) <= value
    if name == "brand":
        return re.match(value, product.brand, re.I) is not None
    text = {
        "name": product.name,
        "not_name": product.name,
        "text": f"{product.name} {product.description}",
        "category": " > ".join(product.categories),
    }[name]
    found = [re.search(pattern, text, re.I) is not None for pattern in _several(value)]
    return not any(found) if name == "not_name" else all(found)


def _several(value: str | Sequence[str]) -> Sequence[str]:
    return [value] if isinstance(value, str) else value


def ndcg(ranked: Sequence[int], grades: np.ndarray, k: int = 10) -> float:
    """Normalised discounted cumulative gain of the first k, 0 to 1.

    The gain of a grade is 2**grade - 1, the discount log2 of the rank plus one (Järvelin and Kekäläinen, "Cumulated
    gain-based evaluation of IR techniques", 2002; this gain is that of Burges et al., "Learning to rank using gradient
    descent", 2005). The ideal is the catalogue's best order.
    """
    ideal = _gain(np.sort(grades)[::-1][:k])
    return _gain(grades[list(ranked[:k])]) / ideal if ideal else 0.0


def recall(ranked: Sequence[int], grades: np.ndarray, k: int = 10) -> float:
    """How many of the best-graded products are among the first k, of as many as could be."""
    best = grades == grades.max()
    return float(best[list(ranked[:k])].sum() / min(k, best.sum()))


def _gain(grades: Iterable[int]) -> float:
    gains = 2.0 ** np.asarray(list(grades), dtype=float) - 1
    return float((gains / np.log2(np.arange(2, len(gains) + 2))).sum())
