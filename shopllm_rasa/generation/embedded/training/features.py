"""The frozen lower layers' states of all training texts, computed once."""

from collections.abc import Iterable, Sequence

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from shopllm_rasa.encoders.training_steps import half_precision
from shopllm_rasa.generation.embedded.pieces import PieceTable
from shopllm_rasa.generation.embedded.source import Source
from shopllm_rasa.generation.embedded.training.model import BundledEncoder, similarities
from shopllm_rasa.generation.embedded.units import split


class Features:
    """States of units at half precision, and a vector for each text.

    Args:
        bundled: the frozen encoder.
        pieces: the word pieces.
        exact: whether to compute and keep in full precision.
    """

    def __init__(self, bundled: BundledEncoder, pieces: PieceTable, exact: bool = False) -> None:
        self._bundled = bundled
        self._mixed = half_precision("cpu") and not exact
        self._kept = torch.float32 if exact else torch.float16
        self._pieces = pieces
        self._states: dict[tuple[str, ...], Tensor] = {}
        self._vectors: dict[tuple[str, ...], np.ndarray] = {}
        self._words: dict[str, Tensor] = {}

    def keys(self, text: str) -> tuple[str, ...]:
        """The units of a text that are read."""
        return tuple(unit.key for unit in self._pieces.fitting(split(text)))

    def add(self, texts: Iterable[str], title: str, batch: int = 64) -> None:
        """Computes what is not there yet, with a progress bar."""
        new = sorted({self.keys(text) for text in texts} - self._states.keys(), key=lambda keys: (len(keys), keys))
        with tqdm(total=len(new), desc=title, unit="text") as bar:
            for start in range(0, len(new), batch):
                part = new[start : start + batch]
                self._compute(part)
                bar.update(len(part))

    @torch.no_grad()
    def _compute(self, part: Sequence[tuple[str, ...]]) -> None:
        ids, mask, _ = self._pieces.lay_out(part)
        with torch.autocast("cpu", torch.bfloat16, enabled=self._mixed):
            states, vectors = self._bundled(torch.from_numpy(ids), torch.from_numpy(mask))
        states, vectors = states.float(), vectors.float()
        for row, keys in enumerate(part):
            lengths = [1, *(len(self._pieces.pieces_of(key)) for key in keys)]
            parts = states[row, : sum(lengths)].split(lengths)
            self._states[keys] = torch.stack([piece.mean(0) for piece in parts]).to(self._kept)
            self._vectors[keys] = vectors[row].numpy()

    def cosine(self, first: str, second: str) -> float:
        """How near two texts are that have been added."""
        return float(self._vectors[self.keys(first)] @ self._vectors[self.keys(second)])

    def similarities(self, source: Source) -> Tensor:
        """See `model.similarities`."""
        vectors = [self._vectors[tuple(unit.key for unit in item.units)] for item in source.segments]
        kinds = torch.tensor([int(item.kind) for item in source.segments])
        return similarities(torch.from_numpy(np.stack(vectors)), kinds, torch.from_numpy(source.owners))

    def states(self, source: Source) -> Tensor:
        """(positions, width) of a source whose segments have been added."""
        return torch.cat([self._states[tuple(unit.key for unit in item.units)] for item in source.segments]).float()

    def words(self, source: Source) -> Tensor:
        """(positions, width): the mean of each unit's word embeddings; zero for a mark."""
        return torch.stack([self.word(key) for key in source.keys])

    def word(self, key: str) -> Tensor:
        """The mean of a unit's word embeddings."""
        if key not in self._words:
            table = self._bundled.words.weight
            ids = list(self._pieces.pieces_of(key)) if key else []
            self._words[key] = table[ids].mean(0) if ids else torch.zeros(table.shape[1])
        return self._words[key]
