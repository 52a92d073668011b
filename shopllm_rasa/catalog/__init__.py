"""Products: what one is, and how feeds of them are read."""

from shopllm_rasa.catalog.feed_report import FeedReport
from shopllm_rasa.catalog.product import Product, Variant
from shopllm_rasa.catalog.readers import check_catalog, read_catalog

__all__ = ["FeedReport", "Product", "Variant", "check_catalog", "read_catalog"]
