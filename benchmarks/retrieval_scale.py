"""What the parts of one size share: builds an index, opens it in a process of its own, searches it."""

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from retrieval_catalog import QUERIES, exact_rows, folder_bytes, perturb_vectors, products_like, real_products

from shopllm_rasa.catalog import Product
from shopllm_rasa.retrieval import Filters, ProductIndex
from shopllm_rasa.retrieval.bulk_encoder import BulkEncoder
from shopllm_rasa.retrieval.index_directory import IndexDirectory
from shopllm_rasa.settings import VectorSettings

K = 10
FILTERS: dict[str, dict[str, Any]] = {
    "no filter": {},
    "two filters (price, stock)": {"price_max": 120, "in_stock": True},
    "a filter that keeps 10 %": {"attributes": {"colour": "red"}},
    "filters that keep 1 %": {"attributes": {"colour": "red"}, "min_rating": 4.7},
}


def measure_size(options: argparse.Namespace, count: int, description_characters: int | None = None) -> dict[str, Any]:
    """Builds and measures an index of so many products."""
    folder = Path(tempfile.mkdtemp(prefix="bench-retrieval-"))
    try:
        real = real_products(options)
        per_text = _embedding_seconds(folder, real)
        perturb_vectors(real)
        started, used = time.perf_counter(), time.process_time()
        products = products_like(real, count, description_characters=description_characters)
        index = ProductIndex.build(products, folder / "index", progress=True, vectors=VectorSettings(precision="fp32"))
        figures = {
            "products": count,
            "embedding_cpu_seconds_a_text": per_text,
            "described": description_characters != 0,
            "store": index.stats()["store"],
            "build_seconds": time.perf_counter() - started,
            "build_cpu_seconds": time.process_time() - used,
            "build_peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
            "disk_bytes": folder_bytes(index._part.folder),
        }
        figures["upsert"] = _upsert(index, real, count, description_characters)
        index.close()
        done = subprocess.run([sys.executable, __file__, str(folder / "index")], check=True, stdout=subprocess.PIPE)
        return {**figures, **json.loads(done.stdout)}
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _embedding_seconds(folder: Path, real: list[Product]) -> float:
    """CPU seconds to embed one product's text, in the way a build does."""
    texts = [product.search_text for product in real[::40]]
    bulk = BulkEncoder(IndexDirectory(folder / "index").prepare_encoder("default"), "int8")
    bulk.encode(texts[:16], len(texts))
    used = time.process_time()
    bulk.encode(texts, len(texts))
    return (time.process_time() - used) / len(texts)


def _upsert(
    index: ProductIndex, real: list[Product], count: int, description_characters: int | None
) -> dict[str, float]:
    """Replaces a hundredth of the products by ones with another text."""
    changed = list(products_like(real, count // 100, seed=2, description_characters=description_characters))
    started, used = time.perf_counter(), time.process_time()
    index.upsert(changed)
    return {
        "products": len(changed),
        "seconds": time.perf_counter() - started,
        "cpu_seconds": time.process_time() - used,
    }


def _memory() -> dict[str, int]:
    """Bytes in memory: of this process alone, and with the mapped pages that it has read."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    values = {
        name: int(value.split()[0]) * 1024 for name, value in (line.split(":", 1) for line in lines if "kB" in line)
    }
    return {"own": values["RssAnon"], "all": values["VmRSS"]}


def searched(path: Path) -> dict[str, Any]:
    """Opens an index and searches it; run in a process that did not build it."""
    import faiss  # noqa: F401 - loaded before memory is looked at
    import onnxruntime  # noqa: F401

    from shopllm_rasa.encoders import SentenceEncoder

    manifest = json.loads((path / "manifest.json").read_text(encoding="utf-8"))
    encoder = SentenceEncoder.open(path / manifest["encoder_folder"])
    vectors = encoder.encode(list(QUERIES))
    before = _memory()
    started = time.perf_counter()
    index = ProductIndex.open(path)
    open_seconds = time.perf_counter() - started
    opened = _memory()
    rows: dict[str, Any] = {}
    for name, values in FILTERS.items():
        filters = Filters.from_dict(values)
        for query in QUERIES[:5]:
            index.retrieve(query, K, filters)
        wall, cpu = [], []
        for query in QUERIES * 5:
            started, used = time.perf_counter(), time.process_time()
            index.retrieve(query, K, filters)
            cpu.append((time.process_time() - used) * 1000)
            wall.append((time.perf_counter() - started) * 1000)
        rows[name] = {"searches": len(wall)}
        for what, values_ms in (("", wall), ("cpu_", cpu)):
            p50, p95 = np.percentile(values_ms, [50, 95])
            rows[name] |= {f"{what}p50_ms": float(p50), f"{what}p95_ms": float(p95)}
    after = _memory()
    # What is compared exactly reads every vector, so it comes after memory was looked at.
    row_of = index._part.table.rows_of
    for name, values in FILTERS.items():
        filters = Filters.from_dict(values)
        mask = index._part.columns.allowed(filters)
        share = 1.0 if mask is None else float(mask.mean())
        found = wanted = 0
        for vector in vectors:
            best = exact_rows(index, vector, K, mask)
            hits = row_of(hit.product.id for hit in index.search_vector(vector, K, filters))
            found += len(best & set(hits.values()))
            wanted += len(best)
        rows[name] |= {"share": share, "recall": found / wanted}
    return {
        "open_seconds": open_seconds,
        "memory_opened": {kind: opened[kind] - before[kind] for kind in opened},
        "memory_used": {kind: after[kind] - before[kind] for kind in after},
        "searches": rows,
        "load": os.getloadavg()[0],
    }


def page_of_size(figures: dict[str, Any]) -> list[str]:
    count = figures["products"]
    used = {kind: value / count for kind, value in figures["memory_used"].items()}
    upsert = figures["upsert"]
    per_text = figures["embedding_cpu_seconds_a_text"]
    build = figures["build_cpu_seconds"] + per_text * count
    share = (upsert["cpu_seconds"] + per_text * upsert["products"]) / build
    searches = sum(row["searches"] for row in figures["searches"].values())
    lines = [
        f"{count:,} products; their vectors are real ones moved to a cosine of about 0.9, each another way. Store:"
        f" `{figures['store']}`.{'' if figures['described'] else ' The products have no descriptions.'}",
        "",
        "Memory is what a process has gained since before it opened the index: its own is what no file stands behind"
        " (`RssAnon`); mapped pages are those of the index's files, which all processes share.",
        "",
        "| | |",
        "|---|---:|",
        f"| build without embedding | {figures['build_seconds']:.0f} s"
        f" ({figures['build_cpu_seconds']:.0f} s of CPU time) |",
        f"| replace {upsert['products']:,} products by ones with another text, without embedding |"
        f" {upsert['seconds']:.1f} s ({upsert['cpu_seconds']:.1f} s of CPU time) |",
        f"| the same as a share of the build, embedding included ({per_text * 1000:.1f} ms a text), in CPU time |"
        f" {share * 100:.1f} % |",
        f"| open | {figures['open_seconds']:.2f} s |",
        f"| on disk | {figures['disk_bytes'] / count:,.0f} bytes a product |",
        f"| in memory after {searches} searches, the process's own | {used['own']:,.0f} bytes a product |",
        f"| in memory with the mapped pages that were read, which the system may let go |"
        f" {used['all']:,.0f} bytes a product |",
        "",
        f"Hybrid search of {len(QUERIES)} queries, embedding included, {K} results (the machine's load was"
        f" {figures['load']:.1f}); recall of the nearest vectors against comparing all.",
        "",
        f"| | products kept | p50 | p95 | CPU time p50 | p95 | recall@{K} |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    for name, row in figures["searches"].items():
        times = (row.get(key) for key in ("p50_ms", "p95_ms", "cpu_p50_ms", "cpu_p95_ms"))
        shown = " | ".join("not measured" if value is None else f"{value:.1f} ms" for value in times)
        lines.append(f"| {name} | {row['share'] * 100:.1f} % | {shown} | {row['recall']:.3f} |")
    return lines


if __name__ == "__main__":
    print(json.dumps(searched(Path(sys.argv[1]))))
