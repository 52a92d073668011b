"""Mends the typos of a message before an encoder reads it: the pieces of a broken word mean something else."""

import re
from collections.abc import Sequence
from functools import lru_cache

from shopllm_rasa.spelling.english import SHOP_TALK, english_words, likely_words
from shopllm_rasa.spelling.similar_words import MAX_LOOKUPS, SimilarWords, is_comparable

_CACHED_WORDS = 4_096
_MIN_ENGLISH_SHARE = 0.7
_WORD = re.compile(r"[^\W\d_]+")
_ENDINGS = ("s", "es", "d", "ed", "er", "ers", "ing", "ings", "ly")


class SpellingMender:
    """Replaces words that nobody knows by the word they are a typo of.

    A word that the examples or plain English have is no typo, nor is a regular form of one: "refunding" is not
    "refusing". Where most words of the examples are not English nothing is mended, for then the words that
    customers may use are not known.

    Example:
        >>> SpellingMender(["cancel my delivery"]).mend("Cancle my delievry!")
        'cancel my delivery!'

    Args:
        examples: texts in the language of the messages.
    """

    def __init__(self, examples: Sequence[str]) -> None:
        own = {word.casefold() for text in examples for word in _WORD.findall(text)}
        english = set(english_words())
        self._known = {*own, *english, *SHOP_TALK}
        told = [word for word in own if is_comparable(word)]
        share = sum(word in english for word in told) / len(told) if told else 0
        self._similar = SimilarWords(self._known if share >= _MIN_ENGLISH_SHARE else (), own | likely_words())
        self._nearest = lru_cache(maxsize=_CACHED_WORDS)(self._similar.nearest)

    def mend(self, text: str) -> str:
        """The text with its typos mended, in lower case; all else stays as it is."""
        looked_up: set[str] = set()

        def meant(match: re.Match[str]) -> str:
            word = match.group().casefold()
            if not is_comparable(word) or self._is_known(word):
                return match.group()
            if word not in looked_up and len(looked_up) >= MAX_LOOKUPS:
                return match.group()
            looked_up.add(word)
            return self._nearest(word) or match.group()

        return _WORD.sub(meant, text)

    def _is_known(self, word: str) -> bool:
        if word in self._known:
            return True
        for stem in (word.removesuffix(ending) for ending in _ENDINGS if word.endswith(ending)):
            # "swapp" of "swapping"
            is_doubled = len(stem) > 2 and stem[-1] == stem[-2]
            if {stem, f"{stem}e", stem[:-1] if is_doubled else stem} & self._known:
                return True
        return False
