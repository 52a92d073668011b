"""Which word a mistyped one stands for, among tens of thousands, in a fraction of a millisecond."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Collection, Iterable

import numpy as np
from rapidfuzz import fuzz
from rapidfuzz.distance import OSA

# In words of four letters one wrong letter gives another word more often than a typo of the same: "kettle" has one
# neighbour, "lamp" has twenty.
MIN_LETTERS = 5
MAX_LETTERS = 24
# A wrong, missing, additional or swapped letter is one edit; a second one is allowed from eight letters on.
_LONG, _EDITS_SHORT, _EDITS_LONG = 8, 1, 2
# People rarely miss the first letter: another one is believed only with all others right, and not in a short word.
_MIN_LETTERS_OTHER_FIRST = 6
# What is compared letter by letter for one look-up: the words that share the most pairs of letters.
MAX_CANDIDATES = 32
# Different unknown words of one message that are worth a look-up: it bounds what a long message costs.
MAX_LOOKUPS = 12


class SimilarWords:
    """Finds the nearest word by edits.

    Comparing with every word would take milliseconds. So each pair of neighbouring letters keeps the list of
    words that have it; the words of about the right length that share enough pairs are the candidates, and
    only those are compared.

    Example:
        >>> SimilarWords(["headphone", "kettle"]).nearest("headphnoe")
        'headphone'

    Args:
        words: all words.
        likely: those of them that are more likely to be meant where several are equally near.
    """

    def __init__(self, words: Iterable[str], likely: Collection[str] = ()) -> None:
        self._likely = frozenset(likely)
        # In the order of length, so that a length is a stretch of numbers.
        self._words = sorted({word for word in words if is_comparable(word)}, key=lambda word: (len(word), word))
        lengths = [len(word) for word in self._words]
        self._first = [bisect_left(lengths, length) for length in range(MAX_LETTERS + 4)]
        numbers: dict[str, list[int]] = defaultdict(list)
        for number, word in enumerate(self._words):
            for pair in _pairs(word):
                numbers[pair].append(number)
        self._numbers = {pair: np.array(having, dtype=np.int32) for pair, having in numbers.items()}

    def candidates(self, word: str) -> list[str]:
        """The words worth comparing with this one, at most `MAX_CANDIDATES`."""
        reach = _EDITS_LONG if len(word) >= _LONG - 1 else _EDITS_SHORT
        low, high = self._first[max(0, len(word) - reach)], self._first[min(len(word) + reach, MAX_LETTERS + 1) + 1]
        pairs = _pairs(word)
        found = [
            having[slice(*np.searchsorted(having, (low, high)))]
            for having in map(self._numbers.get, pairs)
            if having is not None
        ]
        if not found or low == high:
            return []
        shared = np.bincount(np.concatenate(found) - low, minlength=high - low)
        # One edit changes two pairs, a swap of neighbours three. Of two edits one may be a swap.
        rows = np.flatnonzero(shared >= len(pairs) - (3 if reach == _EDITS_SHORT else 5))
        if len(rows) > MAX_CANDIDATES:
            rows = rows[np.argsort(-shared[rows], kind="stable")[:MAX_CANDIDATES]]
        return [self._words[low + row] for row in rows]

    def nearest(self, word: str) -> str | None:
        """The word with the fewest edits, if they are few enough; of several the one that shares the most letters."""
        if not is_comparable(word, MIN_LETTERS - 1):
            return None
        # Of four letters only a missing fifth is believed: "stik" is "stick".
        is_short = len(word) < MIN_LETTERS
        best, best_rank = None, (_EDITS_LONG + 1, False, 0.0)
        for candidate in self.candidates(word):
            begins_alike = candidate[0] == word[0]
            edits = _EDITS_LONG if len(candidate) >= _LONG else _EDITS_SHORT
            if not begins_alike:
                edits = _EDITS_SHORT if len(word) >= _MIN_LETTERS_OTHER_FIRST else 0
            if is_short and not (begins_alike and candidate[-1] == word[-1]):
                continue
            distance = OSA.distance(word, candidate, score_cutoff=edits)
            is_likely = begins_alike and candidate in self._likely
            rank = (distance, not is_likely, -fuzz.ratio(word, candidate))
            if distance <= edits and rank < best_rank:
                best, best_rank = candidate, rank
        return best


def is_comparable(word: str, min_letters: int = MIN_LETTERS) -> bool:
    """Whether a word is one whose typos can be told: letters only, not too few, not too many."""
    return min_letters <= len(word) <= MAX_LETTERS and word.isalpha()


def _pairs(word: str) -> set[str]:
    """Neighbouring letters; beginning and end count as letters."""
    edged = f"^{word}$"
    return {edged[place : place + 2] for place in range(len(edged) - 1)}
