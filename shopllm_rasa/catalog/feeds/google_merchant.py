"""Google Merchant Center's product feeds: RSS 2.0 and Atom with `g:` elements, and TSV or CSV.

Items with the same `item_group_id` are variants of one product. Source: Google Merchant Center Help, "Product data
specification".
"""

from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from shopllm_rasa.catalog.feeds.amounts import read_date, sale_is_on
from shopllm_rasa.catalog.feeds.grouping import Groups
from shopllm_rasa.catalog.feeds.product_xml import Item as Fields
from shopllm_rasa.catalog.feeds.product_xml import read_items
from shopllm_rasa.catalog.feeds.records import BadRowError, Item, NotForSaleError, Record, Refusal
from shopllm_rasa.catalog.feeds.source import Feed
from shopllm_rasa.catalog.feeds.tables import read_table
from shopllm_rasa.catalog.feeds.variants import records_of

NAME = "google_merchant"

_ATTRIBUTES = ("color", "size", "material", "pattern", "gender", "age_group")
_AVAILABILITY = ("in_stock", "out_of_stock", "preorder", "backorder")
_COUNTS = ("sell_on_google_quantity", "quantity")


def recognises(header: frozenset[str]) -> bool:
    """Whether a table's columns, in lower case, are Google Merchant's."""
    names = {_plain_name(name) for name in header}
    return {"id", "title", "price"} <= names and bool({"availability", "image_link", "google_product_category"} & names)


def read(feed: Feed) -> Iterator[Item]:
    """Reads the feed; items without a group first, then the groups."""
    groups = Groups()
    for line, found in read_items(feed) if is_xml(feed) else _table_items(feed):
        try:
            if isinstance(found, BadRowError):
                raise found
            group, values = _values(found, feed)
        except BadRowError as error:
            yield Refusal(line, error)
            continue
        if group:
            groups.add(group, line, {**values, "group_id": group})
        else:
            yield Record(line, values, decimal=".")
    yield from records_of(groups, ".")


def is_xml(feed: Feed) -> bool:
    """Whether a file begins as XML does."""
    with feed.path.open("rb") as stream:
        start = stream.read(200)
    for encoding, mark in (("utf-16", b"\xff\xfe"), ("utf-16", b"\xfe\xff"), ("utf-8-sig", b"")):
        if start.startswith(mark):
            return start.decode(encoding, "ignore").lstrip().startswith("<")
    return False


@lru_cache(maxsize=1_000)
def _plain_name(name: str) -> str:
    return name.strip().lower().removeprefix("g:").replace(" ", "_")


def _table_items(feed: Feed) -> Iterator[tuple[int, Fields | BadRowError]]:
    for item in read_table(feed):
        if isinstance(item, Refusal):
            yield item.line, item.error
            continue
        line, cells = item
        fields: Fields = {}
        for name, text in cells.items():
            fields.setdefault(_plain_name(name), []).append(text)
        details = [part for text in fields.pop("product_detail", []) for part in text.split(",")]
        if details:
            fields["product_detail"] = details
        yield line, fields


def _values(fields: Fields, feed: Feed) -> tuple[str | None, dict[str, Any]]:
    first = {name: texts[0] for name, texts in fields.items() if texts}
    if "expiration_date" in first and read_date(first["expiration_date"]) < feed.today:
        raise NotForSaleError(f"it expired on {first['expiration_date'][:10]}", "expired")
    start, _, end = first.get("sale_price_effective_date", "").partition("/")
    on_sale = "sale_price" in first and sale_is_on(start.strip(), end.strip(), feed.today)
    availability = first.get("availability", "in_stock").lower().replace(" ", "_")
    if availability not in _AVAILABILITY:
        allowed = ", ".join(_AVAILABILITY)
        raise BadRowError(f"'availability' is '{availability[:40]}'; allowed: {allowed}", "availability")
    attributes: dict[str, Any] = {name.replace("_", " "): first[name] for name in _ATTRIBUTES if name in first}
    if "color" in attributes and "/" in attributes["color"]:
        attributes["color"] = [part.strip() for part in attributes["color"].split("/") if part.strip()]
    if first.get("condition", "new").lower() != "new":
        attributes["condition"] = first["condition"]
    if availability in ("preorder", "backorder"):
        attributes["availability"] = availability
    for detail in fields.get("product_detail", []):
        _, name, value = (part.strip() for part in [*detail.split(":", 2), "", ""][:3])
        if name and value:
            attributes.setdefault(name, value)
    texts = [first.get("description", ""), *fields.get("product_highlight", [])]
    return first.get("item_group_id"), {
        "id": first.get("id"),
        "name": first.get("title"),
        "description": ". ".join(text.rstrip(". ") for text in texts if text) if len(texts) > 1 else texts[0],
        "brand": first.get("brand"),
        "categories": _categories(first),
        "price": first.get("price"),
        "sale_price": first["sale_price"] if on_sale else None,
        "stock": _stock(first, availability),
        "attributes": attributes,
        "image": first.get("image_link"),
        "url": first.get("link"),
        "codes": [*fields.get("gtin", []), *fields.get("mpn", [])],
    }


def _stock(first: dict[str, str], availability: str) -> int | None:
    """None left unless it is in stock; how many there are is mostly not told."""
    if availability != "in_stock":
        return 0
    count = next((first[name] for name in _COUNTS if name in first), "")
    return int(count) if count.isascii() and count.isdigit() and len(count) < 10 and int(count) > 0 else None


def _categories(first: dict[str, str]) -> list[str]:
    """The shop's own path, else Google's; Google's number alone says nothing to a customer."""
    path = first.get("product_type") or first.get("google_product_category", "")
    return [] if path.isdigit() else [part.strip() for part in path.split(">") if part.strip()]
