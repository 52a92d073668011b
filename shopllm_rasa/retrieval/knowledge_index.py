"""The knowledge index: every sentence of the shop's pages, found by meaning."""

import json
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from shopllm_rasa.catalog.vocabulary import normal_words, tokens
from shopllm_rasa.encoders import SentenceEncoder
from shopllm_rasa.errors import IndexUnusableError
from shopllm_rasa.retrieval.index_directory import IndexDirectory, Manifest
from shopllm_rasa.retrieval.knowledge import Passage
from shopllm_rasa.retrieval.product_words import STOP_WORDS
from shopllm_rasa.retrieval.spelling import SpellingCorrector
from shopllm_rasa.retrieval.vectors import FaissStore

PASSAGES_FILE = "passages.jsonl"
VECTORS_FILE = "vectors.faiss"
_KIND = "knowledge"


@dataclass(frozen=True)
class PassageHit:
    """One found passage.

    Attributes:
        passage: the section.
        score: the highest cosine of the question with a sentence of the passage, or with its heading.
        sentence_scores: cosine of the question with each sentence, in the passage's order.
        coverage: share of the question's words that the passage has, weighted by rarity, 0 to 1.
    """

    passage: Passage
    score: float
    sentence_scores: tuple[float, ...]
    coverage: float


class KnowledgeIndex:
    """Finds the sections of the shop's pages that speak of a question.

    A sentence is embedded with the titles of its page and section before it, so that "within 30 days" is
    known to speak of returns.
    """

    def __init__(self, encoder: SentenceEncoder, passages: list[Passage], store: FaissStore) -> None:
        self._encoder = encoder
        self._passages = passages
        self._vectors = store.vectors() if len(store) else np.zeros((0, encoder.info.dimensions), np.float32)
        self._owner = np.array([row for row, passage in enumerate(passages) for _ in passage.sentences], dtype=np.int64)
        self._words_of = [frozenset(normal_words(f"{item.source} {item.text}")) for item in passages]
        self._frequency = Counter(word for words in self._words_of for word in words)
        surfaces = {match.group() for item in passages for match in tokens(f"{item.source} {item.text}")}
        self._spelling = SpellingCorrector(surfaces, encoder.is_word)

    @classmethod
    def build(
        cls, passages: Sequence[Passage], path: str | Path, *, threads: int = 2, progress: bool = False
    ) -> "KnowledgeIndex":
        """Embeds passages and adds them to the index directory of a `ProductIndex`.

        Raises:
            IndexUnusableError: if there is no index at `path` yet.
        """
        directory = IndexDirectory(path)
        directory.read_manifest()
        with directory.writing():
            manifest = directory.read_manifest()
            encoder = directory.open_encoder(manifest, threads=threads)
            texts = [f"{passage.source}: {sentence}" for passage in passages for sentence in passage.sentences]
            title = "embedding pages" if progress else None
            store = FaissStore.build(encoder.encode(texts, progress=title))

            def write(folder: Path) -> None:
                with (folder / PASSAGES_FILE).open("w", encoding="utf-8") as stream:
                    for passage in passages:
                        stream.write(json.dumps(asdict(passage), ensure_ascii=False) + "\n")
                store.save(folder / VECTORS_FILE)

            part = directory.write_part(_KIND, len(passages), write)
            directory.commit(encoder, {**manifest.parts, _KIND: part})
        return cls(encoder, list(passages), store)

    @classmethod
    def open(cls, path: str | Path, encoder: SentenceEncoder | None = None) -> "KnowledgeIndex":
        """Opens the knowledge part of an index; one without pages gives an empty one.

        Args:
            path: the index directory.
            encoder: the one of the `ProductIndex` of the same directory, so that it is loaded only once.

        Raises:
            IndexUnusableError: if the index is missing or damaged.
        """
        directory = IndexDirectory(path)
        return directory.read(lambda manifest: cls._load(directory, manifest, encoder))

    @classmethod
    def _load(cls, directory: IndexDirectory, manifest: Manifest, encoder: SentenceEncoder | None) -> "KnowledgeIndex":
        part = manifest.parts.get(_KIND)
        passages: list[Passage] = []
        store = FaissStore.build(np.zeros((0, manifest.dimensions), np.float32))
        if part is not None:
            passages = _read_passages(directory.path / part.folder / PASSAGES_FILE)
            store = FaissStore.load(directory.path / part.folder / VECTORS_FILE)
        if len(store) != sum(len(passage.sentences) for passage in passages):
            raise IndexUnusableError(
                f"The knowledge pages in '{directory.path}' do not fit their vectors. Build it again."
            )
        if encoder is None or encoder.info.fingerprint != manifest.encoder_fingerprint:
            encoder = directory.open_encoder(manifest)
        return cls(encoder, passages, store)

    def __len__(self) -> int:
        return len(self._passages)

    @property
    def passages(self) -> list[Passage]:
        """All passages."""
        return self._passages

    def search(self, question: str, k: int = 4) -> list[PassageHit]:
        """Finds the k passages with the best sentence for a question, best first.

        Typos of words that the pages use are mended before.
        """
        text = self._spelling.correct(question.strip())
        asked = {word for word in normal_words(text) if word not in STOP_WORDS}
        if not self._passages or not text:
            return []
        scores = self._vectors @ self._encoder.encode([text])[0]
        best = np.full(len(self._passages), -1.0, dtype=np.float32)
        np.maximum.at(best, self._owner, scores)
        return [
            PassageHit(
                self._passages[row],
                float(best[row]),
                tuple(float(score) for score in scores[self._owner == row]),
                self._coverage(asked, row),
            )
            for row in np.argsort(-best)[:k]
        ]

    def _coverage(self, asked: set[str], row: int) -> float:
        """The share of the question's words, weighted by rarity (IDF), that a passage has."""
        weights = {word: math.log((len(self._passages) + 1) / (self._frequency[word] + 0.5)) for word in asked}
        total = sum(weights.values())
        return sum(weights[word] for word in asked & self._words_of[row]) / total if total else 0.0


def _read_passages(file: Path) -> list[Passage]:
    try:
        with file.open(encoding="utf-8") as stream:
            rows = [json.loads(line) for line in stream]
        return [Passage(**{**row, "sentences": tuple(row["sentences"])}) for row in rows]
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise IndexUnusableError(f"'{file}' is damaged ({error}). Build the index again.") from None
