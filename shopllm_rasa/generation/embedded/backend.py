"""The embedded generator as a generation backend: sent where it is sure, else left to quoting."""

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from shopllm_rasa.errors import UnsureError
from shopllm_rasa.generation.backends import Draft, GenerationRequest
from shopllm_rasa.generation.embedded.batching import Batcher
from shopllm_rasa.generation.embedded.generator import EmbeddedGenerator, GeneratedReply, ReplyRequest, ScoredPassage
from shopllm_rasa.generation.embedded.polarity import contradicts
from shopllm_rasa.generation.evidence import PRODUCT_PATH
from shopllm_rasa.generation.relevance import RankedSentence
from shopllm_rasa.retrieval.knowledge_index import PassageHit

# These were chosen on the demo shop's development questions, see docs/generator.md.
MIN_CONFIDENCE = 0.5
MIN_DECLINE_CONFIDENCE = 0.95
MIN_ASK_CONFIDENCE = 0.95
# "Yes" and "no" are said only where they are surer than this; below, the same is answered without them.
MIN_VERDICT_CONFIDENCE = 0.8
# How far below the best sentence another may be ranked and still be evidence.
RANK_MARGIN = 4.0
# The same for a product, whose fields have little to do with each other.
PRODUCT_MARGIN = 0.5
_FIELD = re.compile(r"([A-Z][^:.,]{1,40}): (.+)\.")
_FLAGS = frozenset(("yes", "no", "true", "false"))


class EmbeddedBackend:
    """Writes replies with the shipped encoder-decoder, offline and on the CPU.

    Args:
        folder: another model folder than the shipped one.
        threads: CPU threads that one batch may use.
    """

    name = "embedded"

    def __init__(self, folder: Path | None = None, threads: int = 2) -> None:
        generator = EmbeddedGenerator.load(folder, threads)
        self._batcher: Batcher[Sequence[ReplyRequest], list[GeneratedReply]] = Batcher(_together(generator))

    def answer(self, request: GenerationRequest) -> Draft:
        """See `GenerationBackend.answer`. Each part of the question gets a reply of its own, behind each other.

        Raises:
            UnsureError: if the generator is not sure of its reply.
        """
        parts = _parts(request)
        asked = [item for item, _ in parts]
        replies = self._batcher(asked)
        unsure = [row for row, reply in enumerate(replies) if _needs_plain(reply)]
        if unsure:
            plain = self._batcher([replace(asked[row], plain=True) for row in unsure])
            for row, reply in zip(unsure, plain, strict=True):
                replies[row] = reply
        read, written = sum(reply.read for reply in replies), sum(reply.tokens for reply in replies)
        used = [hits[number] for reply, (_, hits) in zip(replies, parts, strict=True) for number in reply.evidence]
        kinds = {reply.kind for reply in replies}
        if kinds == {"decline"}:
            _require(replies, MIN_DECLINE_CONFIDENCE)
            return Draft("", request.passages, read, written, "decline")
        if kinds == {"ask"}:
            _require(replies, MIN_ASK_CONFIDENCE)
            return Draft(replies[0].text, _unique(used), read, written, "clarify")
        if kinds & {"ask", "decline"}:
            raise UnsureError("The generator finds no answer to a part of the question.")
        _require(replies, MIN_CONFIDENCE)
        if any(_contradictory(reply) for reply in replies):
            raise UnsureError("The generated reply says no where its evidence does not, or the other way round.")
        text = " ".join(dict.fromkeys(reply.text for reply in replies))
        return Draft(text, _unique(used), read, written)


def _together(
    generator: EmbeddedGenerator,
) -> Callable[[Sequence[Sequence[ReplyRequest]]], list[list[GeneratedReply]]]:
    """Answers the parts of several questions in one batch."""

    def run(batch: Sequence[Sequence[ReplyRequest]]) -> list[list[GeneratedReply]]:
        replies = iter(generator.replies([request for requests in batch for request in requests]))
        return [[next(replies) for _ in requests] for requests in batch]

    return run


def _parts(request: GenerationRequest) -> list[tuple[ReplyRequest, list[PassageHit]]]:
    """What is asked of the generator, and the passages that its replies' evidence counts."""
    if not request.ranked:
        asked = ReplyRequest(request.question, request.passages, request.sentiment, request.strict)
        return [(asked, list(request.passages))]
    parts = []
    for number, group in enumerate(request.ranked):
        hits = list({id(item.hit): item.hit for item in group}.values())
        passages = [_scored(hit, group) for hit in hits]
        # Only the first part of a reply has a word for the customer's mood.
        tone = request.sentiment if number == 0 else "neutral"
        margin = PRODUCT_MARGIN if _is_product(group[0].hit) else RANK_MARGIN
        parts.append((ReplyRequest(request.question, passages, tone, request.strict, margin), hits))
    return parts


def _scored(hit: PassageHit, group: Sequence[RankedSentence]) -> ScoredPassage:
    ranked = sorted((item for item in group if item.hit is hit), key=lambda item: item.row)
    texts = [item.text for item in ranked]
    if _is_product(hit):
        texts = [field_in_words(hit.passage.page, text) for text in texts]
    return ScoredPassage(hit.passage.source, tuple(texts), tuple(item.score for item in ranked))


def field_in_words(product: str, text: str) -> str:
    """A product's field as a sentence that can be said alone; any other text stays.

    Example:
        >>> field_in_words("Drift Max", "Battery life: 60 hours.")
        'The battery life of the Drift Max is 60 hours.'
    """
    field = _FIELD.fullmatch(text)
    if not field or product in text:
        return text
    name, value = field[1], field[2]
    name = name if name[1:2].isupper() else name[0].lower() + name[1:]
    if value.casefold() in _FLAGS:
        return f"{product}, {name}: {value}."
    many = name.endswith("s") and not name.endswith("ss")
    return f"The {name} of the {product} {'are' if many else 'is'} {value}."


def _is_product(hit: PassageHit) -> bool:
    return hit.passage.path.startswith(PRODUCT_PATH)


def _unique(hits: Sequence[PassageHit]) -> tuple[PassageHit, ...]:
    return tuple({id(hit): hit for hit in hits}.values())


def _needs_plain(reply: GeneratedReply) -> bool:
    """Whether a reply says yes or no without being sure of it."""
    is_verdict = reply.kind in ("yes", "no")
    return is_verdict and (reply.confidence < MIN_VERDICT_CONFIDENCE or _contradictory(reply))


def _require(replies: Sequence[GeneratedReply], least: float) -> None:
    for reply in replies:
        if reply.confidence < least:
            raise UnsureError(f"The generator is not sure enough ({reply.confidence:.2f}, {reply.kind}).")


def _contradictory(reply: GeneratedReply) -> bool:
    return contradicts(reply.text, reply.sentences)
