"""From a query that was read to the products to show: searches, and gives up limits where nothing fits them all."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from shopllm_rasa.retrieval.filters import Filters
from shopllm_rasa.retrieval.product_index import CODE, MAX_QUERY_CHARACTERS, ProductIndex, SearchHit
from shopllm_rasa.retrieval.query_reading import ProductQuery
from shopllm_rasa.retrieval.reranker import RERANKED, Reranker

# A product most of whose asked words match is about the query, whatever its meaning's vector says: part numbers have
# hardly any meaning.
_MATCHING_WORDS = 0.5


@dataclass(frozen=True)
class SearchResult:
    """Found products and what had to be given up to find them.

    Attributes:
        hits: in the order asked for.
        relaxed: names of the given-up conditions in the order they went: attributes, rating, brand, price; 'sort'
            where the shop knows nothing to sort by.
        filters: the conditions the hits fulfil.
        sort: the order of the hits, a key of `fusion.SORTS`; None for the best first.
        query: the words that were searched for.
    """

    hits: list[SearchHit]
    relaxed: tuple[str, ...] = ()
    filters: Filters = field(default_factory=Filters)
    sort: str | None = None
    query: str = ""


def search_products(
    index: ProductIndex,
    query: ProductQuery,
    k: int,
    min_score: float = -1.0,
    fixed: Filters | Mapping[str, object] | None = None,
    reranker: Reranker | None = None,
    fill: bool = False,
) -> SearchResult:
    """Searches, giving up the limits that were read from words one by one when nothing fulfils them all.

    Args:
        index: where to search.
        query: words, limits and order.
        k: how many products at most.
        min_score: cosine below which a product is not about the query, unless its code is named or its words match.
        fixed: conditions that are never given up; they count more than what was read.
        reranker: reads the best hits again, where no order was asked for.
        fill: whether products of other categories than the one that was read follow where it has less than k.

    Raises:
        SearchError: if the query has no words or the conditions cannot be.
    """
    firm = fixed if isinstance(fixed, Filters) else Filters.from_dict(fixed or {})
    conditions = query.filters.under(firm)
    text = query.text[:MAX_QUERY_CHARACTERS]
    relaxed: list[str] = []
    sort = query.sort
    if sort is not None and not index.can_sort(sort):
        relaxed.append("sort")
        sort = None
    count = max(k, RERANKED) if reranker and sort is None else k
    for name, filters in [("", conditions), *conditions.relaxations(kept=firm)]:
        if name:
            relaxed.append(name)
        hits = [
            hit
            for hit in index.retrieve(text, count, filters, sort, query.words)
            if hit.cosine >= min_score or CODE in hit.signals or hit.word_score >= _MATCHING_WORDS
        ]
        if hits:
            if reranker and sort is None:
                hits = reranker.rerank(text, hits)[:k]
            if fill and len(hits) < k and sort is None and filters.categories != firm.categories:
                wider = index.retrieve(text, k, replace(filters, categories=firm.categories), words=query.words)
                shown = {hit.product.id for hit in hits}
                hits += [hit for hit in wider if hit.product.id not in shown][: k - len(hits)]
            return SearchResult(hits, tuple(relaxed), filters, sort, text)
    return SearchResult([], tuple(relaxed), conditions, sort, text)
