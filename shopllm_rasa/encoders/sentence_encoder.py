"""Turns texts into vectors with ONNX Runtime; neither PyTorch nor transformers is imported."""

import json
import threading
import weakref
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from shopllm_rasa.encoders.onnx_session import open_session
from shopllm_rasa.errors import EncoderError
from shopllm_rasa.storage import sha256_of

GRAPH_FILE = "graph.onnx"
WEIGHTS_FILE = "weights.safetensors"
TOKENIZER_FILE = "tokenizer.json"
INFO_FILE = "encoder.json"
FORMAT_VERSION = 1


@dataclass(frozen=True)
class EncoderInfo:
    """What an encoder folder says of itself.

    Attributes:
        model: the name it was exported under: 'default', a Hugging Face name or a folder.
        fingerprint: SHA-256 of weights, graph and tokenizer, in hex.
        dimensions: length of a vector.
        max_length: tokens of a text that are read; the rest is cut.
        pad_token_id: the tokenizer's padding token.
        prefix: put before every text; some models were trained with one, such as 'query: '.
        precision: of the matrix products: 'fp32', or 'int8' after dynamic quantisation.
    """

    model: str
    fingerprint: str
    dimensions: int
    max_length: int
    pad_token_id: int
    prefix: str = ""
    precision: str = "fp32"
    format_version: int = FORMAT_VERSION


class SentenceEncoder:
    """A sentence encoder that was exported by `export_encoder`.

    Example:
        >>> encoder = SentenceEncoder.open("index/encoder")
        >>> encoder.encode(["wireless headphones"]).shape
        (1, 384)
    """

    def __init__(self, folder: Path, info: EncoderInfo, engine: "_Engine") -> None:
        self.folder = folder
        self.info = info
        self._engine = engine

    @classmethod
    def open(cls, folder: str | Path, threads: int = 2) -> "SentenceEncoder":
        """Loads an exported encoder; the weights are in memory once a process, however often they are opened.

        Args:
            folder: what `export_encoder` wrote.
            threads: CPU threads one call may use.

        Raises:
            EncoderError: if the folder is missing, incomplete or damaged.
        """
        folder = Path(folder)
        info = read_info(folder)
        if fingerprint(folder) != info.fingerprint:
            raise EncoderError(f"The encoder in '{folder}' cannot be loaded: a file is not what was written.")
        try:
            return cls(folder, info, _shared_engine(folder, info, threads))
        except Exception as error:  # ONNX Runtime, tokenizers and safetensors each raise their own kinds
            raise EncoderError(f"The encoder in '{folder}' cannot be loaded: {error}") from error

    @property
    def threads(self) -> int:
        """CPU threads one call may use."""
        return self._engine.threads

    def is_word(self, word: str) -> bool:
        """Whether the tokenizer has the lower-case word whole: rare words and typos fall into pieces."""
        return self._engine.tokenizer.token_to_id(word) is not None

    def encode(self, texts: Sequence[str], batch_size: int = 32, progress: str | None = None) -> np.ndarray:
        """Embeds texts.

        Args:
            texts: any number of texts, each cut at `info.max_length` tokens.
            batch_size: texts in one pass; texts of like length go together, so that little is padded.
            progress: the title of a progress bar on standard error; none without it.

        Returns:
            float32 of shape (len(texts), dimensions), each row of length 1.
        """
        vectors = np.zeros((len(texts), self.info.dimensions), dtype=np.float32)
        order = sorted(range(len(texts)), key=lambda row: len(texts[row]))
        with tqdm(total=len(texts), desc=progress, disable=progress is None, unit="text") as bar:
            for start in range(0, len(order), batch_size):
                rows = order[start : start + batch_size]
                vectors[rows] = self._encode_batch([texts[row] for row in rows])
                bar.update(len(rows))
        return vectors

    def _encode_batch(self, texts: Sequence[str]) -> np.ndarray:
        vectors = self._engine.run([self.info.prefix + text for text in texts])
        norms = np.linalg.norm(vectors, axis=1, keepdims=True)
        return vectors / np.maximum(norms, 1e-12)


class _Engine:
    """Tokenizer and ONNX session: the heavy part, which encoders of the same weights share."""

    def __init__(self, folder: Path, info: EncoderInfo, threads: int) -> None:
        from safetensors.numpy import load_file
        from tokenizers import Tokenizer

        self.threads = threads
        self.tokenizer = Tokenizer.from_file(str(folder / TOKENIZER_FILE))
        self.tokenizer.enable_truncation(info.max_length)
        self.tokenizer.enable_padding(pad_id=info.pad_token_id)
        self._session = open_session(folder / GRAPH_FILE, load_file(folder / WEIGHTS_FILE), threads)

    def run(self, texts: Sequence[str]) -> Any:
        # The tokenizer refuses halves of characters (lone surrogates), which JSON and command lines can carry.
        encodings = self.tokenizer.encode_batch([text.encode("utf-8", "replace").decode() for text in texts])
        inputs = {
            "input_ids": np.array([e.ids for e in encodings], dtype=np.int64),
            "attention_mask": np.array([e.attention_mask for e in encodings], dtype=np.int64),
        }
        (vectors,) = self._session.run(["embedding"], inputs)
        return vectors


_engines: "weakref.WeakValueDictionary[tuple[Any, ...], _Engine]" = weakref.WeakValueDictionary()
_engines_lock = threading.Lock()


def _shared_engine(folder: Path, info: EncoderInfo, threads: int) -> _Engine:
    key = (info.fingerprint, info.max_length, threads)
    with _engines_lock:
        engine = _engines.get(key)
        if engine is None:
            engine = _Engine(folder, info, threads)
            _engines[key] = engine
        return engine


def fingerprint(folder: Path) -> str:
    """The SHA-256 of an encoder's weights, graph and tokenizer, in hex."""
    return sha256_of(folder / WEIGHTS_FILE, folder / GRAPH_FILE, folder / TOKENIZER_FILE)


def read_info(folder: Path) -> EncoderInfo:
    """Reads what an encoder folder says of itself.

    Raises:
        EncoderError: if a file is missing or the folder has another format.
    """
    missing = [name for name in (INFO_FILE, GRAPH_FILE, WEIGHTS_FILE, TOKENIZER_FILE) if not (folder / name).is_file()]
    if missing:
        raise EncoderError(f"The encoder in '{folder}' lacks {', '.join(missing)}.")
    try:
        info = EncoderInfo(**json.loads((folder / INFO_FILE).read_text(encoding="utf-8")))
    except (ValueError, TypeError) as error:
        raise EncoderError(f"'{folder / INFO_FILE}' is damaged: {error}") from None
    if info.format_version != FORMAT_VERSION:
        raise EncoderError(
            f"The encoder in '{folder}' has format {info.format_version}; this version reads {FORMAT_VERSION}."
        )
    return info
