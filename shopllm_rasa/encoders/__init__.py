"""The sentence encoder: fine-tuned in PyTorch, served in ONNX Runtime."""

from shopllm_rasa.encoders.sentence_encoder import SentenceEncoder

__all__ = ["SentenceEncoder"]
