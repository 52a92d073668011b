"""The names a catalogue uses: what customers may mention."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from shopllm_rasa.catalog.product import Product

# The attributes whose values are worth recognising on their own in a sentence.
SPOKEN_ATTRIBUTES = {"colour": "colour", "color": "colour", "material": "material"}
_TOKEN = re.compile(r"\w+(?:['’]\w+)?", re.UNICODE)


@dataclass
class Vocabulary:
    """Names of a catalogue, ready for `MentionFinder`.

    Attributes:
        brands: brand names.
        categories: names of all levels.
        attributes: attribute ('colour', 'material') to the words used as values.
        products: product id to name.
        words: every word of the catalogue's names and descriptions; such a word is never taken for a typo.
    """

    brands: list[str] = field(default_factory=list)
    categories: list[str] = field(default_factory=list)
    attributes: dict[str, list[str]] = field(default_factory=dict)
    products: dict[str, str] = field(default_factory=dict)
    words: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, products: Iterable[Product]) -> "Vocabulary":
        """Collects the names of a catalogue."""
        brands: Counter[str] = Counter()
        categories: Counter[str] = Counter()
        values: dict[str, Counter[str]] = defaultdict(Counter)
        names: dict[str, str] = {}
        words: Counter[str] = Counter()
        for product in products:
            names[product.id] = product.name
            brands.update([product.brand] if product.brand else [])
            categories.update(product.categories)
            for name in product.attributes:
                attribute = SPOKEN_ATTRIBUTES.get(name.casefold())
                if attribute:
                    values[attribute].update(value.casefold() for value in product.attribute_values(name))
            words.update(normal_words(product.search_text))
        return cls(
            sorted(brands),
            sorted(categories),
            {k: sorted(v) for k, v in values.items() if v},
            names,
            sorted(words),
        )

    def to_dict(self) -> dict[str, Any]:
        """A JSON-ready mapping."""
        return dict(vars(self))


def tokens(text: str) -> list[re.Match[str]]:
    """The words of a text with their places."""
    return list(_TOKEN.finditer(text))


def normal_words(text: str) -> tuple[str, ...]:
    """The words of a text in the form in which words are compared: without case and plural."""
    return tuple(normal_word(match.group()) for match in tokens(text))


def normal_word(word: str) -> str:
    """A word without case, possessive and regular English plural."""
    word = word.casefold().replace("’", "'").removesuffix("'s")
    if len(word) > 4 and word.endswith("ies"):
        return word[:-3] + "y"
    if len(word) > 4 and word.endswith(("ches", "shes", "sses", "xes")):
        return word[:-2]
    if len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")):
        return word[:-1]
    return word
