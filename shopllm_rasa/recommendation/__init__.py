"""Recommendations with reasons that are true."""

from shopllm_rasa.recommendation.recommender import Recommendation, Recommender
from shopllm_rasa.recommendation.wish import names_a_wish

__all__ = ["Recommendation", "Recommender", "names_a_wish"]
