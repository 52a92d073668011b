import csv
import io
from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path

import pytest

from shopllm_rasa.catalog import FeedReport, Product, read_catalog
from shopllm_rasa.settings import CatalogSettings

TODAY = date(2026, 11, 25)

ReadRows = Callable[..., tuple[dict[str, Product], FeedReport]]


@pytest.fixture
def read_text(tmp_path: Path) -> ReadRows:
    """Reads a feed of a text; gives its products by id and the report."""

    def read(
        text: str | bytes, name: str = "feed.csv", settings: CatalogSettings | None = None, currency: str = "EUR"
    ) -> tuple[dict[str, Product], FeedReport]:
        path = tmp_path / name
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        report = FeedReport()
        found = read_catalog(path, settings=settings, currency=currency, on_error="skip", report=report, today=TODAY)
        return {product.id: product for product in found}, report

    return read


@pytest.fixture
def read_rows(read_text: ReadRows) -> ReadRows:
    """As `read_text`, of rows that name the columns they fill; the header has all of `columns`."""

    def read(columns: list[str], *rows: Mapping[str, object], delimiter: str = ",", **options: object):
        stream = io.StringIO()
        writer = csv.DictWriter(stream, columns, delimiter=delimiter)
        writer.writeheader()
        writer.writerows(rows)
        return read_text(stream.getvalue(), **options)

    return read
