"""Answers questions from the shop's pages: retrieve, decide, compose, check."""

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass

from shopllm_rasa.errors import GenerationError
from shopllm_rasa.generation.answerability import support
from shopllm_rasa.generation.backends import GenerationBackend, GenerationRequest
from shopllm_rasa.generation.evidence import evidence_lines
from shopllm_rasa.generation.guard import GroundingGuard
from shopllm_rasa.generation.privacy import redact
from shopllm_rasa.retrieval.knowledge_index import KnowledgeIndex, PassageHit

logger = logging.getLogger(__name__)

MAX_QUESTION_CHARACTERS = 1_000
# A page whose support is at least this share of the threshold is near enough to be offered.
_NEARBY_SHARE = 0.6


@dataclass(frozen=True)
class Source:
    """Where an answer stands: page title, section heading, file and address."""

    title: str
    section: str
    path: str
    url: str | None = None

    @property
    def place(self) -> str:
        """How it is named to a reader: `Returns > Electronics`."""
        return f"{self.title} > {self.section}" if self.section else self.title


@dataclass(frozen=True)
class Answer:
    """A checked reply.

    Attributes:
        text: the reply; empty when the shop's pages do not answer.
        answered: whether they do.
        sources: what the reply rests on; for an unanswered question the nearest page, where one is near.
        backend: what composed the reply.
        supported: whether every number, link and address of the reply stands in the passages.
        support: how well the best passage fits the question, 0 to 1.
        milliseconds: time taken.
    """

    text: str
    answered: bool
    sources: tuple[Source, ...]
    backend: str
    supported: bool
    support: float
    milliseconds: float


class Answerer:
    """Answers from passages with the first backend of a chain that can; the last one quotes.

    Args:
        knowledge: the shop's pages.
        backends: as `create_chain` makes them, `extractive` last.
        threshold: support below which a question counts as not answered.
        passages: how many passages are retrieved.
        guard: what checks a reply against its evidence.
    """

    def __init__(
        self,
        knowledge: KnowledgeIndex,
        backends: Sequence[GenerationBackend],
        threshold: float,
        passages: int = 4,
        guard: GroundingGuard | None = None,
    ) -> None:
        self._knowledge = knowledge
        self._backends = tuple(backends)
        self._guard = guard or GroundingGuard()
        self._threshold = threshold
        self._passages = passages

    def answer(self, question: str) -> Answer:
        """Answers a question, or says that the shop's pages do not.

        Args:
            question: the customer's words; cut at 1,000 characters.
        """
        started = time.perf_counter()
        text = " ".join(question.split())[:MAX_QUESTION_CHARACTERS]
        hits = self._knowledge.search(text, self._passages)
        # Shared words help to decide whether the best passage answers, not which one is best: ranking by support
        # instead of cosine found the required facts less often on the development questions.
        best = support(hits[0]) if hits else 0.0
        if best < self._threshold:
            near = best >= self._threshold * _NEARBY_SHARE
            sources = _sources(hits[:1]) if near else ()
            return Answer("", False, sources, self._backends[0].name, True, best, _milliseconds(started))
        return self._compose(text, hits, best, started)

    def _compose(self, question: str, hits: list[PassageHit], best: float, started: float) -> Answer:
        request = GenerationRequest(question, tuple(hits))
        for backend in self._backends:
            try:
                draft = backend.answer(request)
            except GenerationError as error:
                logger.warning("Backend '%s' gave no reply: %s", backend.name, error)
                continue
            if not draft.text:
                return Answer("", False, _sources(hits[:1]), backend.name, True, best, _milliseconds(started))
            # Of the question only the customer's own address and numbers may come back: "is it 90 days?" must not
            # license "yes, 90 days".
            own = redact(question).originals.values()
            evidence = [*own, *evidence_lines(hit.passage for hit in draft.used)]
            wrong = self._guard.check(draft.text, evidence).problems
            if wrong:
                logger.warning("Backend '%s': %d unsupported claims, reply not sent.", backend.name, len(wrong))
                continue
            used = [hit for hit in draft.used if _contributed(draft.text, hit)] or list(draft.used[:1])
            return Answer(draft.text, True, _sources(used), backend.name, True, best, _milliseconds(started))
        return Answer("", False, (), self._backends[-1].name, True, best, _milliseconds(started))


def _contributed(reply: str, hit: PassageHit) -> bool:
    """Whether a passage shares enough rare words with a reply to be named as its source."""
    words = {word for word in reply.casefold().split() if len(word) > 4}
    shared = words & set(hit.passage.text.casefold().split())
    return bool(words) and len(shared) >= 0.5 * len(words)


def _sources(hits: Sequence[PassageHit]) -> tuple[Source, ...]:
    passages = [hit.passage for hit in hits]
    return tuple(dict.fromkeys(Source(item.page, item.section, item.path, item.url) for item in passages))


def _milliseconds(started: float) -> float:
    return round((time.perf_counter() - started) * 1000, 1)
