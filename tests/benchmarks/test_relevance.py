import json
import re
from collections import Counter
from decimal import Decimal

import numpy as np
import pytest

from benchmarks.relevance import DATA, HIGHEST_GRADE, Judge, LabelledQuery, ndcg, read_queries, recall
from shopllm_rasa.catalog import Product

KINDS = json.loads((DATA / "electronics_kinds.json").read_text(encoding="utf-8"))
PATTERNS = {"name", "not_name", "text", "category", "brand"}


def several(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


def product(name: str, price: str = "20", brand: str = "OtterBox") -> Product:
    return Product(name, name, Decimal(price), brand=brand, categories=("Phones", "Cell Phone Cases & Clips"))


class TestData:
    def test_enough_queries_to_tune_on_and_to_keep_out(self) -> None:
        queries = read_queries()
        splits = Counter(query.split for query in queries)
        assert set(splits) == {"tune", "test"}
        assert splits["tune"] >= 150
        assert splits["test"] >= 50
        assert len({query.id for query in queries}) == len({query.text for query in queries}) == len(queries)

    def test_every_rule_can_be_read(self) -> None:
        rules = [*KINDS.values()]
        for query in read_queries():
            assert max(rule["grade"] for rule in query.grades) == HIGHEST_GRADE
            rules += [*query.grades, query.must]
        for rule in rules:
            assert set(rule) <= {*PATTERNS, "is", "grade", "price_min", "price_max"}
            assert set(several(rule.get("is", []))) <= set(KINDS)
            for name in PATTERNS & set(rule):
                for pattern in several(rule[name]):
                    re.compile(pattern)


class TestJudge:
    def test_the_highest_grade_counts_and_what_breaks_a_must_is_wrong(self) -> None:
        products = [
            product("Case for iPhone 7 - Black"),
            product("Case for iPhone 7 Plus - Black"),
            product("Case for iPhone 7 - Pink"),
            product("Case for iPhone 7 - Black (large)", "50"),
            product("Case for iPhone 7 - Blue", brand="Speck"),
            product("Cable"),
        ]
        query = LabelledQuery(
            "q1",
            "tune",
            "limit",
            "otterbox case for iphone 7 under 40, not pink",
            {"brand": "otterbox", "price_max": 40, "not_name": "pink"},
            ({"grade": 3, "is": ["case", "iphone 7"]}, {"grade": 1, "is": "case"}),
        )
        assert Judge(products).grades(query).tolist() == [3, 1, 0, 0, 0, 0]


class TestMeasures:
    def test_ndcg(self) -> None:
        grades = np.array([3, 2, 0, 1])
        assert ndcg([0, 1, 3, 2], grades) == pytest.approx(1)
        worse = (1 + 3 / np.log2(3) + 7 / 2) / (7 + 3 / np.log2(3) + 1 / 2)
        assert ndcg([3, 1, 0], grades, 3) == pytest.approx(worse)
        assert ndcg([], grades) == 0
        assert ndcg([0], np.zeros(4)) == 0

    def test_recall(self) -> None:
        assert recall([0, 1, 2], np.array([3, 2, 3, 1]), 3) == 1
        assert recall([1, 3], np.array([3, 2, 3, 1]), 2) == 0
        assert recall([0], np.array([3, 3, 3, 3]), 2) == 0.5
