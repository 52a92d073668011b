"""Replies made of the shop's own sentences: nothing is generated, so nothing can be invented."""

from shopllm_rasa.generation.backends import Draft, GenerationRequest

MAX_SENTENCES = 3
# How far below the best sentence another of the same section may score and still be quoted.
SCORE_MARGIN = 0.12


class ExtractiveBackend:
    """Quotes the best section's most relevant sentences in the order of the page."""

    name = "extractive"

    def answer(self, request: GenerationRequest) -> Draft:
        """See `GenerationBackend.answer`."""
        best = request.passages[0]
        scores = best.sentence_scores
        order = sorted(range(len(scores)), key=lambda row: -scores[row])
        chosen = [row for row in order[:MAX_SENTENCES] if scores[row] >= best.score - SCORE_MARGIN]
        return Draft(" ".join(best.passage.sentences[row] for row in sorted(chosen)), (best,))
