"""Mends typos of words that the shop's pages use."""

from collections import defaultdict
from collections.abc import Callable, Iterable

from rapidfuzz import process
from rapidfuzz.distance import DamerauLevenshtein

from shopllm_rasa.catalog.vocabulary import tokens

MIN_LETTERS = 5
# A swap of two neighbours is one edit; a second edit is allowed in long words only.
_EDITS_SHORT, _EDITS_LONG, _LONG = 1, 2, 8


class SpellingCorrector:
    """Replaces unknown words by the nearest word of a vocabulary, where one is near enough."""

    def __init__(self, words: Iterable[str], is_word: Callable[[str], bool]) -> None:
        """Takes the vocabulary and a test for words that are right although the vocabulary lacks them."""
        self._known = {word.casefold() for word in words if len(word) >= MIN_LETTERS and word.isalpha()}
        self._by_letter: dict[str, list[str]] = defaultdict(list)
        for word in sorted(self._known):
            self._by_letter[word[0]].append(word)
        self._is_word = is_word

    def correct(self, text: str) -> str:
        """Gives the text with its typos mended; everything else stays as it is."""
        pieces: list[str] = []
        position = 0
        for match in tokens(text):
            pieces += [text[position : match.start()], self._correct_word(match.group())]
            position = match.end()
        return "".join(pieces) + text[position:]

    def _correct_word(self, word: str) -> str:
        plain = word.casefold()
        if len(plain) < MIN_LETTERS or not plain.isalpha() or plain in self._known or self._is_word(plain):
            return word
        edits = _EDITS_LONG if len(plain) >= _LONG else _EDITS_SHORT
        # People rarely miss the first letter; without it as an anchor "mend" becomes "send".
        words = self._by_letter.get(plain[0], [])
        best = process.extractOne(plain, words, scorer=DamerauLevenshtein.distance, score_cutoff=edits)
        return best[0] if best else word
