"""What customers' reviews say."""

from shopllm_rasa.insights.reviews import Review, ReviewStore

__all__ = ["Review", "ReviewStore"]
