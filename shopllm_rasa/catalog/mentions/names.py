"""Finds the catalogue's names in a message, in other numbers, without case, and with typos."""

import re
from collections import Counter, defaultdict
from dataclasses import dataclass
from itertools import pairwise, zip_longest

from rapidfuzz import fuzz

from shopllm_rasa.catalog.mentions.mention import Mention
from shopllm_rasa.catalog.mentions.typos import TypoMender
from shopllm_rasa.catalog.vocabulary import Vocabulary, normal_word, normal_words, tokens
from shopllm_rasa.spelling.english import common_words, english_words

# Of a category that is meant by a part of its name ("speakers" for "Bluetooth Speakers"): likely, not certain.
LOOSE_CONFIDENCE = 0.8
# A brand that is called like one of so many commonest words ("Next", "On") counts only with a capital.
_TOO_COMMON = 500
_MAX_NAME_WORDS = 12
# "in box" is no brand "Inbox".
_MIN_PART = 3
_AND = re.compile(r"\s+and\s+", re.I)
_JOINED = re.compile(r"\s*(?:&|,|\band\b)\s*")
# In every shop the telephone is also a way to talk.
_NOT_SOLD = re.compile(r"\bphone (?:number|call|line|support)s?\b|\b(?:by|over the|on the|up the) phone\b", re.I)

Words = tuple[str, ...]


@dataclass(frozen=True)
class _Name:
    """What a sequence of words stands for.

    Attributes:
        words: all of a product's name, which may be found by its beginning.
        capital: whether it has to be written with a capital, because its word is too common (a brand "Next").
    """

    kind: str
    value: str
    role: str | None = None
    product_id: str | None = None
    words: Words = ()
    capital: bool = False


class NameFinder:
    """Finds names of brands, categories, attributes and products."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._names: dict[Words, _Name] = {}
        self._plural_heads: dict[str, str] = {}
        # Words as the catalogue writes them, "kettles", and as they are compared, "kettle".
        self._forms: dict[str, str] = {}
        # Where names are alike, the later one counts.
        self._add_products(vocabulary)
        for attribute, values in vocabulary.attributes.items():
            for value in values:
                self._add(_Name("attribute", value, role=attribute))
        self._add_categories(vocabulary.categories)
        for brand in vocabulary.brands:
            self._add(_Name("brand", brand, capital=brand.casefold() in common_words(_TOO_COMMON)))
        self._add_joined()
        self._add_short_brands(vocabulary.brands)
        self._longest_from: dict[str, int] = {}
        for words in self._names:
            self._longest_from[words[0]] = max(len(words), self._longest_from.get(words[0], 0))
        name_words = {word: word for words in self._names for word in words}
        self._typos = TypoMender({**self._forms, **name_words}, vocabulary.words)

    def _add(self, name: _Name) -> None:
        # "Reed & Rowan" is also written "Reed and Rowan", and the other way round.
        for value in (name.value, _AND.sub(" ", name.value), name.value.replace("&", " and ")):
            words = normal_words(value)[:_MAX_NAME_WORDS]
            # One or two digits are a number, whatever else may be called so.
            if any(len(word) > 2 or not word.isdigit() for word in words):
                self._names[words] = name
        self._forms |= {word.group().casefold(): normal_word(word.group()) for word in tokens(name.value)}

    def _add_products(self, vocabulary: Vocabulary) -> None:
        """A product goes by its whole name, and by the shortest beginning of it that no other shares.

        Either has three words at least, or begins with the brand and goes on.
        """
        brands = {normal_words(brand) for brand in vocabulary.brands}
        longest_brand = max(map(len, brands), default=0)
        names = sorted((normal_words(name)[:_MAX_NAME_WORDS], key) for key, name in vocabulary.products.items())
        times = Counter(words for words, _ in names)
        # In this order, the names that share the longest beginnings are neighbours.
        shared = [0, *(_common_beginning(one, other) for (one, _), (other, _) in pairwise(names)), 0]
        for row, (words, key) in enumerate(names):
            if times[words] > 1:
                continue
            cuts = range(1, min(longest_brand, len(words)) + 1)
            shortest = next((cut + 1 for cut in cuts if words[:cut] in brands), 3)
            name = _Name("product", vocabulary.products[key], product_id=key, words=words)
            for length in (max(shared[row] + 1, shared[row + 1] + 1, shortest), len(words)):
                if shortest <= length <= len(words):
                    self._names[words[:length]] = name

    def _add_categories(self, categories: list[str]) -> None:
        """'Toys & Games' is also meant by either plural, 'Bluetooth Speakers' by 'speakers', unless two end so."""
        parts: dict[str, list[str]] = defaultdict(list)
        heads: dict[str, list[str]] = defaultdict(list)
        for category in categories:
            self._add(_Name("category", category))
            joined = _JOINED.split(category)
            if len(joined) > 1:
                for part in joined:
                    parts[part.casefold()].append(category)
            elif len(matches := tokens(category)) > 1:
                heads[matches[-1].group().casefold()].append(category)
        for names in (parts, heads):
            for name, owners in names.items():
                normal = normal_word(name)
                if len(owners) == 1 and normal != name and (normal,) not in self._names:
                    self._plural_heads.setdefault(normal, owners[0])

    def _add_joined(self) -> None:
        """'powerbank' means Power Banks."""
        ordinary = frozenset(english_words())
        for words, name in list(self._names.items()):
            joined = "".join(words)
            if len(words) == 2 and name.kind in ("brand", "category") and joined not in ordinary:
                self._names.setdefault((joined,), name)

    def _add_short_brands(self, brands: list[str]) -> None:
        """Nobody says "kate spade new york": two words of three or more will do, where no other name has them."""
        for brand in brands:
            words = normal_words(brand)
            if len(words) > 2:
                self._names.setdefault(words[:2], _Name("brand", brand))

    def find(self, text: str) -> list[Mention]:
        """Finds names, in the order of the text; none overlaps another."""
        message = self._read(text)
        found: list[Mention] = []
        position = 0
        while position < len(message.words):
            length, mention = self._name_at(message, position)
            found += [mention] if mention else []
            position += length
        idioms = [match.span() for match in _NOT_SOLD.finditer(text)]
        return [
            mention
            for mention, following in zip_longest(found, found[1:])
            if not any(start <= mention.start and mention.end <= end for start, end in idioms)
            and not _describes(text, mention, following)
        ]

    def _read(self, text: str) -> "_Message":
        """The words of a text, with the nearest word of a name in place of each that is a typo of it."""
        words = tokens(text)
        typed = [normal_word(word.group()) for word in words]
        meant = self._typos.mend([word.group().casefold() for word in words], typed)
        return _Message(text, words, typed, meant)

    def _name_at(self, message: "_Message", position: int) -> tuple[int, Mention | None]:
        """The longest name that begins at a word, and how many words it takes; one word where there is none."""
        meant = message.meant
        for length in range(self._longest_from.get(meant[position], 0), 0, -1):
            end = position + length
            name = self._names.get(tuple(meant[position:end])) if end <= len(meant) else None
            if name and message.writes(name, position, end):
                while end < len(meant) and name.words[end - position : end - position + 1] == (meant[end],):
                    end += 1
                return end - position, message.mention(name, position, end)
        return self._split_name_at(message, position) or self._plural_head_at(message, position)

    def _split_name_at(self, message: "_Message", position: int) -> tuple[int, Mention] | None:
        """'ear buds' means Earbuds."""
        parts = message.meant[position : position + 2]
        name = self._names.get(("".join(parts),))
        if name is None or len(parts) < 2 or min(map(len, parts)) < _MIN_PART or name.kind not in ("brand", "category"):
            return None
        return 2, message.mention(name, position, position + 2)

    def _plural_head_at(self, message: "_Message", position: int) -> tuple[int, Mention | None]:
        word = message.words[position]
        category = self._plural_heads.get(message.meant[position])
        if category is None or word.group().casefold() == message.typed[position]:
            return 1, None
        return 1, Mention("category", category, word.start(), word.end(), confidence=LOOSE_CONFIDENCE)


@dataclass(frozen=True)
class _Message:
    """A message as words: with their places, as `normal_word` gives them, and as they are meant."""

    text: str
    words: list[re.Match[str]]
    typed: list[str]
    meant: list[str]

    def mention(self, name: _Name, start: int, end: int) -> Mention:
        """The mention of a name by some of the words, with how near they come to it."""
        typed = " ".join(self.typed[start:end])
        meant = typed if self.typed[start:end] == self.meant[start:end] else " ".join(self.meant[start:end])
        return Mention(
            name.kind,
            name.value,
            self.words[start].start(),
            self.words[end - 1].end(),
            role=name.role,
            product_id=name.product_id,
            confidence=round(fuzz.ratio(typed, meant) / 100, 2),
        )

    def writes(self, name: _Name, start: int, end: int) -> bool:
        """Whether words that are alike to a name are written as one."""
        if name.capital and not self._has_capital(start):
            return False
        # "glasses" are not of glass.
        last = self.words[end - 1].group().casefold()
        is_plural = self.typed[end - 1] != last
        return name.kind != "attribute" or not is_plural or name.value.casefold().endswith(last)

    def _has_capital(self, position: int) -> bool:
        """Whether a word has a capital that no beginning of a sentence gives it."""
        word = self.words[position]
        before = self.text[: word.start()].rstrip()
        begins = not before or before[-1] in ".!?"
        return word.group()[0].isupper() and (not begins or len(self.words) == 1)


def _common_beginning(one: Words, other: Words) -> int:
    """How many words two names share before they part."""
    return next(
        (place for place, pair in enumerate(zip(one, other, strict=False)) if pair[0] != pair[1]),
        min(len(one), len(other)),
    )


def _describes(text: str, mention: Mention, following: Mention | None) -> bool:
    """Whether a category only describes the next one: "desk lamps" are lamps."""
    if following is None or mention.kind != "category" or following.kind != "category":
        return False
    last = tokens(text[mention.start : mention.end])[-1].group().casefold()
    return text[mention.end : following.start].isspace() and normal_word(last) == last
