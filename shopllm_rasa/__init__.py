"""Language-model abilities for an online shop's Rasa bot."""

__version__ = "0.1.0"
