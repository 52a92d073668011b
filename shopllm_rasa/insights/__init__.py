"""What a shop can make of its data: what customers' reviews say, and descriptions of products."""

from shopllm_rasa.insights.descriptions import DescriptionWriter, ProductDescription
from shopllm_rasa.insights.reviews import Review, ReviewStore

__all__ = ["DescriptionWriter", "ProductDescription", "Review", "ReviewStore"]
