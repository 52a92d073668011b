"""kill -9 while an index is built, added to and swapped; two writers at once."""

import argparse
import os
import random
import shutil
import signal
import tempfile
import time
import traceback
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import bm25s  # noqa: F401 - what processes would import one after another is imported before they part
import faiss  # noqa: F401
import numpy as np
from retrieval_catalog import products_like, real_products
from tqdm import tqdm

from shopllm_rasa.catalog import Product
from shopllm_rasa.encoders import SentenceEncoder
from shopllm_rasa.encoders.sentence_encoder import read_info
from shopllm_rasa.retrieval import ProductIndex
from shopllm_rasa.retrieval.exact_vectors import text_keys
from shopllm_rasa.retrieval.index_directory import IndexDirectory

TITLE = "Crashes and two writers"
KILLS = 50
_ADDS = 8


def measure(options: argparse.Namespace) -> dict[str, Any]:
    kills = 3 if options.smoke else KILLS
    products = list(products_like(real_products(options), 400))
    small = products[:5]
    folder = Path(tempfile.mkdtemp(prefix="bench-retrieval-"))
    try:
        path = folder / "index"
        _in_child(lambda: ProductIndex.build(products[:1], path).close())
        _in_child(lambda: _built(path, products[:300]))
        shutil.copytree(path, folder / "small")
        _in_child(lambda: _built(folder / "small", small))
        figures = {
            "build": _killed(path, lambda: _built(path, products[: random.choice([200, 300])]), {200, 300}, kills),
            "add": _killed(path, lambda: _added(path, products), set(range(200, 401)), kills),
            "swap": _killed(folder / "small", lambda: _added(folder / "small", small), {5}, kills),
            "left_behind": len([entry for entry in path.iterdir() if entry.name.startswith(".products")]),
            "writers": _two_writers(path, products),
        }
        return {"kills": kills, **figures}
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _quick_vectors() -> None:
    """Instead of loading an encoder and embedding, which would leave little time for writing."""

    def encode(self: SentenceEncoder, texts: Any, *args: Any, **values: Any) -> np.ndarray:
        rows = [np.random.default_rng(int(key)).standard_normal(self.info.dimensions) for key in text_keys(texts)]
        vectors = np.array(rows, dtype=np.float32).reshape(-1, self.info.dimensions)
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)

    def opened(cls: type[SentenceEncoder], folder: Path, threads: int = 2) -> SentenceEncoder:
        return cls(folder, read_info(folder), SimpleNamespace(threads=threads))  # type: ignore[arg-type]

    SentenceEncoder.encode = encode  # type: ignore[method-assign]
    SentenceEncoder.open = classmethod(opened)  # type: ignore[assignment, method-assign]


def _built(path: Path, products: list[Product]) -> None:
    _quick_vectors()
    ProductIndex.build(products, path)


def _added(path: Path, products: list[Product]) -> None:
    _quick_vectors()
    some = random.sample(products, min(len(products), 100))
    ProductIndex.open(path).upsert([replace(item, name=f"{item.name} {random.random()}") for item in some])


def _child(work: Callable[[], None], ready: Callable[[], None] = lambda: None) -> int:
    """Starts a process that works; its exit status is 0 when it has done so."""
    number = os.fork()
    if number:
        return number
    status = 1
    try:
        random.seed(os.getpid())
        ready()
        work()
        status = 0
    except BaseException:  # noqa: BLE001 - it is printed, and the parent sees the status
        traceback.print_exc()
    finally:
        os._exit(status)


def _in_child(work: Callable[[], None]) -> None:
    _, status = os.waitpid(_child(work), 0)
    if status:
        raise SystemExit("a process of the benchmark failed; see above")


def _killed(path: Path, work: Callable[[], None], counts: set[int], kills: int) -> dict[str, int]:
    """Kills a process that changes the index again and again, at a random moment; looks at the index each time."""

    def forever() -> None:
        while True:
            work()

    def check() -> None:
        _quick_vectors()
        IndexDirectory(path).verify()
        index = ProductIndex.open(path)
        if len(index) not in counts or not index.retrieve("wireless headphones"):
            raise AssertionError(f"{len(index)} products")

    started = time.monotonic()
    _in_child(work)
    once = time.monotonic() - started
    whole = changed = 0
    for _ in tqdm(range(kills), desc=f"kill -9 in {path.name}"):
        before = IndexDirectory(path).version
        number = _child(forever)
        time.sleep(random.uniform(0, 2 * once))
        os.kill(number, signal.SIGKILL)
        os.waitpid(number, 0)
        changed += IndexDirectory(path).version != before
        _, status = os.waitpid(_child(check), 0)
        whole += status == 0
    # The next writer is not kept out and clears up.
    _in_child(work)
    return {"kills": kills, "whole": whole, "changed_before": changed}


def _two_writers(path: Path, products: list[Product]) -> dict[str, int]:
    """Two processes add products at once; every one has to be there afterwards."""

    def writer(name: str) -> Callable[[], None]:
        def work() -> None:
            _quick_vectors()
            index = ProductIndex.open(path)
            for number in range(_ADDS):
                index.upsert([replace(products[number], id=f"{name}-{number}")])

        return work

    numbers = [_child(writer("one")), _child(writer("other"))]
    failed = sum(os.waitpid(number, 0)[1] != 0 for number in numbers)
    count = 0

    def look() -> None:
        index = ProductIndex.open(path)
        found = [f"{name}-{number}" for name in ("one", "other") for number in range(_ADDS)]
        os._exit(sum(index.get(item) is not None for item in found))

    count = os.waitstatus_to_exitcode(os.waitpid(_child(look), 0)[1])
    return {"added": 2 * _ADDS, "found": count, "failed": failed}


def page(figures: dict[str, Any]) -> list[str]:
    lines = [
        "A process changes the index again and again and is killed with signal 9 at a random moment; then another",
        "opens the index, compares every checksum and searches. Vectors are made up, so most time goes to writing.",
        "*swap* is an index of five products, where most of the time goes into taking the new part into use.",
        "",
        "| | kills | index whole | the manifest had changed before the kill |",
        "|---|---:|---:|---:|",
    ]
    for name in ("build", "add", "swap"):
        row = figures[name]
        lines.append(f"| {name} | {row['kills']} | {row['whole']} | {row['changed_before']} |")
    writers = figures["writers"]
    lines += [
        "",
        f"Unfinished folders left after the next change: {figures['left_behind']}. Two processes that"
        f" added {writers['added'] // 2} products each, one by one, at the same time: {writers['found']} of"
        f" {writers['added']} are there, {writers['failed']} of the processes failed (one waits for the other).",
    ]
    return lines
