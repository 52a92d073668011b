"""The names a catalogue uses: what customers may mention."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

from shopllm_rasa.catalog.product import Product

# The attributes whose values are worth recognising in a sentence, and the one name each goes by.
SPOKEN_ATTRIBUTES = {"colour": "colour", "color": "colour", "material": "material", "size": "sizes", "sizes": "sizes"}
_TOKEN = re.compile(r"\w+(?:['’]\w+)?", re.UNICODE)
# Of "100 % merino wool" and "solid oak, steel legs" the first part without its share.
_MAIN_PART = re.compile(r"(?:\d+ ?% )?([^,;/&+]*)")
_SIZE_SYSTEM = re.compile(r"\b(?:eur?|uk|us)\b")
_SIZE = re.compile(r"\d{1,3}(?:\.5)?|\dxl|[^\W\d_]{1,20}(?:[ -][^\W\d_]{1,20}){0,2}")
_IRREGULAR = {"mice": "mouse", "knives": "knife", "shelves": "shelf", "scarves": "scarf"}


@dataclass
class Vocabulary:
    """Names of a catalogue, ready for `MentionFinder`.

    Attributes:
        brands: brand names.
        categories: names of all levels.
        attributes: attribute ('colour', 'material') to the words used as values, among them kinds that several
            values are of ('wool' for 'merino wool' and 'lambs wool').
        products: product id to name.
        words: every word of the catalogue's names and descriptions; such a word is never taken for a typo.
        sizes: sizes that products come in, numbers and words, in lower case: '42.5', 'xl', 'king'.
    """

    brands: list[str] = field(default_factory=list)
    categories: list[str] = field(default_factory=list)
    attributes: dict[str, list[str]] = field(default_factory=dict)
    products: dict[str, str] = field(default_factory=dict)
    words: list[str] = field(default_factory=list)
    sizes: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, products: Iterable[Product]) -> "Vocabulary":
        """Collects the names of a catalogue."""
        brands: set[str] = set()
        categories: set[str] = set()
        attributes: set[tuple[str, str]] = set()
        names: dict[str, str] = {}
        words: set[str] = set()
        for product in products:
            names[product.id] = product.name
            brands.add(product.brand)
            categories.update(product.categories)
            attributes.update((name, value) for name in product.attributes for value in product.attribute_values(name))
            words.update(normal_words(product.search_text))
        vocabulary = cls.of_names(brands, categories, attributes, words)
        return replace(vocabulary, products=names)

    @classmethod
    def of_names(
        cls,
        brands: Iterable[str],
        categories: Iterable[str],
        attributes: Iterable[tuple[str, str]],
        words: Iterable[str],
    ) -> "Vocabulary":
        """Takes the different names of a catalogue, without its products: what a query may limit itself to.

        Args:
            brands: brand names.
            categories: names of all levels.
            attributes: names of attributes, each with one of its values.
            words: every word of the catalogue.
        """
        values: dict[str, set[str]] = defaultdict(set)
        for name, value in attributes:
            attribute = SPOKEN_ATTRIBUTES.get(name.casefold())
            if attribute:
                values[attribute].add(value.casefold().strip())
        sizes = {size for value in values.pop("sizes", ()) for size in _sizes(value)}
        return cls(
            sorted(filter(None, brands)),
            sorted(categories),
            {k: sorted({*v, *_kinds(v)}) for k, v in values.items() if v},
            {},
            sorted(words),
            sorted(sizes),
        )

    def to_dict(self) -> dict[str, Any]:
        """A JSON-ready mapping."""
        return dict(vars(self))


def _kinds(values: Iterable[str]) -> list[str]:
    """The last words that two values at least have in common: 'wool', 'leather', 'blue'."""
    words = (main.group(1).split() for value in values if (main := _MAIN_PART.match(value)))
    kinds = Counter(each[-1] for each in words if each)
    return [kind for kind, times in kinds.items() if times > 1]


def _sizes(value: str) -> list[str]:
    """The sizes in one attribute value; measures such as '50 x 70 cm' are none that could be named by one word."""
    parts = (_SIZE_SYSTEM.sub("", part).strip() for part in re.split(r"[,;/]", value))
    return [part for part in parts if _SIZE.fullmatch(part)]


def tokens(text: str) -> list[re.Match[str]]:
    """The words of a text with their places."""
    return list(_TOKEN.finditer(text))


def normal_words(text: str) -> tuple[str, ...]:
    """The words of a text in the form in which words are compared: without case and plural."""
    return tuple(normal_word(match.group()) for match in tokens(text))


@lru_cache(maxsize=100_000)
def normal_word(word: str) -> str:
    """A word without case, possessive and regular English plural."""
    word = word.casefold().replace("’", "'").removesuffix("'s")
    if word in _IRREGULAR:
        return _IRREGULAR[word]
    if len(word) > 4 and word.endswith("ies"):
        return word[:-3] + "y"
    if len(word) > 4 and word.endswith(("ches", "shes", "sses", "xes")):
        return word[:-2]
    if len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")):
        return word[:-1]
    return word
