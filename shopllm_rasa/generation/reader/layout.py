"""How they stand before the reader: `[CLS] question [SEP] heading [SEP] sentence [SEP] sentence [SEP]`."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

MAX_QUESTION = 64
MAX_HEADING = 32
MAX_SENTENCE = 80
MAX_PIECES = 256
_START, _END, _UNKNOWN = 101, 102, 100  # [CLS], [SEP] and [UNK] of BERT's vocabulary


@dataclass(frozen=True)
class Reading:
    """A question beside some sentences of one passage, as word pieces.

    Attributes:
        ids: word pieces.
        types: 0 for the question, 1 for the passage, for each piece.
        question: where the question's pieces begin and end.
        sentences: the same for each sentence.
    """

    ids: tuple[int, ...]
    types: tuple[int, ...]
    question: tuple[int, int]
    sentences: tuple[tuple[int, int], ...]


class Layout:
    """Lays out questions and passages.

    Args:
        tokenizer: the file `tokenizer.json` of the bundled encoder.
    """

    def __init__(self, tokenizer: Path) -> None:
        from tokenizers import Tokenizer

        self._tokenizer = Tokenizer.from_file(str(tokenizer))
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()

    def readings(self, question: str, heading: str, sentences: Sequence[str]) -> list[Reading]:
        """Lays out one passage; a long one gives several readings, whose sentences follow one another.

        Args:
            question: cut after 64 pieces.
            heading: cut after 32 pieces.
            sentences: each cut after 80 pieces.
        """
        asked = [_START, *self._pieces(question)[:MAX_QUESTION], _END]
        head = [*self._pieces(heading)[:MAX_HEADING], _END]
        before = len(asked) + len(head)
        found: list[Reading] = []
        body: list[int] = []
        spans: list[tuple[int, int]] = []

        def close() -> None:
            ids = (*asked, *head, *body)
            types = (0,) * len(asked) + (1,) * (len(ids) - len(asked))
            found.append(Reading(ids, types, (1, len(asked) - 1), tuple(spans)))

        for sentence in sentences:
            pieces = self._pieces(sentence)[:MAX_SENTENCE]
            if spans and before + len(body) + len(pieces) >= MAX_PIECES:
                close()
                body, spans = [], []
            start = before + len(body)
            spans.append((start, start + len(pieces)))
            body += [*pieces, _END]
        if spans:
            close()
        return found

    def _pieces(self, text: str) -> list[int]:
        ids: list[int] = self._tokenizer.encode(text, add_special_tokens=False).ids
        return ids or [_UNKNOWN]


def padded(readings: Sequence[Reading], multiple: int = 1) -> dict[str, np.ndarray]:
    """Readings as arrays, their width rounded up to a multiple.

    Returns:
        `ids`, `mask` (1 for a piece) and `types`: int64 of shape (readings, width). `pool`: float32 of shape
        (readings, 1 + most sentences, width); a row times the pieces' states is the mean of the question's, then of
        each sentence's.
    """
    width = -(-max(len(item.ids) for item in readings) // multiple) * multiple
    most = max(len(item.sentences) for item in readings)
    arrays = {name: np.zeros((len(readings), width), dtype=np.int64) for name in ("ids", "mask", "types")}
    pool = np.zeros((len(readings), 1 + most, width), dtype=np.float32)
    for row, item in enumerate(readings):
        size = len(item.ids)
        arrays["ids"][row, :size] = item.ids
        arrays["types"][row, :size] = item.types
        arrays["mask"][row, :size] = 1
        for number, (start, end) in enumerate((item.question, *item.sentences)):
            pool[row, number, start:end] = 1 / max(1, end - start)
    return {**arrays, "pool": pool}
