"""Tells a wish ("a gift for my dad who loves gardening") from a bare request ("recommend me something")."""

import re
from typing import Literal

from shopllm_rasa.catalog.vocabulary import normal_words
from shopllm_rasa.retrieval.product_words import STOP_WORDS

# Words of asking for advice that say nothing of what is wanted.
_BARE = frozenset(
    normal_words(
        "recommend recommendation recommendations suggest suggestion suggestions advise advice idea ideas"
        " something anything stuff item items product products thing things one ones popular best bestseller"
        " bestsellers seller sellers top favourite favourites trending good nice great cool similar else other"
        " others different more another show give find help choose pick looking look buy bought purchase"
        " purchased order ordered last first second third based history shop sell today now here people"
        " customers everyone really maybe surprise new hot pls plz im ive whats"
    )
)


def names_a_wish(text: str) -> bool:
    """Whether a request for advice says what is wanted."""
    return any(word not in STOP_WORDS and word not in _BARE and word.isalpha() for word in normal_words(text))


_GOES_WITH = re.compile(
    r"\b(?:goes|combines?|pairs?|match(?:es)?)\s+(?:well\s+|nicely\s+|best\s+|together\s+)?with\b"
    r"|\bgo (?:well |nicely |best |together )?with (?:it|this|that|them|these|those|the|my|our|an?)\b"
    r"|\b(?:buy|bought|get|order|need|use|wear)\b[^?.!]{0,30}\b(?:with|alongside|along with|together with)\s+"
    r"(?:it|this|that|them|these|those|the)\b"
    r"|\baccessor(?:y|ies)\b|\bbought together\b|\b(?:to|that) (?:complement|accompany)\b|\balong ?side (?:it|this)\b",
    re.I,
)
_SIMILAR = re.compile(
    r"\bsimilar\b|\bmore like (?:this|that|it|these|those|the)\b|\balternatives?\b|\bcomparable\b|\bresembl"
    r"|\b(?:something|anything|ones?|others?|more) (?:else )?(?:just )?like (?:this|that|it|these|those|the)\b",
    re.I,
)


def asked_kind(text: str) -> Literal["goes_with", "similar", "personal"]:
    """What kind of advice a request is for: what goes with a product, what is like it, or what suits the customer."""
    if _GOES_WITH.search(text):
        return "goes_with"
    return "similar" if _SIMILAR.search(text) else "personal"
