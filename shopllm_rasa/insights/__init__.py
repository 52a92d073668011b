"""What a shop can make of its data: what customers' reviews say, and descriptions of products."""

from shopllm_rasa.insights.aspects import AspectOpinions, Opinion, aspects_of
from shopllm_rasa.insights.descriptions import DescriptionWriter, ProductDescription
from shopllm_rasa.insights.reviews import Review, ReviewStore

__all__ = [
    "AspectOpinions",
    "DescriptionWriter",
    "Opinion",
    "ProductDescription",
    "Review",
    "ReviewStore",
    "aspects_of",
]
