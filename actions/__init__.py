"""Rasa actions of the shop: each reads slots, calls one capability and utters."""
