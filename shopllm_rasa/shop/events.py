"""What customers did: views, carts, purchases and ratings, read from a plain table.

A CSV file has a header with the columns customer_id, product_id, type and time, and may have value; a JSONL file
has an object with these keys on each line. Other columns and keys are passed over.
"""

import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, TextIO

from shopllm_rasa.errors import ShopDataError

EVENT_TYPES = ("view", "cart", "purchase", "rating")
REQUIRED = ("customer_id", "product_id", "type", "time")
MAX_ID_CHARACTERS = 64
MAX_LINE_CHARACTERS = 10_000
MAX_EVENTS = 50_000_000


@dataclass(frozen=True)
class Event:
    """One thing a customer did with one product.

    Attributes:
        customer_id: who; any stable id, also of a visitor who has no account.
        product_id: the product's id in the catalogue.
        type: one of `EVENT_TYPES`.
        time: when, in UTC without a zone.
        value: stars, 1 to 5, of a rating; None for everything else.
    """

    customer_id: str
    product_id: str
    type: str
    time: datetime
    value: float | None = None


def read_events(file: Path) -> Iterator[Event]:
    """Reads events one after another, so that a file may be larger than memory.

    Args:
        file: `.csv`, `.jsonl` or `.ndjson`, in UTF-8.

    Raises:
        ShopDataError: naming the file, the line, what is wrong and what is allowed.
    """
    kind = file.suffix.casefold()
    if kind not in (".csv", ".jsonl", ".ndjson"):
        raise ShopDataError(f"{file}: events are read from files that end in .csv, .jsonl or .ndjson.")
    if not file.is_file():
        raise ShopDataError(f"The events file '{file}' does not exist.")
    with file.open(encoding="utf-8-sig", newline="") as stream:
        rows = _csv_rows(file, stream) if kind == ".csv" else _json_rows(file, stream)
        try:
            for count, (number, row) in enumerate(rows, start=1):
                if count > MAX_EVENTS:
                    raise ShopDataError(f"{file}: more than {MAX_EVENTS:,} events; give the latest of them.")
                yield _event(file, number, row)
        except UnicodeDecodeError:
            raise ShopDataError(f"{file}: the file is not UTF-8.") from None


def _lines(file: Path, stream: TextIO) -> Iterator[tuple[int, str]]:
    number = 0
    while line := stream.readline(MAX_LINE_CHARACTERS + 1):
        number += 1
        if len(line) > MAX_LINE_CHARACTERS:
            raise ShopDataError(f"{file}, line {number}: the line has more than {MAX_LINE_CHARACTERS:,} characters.")
        if line.strip():
            yield number, line


def _csv_rows(file: Path, stream: TextIO) -> Iterator[tuple[int, Mapping[str, Any]]]:
    header: Sequence[str] | None = None
    for number, line in _lines(file, stream):
        try:
            values = next(csv.reader([line], strict=True))
        except csv.Error as error:
            raise ShopDataError(f"{file}, line {number}: this is not valid CSV ({error}).") from None
        if header is None:
            header = [name.strip().casefold() for name in values]
            missing = [name for name in REQUIRED if name not in header]
            if missing:
                raise ShopDataError(
                    f"{file}, line {number}: the column '{missing[0]}' is missing. Needed are {', '.join(REQUIRED)}; "
                    "value is optional."
                )
        elif len(values) != len(header):
            raise ShopDataError(
                f"{file}, line {number}: {len(values)} values, but the header names {len(header)} columns."
            )
        else:
            yield number, dict(zip(header, values, strict=True))


def _json_rows(file: Path, stream: TextIO) -> Iterator[tuple[int, Mapping[str, Any]]]:
    for number, line in _lines(file, stream):
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            raise ShopDataError(f"{file}, line {number}: this is not valid JSON.") from None
        if not isinstance(row, dict):
            raise ShopDataError(f"{file}, line {number}: expected an object with {', '.join(REQUIRED)}.")
        yield number, row


def _event(file: Path, number: int, row: Mapping[str, Any]) -> Event:
    where = f"{file}, line {number}"
    kind = _text(row, "type", where).casefold()
    if kind not in EVENT_TYPES:
        raise ShopDataError(f"{where}: 'type' is '{kind[:40]}'; allowed: {', '.join(EVENT_TYPES)}.")
    stars = _stars(row.get("value"), where) if kind == "rating" else None
    return Event(_text(row, "customer_id", where), _text(row, "product_id", where), kind, _time(row, where), stars)


def _text(row: Mapping[str, Any], key: str, where: str) -> str:
    value = row.get(key)
    # A number is a usual id in JSON; true, lists and objects are mistakes.
    text = str(value).strip() if isinstance(value, str | int) and not isinstance(value, bool) else ""
    if not text:
        raise ShopDataError(f"{where}: '{key}' is missing.")
    if len(text) > MAX_ID_CHARACTERS or not text.isprintable():
        raise ShopDataError(f"{where}: '{key}' has to be at most {MAX_ID_CHARACTERS} printable characters.")
    return text


def _time(row: Mapping[str, Any], where: str) -> datetime:
    text = _text(row, "time", where)
    try:
        # Python 3.10 does not know the Z that stands for UTC.
        time = datetime.fromisoformat(f"{text[:-1]}+00:00" if text.endswith(("Z", "z")) else text)
        return time.astimezone(timezone.utc).replace(tzinfo=None) if time.tzinfo else time
    except (ValueError, OverflowError):
        raise ShopDataError(
            f"{where}: 'time' is '{text}'; expected a date or a time such as 2026-11-20T14:30:00Z."
        ) from None


def _stars(value: Any, where: str) -> float:
    try:
        stars = float(value)
    except (TypeError, ValueError):
        stars = 0.0
    if not 1 <= stars <= 5:
        raise ShopDataError(f"{where}: 'value' is '{str(value)[:40]}'; a rating needs stars from 1 to 5.")
    return stars
