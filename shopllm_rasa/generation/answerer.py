"""Answers questions from the shop's pages and products: understand, retrieve, decide, compose, check."""

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from shopllm_rasa.catalog import Product
from shopllm_rasa.errors import GenerationError, UnsureError
from shopllm_rasa.generation import metrics
from shopllm_rasa.generation.answerability import Findings, FindProducts, find
from shopllm_rasa.generation.backends import (
    LAST_RESORT,
    Draft,
    DraftKind,
    Exchange,
    GenerationBackend,
    GenerationRequest,
)
from shopllm_rasa.generation.evidence import PRODUCT_PATH, evidence_lines
from shopllm_rasa.generation.follow_ups import MAX_TURNS, leans, standing_alone
from shopllm_rasa.generation.gate import Gate
from shopllm_rasa.generation.guard import GroundingGuard
from shopllm_rasa.generation.privacy import redact
from shopllm_rasa.generation.relevance import Relevance
from shopllm_rasa.generation.reply_cache import ReplyCache
from shopllm_rasa.generation.wording import content_words
from shopllm_rasa.retrieval.knowledge import Passage
from shopllm_rasa.retrieval.knowledge_index import KnowledgeIndex, PassageHit

logger = logging.getLogger(__name__)

MAX_QUESTION_CHARACTERS = 1_000
MAX_EVIDENCE = 6
# A page whose support is at least this share of the threshold is near enough to be offered.
_NEARBY_SHARE = 0.4


@dataclass(frozen=True)
class Source:
    """Where an answer stands: page title, section heading, file and address; for a product its name and id."""

    title: str
    section: str
    path: str
    url: str | None = None
    product_id: str | None = None

    @property
    def place(self) -> str:
        """How it is named to a reader: `Returns > Electronics`."""
        return f"{self.title} > {self.section}" if self.section else self.title


@dataclass(frozen=True)
class Attempt:
    """One backend's try at a reply.

    Attributes:
        backend: its name.
        outcome: `sent`, `declined`, `refused` by the guard, or `failed`.
        problems: kinds of what the guard objected to, never words of the reply.
        milliseconds: time taken.
    """

    backend: str
    outcome: str
    problems: tuple[str, ...]
    milliseconds: float


@dataclass(frozen=True)
class Answer:
    """A checked reply.

    Attributes:
        text: the reply; empty when the shop's data do not answer.
        answered: whether they do. A reply that asks back has a text and is no answer.
        sources: what the reply rests on; for an unanswered question the nearest page, where one is near.
        backend: what composed the reply.
        supported: whether everything the reply states stands in the evidence; no other reply is given out.
        support: estimated probability that the evidence answers the question, 0 to 1.
        milliseconds: time taken.
        question: the question as it was understood, the turns before included.
        evidence: the sentences that fit the question best, each behind its source.
        kind: `answer`, `decline` or `clarify`.
        attempts: what was tried, in order.
        prompt_tokens: tokens read by all attempts.
        completion_tokens: tokens written by all attempts.
        cached: whether the reply was composed for an earlier question.
    """

    text: str
    answered: bool
    sources: tuple[Source, ...]
    backend: str
    supported: bool
    support: float
    milliseconds: float
    question: str = ""
    evidence: tuple[str, ...] = ()
    kind: DraftKind = "answer"
    attempts: tuple[Attempt, ...] = ()
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached: bool = False

    @property
    def record(self) -> dict[str, Any]:
        """What a machine may want to know of the reply, ready for JSON."""
        return {
            "evidence": list(self.evidence),
            "supported": self.supported,
            "backend": self.backend,
            "milliseconds": self.milliseconds,
            "support": round(self.support, 3),
            "kind": self.kind,
            "cached": self.cached,
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": self.completion_tokens,
        }


@dataclass
class _Work:
    """What is gathered while a reply is made."""

    question: str
    started: float
    support: float = 0.0
    evidence: tuple[str, ...] = ()
    attempts: list[Attempt] = field(default_factory=list)
    tokens: list[int] = field(default_factory=lambda: [0, 0])


class Answerer:
    """Answers from pages and products with the first backend of a chain that can; the last one quotes.

    Args:
        knowledge: the shop's pages.
        backends: as `create_chain` makes them, `extractive` last.
        threshold: probability below which a question counts as not answered.
        relevance: ranks the evidence and judges whether it answers.
        guard: what checks a reply against its evidence.
        passages: how many passages are retrieved.
        find_products: finds the products that a text names.
        gate: how many replies one backend composes at once; without it there is no limit.
        cache: keeps replies; without it none is kept.
    """

    def __init__(
        self,
        knowledge: KnowledgeIndex,
        backends: Sequence[GenerationBackend],
        threshold: float,
        relevance: Relevance,
        guard: GroundingGuard,
        passages: int = 4,
        find_products: FindProducts = lambda text: (),
        gate: Gate | None = None,
        cache: ReplyCache | None = None,
    ) -> None:
        self._knowledge = knowledge
        self._backends = tuple(backends)
        self._threshold = threshold
        self._relevance = relevance
        self._guard = guard
        self._passages = passages
        self._find_products = find_products
        self._gate = gate or Gate()
        self._cache = cache or ReplyCache(0)

    def answer(
        self,
        question: str,
        *,
        history: Sequence[Exchange] = (),
        products: Sequence[Product] = (),
        sentiment: str = "neutral",
    ) -> Answer:
        """Answers a question, or says that the shop's data do not.

        Args:
            question: the customer's words; cut at 1,000 characters.
            history: the turns before, oldest first; the last three are used to understand a follow-up.
            products: the products the conversation is about, where the question itself names none.
            sentiment: positive, neutral or negative; for the tone.
        """
        started = time.perf_counter()
        text = " ".join(question.split())[:MAX_QUESTION_CHARACTERS]
        context = products if leans(text) else ()
        text = standing_alone(text, history, self._relevance.vectors)[: 2 * MAX_QUESTION_CHARACTERS]
        findings = find(
            text, self._knowledge, self._relevance, self._passages, self._threshold, self._find_products, context
        )
        ranked = findings.ranked(self._threshold)
        best = tuple(item for group in ranked for item in group[: MAX_EVIDENCE // len(ranked)])
        evidence = tuple(f"{item.hit.passage.source}: {item.text}" for item in best)
        work = _Work(text, started, findings.probability, evidence)
        hits = tuple({id(item.hit): item.hit for item in _interleaved(ranked)}.values())
        if findings.probability < self._threshold or not hits:
            near = bool(hits) and findings.probability >= self._threshold * _NEARBY_SHARE
            return _declined(work, hits[:1] if near else (), self._backends[0].name)
        request = GenerationRequest(
            text,
            hits[: self._passages * len(ranked)],
            findings.products,
            sentiment,
            tuple(history[-MAX_TURNS:]),
            ranked=ranked,
        )
        return self._compose(request, findings, work)

    def _compose(self, request: GenerationRequest, findings: Findings, work: _Work) -> Answer:
        for backend in self._backends:
            tries = [request] if backend.name == LAST_RESORT else [request, replace(request, strict=True)]
            for attempt in tries:
                draft, cached = self._draft(backend, attempt, work)
                if draft is None:
                    break  # it failed: asking it more strictly would not help
                if draft.kind == "decline" or not draft.text:
                    self._note(work, backend, "declined")
                    return _declined(work, request.passages[:1], backend.name)
                problems = () if cached else self._problems(draft, attempt)
                if not problems:
                    self._note(work, backend, "sent")
                    if not cached:
                        self._cache.put(backend.name, attempt, draft)
                    return _answered(work, draft, backend.name, cached)
                self._note(work, backend, "refused", problems)
                logger.warning(
                    "Backend '%s': %d unsupported claims (%s), reply not sent.",
                    backend.name, len(problems), ", ".join(sorted(set(problems))),
                )  # fmt: skip
        return _declined(work, (), self._backends[-1].name)

    def _draft(self, backend: GenerationBackend, request: GenerationRequest, work: _Work) -> tuple[Draft | None, bool]:
        """A backend's reply and whether it was composed for an earlier question; None where there is none."""
        if backend.name == LAST_RESORT:
            return backend.answer(request), False
        kept = self._cache.get(backend.name, request)
        metrics.CACHE.labels("hit" if kept else "miss").inc()
        if kept:
            return kept, True
        started = time.perf_counter()
        try:
            with self._gate.entered(backend.name):
                draft = backend.answer(request)
        except GenerationError as error:
            level = logging.INFO if isinstance(error, UnsureError) else logging.WARNING
            logger.log(level, "Backend '%s' gave no reply: %s", backend.name, error)
            self._note(work, backend, "failed")
            return None, False
        finally:
            metrics.SECONDS.labels(backend.name).observe(time.perf_counter() - started)
        work.tokens[0] += draft.prompt_tokens
        work.tokens[1] += draft.completion_tokens
        metrics.TOKENS.labels(backend.name, "prompt").inc(draft.prompt_tokens)
        metrics.TOKENS.labels(backend.name, "completion").inc(draft.completion_tokens)
        logger.info(
            "Backend '%s': %d ms, %d prompt tokens, %d completion tokens.",
            backend.name, _milliseconds(started), draft.prompt_tokens, draft.completion_tokens,
        )  # fmt: skip
        return draft, False

    def _problems(self, draft: Draft, request: GenerationRequest) -> tuple[str, ...]:
        # Of the question only the customer's own address and numbers may come back: "is it 90 days?" must not
        # license "yes, 90 days".
        own = redact(request.question).originals.values()
        lines = evidence_lines((hit.passage for hit in draft.used), request.products)
        return tuple(problem.kind for problem in self._guard.check(draft.text, [*own, *lines]).problems)

    @staticmethod
    def _note(work: _Work, backend: GenerationBackend, outcome: str, problems: tuple[str, ...] = ()) -> None:
        since = work.started * 1000 + sum(item.milliseconds for item in work.attempts)
        taken = round(time.perf_counter() * 1000 - since, 1)
        work.attempts.append(Attempt(backend.name, outcome, problems, taken))
        metrics.REPLIES.labels(backend.name, outcome).inc()


def _interleaved(groups: Sequence[Sequence[Any]]) -> list[Any]:
    """The first of each group, then the second of each, and so on."""
    longest = max((len(group) for group in groups), default=0)
    return [group[row] for row in range(longest) for group in groups if row < len(group)]


def _answered(work: _Work, draft: Draft, backend: str, cached: bool) -> Answer:
    used = [hit for hit in draft.used if _contributed(draft.text, hit.passage)] or list(draft.used[:1])
    return Answer(
        draft.text,
        draft.kind == "answer",
        _sources(used),
        backend,
        True,
        work.support,
        _milliseconds(work.started),
        work.question,
        work.evidence,
        draft.kind,
        tuple(work.attempts),
        work.tokens[0],
        work.tokens[1],
        cached,
    )


def _declined(work: _Work, nearest: Sequence[PassageHit], backend: str) -> Answer:
    return Answer(
        "",
        False,
        _sources(nearest),
        backend,
        True,
        work.support,
        _milliseconds(work.started),
        work.question,
        work.evidence,
        "decline",
        tuple(work.attempts),
        work.tokens[0],
        work.tokens[1],
    )


def _contributed(reply: str, passage: Passage) -> bool:
    """Whether a passage shares enough words with some sentence of a reply to be named as its source."""
    words = content_words(reply)
    own = content_words(passage.text)
    return bool(words) and (len(words & own) >= 0.4 * len(words) or any(s in reply for s in passage.sentences))


def _sources(hits: Sequence[PassageHit]) -> tuple[Source, ...]:
    passages = [hit.passage for hit in hits]
    return tuple(dict.fromkeys(_source(passage) for passage in passages))


def _source(passage: Passage) -> Source:
    product_id = passage.path.removeprefix(PRODUCT_PATH) if passage.path.startswith(PRODUCT_PATH) else None
    return Source(passage.page, passage.section, passage.path, passage.url, product_id)


def _milliseconds(started: float) -> float:
    return round((time.perf_counter() - started) * 1000, 1)
