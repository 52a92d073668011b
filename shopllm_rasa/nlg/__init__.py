"""Rasa's door for responses. Rasa loads this class by its name in `endpoints.yml`."""

from shopllm_rasa.nlg.grounded_nlg import GroundedNLG

__all__ = ["GroundedNLG"]
