"""The labels of the question sets: a benchmark is no better than they are."""

import importlib.util
import json
import os
import sys
from collections import Counter
from pathlib import Path
from types import ModuleType

import pytest

from shopllm_rasa.catalog import Product

ROOT = Path(__file__).parent.parent.parent
ELECTRONICS = Path(os.environ.get("SHOPLLM_SHARED", ROOT.parent / "shared")) / "catalogs" / "electronics_3291.jsonl"


def _load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("questions", ROOT / "benchmarks" / "questions.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["questions"] = module
    spec.loader.exec_module(module)
    return module


questions = _load()


@pytest.mark.parametrize(("name", "at_least"), [("demo", 150), ("electronics", 50)])
def test_the_sets_are_as_large_and_as_mixed_as_promised(name: str, at_least: int) -> None:
    rows = questions.read_questions(name)
    assert len(rows) >= at_least
    assert len({(row.text, row.history) for row in rows}) == len(rows)
    assert 0.30 <= sum(not row.answerable for row in rows) / len(rows) <= 0.37
    assert 0.32 <= sum(row.split == "test" for row in rows) / len(rows) <= 0.36
    kinds = {split: {row.kind for row in rows if row.split == split} for split in questions.SPLITS}
    assert kinds["dev"] == kinds["test"]
    for part in ("paraphrase", "typo", "follow_up", "two_part"):
        assert any(part in kind for kind in kinds["dev"])
    assert Counter(row.split for row in rows).keys() == set(questions.SPLITS)


def test_required_facts_stand_on_the_named_pages(data_dir: Path) -> None:
    for row in questions.read_questions("demo"):
        assert bool(row.sources or row.products) == row.answerable == bool(row.facts), row.text
        if row.sources:
            text = " ".join((data_dir / "knowledge" / page).read_text(encoding="utf-8") for page in row.sources)
            assert questions.has_facts(text, row.facts), row


def test_required_facts_are_facts_of_the_named_products(demo_catalog: list[Product]) -> None:
    by_name = {product.name: product for product in demo_catalog}
    for row in questions.read_questions("demo"):
        if row.products:
            text = " ".join(f"{by_name[name].search_text} {by_name[name].price_text}" for name in row.products)
            assert questions.has_facts(text, row.facts), row


@pytest.mark.skipif(not ELECTRONICS.exists(), reason="the electronics catalogue is not on this machine")
def test_required_facts_are_facts_of_the_electronics_catalogue() -> None:
    texts: dict[str, str] = {}
    for line in ELECTRONICS.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        texts[row["name"]] = (
            f"{texts.get(row['name'], '')} {row['name']} {row['brand']} {row['price']} {row['description']}"
        )
    for row in questions.read_questions("electronics"):
        assert bool(row.products) == row.answerable == bool(row.facts), row.text
        if row.products:
            assert questions.has_facts(" ".join(texts[name] for name in row.products), row.facts), row


@pytest.mark.parametrize(
    ("reply", "fact", "found"),
    [
        ("It costs 129.00 EUR.", "€129", True),
        ("It costs € 4,95.", "€4.95", False),
        ("There is a 30-day return period.", "30 days", True),
        ("The carrier tries 2 times.", "two times", True),
        ("It costs €50.", "€5", False),
        ("It costs €4.50.", "50", False),
        ("It is 14.5 inches.", "4.5", False),
        ("Up to 8 feet.", "8", True),
    ],
)
def test_a_fact_is_found_in_any_spelling_but_not_inside_another_number(reply: str, fact: str, found: bool) -> None:
    assert questions.has_facts(reply, ((fact,),)) is found
