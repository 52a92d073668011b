"""Product and knowledge search on one index directory."""

from shopllm_rasa.retrieval.filters import Filters
from shopllm_rasa.retrieval.knowledge_index import KnowledgeIndex, PassageHit
from shopllm_rasa.retrieval.product_index import ProductIndex, SearchHit

__all__ = ["Filters", "KnowledgeIndex", "PassageHit", "ProductIndex", "SearchHit"]
