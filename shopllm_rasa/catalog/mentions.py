"""Finds in a customer's message what the catalogue knows, and limits, numbers and addresses."""

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from rapidfuzz import fuzz, process

from shopllm_rasa.catalog.vocabulary import Vocabulary, normal_word, normal_words, tokens

MAX_TEXT_CHARACTERS = 2_000
MIN_FUZZY_LETTERS = 5
FUZZY_SCORE = 86  # rapidfuzz ratio, 0 to 100: one wrong letter in seven passes, two do not
# Of a category that is meant by a part of its name ("speakers" for "Bluetooth Speakers"): likely, not certain.
LOOSE_CONFIDENCE = 0.8
_MAX_NAME_WORDS = 12
_JOINED = re.compile(r"\s*(?:&|,|\band\b)\s*")


@dataclass(frozen=True)
class Mention:
    """Something found in a message.

    Attributes:
        kind: brand, category, attribute, product, price_min, price_max, size, ordinal, order_number or email.
        value: the canonical value, always text.
        start: first character in the message.
        end: one past the last character.
        role: the attribute's name, for kind 'attribute'.
        product_id: for kind 'product'.
        confidence: 1 for an exact match, less for a typo.
        phrase_start: where the words begin that belong to it, such as 'under' before a price.
    """

    kind: str
    value: str
    start: int
    end: int
    role: str | None = None
    product_id: str | None = None
    confidence: float = 1.0
    phrase_start: int | None = None


class MentionFinder:
    """Finds mentions with tolerance for case, plural and typos.

    Example:
        >>> finder = MentionFinder(Vocabulary(brands=["Sonavale"], categories=["Headphones"]))
        >>> [(m.kind, m.value) for m in finder.find("sonavale headphone under 80 euros")]
        [('brand', 'Sonavale'), ('category', 'Headphones'), ('price_max', '80')]
    """

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._names: dict[tuple[str, ...], tuple[str, str, str | None]] = {}
        self._plural_heads: dict[str, str] = {}
        self._add_products(vocabulary)
        for attribute, values in vocabulary.attributes.items():
            for value in values:
                self._names[normal_words(value)] = ("attribute", value, attribute)
        self._add_categories(vocabulary.categories)
        for brand in vocabulary.brands:
            self._names[normal_words(brand)] = ("brand", brand, None)
        self._names.pop((), None)
        self._known_words = set(vocabulary.words)
        # Long words of brands and categories are what typos are looked up among.
        self._fuzzy: dict[str, tuple[str, ...]] = {
            " ".join(name): name
            for name, (kind, _, _) in self._names.items()
            if kind in ("brand", "category") and len(" ".join(name)) >= MIN_FUZZY_LETTERS
        }
        self._longest = max((len(name) for name in self._names), default=0)

    def _add_products(self, vocabulary: Vocabulary) -> None:
        """A product goes by its whole name, and by the shortest beginning of it that no other shares."""
        owners: dict[tuple[str, ...], set[str]] = defaultdict(set)
        for product_id, name in vocabulary.products.items():
            words = normal_words(name)[:_MAX_NAME_WORDS]
            for length in range(2, len(words) + 1):
                owners[words[:length]].add(product_id)
        brands = [normal_words(brand) for brand in vocabulary.brands]
        brand_names = set(brands)
        for words, ids in owners.items():
            begins_with_brand = any(words[:cut] in brand_names for cut in range(1, len(words)))
            if len(ids) == 1 and (begins_with_brand or len(words) >= 3):
                (product_id,) = ids
                self._names[words] = ("product", vocabulary.products[product_id], product_id)

    def _add_categories(self, categories: list[str]) -> None:
        """'Toys & Games' is also meant by either plural, 'Bluetooth Speakers' by 'speakers', unless two end so."""
        parts: dict[str, list[str]] = defaultdict(list)
        heads: dict[str, list[str]] = defaultdict(list)
        for category in categories:
            self._names[normal_words(category)] = ("category", category, None)
            joined = _JOINED.split(category)
            if len(joined) > 1:
                for part in joined:
                    parts[part.casefold()].append(category)
            elif len(matches := tokens(category)) > 1:
                heads[matches[-1].group().casefold()].append(category)
        for names in (parts, heads):
            for name, owners in names.items():
                is_plural = name != normal_word(name)
                if len(owners) == 1 and is_plural and (normal_word(name),) not in self._names:
                    self._plural_heads.setdefault(name, owners[0])

    def find(self, text: str) -> list[Mention]:
        """Finds all mentions, in the order of the text; none overlaps another of the catalogue's."""
        text = text[:MAX_TEXT_CHARACTERS]
        numbers = [*_codes(text), *_prices(text), *_sizes(text), *_ordinals(text)]
        taken = [(m.start, m.end) for m in numbers]
        names = [m for m in self._find_names(text) if not any(m.start < end and start < m.end for start, end in taken)]
        return sorted([*numbers, *names], key=lambda mention: (mention.start, mention.kind))

    def _find_names(self, text: str) -> Iterator[Mention]:
        words = tokens(text)
        normal = [normal_word(word.group()) for word in words]
        position = 0
        while position < len(words):
            length, mention = self._longest_name(text, words, normal, position)
            if mention is None:
                mention = self._typo(words[position], normal[position])
                length = 1
            if mention:
                yield mention
            position += length

    def _longest_name(
        self, text: str, words: list[re.Match[str]], normal: list[str], position: int
    ) -> tuple[int, Mention | None]:
        for length in range(min(self._longest, len(words) - position), 0, -1):
            found = self._names.get(tuple(normal[position : position + length]))
            if found:
                kind, value, extra = found
                start, end = words[position].start(), words[position + length - 1].end()
                role = extra if kind == "attribute" else None
                return length, Mention(kind, value, start, end, role, extra if kind == "product" else None)
        word = words[position]
        category = self._plural_heads.get(word.group().casefold())
        if category:
            return 1, Mention("category", category, word.start(), word.end(), confidence=LOOSE_CONFIDENCE)
        return 1, None

    def _typo(self, word: re.Match[str], normal: str) -> Mention | None:
        if len(normal) < MIN_FUZZY_LETTERS or normal in self._known_words or normal.isdigit():
            return None
        best = process.extractOne(normal, self._fuzzy.keys(), scorer=fuzz.ratio, score_cutoff=FUZZY_SCORE)
        if best is None:
            return None
        kind, value, _ = self._names[self._fuzzy[best[0]]]
        return Mention(kind, value, word.start(), word.end(), confidence=round(best[1] / 100, 2))


_EMAIL = re.compile(r"[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,4}")
# Letters and digits apart are an order number only in capitals: "and 20000" is none, nor is an amount.
# Digits alone are one behind "order" or #, or when they are the whole message, as in reply to the bot's question.
_ORDER = re.compile(
    r"\b(?:[A-Za-z]{2,3}-?|(?!EUR|USD|GBP)[A-Z]{2,3} )\d{5,8}\b"
    r"|(?<=order )#?\d{5,12}\b|#\d{5,12}\b|(?<!\S)(?<!.)\d{5,12}(?=\s*\Z)"
)


def _codes(text: str) -> Iterator[Mention]:
    for match in _EMAIL.finditer(text):
        yield Mention("email", match.group().casefold(), match.start(), match.end())
    for match in _ORDER.finditer(text):
        value = match.group().upper().replace(" ", "-").lstrip("#")
        if "-" not in value and value[:2].isalpha():
            letters = re.match(r"[A-Z]+", value)
            value = f"{letters.group()}-{value[letters.end() :]}" if letters else value
        yield Mention("order_number", value, match.start(), match.end())


_CURRENCY = r"(?:€|\$|£|eur(?:os?)?\b|euros?\b|dollars?\b|bucks\b|usd\b|pounds?\b|quid\b|gbp\b)"
_AMOUNT = (
    rf"(?P<{{0}}>(?:(?:[€$£]|eur|usd|gbp)\s?)?"
    rf"(?<!\d)(?<!\d[.,])\d{{{{1,3}}}}(?:[.,]\d{{{{3}}}}){{{{0,4}}}}\d{{{{0,9}}}}(?:[.,]\d{{{{1,2}}}})?(?:\s?{_CURRENCY})?)"
)
_NO_UNIT = (
    r"(?!\s{0,3}-?\s{0,3}(?:(?:kg|g|cm|mm|m|inch|inches|l|litres?|ml|w|watts?|years?|yrs?|months?|weeks?|days?|hours?|h|min"
    r"|minutes?|gb|tb|mah|people|persons?|pieces|pcs|hz|mp|stars?)\b|%|\"))(?![\d.,]*\d)"
)
_BELOW = (
    r"(?:under|below|less than|cheaper than|lower than|max(?:imum)?(?: of)?\.?|at most|up to|no more than|not more than"
    r"|(?:not|nothing) (?:over|above)|within|beneath|<=?|budget(?: is| of)?(?: around| about)?|spend)"
)
_ABOVE = r"(?:over|above|more than|at least|min(?:imum)?(?: of)?\.?|starting (?:at|from)|>=?)"
_AROUND = r"(?:around|about|roughly|approximately|approx\.?|circa|~)"
_RANGE = re.compile(
    rf"\b(?:between|from)?\s*{_AMOUNT.format('low')}\s*(?:and|to|-|–)\s*{_AMOUNT.format('high')}{_NO_UNIT}",
    re.I,
)
_LIMITS = (
    ("price_max", re.compile(rf"(?<!\w){_BELOW}\s*{_AMOUNT.format('amount')}{_NO_UNIT}", re.I)),
    ("price_min", re.compile(rf"(?<!\w){_ABOVE}\s*{_AMOUNT.format('amount')}{_NO_UNIT}", re.I)),
    ("around", re.compile(rf"(?<!\w){_AROUND}\s*{_AMOUNT.format('amount')}{_NO_UNIT}", re.I)),
    (
        "price_max",
        re.compile(rf"{_AMOUNT.format('amount')}\s*(?:or less|max(?:imum)?|tops|budget|at most)\b", re.I),
    ),
    ("price_min", re.compile(rf"{_AMOUNT.format('amount')}\s*(?:or more|minimum)\b", re.I)),
)
_AROUND_SHARE = Decimal("0.2")  # "around 100" is read as 80 to 120


def _prices(text: str) -> Iterator[Mention]:
    taken: list[tuple[int, int]] = []
    for match in _RANGE.finditer(text):
        low, high = _value(match["low"]), _value(match["high"])
        opened = re.match(r"\s*(between|from)", match.group(), re.I)
        if low < high and (opened or _has_currency(match["low"]) or _has_currency(match["high"])):
            taken.append(match.span())
            yield Mention("price_min", _plain(low), *match.span("low"), phrase_start=match.start())
            yield Mention("price_max", _plain(high), *match.span("high"), phrase_start=match.start())
    for kind, pattern in _LIMITS:
        for match in pattern.finditer(text):
            if any(match.start() < end and start < match.end() for start, end in taken):
                continue
            taken.append(match.span())
            value, span = _value(match["amount"]), match.span("amount")
            if kind == "around":
                for limit, share in (("price_min", 1 - _AROUND_SHARE), ("price_max", 1 + _AROUND_SHARE)):
                    yield Mention(limit, _plain(value * share), *span, phrase_start=match.start())
            else:
                yield Mention(kind, _plain(value), *span, phrase_start=match.start())


def _has_currency(amount: str) -> bool:
    return bool(re.search(_CURRENCY, amount, re.I))


def _value(amount: str) -> Decimal:
    """`1.299,00` and `1,299.00` both mean 1299: only a last separator before one or two digits is decimal."""
    digits = re.sub(r"[^\d.,]", "", amount)
    cents = re.search(r"[.,](\d{1,2})$", digits)
    whole = re.sub(r"[.,]", "", digits[: cents.start()] if cents else digits)
    return Decimal(f"{whole}.{cents.group(1) if cents else 0}")


def _plain(value: Decimal) -> str:
    """An amount without an exponent and without zeros at its end."""
    return f"{value:f}".rstrip("0").rstrip(".")


_SIZE = re.compile(
    r"\bsize\s+(?:is\s+|eu\s+|uk\s+)?(\d{1,3}(?:[.,]5)?|x{0,3}[sl]|m|small|medium|large|extra large)\b", re.I
)


def _sizes(text: str) -> Iterator[Mention]:
    for match in _SIZE.finditer(text):
        yield Mention("size", match.group(1).upper(), *match.span(1), phrase_start=match.start())


_ORDINAL_WORDS = {
    "first": 1, "second": 2, "third": 3, "fourth": 4, "fifth": 5, "sixth": 6, "seventh": 7, "eighth": 8,
    "ninth": 9, "tenth": 10, "1st": 1, "2nd": 2, "3rd": 3, "4th": 4, "5th": 5, "last": -1,
}  # fmt: skip
# Words behind an ordinal that show it does not pick from a list: "last week", "second hand".
_NO_CHOICE = (
    r"(?!\s*-?\s*(?:hand|time|times|week|weekend|month|year|night|day|order|orders|purchase|part(?:y|ies)|name|class"
    r"|thing|place|aid|of all|monday|tuesday|wednesday|thursday|friday|saturday|sunday|few|summer|winter|spring"
    r"|autumn|christmas|delivery|parcel|package|message|email|visit|floor|minute|birthday|home|baby|child|chance"
    r"|digits?|digit|couple|two|three))"
)
_ORDINAL = re.compile(rf"\b({'|'.join(_ORDINAL_WORDS)})\b{_NO_CHOICE}", re.I)
_LAST_CHOICE = re.compile(r"\s*(?:one|item|product|option|of (?:them|those|these)|\?|$)", re.I)
_NUMBERED = re.compile(r"(?:\b(?:number|no\.?|nr\.?|option|item|product)\s*|#)(\d{1,2})\b(?!\d)", re.I)
_PAIR = re.compile(
    r"(?<![\w€$£.,-])(\d{1,2})\s*(?:and|or|vs\.?|versus|with|to|&)\s*(?:number\s*)?(\d{1,2})\b(?![\w.,]*\d)",
    re.I,
)
_PAIR_CUE = re.compile(r"\b(compare|comparison|vs|versus|better|difference|differ|choose|which)\b", re.I)


def _ordinals(text: str) -> Iterator[Mention]:
    found: dict[int, Mention] = {}
    for match in _ORDINAL.finditer(text):
        value = _ORDINAL_WORDS[match.group(1).casefold()]
        if value > 0 or _LAST_CHOICE.match(text, match.end()):
            found[match.start()] = Mention("ordinal", str(value), *match.span())
    for match in _NUMBERED.finditer(text):
        found.setdefault(match.start(1), Mention("ordinal", match.group(1), *match.span(1)))
    if _PAIR_CUE.search(text):
        for match in _PAIR.finditer(text):
            for group in (1, 2):
                found.setdefault(match.start(group), Mention("ordinal", match.group(group), *match.span(group)))
    yield from found.values()
