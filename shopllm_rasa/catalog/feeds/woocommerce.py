"""WooCommerce's product export, with its English column names.

A variation names its parent by SKU or by `id:` and the parent's ID, and may stand anywhere in the feed. Source: the
wiki page "Product CSV Import Schema" of the repository woocommerce/woocommerce.
"""

import re
from collections.abc import Iterator
from typing import Any

from shopllm_rasa.catalog.feeds.amounts import sale_is_on
from shopllm_rasa.catalog.feeds.grouping import Groups
from shopllm_rasa.catalog.feeds.records import BadRowError, Item, NotForSaleError, Record, Refusal
from shopllm_rasa.catalog.feeds.source import Feed
from shopllm_rasa.catalog.feeds.tables import Cells, read_table
from shopllm_rasa.catalog.feeds.variants import products_of

NAME = "woocommerce"

_LIST = re.compile(r"(?<!\\),")  # a comma that belongs to a value is written `\,`
_ATTRIBUTE = re.compile(r"^attribute (\d+) name$")
_MEASURE = re.compile(r"^(weight|length|width|height) \((\w+)\)$")
_BRAND_NAMES = ("brand", "brands", "manufacturer")


def recognises(header: frozenset[str]) -> bool:
    """Whether a table's columns, in lower case, are WooCommerce's."""
    return {"type", "name", "regular price"} <= header and bool({"in stock?", "parent", "published"} & header)


def read(feed: Feed) -> Iterator[Item]:
    """Reads the feed; simple products first, then those with variations."""
    groups = Groups()
    decimal = feed.settings.decimal_sign
    for item in read_table(feed):
        if isinstance(item, Refusal):
            yield item
            continue
        line, row = item
        cells = {name.lower(): text for name, text in row.items()}
        kinds = {kind.strip() for kind in cells.get("type", "simple").lower().split(",")}
        try:
            if "variation" in kinds:
                if "parent" not in cells:
                    raise BadRowError("the variation names no parent", "parent")
                groups.add(cells["parent"], line, cells)
            elif "variable" in kinds:
                own, *others = _own_keys(cells, line)
                groups.add(own, line, cells)
                for other in others:
                    groups.name(other, own)
            else:
                _check_for_sale(cells, kinds)
                values = {**_product(cells), **_offer(cells, feed)}
                yield Record(line, values, decimal=decimal)
        except BadRowError as error:
            yield Refusal(line, error)
    yield from products_of(groups, lambda rows: _variable_product(rows, feed))


def _own_keys(cells: Cells, line: int) -> list[str]:
    keys = [cells["sku"]] if "sku" in cells else []
    keys += [f"id:{cells['id']}"] if "id" in cells else []
    return keys or [f"line:{line}"]


def _variable_product(rows: list[tuple[int, Cells]], feed: Feed) -> Iterator[Item]:
    parent = next(((line, row) for line, row in rows if "variable" in row.get("type", "").lower()), None)
    if parent is None:
        raise BadRowError(f"its parent '{rows[0][1]['parent'][:60]}' is not in the feed", "parent")
    line, cells = parent
    _check_for_sale(cells, {"variable"})
    variants: list[Record] = []
    left_out: list[Refusal] = []
    for number, row in rows:
        if row is cells:
            continue
        try:
            if row.get("published", "1") != "1":
                raise NotForSaleError("the variation is not published", "not published")
            values = {**_offer(row, feed), "id": _identity(row), "attributes": _attributes(row, all_of_them=True)}
            variants.append(Record(number, values))
        except BadRowError as error:
            left_out.append(Refusal(number, error))
    if not variants:
        raise NotForSaleError("it has no variation that is for sale", "no variation")
    yield from left_out
    values = {**_product(cells), "stock": _stock(cells)}
    yield Record(line, values, variants, len(rows) - len(left_out), feed.settings.decimal_sign)


def _check_for_sale(cells: Cells, kinds: set[str]) -> None:
    if "grouped" in kinds:
        raise NotForSaleError("a grouped product has no price; its parts are read", "grouped")
    published = cells.get("published", "1").lower()
    if published not in ("1", "true", "yes"):
        state = {"0": "private", "-1": "draft"}.get(published, "not published")
        raise NotForSaleError(f"it is {state} ('Published' is '{published[:20]}')", state)
    if cells.get("visibility in catalog", "visible").lower() == "hidden":
        raise NotForSaleError("it is hidden from catalogue and search", "hidden")


def _product(cells: Cells) -> dict[str, Any]:
    attributes = _attributes(cells, all_of_them=False)
    brand = (_listed(cells.get("brands", "")) or [""])[0].rpartition(">")[2].strip()
    for name in list(attributes):
        if not brand and name.casefold() in _BRAND_NAMES and isinstance(attributes[name], str):
            brand = attributes.pop(name)
    short, long = cells.get("short description", ""), cells.get("description", "")
    return {
        "id": _identity(cells),
        "name": cells.get("name"),
        "brand": brand,
        "description": long if short in long else f"{short}\n{long}",
        "categories": _deepest(_listed(cells.get("categories", ""))),
        "attributes": {**attributes, **_measures(cells)},
        "image": next(iter(_listed(cells.get("images", ""))), None),
        "url": cells.get("external url"),
    }


def _identity(cells: Cells) -> str | None:
    return cells.get("sku") or (f"id:{cells['id']}" if "id" in cells else None)


def _offer(cells: Cells, feed: Feed) -> dict[str, Any]:
    dates = cells.get("date sale price starts"), cells.get("date sale price ends")
    on_sale = "sale price" in cells and sale_is_on(*dates, feed.today)
    return {
        "price": cells.get("regular price"),
        "sale_price": cells["sale price"] if on_sale else None,
        "stock": _stock(cells),
        "codes": [cells[name] for name in ("gtin, upc, ean, or isbn",) if name in cells],
    }


def _stock(cells: Cells) -> int | str | None:
    """Unknown where WooCommerce does not count, counts for the parent, or sells on when none is left."""
    state = cells.get("in stock?", "1").lower()
    if state in ("0", "no", "false", "outofstock"):
        return 0
    text = cells.get("stock", "")
    if not text or text == "parent" or state == "backorder":
        return None
    try:
        number = int(float(text))
    except (ValueError, OverflowError):
        return text  # what makes the product says what is wrong with it
    return number if number > 0 else None  # said to be in stock all the same: on backorder


def _attributes(cells: Cells, *, all_of_them: bool) -> dict[str, Any]:
    """What `Attribute 1 name`, `Attribute 1 value(s)` and so on hold, all or those that the product's page shows."""
    found: dict[str, Any] = {}
    for column, name in cells.items():
        match = _ATTRIBUTE.match(column)
        if not match:
            continue
        values = _listed(cells.get(f"attribute {match[1]} value(s)", ""))
        if values and (all_of_them or cells.get(f"attribute {match[1]} visible", "1") != "0"):
            found[name] = values[0] if len(values) == 1 else values
    return found


def _measures(cells: Cells) -> dict[str, str]:
    """`Weight (kg)` and the three sides; a zero or a blank is no measure."""
    sizes: dict[str, tuple[str, str]] = {}
    for column, text in cells.items():
        match = _MEASURE.match(column)
        if match and text.strip("0.,"):
            sizes[match[1]] = (text, match[2])
    found = {"weight": " ".join(sizes["weight"])} if "weight" in sizes else {}
    sides = [sizes[side] for side in ("length", "width", "height") if side in sizes]
    if len(sides) == 3:
        found["dimensions"] = f"{' x '.join(text for text, _ in sides)} {sides[0][1]}"
    return found


def _listed(text: str) -> list[str]:
    return [part.replace("\\,", ",").strip() for part in _LIST.split(text) if part.strip()]


def _deepest(paths: list[str]) -> list[str]:
    """Of several category paths the longest, the first of equals."""
    steps = [[step.strip() for step in path.split(">") if step.strip()] for path in paths]
    return max(steps, key=len, default=[])
