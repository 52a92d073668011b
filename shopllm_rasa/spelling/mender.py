"""Mends the typos of a message before it is read: the pieces of a broken word mean something else."""

import re
from collections.abc import Callable, Collection, Iterable, Sequence
from functools import cached_property, lru_cache

from shopllm_rasa.spelling.english import SHOP_TALK, english_words, likely_words
from shopllm_rasa.spelling.similar_words import MAX_LOOKUPS, SimilarWords, is_comparable

_CACHED_WORDS = 4_096
_MIN_ENGLISH_SHARE = 0.7
_WORD = re.compile(r"[^\W\d_]+")
# Letters beside digits are a piece of a code.
_WHOLE_WORD = re.compile(r"(?<!\w)[^\W\d_]+(?!\w)")
_ENDINGS = ("s", "es", "d", "ed", "er", "ers", "ing", "ings", "ly")


class SpellingMender:
    """Replaces words that nobody knows by the word they are a typo of.

    A word that is known is no typo, nor, by default, is a regular form of one: "refunding" is not "refusing".

    Example:
        >>> SpellingMender(["delivery", "cancel"], {"my"}.__contains__).mend("Cancle my delievry!")
        'cancel my delivery!'

    Args:
        words: what is meant, in lower case; looked through at the first typo.
        is_known: whether a word in lower case is right although it is not one of them.
        likely: those words that are more likely to be meant where several are equally near.
        min_letters: of a word that may be a typo; of four letters only one may be missing.
        knows_forms: whether regular forms of known words are known. Where all forms in use are among the words,
            "protecter" is nearer to "protector" than to a form of "protect".
    """

    def __init__(
        self,
        words: Iterable[str],
        is_known: Callable[[str], bool],
        likely: Collection[str] = (),
        min_letters: int = 5,
        knows_forms: bool = True,
    ) -> None:
        self._words = words if isinstance(words, Collection) else frozenset(words)
        self._is_right = is_known
        self._likely = likely
        self._min_letters = min_letters
        self._knows_forms = knows_forms
        self._nearest = lru_cache(maxsize=_CACHED_WORDS)(self._look_up)

    @classmethod
    def of_examples(cls, examples: Sequence[str]) -> "SpellingMender":
        """Knows the words of some texts in the language of the messages, and plain English.

        Where most words of the texts are not English nothing is mended, for then the words that customers may use are
        not known.
        """
        own = {word.casefold() for text in examples for word in _WORD.findall(text)}
        english = set(english_words())
        known = frozenset({*own, *english, *SHOP_TALK})
        told = [word for word in own if is_comparable(word)]
        share = sum(word in english for word in told) / len(told) if told else 0
        return cls(known if share >= _MIN_ENGLISH_SHARE else (), known.__contains__, own | likely_words())

    @cached_property
    def _similar(self) -> SimilarWords:
        return SimilarWords(self._words, self._likely)

    def _look_up(self, word: str) -> str | None:
        return self._similar.nearest(word)

    def mend(self, text: str) -> str:
        """The text with its typos mended, in lower case; all else stays as it is."""
        looked_up: set[str] = set()

        def meant(match: re.Match[str]) -> str:
            word = match.group().casefold()
            if not is_comparable(word, self._min_letters) or self._is_known(word):
                return match.group()
            if word not in looked_up and len(looked_up) >= MAX_LOOKUPS:
                return match.group()
            looked_up.add(word)
            return self._nearest(word) or match.group()

        return _WHOLE_WORD.sub(meant, text)

    def _is_known(self, word: str) -> bool:
        if self._has(word) or not self._knows_forms:
            return self._has(word)
        for stem in (word.removesuffix(ending) for ending in _ENDINGS if word.endswith(ending)):
            # "swapp" of "swapping"
            is_doubled = len(stem) > 2 and stem[-1] == stem[-2]
            if any(map(self._has, {stem, f"{stem}e", stem[:-1] if is_doubled else stem})):
                return True
        return False

    def _has(self, word: str) -> bool:
        return word in self._words or self._is_right(word)
