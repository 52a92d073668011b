"""Embeds many texts fast: in int8, where that gives nearly the same vectors."""

import contextlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from shopllm_rasa.encoders import SentenceEncoder
from shopllm_rasa.errors import EncoderError
from shopllm_rasa.storage import new_directory

logger = logging.getLogger(__name__)

# Below, making and loading a second encoder costs more than it saves.
INT8_FROM = 2_000
# Of the int8 vector of a text with its exact one, for each text of a sample.
MIN_COSINE = 0.99
_SAMPLE = 64
_FOLDER = "int8"


@dataclass
class CosineCheck:
    """Whether int8 vectors are near enough to the exact ones; a `QuantizationCheck` of the export."""

    texts: list[str]

    def complaint(self, exact: np.ndarray, quantized: np.ndarray) -> str | None:
        """Names the lowest cosine where it is too low."""
        lowest = float((exact * quantized).sum(axis=1).min())
        return None if lowest >= MIN_COSINE else f"of {len(exact)} texts one has a cosine of {lowest:.4f}"


class BulkEncoder:
    """Chooses for a number of texts between an index's encoder and its int8 form.

    The int8 form lies in the encoder's folder and is made when it is first needed. A sample of the texts decides
    whether it is good enough; long product texts are, single words often are not. Queries are always embedded exactly.
    """

    def __init__(self, encoder: SentenceEncoder, precision: str) -> None:
        """Takes the exact encoder, and 'auto' (by the number of texts), 'fp32' or 'int8'."""
        self._exact = encoder
        self._precision = precision
        self._fast: SentenceEncoder | None = None

    def encode(self, texts: Sequence[str], together: int) -> np.ndarray:
        """Embeds some of the `together` texts that are to be embedded; see `SentenceEncoder.encode`."""
        return self._chosen(texts, together).encode(texts)

    def _chosen(self, texts: Sequence[str], together: int) -> SentenceEncoder:
        if self._precision == "fp32" or (self._precision == "auto" and together < INT8_FROM):
            return self._exact
        if self._fast is None:
            self._fast = self._open() or self._make(texts) or self._exact
        return self._fast

    def _open(self) -> SentenceEncoder | None:
        try:
            return SentenceEncoder.open(self._exact.folder / _FOLDER, self._exact.threads)
        except EncoderError:
            return None

    def _make(self, texts: Sequence[str]) -> SentenceEncoder | None:
        from shopllm_rasa.encoders.export import export_encoder, load_model

        info = self._exact.info
        check = CosineCheck(list(texts[:: max(1, len(texts) // _SAMPLE)]))
        with contextlib.suppress(_Inexact), new_directory(self._exact.folder / _FOLDER) as folder:
            made = export_encoder(load_model(info.model), folder, info.model, info.prefix, check, careful=True)
            if made.precision != "int8":
                raise _Inexact
        return self._open()


class _Inexact(Exception):
    """The int8 form is not good enough."""
