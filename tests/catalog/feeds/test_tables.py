from pathlib import Path

import pytest

from shopllm_rasa.catalog import FeedReport, Product, read_catalog
from shopllm_rasa.catalog.feeds import source


def read(path: Path) -> tuple[list[Product], FeedReport]:
    report = FeedReport()
    return list(read_catalog(path, on_error="skip", report=report)), report


def rows(first: int, last: int) -> str:
    return "".join(f"Pan {number},{number},round\n" for number in range(first, last))


@pytest.mark.parametrize("length", [30, 3_000])
@pytest.mark.parametrize("cell", ['"Kettle,5,tall', 'Kettle,5,"tall', 'Kettle,"5,tall'])
def test_a_quote_that_is_never_closed_costs_one_row(tmp_path: Path, cell: str, length: int) -> None:
    path = tmp_path / "feed.csv"
    path.write_text(f"name,price,description\n{rows(0, 10)}{cell}\n{rows(10, length)}", encoding="utf-8")
    products, report = read(path)
    assert len(products) == length
    assert [problem.line for problem in report.problems] == [12]
    assert "a quoted cell does not end" in report.problems[0].reason
    assert report.rows == length + 1


def test_a_quote_that_swallows_another(tmp_path: Path) -> None:
    path = tmp_path / "feed.csv"
    text = f'name,price,description\n{rows(0, 5)}Kettle,5,"tall\n{rows(5, 2_000)}Pot,5,"a, b"\n'
    path.write_text(text, encoding="utf-8")
    products, report = read(path)
    assert len(products) == 2_001
    assert products[-1].description == "a, b"
    assert [problem.line for problem in report.problems] == [7]


def test_long_cells_over_many_lines_are_read(tmp_path: Path) -> None:
    path = tmp_path / "feed.csv"
    text = "\n".join("line" for _ in range(source.MAX_RECORD_LINES - 10))
    path.write_text(f'name,price,description\nPan,5,"{text}"\nPot,6,', encoding="utf-8")
    products, _ = read(path)
    assert [product.name for product in products] == ["Pan", "Pot"]


@pytest.mark.parametrize("ends", [("\n", "\r\n"), ("\r\n", "\n"), ("\r", "\r\n"), ("\r", "\r")])
def test_mixed_line_endings(tmp_path: Path, ends: tuple[str, str]) -> None:
    path = tmp_path / "feed.csv"
    lines = ["name,price", "Pan,5", 'Pot,"6"', "bad", "Lid,7"]
    text = "".join(line + ends[number % 2] for number, line in enumerate(lines))
    path.write_bytes(text.encode())
    products, report = read(path)
    assert [product.name for product in products] == ["Pan", "Pot", "Lid"]
    assert [problem.line for problem in report.problems] == [4]


def test_one_bad_byte_costs_one_row(tmp_path: Path) -> None:
    path = tmp_path / "feed.csv"
    path.write_bytes("name,price\nCafetière,5\n".encode() + "Crème,5\n".encode("latin-1") + b"Pan,6\n")
    products, report = read(path)
    assert [product.name for product in products] == ["Cafetière", "Pan"]
    assert str(report.problems[0]).startswith("line 3: byte 3 is not UTF-8")


def test_a_line_without_end_is_not_kept_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "MAX_LINE_CHARACTERS", 1_000)
    path = tmp_path / "feed.csv"
    path.write_text(f"name,price\n{'x' * 50_000}\nPan,5\nPot,6\n", encoding="utf-8")
    products, report = read(path)
    assert [product.name for product in products] == ["Pan", "Pot"]
    assert str(report.problems[0]) == "line 2: the line has 50,001 characters; at most 1,000 are allowed"
