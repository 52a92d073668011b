"""Reads what a customer wrote: limits, what is not wanted, an order, and the words that are left."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property
from itertools import pairwise

import numpy as np

from shopllm_rasa.catalog.mentions import LOOSE_CONFIDENCE, Mention, MentionFinder
from shopllm_rasa.catalog.vocabulary import Vocabulary, normal_word, normal_words
from shopllm_rasa.retrieval.filters import Filters, attribute_name
from shopllm_rasa.retrieval.lexical import LexicalIndex
from shopllm_rasa.retrieval.product_columns import ProductColumns
from shopllm_rasa.retrieval.product_words import STOP_WORDS, query_words, search_words
from shopllm_rasa.retrieval.query_phrases import (
    Exclusion,
    find_exclusions,
    find_in_stock,
    find_min_rating,
    find_sort,
    subject,
)
from shopllm_rasa.spelling import SpellingMender
from shopllm_rasa.spelling.english import SHOP_TALK, english_words

# "a case for my Samsung phone" asks for what fits a brand, not for the brand's own.
_FITS = re.compile(
    r"\b(?:for|fits?|fitting|with|compatible with|works with|like)\s+(?:(?:my|an?|the|your|our)\s+)?$", re.I
)
_MADE_BY = re.compile(r"\b(?:by|from|made by|brand|only)\s+$", re.I)
# What is left at the edges of a text once limits are taken out.
_EDGE = re.compile(
    r"^(?:[\s,;:.!?-]|(?:and|or|but)\b)+"
    r"|(?:\s*(?:[,;:-]|(?<!\w)(?:and|or|but|with|in|is|are|that|which|from|for)(?!\w)))+\s*$",
    re.I,
)
_LONELY_SIGN = re.compile(r"\s+(?=[,;.!?])|(?<=\s)[,;](?=\s|$)")
# "cheap" says little that could be looked up, and stands in no product's text.
_EMPTY_WORDS = frozenset(
    {"cheap", "show", "find", "looking", "buy", "give", "search", "something", "anything", "recommend"}
)
# The products a query's words are about: those whose word score is at least this share of the best one's.
_ABOUT_SHARE = 0.8
# A brand or category is a limit where at least this share of what is about the query, and names it, belongs to it.
_OWN_SHARE = 0.5
# Words this short are seldom halves of a compound: "car" and "pet" are no "carpet".
_MIN_HALF = 3
_MIN_COMPOUND = 7
_MIN_TYPO_LETTERS = 4


@dataclass(frozen=True)
class ProductQuery:
    """What a message asks for.

    Attributes:
        text: the words that carry meaning, without the limits.
        filters: the limits.
        sort: the order asked for, a key of `fusion.SORTS`; None for the best first.
        words: the words to look up, in the form of `search_words`; None for those of the text.
    """

    text: str
    filters: Filters = field(default_factory=Filters)
    sort: str | None = None
    words: tuple[str, ...] | None = None


class QueryReader:
    """Reads queries against the names and words of one index.

    A brand is a limit unless the message asks for what fits it ("for my Samsung"), or unless it stands mostly in
    the names of other makers' products about the rest of the query: nearly all watch bands that name Apple are others'.
    A category is a limit where it holds most of the products that match its name: a shop that files a tenth of its
    cases for the iPhone 7 under "iPhone 7 Cases" does not mean the others to be hidden.

    Args:
        columns: of the index.
        words: of the index.
    """

    def __init__(self, columns: ProductColumns, words: LexicalIndex) -> None:
        self._columns = columns
        self._words = words
        self._families: dict[tuple[str, ...], list[str]] = {}

    @cached_property
    def _finder(self) -> MentionFinder:
        columns = self._columns
        vocabulary = Vocabulary.of_names(columns.brands, columns.categories, columns.attributes, self._words.words)
        return MentionFinder(vocabulary)

    @cached_property
    def _mender(self) -> SpellingMender:
        right = frozenset({*english_words(), *SHOP_TALK})

        def is_known(word: str) -> bool:
            return word in right or normal_word(word) in self._words

        letters = {word for word in self._words.words if word.isalpha()}
        return SpellingMender(letters, is_known, min_letters=_MIN_TYPO_LETTERS, knows_forms=False)

    @cached_property
    def _brand_words(self) -> list[tuple[tuple[str, ...], str]]:
        """The words of each brand and its name, those with the most products first."""
        return [(normal_words(brand), brand) for brand in self._columns.brands_by_count() if brand]

    def read(self, text: str, mentions: Sequence[Mention] | None = None) -> ProductQuery:
        """Parts a message into words, limits and an order.

        Args:
            text: the message.
            mentions: what was found in it already; looked for where None.

        Raises:
            SearchError: if the limits contradict each other ("over 50 and under 20").
        """
        found = self._finder.find(text) if mentions is None else list(mentions)
        rating, sort, stock = find_min_rating(text), find_sort(text), find_in_stock(text)
        spans = [item[1:] for item in (rating, sort) if item] + stock
        found = [mention for mention in found if not _overlaps(mention, spans) and self._can_limit(mention)]
        unwanted = _Unwanted()
        for exclusion in find_exclusions(text):
            if not any(start <= exclusion.start < end for start, end in (*spans, *unwanted.spans)):
                self._exclude(text, exclusion, found, unwanted)
        if unwanted.words and not _content(_without(text, [*spans, *unwanted.spans])):
            # "no contract phone": what is not wanted would be all there is.
            unwanted = _Unwanted()
        spans += unwanted.spans
        found = [mention for mention in found if not _overlaps(mention, unwanted.spans)]
        spans += _limit_spans(found)
        words = self._mender.mend(_without(text, spans))
        wanted = subject(words)
        if _content(wanted):
            words = wanted
        lookup = self._lookup(words)
        amounts = {m.kind: Decimal(m.value) for m in found if m.kind in ("price_min", "price_max")}
        brands = self._brands(text, found, lookup)
        filters = Filters(
            price_min=amounts.get("price_min"),
            price_max=amounts.get("price_max"),
            brands=tuple(name for name in brands if name not in unwanted.brands),
            categories=self._category(text, found),
            attributes={
                "sizes" if m.kind == "size" else m.role or "": m.value for m in found if m.kind in ("attribute", "size")
            },
            in_stock=bool(stock),
            min_rating=rating[0] if rating else None,
            exclude_brands=tuple(dict.fromkeys(unwanted.brands)),
            exclude_categories=tuple(dict.fromkeys(unwanted.categories)),
            exclude_words=tuple(dict.fromkeys(unwanted.words)),
        )
        left = words if _content(words) else " ".join(filters.describe()) or text
        return ProductQuery(left, filters, sort[0] if sort else None, lookup if _content(words) else None)

    def _can_limit(self, mention: Mention) -> bool:
        """Whether the shop has such a thing: where nothing comes in sizes, XL is a part of a name."""
        return mention.kind != "size" or self._has_sizes

    @cached_property
    def _has_sizes(self) -> bool:
        return any(attribute_name(name) == "sizes" for name, _ in self._columns.attributes)

    def _exclude(self, text: str, exclusion: Exclusion, found: Sequence[Mention], unwanted: "_Unwanted") -> None:
        """Takes over what of an exclusion the shop knows; of a list, only what surely belongs to it."""
        previous = end = None
        for (start, stop), term_end, joined in zip(exclusion.terms, exclusion.ends, exclusion.joins, strict=True):
            named = next(
                (m for m in found if m.kind in ("brand", "category", "attribute") and m.start <= start < m.end),
                None,
            )
            kind = named.kind if named else "word"
            if previous is not None and not joined and (named is None or kind != previous):
                break
            if named is not None and named.kind == "brand":
                unwanted.brands += self._family(named.value)
            elif named is not None and named.kind == "category":
                unwanted.categories.append(named.value)
            else:
                term = self._mender.mend(text[start:stop])
                if not all(word in self._words for word in search_words(term)):
                    break
                unwanted.words.append(term.casefold())
            # "no Casaro kettles" is about kettles still.
            previous, end = kind, named.end if named is not None and named.end < stop else term_end
        if end is not None:
            unwanted.spans.append((exclusion.start, end))

    def _family(self, brand: str) -> list[str]:
        """All spellings and lines of a brand: "Verizon" is also "Verizon Prepaid", "Insignia" also "Insignia™"."""
        words = normal_words(brand)
        if words not in self._families:
            names = [name for own, name in self._brand_words if own[: len(words)] == words]
            self._families[words] = _unlike(names) or [brand]
        return self._families[words]

    def _brands(self, text: str, found: Iterable[Mention], lookup: Sequence[str]) -> tuple[str, ...]:
        names: list[str] = []
        for mention in found:
            if mention.kind != "brand" or _FITS.search(text[: mention.start]):
                continue
            family = self._family(mention.value)
            if _MADE_BY.search(text[: mention.start]) or self._is_maker(mention.value, family, lookup):
                names += family
        return tuple(dict.fromkeys(names))

    def _is_maker(self, brand: str, family: Sequence[str], lookup: Sequence[str]) -> bool:
        own_words = normal_words(brand)
        about = self._about([word for word in lookup if word not in own_words])
        if about is None:
            return True
        own = self._columns.of_brands(family)
        named = about & (self._columns.with_words(own_words) | own)
        return not named.any() or (about & own).sum() >= _OWN_SHARE * named.sum()

    def _category(self, text: str, found: Iterable[Mention]) -> tuple[str, ...]:
        for mention in found:
            # What is only likely guides no filter: "cases" may mean more than "Wireless Chargers & Cases".
            if mention.kind != "category" or mention.confidence <= LOOSE_CONFIDENCE:
                continue
            if _FITS.search(text[: mention.start]):
                continue
            about = self._about(self._lookup(mention.value))
            inside = self._columns.of_category(mention.value)
            if about is None or (about & inside).sum() >= _OWN_SHARE * about.sum():
                return (mention.value,)
        return ()

    def _about(self, words: Sequence[str]) -> np.ndarray | None:
        """Which products match words best, bool of shape (products,); None where none matches any."""
        scores = self._words.scores([word for word in words if word not in STOP_WORDS])
        best = float(scores.max(initial=0))
        return scores >= _ABOUT_SHARE * best if best > 0 else None

    def _lookup(self, text: str) -> tuple[str, ...]:
        """The words of a text, and compounds that products write the other way: "smart watch", "powerbank"."""
        words = [word for word in query_words(text, self._words) if word not in _EMPTY_WORDS]
        extra = []
        for first, second in pairwise(words):
            if min(len(first), len(second)) >= _MIN_HALF and first + second in self._words:
                extra.append(first + second)
        for word in words:
            if word not in self._words and len(word) >= _MIN_COMPOUND and word.isalpha():
                extra += self._halves(word)
        return tuple(dict.fromkeys((*words, *extra)))

    def _halves(self, word: str) -> list[str]:
        for cut in range(_MIN_HALF, len(word) - _MIN_HALF + 1):
            halves = [word[:cut], *search_words(word[cut:])]
            if all(half in self._words for half in halves):
                return halves
        return []


def _unlike(names: Iterable[str]) -> list[str]:
    """Of names that differ in case alone the first."""
    unlike: dict[str, str] = {}
    for name in names:
        unlike.setdefault(name.casefold(), name)
    return list(unlike.values())


@dataclass
class _Unwanted:
    brands: list[str] = field(default_factory=list)
    categories: list[str] = field(default_factory=list)
    words: list[str] = field(default_factory=list)
    spans: list[tuple[int, int]] = field(default_factory=list)


def _limit_spans(found: Iterable[Mention]) -> list[tuple[int, int]]:
    """The places of prices and sizes with the words that belong to them, such as "under"."""
    phrases: dict[int, int] = {}  # the two limits of a range share one phrase
    for mention in found:
        if mention.phrase_start is not None:
            phrases[mention.phrase_start] = max(mention.end, phrases.get(mention.phrase_start, 0))
    return list(phrases.items())


def _overlaps(mention: Mention, spans: Iterable[tuple[int, int]]) -> bool:
    return any(mention.start < end and start < mention.end for start, end in spans)


def _without(text: str, spans: Iterable[tuple[int, int]]) -> str:
    """A text without some stretches of it, tidied at the places where they were."""
    spans = sorted(spans, reverse=True)
    if not spans:
        return " ".join(text.split())
    for start, end in spans:
        text = f"{text[:start]} {text[end:]}"
    return _EDGE.sub("", " ".join(_LONELY_SIGN.sub("", text).split()))


def _content(text: str) -> list[str]:
    """The words of a text that say what is looked for."""
    return [word for word in search_words(text) if word not in STOP_WORDS and word not in _EMPTY_WORDS]
