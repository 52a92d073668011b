"""Recommendations with reasons that are true."""

from shopllm_rasa.recommendation.recommender import Recommendation, Recommender

__all__ = ["Recommendation", "Recommender"]
