"""What Milvus is told of a product, and filters as its expressions.

Names, words and values are stored and asked for as numbers: 63 bits of a hash of the text. So no text of a customer or
of a feed gets into an expression, whatever it holds, and no field has a length that could be exceeded.

An expression lets through every product that fulfils the filters, and few others: those where a condition has to hold
for one variant and holds for several together, or words stand in another order. Who asks compares what comes back with
the filters themselves.
"""

import hashlib
from collections.abc import Iterable
from typing import Any

from shopllm_rasa.catalog import Product
from shopllm_rasa.catalog.vocabulary import normal_words
from shopllm_rasa.retrieval.filters import (
    Filters,
    attribute_name,
    attribute_pairs,
    folded,
    identity_words,
    offers,
    spaced,
)
from shopllm_rasa.retrieval.product_columns import price_units

# The most that Milvus allows in an array.
MAX_TERMS = 4_096
NUMBER_FIELDS = ("price_low", "price_high", "brand", "currency")
TERM_FIELDS = ("categories", "words", "attributes")

_NO_RATING = -1.0


def term(kind: str, *texts: str) -> int:
    """The number that stands for a text of some kind; from 0 to 2^63 - 1."""
    text = "\x1f".join((kind, *texts)).encode("utf-8", "replace")
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "big") >> 1


def fields_of(product: Product) -> dict[str, Any]:
    """The fields of a product that filters look at."""
    available = list(offers(product))
    terms = {
        "categories": {term("category", name) for name in folded(product.categories)},
        "words": {term("word", word) for word in identity_words(product)},
        "attributes": {
            term("attribute", name, word)
            for offer in available
            for own_name, value in attribute_pairs(offer.attributes)
            for word in value.split()
            for name in ("", own_name)
        },
    }
    return {
        "price_low": min(price_units(offer.price) for offer in available),
        "price_high": max(price_units(offer.price) for offer in available),
        "brand": term("brand", product.brand.casefold()),
        "currency": term("currency", product.currency),
        "rating": _NO_RATING if product.rating is None else float(product.rating),
        "available": any(offer.stock is None or offer.stock > 0 for offer in available),
        "complete": all(len(values) <= MAX_TERMS for values in terms.values()),
        **{name: sorted(values)[:MAX_TERMS] for name, values in terms.items()},
    }


def expression(filters: Filters, *, with_not: bool = True) -> str:
    """The filters as an expression, an empty text where they say nothing that Milvus knows.

    Args:
        filters: the conditions.
        with_not: whether the server knows `not`. Milvus Lite does not; it then lets through what is excluded by
            category or word.
    """
    conditions = []
    if filters.price_min is not None:
        conditions.append(f"price_high >= {price_units(filters.price_min, up=True)}")
    if filters.price_max is not None:
        conditions.append(f"price_low <= {price_units(filters.price_max)}")
    if filters.currency is not None:
        conditions.append(f"currency == {term('currency', filters.currency.upper())}")
    if filters.min_rating is not None:
        conditions.append(f"rating >= {filters.min_rating:.17f}")
    if filters.in_stock:
        conditions.append("available == true")
    if filters.brands:
        conditions.append(f"brand in {_terms('brand', folded(filters.brands))}")
    if filters.exclude_brands:
        conditions.append(f"brand not in {_terms('brand', folded(filters.exclude_brands))}")
    if filters.categories:
        conditions.append(_contains("ANY", "categories", _terms("category", folded(filters.categories))))
    for name, wanted in filters.attributes.items():
        words = {term("attribute", attribute_name(name) if name else "", word) for word in spaced(wanted).split()}
        if words:
            conditions.append(_contains("ALL", "attributes", sorted(words)))
    if with_not:
        if filters.exclude_categories:
            excluded = _terms("category", folded(filters.exclude_categories))
            conditions.append(f"not array_contains_any(categories, {excluded})")
        for phrase in map(normal_words, filters.exclude_words):
            if phrase:
                conditions.append(f"not array_contains_all(words, {_terms('word', set(phrase))})")
    return " and ".join(f"({condition})" for condition in conditions)


def _contains(how: str, field: str, terms: list[int]) -> str:
    """A product with more names than fit is let through: the caller looks at it."""
    return f"array_contains_{how.lower()}({field}, {terms}) or complete == false"


def _terms(kind: str, names: Iterable[str]) -> list[int]:
    return sorted(term(kind, name) for name in names)
