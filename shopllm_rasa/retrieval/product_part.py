"""The products of an index on disk, in the forms that a search needs, row for row the same.

products.sqlite              the products themselves, by row, id and code
columns.safetensors, .json   what filters, facets and sorting look at
words*.safetensors, .json    the lexical index
vectors.safetensors          the vectors, and the keys of the texts they stand for
kinds.safetensors            the vectors of the narrowest categories
lists.faiss                  of the store `ivf`; others have files of their own, or none
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from shopllm_rasa.catalog import Product
from shopllm_rasa.encoders import SentenceEncoder
from shopllm_rasa.errors import IndexUnusableError, SearchError
from shopllm_rasa.retrieval.embedding import KnownVectors, Unfinished, embed_into
from shopllm_rasa.retrieval.exact_vectors import BLOCK, ExactVectors
from shopllm_rasa.retrieval.kind_vectors import KindVectors, write_kinds
from shopllm_rasa.retrieval.lexical import LexicalIndex, rewrite_lexical, write_lexical
from shopllm_rasa.retrieval.product_columns import ColumnsWriter, ProductColumns
from shopllm_rasa.retrieval.product_table import PRODUCTS_FILE, ProductTable, ProductTableWriter
from shopllm_rasa.retrieval.product_words import product_words
from shopllm_rasa.retrieval.vectors import STORES, VectorStore, open_store, store_for
from shopllm_rasa.settings import VectorSettings


@dataclass(frozen=True)
class ProductPart:
    """An opened products folder; row numbers mean the same product in each of its members."""

    folder: Path
    table: ProductTable
    columns: ProductColumns
    words: LexicalIndex
    vectors: ExactVectors
    kinds: KindVectors
    store: VectorStore

    @classmethod
    def open(cls, folder: Path, count: int, store: str, dimensions: int, settings: VectorSettings) -> "ProductPart":
        """Opens what `PartWriter` wrote.

        Raises:
            IndexUnusableError: if a file is damaged or they do not belong together.
        """
        table = ProductTable(folder / PRODUCTS_FILE)
        columns = ProductColumns.load(folder)
        vectors = ExactVectors.load(folder, dimensions)
        if not len(table) == len(columns) == len(vectors) == count:
            raise IndexUnusableError(
                f"The index in '{folder}' is inconsistent: {len(table)} products, {len(vectors)} vectors, "
                f"{len(columns)} rows of columns, {count} in the manifest. Build it again."
            )
        words = LexicalIndex.load(folder, count)
        kinds = KindVectors.load(folder)
        return cls(folder, table, columns, words, vectors, kinds, open_store(store, folder, vectors, settings))

    def close(self) -> None:
        """Lets go of files and connections."""
        self.store.close()
        self.table.close()


class PartWriter:
    """Writes the files of a products folder: rows of an old part that stay, then products.

    Attributes:
        count: products written.
        store: the name of the vector store that was chosen.
        embedded: how many texts had to be embedded.
    """

    def __init__(
        self, encoder: SentenceEncoder, settings: VectorSettings, unfinished: Unfinished, progress: bool = False
    ) -> None:
        self._encoder = encoder
        self._settings = settings
        self._unfinished = unfinished
        self._progress = progress
        self.count = 0
        self.store = ""
        self.embedded = 0

    def write(
        self,
        folder: Path,
        products: Iterable[Product],
        old: ProductPart | None = None,
        kept: np.ndarray | None = None,
    ) -> None:
        """Writes all files.

        Args:
            folder: an empty folder.
            products: the new ones, with ids that occur once.
            old: the part whose vectors are used again for texts that are there already.
            kept: the rows of the old part that stay, in this order, before the new ones; none without it.

        Raises:
            SearchError: if two products share an id.
        """
        stay = np.zeros(0, np.int64) if kept is None else kept
        columns = ColumnsWriter()
        with ProductTableWriter(folder / PRODUCTS_FILE) as table:
            if old is not None and len(stay):
                table.add_kept(old.folder / PRODUCTS_FILE, stay)
                columns.add_kept(old.columns, stay)
            documents = self._added(products, table, columns)
            if old is not None and len(stay):
                self.count = rewrite_lexical(old.folder, folder, stay, documents)
            else:
                self.count = write_lexical(folder, documents)
        columns.write(folder)
        written = ProductTable(folder / PRODUCTS_FILE)
        try:
            self._write_vectors(folder, written, old, stay)
        finally:
            written.close()

    @staticmethod
    def _added(
        products: Iterable[Product], table: ProductTableWriter, columns: ColumnsWriter
    ) -> Iterator[dict[str, int]]:
        for product in products:
            try:
                table.add(product)
            except KeyError:
                raise SearchError(f"Two products have the id '{product.id}'.") from None
            columns.add(product)
            yield product_words(product)

    def _write_vectors(self, folder: Path, products: ProductTable, old: ProductPart | None, kept: np.ndarray) -> None:
        vectors = ExactVectors.create(folder, self.count, self._encoder.info.dimensions)
        known = KnownVectors()
        if old is not None:
            for start in range(0, len(kept), BLOCK):
                rows = kept[start : start + BLOCK]
                vectors.vectors[start : start + len(rows)] = old.vectors.vectors[rows]
                vectors.keys[start : start + len(rows)] = old.vectors.keys[rows]
            known.add(old.vectors.keys, old.vectors.vectors)
        texts = (product.search_text for product in products.from_row(len(kept)))
        title = "embedding products" if self._progress else None
        self.embedded = embed_into(
            vectors, len(kept), texts, self._encoder, known, self._unfinished, title, self._settings.precision
        )
        columns = ProductColumns.load(folder)
        kinds = columns.narrowest_categories(np.arange(self.count))
        write_kinds(folder, vectors, kinds, columns.kinds)
        self.store = store_for(self.count, self._settings)
        STORES[self.store].write(folder, vectors, products, self._settings)
