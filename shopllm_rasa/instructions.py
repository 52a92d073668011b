"""Text that speaks to a language model instead of to a customer.

A page, a product or a review that says "ignore all previous instructions" is either an attack or a leftover, and no
customer wants to read it. Such text is left out before anything is indexed, described or quoted. This is the first of
several lines of defence and stops known forms only; what a model says is checked by the guard in any case.
"""

import itertools
import re
import unicodedata
from collections.abc import Iterable

_MODEL = r"(?:ai|a\.i\.|assistant|chat ?bot|bot|language model|llm|gpt|ai writer)"
_INSTRUCTIONS = re.compile(
    "|".join(
        (
            # "ignore all previous instructions"
            r"\b(?:ignore|disregard|forget|override|bypass)\b.{0,30}\b(?:instructions?|rules?|prompts?|guidelines?|context)\b",
            r"\b(?:system|developer|initial|hidden) prompt\b|\bprompt (?:injection|override)\b",
            r"\b(?:reveal|print|repeat|show|leak)\b.{0,30}\b(?:your|the|all) (?:instructions|rules|prompt)\b",
            # "You are now in maintenance mode", "from now on you are"
            r"\byou are now (?:a|an|in|the|no longer)\b|\bfrom now on,? (?:you|always|never|reply|respond|answer)\b",
            r"\b(?:respond|reply|answer) only (?:in|with|as)\b|\bas an ai\b",
            # "Assistant: ...", "SYSTEM: ..." ("System: Windows" is a product's attribute), "note to the language model"
            rf"(?:^|[.!?>\"(]\s*){_MODEL}\s*(?:,\s|:\s?)(?=\w)|(?-i:\bSYSTEM\s?:)",
            rf"\b(?:note|message|attention|instructions?|order)s? (?:to|for) (?:the |any |all )?{_MODEL}s?\b",
            rf"\bif you are an? {_MODEL}\b",
            rf"\b{_MODEL} (?:must|should|shall) (?:say|tell|reply|answer|write|ask|offer)\b",
            r"\b(?:tell|inform|offer) (?:the |every |each )?(?:customer|user|reader|shopper)s?\b.{0,60}"
            r"(?:\d ?%|discount|free|refund)",
            r"\bask (?:the |every |each )?(?:customer|user|reader|shopper)s? for (?:their|his|her) .{0,20}"
            r"(?:card|password|pin\b)",
            # the marks of chat formats and templates
            r"<\|[a-z_]+\|>|\[/?INST\]|<</?SYS>>|</?(?:system|user|assistant|facts)>|\{\{|\{%|#\{|\$\{",
        )
    ),
    re.I,
)
_LETTERS = str.maketrans("аеорсухіѕԁɡ", "aeopcyxisdg")  # Cyrillic and other letters that look like Latin ones


def speaks_to_a_model(text: str) -> bool:
    """Whether a text gives instructions to a language model, also with invisible or look-alike letters in it."""
    return _INSTRUCTIONS.search(_readable(text)) is not None


def before_instructions(sentences: Iterable[str]) -> list[str]:
    """The sentences of a text up to the first that speaks to a language model: what follows belongs to it."""
    return list(itertools.takewhile(lambda sentence: not speaks_to_a_model(sentence), sentences))


def _readable(text: str) -> str:
    """A text as a model would read it: tag characters as letters, no invisible ones, one form of each letter."""
    shown = "".join(chr(ord(letter) - 0xE0000) if 0xE0020 <= ord(letter) <= 0xE007E else letter for letter in text)
    plain = "".join(letter for letter in unicodedata.normalize("NFKC", shown) if unicodedata.category(letter) != "Cf")
    return plain.translate(_LETTERS)
