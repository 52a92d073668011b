"""The product index: hybrid search over products, and every change of it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from shopllm_rasa.catalog import Product
from shopllm_rasa.encoders import SentenceEncoder
from shopllm_rasa.errors import IndexUnusableError, SearchError
from shopllm_rasa.retrieval import fusion
from shopllm_rasa.retrieval.embedding import Unfinished
from shopllm_rasa.retrieval.filters import Filters
from shopllm_rasa.retrieval.index_directory import IndexDirectory, Manifest, Part
from shopllm_rasa.retrieval.product_part import PartWriter, ProductPart
from shopllm_rasa.retrieval.product_words import STOP_WORDS, code_candidates, other_forms, query_words
from shopllm_rasa.retrieval.query_reading import QueryReader
from shopllm_rasa.retrieval.reasons import found_by
from shopllm_rasa.retrieval.vectors import Allowed, best_first, nearest
from shopllm_rasa.settings import VectorSettings

MAX_QUERY_CHARACTERS = 2_000
MAX_RESULTS = 1_000
PRODUCTS_KIND = "products"
# What an interrupted build has embedded; `shopllm index embed` fills it ahead of one.
UNFINISHED_FOLDER = ".unfinished-vectors"

# Why a product was found; see `SearchHit.signals`.
MEANING, WORDS, CODE = "meaning", "words", "code"


@dataclass(frozen=True)
class SearchHit:
    """One found product.

    Attributes:
        product: the product.
        score: how well it fits the query, 0 to 1, comparable between queries; 1 where its code was named.
        reasons: why it is there, in words for a customer.
        cosine: of the embedded query and product, -1 to 1.
        word_score: how well the query's words match, 0 to 1.
        signals: 'code', 'meaning', 'words': which parts of the search proposed it.
    """

    product: Product
    score: float
    reasons: tuple[str, ...] = field(default=())
    cosine: float = 0.0
    word_score: float = 0.0
    signals: tuple[str, ...] = ()


@dataclass(frozen=True)
class Standings:
    """What customers think of some products; all arrays of shape (products,).

    Attributes:
        rows: places in `ProductIndex.products`.
        ratings: mean stars; NaN where there are none.
        rating_counts: how many ratings stand behind them.
        popularities: higher for what sells better.
    """

    rows: np.ndarray
    ratings: np.ndarray
    rating_counts: np.ndarray
    popularities: np.ndarray


@dataclass(frozen=True)
class _Ranking:
    """Rows with their scores, best first; all arrays of shape (rows,)."""

    rows: np.ndarray
    scores: np.ndarray
    cosines: np.ndarray
    word_scores: np.ndarray
    signals: list[tuple[str, ...]]

    def take(self, places: np.ndarray) -> "_Ranking":
        signals = [self.signals[place] for place in places]
        return _Ranking(self.rows[places], self.scores[places], self.cosines[places], self.word_scores[places], signals)


class ProductIndex:
    """Searches products by meaning and by words, restricted by filters.

    One object may be used by several threads. `upsert` and `delete` write a new part and then use it; a search that is
    under way ends on the old one.

    Example:
        >>> index = ProductIndex.build(read_catalog("products.jsonl"), "index")
        >>> [hit.product.name for hit in index.search("warm jacket for hiking", k=3)]
        ['Northfell Corrie Down Jacket', ...]
    """

    def __init__(
        self, directory: IndexDirectory, encoder: SentenceEncoder, part: ProductPart, settings: VectorSettings
    ) -> None:
        self._directory = directory
        self._encoder = encoder
        self._part = part
        self._settings = settings
        self._reader: tuple[ProductPart, QueryReader] | None = None

    @classmethod
    def build(
        cls,
        products: Iterable[Product],
        path: str | Path,
        *,
        model: str = "default",
        threads: int = 2,
        progress: bool = False,
        vectors: VectorSettings | None = None,
    ) -> "ProductIndex":
        """Embeds products and writes them as an index directory.

        An index that is there already keeps its knowledge passages when the encoder is the same, and gives the vectors
        of texts that have not changed. A build that was interrupted goes on with what it had embedded.

        Args:
            products: with ids that occur once; read once, and not held in memory.
            path: the index directory; made where it does not exist.
            model: the encoder, see `load_model`.
            threads: CPU threads to use.
            progress: whether to show a progress bar on standard error.
            vectors: section `vectors` of the settings.

        Raises:
            EncoderError: if there is no such encoder.
            SearchError: if two products share an id.
            IndexBusyError: if another process changes the index.
        """
        directory = IndexDirectory(path)
        settings = vectors or VectorSettings()
        with directory.writing():
            encoder = directory.prepare_encoder(model, threads)
            old = _opened_part(directory, encoder, settings)
            _write(directory, encoder, settings, progress, products, old, None)
            if old is not None:
                old.close()
            return cls.open(path, model=model, threads=threads, vectors=settings)

    @classmethod
    def open(
        cls,
        path: str | Path,
        *,
        model: str | None = None,
        threads: int = 2,
        vectors: VectorSettings | None = None,
    ) -> "ProductIndex":
        """Opens an index.

        Args:
            path: the index directory.
            model: the encoder the caller means to use; None accepts what is there.
            threads: CPU threads a query may use.
            vectors: section `vectors` of the settings.

        Raises:
            IndexUnusableError: if it is missing, damaged or made with another encoder.
        """
        directory = IndexDirectory(path)
        settings = vectors or VectorSettings()

        def load(manifest: Manifest) -> "ProductIndex":
            part = _open_part(directory, manifest, settings)
            return cls(directory, directory.open_encoder(manifest, model, threads), part, settings)

        return directory.read(load)

    def close(self) -> None:
        """Lets go of files and connections; the index cannot be used afterwards."""
        self._part.close()

    def __len__(self) -> int:
        return len(self._part.table)

    @property
    def encoder(self) -> SentenceEncoder:
        """The encoder of queries and products."""
        return self._encoder

    @property
    def products(self) -> Sequence[Product]:
        """All products, read from disk when they are asked for.

        They have the feed's order; those that `upsert` added or changed come last.
        """
        return self._part.table

    @property
    def words(self) -> Iterable[str]:
        """The words of all products, in the form of `search_words`."""
        return self._part.words.words

    def has_word(self, word: str) -> bool:
        """Whether a product has a word, in the form of `search_words`."""
        return word in self._part.words

    def get(self, product_id: str) -> Product | None:
        """The product of an id, None where there is none."""
        return self._part.table.get(product_id)

    def vectors_of(self, ids: Iterable[str]) -> np.ndarray:
        """The vectors of products, float32 of shape (known ids, dimensions); unknown ids are left out."""
        part = self._part
        rows = np.array(list(part.table.rows_of(ids).values()), dtype=np.int64)
        return part.vectors.rows(rows)

    def stats(self) -> dict[str, Any]:
        """Figures of the index."""
        return {"products": len(self), **self._part.store.stats()}

    @property
    def reader(self) -> QueryReader:
        """Reads queries against the names and words of this index."""
        part = self._part
        if self._reader is None or self._reader[0] is not part:
            self._reader = (part, QueryReader(part.columns, part.words))
        return self._reader[1]

    def can_sort(self, sort: str) -> bool:
        """Whether any product has what a sort order looks at; stars and popularity are not in every feed."""
        columns = self._part.columns
        return {"rating": columns.has_ratings, "popularity": columns.has_popularity}.get(sort, True)

    def search(self, query: str, k: int = 10, filters: Filters | Mapping[str, Any] | None = None) -> list[SearchHit]:
        """Reads a query as a customer writes it, and finds products.

        Limits, exclusions and an order that stand in the query are kept to ("otterbox for my galaxy s7 under 40, not
        pink", "the cheapest kettle"); where nothing fulfils all limits, they are given up in the order of
        `Filters.relaxations`; `search_products` says which. A category that the query names comes first, and others
        follow where it has less than k products.

        Args:
            query: what a customer wrote.
            k: how many at most, 1 to 1000.
            filters: conditions every result fulfils; they count more than what the query says.

        Returns:
            Hits in the order asked for, by default the best first.

        Raises:
            SearchError: on an empty or over-long query, limits that contradict each other, a wrong k, an unknown
                filter, or a currency no product has.
        """
        from shopllm_rasa.retrieval.product_search import search_products

        return search_products(self, self.reader.read(_text(query)), k, fixed=filters, fill=True).hits

    def retrieve(
        self,
        query: str,
        k: int = 10,
        filters: Filters | Mapping[str, Any] | None = None,
        sort: str | None = None,
        words: Iterable[str] | None = None,
    ) -> list[SearchHit]:
        """Finds the products that fit a query best by meaning and words; the query is taken as it is.

        A product whose id, GTIN or part number stands in the query comes first.

        Args:
            query: what a customer asked.
            k: how many at most, 1 to 1000.
            filters: conditions every result fulfils.
            sort: a key of `fusion.SORTS`: the order of the products that are about the query; None for the best first.
            words: the words to look up instead of the query's own, in the form of `search_words`.

        Returns:
            Hits in order.

        Raises:
            SearchError: on an empty or over-long query, a wrong k, sort or filter, or a currency no product has.
        """
        part, conditions = self._part, _conditions(filters)
        _check(k, sort)
        allowed = _allowed(part, conditions)
        count = fusion.CANDIDATES if sort is None else fusion.RELEVANT_ROWS
        ranking = self._ranking(part, query, max(k, count), allowed, words)
        if sort is not None:
            ranking = _sorted(part, _of_like_kind(part, _relevant(ranking, fusion.SORTED_SHARE)), sort)
        return _hits(part, ranking.take(np.arange(min(k, len(ranking.rows)))), conditions)

    def search_vector(
        self, vector: np.ndarray, k: int = 10, filters: Filters | Mapping[str, Any] | None = None
    ) -> list[SearchHit]:
        """Finds the products whose vectors are nearest to a unit vector of shape (dimensions,); no words count."""
        part, conditions = self._part, _conditions(filters)
        _check(k, None)
        cosines, rows = nearest(part.store, part.vectors, vector, k, _allowed(part, conditions))
        ranking = _Ranking(rows, cosines, cosines, np.zeros_like(cosines), [(MEANING,)] * len(rows))
        return _hits(part, ranking, conditions)

    def standings(self, filters: Filters | Mapping[str, Any] | None = None) -> "Standings":
        """What customers think of products, for all that fulfil conditions."""
        part = self._part
        allowed = _allowed(part, _conditions(filters))
        rows = np.arange(len(part.table)) if allowed is None else np.flatnonzero(allowed.mask)
        columns = part.columns
        return Standings(rows, columns.ratings(rows), columns.rating_counts(rows), columns.popularities(rows))

    def facets(
        self, query: str | None = None, filters: Filters | Mapping[str, Any] | None = None, limit: int = 10
    ) -> dict[str, dict[str, int]]:
        """How many products have each brand, category and attribute, the commonest first.

        Args:
            query: counts only what is about it (see `fusion.RELEVANT_SHARE`); None counts all.
            filters: conditions the counted products fulfil.
            limit: names of a facet.
        """
        part = self._part
        allowed = _allowed(part, _conditions(filters))
        mask = None if allowed is None else allowed.mask
        if query is not None:
            ranking = _relevant(self._ranking(part, query, fusion.RELEVANT_ROWS, allowed, None))
            mask = np.zeros(len(part.table), dtype=bool)
            mask[ranking.rows] = True
        return part.columns.facets(mask, limit)

    def _ranking(
        self, part: ProductPart, query: str, count: int, allowed: Allowed | None, words: Iterable[str] | None
    ) -> _Ranking:
        """Candidates of both kinds with both scores, best first."""
        text = _text(query)
        if not len(part.table) or (allowed is not None and not allowed.mask.any()):
            none = np.zeros(0, np.float32)
            return _Ranking(np.zeros(0, np.int64), none, none, none, [])
        vector = self._encoder.encode([text])[0]
        _, near = nearest(part.store, part.vectors, vector, count, allowed)
        asked = query_words(text, part.words) if words is None else words
        all_word_scores = part.words.scores(
            [word for word in asked if word not in STOP_WORDS], lambda word: other_forms(word, part.words)
        )
        matching = _best_matching(all_word_scores, count, allowed)
        coded = _coded(part, text, allowed)
        rows = np.unique(np.concatenate([near, matching, coded]))
        cosines, word_scores = part.vectors.cosines(vector, rows), all_word_scores[rows]
        kind_cosines = part.kinds.cosines(vector, part.columns.narrowest_categories(rows))
        scores = fusion.fuse(cosines, word_scores, kind_cosines)
        by_code = np.isin(rows, coded)
        scores[by_code] = 1
        best = best_first(scores, len(rows))
        named = [(CODE, by_code), (MEANING, np.isin(rows, near)), (WORDS, np.isin(rows, matching))]
        signals = [tuple(name for name, has in named if has[place]) for place in best]
        return _Ranking(rows[best], scores[best], cosines[best], word_scores[best], signals)

    def upsert(self, products: Iterable[Product], *, progress: bool = False) -> int:
        """Adds products, replacing those whose id is there; only texts that are new are embedded.

        Returns:
            How many texts were embedded.

        Raises:
            SearchError: if two of them share an id.
            IndexBusyError: if another process changes the index.
        """
        items = list(products)
        return self._change(items, {product.id for product in items}, progress)

    def delete(self, ids: Iterable[str]) -> None:
        """Removes products; ids that are not there are passed over.

        Raises:
            IndexBusyError: if another process changes the index.
        """
        self._change([], set(ids), False)

    def _change(self, products: list[Product], replaced: set[str], progress: bool) -> int:
        with self._directory.writing():
            # Another process may have changed the index since it was opened here: its changes stay.
            manifest = self._directory.read_manifest()
            current = _open_part(self._directory, manifest, self._settings)
            if manifest.encoder_fingerprint != self._encoder.info.fingerprint:
                raise IndexUnusableError(
                    f"The index '{self._directory.path}' was built again with another encoder. Open it again."
                )
            stays = np.ones(len(current.table), dtype=bool)
            stays[list(current.table.rows_of(replaced).values())] = False
            writer = _write(
                self._directory, self._encoder, self._settings, progress, products, current, np.flatnonzero(stays)
            )
            current.close()
            self._part = _open_part(self._directory, self._directory.read_manifest(), self._settings)
            return writer.embedded


def _write(
    directory: IndexDirectory,
    encoder: SentenceEncoder,
    settings: VectorSettings,
    progress: bool,
    products: Iterable[Product],
    old: ProductPart | None,
    kept: np.ndarray | None,
) -> PartWriter:
    unfinished = Unfinished(directory.path / UNFINISHED_FOLDER)
    writer = PartWriter(encoder, settings, unfinished, progress)
    part = directory.write_part(PRODUCTS_KIND, 0, lambda folder: writer.write(folder, products, old, kept))
    part = replace(part, count=writer.count, store=writer.store)
    directory.commit(encoder, {**_other_parts(directory, encoder), PRODUCTS_KIND: part})
    unfinished.clear()
    return writer


def _open_part(directory: IndexDirectory, manifest: Manifest, settings: VectorSettings) -> ProductPart:
    part = manifest.parts.get(PRODUCTS_KIND)
    if part is None:
        raise IndexUnusableError(f"The index '{directory.path}' has no products.")
    return ProductPart.open(directory.path / part.folder, part.count, part.store, manifest.dimensions, settings)


def _opened_part(directory: IndexDirectory, encoder: SentenceEncoder, settings: VectorSettings) -> ProductPart | None:
    """The products there are, where a build may use their vectors again."""
    try:
        manifest = directory.read_manifest()
        same = manifest.encoder_fingerprint == encoder.info.fingerprint
        return _open_part(directory, manifest, settings) if same else None
    except IndexUnusableError:
        return None


def _other_parts(directory: IndexDirectory, encoder: SentenceEncoder) -> dict[str, Part]:
    """The parts that a new part stands beside: those made with the same encoder."""
    try:
        manifest = directory.read_manifest()
    except IndexUnusableError:
        return {}
    return manifest.parts if manifest.encoder_fingerprint == encoder.info.fingerprint else {}


def _text(query: str) -> str:
    text = query.strip()
    if not text:
        raise SearchError("The query is empty.")
    if len(text) > MAX_QUERY_CHARACTERS:
        raise SearchError(f"The query has {len(text):,} characters; at most {MAX_QUERY_CHARACTERS:,} are allowed.")
    return text


def _check(k: int, sort: str | None) -> None:
    if not 1 <= k <= MAX_RESULTS:
        raise SearchError(f"k is {k}; allowed are 1 to {MAX_RESULTS}.")
    if sort is not None and sort not in fusion.SORTS:
        raise SearchError(f"There is no sort order '{sort}'. Allowed: {', '.join(fusion.SORTS)}.")


def _conditions(filters: Filters | Mapping[str, Any] | None) -> Filters:
    return filters if isinstance(filters, Filters) else Filters.from_dict(filters or {})


def _allowed(part: ProductPart, conditions: Filters) -> Allowed | None:
    mask = part.columns.allowed(conditions)
    return None if mask is None else Allowed(conditions, mask)


def _best_matching(scores: np.ndarray, count: int, allowed: Allowed | None) -> np.ndarray:
    """The rows with the highest word scores above 0."""
    rows = np.flatnonzero(scores > 0)  # of bool it takes a tenth of the time
    if allowed is not None:
        rows = rows[allowed.mask[rows]]
    return rows[best_first(scores[rows], count)]


def _coded(part: ProductPart, text: str, allowed: Allowed | None) -> np.ndarray:
    """The rows whose identifier the text names."""
    rows = [row for code in code_candidates(text) for row in part.table.rows_of_code(code)]
    found = np.array(rows, dtype=np.int64)
    return found if allowed is None else found[allowed.mask[found]]


def _relevant(ranking: _Ranking, share: float = fusion.RELEVANT_SHARE) -> _Ranking:
    """What is about the query, of a ranking with its best first: all with a share of the best score."""
    if not len(ranking.rows):
        return ranking
    return ranking.take(np.flatnonzero(ranking.scores >= share * ranking.scores[0]))


def _of_like_kind(part: ProductPart, ranking: _Ranking) -> _Ranking:
    """Those whose narrowest category one of the best has: the cheapest of 500 phones is no SIM card."""
    kinds = part.columns.narrowest_categories(ranking.rows)
    return ranking.take(np.flatnonzero(np.isin(kinds, kinds[: fusion.KIND_ROWS])))


def _sorted(part: ProductPart, ranking: _Ranking, sort: str) -> _Ranking:
    """By a column; of equal ones the more relevant first, and those without a value last."""
    column, descending = fusion.SORTS[sort]
    values = getattr(part.columns, column)(ranking.rows).astype(np.float64)
    return ranking.take(np.argsort(-values if descending else values, kind="stable"))


def _hits(part: ProductPart, ranking: _Ranking, conditions: Filters) -> list[SearchHit]:
    hits = []
    for place, row in enumerate(ranking.rows):
        product = part.table[int(row)]
        hits.append(
            SearchHit(
                product,
                float(ranking.scores[place]),
                found_by(product, conditions, by_code=CODE in ranking.signals[place]),
                float(ranking.cosines[place]),
                float(ranking.word_scores[place]),
                ranking.signals[place],
            )
        )
    return hits
