"""Sentences and the words in them that carry meaning."""

import functools
import re

from shopllm_rasa.catalog.vocabulary import normal_words
from shopllm_rasa.spelling import stems

_SENTENCE_END = re.compile(
    r"(?<!\be\.g\.)(?<!\bi\.e\.)(?<!\bNo\.(?=\s\d))(?<!\bapprox\.)(?<!\b[A-Z]\.)(?<=[.!?])[”\"')]?\s+(?=[^\sa-z])|\n+"
)
# Words that say nothing of a sentence's subject.
_EMPTY_WORDS = frozenset(
    normal_words(
        "a an the i you we it is are am be been being was were do does did done can could would will shall should may"
        " might must my your our me us they them their its he she his her to of in on at for from with by and or not no"
        " nor if how what when where which who whom whose why this that these those there here have has had get got any"
        " some please hi hello hey so as about into out up off just also too want need like tell know then than but"
        " because since while during each every all both other another own same such only very more most much many"
        " cannot can't don't doesn't isn't aren't won't i'm i'd i'll i've you're we're it's that's let us yes ok okay"
        " one ones thing via per within until till once even still yet already usually always again between after"
        " before over under up see"
    )
)
# What a polite frame is made of; a sentence of such words alone states nothing.
_COURTESY_WORDS = frozenset(
    normal_words(
        "sorry thank thanks welcome glad happy help hope hear trouble question questions further anything else let"
        " know sure course certainly great good understand annoying frustrating frustration inconvenience apologise"
        " apologize apologies worry wonderful pleased gladly answer ask feel free here today hello dear nice day best"
        " regards look forward see much really truly thing right away problem unfortunately indeed fine lovely back"
        " hear that's assist assistance enjoy kindly"
    )
)
# Words of questions and replies, and what the data calls the same.
_SAME = {
    "cost": "price", "fee": "price", "charg": "price", "weigh": "weight", "wide": "width", "high": "height",
    "long": "length", "ship": "deliveri", "deliv": "deliveri", "postag": "deliveri", "phone": "call",
    "telephon": "call", "buy": "purchas", "bought": "purchas", "photo": "pictur", "guarante": "warranti",
    "paid": "pay", "payment": "pay", "sent": "send", "sold": "sell", "kept": "keep", "held": "hold", "shown": "show",
}  # fmt: skip


def split_sentences(text: str) -> list[str]:
    """Cuts a text at the ends of sentences and at line ends."""
    return [piece.strip() for piece in _SENTENCE_END.split(text) if piece and piece.strip()]


@functools.lru_cache(maxsize=50_000)
def stem(word: str) -> str:
    """The part in which a word's forms agree: return, returned, returning, returns (Porter's second algorithm)."""
    found = stems.stem(word)
    return _SAME.get(found, found)


def content_words(text: str) -> frozenset[str]:
    """The stems of the words that carry meaning; numbers are none."""
    return frozenset(stem(word) for word in normal_words(text) if word not in _EMPTY_WORDS and not word[0].isdigit())


def is_courtesy(sentence: str) -> bool:
    """Whether a sentence only greets, thanks, apologises, or asks back without stating anything."""
    words = [word for word in normal_words(sentence) if word not in _EMPTY_WORDS]
    return all(word in _COURTESY_WORDS for word in words)
