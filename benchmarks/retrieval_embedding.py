"""Embedding throughput against sentence-transformers, on the same texts in turns."""

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from retrieval_catalog import real_products
from sentence_transformers import SentenceTransformer

from shopllm_rasa.encoders.export import load_model
from shopllm_rasa.retrieval.bulk_encoder import BulkEncoder
from shopllm_rasa.retrieval.index_directory import IndexDirectory

TITLE = "Embedding"
_TURN = 256


def measure(options: argparse.Namespace) -> dict[str, Any]:
    texts = list(dict.fromkeys(product.search_text for product in real_products(options)))
    texts = texts[:: 16 if options.smoke else 8]
    model = load_model("default")
    with tempfile.TemporaryDirectory() as folder:
        encoder = IndexDirectory(Path(folder) / "index").prepare_encoder("default", threads=2)
        bulk = BulkEncoder(encoder, "int8")
        bulk.encode(texts[:_TURN], len(texts))
        return _compared(texts, model, lambda batch: bulk.encode(batch, len(texts)), encoder.encode)


def _compared(texts: list[str], model: SentenceTransformer, *ours: Callable[[list[str]], np.ndarray]) -> dict[str, Any]:
    """Seconds of each way; they take turns, so that other load on the machine meets all of them."""
    ways = {"sentence-transformers": model.encode, "int8": ours[0], "fp32": ours[1]}
    seconds = dict.fromkeys(ways, 0.0)
    cpu = dict.fromkeys(ways, 0.0)
    cosines: dict[str, list[np.ndarray]] = {"int8": [], "fp32": []}
    for start in range(0, len(texts), _TURN):
        batch = texts[start : start + _TURN]
        vectors = {}
        for name, encode in ways.items():
            wall, used = time.perf_counter(), time.process_time()
            vectors[name] = encode(batch)
            seconds[name] += time.perf_counter() - wall
            cpu[name] += time.process_time() - used
        for name, found in cosines.items():
            found.append((vectors[name] * vectors["sentence-transformers"]).sum(axis=1))
    joined = {name: np.concatenate(found) for name, found in cosines.items()}
    return {
        "texts": len(texts),
        "seconds": seconds,
        "cpu_seconds": cpu,
        "lowest_cosine": {name: float(values.min()) for name, values in joined.items()},
        "mean_cosine": {name: float(values.mean()) for name, values in joined.items()},
    }


def page(figures: dict[str, Any]) -> list[str]:
    theirs, theirs_cpu = (figures[name]["sentence-transformers"] for name in ("seconds", "cpu_seconds"))
    lines = [
        f"{figures['texts']} different product texts of the electronics catalogue, against",
        f"`SentenceTransformer.encode` with its defaults; the ways took turns of {_TURN} texts. An index of many",
        "products is embedded in int8, queries in fp32.",
        "",
        "| | texts a second | ratio | ratio in CPU time | lowest cosine | mean cosine |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for name, seconds in figures["seconds"].items():
        cosines = [figures[kind].get(name) for kind in ("lowest_cosine", "mean_cosine")]
        shown = " | ".join(f"{value:.4f}" if value else "" for value in cosines)
        ratio, ratio_cpu = theirs / seconds, theirs_cpu / figures["cpu_seconds"][name]
        lines.append(f"| {name} | {figures['texts'] / seconds:.0f} | {ratio:.2f} | {ratio_cpu:.2f} | {shown} |")
    return lines
