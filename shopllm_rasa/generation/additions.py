"""What a model's wording may not bring in, whatever the facts are: markup, placeholders and promises."""

import re

_MARKUP = re.compile(r"[<>`]|\]\(|\[[A-Z]+_\d+\]|https?:|www\.|##|\*\*")
# What an advertisement, or somebody who was talked into it, likes to promise.
_PROMISES = re.compile(
    r"\b(?:discounts?|sale|offers?|coupons?|vouchers?|promo\w*|free|gratis|guarantee[ds]?|warrant\w+|refund\w*"
    r"|compensat\w+|cheap\w*|best|bestsell\w*|leading|number one|certified|award\w*|eco-friendly|sustainable|organic"
    r"|vegan|hypoallergenic|safest|waterproof|unbreakable|lifetime|delivery|shipping|in stock|promise\w*|approved)\b",
    re.I,
)

_RUN = 6


def added_markup(text: str, evidence: str = "") -> str | None:
    """The first piece of markup, link or placeholder that the evidence has not; None where there is none."""
    return _first_added(_MARKUP, text, evidence)


def added_promise(text: str, evidence: str) -> str | None:
    """The first promising word that the evidence has not; None where there is none."""
    return _first_added(_PROMISES, text, evidence)


def repeats_instructions(text: str, instructions: str, data: str) -> bool:
    """Whether a text repeats six words in a row of a prompt's instructions that the prompt's data have not."""
    return bool((_runs(text) & _runs(instructions)) - _runs(data))


def _runs(text: str) -> set[tuple[str, ...]]:
    words = re.findall(r"\w+", text.casefold())
    return {tuple(words[start : start + _RUN]) for start in range(len(words) - _RUN + 1)}


def _first_added(pattern: re.Pattern[str], text: str, evidence: str) -> str | None:
    known = evidence.casefold()
    return next((found for match in pattern.finditer(text) if (found := match.group()).casefold() not in known), None)
