"""The knowledge index: the passages of the shop's pages, found by meaning and by words.

passages.jsonl               the passages
vectors.safetensors          vectors of all sentences and, behind them, of all passages, with the keys of their texts
words*.safetensors, .json    the lexical index of the sentences
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from shopllm_rasa.catalog.vocabulary import tokens
from shopllm_rasa.encoders import SentenceEncoder
from shopllm_rasa.errors import IndexUnusableError
from shopllm_rasa.retrieval.embedding import KnownVectors, Unfinished, embed_into
from shopllm_rasa.retrieval.exact_vectors import ExactVectors
from shopllm_rasa.retrieval.index_directory import IndexDirectory, Manifest
from shopllm_rasa.retrieval.knowledge import Passage
from shopllm_rasa.retrieval.lexical import LexicalIndex, write_lexical
from shopllm_rasa.retrieval.passage_words import Coverage, asked_words, sentence_documents
from shopllm_rasa.spelling import SpellingMender

PASSAGES_FILE = "passages.jsonl"
UNFINISHED_FOLDER = ".unfinished-knowledge"
_KIND = "knowledge"

# How much the words of a sentence, and the meaning of its whole passage, count beside the sentence's own meaning.
# Chosen by benchmarks/passages.py on the questions whose split is `dev`; the figures are in docs/answers.md. A convex
# combination, after Bruch, Gai and Ingber, "An analysis of fusion functions for hybrid retrieval" (2022).
LEXICAL_WEIGHT = 0.25
PASSAGE_WEIGHT = 0.65
_TOTAL_WEIGHT = 1 + LEXICAL_WEIGHT + PASSAGE_WEIGHT
# `PassageHit.margin` compares with the passage of this rank.
MARGIN_RANK = 10


@dataclass(frozen=True)
class PassageHit:
    """One found passage, and the evidence for it.

    Attributes:
        passage: the section.
        score: the highest cosine of the question with a sentence of the passage, or with its heading.
        sentence_scores: cosine of the question with each sentence, in the passage's order.
        coverage: share of the question's words that the passage has, weighted by rarity, 0 to 1.
        relevance: what hits are ranked by: the best sentence's cosine and words, and the whole passage's cosine; at
            most 1.
        passage_score: cosine of the question with the whole passage.
        lexical: how well the words of the passage's best sentence match (BM25), 0 to 1.
        sentence_relevance: cosine and words of each sentence, in the passage's order; says what to quote first.
        margin: by how much `relevance` exceeds that of the tenth best passage. Small where the question is about
            something that many passages, or none, speak of.
        missing: stems of the question's words that the passage lacks, in the question's order.
    """

    passage: Passage
    score: float
    sentence_scores: tuple[float, ...]
    coverage: float
    relevance: float = 0.0
    passage_score: float = 0.0
    lexical: float = 0.0
    sentence_relevance: tuple[float, ...] = ()
    margin: float = 0.0
    missing: tuple[str, ...] = ()


class KnowledgeIndex:
    """Finds the sections of the shop's pages that speak of a question.

    Sentences and whole passages are embedded with the titles of page and section before them, so that "within 30
    days" is known to speak of returns; the words of sentences are indexed in the same way. All vectors are compared:
    a shop has thousands of sentences, not millions.

    Attributes:
        embedded: how many texts `build` had to embed; those of unchanged pages are used again.
    """

    def __init__(
        self, encoder: SentenceEncoder, passages: list[Passage], vectors: np.ndarray, words: LexicalIndex | None
    ) -> None:
        """Takes unit vectors of all sentences and, behind them, all passages, of shape (rows, dimensions).

        The lexical index is that of the sentences; it may be missing where there are none.
        """
        self.embedded = 0
        self.encoder = encoder
        self._passages = passages
        self._words = words
        counts = np.array([len(passage.sentences) for passage in passages], dtype=np.int64)
        self._ends = np.cumsum(counts)
        self._starts = self._ends - counts
        sentences = int(counts.sum())
        self._sentence_vectors = vectors[:sentences].astype(np.float32)
        self._passage_vectors = vectors[sentences:].astype(np.float32)
        self._coverage = Coverage(passages)
        surfaces = {match.group().casefold() for item in passages for match in tokens(f"{item.source} {item.text}")}
        self._spelling = SpellingMender(surfaces, encoder.is_word, knows_forms=False)

    @classmethod
    def build(
        cls, passages: Sequence[Passage], path: str | Path, *, threads: int = 2, progress: bool = False
    ) -> "KnowledgeIndex":
        """Makes passages the pages of the index directory of a `ProductIndex`; its products are not touched.

        Args:
            passages: all of them: what is not among them is in the index no more.
            path: the index directory.
            threads: CPU threads to use.
            progress: whether to show a progress bar on standard error.

        Raises:
            IndexUnusableError: if there is no index at `path` yet.
            IndexBusyError: if another writer does not finish.
        """
        directory = IndexDirectory(path)
        directory.read_manifest()
        with directory.writing():
            manifest = directory.read_manifest()
            encoder = directory.open_encoder(manifest, threads=threads)
            unfinished = Unfinished(directory.path / UNFINISHED_FOLDER)
            known = _known_vectors(directory, manifest)
            embedded = 0

            def write(folder: Path) -> None:
                nonlocal embedded
                with (folder / PASSAGES_FILE).open("w", encoding="utf-8") as stream:
                    for passage in passages:
                        stream.write(json.dumps(asdict(passage), ensure_ascii=False) + "\n")
                sentences = write_lexical(folder, sentence_documents(passages))
                vectors = ExactVectors.create(folder, sentences + len(passages), encoder.info.dimensions)
                title = "embedding pages" if progress else None
                embedded = embed_into(vectors, 0, _texts(passages), encoder, known, unfinished, title)

            part = directory.write_part(_KIND, len(passages), write)
            manifest = directory.commit(encoder, {**manifest.parts, _KIND: part})
            unfinished.clear()
            built = cls._load(directory, manifest, encoder)
        built.embedded = embedded
        return built

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
        if encoder is None or encoder.info.fingerprint != manifest.encoder_fingerprint:
            encoder = directory.open_encoder(manifest)
        part = manifest.parts.get(_KIND)
        if part is None:
            return cls(encoder, [], np.zeros((0, manifest.dimensions), np.float16), None)
        folder = directory.path / part.folder
        passages = _read_passages(folder / PASSAGES_FILE)
        vectors = ExactVectors.load(folder, manifest.dimensions)
        sentences = sum(len(passage.sentences) for passage in passages)
        if len(vectors) != sentences + len(passages):
            raise IndexUnusableError(
                f"The knowledge pages in '{directory.path}' do not fit their vectors. Build it again."
            )
        return cls(encoder, passages, vectors.vectors, LexicalIndex.load(folder, sentences))

    def __len__(self) -> int:
        return len(self._passages)

    @property
    def passages(self) -> list[Passage]:
        """All passages."""
        return self._passages

    def mend(self, text: str) -> str:
        """A text whose typos of words that the pages use are mended."""
        return self._spelling.mend(text)

    def search(self, question: str, k: int = 4) -> list[PassageHit]:
        """Finds the k passages that speak most of a question, best first.

        Typos of words that the pages use are mended before.
        """
        text = self._spelling.mend(question.strip())
        if self._words is None or not self._passages or not text:
            return []
        asked = asked_words(text)
        weights = self._coverage.weights(text)
        vector = self.encoder.encode([text])[0]
        cosines = self._sentence_vectors @ vector
        lexical = self._words.scores(asked)
        sentence_relevance = cosines + LEXICAL_WEIGHT * lexical
        passage_cosines = self._passage_vectors @ vector
        # A passage has at least one sentence, so no stretch between two starts is empty.
        best = np.maximum.reduceat(sentence_relevance, self._starts)
        relevance = (best + PASSAGE_WEIGHT * passage_cosines) / _TOTAL_WEIGHT
        order = np.argsort(-relevance, kind="stable")
        compared = float(relevance[order[min(MARGIN_RANK, len(order)) - 1]])
        hits = []
        for row in order[:k]:
            own = slice(self._starts[row], self._ends[row])
            hits.append(
                PassageHit(
                    passage=self._passages[row],
                    score=float(cosines[own].max()),
                    sentence_scores=_floats(cosines[own]),
                    coverage=self._coverage.share(weights, row),
                    relevance=float(relevance[row]),
                    passage_score=float(passage_cosines[row]),
                    lexical=float(lexical[own].max()),
                    sentence_relevance=_floats(sentence_relevance[own] / (1 + LEXICAL_WEIGHT)),
                    margin=float(relevance[row]) - compared,
                    missing=self._coverage.missing(asked, row),
                )
            )
        return hits


def _texts(passages: Sequence[Passage]) -> Iterator[str]:
    """What is embedded: each sentence, then each passage, with where it stands."""
    for passage in passages:
        for sentence in passage.sentences:
            yield f"{passage.source}: {sentence}"
    for passage in passages:
        yield f"{passage.source}: {passage.text}"


def _known_vectors(directory: IndexDirectory, manifest: Manifest) -> KnownVectors:
    """The vectors of the pages that are in the index."""
    known = KnownVectors()
    part = manifest.parts.get(_KIND)
    if part is not None:
        old = ExactVectors.load(directory.path / part.folder, manifest.dimensions)
        known.add(old.keys, old.vectors)
    return known


def _floats(values: np.ndarray) -> tuple[float, ...]:
    return tuple(float(value) for value in values)


def _read_passages(file: Path) -> list[Passage]:
    try:
        with file.open(encoding="utf-8") as stream:
            rows = [json.loads(line) for line in stream]
        return [Passage(**{**row, "sentences": tuple(row["sentences"])}) for row in rows]
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise IndexUnusableError(f"'{file}' is damaged ({error}). Build the index again.") from None
