"""From what a customer wrote to the products to show: reads the limits, searches, relaxes."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from shopllm_rasa.catalog.mentions import LOOSE_CONFIDENCE, Mention
from shopllm_rasa.retrieval.filters import Filters
from shopllm_rasa.retrieval.product_index import CODE, MAX_QUERY_CHARACTERS, ProductIndex, SearchHit

_IN_STOCK = re.compile(r"\b(?:in stock|available (?:now|today|right now)|on hand)\b", re.I)
# "a case for my Samsung phone" asks for what fits a brand, not for the brand's own.
_FITS = re.compile(r"\b(?:for|fits|fit|with|compatible with|like)\s+(?:(?:my|a|an|the|your)\s+)?$", re.I)


@dataclass(frozen=True)
class ProductQuery:
    """What a message asks for.

    Attributes:
        text: the words that carry meaning, without the limits.
        filters: the limits.
    """

    text: str
    filters: Filters


@dataclass(frozen=True)
class SearchResult:
    """Found products and what had to be given up to find them.

    Attributes:
        hits: best first.
        relaxed: names of the given-up conditions in the order they went: attributes, brand, price.
        filters: the conditions the hits fulfil.
    """

    hits: list[SearchHit]
    relaxed: tuple[str, ...]
    filters: Filters


def read_query(text: str, mentions: Sequence[Mention]) -> ProductQuery:
    """Parts a message into words and limits.

    Raises:
        SearchError: if the limits contradict each other ("over 50 and under 20").
    """
    amounts = {m.kind: Decimal(m.value) for m in mentions if m.kind in ("price_min", "price_max")}
    filters = Filters(
        price_min=amounts.get("price_min"),
        price_max=amounts.get("price_max"),
        brands=tuple(
            dict.fromkeys(m.value for m in mentions if m.kind == "brand" and not _FITS.search(text[: m.start]))
        ),
        # What is only likely guides no filter: "cases" may mean more than "Wireless Chargers & Cases".
        categories=tuple(
            dict.fromkeys(m.value for m in mentions if m.kind == "category" and m.confidence > LOOSE_CONFIDENCE)
        )[:1],
        attributes={
            "sizes" if m.kind == "size" else m.role or "": m.value for m in mentions if m.kind in ("attribute", "size")
        },
        in_stock=bool(_IN_STOCK.search(text)),
    )
    words = text
    phrases: dict[int, int] = {}  # the two limits of a range share one phrase
    for mention in mentions:
        if mention.phrase_start is not None:
            phrases[mention.phrase_start] = max(mention.end, phrases.get(mention.phrase_start, 0))
    for start, end in sorted(phrases.items(), reverse=True):
        words = words[:start] + words[end:]
    words = _IN_STOCK.sub(" ", words)
    words = " ".join(words.split())
    return ProductQuery(words or " ".join(filters.describe()) or text, filters)


def search_products(index: ProductIndex, query: ProductQuery, k: int, min_score: float) -> SearchResult:
    """Searches, giving up conditions one by one when nothing fulfils them all.

    Args:
        index: where to search.
        query: words and limits.
        k: how many products at most.
        min_score: cosine below which a product is not about the query; one whose code is named always is.

    Raises:
        SearchError: if the query has no words.
    """
    text = query.text[:MAX_QUERY_CHARACTERS]
    relaxed: list[str] = []
    for name, filters in [("", query.filters), *query.filters.relaxations()]:
        if name:
            relaxed.append(name)
        hits = [hit for hit in index.retrieve(text, k, filters) if hit.cosine >= min_score or CODE in hit.signals]
        if hits:
            return SearchResult(hits, tuple(relaxed), filters)
    return SearchResult([], tuple(relaxed), query.filters)
