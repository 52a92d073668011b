"""Vector stores: the one place that knows FAISS, and the place to register another engine.

A store finds the rows of an index whose vectors are nearest to a query's. It lies in the folder of the index's
products, beside the exact vectors (`ExactVectors`), from which it is written and with which its findings are scored:
so a store may keep its vectors as coarsely as it likes.

To add an engine, write a class with the methods of `VectorStore`, add it to `STORES`, and its name and settings to
`VectorSettings` in settings.py.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from shopllm_rasa.catalog import Product
from shopllm_rasa.errors import IndexUnusableError
from shopllm_rasa.retrieval.exact_vectors import BLOCK, ExactVectors, checked
from shopllm_rasa.retrieval.filters import Filters
from shopllm_rasa.retrieval.milvus_store import MilvusStore
from shopllm_rasa.settings import VectorSettings

# Up to here an exact scan takes a few milliseconds, and an approximate index brings nothing.
MAX_FLAT_ROWS = 20_000
# Where filters allow no more rows than this, these are compared one by one, whatever the store.
MAX_SCANNED_ROWS = 10_000


@dataclass(frozen=True)
class Allowed:
    """The rows a search may return, in the two forms a store may want.

    Attributes:
        filters: the conditions, for an engine that evaluates them itself.
        mask: bool of shape (rows,): which rows fulfil them.
    """

    filters: Filters
    mask: np.ndarray

    @cached_property
    def count(self) -> int:
        """How many rows are allowed."""
        return int(np.count_nonzero(self.mask))

    @cached_property
    def rows(self) -> np.ndarray:
        """The numbers of the allowed rows, ascending, int64."""
        return np.flatnonzero(self.mask)


class VectorStore(Protocol):
    """Finds the nearest of an index's vectors by cosine.

    A store is written once (`write`) and then only read (`open`): a change of the index writes a new folder with a
    new store, and counts from the moment the manifest names it. `write` gets the old store's folder, so that an
    engine may copy what stays. An engine with a server keeps there what it likes, under a name that it writes into
    `folder`; it drops what is no longer named when it writes the next time.
    """

    @classmethod
    def write(cls, folder: Path, vectors: ExactVectors, products: Sequence[Product], settings: VectorSettings) -> None:
        """Writes the store of all rows.

        Args:
            folder: takes the files; may hold none where the exact vectors are enough.
            vectors: of all rows.
            products: of all rows, for an engine that filters itself.
            settings: section `vectors` of shopllm.yml.

        Raises:
            SearchError: if a vector has values that are no numbers.
        """

    @classmethod
    def open(cls, folder: Path, vectors: ExactVectors, settings: VectorSettings) -> "VectorStore":
        """Opens what `write` wrote.

        Raises:
            IndexUnusableError: if it is missing or damaged.
        """

    def search(self, vector: np.ndarray, k: int, allowed: Allowed | None) -> np.ndarray:
        """Finds the rows with the highest cosine.

        Args:
            vector: float32 of shape (dimensions,), length 1.
            k: how many at most.
            allowed: what may be returned; everything where None. It restricts the search itself: where k rows are
                allowed, k are returned.

        Returns:
            Row numbers, int64 of shape (found,), in no order: the caller scores them.
        """

    def stats(self) -> dict[str, Any]:
        """What `shopllm index stats` tells of the store."""

    def close(self) -> None:
        """Lets go of files and connections."""


class FlatStore:
    """An exact scan with FAISS (`IndexFlatIP` on unit vectors is the cosine)."""

    def __init__(self, index: Any) -> None:
        self._index = index

    @classmethod
    def write(cls, folder: Path, vectors: ExactVectors, products: Sequence[Product], settings: VectorSettings) -> None:
        """See `VectorStore.write`; the exact vectors are all it needs."""
        for start in range(0, len(vectors), BLOCK):
            checked(vectors.vectors[start : start + BLOCK])

    @classmethod
    def open(cls, folder: Path, vectors: ExactVectors, settings: VectorSettings) -> "FlatStore":
        """See `VectorStore.open`."""
        import faiss

        index = faiss.IndexFlatIP(vectors.vectors.shape[1])
        for start in range(0, len(vectors), BLOCK):
            index.add(vectors.vectors[start : start + BLOCK].astype(np.float32))
        return cls(index)

    def search(self, vector: np.ndarray, k: int, allowed: Allowed | None) -> np.ndarray:
        """See `VectorStore.search`."""
        import faiss

        parameters = None
        if allowed is not None:
            selector, _bits = _selector(allowed)
            parameters = faiss.SearchParameters(sel=selector)
        return _found(self._index, vector, k, parameters)

    def stats(self) -> dict[str, Any]:
        """See `VectorStore.stats`."""
        return {"store": "flat"}

    def close(self) -> None:
        """See `VectorStore.close`."""


class IvfStore:
    """An inverted file with FAISS: vectors in lists by their nearest centroid, four bits a dimension.

    The lists stay on disk, mapped into memory, about 200 bytes a product of 384 dimensions. Sources: Sivic and
    Zisserman, "Video Google" (2003) for inverted files of vectors; the FAISS library (Douze et al., 2024).
    """

    FILE = "lists.faiss"
    # Of the lists, in relation to the square root of the rows. With half as many, products of a rare kind share lists
    # whose centroids are like none of them, and a query for such a kind finds none.
    _LISTS_PER_ROOT = 4
    _TRAINING_ROWS_PER_LIST = 32
    _TRAINING_ROUNDS = 6
    # The nearest lists are visited until they held so many allowed rows, or this share of all that are allowed.
    _VISITED_ROWS = 40_000
    _VISITED_SHARE = 0.4
    _MIN_PROBES = 48
    # The codes are coarse: so many times k are taken from them, and the exact vectors decide.
    _REFINE = 8

    def __init__(self, index: Any) -> None:
        self._index = index

    @classmethod
    def write(cls, folder: Path, vectors: ExactVectors, products: Sequence[Product], settings: VectorSettings) -> None:
        """See `VectorStore.write`."""
        import faiss

        count, dimensions = vectors.vectors.shape
        lists = max(1, min(count, round(cls._LISTS_PER_ROOT * math.sqrt(count))))
        centroids = faiss.IndexFlatIP(dimensions)
        index = faiss.IndexIVFScalarQuantizer(
            centroids, dimensions, lists, faiss.ScalarQuantizer.QT_4bit, faiss.METRIC_INNER_PRODUCT
        )
        index.cp.niter = cls._TRAINING_ROUNDS
        index.cp.min_points_per_centroid = 1
        chosen = np.random.default_rng(0).permutation(count)[: lists * cls._TRAINING_ROWS_PER_LIST]
        if count:
            index.train(checked(vectors.rows(np.sort(chosen))))
        for start in range(0, count, BLOCK):
            index.add(checked(vectors.vectors[start : start + BLOCK].astype(np.float32)))
        faiss.write_index(index, str(folder / cls.FILE))

    @classmethod
    def open(cls, folder: Path, vectors: ExactVectors, settings: VectorSettings) -> "IvfStore":
        """See `VectorStore.open`."""
        import faiss

        file = folder / cls.FILE
        try:
            index = faiss.read_index(str(file), faiss.IO_FLAG_MMAP | faiss.IO_FLAG_READ_ONLY)
        except RuntimeError as error:
            raise IndexUnusableError(f"'{file}' is damaged ({str(error)[:120]}). Build the index again.") from None
        if index.ntotal != len(vectors):
            raise IndexUnusableError(
                f"'{file}' has {index.ntotal:,} vectors, the index {len(vectors):,}. Build the index again."
            )
        lists = faiss.downcast_InvertedLists(index.invlists)
        if hasattr(lists, "prefetch_nthread"):
            lists.prefetch_nthread = 0  # threads made for each query cost more than what they read ahead
        return cls(index)

    def search(self, vector: np.ndarray, k: int, allowed: Allowed | None) -> np.ndarray:
        """See `VectorStore.search`."""
        import faiss

        parameters = faiss.SearchParametersIVF(nprobe=self._probes(vector, self._REFINE * k, allowed))
        if allowed is not None:
            selector, _bits = _selector(allowed)
            parameters.sel = selector
        return _found(self._index, vector, self._REFINE * k, parameters)

    def _probes(self, vector: np.ndarray, wanted: int, allowed: Allowed | None) -> int:
        """How many lists to visit.

        Allowed rows are counted in the lists themselves: what a filter keeps may lie far from the query, however much
        it keeps ("tv" under 120 euros).
        """
        visited = max(self._VISITED_ROWS, 4 * wanted)
        lists = self._index.nlist
        if allowed is None:
            probes = math.ceil(lists * visited / max(self._index.ntotal, 1))
            return min(max(probes, self._MIN_PROBES), lists)
        visited = min(visited, max(math.ceil(self._VISITED_SHARE * allowed.count), 4 * wanted))
        _, nearest_lists = self._index.quantizer.search(vector[None, :], lists)
        for number, place in enumerate(nearest_lists[0].tolist(), start=1):
            visited -= np.count_nonzero(allowed.mask[self._rows_of_list(place)])
            if visited <= 0 and number >= self._MIN_PROBES:
                return number
        return lists

    def _rows_of_list(self, place: int) -> np.ndarray:
        """The rows in a list, int64, read where they lie."""
        import faiss

        lists = self._index.invlists
        size = lists.list_size(place)
        return faiss.rev_swig_ptr(lists.get_ids(place), size) if size else np.zeros(0, np.int64)

    def stats(self) -> dict[str, Any]:
        """See `VectorStore.stats`."""
        return {"store": "ivf", "lists": self._index.nlist}

    def close(self) -> None:
        """See `VectorStore.close`."""


STORES: dict[str, type[VectorStore]] = {"flat": FlatStore, "ivf": IvfStore, "milvus": MilvusStore}


def store_for(rows: int, settings: VectorSettings) -> str:
    """The store for an index of so many rows: the one that the settings name, else by size."""
    if settings.store == "auto":
        return "flat" if rows <= MAX_FLAT_ROWS else "ivf"
    return settings.store


def open_store(kind: str, folder: Path, vectors: ExactVectors, settings: VectorSettings) -> VectorStore:
    """Opens the store of an index.

    Raises:
        IndexUnusableError: if this version has no such store, or it is damaged.
    """
    if kind not in STORES:
        raise IndexUnusableError(f"The index in '{folder}' has the vector store '{kind}', which is not known here.")
    return STORES[kind].open(folder, vectors, settings)


def nearest(
    store: VectorStore, vectors: ExactVectors, vector: np.ndarray, k: int, allowed: Allowed | None
) -> tuple[np.ndarray, np.ndarray]:
    """Finds the k rows with the highest cosine, with exact cosines.

    Returns:
        Cosines and row numbers, best first, each of shape (found,).

    Raises:
        SearchError: if the vector has values that are no numbers.
    """
    checked(vector)
    if allowed is not None and allowed.count <= max(MAX_SCANNED_ROWS, k):
        rows = allowed.rows
    elif len(vectors) <= k:
        rows = np.arange(len(vectors))
    else:
        rows = store.search(vector, k, allowed)
    cosines = vectors.cosines(vector, rows)
    best = best_first(cosines, k)
    return cosines[best], rows[best]


def best_first(scores: np.ndarray, k: int) -> np.ndarray:
    """The places of the k highest scores, best first; of equal ones the earlier."""
    if len(scores) > k:
        some = np.flatnonzero(scores >= np.partition(scores, len(scores) - k)[len(scores) - k])
        return some[np.argsort(-scores[some], kind="stable")][:k]
    return np.argsort(-scores, kind="stable")


def _selector(allowed: Allowed) -> tuple[Any, np.ndarray]:
    """FAISS's selector, and the bits it points to, which have to live as long."""
    import faiss

    bits = np.packbits(allowed.mask, bitorder="little")
    return faiss.IDSelectorBitmap(len(bits), faiss.swig_ptr(bits)), bits


def _found(index: Any, vector: np.ndarray, k: int, parameters: Any) -> np.ndarray:
    _, rows = index.search(np.ascontiguousarray(vector[None, :], dtype=np.float32), k, params=parameters)
    return rows[0][rows[0] >= 0]
