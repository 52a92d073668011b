"""The product index: products, their vectors and the search over both."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from shopllm_rasa.catalog import Product
from shopllm_rasa.encoders import SentenceEncoder
from shopllm_rasa.errors import IndexUnusableError, SearchError
from shopllm_rasa.retrieval.filters import Filters
from shopllm_rasa.retrieval.index_directory import IndexDirectory, Manifest, Part
from shopllm_rasa.retrieval.vectors import FaissStore

PRODUCTS_FILE = "products.jsonl"
VECTORS_FILE = "vectors.faiss"
MAX_QUERY_CHARACTERS = 2_000
MAX_RESULTS = 1_000
_KIND = "products"


@dataclass(frozen=True)
class SearchHit:
    """One found product.

    Attributes:
        product: the product.
        score: cosine of query and product, -1 to 1.
        reasons: why it is there, in words for a customer.
    """

    product: Product
    score: float
    reasons: tuple[str, ...] = field(default=())


class ProductIndex:
    """Searches products by meaning, restricted by filters.

    Example:
        >>> index = ProductIndex.build(read_catalog("products.jsonl"), "index")
        >>> [hit.product.name for hit in index.search("warm jacket for hiking", k=3)]
        ['Northfell Corrie Down Jacket', ...]
    """

    def __init__(
        self, directory: IndexDirectory, encoder: SentenceEncoder, products: list[Product], store: FaissStore
    ) -> None:
        self._directory = directory
        self._encoder = encoder
        self._products = products
        self._store = store
        self._row_of = {product.id: row for row, product in enumerate(products)}

    @classmethod
    def build(
        cls,
        products: Iterable[Product],
        path: str | Path,
        *,
        model: str = "default",
        threads: int = 2,
        progress: bool = False,
    ) -> "ProductIndex":
        """Embeds products and writes them as an index directory.

        An index that is there already keeps its knowledge passages when the encoder is the same.

        Args:
            products: with ids that occur once.
            path: the index directory; made where it does not exist.
            model: the encoder, see `load_model`.
            threads: CPU threads to use.
            progress: whether to show a progress bar on standard error.

        Raises:
            EncoderError: if there is no such encoder.
            SearchError: if two products share an id.
        """
        directory = IndexDirectory(path)
        encoder = directory.prepare_encoder(model, threads)
        items = _unique(list(products))
        title = "embedding products" if progress else None
        vectors = encoder.encode([product.search_text for product in items], progress=title)
        return cls._write(directory, encoder, items, vectors)

    @classmethod
    def open(cls, path: str | Path, *, model: str | None = None, threads: int = 2) -> "ProductIndex":
        """Opens an index.

        Args:
            path: the index directory.
            model: the encoder the caller means to use; None accepts what is there.
            threads: CPU threads a query may use.

        Raises:
            IndexUnusableError: if it is missing, damaged or made with another encoder.
        """
        directory = IndexDirectory(path)
        return directory.read(lambda manifest: cls._load(directory, manifest, model, threads))

    @classmethod
    def _load(cls, directory: IndexDirectory, manifest: Manifest, model: str | None, threads: int) -> "ProductIndex":
        part = manifest.parts.get(_KIND)
        if part is None:
            raise IndexUnusableError(f"The index '{directory.path}' has no products.")
        folder = directory.path / part.folder
        products = _read_products(folder / PRODUCTS_FILE)
        store = FaissStore.load(folder / VECTORS_FILE)
        if not len(store) == len(products) == part.count:
            raise IndexUnusableError(
                f"The index '{directory.path}' is inconsistent: {len(products)} products, {len(store)} vectors, "
                f"{part.count} in the manifest. Build it again."
            )
        encoder = directory.open_encoder(manifest, model, threads)
        return cls(directory, encoder, products, store)

    @classmethod
    def _write(
        cls, directory: IndexDirectory, encoder: SentenceEncoder, products: list[Product], vectors: np.ndarray
    ) -> "ProductIndex":
        store = FaissStore.build(vectors)

        def write(folder: Path) -> None:
            with (folder / PRODUCTS_FILE).open("w", encoding="utf-8") as stream:
                for product in products:
                    stream.write(json.dumps(product.to_dict(), ensure_ascii=False) + "\n")
            store.save(folder / VECTORS_FILE)

        part = directory.write_part(_KIND, len(products), write)
        directory.commit(encoder, {**_other_parts(directory, encoder), _KIND: part})
        return cls(directory, encoder, products, store)

    def __len__(self) -> int:
        return len(self._products)

    @property
    def encoder(self) -> SentenceEncoder:
        """The encoder of queries and products."""
        return self._encoder

    @property
    def products(self) -> list[Product]:
        """All products, in the order of the feed."""
        return self._products

    def get(self, product_id: str) -> Product | None:
        """The product of an id, None where there is none."""
        row = self._row_of.get(product_id)
        return None if row is None else self._products[row]

    def vectors_of(self, ids: Iterable[str]) -> np.ndarray:
        """The vectors of products, float32 of shape (known ids, dimensions); unknown ids are left out."""
        rows = [self._row_of[item] for item in ids if item in self._row_of]
        return self._store.vectors()[rows]

    def search(self, query: str, k: int = 10, filters: Filters | Mapping[str, Any] | None = None) -> list[SearchHit]:
        """Finds the products whose meaning is nearest to a query.

        Args:
            query: what a customer asked, in words.
            k: how many at most, 1 to 1000.
            filters: conditions every result fulfils.

        Returns:
            Hits, best first.

        Raises:
            SearchError: on an empty or over-long query, a wrong k or unknown filters.
        """
        text = query.strip()
        if not text:
            raise SearchError("The query is empty.")
        if len(text) > MAX_QUERY_CHARACTERS:
            raise SearchError(f"The query has {len(text):,} characters; at most {MAX_QUERY_CHARACTERS:,} are allowed.")
        return self.search_vector(self._encoder.encode([text])[0], k, filters)

    def search_vector(
        self, vector: np.ndarray, k: int = 10, filters: Filters | Mapping[str, Any] | None = None
    ) -> list[SearchHit]:
        """As `search`, for a unit vector of shape (dimensions,)."""
        if not 1 <= k <= MAX_RESULTS:
            raise SearchError(f"k is {k}; allowed are 1 to {MAX_RESULTS}.")
        conditions = filters if isinstance(filters, Filters) else Filters.from_dict(filters or {})
        allowed = None
        if conditions:
            rows = [row for row, product in enumerate(self._products) if conditions.allow(product)]
            allowed = np.array(rows, dtype=np.int64)
        scores, found = self._store.search(vector, k, allowed)
        return [
            SearchHit(self._products[row], float(score), _reasons(self._products[row], conditions))
            for score, row in zip(scores, found, strict=True)
        ]

    def upsert(self, products: Iterable[Product]) -> None:
        """Adds products, replacing those whose id is there; only changed texts are embedded again."""
        items = _unique(list(products))
        merged = {product.id: product for product in self._products}
        merged.update((product.id, product) for product in items)
        changed = [
            product for product in items
            if (old := self.get(product.id)) is None or old.search_text != product.search_text
        ]  # fmt: skip
        fresh = dict(
            zip(
                [product.id for product in changed],
                self._encoder.encode([product.search_text for product in changed]),
                strict=True,
            )
        )
        old_vectors = self._store.vectors()
        vectors = [fresh[key] if key in fresh else old_vectors[self._row_of[key]] for key in merged]
        self._replace(list(merged.values()), np.array(vectors, dtype=np.float32))

    def delete(self, ids: Iterable[str]) -> None:
        """Removes products; ids that are not there are passed over."""
        gone = set(ids)
        rows = [row for row, product in enumerate(self._products) if product.id not in gone]
        self._replace([self._products[row] for row in rows], self._store.vectors()[rows])

    def _replace(self, products: list[Product], vectors: np.ndarray) -> None:
        vectors = vectors.reshape(-1, self._encoder.info.dimensions)
        written = self._write(self._directory, self._encoder, products, vectors)
        self._products, self._store, self._row_of = written._products, written._store, written._row_of


def _unique(products: list[Product]) -> list[Product]:
    seen: set[str] = set()
    for product in products:
        if product.id in seen:
            raise SearchError(f"Two products have the id '{product.id}'.")
        seen.add(product.id)
    return products


def _read_products(file: Path) -> list[Product]:
    try:
        with file.open(encoding="utf-8") as stream:
            return [Product.from_dict(json.loads(line)) for line in stream]
    except (ValueError, TypeError, KeyError, AttributeError, ArithmeticError, RecursionError) as error:
        raise IndexUnusableError(f"'{file}' is damaged ({error}). Build the index again.") from None


def _other_parts(directory: IndexDirectory, encoder: SentenceEncoder) -> dict[str, Part]:
    """The parts that a new part stands beside: those made with the same encoder."""
    try:
        manifest = directory.read_manifest()
    except IndexUnusableError:
        return {}
    return manifest.parts if manifest.encoder_fingerprint == encoder.info.fingerprint else {}


def _reasons(product: Product, filters: Filters) -> tuple[str, ...]:
    """What of the customer's conditions the product fulfils, in words, and what speaks for it."""
    reasons = []
    if filters.brands:
        reasons.append(f"from {product.brand}")
    if filters.categories and product.categories:
        reasons.append(product.categories[-1])
    for name, value in filters.attributes.items():
        reasons.append(f"{name}: {value}" if name else value)
    if filters.price_min is not None or filters.price_max is not None:
        reasons.append(f"costs {product.price_text}")
    if product.rating is not None and product.rating_count:
        reasons.append(f"{product.rating:.1f} of 5 from {product.rating_count} customers")
    return tuple(reasons)
