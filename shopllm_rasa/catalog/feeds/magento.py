"""Magento 2's (Adobe Commerce's) product export.

A configurable product lists its choices in `configurable_variations`; each is a row of its own, anywhere in the feed.
Source: Adobe Commerce, "Product data attribute reference" and "Complex data" of the data transfer guide.
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

NAME = "magento"

_BRAND_NAMES = ("brand", "manufacturer")
_CODE_NAMES = ("gtin", "ean", "upc", "isbn", "mpn", "barcode")
_PAIR = re.compile(r'(?:^|,)([A-Za-z_][A-Za-z0-9_]*)=(?:"((?:[^"]|"")*)"(?=,|$))?')
_NOT_ALONE = "not visible individually"
# `additional_attributes` also holds what is for the shop's pages and not for its customers.
_INTERNAL = re.compile(
    r"(?:has_options|required_options|ts_|gift_|links_|samples_|shipment_type|tax_class|msrp|swatch_|custom_|cost$|"
    r"options_container|page_layout|image|thumbnail|small_image|url_|meta_|email_template|is_returnable|"
    r"quantity_and_stock_status|visibility|status|price_|sku_|weight_type)"
)


def recognises(header: frozenset[str]) -> bool:
    """Whether a table's columns, in lower case, are Magento's."""
    return {"sku", "product_type", "name"} <= header and bool({"attribute_set_code", "store_view_code"} & header)


def read(feed: Feed) -> Iterator[Item]:
    """Reads the feed."""
    groups = Groups()
    for item in read_table(feed):
        if isinstance(item, Refusal):
            yield item
            continue
        line, row = item
        cells = {name.lower(): text for name, text in row.items()}
        sku = cells.get("sku")
        if not sku:
            yield Refusal(line, BadRowError("'sku' is missing", "id"))
        elif cells.get("store_view_code"):
            reason = f"texts of the store view '{cells['store_view_code'][:40]}'; the default ones are read"
            yield Refusal(line, NotForSaleError(reason, "store view"))
        else:
            groups.add(sku, line, cells)
            for choice in _variations(cells):
                groups.name(choice["sku"], sku)
    yield from products_of(groups, lambda rows: _products(rows, feed))


def _products(rows: list[tuple[int, Cells]], feed: Feed) -> Iterator[Item]:
    """The products of a group: a configurable one with its choices, or each row for itself.

    Choices of a product that is not for sale are sold alone where they are visible. Of rows with one sku the second
    is refused later.
    """
    configurable = next(((line, row) for line, row in rows if row.get("configurable_variations")), None)
    if configurable is not None:
        try:
            yield from _configurable(*configurable, rows, feed)
            return
        except BadRowError as error:
            yield Refusal(configurable[0], error)
    for line, row in rows:
        if configurable is not None and row is configurable[1]:
            continue
        try:
            _check_for_sale(row)
            if row.get("visibility", "").lower() == _NOT_ALONE:
                raise NotForSaleError("it is not visible individually, and a choice of no product for sale", _NOT_ALONE)
            yield Record(line, {**_texts(row), **_offer(row, feed)}, decimal=".")
        except BadRowError as error:
            yield Refusal(line, error)


def _configurable(line: int, cells: Cells, rows: list[tuple[int, Cells]], feed: Feed) -> Iterator[Item]:
    _check_for_sale(cells)
    choices = {choice.pop("sku"): choice for choice in _variations(cells)}
    variants: list[Record] = []
    left_out: list[Refusal] = []
    for number, row in rows:
        if row is cells:
            continue
        try:
            _check_for_sale(row)
            chosen = {_spaced(name): value for name, value in choices.get(row["sku"], {}).items()}
            values = {**_offer(row, feed), "id": row["sku"], "attributes": chosen}
            variants.append(Record(number, values, decimal="."))
        except BadRowError as error:
            left_out.append(Refusal(number, error))
    if not variants:
        raise NotForSaleError("none of its choices is in the feed and enabled", "no variation")
    yield from left_out
    yield Record(line, _texts(cells), variants, len(rows) - len(left_out), decimal=".")


def _check_for_sale(cells: Cells) -> None:
    kind = cells.get("product_type", "simple").lower()
    if cells.get("product_online", "1") != "1":
        raise NotForSaleError("it is disabled ('product_online')", "disabled")
    if kind == "grouped":
        raise NotForSaleError("a grouped product has no price; its parts are read", "grouped")
    if kind == "bundle" and not cells.get("price", "").strip("0."):
        raise NotForSaleError("a bundle without a fixed price", "bundle")


def _texts(cells: Cells) -> dict[str, Any]:
    attributes = _additional(cells.get("additional_attributes", ""))
    brand = next((attributes[name] for name in _BRAND_NAMES if isinstance(attributes.get(name), str)), "")
    codes = [value for name in _CODE_NAMES if isinstance(value := attributes.get(name), str)]
    shown = {
        _spaced(name): value
        for name, value in attributes.items()
        if name not in (*_BRAND_NAMES, *_CODE_NAMES) and not _INTERNAL.match(name)
    }
    short, long = cells.get("short_description", ""), cells.get("description", "")
    return {
        "id": cells["sku"],
        "name": cells.get("name"),
        "brand": brand,
        "description": long if short in long else f"{short}\n{long}",
        "categories": _deepest(cells.get("categories", "")),
        "attributes": shown,
        "codes": codes,
        "image": _image(cells),
        "url": f"/{cells['url_key']}.html" if "url_key" in cells else None,
    }


def _offer(cells: Cells, feed: Feed) -> dict[str, Any]:
    dates = cells.get("special_price_from_date"), cells.get("special_price_to_date")
    on_sale = "special_price" in cells and sale_is_on(*dates, feed.today)
    return {
        "price": cells.get("price"),
        "sale_price": cells["special_price"] if on_sale else None,
        "stock": _stock(cells),
    }


def _stock(cells: Cells) -> int | str | None:
    """Unknown where Magento does not count, or sells on when none is left."""
    if cells.get("is_in_stock", "1") == "0":
        return 0
    if "qty" not in cells or (cells.get("manage_stock") == "0" and cells.get("use_config_manage_stock") == "0"):
        return None
    try:
        number = int(float(cells["qty"]))
    except (ValueError, OverflowError):
        return cells["qty"]  # what makes the product says what is wrong with it
    sold_on = cells.get("allow_backorders", "0").partition(".")[0] not in ("0", "")
    return None if number <= 0 and sold_on else max(number, 0)


def _image(cells: Cells) -> str | None:
    image = cells.get("base_image") or cells.get("small_image")
    if not image or image == "no_selection":
        return None
    return image if "://" in image else f"/media/catalog/product/{image.lstrip('/')}"


def _variations(cells: Cells) -> list[dict[str, str]]:
    """`sku=A,color=red,size=M|sku=B,color=blue,size=M` as one mapping a choice."""
    found = []
    for choice in cells.get("configurable_variations", "").split("|"):
        pairs = dict(pair.split("=", 1) for pair in choice.split(",") if "=" in pair)
        sku = pairs.pop("sku", "").strip()
        if sku:
            found.append({"sku": sku, **{name.strip(): value.strip() for name, value in pairs.items()}})
    return found


def _additional(text: str) -> dict[str, Any]:
    """`color=Red,material="Cotton, wool",activity=Hike|Run` as attributes; `|` stands between several values."""
    found: dict[str, Any] = {}
    matches = list(_PAIR.finditer(text))
    ends = [*(match.start() for match in matches[1:]), len(text)]
    for match, end in zip(matches, ends, strict=False):
        value = text[match.end() : end] if match[2] is None else match[2].replace('""', '"')
        values = [part.strip() for part in value.split("|") if part.strip()]
        if values:
            found[match[1]] = values[0] if len(values) == 1 else values
    return found


def _deepest(text: str) -> list[str]:
    """Of several category paths the longest, the first of equals, without the root, which no customer sees."""
    paths = [[step.strip() for step in path.split("/") if step.strip()] for path in text.split(",")]
    return max(paths, key=len, default=[])[1:]


def _spaced(name: str) -> str:
    return name.replace("_", " ").strip()
