"""Puts found products into a better order with a model that reads query and product together."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from shopllm_rasa.errors import EncoderError
from shopllm_rasa.retrieval.product_index import CODE, SearchHit

# The best so many hits are read again; each costs a pass through the model.
RERANKED = 30
_MAX_TEXT_CHARACTERS = 1_000


class Reranker:
    """A cross-encoder of `sentence-transformers` (Nogueira and Cho, "Passage re-ranking with BERT", 2019).

    Example:
        >>> Reranker("cross-encoder/ms-marco-MiniLM-L6-v2").rerank("case for a pixel", index.retrieve("pixel case", 30))

    Args:
        model: a Hugging Face name, or a folder.

    Raises:
        EncoderError: if there is no such model, or it gives more than one score for a pair.
    """

    def __init__(self, model: str) -> None:
        from sentence_transformers import CrossEncoder

        try:
            self._model: Any = CrossEncoder(model, device="cpu")
        except Exception as error:  # noqa: BLE001 - the libraries below raise many kinds for a missing or damaged model
            raise EncoderError(
                f"The reranker '{model}' (retrieval.reranker) cannot be loaded: {str(error)[:200]}"
            ) from None
        if self._model.config.num_labels != 1:
            raise EncoderError(
                f"The reranker '{model}' (retrieval.reranker) gives {self._model.config.num_labels} scores for a pair; "
                "a model that gives one is needed."
            )

    def rerank(self, query: str, hits: Sequence[SearchHit]) -> list[SearchHit]:
        """The same hits with the model's scores, 0 to 1, best first; those whose code was named stay in front."""
        named = [hit for hit in hits if CODE in hit.signals]
        others = [hit for hit in hits if CODE not in hit.signals]
        if not others:
            return named
        pairs = [(query, hit.product.search_text[:_MAX_TEXT_CHARACTERS]) for hit in others]
        scores = self._model.predict(pairs, show_progress_bar=False)
        scored = [replace(hit, score=float(score)) for hit, score in zip(others, scores, strict=True)]
        return named + sorted(scored, key=lambda hit: hit.score, reverse=True)
