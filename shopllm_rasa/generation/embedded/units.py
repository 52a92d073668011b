"""Texts as units: what the generator reads, copies and writes. A price, a date or a link is one unit."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

# In this order: links, e-mail addresses, paths; phone numbers; numbers with what is glued to them; words; signs.
_UNIT = re.compile(
    r"(?P<link>(?:https?://|www\.)[^\s<>\"”)]*[^\s<>\"”).,;:!?])"
    r"|(?P<email>[\w.+-]+@[\w-]+(?:\.[\w-]+)+)"
    r"|(?P<path>/[a-z][\w/-]*\w)"
    r"|(?P<phone>\+\d{1,3}(?:[ -]?\(?\d+\)?){2,}|\b0\d{2,}(?:[ -]\d{3,})+)"
    r"|(?P<number>[€$£¥]?\s?\d+(?:[.,:/]\d+)*(?:[%°]|\w+)?(?:-\w+)*)"
    r"|(?P<word>\w+(?:[-'’&.]\w+)*)"
    r"|(?P<sign>[^\w\s])"
)
_NO_SPACE_BEFORE = frozenset(".,;:!?)%]”’…")
_NO_SPACE_BEHIND = frozenset("([“€$£#")


@dataclass(frozen=True)
class Unit:
    """A unit of a text.

    Attributes:
        text: as written.
        spaced: whether white space stands before it.
    """

    text: str
    spaced: bool

    @property
    def key(self) -> str:
        """What makes two units the same: their letters without regard to case."""
        return self.text.casefold()


def split(text: str) -> list[Unit]:
    """Cuts a text into units.

    Example:
        >>> [unit.text for unit in split("It costs €4.95, see /help.")]
        ['It', 'costs', '€4.95', ',', 'see', '/help', '.']
    """
    units: list[Unit] = []
    end = 0
    for match in _UNIT.finditer(text):
        found = match.group()
        start = match.start() + len(found) - len(found.lstrip())
        units.append(Unit(found.strip(), start > end or not units))
        end = match.end()
    return units


def has_digit(text: str) -> bool:
    """Whether a unit states a number: those are only ever copied from evidence."""
    return any(character.isdigit() for character in text)


def join(units: Sequence[Unit]) -> str:
    """Writes units as a text, with the spaces that they ask for and a capital at each sentence's start."""
    text = ""
    opening = True
    previous = ""
    for unit in units:
        word = unit.text
        if opening and word.islower() and word[:1].isalpha():
            word = word[:1].upper() + word[1:]
        glued = not text or (not unit.spaced) or word in _NO_SPACE_BEFORE or previous in _NO_SPACE_BEHIND
        text += word if glued else f" {word}"
        opening = word in {".", "!", "?"} or (opening and not word[:1].isalnum())
        previous = word
    return text
