"""Puts the kinds of mentions together and settles which of two that overlap is meant."""

import unicodedata
from collections.abc import Iterable

from shopllm_rasa.catalog.mentions.codes import find_codes
from shopllm_rasa.catalog.mentions.mention import Mention
from shopllm_rasa.catalog.mentions.names import NameFinder
from shopllm_rasa.catalog.mentions.ordinals import find_ordinals, numbered_category
from shopllm_rasa.catalog.mentions.prices import find_prices
from shopllm_rasa.catalog.mentions.sizes import SizeFinder
from shopllm_rasa.catalog.vocabulary import Vocabulary

MAX_TEXT_CHARACTERS = 2_000
# Of each kind, so that comparing all with all stays cheap whatever is pasted.
_MAX_MENTIONS = 100


class MentionFinder:
    """Finds mentions with tolerance for case, plural and typos.

    Example:
        >>> finder = MentionFinder(Vocabulary(brands=["Sonavale"], categories=["Headphones"]))
        >>> [(m.kind, m.value) for m in finder.find("sonavale headphone under 80 euros")]
        [('brand', 'Sonavale'), ('category', 'Headphones'), ('price_max', '80')]
    """

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._names = NameFinder(vocabulary)
        self._sizes = SizeFinder(vocabulary.sizes)

    def find(self, text: str) -> list[Mention]:
        """Finds all mentions, in the order of the text; none of the catalogue's overlaps another."""
        text = _western_digits(text[:MAX_TEXT_CHARACTERS])
        # What is surer comes first and keeps its place.
        found = find_codes(text)[:_MAX_MENTIONS]
        found += _apart(find_prices(text), found)
        names = _apart(self._names.find(text)[:_MAX_MENTIONS], found)
        # "Boom XL" and "Drift 2" are names, not a size and a place; but "first" in a message is no brand of that name.
        numbers = _apart(self._sizes.find(text), found)
        numbers += _apart(find_ordinals(text)[:_MAX_MENTIONS], [*found, *numbers])
        numbers = [number for number in numbers if not any(number.lies_in(name) for name in names)]
        names = _apart(names, numbers)
        for name in names:
            place = numbered_category(text, name)
            numbers += _apart([place] if place else [], [*found, *numbers, *names])
        return sorted([*found, *numbers, *names], key=lambda mention: (mention.start, mention.kind))


def _apart(mentions: Iterable[Mention], others: Iterable[Mention]) -> list[Mention]:
    others = list(others)
    return [mention for mention in mentions if not any(mention.overlaps(other) for other in others)]


def _western_digits(text: str) -> str:
    """Writes the digits of all scripts as 0 to 9, one for one, so that places in the text stay."""
    if text.isascii():
        return text
    return "".join(str(unicodedata.decimal(sign)) if sign.isdecimal() else sign for sign in text)
