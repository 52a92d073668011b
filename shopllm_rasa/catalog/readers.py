"""Reads product feeds of any known format, and says exactly what is wrong with a bad row."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Literal

from shopllm_rasa.catalog.feed_report import FeedReport
from shopllm_rasa.catalog.feeds import READERS, format_of
from shopllm_rasa.catalog.feeds.products import ProductMaker
from shopllm_rasa.catalog.feeds.records import BadRowError, Refusal
from shopllm_rasa.catalog.feeds.source import Feed
from shopllm_rasa.catalog.product import Product
from shopllm_rasa.settings import CatalogSettings


def read_catalog(
    path: str | Path,
    *,
    currency: str = "EUR",
    settings: CatalogSettings | None = None,
    on_error: Literal["stop", "skip"] = "stop",
    report: FeedReport | None = None,
    today: date | None = None,
    progress: bool = False,
) -> Iterator[Product]:
    """Reads a feed, a product at a time. Memory does not grow with the feed.

    A row without an id gets one made from its brand, name and address, so the same feed gives the same ids each time.

    Args:
        path: the feed. Its format is told from the file unless the settings name it.
        currency: ISO 4217 code for rows that name none.
        settings: format, columns and decimal sign; the defaults where None.
        on_error: 'stop' refuses a feed with a bad row as a whole, after all bad rows were found; 'skip' leaves bad rows
            out, and refuses the feed only when these are more than half. Either is decided at the end.
        report: takes the counts and the rows that were left out.
        today: decides whether a sale price is in force; the day of the reading where None.
        progress: whether to show a progress bar on standard error.

    Yields:
        The products: those of single rows in the order of the feed, then those with variants. With 'stop' none behind
        the first bad row.

    Raises:
        CatalogError: naming the file, the lines and what is allowed.
    """
    feed = Feed(Path(path), settings or CatalogSettings(), today or date.today(), progress)
    found = FeedReport() if report is None else report
    for product in _products(feed, currency, found):
        if on_error == "skip" or not found.bad_rows:
            yield product
    found.check(stop_at_bad_rows=on_error == "stop")


def check_catalog(
    path: str | Path, *, currency: str = "EUR", settings: CatalogSettings | None = None, progress: bool = False
) -> FeedReport:
    """Reads a feed to its end for the report alone, whatever its rows are like.

    Raises:
        CatalogError: if the file cannot be read as a feed at all.
    """
    report = FeedReport()
    for _ in _products(Feed(Path(path), settings or CatalogSettings(), progress=progress), currency, report):
        pass
    return report


def _products(feed: Feed, currency: str, report: FeedReport) -> Iterator[Product]:
    report.path, report.format = feed.path, format_of(feed)
    maker = ProductMaker(currency)
    try:
        for item in READERS[report.format](feed):
            report.rows += item.rows
            if isinstance(item, Refusal):
                report.add(item)
                continue
            try:
                product, refusals = maker.product(item)
            except BadRowError as error:
                report.add(Refusal(item.line, error, item.rows))
                continue
            for refusal in refusals:
                report.add(refusal)
            report.products += 1
            report.variants += len(product.variants)
            yield product
    finally:
        maker.close()
