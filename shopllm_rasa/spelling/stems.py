"""What the forms of an English word have in common."""

import functools
import threading

import snowballstemmer

_CACHED_STEMS = 50_000

# Porter's second algorithm for English (https://snowballstem.org/algorithms/english/stemmer.html).
_stemmer = snowballstemmer.stemmer("english")
_stemming = threading.Lock()  # a stemmer holds the word it works on


@functools.lru_cache(maxsize=_CACHED_STEMS)
def stem(word: str) -> str:
    """What the forms of a word have in common: "return" for "returned" and "returning"."""
    with _stemming:
        return str(_stemmer.stemWord(word))
