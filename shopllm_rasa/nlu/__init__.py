"""Rasa NLU components. Name them in `config.yml` as `shopllm_rasa.nlu.<Class>`."""

from shopllm_rasa.nlu.catalog_entity_extractor import CatalogEntityExtractor
from shopllm_rasa.nlu.intent_sentiment_classifier import IntentSentimentClassifier

__all__ = ["CatalogEntityExtractor", "IntentSentimentClassifier"]
