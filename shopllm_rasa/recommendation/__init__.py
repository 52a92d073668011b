"""Recommendations with reasons that are true."""

from shopllm_rasa.recommendation.behaviour import BehaviourModel
from shopllm_rasa.recommendation.content import IndexContent, narrowest
from shopllm_rasa.recommendation.evaluation import Report, evaluate
from shopllm_rasa.recommendation.recommender import Recommendation, Recommender
from shopllm_rasa.recommendation.tuning import fit_behaviour
from shopllm_rasa.recommendation.wish import asked_kind, names_a_wish

__all__ = [
    "BehaviourModel",
    "IndexContent",
    "Recommendation",
    "Recommender",
    "Report",
    "asked_kind",
    "evaluate",
    "fit_behaviour",
    "names_a_wish",
    "narrowest",
]
