"""The benchmark's own check of facts: finds what is made up, leaves alone what a page says."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

from shopllm_rasa.retrieval.knowledge import read_knowledge

ROOT = Path(__file__).parent.parent.parent


def _load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("fact_check", ROOT / "benchmarks" / "fact_check.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["fact_check"] = module
    spec.loader.exec_module(module)
    return module


fact_check = _load()


def test_every_sentence_of_a_page_is_supported_by_its_page(data_dir: Path) -> None:
    for passage in read_knowledge(data_dir / "knowledge"):
        page = (data_dir / "knowledge" / passage.path).read_text(encoding="utf-8")
        for sentence in passage.sentences:
            assert fact_check.unsupported_facts(sentence, page) == []


@pytest.mark.parametrize(
    ("reply", "missing"),
    [
        ("You have thirty-one days.", []),  # a number word it does not know is no number: the guard's task
        ("Electronics can be returned within 31 days.", ["31 day"]),
        ("Electronics can be returned within 30 working days.", ["30 working"]),
        ("A return from the UK costs 5.95 GBP.", ["5.95 gbp", "GBP"]),
        ("A return from the UK costs 4.95 EUR.", []),
        ("Returns are handled by Fedex.", ["Fedex"]),
        ("Write to returns@elsewhere.example.", ["returns@elsewhere.example"]),
        ("See https://elsewhere.example/returns for it.", ["https://elsewhere.example/returns"]),
        ("Gifts can be returned until 15 February.", ["15 february", "February"]),
        ("Clothing has sixty days, and electronics have 30-day returns.", []),
        ("The two of them: 14 days and 60 days.", ["2"]),
    ],
)
def test_what_the_page_does_not_say_is_found(data_dir: Path, reply: str, missing: list[str]) -> None:
    page = (data_dir / "knowledge" / "returns.md").read_text(encoding="utf-8")
    assert fact_check.unsupported_facts(reply, page) == missing


def test_what_is_cited_is_read_whole(data_dir: Path) -> None:
    products = fact_check.product_texts(data_dir / "catalog" / "products.jsonl")
    name = "Sonavale Drift Max Noise-Cancelling Headphones"
    text = fact_check.source_text("product:AUD-1187", name, data_dir / "knowledge", products)
    assert fact_check.unsupported_facts("Battery life: 60 hours. Price: 249.00 EUR.", text) == []
    assert fact_check.unsupported_facts("Battery life: 40 hours.", text) == ["40 hour"]
    assert "30 days" in fact_check.source_text("returns.md", "Returns", data_dir / "knowledge", products)
    assert fact_check.source_text("../../README.md", "Nothing", data_dir / "knowledge", products) == ""
