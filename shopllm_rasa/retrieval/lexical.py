"""Finds products by their words: BM25 over weighted fields."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np

from shopllm_rasa.errors import IndexUnusableError
from shopllm_rasa.retrieval.arrays import ArrayFile, write_arrays

POSTINGS_FILE = "words.safetensors"
FORWARD_FILE = "words-by-product.safetensors"
WORDS_FILE = "words.json"
# Of BM25 (Robertson and Zaragoza, "The probabilistic relevance framework: BM25 and beyond", 2009); see FIELD_WEIGHTS.
K1, B = 1.2, 0.5
# What another form of a word counts ("gardening" for "garden"). Chosen on the tuning queries, like all weights.
FORM_SHARE = 0.5

Forms = Callable[[str], Iterable[str]]


def _no_forms(_word: str) -> Iterable[str]:
    return ()


class LexicalIndex:
    """Precomputed BM25 scores, a list of (row, score) for each word.

    The scores are computed by `bm25s` (Lù, "BM25S: Orders of magnitude faster lexical search via eager sparse
    scoring", 2024). The words of each row are kept, so that rows can be exchanged without reading all texts again.
    """

    def __init__(self, words: Mapping[str, int], postings: Mapping[str, np.ndarray], rows: int) -> None:
        self._words = words
        self._starts = postings["starts"]
        self._rows = postings["rows"]
        self._scores = postings["scores"]
        self._best = postings["best"]
        self._count = rows
        self._rarest = float(self._best.max()) if len(self._best) else 0.0

    @classmethod
    def load(cls, folder: Path, rows: int) -> "LexicalIndex":
        """Opens what `write_lexical` wrote; the postings stay on disk until they are read.

        Raises:
            IndexUnusableError: if a file is damaged.
        """
        file = folder / WORDS_FILE
        try:
            words = {word: number for number, word in enumerate(json.loads(file.read_text(encoding="utf-8")))}
        except (ValueError, TypeError, RecursionError) as error:
            raise IndexUnusableError(f"'{file}' is damaged ({error}). Build the index again.") from None
        return cls(words, ArrayFile(folder / POSTINGS_FILE), rows)

    def __contains__(self, word: object) -> bool:
        return word in self._words

    @property
    def words(self) -> Iterable[str]:
        """All words of the index."""
        return self._words.keys()

    def scores(self, words: Sequence[str], forms: Forms = _no_forms) -> np.ndarray:
        """How well each row matches words, float32 of shape (rows,), 0 to 1.

        The sum of BM25 scores is divided by the highest sum there could be: each word's best score in the index. So
        1 means as good a match of every word as any row gives, and a word that the index lacks counts like the
        rarest one, unmatched.

        Args:
            words: what is looked for.
            forms: other forms of a word that the index has. A row that has one counts as if it had the word itself,
                but for `FORM_SHARE`; for a word that the index lacks they count in full.
        """
        total = np.zeros(self._count, dtype=np.float32)
        reachable = 0.0
        for word in dict.fromkeys(words):
            known = word in self._words
            shares = dict.fromkeys(forms(word), FORM_SHARE if known else 1.0)
            if known:
                shares[word] = 1.0
            lists = [(*self._list(self._words[form]), share) for form, share in shares.items()]
            before = [total[rows] for rows, _, _ in lists]
            for (rows, scores, share), without in zip(lists, before, strict=True):
                # A row stands only once in a word's list, so none is lost; of several forms the best counts.
                total[rows] = np.maximum(total[rows], without + share * scores)
            best = [share * float(self._best[self._words[form]]) for form, share in shares.items()]
            reachable += max(best, default=self._rarest)
        return np.minimum(total / np.float32(reachable), 1) if reachable else total

    def _list(self, number: int) -> tuple[np.ndarray, np.ndarray]:
        """The rows that have a word, and its score in each."""
        start, end = self._starts[number], self._starts[number + 1]
        return self._rows[start:end], self._scores[start:end]


def write_lexical(folder: Path, documents: Iterable[Mapping[str, int]]) -> int:
    """Writes the index of documents, each its words with their frequencies.

    Returns:
        The number of documents.
    """
    numbers: dict[str, int] = {}
    forward = _Forward()
    for document in documents:
        forward.add([numbers.setdefault(word, len(numbers)) for word in document], list(document.values()))
    return _write(folder, numbers, forward)


def rewrite_lexical(old: Path, folder: Path, kept: np.ndarray, documents: Iterable[Mapping[str, int]]) -> int:
    """Writes an index of some rows of an old one, in the order given, and of new documents behind them.

    Args:
        old: the folder of the old index.
        folder: takes the new one.
        kept: rows of the old one, int64 of shape (kept,).
        documents: as in `write_lexical`.
    """
    numbers = {word: number for number, word in enumerate(json.loads((old / WORDS_FILE).read_text(encoding="utf-8")))}
    arrays = ArrayFile(old / FORWARD_FILE)
    starts = arrays["starts"]
    forward = _Forward()
    counts = (starts[1:] - starts[:-1])[kept]
    picked = ranges(starts[kept], counts)
    forward.extend(counts, arrays["words"][picked], arrays["frequencies"][picked])
    for document in documents:
        forward.add([numbers.setdefault(word, len(numbers)) for word in document], list(document.values()))
    return _write(folder, numbers, forward)


class _Forward:
    """The words of each row with their frequencies, growing."""

    def __init__(self) -> None:
        self._counts: list[np.ndarray] = []
        self._words: list[np.ndarray] = []
        self._frequencies: list[np.ndarray] = []

    def add(self, words: Sequence[int], frequencies: Sequence[int]) -> None:
        self.extend(np.array([len(words)]), np.array(words, np.int32), np.array(frequencies, np.uint8))

    def extend(self, counts: np.ndarray, words: np.ndarray, frequencies: np.ndarray) -> None:
        self._counts.append(counts)
        self._words.append(words)
        self._frequencies.append(frequencies)

    def arrays(self) -> dict[str, np.ndarray]:
        counts = np.concatenate([np.zeros(1, np.int64), *self._counts])
        return {
            "starts": np.cumsum(counts),
            "words": np.concatenate([np.zeros(0, np.int32), *self._words]),
            "frequencies": np.concatenate([np.zeros(0, np.uint8), *self._frequencies]),
        }


def _write(folder: Path, numbers: Mapping[str, int], forward: _Forward) -> int:
    arrays = forward.arrays()
    rows = len(arrays["starts"]) - 1
    write_arrays(folder / FORWARD_FILE, arrays)
    write_arrays(folder / POSTINGS_FILE, _postings(len(numbers), arrays))
    (folder / WORDS_FILE).write_text(json.dumps(list(numbers), ensure_ascii=False), encoding="utf-8")
    return rows


def _postings(words: int, forward: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    from bm25s import BM25

    starts = forward["starts"]
    total = int(starts[-1])
    if total == 0:
        return {
            "starts": np.zeros(words + 1, np.int64),
            "rows": np.zeros(0, np.int32),
            "scores": np.zeros(0, np.float32),
            "best": np.zeros(words, np.float32),
        }
    # bm25s counts repeated words itself, so each is repeated as often as its weighted frequency says.
    repeated = np.repeat(forward["words"], forward["frequencies"])
    ends = np.concatenate([np.zeros(1, np.int64), np.cumsum(forward["frequencies"], dtype=np.int64)])[starts]
    documents = [repeated[start:end].tolist() for start, end in pairwise(ends)]
    scores = BM25(method="lucene", k1=K1, b=B).build_index_from_ids(list(range(words)), documents, show_progress=False)
    places = np.asarray(scores["indptr"], dtype=np.int64)
    values = np.asarray(scores["data"], dtype=np.float32)
    best = np.zeros(words, np.float32)
    used = places[1:] > places[:-1]
    best[used] = np.maximum.reduceat(values, places[:-1][used])
    return {"starts": places, "rows": np.asarray(scores["indices"], dtype=np.int32), "scores": values, "best": best}


def ranges(starts: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """The numbers of stretches that begin at `starts` and have `counts` members, one after another, int64."""
    if not len(counts):
        return np.zeros(0, np.int64)
    before = np.cumsum(counts) - counts
    return np.arange(int(counts.sum()), dtype=np.int64) + np.repeat(starts - before, counts)
