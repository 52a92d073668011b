"""Tells a wish ("a gift for my dad who loves gardening") from a bare request ("recommend me something")."""

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
