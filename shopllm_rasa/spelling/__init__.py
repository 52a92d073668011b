"""English words, and what mistyped ones stand for."""

from shopllm_rasa.spelling.mender import SpellingMender

__all__ = ["SpellingMender"]
