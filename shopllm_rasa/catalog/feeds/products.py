"""Makes a product of a feed's record, and says exactly what is wrong where that cannot be done."""

import hashlib
import re
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from shopllm_rasa.catalog.feeds.amounts import read_amount
from shopllm_rasa.catalog.feeds.grouping import Identities
from shopllm_rasa.catalog.feeds.html_text import html_to_text
from shopllm_rasa.catalog.feeds.records import BadRowError, Record, Refusal
from shopllm_rasa.catalog.product import AttributeValue, Product, Variant

MAX_FIELD_CHARACTERS = 50_000
MAX_CODES = 500
MAX_CODE_CHARACTERS = 100

_REQUIRED = ("name", "price")
_SURROGATE = re.compile(r"[\ud800-\udfff]")
# What spreadsheets make of long numbers: the digits are lost, so it identifies nothing.
_SPREADSHEET_NUMBER = re.compile(r"\d(?:[.,]\d+)?[eE]\+?\d+", re.ASCII)


class ProductMaker:
    """Makes the products of one feed."""

    def __init__(self, currency: str) -> None:
        """Takes the ISO 4217 code for records that name none."""
        self._currency = currency
        self._identities = Identities()

    def close(self) -> None:
        """Forgets the ids seen so far."""
        self._identities.close()

    def product(self, record: Record) -> tuple[Product, list[Refusal]]:
        """Makes a product.

        A product with several variants costs what the cheapest costs; its stock is the sum of theirs, unknown as soon
        as one is; its attributes hold all values of theirs. A single variant becomes the product itself.

        Returns:
            The product, and those of its variants that had to be left out.

        Raises:
            BadRowError: if no product can be made.
        """
        row = {key: value for key, value in record.values.items() if value is not None}
        _require(row, "name", ["name"])
        name, brand = _text(row, "name"), _text(row, "brand")
        url, image = _text(row, "url") or None, _text(row, "image") or None
        identity = _text(row, "id") or self._made_id(brand, name, url or image or "")
        attributes = _attributes(row.get("attributes", {}))
        codes = _codes(row.get("codes", ()))
        stock = _whole(row, "stock")
        variants: list[Variant] = []
        refusals: list[Refusal] = []
        if record.variants:
            variants, currency, refusals = self._variants(record, row, identity, codes)
            price = min(variant.price for variant in variants)
            stock = _total(variants, stock)
            for variant in variants:
                _merge(attributes, variant.attributes)
            if len(variants) == 1:
                codes = list(dict.fromkeys([*(code for code in (variants[0].id,) if code != identity), *codes]))
                variants = []
        else:
            _require(row, "price", ["price", "sale_price"])
            price, currency = self._price(row, record.decimal)
        product = Product(
            id=identity,
            name=html_to_text(name),
            price=price,
            currency=currency,
            brand=html_to_text(brand),
            categories=_categories(row.get("categories", ())),
            description=_text(row, "description", html=True),
            stock=stock,
            rating=_number(row, "rating", high=5),
            rating_count=_whole(row, "rating_count") or 0,
            attributes=attributes,
            image=image,
            url=url,
            popularity=_number(row, "popularity"),
            codes=tuple(codes[:MAX_CODES]),
            variants=tuple(variants),
        )
        self._take(identity, identity, record.line)
        return product, refusals

    def _variants(
        self, record: Record, row: Mapping[str, Any], product_id: str, codes: list[str]
    ) -> tuple[list[Variant], str, list[Refusal]]:
        """The variants, the currency they share, and those left out; their codes are added to `codes`."""
        variants: list[Variant] = []
        refusals: list[Refusal] = []
        currency = ""
        for item in record.variants:
            values = {key: value for key, value in item.values.items() if value is not None}
            try:
                _require(values, "price", ["price", "sale_price"])
                values.setdefault("currency", row.get("currency", ""))
                price, own = self._price(values, item.decimal or record.decimal)
                if currency and own != currency:
                    raise BadRowError(
                        f"its price is in {own}, that of the product's first variant in {currency}", "currency"
                    )
                attributes = _attributes(values.get("attributes", {}))
                identity = _text(values, "id") or _choice_id(product_id, attributes, len(variants) + 1)
                variant = Variant(identity, price, _whole(values, "stock"), attributes)
                added = _codes(values.get("codes", ()))
                self._take(f"\x1f{identity}", identity, item.line)
            except BadRowError as error:
                refusals.append(Refusal(item.line, error))
                continue
            currency = own
            variants.append(variant)
            codes.extend(code for code in added if code not in codes)
        if not variants:
            first = refusals[0].error
            raise BadRowError(f"{first} (no variant of '{product_id[:60]}' is left)", first.cause)
        return variants, currency, refusals

    def _price(self, row: Mapping[str, Any], decimal: str | None) -> tuple[Decimal, str]:
        """What a customer pays: the sale price where there is one below the regular price."""
        amounts: dict[str, Decimal] = {}
        signs: set[str] = set()
        for key in ("price", "sale_price"):
            if _given(row, key):
                amounts[key], sign = read_amount(row[key], key, decimal)
                signs |= {sign} if sign else set()
        price, sale = amounts.get("price"), amounts.get("sale_price")
        if sale and (price is None or sale < price):
            price = sale
        elif price is None:
            raise BadRowError("'price' is missing, and 'sale_price' is 0", "price")
        if len(signs) > 1:
            raise BadRowError(f"its prices are in different currencies: {', '.join(sorted(signs))}", "currency")
        code = _text(row, "currency") or "".join(signs) or self._currency
        if not re.fullmatch(r"[A-Za-z]{3}", code):
            raise BadRowError(f"'currency' is '{code[:40]}'; expected a code of three letters such as EUR", "currency")
        return price, code.upper()

    def _made_id(self, *parts: str) -> str:
        """A stable id from what names the product; a second product of the same name gets a suffix."""
        digest = hashlib.sha256("\x1f".join(parts).encode()).hexdigest()[:12]
        times = self._identities.times(digest)
        return f"p-{digest}" if times == 1 else f"p-{digest}-{times}"

    def _take(self, key: str, shown: str, line: int) -> None:
        taken = self._identities.take(key, line)
        if taken is not None:
            raise BadRowError(f"the id '{shown[:100]}' is already used in line {taken}", "id")


def _choice_id(product_id: str, attributes: Mapping[str, AttributeValue], number: int) -> str:
    """An id for a variant without one, of what it is a choice of: `shirt/M/blue`."""
    values = [(value if isinstance(value, str) else "+".join(value))[:80] for value in attributes.values()]
    return "/".join([product_id, *(values or [str(number)])])


def _total(variants: list[Variant], stock: int | None) -> int | None:
    """The variants' stock together; that of the product where it is kept for all of them at once."""
    if stock is not None and all(variant.stock is None for variant in variants):
        return stock
    stocks = [variant.stock for variant in variants]
    return None if any(number is None for number in stocks) else sum(number or 0 for number in stocks)


def _merge(attributes: dict[str, AttributeValue], more: Mapping[str, AttributeValue]) -> None:
    """Adds a variant's values to the product's."""
    for name, value in more.items():
        values = dict.fromkeys([*_several(attributes.get(name, ())), *_several(value)])
        attributes[name] = next(iter(values)) if len(values) == 1 else tuple(values)


def _several(value: AttributeValue) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else value


def _given(row: Mapping[str, Any], key: str) -> bool:
    value = row.get(key)
    return value is not None and not (isinstance(value, str) and not value.strip())


def _require(row: Mapping[str, Any], key: str, anyone: list[str]) -> None:
    if not any(_given(row, name) for name in anyone):
        raise BadRowError(f"'{key}' is missing (required: {', '.join(_REQUIRED)})", key)


def _text(row: Mapping[str, Any], key: str, *, html: bool = False) -> str:
    value = row.get(key, "")
    if not isinstance(value, str | int | float | Decimal) or isinstance(value, bool):
        raise BadRowError(f"'{key}' is a {type(value).__name__}; expected text", key)
    return _bounded(html_to_text(str(value)) if html else str(value), key)


def _bounded(text: str, key: str) -> str:
    if len(text) > MAX_FIELD_CHARACTERS:
        raise BadRowError(f"'{key}' has {len(text):,} characters; at most {MAX_FIELD_CHARACTERS:,} are allowed", key)
    if not text.isascii() and _SURROGATE.search(text):
        raise BadRowError(f"'{key}' has half a character (a lone \\ud800 to \\udfff); expected text", key)
    return " ".join(text.split())


def _whole(row: Mapping[str, Any], key: str) -> int | None:
    number = _number(row, key)
    if number is not None and number != int(number):
        raise BadRowError(f"'{key}' is {str(row[key])[:40]}; expected a whole number", key)
    return None if number is None else int(number)


def _number(row: Mapping[str, Any], key: str, high: float = 1e12) -> float | None:
    value = row.get(key)
    if value is None or value == "":
        return None
    try:
        number = float(value) if not isinstance(value, bool) else float("nan")
    except (TypeError, ValueError, OverflowError):
        number = float("nan")
    if not 0 <= number <= high:
        expected = "expected a number from 0" + (f" to {high:g}" if high < 1e12 else "")
        raise BadRowError(f"'{key}' is {str(value)[:40]}; {expected}", key)
    return number


def _categories(value: Any) -> tuple[str, ...]:
    parts: Iterable[Any] = re.split(r"[>|]", html_to_text(value)) if isinstance(value, str) else value
    if not isinstance(parts, list | tuple) or not all(isinstance(part, str) for part in parts):
        raise BadRowError("'categories' is not a list of texts", "categories")
    return tuple(_bounded(part, "categories") for part in parts if part.strip())


def _codes(value: Any) -> list[str]:
    parts: Iterable[Any] = value.split("|") if isinstance(value, str) else value
    if isinstance(parts, int | Decimal) and not isinstance(parts, bool):
        parts = [parts]
    if not isinstance(parts, list | tuple) or not all(isinstance(part, str | int | Decimal) for part in parts):
        raise BadRowError("'codes' is not a list of texts", "codes")
    # A leading apostrophe is how spreadsheets are told that digits are text.
    codes = (_bounded(str(part), "codes").removeprefix("'") for part in parts)
    usable = (
        code for code in codes if code and len(code) <= MAX_CODE_CHARACTERS and not _SPREADSHEET_NUMBER.fullmatch(code)
    )
    return list(dict.fromkeys(usable))


def _attributes(value: Any) -> dict[str, AttributeValue]:
    if not isinstance(value, dict):
        raise BadRowError(
            f"'attributes' is a {type(value).__name__}; expected an object of names and values", "attributes"
        )
    attributes: dict[str, AttributeValue] = {}
    for name, item in value.items():
        key = _bounded(str(name), "attributes")
        if isinstance(item, list | tuple):
            attributes[key] = tuple(_attribute(part, key) for part in item)
        elif item is not None:
            attributes[key] = _attribute(item, key)
    return attributes


def _attribute(value: Any, name: str) -> str:
    if isinstance(value, dict | list | tuple):
        raise BadRowError(f"'attributes.{name}' is nested; expected a text, a number or a list of these", "attributes")
    return _bounded(html_to_text(str(value)), f"attributes.{name}")
