"""Vector stores: the one place that knows FAISS."""

from pathlib import Path
from typing import Protocol

import numpy as np

from shopllm_rasa.errors import IndexUnusableError, SearchError


class VectorStore(Protocol):
    """Finds the nearest of a set of unit vectors by cosine."""

    def __len__(self) -> int:
        """How many vectors are stored."""

    def search(self, vector: np.ndarray, k: int, allowed: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
        """Finds the k rows with the highest cosine.

        Args:
            vector: float32 of shape (dimensions,), length 1.
            k: how many at most.
            allowed: row numbers that may be returned; all where None.

        Returns:
            Cosines and row numbers, best first, each of shape (found,).
        """

    def save(self, file: Path) -> None:
        """Writes the store to a file."""


class FaissStore:
    """An exact scan with FAISS (`IndexFlatIP` on unit vectors is the cosine)."""

    def __init__(self, index: "object") -> None:
        self._index = index

    @classmethod
    def build(cls, vectors: np.ndarray) -> "FaissStore":
        """Makes a store of float32 unit vectors of shape (rows, dimensions).

        Raises:
            SearchError: if a vector has values that are no numbers.
        """
        import faiss

        if not np.isfinite(vectors).all():
            raise SearchError("A vector has values that are not finite numbers.")
        index = faiss.IndexFlatIP(vectors.shape[1])
        index.add(np.ascontiguousarray(vectors, dtype=np.float32))
        return cls(index)

    @classmethod
    def load(cls, file: Path) -> "FaissStore":
        """Reads what `save` wrote.

        Raises:
            IndexUnusableError: if the file is damaged.
        """
        import faiss

        try:
            return cls(faiss.read_index(str(file)))
        except RuntimeError as error:
            raise IndexUnusableError(f"'{file}' is damaged ({str(error)[:120]}). Build the index again.") from None

    def __len__(self) -> int:
        return int(self._index.ntotal)  # type: ignore[attr-defined]

    def vectors(self) -> np.ndarray:
        """All vectors, float32 of shape (rows, dimensions)."""
        return self._index.reconstruct_n(0, len(self))  # type: ignore[attr-defined]

    def search(self, vector: np.ndarray, k: int, allowed: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
        """See `VectorStore.search`; the selector restricts the scan itself."""
        import faiss

        parameters = None
        if allowed is not None:
            if not len(allowed):
                return np.empty(0, dtype=np.float32), np.empty(0, dtype=np.int64)
            parameters = faiss.SearchParameters(sel=faiss.IDSelectorBatch(allowed.astype(np.int64)))
        k = min(k, len(self))
        if k == 0:
            return np.empty(0, dtype=np.float32), np.empty(0, dtype=np.int64)
        scores, rows = self._index.search(vector[None, :], k, params=parameters)  # type: ignore[attr-defined]
        found = rows[0] >= 0
        return scores[0][found], rows[0][found]

    def save(self, file: Path) -> None:
        """Writes FAISS's own format."""
        import faiss

        faiss.write_index(self._index, str(file))
