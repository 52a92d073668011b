"""Grounded replies: what composes them, what checks them, what keeps personal data in."""

from shopllm_rasa.generation.answerer import Answer, Answerer, Source
from shopllm_rasa.generation.backends import Exchange

__all__ = ["Answer", "Answerer", "Exchange", "Source"]
