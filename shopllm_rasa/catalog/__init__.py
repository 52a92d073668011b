"""Products: what one is, and how feeds of them are read."""

from shopllm_rasa.catalog.product import Product, Variant
from shopllm_rasa.catalog.readers import read_catalog

__all__ = ["Product", "Variant", "read_catalog"]
