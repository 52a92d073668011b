"""Reads a list of questions and answers from CSV."""

import csv
import io
import re
from collections.abc import Iterator
from pathlib import Path

from shopllm_rasa.errors import KnowledgeError
from shopllm_rasa.retrieval.pages.html import blocks_of
from shopllm_rasa.retrieval.pages.page import (
    Block,
    Page,
    checked_address,
    checked_date,
    decode,
    one_line,
    read_bytes,
)

MAX_CSV_BYTES = 20_000_000
MAX_FIELD_CHARACTERS = 50_000
_REQUIRED = ("question", "answer")
_COLUMNS = (*_REQUIRED, "category", "url", "date")
_ALSO_CALLED = {"title": "category", "topic": "category", "section": "category", "link": "url", "updated": "date"}
_MARKUP = re.compile(r"</?(?:p|br|ul|ol|li|a|b|strong|em|i|div|span|table|h[1-6])\b[^>]*>", re.I)


def read_faq(file: Path) -> list[Page]:
    """Reads questions and answers: a row each, its question the heading of its answer.

    Columns are `question` and `answer`; optional are `category` (the page's title), `url` and `date`. Answers may
    be HTML.

    Raises:
        KnowledgeError: naming line and column of what is wrong.
    """
    text = decode(read_bytes(file, MAX_CSV_BYTES), file)
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text), strict=True)
    pages = []
    columns: list[str] = []
    for line, row in _numbered(rows, file):
        if not any(cell.strip() for cell in row):
            continue
        if not columns:
            columns = _columns(row, f"{file}, line {line}")
            continue
        where = f"{file}, line {line}"
        if len(row) > len(columns):
            raise KnowledgeError(f"{where}: {len(row)} cells in this row, but {len(columns)} columns in the header.")
        pages.append(_page(dict(zip(columns, row, strict=False)), where))
    if not columns:
        raise KnowledgeError(f"{file}: the file is empty; expected a header with the columns {', '.join(_REQUIRED)}.")
    return pages


def _numbered(rows: "csv._reader", file: Path) -> Iterator[tuple[int, list[str]]]:  # type: ignore[name-defined]
    """The rows with the line each begins in."""
    line = 1
    try:
        for row in rows:
            yield line, row
            line = rows.line_num + 1
    except csv.Error as error:
        raise KnowledgeError(f"{file}, line {line}: this is not valid CSV ({error}).") from None


def _delimiter(text: str) -> str:
    """The sign that parts most columns in the header."""
    header = text.lstrip().split("\n", 1)[0]
    return max(",;\t|", key=header.count)


def _columns(header: list[str], where: str) -> list[str]:
    names = [one_line(name).casefold() for name in header]
    names = [name if name in _COLUMNS else _ALSO_CALLED.get(name, name) for name in names]
    for required in _REQUIRED:
        if required not in names:
            raise KnowledgeError(
                f"{where}: the column '{required}' is missing. Found: {', '.join(filter(None, names)) or 'none'}. "
                f"Known: {', '.join(_COLUMNS)}."
            )
    twice = next((name for name in names if name in _COLUMNS and names.count(name) > 1), None)
    if twice:
        raise KnowledgeError(f"{where}: there are two columns '{twice}'.")
    return names


def _page(row: dict[str, str], where: str) -> Page:
    for name in _REQUIRED:
        if not row.get(name, "").strip():
            raise KnowledgeError(f"{where}: '{name}' is empty.")
    for name in _COLUMNS:
        if len(row.get(name, "")) > MAX_FIELD_CHARACTERS:
            raise KnowledgeError(f"{where}: '{name}' has more than {MAX_FIELD_CHARACTERS:,} characters.")
    answer = row["answer"]
    paragraphs = (one_line(part) for part in re.split(r"\n\s*\n", answer))
    blocks = blocks_of(answer) if _MARKUP.search(answer) else [Block("text", part) for part in paragraphs if part]
    return Page(
        one_line(row.get("category", "")),
        [Block("heading", one_line(row["question"]), 2), *blocks],
        checked_address(row.get("url"), where),
        checked_date(row.get("date"), "date", where),
    )
