"""Exports graphs that name their weights instead of holding them."""

import tempfile
import warnings
from pathlib import Path
from typing import Any

import torch
from torch import nn

_OPSET = 17


def export_graph(
    module: nn.Module, inputs: dict[str, Any], outputs: dict[str, Any], file: Path, named: tuple[str, ...]
) -> None:
    """Exports a graph; `encoders.onnx_session.open_session` opens it.

    Args:
        module: what is exported.
        inputs: by name, in order: an example, and names of the dimensions that vary.
        outputs: by name, in order: names of the dimensions that vary.
        file: where to.
        named: prefixes of the weights that are named.
    """
    import onnx
    from onnx import external_data_helper

    axes = {name: value[1] for name, value in inputs.items()} | outputs
    with tempfile.TemporaryDirectory() as name, torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        target = Path(name) / "graph.onnx"
        torch.onnx.export(
            module.eval(),
            tuple(value[0] for value in inputs.values()),
            str(target),
            input_names=list(inputs),
            output_names=list(outputs),
            dynamic_axes=axes,
            opset_version=_OPSET,
            do_constant_folding=False,
            dynamo=False,
        )
        graph = onnx.load(str(target))
    for tensor in graph.graph.initializer:
        if tensor.name.startswith(named):
            tensor.raw_data = b""
            external_data_helper.set_external_data(tensor, "weights")
            tensor.ClearField("raw_data")
            tensor.ClearField("float_data")
    onnx.save(graph, str(file))
