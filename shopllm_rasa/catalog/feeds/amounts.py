"""Exact amounts of money, as people and shop systems write them, and which of two prices counts."""

import re
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

from shopllm_rasa.catalog.feeds.records import BadRowError

_CURRENCY_SIGNS = {"€": "EUR", "$": "USD", "£": "GBP"}
_THREE_DECIMALS = frozenset({"BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"})  # ISO 4217, minor unit 3
_AMOUNT = re.compile(r"^(?P<sign>-?)(?P<digits>[\d.,' \u00a0\u202f]*\d)$", re.ASCII)
_AMBIGUOUS = re.compile(r"^[1-9]\d{0,2}\.\d{3}$", re.ASCII)
_SPACES = re.compile(r"[' \u00a0\u202f]")
_US_DATE = re.compile(r"^(\d{1,2})/(\d{1,2})/(\d{2}|\d{4})\b", re.ASCII)

_MAX_CHARACTERS = 20


def read_amount(value: Any, key: str = "price", decimal: str | None = None) -> tuple[Decimal, str | None]:
    """Reads an exact amount, and the currency where the text names one by its sign or code.

    Args:
        value: a number or a text such as `49.99`, `1.299,00 €` or `EUR 12.50`.
        key: the field's name, for messages.
        decimal: the decimal sign, `.` or `,`. Without it the last separator before one or two digits is taken for
            it, a single comma before three digits (`1,299`) for a thousands separator, and a single dot before
            three digits (`1.299`), which is an amount in some countries and a thousand times it in others, is refused.

    Raises:
        BadRowError: if it is no amount, or a negative one.
    """
    expected = "expected an amount such as 49.99"
    if isinstance(value, float):  # what JSON's NaN and Infinity become; other numbers come as Decimal
        raise BadRowError(f"'{key}' is {value}; {expected}", key)
    if isinstance(value, bool) or not isinstance(value, int | Decimal | str):
        raise BadRowError(f"'{key}' is a {type(value).__name__}; {expected}", key)
    text = str(value).strip()
    shown = text if len(text) <= 40 else text[:40] + "..."
    currency = next((code for sign, code in _CURRENCY_SIGNS.items() if sign in text), None)
    code = re.search(r"[A-Z]{3}", text)
    if code:
        currency = code.group()
    bare = re.sub(r"[€$£]|[A-Z]{3}", "", text).strip()
    match = _AMOUNT.match(bare)
    if not match or len(bare) > _MAX_CHARACTERS:
        raise BadRowError(f"'{key}' is '{shown}'; {expected}", key)
    if not isinstance(value, str):
        decimal = "."
    elif decimal is None and _AMBIGUOUS.match(match["digits"]) and currency not in _THREE_DECIMALS:
        digits = match["digits"].replace(".", "")
        raise BadRowError(
            f"'{key}' is '{shown}', which may mean {digits} or {match['digits']}; "
            "say with catalog.decimal in shopllm.yml which sign is the decimal one",
            key,
        )
    try:
        amount = Decimal(match["sign"] + _plain_digits(match["digits"], decimal))
    except InvalidOperation:
        raise BadRowError(f"'{key}' is '{shown}'; {expected}", key) from None
    if amount < 0:
        raise BadRowError(f"'{key}' is {shown}; a price is not negative", key)
    return amount, currency


def _plain_digits(text: str, decimal: str | None) -> str:
    text = _SPACES.sub("", text)
    if decimal:
        return text.replace("," if decimal == "." else ".", "").replace(decimal, ".")
    found = re.search(r"[.,](\d{1,2})$", text) or re.search(r"^\d*\.(\d+)$", text)
    if not found:
        return re.sub(r"[.,]", "", text)
    whole = re.sub(r"[.,]", "", text[: found.start(1)])
    return f"{whole or '0'}.{found.group(1)}"


def sale_is_on(start: str | None, end: str | None, today: date) -> bool:
    """Whether a sale price is in force: its days are counted with the first and the last; a blank end is open.

    Raises:
        BadRowError: if a date is none.
    """
    return not ((start and today < read_date(start)) or (end and today > read_date(end)))


def read_date(text: str) -> date:
    """The day of `2026-11-25`, of `2026-11-25T08:00+0100`, or of `11/25/26, 8:00 AM` (month first).

    Raises:
        BadRowError: if it is no date.
    """
    try:
        american = _US_DATE.match(text)
        if american:
            month, day, year = map(int, american.groups())
            return date(year + 2000 if year < 100 else year, month, day)
        return date.fromisoformat(text[:10])
    except ValueError:
        raise BadRowError(f"'{text[:40]}' is no date such as 2026-11-25", "date") from None
