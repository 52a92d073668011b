"""What the decoder may do at a step, so that a reply says what its evidence says."""

from collections.abc import Sequence

import numpy as np

from shopllm_rasa.generation.embedded.source import STEM, SegmentKind, Source, copy_sources

_ENDS = frozenset(".;!?")
# Behind a comma a clause begins with one of these and may be left out; "unless" and "only if" may not.
_LOOSE_CLAUSES = frozenset(("and", "but", "which", "who", "where", "while", "whereas", "so", "including"))
# Behind "and" these begin a statement of its own.
_STATEMENTS = frozenset((
    "is", "are", "was", "were", "has", "have", "can", "may", "must", "will", "should", "takes", "costs", "comes",
    "needs", "includes", "covers", "arrives", "it", "they", "we", "you", "the", "this", "these", "starts", "ends",
    "weighs", "fits", "lasts", "holds", "applies",
))  # fmt: skip


def told_sources(source: Source, chosen: Sequence[int], origin: int, opening: bool) -> np.ndarray:
    """Bool for each position: units of the evidence, and those of the question that the evidence has in some form.

    A sign that ends a sentence is copied only where the copied sentence itself ends. A sentence that begins with copied
    words begins where the evidence does: "up to 4 vouchers" must not become "4 vouchers".

    What only the customer said is not repeated: "do you rent out cameras" must not become "you can rent out cameras".

    Args:
        source: what was read.
        chosen: numbers of the segments that are the evidence.
        origin: the position of the last unit; -1 where it was not copied.
        opening: whether a sentence begins.
    """
    allowed = copy_sources(source, chosen)
    told = {source.keys[row][:STEM] for row in np.flatnonzero(allowed) if source.owners[row]}
    for row in np.flatnonzero(allowed):
        if not source.owners[row] and source.keys[row][:STEM] not in told:
            allowed[row] = False
        if source.keys[row] in _ENDS and row != origin + 1:
            allowed[row] = False
        if opening and not _begins(source, row):
            allowed[row] = False
    return allowed


def ends_segment(source: Source, position: int) -> bool:
    """Whether a position is the last one of its segment."""
    return position + 1 == len(source.keys) or source.owners[position + 1] != source.owners[position]


def _begins(source: Source, position: int) -> bool:
    """Whether a statement begins at a position; a heading may be copied from anywhere, a question from nowhere."""
    kind = source.segments[source.owners[position]].kind
    if kind is not SegmentKind.SENTENCE:
        return kind is SegmentKind.HEADING
    return not source.keys[position - 1] or source.keys[position - 1] in ";:"


def can_end(source: Source, origin: int) -> bool:
    """Whether a sentence may end behind a unit that was copied: a copied clause is not broken off.

    Args:
        source: what was read.
        origin: the position of the last unit; -1 where it was not copied.
    """
    if origin < 0 or source.owners[origin] == 0:
        return True
    following = [
        source.keys[row] if row < len(source.keys) and source.owners[row] == source.owners[origin] else "."
        for row in (origin + 1, origin + 2)
    ]
    if source.keys[origin] in _ENDS or following[0] in _ENDS:
        return True
    if following[0] == ",":
        return following[1] in _LOOSE_CLAUSES
    return following[0] == "and" and following[1] in _STATEMENTS
