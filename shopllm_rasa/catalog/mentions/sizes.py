"""Sizes of clothes, shoes and beds, and measures such as 140 x 200."""

import re
from collections.abc import Iterable, Iterator

from shopllm_rasa.catalog.mentions.mention import Mention
from shopllm_rasa.catalog.mentions.quantities import ALONE, UNIT
from shopllm_rasa.spelling.english import common_words

# Sizes in words, as the letters that labels bear. The longer ones stand first for the patterns' sake.
_LETTERS = {
    "extra small": "XS",
    "x-small": "XS",
    "extra large": "XL",
    "x-large": "XL",
    "small": "S",
    "medium": "M",
    "large": "L",
}
_WORD = "|".join(_LETTERS)
_XL = r"[2-6]xl|x{1,4}[ls]"
_NUMBER = r"\d{1,3}(?:[.,]5)?"
_NOT_EACH = r"(?<!every )(?<!each )(?<!any )"
_BED = r"super king|california king|small double|king|queen|double|single"
# A message with more is no wish; the bound keeps the time for one linear.
_MAX_SIZES = 32
# "The M" and "Would M fit" begin with one of the commonest words, "Model S" and "Anna M." do not.
_FUNCTION_WORDS = 500
# Nothing may be stuck to a size, so that "I'm", "L'Oréal", "H&M", "1.5" and "M1" have none.
_FREE = r"(?<![\w'’&.#@€$£])"
_END = r"(?![\w'’&@+]|[.,]\d)"

_MEASURE = r"\d{1,4}(?:[.,]\d{1,2})?"
_DIMENSIONS = re.compile(
    rf"{_FREE}(?P<size>{_MEASURE}(?:\s?(?:cm|mm|m|in)?\s?[x×*]\s?{_MEASURE}){{1,2}})(?P<unit>\s?(?:cm|mm|m|inch|inches)\b)?"
    r"(?![\w.,]*\d)",
    re.I,
)
_JEANS = re.compile(rf"{_FREE}W\s?(\d\d)(?:\s?[/x,-]?\s?L\s?(\d\d))?{_END}")
_JEANS_ANY_CASE = re.compile(rf"{_FREE}w\s?(\d\d)\s?[/x,-]?\s?l\s?(\d\d){_END}", re.I)
_NAMED = re.compile(
    r"\b(?:sizes?|sized)\b(?:\s{0,2}[:=]|\s(?:is|was|to|of|in|a|an|the|about|number|no\.?|eur?|uk|us)\b){0,3}\s{0,2}"
    rf"(?P<size>{_NUMBER}|{_XL}|[sml]|{_WORD}|{_BED}){_END}",
    re.I,
)
# Capitals only where the system's letters are words as well ("give us 9"). EUR alone is money: "EUR 42" is a size only
# behind a word for one ("size EUR 42", "in EUR 42").
_SYSTEM = re.compile(
    rf"{_FREE}(?:(?:(?i:eu|uk)|US|(?<=in )EUR)\s?(?P<size>{_NUMBER})|(?P<before>{_NUMBER})\s?(?:(?i:eu|uk)|US)){_END}"
)
_X_LETTERS = re.compile(rf"{_FREE}(?P<size>{_XL}){_END}", re.I)
_CAPITAL = re.compile(rf"{_FREE}(?P<size>[SML]){_END}")
_SMALL_LETTER = re.compile(rf"(?:\bin (?:an? )?(?P<size>[sml])|{_FREE}(?P<first>[sml])\s?/\s?[sml]){_END}", re.I)
# "a medium", "in large", "the small one"; "a large order" is dealt with by what follows.
_BARE_WORD = re.compile(
    rf"\b(?:an?|the|in|wear|wears|take|takes)\s(?P<size>{_WORD})(?P<one>\sones?)?(?![\w-])"
    rf"|\A\s{{0,3}}(?P<first>{_WORD})(?P<too>\sones?)?(?!\w|-)",
    re.I,
)
_BED_SIZE = re.compile(r"\b(?P<size>super king|california king|king|queen|twin)[\s-]?sized?\b", re.I)
_BED_WORD = re.compile(rf"{_NOT_EACH}\b(?P<size>{_BED}|twin|full(?=[\s-]size)|toddler)\b(?!\s(?:the|of)\b)", re.I)
_BED_CUE = re.compile(
    r"\b(?:beds?|mattress(?:es)?|duvets?|quilts?|comforters?|bedding|bedspreads?|(?:bed|fitted|flat)\s?sheets?"
    r"|bed ?linen|headboards?|toppers?)\b",
    re.I,
)
# A number alone is a size where the shop sells that size, in the places where people put one.
_BARE_NUMBERS = tuple(
    re.compile(pattern, re.I)
    for pattern in (
        rf"\b(?:in|fits?|wear|wears|wearing|take|takes) (?:an? |the )?(?P<size>{_NUMBER}){_END}",
        rf"\b(?:an?|my|usually) (?P<size>{_NUMBER}){_END}",
        rf"\bbetween (?:an? )?(?P<size>{_NUMBER}) (?=and\b)",
        # But "by the 12" is a day.
        rf"(?<!\bby )(?<!until )(?<!till )(?<!before )(?<!after )(?<!since )\bthe (?P<size>{_NUMBER}){_END}",
        rf"\b(?:is|are|was|would|will|does|do|did) (?:the |an? )?(?P<size>{_NUMBER}) (?=(?:an?|too|fit|run|be)\b)",
        rf"(?<![\w.,])(?P<size>{_NUMBER}) (?=(?:fits?|runs?)\b|(?:is|was|are|were) (?:too|very|a bit|so)\b)",
        # "I need 2" is a quantity; nobody orders twenty.
        rf"\b(?:ordered|order|bought|got|received|need|want) (?P<size>[2-9]\d(?:[.,]5)?){_END}",
    )
)
_NEXT = re.compile(
    r"\s{0,2}(?:/|,|-|\b(?:and|or|nor|not|for|instead of|but not|to)\b)\s{0,2}(?:(?:an?|the|in|size)\s){0,2}"
    rf"(?:(?P<number>{_NUMBER})|(?P<letters>{_XL}|[sml]|{_WORD})){_END}",
    re.I,
)
_COUNTED = re.compile(rf"\s?(?:to|or|and|-|–)\s?\d{{1,4}}{UNIT.pattern}", re.I)


class SizeFinder:
    """Finds sizes.

    Args:
        sizes: those that the shop sells, in lower case. They decide whether a number alone is a size ("sandals in
            38"), and whether a medium is called M or Medium here.
    """

    def __init__(self, sizes: Iterable[str]) -> None:
        self._sold = frozenset(sizes)

    def find(self, text: str) -> list[Mention]:
        """Finds sizes, in the order of the text; digits are expected as 0 to 9."""
        found: list[Mention] = []

        def add(mention: Mention) -> None:
            if len(found) < _MAX_SIZES and not any(mention.overlaps(other) for other in found):
                found.append(mention)

        for mention in self._candidates(text):
            add(mention)
        for first in tuple(found):
            for mention in self._listed_after(text, first):
                add(mention)
        return sorted(found, key=lambda mention: mention.start)

    def _candidates(self, text: str) -> Iterator[Mention]:
        """Everything that looks like a size, the surer patterns first."""
        for pattern in (_JEANS, _JEANS_ANY_CASE):
            for match in pattern.finditer(text):
                value = f"W{match[1]} L{match[2]}" if match[2] else f"W{match[1]}"
                yield Mention("size", value, *match.span(), phrase_start=match.start())
        for match in _DIMENSIONS.finditer(text):
            if _is_measure(text, match):
                # The words stay in a query (no `phrase_start`): they stand in products' texts as well.
                yield Mention("size", " x ".join(re.findall(_MEASURE, match["size"])), *match.span())
        for match in _NAMED.finditer(text):
            if not UNIT.match(text, match.end()) and not _COUNTED.match(text, match.end()):
                yield self._mention(match, "size")
        for match in _SYSTEM.finditer(text):
            group = "size" if match["size"] else "before"
            if not UNIT.match(text, match.end()):
                yield self._mention(match, group)
        for match in _X_LETTERS.finditer(text):
            yield self._mention(match, "size")
        for match in _CAPITAL.finditer(text):
            if _stands_for_itself(text, match) and _is_alone(text, match.end()):
                yield self._mention(match, "size")
        for match in _SMALL_LETTER.finditer(text):
            if _is_alone(text, match.end()):
                yield self._mention(match, "size" if match["size"] else "first")
        yield from self._words(text)
        yield from self._bare_numbers(text)

    def _words(self, text: str) -> Iterator[Mention]:
        for match in _BARE_WORD.finditer(text):
            if match["one"] or match["too"] or _closes(text, match.end()):
                yield self._mention(match, "size" if match["size"] else "first")
        beds = [_BED_SIZE, _BED_WORD] if _BED_CUE.search(text) else [_BED_SIZE]
        for pattern in beds:
            for match in pattern.finditer(text):
                yield Mention("size", match["size"].upper(), *match.span("size"))

    def _bare_numbers(self, text: str) -> Iterator[Mention]:
        if not self._sold:
            return
        for pattern in _BARE_NUMBERS:
            for match in pattern.finditer(text):
                if self._is_sold(match["size"]) and _is_alone(text, match.end("size")):
                    yield self._mention(match, "size")

    def _listed_after(self, text: str, first: Mention) -> Iterator[Mention]:
        """The other sizes of "38 or 39", "M / L" and "swap M for S": of one kind with the first."""
        for _ in range(_MAX_SIZES):
            match = _NEXT.match(text, first.end)
            if match is None:
                return
            group = "number" if match["number"] else "letters"
            if (group == "number") != first.value[0].isdigit() or not _is_alone(text, match.end()):
                return
            if group == "number" and self._sold and not self._is_sold(match[group]):
                return
            first = self._mention(match, group)
            yield first

    def _is_sold(self, number: str) -> bool:
        return number.replace(",", ".") in self._sold

    def _mention(self, match: re.Match[str], group: str) -> Mention:
        value = match[group].casefold().replace(",", ".")
        value = _LETTERS.get(value, value.upper())
        word = next((word for word, letter in _LETTERS.items() if letter == value and word in self._sold), None)
        if word and value.casefold() not in self._sold:
            value = word.upper()
        begins_with_size = match.group().casefold().startswith("size")
        start = match.start() if begins_with_size else match.start(group)
        return Mention("size", value, *match.span(group), phrase_start=start)


def _is_alone(text: str, end: int) -> bool:
    """Whether a size ends where it seems to: "a 40 to 50 inch screen" speaks of none."""
    return ALONE.match(text, end) is not None and not _COUNTED.match(text, end)


def _is_measure(text: str, match: re.Match[str]) -> bool:
    """Tells measures from a number of things ("2 x 5 kg"), a screen ("1920 x 1080") and a car ("4x4")."""
    measures = [float(number.replace(",", ".")) for number in re.findall(_MEASURE, match["size"])]
    if match["unit"]:
        return True
    return not UNIT.match(text, match.end()) and max(measures) >= 10 and min(measures) < 1000


def _stands_for_itself(text: str, match: re.Match[str]) -> bool:
    """Tells "the M" from "1.5 L", "Model S" and "Anna M."."""
    before = text[max(0, match.start() - 30) : match.start()]
    word = re.search(r"(\w+)\s{1,2}\Z", before)
    if word is None:
        return True
    previous = word[1]
    return not previous[-1].isdigit() and (
        not previous[0].isupper() or previous.casefold() in common_words(_FUNCTION_WORDS)
    )


def _closes(text: str, end: int) -> bool:
    """Whether a phrase ends here: "a large, heavy sofa" and "a small and cheap lamp" go on."""
    match = ALONE.match(text, end)
    if match is None or match.group().strip().casefold() == "and":
        return False
    return match.group().strip() != "," or _is_alone(text, match.end())
