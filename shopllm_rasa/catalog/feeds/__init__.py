"""The formats of product feeds. A new one is a module with `NAME`, `recognises` and `read`, and a line here."""

from collections.abc import Callable

from shopllm_rasa.catalog.feeds import google_merchant, json_lines, magento, plain_table, shopify, woocommerce
from shopllm_rasa.catalog.feeds.records import Items
from shopllm_rasa.catalog.feeds.source import Feed
from shopllm_rasa.catalog.feeds.tables import read_header
from shopllm_rasa.errors import CatalogError

READERS: dict[str, Callable[[Feed], Items]] = {
    module.NAME: module.read
    for module in (json_lines, plain_table, shopify, woocommerce, magento, google_merchant)
}  # fmt: skip
# In this order a table's columns are asked about; what none of them recognises is a plain table.
_TABLES = (shopify, woocommerce, magento, google_merchant)

_JSON_ENDINGS = (".jsonl", ".ndjson")
_TABLE_ENDINGS = (".csv", ".tsv", ".txt")
_XML_ENDINGS = (".xml", ".rss", ".atom")


def format_of(feed: Feed) -> str:
    """The name of a feed's format: what the settings say, else told from the file's ending, beginning and columns.

    Raises:
        CatalogError: if it cannot be told.
    """
    chosen = feed.settings.format
    ending = feed.path.suffix.lower()
    if chosen == "auto" and ending not in (*_JSON_ENDINGS, *_TABLE_ENDINGS, *_XML_ENDINGS):
        endings = ", ".join((*_JSON_ENDINGS, *_TABLE_ENDINGS, *_XML_ENDINGS))
        raise CatalogError(f"{feed.path}: unknown kind of feed. Known endings: {endings}. Others need --format.")
    feed.check()
    if chosen != "auto":
        return chosen
    if ending in _JSON_ENDINGS:
        return json_lines.NAME
    if google_merchant.is_xml(feed):
        return google_merchant.NAME
    if ending in _XML_ENDINGS:
        raise CatalogError(f"{feed.path}: the file ends in {ending}, but does not begin as XML does.")
    if feed.settings.has_columns:
        return plain_table.NAME
    _, header = read_header(feed)
    if header and header[0].startswith("{"):
        return json_lines.NAME
    names = frozenset(name.lower() for name in header)
    return next((module.NAME for module in _TABLES if module.recognises(names)), plain_table.NAME)
