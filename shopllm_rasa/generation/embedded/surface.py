"""Writes units as a text: capitals, spaces, and the spelling of the place a unit was copied from."""

from collections.abc import Sequence

from shopllm_rasa.generation.embedded.source import Source
from shopllm_rasa.generation.embedded.units import Unit, join
from shopllm_rasa.generation.embedded.vocabulary import Vocabulary
from shopllm_rasa.spelling.english import english_words


class Surface:
    """Turns what the decoder chose into a text."""

    def __init__(self) -> None:
        self._ordinary = frozenset(english_words())

    def write(self, source: Source, numbers: Sequence[int], origins: Sequence[int], vocabulary: Vocabulary) -> str:
        """The text of a reply.

        Args:
            source: what was read.
            numbers: the chosen numbers.
            origins: for each the position it was copied from; -1 for a word of the list.
            vocabulary: the closed list.
        """
        units = []
        last = -2
        for number, origin in zip(numbers, origins, strict=True):
            if origin < 0:
                word = vocabulary.tokens[number]
                units.append(Unit("I" if word == "i" else word, True))
            else:
                unit = source.unit(origin)
                spaced = unit.spaced if origin == last + 1 and last >= 0 else True
                units.append(Unit(self._cased(source, origin, unit), spaced))
            last = origin
        return join(units)

    def sentence(self, units: Sequence[Unit]) -> str:
        """A segment's text."""
        return join(units)

    def _cased(self, source: Source, origin: int, unit: Unit) -> str:
        """A capital that only stands for a sentence's start is not copied."""
        if source.owners[origin] == 0:  # a customer's spelling is no authority
            return unit.text.lower() if unit.key in self._ordinary else unit.text
        first = origin - source.marks[source.owners[origin]] == 1
        lower = unit.text[:1].lower() + unit.text[1:]
        return lower if first and lower in self._ordinary and lower.islower() else unit.text
