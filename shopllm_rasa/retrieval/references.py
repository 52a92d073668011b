"""Finds which products a customer means: by name, by place in the list shown, or by "it"."""

import math
import re
from collections import Counter
from collections.abc import Sequence

from shopllm_rasa.catalog import Product
from shopllm_rasa.catalog.mentions import Mention
from shopllm_rasa.catalog.vocabulary import normal_words
from shopllm_rasa.retrieval.filters import Filters
from shopllm_rasa.retrieval.product_index import ProductIndex
from shopllm_rasa.retrieval.product_words import STOP_WORDS

MAX_PRODUCTS = 4
# A word that more names than this share says nothing of one product.
_RARE_IN_NAMES = 8
# Two, for a product may come in two colours.
_ALONE_IN_NAMES = 2
# So many words together name a product, however common each is: "Moto G4 Play in black".
_WORDS_TOGETHER = 3
_BOTH = re.compile(r"\b(?:both|these two|those two|the two|them|these|those|they)\b", re.I)


class ReferenceResolver:
    """Resolves references against an index and what the conversation has shown."""

    def __init__(self, index: ProductIndex) -> None:
        self._index = index
        self._name_words = [frozenset(normal_words(product.name)) for product in index.products]
        self._frequency = Counter(word for words in self._name_words for word in words)

    def resolve(
        self, text: str, mentions: Sequence[Mention], shown: Sequence[str] = (), current: str | None = None
    ) -> list[Product]:
        """Finds the products a message speaks of.

        Names come first, then places in the list ("the second one"), then a property that picks from the
        list ("the oak one"), then a name in part, then "it".

        Args:
            text: the message.
            mentions: what `MentionFinder` found in it.
            shown: ids of the products shown last, in their order.
            current: id of the product spoken of last.

        Returns:
            At most four products, in the order of the message; empty when nothing fits.
        """
        listed = [product for item in shown if (product := self._index.get(item))]
        found = [*self._named(mentions), *_placed(mentions, listed)]
        if not found:
            found = self._partly_named(text, mentions)
        if not found:
            found = _picked(mentions, listed)
        if not found:
            found = self._pointed_at(text, listed, current)
        return list({product.id: product for product in found}.values())[:MAX_PRODUCTS]

    def _named(self, mentions: Sequence[Mention]) -> list[Product]:
        ids = [mention.product_id or mention.value for mention in mentions if mention.kind == "product"]
        return [product for item in ids if (product := self._index.get(item))]

    def _partly_named(self, text: str, mentions: Sequence[Mention]) -> list[Product]:
        """The product whose name shares the rarest words with the text: two at least, one of them rare, or three that
        few other names have together.

        Beside words that only say a kind or a property, a single word has to be a product's own: "gooseneck
        kettle" names one, "wireless headphones" does not.
        """
        kinds = {
            word
            for mention in mentions
            if mention.kind in ("category", "attribute")
            for word in normal_words(text[mention.start : mention.end])
        }
        words = {word for word in normal_words(text) if word not in STOP_WORDS}
        total = len(self._name_words)
        rarity = {word: math.log(total / self._frequency[word] + 1) for word in words if word in self._frequency}
        candidates: list[tuple[float, int, set[str]]] = []
        for row, name in enumerate(self._name_words):
            shared = words & name
            if len(shared) < 2:
                continue
            # Among names with the same shared words the shortest is meant: "Drift" before "Drift Max".
            score = sum(rarity[word] for word in shared) - 0.01 * len(name)
            candidates.append((score, row, shared - kinds))
        if not candidates:
            return []
        _, best, own = max(candidates, key=_score)
        if len(own) >= _WORDS_TOGETHER and sum(own <= other for _, _, other in candidates) <= _RARE_IN_NAMES:
            return [self._index.products[best]]
        rare = [item for item in candidates if self._has_rare_word(item[2])]
        return [self._index.products[max(rare, key=_score)[1]]] if rare else []

    def _has_rare_word(self, words: set[str]) -> bool:
        rarest = min((self._frequency[word] for word in words), default=math.inf)
        return rarest <= (_RARE_IN_NAMES if len(words) > 1 else _ALONE_IN_NAMES)

    def _pointed_at(self, text: str, listed: Sequence[Product], current: str | None) -> list[Product]:
        if _BOTH.search(text) and len(listed) == 2:
            return list(listed)
        focus = self._index.get(current) if current else None
        if focus:
            return [focus]
        return list(listed) if len(listed) == 1 else []


def _score(candidate: tuple[float, int, set[str]]) -> float:
    return candidate[0]


def _placed(mentions: Sequence[Mention], listed: Sequence[Product]) -> list[Product]:
    places = [int(mention.value) for mention in mentions if mention.kind == "ordinal"]
    rows = [place - 1 if place > 0 else len(listed) + place for place in places]
    return [listed[row] for row in rows if 0 <= row < len(listed)]


def _picked(mentions: Sequence[Mention], listed: Sequence[Product]) -> list[Product]:
    """'the oak one', 'the Sonavale': what fits exactly one of the products shown."""
    filters = Filters(
        brands=tuple(m.value for m in mentions if m.kind == "brand"),
        categories=tuple(m.value for m in mentions if m.kind == "category"),
        attributes={m.role or "": m.value for m in mentions if m.kind == "attribute"},
    )
    fitting = [product for product in listed if filters.allow(product)] if filters else []
    return fitting if len(fitting) == 1 else []
