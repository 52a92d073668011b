"""Places in the list that was shown: "the second one", "compare 1 and 3"."""

import re

from shopllm_rasa.catalog.mentions.mention import Mention
from shopllm_rasa.catalog.mentions.quantities import ALONE, SMALL_NUMBER_WORDS, UNIT
from shopllm_rasa.catalog.vocabulary import normal_word

_ORDINAL_WORDS = {
    "first": 1, "second": 2, "third": 3, "fourth": 4, "fifth": 5, "sixth": 6, "seventh": 7, "eighth": 8,
    "ninth": 9, "tenth": 10, "1st": 1, "2nd": 2, "3rd": 3, "4th": 4, "5th": 5, "6th": 6, "7th": 7, "8th": 8,
    "9th": 9, "10th": 10, "last": -1,
}  # fmt: skip
# Words behind an ordinal that show it does not pick from a list: "last week", "second hand".
_NO_CHOICE = (
    r"(?!\s{0,2}-?\s{0,2}(?:hand|time|times|week|weekend|month|year|night|day|order|orders|purchase|part(?:y|ies)|name"
    r"|class|thing|place|aid|of all|of [a-z]+(?:uary|ember|tober|ust|il|ch|ay|ne|ly)\b|monday|tuesday|wednesday"
    r"|thursday|friday|saturday|sunday|few|summer|winter|spring|autumn|christmas|delivery|parcel|package|message|email|visit"
    r"|floor|minute|birthday|home|baby|child|chance|digits?|letters?|couple of (?:days|weeks|months)"
    r"|(?:two|three|four|\d+) (?:days|weeks|months|years|times|orders|digits)))"
)
# What is someone's, or one of a kind, is not shown in the list ("his first flat", "a second chance").
_OWNED = "".join(rf"(?<!\b{word}\s)" for word in ("my", "your", "his", "her", "our", "their", "its", "a", "every"))
_ORDINAL = re.compile(
    rf"\b{_OWNED}({'|'.join(_ORDINAL_WORDS)})\b{_NO_CHOICE}(?:\s(two|2|couple|three|3|four|4)\b)?", re.I
)
_SEVERAL = {"two": 2, "couple": 2, "three": 3, "four": 4}
# "first one", "last of these": what picks whatever stands before it.
_CHOICE = re.compile(r"\s{1,2}(?:ones?|items?|products?|options?|choices?|of (?:them|those|these))\b", re.I)
# Else the ordinal needs a word before it that leads to a thing: "measure it first" and "batteries last" pick nothing.
_LED = re.compile(
    r"(?:\b(?:the|that|this|and|or|vs\.?|versus|than|about|of|with|to|for|between|compare|show|me|take|want|pick|choose"
    r"|prefer|like|buy)\s|[,/&]\s?)\Z",
    re.I,
)
_ENDS = re.compile(r"\s{0,2}(?:[?!.,;:]|\Z)")
_THE_LAST = re.compile(r"\b(?:the|or|and|about|than)\s\Z", re.I)

_SMALL_NUMBER = r"(?:1\d?|20|[2-9])"
_NUMBERED = re.compile(
    # Not the number of a telephone, a house or an order.
    r"(?=[noip#])(?<!order )(?<!phone )(?<!house )(?<!flat )(?<!tracking )(?<!model )(?<!serial )"
    rf"(?:\b(?:numbers?|no\.?|nr\.?|option|item|product)\s{{0,2}}|(?<!\w)#)({_SMALL_NUMBER})(?![\w.,]*\d|\w)",
    re.I,
)
_NUMBERED_IN_WORDS = re.compile(rf"\b(?:number|option)\s({'|'.join(SMALL_NUMBER_WORDS)})\b", re.I)
_PAIR = re.compile(
    rf"(?<![\w€$£.,-])({_SMALL_NUMBER})\s{{0,2}}(?:and|or|n|vs\.?|versus|with|to|than|&|[+/])\s{{0,2}}"
    rf"(?:(?:number|nr\.?)\s)?({_SMALL_NUMBER})\b(?![\w.,]*\d)",
    re.I,
)
_BESIDE_ORDINAL = re.compile(
    rf"(?<![\w€$£.,-])({_SMALL_NUMBER})\s(?:and|or|vs\.?|versus|with|than)\sthe\s(?:{'|'.join(_ORDINAL_WORDS)})\b", re.I
)
# Words that tell two numbers for places in a list from a quantity such as "2 or 3 of them".
_PAIR_CUE = re.compile(
    r"\b(?:compar\w{1,6}|vs|versus|better|best|difference|differ|choose|pick|which|side by side|pros|prefer|cheaper"
    r"|together|altogether|both)\b",
    re.I,
)
# A number alone, where a product would be named: "the price of 1", "tell me about 2".
_SUBJECT = re.compile(
    r"\b(?:(?:price|cost|description|reviews?|details?|specs?|features|pictures?|photos?|material|weight|dimensions)"
    r" (?:of|for|on)|(?:tell|know|hear|more|info|information|details)(?:\s\w{1,6}){0,2}\sabout|go for|go with)"
    rf"\s(?:number\s)?({_SMALL_NUMBER})(?![\w.,]*\d|\w)",
    re.I,
)
_PLACE_AFTER_NAME = re.compile(r"\s([1-9])(?![\w.,]*\d|\w)")


def find_ordinals(text: str) -> list[Mention]:
    """Finds places in a list, `-1` being the last; digits are expected as 0 to 9."""
    found: dict[tuple[int, str], Mention] = {}

    def add(value: int | str, span: tuple[int, int]) -> None:
        found.setdefault((span[0], str(value)), Mention("ordinal", str(value), *span))

    for match in _ORDINAL.finditer(text):
        value = _ORDINAL_WORDS[match[1].casefold()]
        count = _count(match[2])
        if not _picks(text, match):
            continue
        # "the first two" are two places with the same words.
        for step in range(count if count and abs(value) == 1 else 1):
            add(value + step if value > 0 else value - step, match.span())
    for match in _NUMBERED.finditer(text):
        add(match[1], match.span(1))
    for match in _NUMBERED_IN_WORDS.finditer(text):
        add(SMALL_NUMBER_WORDS[match[1].casefold()], match.span(1))
    for match in _SUBJECT.finditer(text):
        if ALONE.match(text, match.end()):
            add(match[1], match.span(1))
    if _PAIR_CUE.search(text):
        for match in _BESIDE_ORDINAL.finditer(text):
            add(match[1], match.span(1))
        for match in _PAIR.finditer(text):
            if UNIT.match(text, match.end()):
                continue
            for group in (1, 2):
                add(match[group], match.span(group))
    return sorted(found.values(), key=lambda mention: mention.start)


def numbered_category(text: str, name: Mention) -> Mention | None:
    """The place behind a category in the singular: "air fryer 1 or air fryer 2"."""
    match = _PLACE_AFTER_NAME.match(text, name.end)
    if name.kind != "category" or match is None or not ALONE.match(text, match.end()):
        return None
    word = text[name.start : name.end].split()[-1].casefold()
    return Mention("ordinal", match[1], *match.span(1)) if normal_word(word) == word else None


def _count(word: str | None) -> int:
    if word is None:
        return 0
    return int(word) if word.isdigit() else _SEVERAL[word.casefold()]


def _picks(text: str, match: re.Match[str]) -> bool:
    """Whether an ordinal picks from a list: "the last one", "second please", but not "how long does it last"."""
    if _CHOICE.match(text, match.end()):
        return True
    if match[2]:
        return ALONE.match(text, match.end()) is not None  # "the first two washes" are none shown
    before = text[max(0, match.start() - 10) : match.start()]
    if match[1].casefold() == "last" and not _ENDS.match(text, match.end()):
        return False  # "the last lamp I bought"
    if not before.strip():
        return ALONE.match(text, match.end()) is not None
    return bool((_THE_LAST if match[1].casefold() == "last" else _LED).search(before))
