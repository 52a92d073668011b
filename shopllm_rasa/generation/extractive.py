"""Replies made of the shop's own sentences: nothing is generated, so nothing can be invented."""

from shopllm_rasa.generation.backends import Draft, GenerationRequest
from shopllm_rasa.generation.evidence import PRODUCT_PATH
from shopllm_rasa.generation.relevance import RankedSentence
from shopllm_rasa.retrieval.knowledge_index import PassageHit

MAX_SENTENCES = 3
# Where the question has several parts.
MAX_SENTENCES_A_PART = 2
# How far below the best sentence another may score and still be quoted; chosen on the development questions.
RANK_MARGIN = 4.0
# A product's fields say different things: what stands beside the one asked for is beside the point.
PRODUCT_MARGIN = 1.5
# The same for cosines, where the sentences were not ranked.
COSINE_MARGIN = 0.12


class ExtractiveBackend:
    """Quotes the sentences that fit each part of the question best, in the order of their page."""

    name = "extractive"

    def answer(self, request: GenerationRequest) -> Draft:
        """See `GenerationBackend.answer`."""
        groups = request.ranked or (_by_cosine(request.passages[0]),)
        each = MAX_SENTENCES if len(groups) == 1 else MAX_SENTENCES_A_PART
        texts: list[str] = []
        used: list[PassageHit] = []
        for group in groups:
            best = group[0]
            margin = _margin(best) if request.ranked else COSINE_MARGIN
            # One section at a time: sentences of two pages beside each other would seem to belong together.
            same = [item for item in group if item.hit is best.hit and item.score >= best.score - margin]
            for item in sorted(same[:each], key=lambda item: item.row):
                text = _quoted(item)
                if text not in texts:
                    texts.append(text)
            used.append(best.hit)
        return Draft(" ".join(texts), tuple({id(hit): hit for hit in used}.values()))


def _margin(best: RankedSentence) -> float:
    return PRODUCT_MARGIN if best.hit.passage.path.startswith(PRODUCT_PATH) else RANK_MARGIN


def _by_cosine(hit: PassageHit) -> list[RankedSentence]:
    ranked = [RankedSentence(hit, row, score) for row, score in enumerate(hit.sentence_scores)]
    return sorted(ranked, key=lambda item: -item.score)


def _quoted(item: RankedSentence) -> str:
    """A sentence; a product's bare field gets its name, for "Weight: 254 g." alone would say of what."""
    passage = item.hit.passage
    is_field = (
        passage.path.startswith(PRODUCT_PATH) and ": " in item.text.split(".")[0] and passage.page not in item.text
    )
    return f"{passage.page}, {item.text[:1].lower()}{item.text[1:]}" if is_field else item.text
