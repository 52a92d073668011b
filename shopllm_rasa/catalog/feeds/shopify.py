"""Shopify's product export, with the columns of the template in force since 2025 and with those before.

A product's rows share its handle. The first has its texts, each row with an option or a price is a variant, and the
others only add pictures. Source: Shopify Help Center, "Using CSV files to import and export products".
"""

import re
from collections.abc import Iterator
from typing import Any

from shopllm_rasa.catalog.feeds.grouping import Groups
from shopllm_rasa.catalog.feeds.records import BadRowError, Item, NotForSaleError, Record, Refusal
from shopllm_rasa.catalog.feeds.source import Feed
from shopllm_rasa.catalog.feeds.tables import Cells, read_table
from shopllm_rasa.catalog.feeds.variants import products_of

NAME = "shopify"

# Columns that changed their names, under the new ones in lower case.
_RENAMED = {
    "handle": "url handle",
    "body (html)": "description",
    "published": "published on online store",
    "variant sku": "sku",
    "variant barcode": "barcode",
    "variant price": "price",
    "variant inventory tracker": "inventory tracker",
    "variant inventory qty": "inventory quantity",
    "variant inventory policy": "continue selling when out of stock",
    "image src": "product image url",
    "google shopping / mpn": "google shopping / manufacturer part number (mpn)",
}
_OPTIONS = range(1, 4)
_METAFIELD = re.compile(r"^(.+?) \(product\.metafields\.[\w.$-]+\)$", re.IGNORECASE)
_NO_OPTION = "default title"


def recognises(header: frozenset[str]) -> bool:
    """Whether a table's columns, in lower case, are Shopify's."""
    names = _names(header)
    return {"url handle", "title"} <= names and bool({"option1 name", "inventory tracker", "vendor"} & names)


def read(feed: Feed) -> Iterator[Item]:
    """Reads the feed."""
    groups = Groups()
    for item in read_table(feed):
        if isinstance(item, Refusal):
            yield item
            continue
        line, row = item
        cells = {_RENAMED.get(name.lower(), name.lower()): text for name, text in row.items()}
        cells |= {f"\x1f{match[1]}": text for name, text in row.items() if (match := _METAFIELD.match(name))}
        handle = cells.get("url handle")
        if handle:
            groups.add(handle, line, cells)
        else:
            yield Refusal(line, BadRowError("the handle is missing", "id"))
    yield from products_of(groups, lambda rows: [_product(rows)])


def _names(header: frozenset[str]) -> set[str]:
    return {_RENAMED.get(name, name) for name in header}


def _product(rows: list[tuple[int, Cells]]) -> Record:
    first = next((row for _, row in rows if "title" in row), rows[0][1])
    _check_for_sale(first)
    handle = first["url handle"]
    names = [first.get(f"option{number} name") for number in _OPTIONS]
    variants = [Record(number, _variant(row, names, first)) for number, row in rows if _is_variant(row)]
    values: dict[str, Any] = {
        "id": handle,
        "name": first.get("title"),
        "description": first.get("description"),
        "brand": first.get("vendor"),
        "categories": _categories(first),
        "image": next((row["product image url"] for _, row in rows if "product image url" in row), None),
        "url": f"/products/{handle}",
        "attributes": _metafields(first),
    }
    if not variants:
        raise BadRowError("'price' is missing: the product has no row with a price", "price")
    return Record(rows[0][0], values, variants, len(rows), decimal=".")


def _check_for_sale(row: Cells) -> None:
    status = row.get("status", "active").lower()
    if status != "active":
        raise NotForSaleError(f"its status is '{status[:40]}'", status[:40])
    if row.get("published on online store", "true").lower() == "false":
        raise NotForSaleError("it is not published on the online store", "not published")


def _is_variant(row: Cells) -> bool:
    return "price" in row or "option1 value" in row or "sku" in row


def _variant(row: Cells, names: list[str | None], first: Cells) -> dict[str, Any]:
    options = {}
    for number, name in zip(_OPTIONS, names, strict=True):
        value = row.get(f"option{number} value")
        if name and value and value.lower() != _NO_OPTION:
            options[name] = value
    mpn = "google shopping / manufacturer part number (mpn)"
    return {
        "id": (row.get("sku") or "").removeprefix("'") or None,
        "price": row.get("price"),
        "stock": _stock(row),
        "attributes": options,
        "codes": [row[name] for name in ("barcode", mpn) if name in row],
    }


def _stock(row: Cells) -> int | str | None:
    """Unknown where Shopify does not count, or sells on when none is left."""
    if "inventory tracker" not in row or "inventory quantity" not in row:
        return None
    try:
        quantity = int(row["inventory quantity"])
    except ValueError:
        return row["inventory quantity"]  # what makes the product says what is wrong with it
    sold_on = row.get("continue selling when out of stock", "").lower() in ("true", "continue")
    return None if quantity <= 0 and sold_on else max(quantity, 0)


def _categories(row: Cells) -> list[str]:
    """Shopify's taxonomy, then the shop's own type where it says more."""
    path = [part.strip() for part in row.get("product category", "").split(">") if part.strip()]
    own = row.get("type")
    if own and own.casefold() not in {part.casefold() for part in path}:
        path.append(own)
    return path


def _metafields(row: Cells) -> dict[str, Any]:
    """Metafields such as `Color (product.metafields.shopify.color-pattern)`; several values stand between `;`."""
    found: dict[str, Any] = {}
    for column, text in row.items():
        if column.startswith("\x1f") and not text.startswith(("{", "[", "gid://")):
            values = [part.strip() for part in text.split(";") if part.strip()]
            found[column[1:]] = values[0] if len(values) == 1 else values
    return found
