"""Units as MiniLM's word pieces, and which pieces make up which unit."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from shopllm_rasa.generation.embedded.source import MAX_SEGMENT_PIECES
from shopllm_rasa.generation.embedded.units import Unit

MAX_UNIT_PIECES = 16
_CLS, _SEP, _PAD = 101, 102, 0


class PieceTable:
    """Cuts units into word pieces.

    Args:
        tokenizer: the file of the bundled encoder's tokenizer.
    """

    def __init__(self, tokenizer: Path) -> None:
        from tokenizers import Tokenizer

        self._tokenizer: Any = Tokenizer.from_file(str(tokenizer))
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()
        self._known: dict[str, tuple[int, ...]] = {}

    def pieces_of(self, key: str) -> tuple[int, ...]:
        """The pieces of a unit, at least one."""
        if key not in self._known:
            if len(self._known) > 50_000:
                self._known.clear()
            text = key.encode("utf-8", "replace").decode()
            ids = self._tokenizer.encode(text, add_special_tokens=False).ids[:MAX_UNIT_PIECES]
            self._known[key] = tuple(ids) or (self._tokenizer.token_to_id("[UNK]"),)
        return self._known[key]

    def fitting(self, units: Sequence[Unit]) -> tuple[Unit, ...]:
        """The first units of a segment, as many as may be read."""
        left = MAX_SEGMENT_PIECES - 2
        for row, unit in enumerate(units):
            left -= len(self.pieces_of(unit.key))
            if left < 0:
                return tuple(units[:row])
        return tuple(units)

    def lay_out(self, segments: Sequence[Sequence[str]]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Makes the lower encoder's input.

        Args:
            segments: the keys of each segment's units.

        Returns:
            ids and mask, int64 of shape (segments, pieces), and float32 of shape (positions, segments * pieces) whose
            product with the states gives the mean of each unit's pieces; a segment's mark is its first piece, [CLS].
        """
        rows = [[self.pieces_of(key) for key in keys] for keys in segments]
        width = max(2 + sum(map(len, row)) for row in rows)
        ids = np.full((len(rows), width), _PAD, dtype=np.int64)
        mask = np.zeros_like(ids)
        pool = np.zeros((sum(1 + len(row) for row in rows), len(rows) * width), dtype=np.float32)
        position = 0
        for number, row in enumerate(rows):
            flat = [_CLS, *(piece for unit in row for piece in unit), _SEP]
            ids[number, : len(flat)] = flat
            mask[number, : len(flat)] = 1
            start = number * width
            for length in (1, *map(len, row)):
                pool[position, start : start + length] = 1 / length
                position += 1
                start += length
        return ids, mask, pool
