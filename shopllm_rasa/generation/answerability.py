"""Gathers what may answer a question: pages and products, for each part of it, ranked and judged."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from shopllm_rasa.catalog import Product
from shopllm_rasa.generation.evidence import product_hits
from shopllm_rasa.generation.follow_ups import points_back
from shopllm_rasa.generation.relevance import Judgement, RankedSentence, Relevance
from shopllm_rasa.generation.wording import content_words
from shopllm_rasa.retrieval import KnowledgeIndex
from shopllm_rasa.retrieval.knowledge_index import PassageHit

# "How long can I return shoes, and what does that cost?" has two parts.
_PART = re.compile(
    r",?\s+and\s+(?=(?:also\s+)?(?:how|what|whats|when|wen|where|who|which|is|are|do|does|did|can|could|will|would)\b)",
    re.I,
)
MAX_PARTS = 2
# Words that carry meaning from which a second question needs nothing of the first.
MIN_OWN_WORDS = 3
MAX_PRODUCTS = 3

FindProducts = Callable[[str], Sequence[Product]]


@dataclass(frozen=True)
class Findings:
    """What was found for a question.

    Attributes:
        judgements: one for each part of the question.
        products: the products it is about.
    """

    judgements: tuple[Judgement, ...]
    products: tuple[Product, ...]

    @property
    def probability(self) -> float:
        """That at least one part is answered."""
        return max((item.probability for item in self.judgements), default=0.0)

    def ranked(self, threshold: float) -> tuple[tuple[RankedSentence, ...], ...]:
        """The ranked sentences of each part that is answered; of the likeliest one where none is."""
        answered = [item.ranked for item in self.judgements if item.probability >= threshold and item.ranked]
        if not answered:
            best = max(self.judgements, key=lambda item: item.probability, default=Judgement(0.0))
            answered = [best.ranked] if best.ranked else []
        return tuple(answered)


def find(
    question: str,
    knowledge: KnowledgeIndex,
    relevance: Relevance,
    passages: int,
    threshold: float,
    find_products: FindProducts,
    products: Sequence[Product] = (),
) -> Findings:
    """Retrieves for each part of a question and judges what was found.

    Args:
        question: a question that stands alone.
        knowledge: the shop's pages.
        relevance: ranks and judges.
        passages: how many passages are retrieved for a part.
        threshold: probability from which a part counts as answered.
        find_products: finds the products that a text names.
        products: the products that the conversation is about, where the question names none.
    """
    named = tuple(find_products(question))[:MAX_PRODUCTS] or tuple(products)[:MAX_PRODUCTS]

    def judged(part: str) -> Judgement:
        text = knowledge.mend(part)
        hits: list[PassageHit] = [*product_hits(text, named, relevance.vectors), *knowledge.search(text, passages)]
        return relevance.judge(text, hits)

    def best(wordings: Sequence[str]) -> Judgement:
        """Of the first wording that is answered; where none is, of the likeliest."""
        tried: list[Judgement] = []
        for wording in wordings:
            tried.append(judged(wording))
            if tried[-1].probability >= threshold:
                return tried[-1]
        return max(tried, key=lambda item: item.probability)

    return Findings(tuple(best(wordings) for wordings in parts(question)), named)


def parts(question: str) -> list[tuple[str, ...]]:
    """The questions in a question, each in its wordings: a short second one may need the words of the first."""
    found = [part.strip() for part in _PART.split(question, maxsplit=MAX_PARTS - 1) if part.strip()]
    if len(found) < MAX_PARTS:
        return [(part,) for part in found]
    first, second = found
    joined = f"{first.rstrip('?,. ')}: {second}"
    if len(content_words(second)) >= MIN_OWN_WORDS:
        return [(first,), (second, joined) if points_back(second) else (second,)]
    return [(first,), (joined,) if points_back(second) else (second, joined)]
