"""Reads product feeds (JSONL and CSV) and says exactly what is wrong with a bad row."""

import csv
import hashlib
import itertools
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import IO, Any

from shopllm_rasa.catalog.product import AttributeValue, Product
from shopllm_rasa.errors import CatalogError

MAX_LINE_CHARACTERS = 2_000_000
MAX_FIELD_CHARACTERS = 50_000
MAX_PROBLEMS_SHOWN = 20

_REQUIRED = ("name", "price")
_KNOWN = (*_REQUIRED, "id", "brand", "categories", "currency", "description", "stock", "rating",
          "rating_count", "attributes", "image", "url", "popularity")  # fmt: skip
_ALIASES = {"sku": "id", "title": "name", "category": "categories", "image_url": "image", "link": "url"}
_CURRENCY_SIGNS = {"€": "EUR", "$": "USD", "£": "GBP"}
_PRICE = re.compile(r"^(?P<sign>-?)(?P<digits>[\d.,' \u00a0]*\d)$")
_SURROGATE = re.compile(r"[\ud800-\udfff]")


@dataclass(frozen=True)
class RowProblem:
    """One refused row: its line in the feed and the reason."""

    line: int
    reason: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.reason}"


class _BadRowError(ValueError):
    """A row cannot become a product."""


def read_catalog(
    path: str | Path, *, currency: str = "EUR", bad_rows: list[RowProblem] | None = None
) -> Iterator[Product]:
    """Reads a feed, a product at a time.

    JSONL has one object a line, CSV a header. `name` and `price` are required. A row without an id gets
    one made from its brand, name and address, so the same feed gives the same ids each time.

    Args:
        path: a file that ends in .jsonl, .ndjson or .csv, in UTF-8.
        currency: ISO 4217 code for rows that name none.
        bad_rows: a list that takes the refused rows; reading goes on behind each.
            Without it a feed with a bad row is refused as a whole.

    Yields:
        The products in the order of the feed.

    Raises:
        CatalogError: naming the file, the lines and what is allowed.
    """
    file = Path(path)
    refused: list[RowProblem] = [] if bad_rows is None else bad_rows
    rows = _open_feed(file)
    seen: dict[str, int] = {}
    made_ids: dict[str, int] = {}
    kept = 0
    for line, row in rows:
        try:
            if isinstance(row, _BadRowError):
                raise row
            product = _to_product(row, currency, made_ids)
            if product.id in seen:
                raise _BadRowError(f"the id '{product.id}' is already used in line {seen[product.id]}")
        except _BadRowError as problem:
            refused.append(RowProblem(line, str(problem)))
            continue
        seen[product.id] = line
        kept += 1
        if bad_rows is not None or not refused:
            yield product
    if bad_rows is None and refused:
        raise CatalogError(_report(file, refused))
    if not kept:
        details = f" {_report(file, refused)}" if refused else ""
        raise CatalogError(f"{file}: the feed has no products.{details}")


def _report(file: Path, problems: list[RowProblem]) -> str:
    shown = [f"{file}, {problem}" for problem in problems[:MAX_PROBLEMS_SHOWN]]
    if len(problems) > MAX_PROBLEMS_SHOWN:
        shown.append(f"... and {len(problems) - MAX_PROBLEMS_SHOWN} more bad rows")
    return "\n".join(shown)


Row = tuple[int, "dict[str, Any] | _BadRowError"]


def _open_feed(file: Path) -> Iterator[Row]:
    readers: dict[str, Callable[[IO[str]], Iterator[Row]]] = {
        ".jsonl": _jsonl_rows,
        ".ndjson": _jsonl_rows,
        ".csv": _csv_rows,
    }
    reader = readers.get(file.suffix.lower())
    if reader is None:
        raise CatalogError(f"{file}: unknown kind of feed. Known endings: {', '.join(readers)}.")
    if not file.is_file():
        raise CatalogError(f"The product feed '{file}' does not exist.")
    if file.stat().st_size == 0:
        raise CatalogError(f"{file}: the file is empty.")
    _check_encoding(file)
    with file.open(encoding="utf-8-sig", newline="") as stream:
        yield from reader(stream)


def _check_encoding(file: Path) -> None:
    """Finds the first line that is not UTF-8, so that the message can name it."""
    with file.open("rb") as stream:
        if stream.read(2) in (b"\xff\xfe", b"\xfe\xff"):
            raise CatalogError(f"{file}: the file is UTF-16. Save it as UTF-8.")
        stream.seek(0)
        for number, line in enumerate(stream, start=1):
            try:
                line.decode("utf-8")
            except UnicodeDecodeError as error:
                raise CatalogError(
                    f"{file}, line {number}: byte {error.start + 1} is not UTF-8 "
                    "(the file may be Windows-1252 or Latin-1). Save it as UTF-8."
                ) from None


def _jsonl_rows(stream: IO[str]) -> Iterator[Row]:
    for number, line in enumerate(stream, start=1):
        if not line.strip():
            continue
        if len(line) > MAX_LINE_CHARACTERS:
            longest = f"the line has {len(line):,} characters; at most {MAX_LINE_CHARACTERS:,} are allowed"
            yield number, _BadRowError(longest)
            continue
        try:
            row = json.loads(line, parse_float=Decimal)
        except json.JSONDecodeError as error:
            yield number, _BadRowError(f"this is not valid JSON ({error.msg} at column {error.colno})")
            continue
        except RecursionError:
            yield number, _BadRowError("the JSON is nested too deeply")
            continue
        except (ValueError, ArithmeticError):
            yield number, _BadRowError("the JSON has a number that is too long")
            continue
        if isinstance(row, dict):
            yield number, row
        else:
            yield number, _BadRowError(f"expected one JSON object a line, found a {type(row).__name__}")


def _csv_rows(stream: IO[str]) -> Iterator[Row]:
    csv.field_size_limit(MAX_LINE_CHARACTERS)
    header_line, header = next(((n, line) for n, line in enumerate(stream, start=1) if line.strip()), (0, ""))
    if not header:
        return
    reader = csv.reader(itertools.chain([header], stream), delimiter=max(",;\t|", key=header.count))
    try:
        names = [_column(name) for name in next(reader)]
    except csv.Error as error:
        raise CatalogError(f"{stream.name}, line {header_line}: {_csv_problem(error)}.") from None
    missing = [name for name in _REQUIRED if name not in names]
    if missing:
        raise CatalogError(
            f"{stream.name}, line {header_line}: the column {' and '.join(map(repr, missing))} "
            f"is missing. Found: {', '.join(names)}. Known: {', '.join(_KNOWN)} and attributes.NAME."
        )
    while True:
        number = header_line + reader.line_num  # where the row begins: a quoted cell may go over several lines
        try:
            cells = next(reader, None)
        except csv.Error as error:
            yield number, _BadRowError(_csv_problem(error))
            continue
        if cells is None:
            return
        if not any(cell.strip() for cell in cells):
            continue
        if len(cells) != len(names):
            yield (
                number,
                _BadRowError(f"{len(cells)} cells in this row, but {len(names)} columns in the header"),
            )
            continue
        yield number, _csv_row(dict(zip(names, cells, strict=True)))


def _csv_problem(error: csv.Error) -> str:
    if "field limit" in str(error):
        return f"a cell has more than the {MAX_LINE_CHARACTERS:,} characters that are allowed"
    return f"the CSV cannot be read ({error})"


def _column(name: str) -> str:
    name = name.strip().lower().replace(" ", "_")
    return name if name.startswith("attributes.") else _ALIASES.get(name, name)


def _csv_row(cells: Mapping[str, str]) -> dict[str, Any]:
    """CSV has only text: lists are cut at `>` or `|`, `attributes.colour` columns become attributes."""
    row: dict[str, Any] = {}
    attributes: dict[str, AttributeValue] = {}
    for name, text in cells.items():
        text = text.strip()
        if not text:
            continue
        if name.startswith("attributes."):
            values = tuple(part.strip() for part in text.split("|") if part.strip())
            attributes[name.removeprefix("attributes.").replace("_", " ")] = values[0] if len(values) == 1 else values
        elif name == "categories":
            row[name] = [part.strip() for part in re.split(r"[>|]", text) if part.strip()]
        elif name in _KNOWN:
            row[name] = text
    if attributes:
        row["attributes"] = attributes
    return row


def _to_product(raw: Mapping[str, Any], currency: str, made_ids: dict[str, int]) -> Product:
    row = {_ALIASES.get(key, key): value for key, value in raw.items() if value is not None}
    for key in _REQUIRED:
        if key not in row or (isinstance(row[key], str) and not row[key].strip()):
            raise _BadRowError(f"'{key}' is missing (required: {', '.join(_REQUIRED)})")
    price, sign_currency = _price(row["price"])
    name = _text(row, "name")
    brand = _text(row, "brand")
    url = _text(row, "url") or None
    image = _text(row, "image") or None
    code = _text(row, "currency") or sign_currency or currency
    if not re.fullmatch(r"[A-Za-z]{3}", code):
        raise _BadRowError(f"'currency' is '{code}'; expected a code of three letters such as EUR")
    return Product(
        id=_text(row, "id") or _made_id(made_ids, brand, name, url or image or ""),
        name=name,
        price=price,
        currency=code.upper(),
        brand=brand,
        categories=_categories(row.get("categories", ())),
        description=_text(row, "description"),
        stock=_whole(row, "stock"),
        rating=_number(row, "rating", high=5),
        rating_count=_whole(row, "rating_count") or 0,
        attributes=_attributes(row.get("attributes", {})),
        image=image,
        url=url,
        popularity=_number(row, "popularity"),
    )


def _made_id(made_ids: dict[str, int], *parts: str) -> str:
    """A stable id from what names the product; a second product of the same name gets a suffix."""
    digest = hashlib.sha256("\x1f".join(parts).encode()).hexdigest()[:12]
    made_ids[digest] = made_ids.get(digest, 0) + 1
    count = made_ids[digest]
    return f"p-{digest}" if count == 1 else f"p-{digest}-{count}"


def _text(row: Mapping[str, Any], key: str) -> str:
    value = row.get(key, "")
    if not isinstance(value, str | int | float | Decimal) or isinstance(value, bool):
        raise _BadRowError(f"'{key}' is a {type(value).__name__}; expected text")
    return _bounded(str(value), key)


def _bounded(text: str, key: str) -> str:
    if len(text) > MAX_FIELD_CHARACTERS:
        raise _BadRowError(f"'{key}' has {len(text):,} characters; at most {MAX_FIELD_CHARACTERS:,} are allowed")
    if _SURROGATE.search(text):
        raise _BadRowError(f"'{key}' has half a character (a lone \\ud800 to \\udfff); expected text")
    return " ".join(text.split())


def _price(value: Any) -> tuple[Decimal, str | None]:
    """An exact amount, and the currency where the text names one by its sign or code."""
    expected = "expected an amount such as 49.99"
    if isinstance(value, float):  # what JSON's NaN and Infinity become; other numbers come as Decimal
        raise _BadRowError(f"'price' is {value}; {expected}")
    if isinstance(value, bool) or not isinstance(value, int | Decimal | str):
        raise _BadRowError(f"'price' is a {type(value).__name__}; {expected}")
    text = str(value).strip()
    shown = text if len(text) <= 40 else text[:40] + "..."
    currency = next((code for sign, code in _CURRENCY_SIGNS.items() if sign in text), None)
    code = re.search(r"[A-Z]{3}", text)
    if code:
        currency = code.group()
    bare = re.sub(r"[€$£]|[A-Z]{3}", "", text).strip()
    match = _PRICE.match(bare)
    if not match or len(bare) > 20:
        raise _BadRowError(f"'price' is '{shown}'; {expected}")
    try:
        amount = Decimal(match["sign"] + _plain_digits(match["digits"]))
    except InvalidOperation:
        raise _BadRowError(f"'price' is '{shown}'; {expected}") from None
    if amount < 0:
        raise _BadRowError(f"'price' is {shown}; a price is not negative")
    return amount, currency


def _plain_digits(text: str) -> str:
    """`1.299,00` and `1,299.00` both mean 1299.00: the last separator before one or two digits is decimal."""
    text = re.sub(r"[' \u00a0]", "", text)
    decimal = re.search(r"[.,](\d{1,2})$", text) or re.search(r"^\d*\.(\d+)$", text)
    if not decimal:
        return re.sub(r"[.,]", "", text)
    whole = re.sub(r"[.,]", "", text[: decimal.start(1)])
    return f"{whole or '0'}.{decimal.group(1)}"


def _whole(row: Mapping[str, Any], key: str) -> int | None:
    number = _number(row, key)
    if number is not None and number != int(number):
        raise _BadRowError(f"'{key}' is {row[key]}; expected a whole number")
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
        shown = str(value)[:40]
        raise _BadRowError(f"'{key}' is {shown}; expected a number from 0" + (f" to {high:g}" if high < 1e12 else ""))
    return number


def _categories(value: Any) -> tuple[str, ...]:
    parts: Iterable[Any] = re.split(r"[>|]", value) if isinstance(value, str) else value
    if not isinstance(parts, list | tuple) or not all(isinstance(part, str) for part in parts):
        raise _BadRowError("'categories' is not a list of texts")
    return tuple(_bounded(part, "categories") for part in parts if part.strip())


def _attributes(value: Any) -> dict[str, AttributeValue]:
    if not isinstance(value, dict):
        raise _BadRowError(f"'attributes' is a {type(value).__name__}; expected an object of names and values")
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
        raise _BadRowError(f"'attributes.{name}' is nested; expected a text, a number or a list of these")
    return _bounded(str(value), f"attributes.{name}")
