"""Which sentences answer a question, and whether any does."""

import functools
import json
import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rapidfuzz import fuzz, process

from shopllm_rasa.catalog.vocabulary import normal_word, tokens
from shopllm_rasa.encoders import SentenceEncoder
from shopllm_rasa.generation.claims import find_claims
from shopllm_rasa.generation.privacy import redact
from shopllm_rasa.generation.reader import Reader
from shopllm_rasa.generation.vectors import VectorCache
from shopllm_rasa.generation.wording import content_words, stem
from shopllm_rasa.retrieval.knowledge import Passage
from shopllm_rasa.retrieval.knowledge_index import PassageHit

WEIGHTS_FILE = Path(__file__).parent / "relevance.json"
# Of a sentence: by these it is ranked.
SENTENCE_FEATURES = (
    "cosine", "passage cosine", "bare cosine", "coverage", "passage coverage", "likeness", "weakest word",
    "rarest missing", "kind fits", "kind missing", "fused", "passage fused",
    "whole passage", "lexical", "read", "passage read",
)  # fmt: skip
# Of the best sentence, and of all together: by these it is decided whether the question is answered at all.
_OF_BEST = ("read", "passage read", "whole passage", "bare cosine")
DECISION_FEATURES = (*_OF_BEST, "rank score", "foreign word", "best read", "best passage read")
# Spelling likeness (0 to 100) from which an unknown word is a typo of one of the text.
_TYPO = 78
MAX_WORDS_LEFT_OUT = 16
# "What is your return policy?" asks for no more than the heading "Returns" promises, so what stands below it answers:
# then the reader, which knows questions for one fact, counts at least so much (log-odds).
_NAMED_BY_HEADING = 2.0
_GENERIC_WORDS = (
    "policy policies rules terms conditions information info details options option products items goods articles "
    "tell know explain about offer work works help question questions please store shop"
)
_PLACEHOLDER = re.compile(r"\[[A-Z]+_\d+\]")
_KINDS: tuple[tuple[re.Pattern[str], tuple[str, ...]], ...] = (
    (re.compile(r"\b(?:how (?:much|expensive)|costs?|prices?|fees?)\b(?! (?:does|do|is) .*weigh)", re.I), ("money",)),
    (re.compile(r"\bhow (?:long|quick(?:ly)?|fast|soon|many (?:day|week|hour|month|year)s)\b", re.I), ("duration",)),
    (re.compile(r"\b(?:when|until|what time|which day|opening hours)\b", re.I), ("duration", "moment")),
    (re.compile(r"\b(?:how (?:many|old|heavy|big|tall|wide|deep|far)|size|age|weight)\b", re.I), ("number",)),
    (re.compile(r"\b(?:e-?mail (?:address|to)|write to)\b", re.I), ("email",)),
)  # fmt: skip
_DURATIONS = frozenset(("second", "minute", "hour", "day", "working day", "month"))
_MONEY = frozenset(("EUR", "USD", "GBP", "CHF", "JPY", "cent"))


@dataclass(frozen=True)
class RankedSentence:
    """A sentence of the evidence and how well it fits the question: only differences between scores mean something."""

    hit: PassageHit
    row: int
    score: float

    @property
    def text(self) -> str:
        """The sentence."""
        return self.hit.passage.sentences[self.row]


@dataclass(frozen=True)
class Judgement:
    """What is known of a question.

    Attributes:
        probability: that the evidence answers it, 0 to 1.
        ranked: the sentences of the evidence, the fittest first.
    """

    probability: float
    ranked: tuple[RankedSentence, ...] = ()


class Relevance:
    """Ranks the sentences of the evidence, and estimates whether they answer a question at all.

    Two linear models on what question and sentence share, and on what the reader thinks of them together: a ranking
    one, fitted by the cross-entropy of a question's sentences (ListNet, Cao et al. 2007), and a logistic regression on
    the features of the sentence ranked first. Both were fitted by `benchmarks/answerability.py` on questions whose
    split is not `test`.

    Args:
        encoder: gives vectors of sentences and single words.
        passages: the shop's pages; a word that few of them have says more.
        reader: reads question and passage together; by default the one that ships with the package.
    """

    def __init__(self, encoder: SentenceEncoder, passages: Iterable[Passage], reader: Reader | None = None) -> None:
        self._encoder = encoder
        self._reader = reader or Reader.shared()
        self.vectors = VectorCache(encoder)
        words = [content_words(f"{item.source} {item.text}") for item in passages]
        self._frequency = Counter(word for each in words for word in each)
        self._count = len(words)
        self._weights = Weights.read()

    def judge(self, question: str, hits: Sequence[PassageHit]) -> Judgement:
        """Ranks the sentences of the passages found and estimates whether they answer the question."""
        features = self.sentence_features(question, hits)
        if not len(features):
            return Judgement(0.0)
        scores = self._weights.rank(features)
        decision = self.decision_features(question, hits, features, scores)
        places = [(hit, row) for hit in hits for row in range(len(hit.passage.sentences))]
        ranked = [RankedSentence(*place, float(score)) for place, score in zip(places, scores, strict=True)]
        return Judgement(self._weights.decide(decision), tuple(sorted(ranked, key=lambda item: -item.score)))

    def sentence_features(self, question: str, hits: Sequence[PassageHit]) -> np.ndarray:
        """The features of every sentence, in the order of the passages: float64 of shape (sentences, features)."""
        asked = _stems(question)
        if not hits or not self._makes_sense(asked, hits):
            return np.zeros((0, len(SENTENCE_FEATURES)))
        weights = {word: self._rarity(word) for word in asked}
        total = sum(weights.values())
        sentences = [sentence for hit in hits for sentence in hit.passage.sentences]
        bare = iter(self.vectors.encode(sentences) @ self.vectors.encode([question])[0])
        kinds = _kinds_asked(question)
        topic = asked.keys() - _GENERIC
        verdicts = self._reader.read(_to_read(question), [(hit.passage.source, hit.passage.sentences) for hit in hits])
        rows = []
        for hit, verdict in zip(hits, verdicts, strict=True):
            title = _stems(hit.passage.source)
            least = _NAMED_BY_HEADING if topic and topic <= title.keys() else -math.inf
            own = [{**title, **_stems(sentence)} for sentence in hit.passage.sentences]
            near = self._nearness(asked, {word: surface for each in own for word, surface in each.items()})
            covered = sum(weights[word] for word in asked if near[word] == 1.0) / total
            missing = max(weights[word] * (1 - near[word]) for word in asked)
            for row, sentence in enumerate(hit.passage.sentences):
                here = self._nearness(asked, own[row])
                fits = bool(_kinds_stated(sentence) & set(kinds))
                rows.append((
                    hit.sentence_scores[row], hit.score, float(next(bare)),
                    sum(weights[word] for word in asked if here[word] == 1.0) / total, covered,
                    sum(weights[word] * here[word] for word in asked) / total, min(near.values()), missing,
                    float(fits), float(bool(kinds) and not fits),
                    (hit.sentence_relevance or hit.sentence_scores)[row], hit.relevance or hit.score,
                    hit.passage_score or hit.score, hit.lexical,
                    max(verdict.sentences[row], least), max(verdict.support, least),
                ))  # fmt: skip
        return np.array(rows, dtype=np.float64)

    def _makes_sense(self, asked: dict[str, str], hits: Sequence[PassageHit]) -> bool:
        """Whether some word is one that the encoder knows or the evidence has: the reader was never shown gibberish."""
        if any(self._encoder.is_word(word) for word in asked.values()):
            return True
        told = (text for hit in hits for text in (hit.passage.source, *hit.passage.sentences))
        return any(asked.keys() & _stems(text).keys() for text in told)

    def decision_features(
        self, question: str, hits: Sequence[PassageHit], features: np.ndarray, scores: np.ndarray
    ) -> np.ndarray:
        """The features of the decision: float64 of shape (features,)."""
        best = int(np.argmax(scores))
        column = {name: features[:, number] for number, name in enumerate(SENTENCE_FEATURES)}
        of_best = [column[name][best] for name in _OF_BEST]
        of_all = (
            scores[best], self._foreign_word(question, hits), column["read"].max(), column["passage read"].max(),
        )  # fmt: skip
        return np.array([*of_best, *of_all], dtype=np.float64)

    def _foreign_word(self, question: str, hits: Sequence[PassageHit]) -> float:
        """How much nearer the question comes to the evidence when one of its words is left out.

        "Can I pay with bitcoin" is nearer to what the pages say of paying without its last word.
        """
        spans = [match.span() for match in tokens(question) if content_words(match.group())]
        if len(spans) < 2:
            return 0.0
        shorter = [question[:start] + question[end:] for start, end in spans[:MAX_WORDS_LEFT_OUT]]
        lines = [f"{hit.passage.source}: {sentence}" for hit in hits for sentence in hit.passage.sentences]
        best = (self.vectors.encode([question, *shorter]) @ self.vectors.encode(lines).T).max(axis=1)
        return float(best[1:].max() - best[0])

    def _rarity(self, word: str) -> float:
        return max(0.1, math.log((self._count + 1) / (self._frequency[word] + 0.5)))

    def _nearness(self, asked: dict[str, str], words: dict[str, str]) -> dict[str, float]:
        """For each word asked: 1 where the text has it or a typo's original, else the cosine with the nearest word."""
        near = {word: 1.0 for word in asked if word in words}
        rest = [word for word in asked if word not in near]
        if not rest or not words:
            return {**near, **dict.fromkeys(rest, 0.0)}
        surfaces = list(words.values())
        for word in list(rest):
            if len(word) > 3 and not self._encoder.is_word(asked[word]):
                found = process.extractOne(asked[word], surfaces, scorer=fuzz.ratio, score_cutoff=_TYPO)
                if found:
                    near[word] = 1.0
                    rest.remove(word)
        if rest:
            cosines = self.vectors.encode([asked[word] for word in rest]) @ self.vectors.encode(surfaces).T
            near.update({word: float(max(0.0, row.max())) for word, row in zip(rest, cosines, strict=True)})
        return near


def _stems(text: str) -> dict[str, str]:
    """Stem to the word as it stands, of the words that carry meaning."""
    found = {}
    for match in tokens(text):
        word = match.group().casefold()
        if content_words(word):
            found[stem(normal_word(word))] = word
    return found


def _to_read(question: str) -> str:
    """Without the placeholders of personal data, which say nothing of the matter."""
    return " ".join(_PLACEHOLDER.sub(" ", redact(question).text).split())


_GENERIC = frozenset(_stems(_GENERIC_WORDS))


def _kinds_asked(question: str) -> tuple[str, ...]:
    for pattern, kinds in _KINDS:
        if pattern.search(question):
            return kinds
    return ()


@functools.lru_cache(maxsize=10_000)
def _kinds_stated(sentence: str) -> frozenset[str]:
    kinds = set()
    for claim in find_claims(sentence):
        if claim.kind == "number":
            kinds.add("number")
            if claim.unit in _MONEY:
                kinds.add("money")
            if claim.unit in _DURATIONS:
                kinds.add("duration")
        elif claim.kind == "free":
            kinds.add("money")
        elif claim.kind in ("time", "date", "weekday"):
            kinds.add("moment")
        elif claim.kind == "email":
            kinds.add("email")
    return frozenset(kinds)


@dataclass(frozen=True)
class _Linear:
    """A linear function of standardised features."""

    mean: np.ndarray
    scale: np.ndarray
    weight: np.ndarray
    intercept: float

    def __call__(self, features: np.ndarray) -> np.ndarray:
        values: np.ndarray = ((features - self.mean) / self.scale) @ self.weight + self.intercept
        return values


@dataclass(frozen=True)
class Weights:
    """The fitted weights, as `relevance.json` holds them."""

    ranking: _Linear
    decision: _Linear

    @classmethod
    def read(cls) -> "Weights":
        """Reads the shipped weights."""
        values = json.loads(WEIGHTS_FILE.read_text(encoding="utf-8"))
        return cls(*(_linear(values[part], names) for part, names in PARTS.items()))

    def rank(self, features: np.ndarray) -> np.ndarray:
        """A score for each sentence."""
        return self.ranking(features)

    def decide(self, features: np.ndarray) -> float:
        """The probability that the question is answered."""
        return float(1 / (1 + np.exp(-self.decision(features))))


PARTS = {"ranking": SENTENCE_FEATURES, "decision": DECISION_FEATURES}


def _linear(values: dict[str, Any], names: Sequence[str]) -> _Linear:
    columns = [values["features"][name] for name in names]
    mean, scale, weight = (np.array([column[key] for column in columns]) for key in ("mean", "scale", "weight"))
    return _Linear(mean, scale, weight, float(values["intercept"]))
