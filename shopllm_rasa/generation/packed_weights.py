"""Weights of models that ship with the package, as int8."""

from pathlib import Path

import numpy as np

_SCALE_SUFFIX = ".scale"


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
