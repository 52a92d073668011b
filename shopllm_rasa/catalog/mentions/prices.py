"""Price limits in the ways people write them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from shopllm_rasa.catalog.mentions.mention import Mention
from shopllm_rasa.catalog.mentions.quantities import ALONE, CURRENCY, CURRENCY_SIGN, NUMBER_WORDS, UNIT, number_in_words

_AROUND_SHARE = Decimal("0.2")  # "around 100" is read as 80 to 120
# A message with more amounts is a pasted list, not a wish; the bound keeps the time for one linear.
_MAX_AMOUNTS = 32
# "6 and up" is an age, "8 or more" are pieces.
_LOWEST_BARE_OR_MORE = 20
# "at least 2", "more than 1" and "about 3" speak of pieces; a price that low is said with its currency.
_LOWEST_BARE = 5
_SCREENS = (4_000, 8_000)  # "at least 4k" speaks of a television
# Characters before an amount that are searched for words such as "I don't want to spend more than".
_BEFORE = 70

_AMOUNT = re.compile(
    rf"(?P<sign>{CURRENCY_SIGN}\s?)?(?<!\d)(?<!\d[.,])"
    rf"(?P<number>\d{{1,3}}(?: \d{{3}}){{1,3}}(?=\s?{CURRENCY})|"
    r"\d{1,3}(?:[.,'’\u00a0\u202f]\d{3}){0,4}\d{0,9}(?:[.,](?:\d{1,2}|-(?!\d)))?)"
    rf"(?P<thousand>\s?k\b)?(?P<currency>\s?{CURRENCY})?"
    # Nothing of a longer number, a date or a word may follow: "10:30", "12s", "1.2.3". "100ish" is dealt with below.
    r"(?![.,:/]?\d)(?!(?!-?ish\b)[^\W\d_])",
    re.I,
)
_AMOUNT_IN_WORDS = re.compile(rf"(?<![\w-])(?P<words>{NUMBER_WORDS})(?![\w-])(?P<currency>\s{CURRENCY})?", re.I)

_THAN = r"\sth[ae]n"
_BELOW = (
    rf"(?:under|below|beneath|(?:less|cheaper|lower){_THAN}|max(?:imum|\.)?(?: of| price)?|at (?:the )?(?:very )?most"
    r"|at (?:the )?max(?:imum)?|up ?to|as much as|limit(?: is| of)?|capped at"
    r"|budget(?:['’]s| is| of| would be)?(?: up to)?|spend(?:ing)?(?: up to)?|afford(?: up to)?"
    r"|(?:can|willing to|ready to|want to|like to|prepared to) pay|only (?:have|got)|have only|<=?|=<|≤)"
)
_ABOVE = (
    rf"(?:over|above|beyond|exceeding|(?:more|higher|greater|(?:more )?expensive|pricier|dearer|costlier){_THAN}"
    r"|at (?:the )?(?:very )?least|min(?:imum|\.)?(?: of| price)?|starting (?:at|from)|upwards? of|>=?|=>|≥)"
)
_AROUND = (
    r"(?:around|about|roughly|approximately|approx\.?|circa|ca\.|close to|near(?: to)?|in the (?:region|area) of|~|≈)"
)
_NOT = r"(?:no|not|nothing|never|none)(?:\s(?:much|any|be|costing|priced|going))?\s"
# "I don't want to spend more than 50": the verb keeps a "not" that belongs to something else apart.
_WONT_SPEND = (
    r"(?:n['’]t|(?:do|does|ca|wo|should|would|must|could)nt|\bnot|\bcannot|\bnever|\bwithout)\b[^.!?;,\d]{0,25}?"
    r"\b(?:spend(?:ing)?|pay(?:ing)?|go(?:ing)?|costs?|be|exceed(?:ing)?)\b(?:\s(?:any|much|a lot))?"
)
_FILLER = r"(?:\s?[:=])?\s{0,3}(?:(?:a|an|about|around|roughly|just|only|say|like|maybe)\s{1,2})?\Z"
# What stands before an amount; the first that fits decides.
_LIMITS_BEFORE = tuple(
    (kind, re.compile(pattern + _FILLER, re.I))
    for kind, pattern in (
        ("price_max", rf"(?<!\w){_NOT}{_ABOVE}"),
        ("price_max", rf"{_WONT_SPEND}(?:\s{_ABOVE})?"),
        ("price_min", rf"(?<!\w){_NOT}{_BELOW}"),
        ("price_max", rf"(?<!\w){_BELOW}"),
        ("price_min", rf"(?<!\w){_ABOVE}"),
        ("around", rf"(?<!\w){_AROUND}"),
    )
)
# These mean a price only with its currency: "from 100 euros", "within 50 €", but not "from 10" and "within 14".
# Who wants something "for 60 euros" has that much to spend, and does not mind paying less.
_LIMITS_BEFORE_MONEY = tuple(
    (kind, re.compile(pattern + _FILLER, re.I))
    for kind, pattern in (
        ("price_max", r"(?<!\w)(?:within|for)"),
        ("price_min", r"(?<!\w)from"),
    )
)
_LIMITS_AFTER = tuple(
    (kind, re.compile(rf"\s{{0,2}},?\s{{0,2}}(?:{pattern})(?!\s?[:.]?\s?[€$£]?\d)", re.I))
    for kind, pattern in (
        (
            "price_max",
            r"(?:(?:or|and) (?:less|under|below|cheaper|lower)|at (?:the )?(?:very )?most|max(?:imum)?|tops|budget"
            r"|limit|to spend)\b",
        ),
        (
            "price_min",
            r"(?:(?:or|and) (?:more|above|over|up|upwards?|higher)|min(?:imum)?|at (?:the )?least|upwards?)\b"
            rf"|\+\s?{CURRENCY}",
        ),
        ("around", rf"-?ish\b(?:\s?{CURRENCY})?|(?:or so|or thereabouts|give or take)\b"),
    )
)
_PLUS = re.compile(r"\s?\+")
_PAID = re.compile(r"\b(?:bought|paid|sold|charged|refund(?:ed)?|billed|ordered|got|voucher|card|coupon)\b", re.I)
_SUBJECT = re.compile(
    r"\b(?:tell|talk|know|hear|more|info|information|details?|questions?|what|how|reviews?)(?:\s\w{1,6}){0,2}"
    r"\sabout\s{1,2}\Z",
    re.I,
)

_RANGE_JOINER = re.compile(r"\s{0,2}(?:and|to|till|until|up to|[-–—&])\s{0,2}", re.I)
_RANGE_OPENER = re.compile(
    r"(?<!\w)(?:between|from|(?:prices?|priced|range|spend(?:ing)?|budget)(?: range)?(?:['’]s| is| of| from| between)?"
    r"|anything)\s?:?\s{0,2}\Z",
    re.I,
)
# "I'm between 38 and 39" speaks of sizes.
_BETWEEN_SIZES = re.compile(r"\b(?:i['’]?m|am|sizes?)\s(?:(?:usually|always|often|somewhere)\s)?between\s\Z", re.I)


@dataclass(frozen=True)
class _Amount:
    value: Decimal
    start: int
    end: int
    has_currency: bool
    is_price: bool  # nothing about it says otherwise: no unit, not too low


def find_prices(text: str) -> list[Mention]:
    """Finds `price_min` and `price_max`; digits are expected as 0 to 9."""
    found: list[Mention] = []
    amounts = list(_amounts(text))
    position = 0
    while position < len(amounts):
        pair = amounts[position : position + 2]
        ranged = _range(text, *pair) if len(pair) == 2 else None
        if ranged is None:
            found += _limit(text, pair[0])
            position += 1
        else:
            found += ranged
            position += 2
    return found


def _amounts(text: str) -> Iterator[_Amount]:
    matches = [*_AMOUNT.finditer(text), *_AMOUNT_IN_WORDS.finditer(text)]
    for match in sorted(matches, key=lambda match: match.start())[:_MAX_AMOUNTS]:
        groups = match.groupdict()
        has_currency = bool(groups.get("sign") or groups["currency"])
        words = groups.get("words")
        value = Decimal(number_in_words(words)) if words else _value(groups["number"])
        if groups.get("thousand"):
            value *= 1000
        # "at least one" and "about five" are no prices either; from ten on, words are read as digits are.
        lowest = 10 if words else _LOWEST_BARE
        is_low = value < lowest and not re.search(r"[.,]", match.group())
        is_screen = bool(groups.get("thousand")) and value in _SCREENS
        is_price = has_currency or not (is_low or is_screen or UNIT.match(text, match.end()))
        yield _Amount(value, match.start(), match.end(), has_currency, is_price)


def _range(text: str, low: _Amount, high: _Amount) -> list[Mention] | None:
    """The limits of "20 to 40 €", an empty list for a range that is none of prices, None for two single amounts."""
    if not _RANGE_JOINER.fullmatch(text, low.end, high.start):
        return None
    before = text[max(0, low.start - _BEFORE) : low.start]
    opened = _RANGE_OPENER.search(before)
    has_currency = low.has_currency or high.has_currency
    if not opened and not has_currency:
        return None
    if not high.is_price or (_BETWEEN_SIZES.search(before) and not has_currency):
        return []
    if low.value >= high.value:
        return []
    start = low.start - len(before) + opened.start() if opened else low.start
    return [
        Mention("price_min", _plain(low.value), low.start, low.end, phrase_start=start),
        Mention("price_max", _plain(high.value), high.start, high.end, phrase_start=start),
    ]


def _limit(text: str, amount: _Amount) -> list[Mention]:
    if not amount.is_price:
        return []
    kind, start = _kind(text, amount)
    if kind is None:
        return []
    if kind != "around":
        return [Mention(kind, _plain(amount.value), amount.start, amount.end, phrase_start=start)]
    return [
        Mention(limit, _plain(amount.value * share), amount.start, amount.end, phrase_start=start)
        for limit, share in (("price_min", 1 - _AROUND_SHARE), ("price_max", 1 + _AROUND_SHARE))
    ]


def _kind(text: str, amount: _Amount) -> tuple[str | None, int]:
    """Whether an amount is a lower limit, an upper one or about right, and where the words for it begin."""
    # Words behind it win: "about 80 euros at most".
    for kind, pattern in _LIMITS_AFTER:
        if (match := pattern.match(text, amount.end)) and _is_meant(text, kind, amount, match.end()):
            return kind, amount.start
    if amount.has_currency and _PLUS.match(text, amount.end):
        return "price_min", amount.start
    offset = max(0, amount.start - _BEFORE)
    before = text[offset : amount.start]
    if _SUBJECT.search(before) and not amount.has_currency:
        return None, amount.start
    for kind, pattern in _LIMITS_BEFORE:
        if match := pattern.search(before):
            return (
                kind if kind != "around" or _is_meant(text, kind, amount, amount.end) else None
            ), offset + match.start()
    for kind, pattern in _LIMITS_BEFORE_MONEY:
        match = pattern.search(before) if amount.has_currency else None
        if match and not _PAID.search(before):
            return kind, offset + match.start()
    return None, amount.start


def _is_meant(text: str, kind: str, amount: _Amount, end: int) -> bool:
    """Whether a number without a currency is a price although it might count things: "about 300 pages"."""
    if amount.has_currency or kind == "price_max":
        return True
    if kind == "around":
        return ALONE.match(text, end) is not None
    return amount.value >= _LOWEST_BARE_OR_MORE


def _value(amount: str) -> Decimal:
    """`1.299,00` and `1,299.00` both mean 1299: only a last separator before one or two digits is decimal."""
    digits = re.sub(r"[^\d.,]", "", amount).rstrip(".,")
    cents = re.search(r"[.,](\d{1,2})$", digits)
    whole = re.sub(r"[.,]", "", digits[: cents.start()] if cents else digits)
    return Decimal(f"{whole}.{cents.group(1) if cents else 0}")


def _plain(value: Decimal) -> str:
    """An amount without an exponent and without zeros behind the point."""
    plain = f"{value:f}"
    return plain.rstrip("0").rstrip(".") if "." in plain else plain
