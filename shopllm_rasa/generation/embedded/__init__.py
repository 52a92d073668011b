"""Replies by a small encoder-decoder that ships with the package and runs offline on the CPU."""

from shopllm_rasa.generation.embedded.generator import EmbeddedGenerator, GeneratedReply

__all__ = ["EmbeddedGenerator", "GeneratedReply"]
