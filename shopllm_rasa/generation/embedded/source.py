"""What the generator reads: the question, and the best sentences under their headings, cut into units."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from shopllm_rasa.generation.embedded.units import Unit, has_digit, split

MAX_SENTENCES = 6
MAX_PASSAGES = 4
MAX_RANK = 8
# Words that begin with the same letters, so many, count as alike: "returned" and "returning".
STEM = 5
# Word pieces of one segment and of a whole source.
MAX_SEGMENT_PIECES = 96
MAX_PIECES = 512


class SegmentKind(IntEnum):
    """What a segment of the source is."""

    QUESTION = 0
    HEADING = 1
    SENTENCE = 2


@dataclass(frozen=True)
class Segment:
    """A question, a heading or a sentence.

    Attributes:
        kind: which of them.
        passage: number of the passage, from 1; 0 for the question.
        rank: place of a sentence among all sentences by relevance, from 1; 0 for other segments.
        units: its units.
        relevance: how relevant the search found a sentence; 0 where it did not say.
    """

    kind: SegmentKind
    passage: int
    rank: int
    units: tuple[Unit, ...]
    relevance: float = 0.0


@dataclass(frozen=True)
class Source:
    """Segments in a row. Each is a mark followed by its units; positions count both.

    Attributes:
        segments: the question first, then each passage's heading with its sentences.
        keys: for each position its unit's key; an empty text for a mark.
        owners: for each position the number of its segment.
        marks: the position of each segment's mark.
    """

    segments: tuple[Segment, ...]
    keys: tuple[str, ...]
    owners: np.ndarray
    marks: tuple[int, ...]

    def unit(self, position: int) -> Unit:
        """The unit at a position that is no mark."""
        segment = self.owners[position]
        return self.segments[segment].units[position - self.marks[segment] - 1]

    @property
    def labels(self) -> np.ndarray:
        """int64 of shape (positions, 4): kind, passage, rank, and what the unit is.

        0 is a mark, 1 a unit that the other side lacks, 2 one that begins like one of the other side, 3 one that the
        other side has too. The question is one side, headings and sentences are the other.
        """
        asked = {key for key, owner in zip(self.keys, self.owners, strict=True) if key and not owner}
        told = {key for key, owner in zip(self.keys, self.owners, strict=True) if key and owner}
        begun = {False: {key[:STEM] for key in asked}, True: {key[:STEM] for key in told}}
        rows = []
        for key, owner in zip(self.keys, self.owners, strict=True):
            item = self.segments[owner]
            other = told if owner == 0 else asked
            match = 3 if key in other else 2 if len(key) >= STEM and key[:STEM] in begun[owner == 0] else 1
            rows.append((item.kind, item.passage, item.rank, match if key else 0))
        return np.array(rows, dtype=np.int64)

    def heading_of(self, segment: int) -> int | None:
        """The number of the heading above a sentence."""
        passage = self.segments[segment].passage
        return next(
            (
                row
                for row, item in enumerate(self.segments)
                if item.kind is SegmentKind.HEADING and item.passage == passage
            ),
            None,
        )


def make_source(segments: Sequence[Segment]) -> Source:
    """Puts segments into a row."""
    keys: list[str] = []
    owners: list[int] = []
    marks: list[int] = []
    for row, segment in enumerate(segments):
        marks.append(len(keys))
        keys += ["", *(unit.key for unit in segment.units)]
        owners += [row] * (1 + len(segment.units))
    return Source(tuple(segments), tuple(keys), np.array(owners, dtype=np.int64), tuple(marks))


def pack(question: str, passages: Sequence[tuple[str, Sequence[tuple[str, float]]]]) -> Source:
    """Makes the source of a question from the best sentences of its passages.

    Args:
        question: the customer's words.
        passages: heading, and sentences with their relevance, in the page's order.
    """
    scored = [
        (score, number, row)
        for number, (_, sentences) in enumerate(passages[:MAX_PASSAGES])
        for row, (_, score) in enumerate(sentences)
    ]
    best = sorted(scored, key=lambda item: (-item[0], item[1], item[2]))[:MAX_SENTENCES]
    ranks = {(number, row): rank for rank, (_, number, row) in enumerate(best, 1)}
    segments = [Segment(SegmentKind.QUESTION, 0, 0, tuple(split(question)))]
    for number, (heading, sentences) in enumerate(passages[:MAX_PASSAGES]):
        rows = [row for row in range(len(sentences)) if (number, row) in ranks]
        if not rows:
            continue
        if heading:
            segments.append(Segment(SegmentKind.HEADING, number + 1, 0, tuple(split(heading))))
        segments += [
            Segment(
                SegmentKind.SENTENCE, number + 1, ranks[number, row], tuple(split(sentences[row][0])), sentences[row][1]
            )
            for row in rows
        ]
    return make_source(segments)


def copy_sources(source: Source, chosen: Sequence[int]) -> np.ndarray:
    """Bool for each position: units of the chosen segments, of the headings above them, and of the question.

    A number in the question is no fact of the shop: it is not copied from there.
    """
    allowed = np.zeros(len(source.keys), dtype=bool)
    rows = {0, *chosen}
    rows |= {heading for row in chosen if (heading := source.heading_of(row)) is not None}
    for position, owner in enumerate(source.owners):
        key = source.keys[position]
        allowed[position] = owner in rows and bool(key) and not (owner == 0 and has_digit(key))
    return allowed
