"""Reads question and passage together: which sentences answer, and whether any does."""

from shopllm_rasa.generation.reader.reader import Reader, Verdict

__all__ = ["Reader", "Verdict"]
