"""ONNX Runtime sessions whose graphs name their weights instead of holding them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np


def open_session(graph: Path, weights: Mapping[str, np.ndarray], threads: int, *, spinning: bool = True) -> Any:
    """Opens a graph on the CPU and hands it its weights, which stay their only copy.

    Args:
        graph: the file of the graph.
        weights: by the names that the graph uses.
        threads: CPU threads of one run.
        spinning: whether waiting threads keep their core, which makes long runs faster, or sleep.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    if not spinning:
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    # Without the arena, memory for a long text goes back to the system after it.
    options.enable_cpu_mem_arena = False
    options.log_severity_level = 3
    options.add_external_initializers(
        list(weights), [onnxruntime.OrtValue.ortvalue_from_numpy(value) for value in weights.values()]
    )
    return onnxruntime.InferenceSession(str(graph), options, providers=["CPUExecutionProvider"])
