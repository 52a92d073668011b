"""Checks that what a reply states stands in the evidence it was made from."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

# What can be checked to the letter: addresses, links and every number with what is glued to it.
_CLAIMS = re.compile(r"(?:https?://|www\.)\S+|(?<![\w.+-])[\w.+-]+@[\w-]+(?:\.[\w-]+)+|(?<![\w.])\d+(?:[.,:]\d+)*")
_NUMBER_WORDS = {
    "one": "1", "two": "2", "three": "3", "four": "4", "five": "5", "six": "6", "seven": "7", "eight": "8",
    "nine": "9", "ten": "10", "eleven": "11", "twelve": "12", "thirteen": "13", "fourteen": "14", "fifteen": "15",
    "sixteen": "16", "seventeen": "17", "eighteen": "18", "nineteen": "19", "twenty": "20", "thirty": "30",
    "forty": "40", "fifty": "50", "sixty": "60", "seventy": "70", "eighty": "80", "ninety": "90", "hundred": "100",
    "thousand": "1000",
}  # fmt: skip
# "one" is mostly a pronoun ("this one") and states no quantity.
_SPELLED = re.compile(rf"\b(?:{'|'.join(word for word in _NUMBER_WORDS if word != 'one')})\b", re.I)


@dataclass(frozen=True)
class Verdict:
    """What the guard says of a reply.

    Attributes:
        problems: each claim that the evidence does not support, as it stands in the reply.
    """

    problems: tuple[str, ...]

    @property
    def supported(self) -> bool:
        """Whether the reply may be sent."""
        return not self.problems


class GroundingGuard:
    """Checks a text against the evidence it was made from. One check for replies, descriptions and rephrasings."""

    def check(self, text: str, evidence: Iterable[str]) -> Verdict:
        """Finds what a text claims and the evidence does not say.

        Args:
            text: the reply or description.
            evidence: the passages, product facts and template texts it may rest on, and what the customer said of
                themselves (order number, e-mail address).
        """
        return Verdict(tuple(unsupported_claims(text, evidence)))


def unsupported_claims(reply: str, evidence: Iterable[str]) -> list[str]:
    """Lists the numbers, links and addresses of a reply that no piece of evidence contains.

    Args:
        reply: the text to check.
        evidence: the passages, and what the customer said of themselves (order number, e-mail address).

    Returns:
        The unsupported claims in the order of the reply; empty when the reply may be sent.
    """
    known = {claim for text in evidence for claim in _claims(text)}
    return [claim for claim in _claims(reply) if claim not in known]


def _claims(text: str) -> list[str]:
    claims = [match.group().rstrip(".,;:!?)").casefold() for match in _CLAIMS.finditer(text)]
    spelled = [_NUMBER_WORDS[match.group().casefold()] for match in _SPELLED.finditer(text)]
    return [_canonical(claim) for claim in claims] + spelled


def _canonical(claim: str) -> str:
    """`49,90` and `49.90` and `49.9` are one number; `1,000`, `1000` and `1.000,00` are one."""
    if not re.fullmatch(r"\d+(?:[.,]\d+)*", claim):
        return claim
    if re.fullmatch(r"\d{1,3}(?:[.,]\d{3})+", claim):
        return re.sub(r"[.,]", "", claim)
    grouped = re.fullmatch(r"(\d{1,3}(?:([.,])\d{3})+)(?!\2)[.,](\d+)", claim)
    if grouped:
        claim = f"{re.sub('[.,]', '', grouped[1])}.{grouped[3]}"
    number = claim.replace(",", ".")
    return number.rstrip("0").rstrip(".") if number.count(".") == 1 else number
