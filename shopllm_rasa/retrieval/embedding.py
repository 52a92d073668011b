"""Embeds the texts of a catalogue: each once, in an order that wastes little, and resumable."""

import shutil
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from shopllm_rasa.encoders import SentenceEncoder
from shopllm_rasa.errors import IndexUnusableError
from shopllm_rasa.retrieval.arrays import ArrayFile, write_arrays
from shopllm_rasa.retrieval.bulk_encoder import BulkEncoder
from shopllm_rasa.retrieval.exact_vectors import ExactVectors, checked, text_keys

# Texts that are sorted by length together, and so held in memory.
WINDOW = 16_384
# Texts after which what is embedded is kept on disk: what an interruption costs at most.
CHUNK = 1_024


class KnownVectors:
    """Vectors of texts that were embedded before, found by `text_key`."""

    def __init__(self) -> None:
        self._sources: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []

    def add(self, keys: np.ndarray, vectors: np.ndarray) -> None:
        """Takes vectors, float16 of shape (rows, dimensions), with the keys of their texts."""
        order = np.argsort(keys, kind="stable")
        self._sources.append((keys[order], order, vectors))

    def fill(self, keys: np.ndarray, target: np.ndarray) -> np.ndarray:
        """Writes the known vectors into `target`.

        Returns:
            Which of the keys were known, bool of shape (keys,).
        """
        done = np.zeros(len(keys), dtype=bool)
        for sorted_keys, order, vectors in self._sources:
            if not len(sorted_keys):
                continue
            places = np.minimum(np.searchsorted(sorted_keys, keys), len(sorted_keys) - 1)
            found = np.flatnonzero((sorted_keys[places] == keys) & ~done)
            target[found] = vectors[order[places[found]]]
            done[found] = True
        return done


class Unfinished:
    """A folder beside the index with what an interrupted build has embedded so far."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def known(self, encoder: SentenceEncoder) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """The keys and vectors that this encoder has left."""
        for file in sorted(self._chunks(encoder).glob("*.safetensors")):
            try:
                arrays = ArrayFile(file)
                keys, vectors = arrays["keys"], arrays["vectors"]
                if vectors.shape == (len(keys), encoder.info.dimensions):
                    yield keys, vectors
            except (IndexUnusableError, KeyError):
                file.unlink(missing_ok=True)  # cut while it was written

    def keep(self, encoder: SentenceEncoder, keys: np.ndarray, vectors: np.ndarray) -> None:
        """Writes a chunk."""
        folder = self._chunks(encoder)
        folder.mkdir(parents=True, exist_ok=True)
        write_arrays(folder / f"{int(keys[0]):016x}.safetensors", {"keys": keys, "vectors": vectors})

    def clear(self) -> None:
        """Removes everything, once the index is there."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def _chunks(self, encoder: SentenceEncoder) -> Path:
        return self._folder / encoder.info.fingerprint[:16]


def embed_into(
    target: ExactVectors,
    first: int,
    texts: Iterable[str],
    encoder: SentenceEncoder,
    known: KnownVectors,
    unfinished: Unfinished,
    progress: str | None = None,
    precision: str = "fp32",
) -> int:
    """Fills rows with the vectors of texts, embedding each unknown text once.

    Args:
        target: takes vectors and keys.
        first: the row of the first text.
        texts: one for each row from `first`.
        encoder: embeds.
        known: vectors there are already.
        unfinished: takes what is embedded, so that an interruption costs little.
        progress: the title of a progress bar on standard error; none without it.
        precision: see `BulkEncoder`.

    Returns:
        How many texts were embedded.
    """
    for keys, vectors in unfinished.known(encoder):
        known.add(keys, vectors)
    bulk = BulkEncoder(encoder, precision)
    embedded, row = 0, first
    remaining = iter(texts)
    with tqdm(total=len(target) - first, desc=progress, disable=progress is None, unit="text") as bar:
        while window := list(islice(remaining, WINDOW)):
            keys = text_keys(window)
            vectors = np.zeros((len(window), encoder.info.dimensions), np.float16)
            done = known.fill(keys, vectors)
            bar.update(int(done.sum()))
            embedded += _embed_window(window, keys, vectors, done, encoder, bulk, known, unfinished, bar)
            target.vectors[row : row + len(window)] = vectors
            target.keys[row : row + len(window)] = keys
            row += len(window)
    return embedded


def _embed_window(
    texts: Sequence[str],
    keys: np.ndarray,
    vectors: np.ndarray,
    done: np.ndarray,
    encoder: SentenceEncoder,
    bulk: BulkEncoder,
    known: KnownVectors,
    unfinished: Unfinished,
    bar: Any,
) -> int:
    """Embeds the texts of a window that are not done."""
    missing = np.flatnonzero(~done)
    unique_keys, places, copies = np.unique(keys[missing], return_index=True, return_inverse=True)
    rows = missing[places]
    fresh = np.zeros((len(rows), encoder.info.dimensions), np.float16)
    by_length = sorted(range(len(rows)), key=lambda number: len(texts[rows[number]]))
    for start in range(0, len(rows), CHUNK):
        chunk = np.array(by_length[start : start + CHUNK])
        fresh[chunk] = checked(bulk.encode([texts[rows[number]] for number in chunk], len(rows)))
        bar.update(len(chunk))
        if len(rows) > CHUNK:
            unfinished.keep(encoder, unique_keys[chunk], fresh[chunk])
    bar.update(len(missing) - len(rows))
    vectors[missing] = fresh[copies]
    known.add(unique_keys, fresh)
    return len(rows)
