"""The words by which passages are found, and the evidence in them for and against a passage."""

import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

from shopllm_rasa.catalog.vocabulary import normal_word, normal_words
from shopllm_rasa.retrieval.knowledge import Passage
from shopllm_rasa.retrieval.product_words import MAX_FREQUENCY, STOP_WORDS, search_words
from shopllm_rasa.spelling.stems import stem

# Different words of a question that are looked at.
MAX_ASKED = 100
# "e-mail" is also looked for as "email".
_JOINED = re.compile(r"(?<!\w)[^\W\d_]+(?:-[^\W\d_]+)+(?!\w)")

_STOP_STEMS = frozenset(map(stem, STOP_WORDS))


def passage_words(text: str) -> Iterator[str]:
    """The words of a text as the lexical index of passages has them."""
    yield from map(stem, search_words(text))
    for match in _JOINED.finditer(text):
        yield stem(normal_word(match.group().replace("-", "")))


def asked_words(question: str) -> list[str]:
    """The different words of a question that say something of its subject, at most `MAX_ASKED`."""
    words = dict.fromkeys(word for word in passage_words(question) if word not in _STOP_STEMS)
    return list(words)[:MAX_ASKED]


def sentence_documents(passages: Iterable[Passage]) -> Iterator[Counter[str]]:
    """A document of the lexical index for each sentence: its words, and those of the headings it stands under."""
    for passage in passages:
        heading = Counter(passage_words(passage.source))
        for sentence in passage.sentences:
            counts = heading + Counter(passage_words(sentence))
            yield Counter({word: min(count, MAX_FREQUENCY) for word, count in counts.items()})


class Coverage:
    """How much of a question's words a passage has, weighted by how rare they are in the pages."""

    def __init__(self, passages: Sequence[Passage]) -> None:
        self._words = [frozenset(normal_words(f"{passage.source} {passage.text}")) for passage in passages]
        self._stems = [frozenset(passage_words(f"{passage.source} {passage.text}")) for passage in passages]
        self._frequency = Counter(word for words in self._words for word in words)

    def weights(self, question: str) -> dict[str, float]:
        """The question's words with their rarity (inverse document frequency)."""
        asked = {word for word in normal_words(question) if word not in STOP_WORDS}
        return {word: math.log((len(self._words) + 1) / (self._frequency[word] + 0.5)) for word in asked}

    def share(self, weights: Mapping[str, float], row: int) -> float:
        """The share of a question's words that a passage has, 0 to 1."""
        total = sum(weights.values())
        return sum(weight for word, weight in weights.items() if word in self._words[row]) / total if total else 0.0

    def missing(self, asked: Iterable[str], row: int) -> tuple[str, ...]:
        """The stems of a question that a passage lacks."""
        return tuple(word for word in asked if word not in self._stems[row])
