"""The vectors of kinds of products: what a shop's espresso machines have in common."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from shopllm_rasa.errors import IndexUnusableError
from shopllm_rasa.retrieval.arrays import ArrayFile, write_arrays
from shopllm_rasa.retrieval.exact_vectors import BLOCK, ExactVectors

KINDS_FILE = "kinds.safetensors"


class KindVectors:
    """For each narrowest category the direction of the mean of its products' vectors.

    A product's text also tells its brand, colours and measures. These cancel out in the mean, so that it says better
    than a single product whether a wish ("keep cables tidy") is about such things.
    """

    def __init__(self, vectors: np.ndarray) -> None:
        self._vectors = vectors

    @classmethod
    def load(cls, folder: Path) -> "KindVectors":
        """Opens what `write_kinds` wrote.

        Raises:
            IndexUnusableError: if the file is damaged.
        """
        vectors = ArrayFile(folder / KINDS_FILE).get("vectors")
        if vectors is None:
            raise IndexUnusableError(f"'{folder / KINDS_FILE}' is damaged. Build the index again.")
        return cls(vectors)

    def cosines(self, vector: np.ndarray, kinds: np.ndarray) -> np.ndarray:
        """The cosine of a unit vector with each of some kinds, float32 of shape (len(kinds),); NaN for no kind."""
        some, places = np.unique(kinds, return_inverse=True)
        cosines: np.ndarray = np.einsum("ij,j->i", self._vectors[some], vector)[places]
        return cosines


def write_kinds(folder: Path, vectors: ExactVectors, kinds: np.ndarray, names: Sequence[str]) -> None:
    """Writes the vectors of all kinds.

    Args:
        folder: takes the file.
        vectors: of all products.
        kinds: the number of each product's kind, of shape (products,).
        names: of the kinds, by number; what has no name is none.
    """
    sums = np.zeros((len(names), vectors.vectors.shape[1]), np.float32)
    for start in range(0, len(vectors), BLOCK):
        block = kinds[start : start + BLOCK]
        order = np.argsort(block, kind="stable")
        firsts = np.flatnonzero(np.diff(block[order], prepend=-1))
        sums[block[order[firsts]]] += np.add.reduceat(vectors.rows(start + order), firsts, axis=0)
    lengths = np.linalg.norm(sums, axis=1, keepdims=True)
    sums /= np.where(lengths > 0, lengths, 1)
    sums[[number for number, name in enumerate(names) if not name]] = np.nan
    write_arrays(folder / KINDS_FILE, {"vectors": sums})
