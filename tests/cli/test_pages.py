import json
from pathlib import Path

import pytest

from shopllm_rasa.retrieval import ProductIndex


@pytest.fixture
def pages(tmp_path: Path) -> Path:
    folder = tmp_path / "new-pages"
    folder.mkdir()
    (folder / "parrots.md").write_text(
        "# Parrots\n\n## Feeding\n\nParrots eat seeds. They like fruit.\n", encoding="utf-8"
    )
    (folder / "faq.csv").write_text("question,answer\nDo parrots talk?,Some do.\n", encoding="utf-8")
    return folder


def test_pages_are_replaced_and_products_stay(shopllm, index_copy: Path, pages: Path) -> None:
    before = len(ProductIndex.open(index_copy))
    done = shopllm("index", "pages", "--knowledge", pages, "--index", index_copy, "--json")
    assert done.code == 0
    assert json.loads(done.out) == {"pages": 2, "passages": 2, "embedded": 4}
    assert len(ProductIndex.open(index_copy)) == before
    answer = json.loads(shopllm("ask", "What do parrots eat?", "--index", index_copy, "--json").out)
    assert [(source["path"], source["section"]) for source in answer["sources"]] == [("parrots.md", "Feeding")]

    (pages / "faq.csv").write_text("question,answer\nDo parrots talk?,Most do.\n", encoding="utf-8")
    done = shopllm("index", "pages", "--knowledge", pages, "--index", index_copy)
    assert done.out == f"2 passages of 2 pages in {index_copy}; 1 texts were new\n"


def test_a_folder_without_pages_changes_nothing(shopllm, index_copy: Path, tmp_path: Path) -> None:
    manifest = (index_copy / "manifest.json").read_bytes()
    (tmp_path / "empty").mkdir()
    done = shopllm("index", "pages", "--knowledge", tmp_path / "empty", "--index", index_copy)
    assert (done.code, done.out) == (1, "")
    assert "There is no page with text below" in done.err
    assert ".md, .markdown, .html, .htm, .pdf, .csv" in done.err
    assert (index_copy / "manifest.json").read_bytes() == manifest
