"""Turns an example into what the decoder shall write, and where each copied unit comes from."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from shopllm_rasa.generation.embedded.source import Segment, SegmentKind, Source, copy_sources, make_source
from shopllm_rasa.generation.embedded.training.examples import Example
from shopllm_rasa.generation.embedded.units import split
from shopllm_rasa.generation.embedded.vocabulary import ANSWER, ASK, DECLINE, END, NO, YES, Vocabulary

GLUE = Path(__file__).with_name("glue.txt")
_KIND_TOKENS = {"answer": ANSWER, "yes": YES, "no": NO, "ask": ASK, "decline": DECLINE}


def read_glue(file: Path = GLUE) -> tuple[str, ...]:
    """The words of the closed list, in the file's order."""
    lines = file.read_text(encoding="utf-8").splitlines()
    return tuple(dict.fromkeys(word for line in lines if not line.startswith("#") for word in line.split()))


@dataclass(frozen=True)
class Target:
    """What is written for a source, step by step.

    Attributes:
        source: the source.
        extended: the number of the unit at each position.
        numbers: the numbers to write: marks of the evidence, the kind, the reply's units, the end.
        origins: for each step the position that it is copied from; -1 for a word of the list.
        plan_steps: steps before the reply: the marks and the kind.
        sources: positions that the reply may copy from.
        plannable: positions that the plan may point at.
        sentiment: number of the tone.
    """

    source: Source
    extended: np.ndarray
    numbers: np.ndarray
    origins: np.ndarray
    plan_steps: int
    sources: np.ndarray
    plannable: np.ndarray
    sentiment: int


def plannable_positions(source: Source) -> np.ndarray:
    """Bool for each position: marks of sentences and headings."""
    allowed = np.zeros(len(source.keys), dtype=bool)
    allowed[[mark for mark, item in zip(source.marks, source.segments, strict=True) if item.kind]] = True
    return allowed


def make_target(
    example: Example, source: Source, chosen: Sequence[int], vocabulary: Vocabulary, sentiment: int
) -> Target | None:
    """Writes out an example; None where the reply has a word that neither the list nor the evidence has.

    Args:
        example: the example.
        source: its source.
        chosen: numbers of the segments that are its evidence, in the reply's order.
        vocabulary: the closed list.
        sentiment: the tone's number.
    """
    extended, beyond = vocabulary.extended(source.keys)
    marks = [source.marks[row] for row in chosen]
    sources = copy_sources(source, chosen)
    numbers = [extended[mark] for mark in marks]
    origins = list(marks)
    numbers.append(vocabulary.id_of(_KIND_TOKENS[example.kind]))
    origins.append(-1)
    plan_steps = len(numbers)
    ids = {name: len(vocabulary) + row for row, name in enumerate(beyond)}
    units = split(example.reply)
    wanted = []
    for unit in units:
        if unit.key in vocabulary:
            wanted.append(vocabulary.id_of(unit.key))
        elif unit.key in ids:
            wanted.append(ids[unit.key])
        else:
            return None
    places = _align(wanted, np.array(extended), sources, len(vocabulary))
    if places is None:
        return None
    numbers += [*wanted, vocabulary.id_of(END)]
    origins += [*places, -1]
    return Target(
        source,
        np.array(extended),
        np.array(numbers),
        np.array(origins),
        plan_steps,
        sources,
        plannable_positions(source),
        sentiment,
    )


def _align(wanted: Sequence[int], extended: np.ndarray, sources: np.ndarray, listed: int) -> list[int] | None:
    """Where each unit is copied from: runs go on where they can; a lone word of the list is written, not copied."""
    places: list[int] = []
    last = -2
    for step, number in enumerate(wanted):
        after = last + 1
        if 0 <= after < len(extended) and sources[after] and extended[after] == number:
            places.append(after)
            last = after
            continue
        candidates = [int(row) for row in np.flatnonzero((extended == number) & sources)]
        lengths = {row: _run(wanted, step, extended, sources, row) for row in candidates}
        # At equal length the later position: evidence stands behind the question.
        best = max(candidates, key=lambda row: (lengths[row], row), default=-1)
        if number < listed and (best < 0 or lengths[best] < 2):
            places.append(-1)
            last = -2
        elif best < 0:
            return None
        else:
            places.append(best)
            last = best
    return places


def _run(wanted: Sequence[int], step: int, extended: np.ndarray, sources: np.ndarray, row: int) -> int:
    length = 0
    while (
        step + length < len(wanted)
        and row + length < len(extended)
        and sources[row + length]
        and extended[row + length] == wanted[step + length]
    ):
        length += 1
    return length


def source_of(example: Example, ranks: Sequence[Sequence[int]]) -> tuple[Source, list[int]]:
    """The source of an example, and the numbers of the segments that are its evidence.

    Args:
        example: the example.
        ranks: for each passage and sentence its place by relevance, from 1.
    """
    segments = [Segment(SegmentKind.QUESTION, 0, 0, tuple(split(example.question)))]
    rows: dict[tuple[int, int], int] = {}
    for number, (heading, sentences) in enumerate(example.passages):
        rows[number, -1] = len(segments)
        segments.append(Segment(SegmentKind.HEADING, number + 1, 0, tuple(split(heading))))
        for row, sentence in enumerate(sentences):
            rows[number, row] = len(segments)
            segments.append(Segment(SegmentKind.SENTENCE, number + 1, ranks[number][row], tuple(split(sentence))))
    return make_source(segments), [rows[place] for place in example.evidence]
