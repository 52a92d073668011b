"""The vectors of all products, in a file: what was embedded once is looked up rather than embedded again."""

import hashlib
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from shopllm_rasa.errors import IndexUnusableError, SearchError
from shopllm_rasa.retrieval.arrays import ArrayFile, new_arrays

VECTORS_FILE = "vectors.safetensors"
# Rows that are turned from half to single precision at once.
BLOCK = 8_192


class ExactVectors:
    """Unit vectors by row, stored at half precision (the cosine of two moves by less than 0.001), mapped into memory.

    Attributes:
        vectors: float16 of shape (rows, dimensions).
        keys: uint64 of shape (rows,): `text_key` of what was embedded.
    """

    def __init__(self, vectors: np.ndarray, keys: np.ndarray) -> None:
        self.vectors = vectors
        self.keys = keys

    @classmethod
    def load(cls, folder: Path, dimensions: int) -> "ExactVectors":
        """Opens what `create` wrote.

        Raises:
            IndexUnusableError: if the file is damaged.
        """
        file = folder / VECTORS_FILE
        arrays = ArrayFile(file)
        vectors, keys = arrays.get("vectors"), arrays.get("keys")
        if vectors is None or keys is None or vectors.shape != (len(keys), dimensions):
            raise IndexUnusableError(
                f"'{file}' does not hold vectors of {dimensions} dimensions. Build the index again."
            )
        return cls(vectors, keys)

    @classmethod
    def create(cls, folder: Path, rows: int, dimensions: int) -> "ExactVectors":
        """Makes a file of zeros to be filled through `vectors` and `keys`."""
        shapes = {"vectors": (np.float16, (rows, dimensions)), "keys": (np.uint64, (rows,))}
        arrays = new_arrays(folder / VECTORS_FILE, shapes)
        return cls(arrays["vectors"], arrays["keys"])

    def __len__(self) -> int:
        return len(self.keys)

    def rows(self, rows: np.ndarray) -> np.ndarray:
        """Some vectors, float32 of shape (len(rows), dimensions)."""
        return self.vectors[rows].astype(np.float32)

    def cosines(self, vector: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """The cosine of a unit vector with each of some rows, float32 of shape (len(rows),)."""
        # Not `@`: waking BLAS's threads for so little costs more than the product, the more so on a busy machine.
        parts = [
            np.einsum("ij,j->i", self.rows(rows[start : start + BLOCK]), vector) for start in range(0, len(rows), BLOCK)
        ]
        return np.concatenate(parts) if parts else np.zeros(0, np.float32)


def checked(vectors: np.ndarray) -> np.ndarray:
    """Gives vectors back.

    Raises:
        SearchError: if one has values that are no numbers; FAISS would sort them anywhere.
    """
    if not np.isfinite(vectors).all():
        raise SearchError("A vector has values that are not finite numbers.")
    return vectors


def text_keys(texts: Iterable[str]) -> np.ndarray:
    """A number for each text by which equal ones are known, uint64: among a million, two differ but share theirs with
    a chance below one in ten million."""
    digests = (hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=8).digest() for text in texts)
    return np.frombuffer(b"".join(digests), dtype=np.uint64)
