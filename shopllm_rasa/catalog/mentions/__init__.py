"""What a customer's message mentions: names of the catalogue, price limits, sizes, places in a list, codes."""

from shopllm_rasa.catalog.mentions.finder import MAX_TEXT_CHARACTERS, MentionFinder
from shopllm_rasa.catalog.mentions.mention import Mention
from shopllm_rasa.catalog.mentions.names import LOOSE_CONFIDENCE

__all__ = ["LOOSE_CONFIDENCE", "MAX_TEXT_CHARACTERS", "Mention", "MentionFinder"]
