"""How well products are found: the labelled queries over the electronics catalogue, and how long a search takes.

Three engines are compared in the same run, on the same index: all fused, vectors alone and BM25 alone (the fusion's
other weights at 0). Once the query is read by all three, so that they differ in ranking alone; once it is taken as it
is, as a plain vector search or a plain BM25 search would take it.
All weights and rules were chosen on the split 'tune'; 'test' is used for this table and nothing else.
"""

import sys
import tempfile
import time
from argparse import Namespace
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
from relevance import Judge, LabelledQuery, ndcg, read_queries, recall
from tqdm import tqdm

from shopllm_rasa.catalog import read_catalog
from shopllm_rasa.retrieval import ProductIndex, fusion
from shopllm_rasa.retrieval.fusion import Weights
from shopllm_rasa.retrieval.product_search import search_products

TITLE = "The right product"
SPLITS = ("tune", "test")
SHOWN = 10
CONSTRAINED = 5
ENGINES = {"fused": fusion.WEIGHTS, "vectors alone": Weights(1, 0, 0), "BM25 alone": Weights(0, 1, 0)}
READ, RAW = "query read", "query as it is"
SMOKE_QUERIES = 12
INDEX = Path(__file__).parent.parent / ".shopllm" / "bench-quality"

Answer = tuple[list[str], tuple[str, ...]]


def measure(options: Namespace) -> dict[str, Any]:
    products = list(read_catalog(options.catalog, currency="USD"))
    queries = read_queries()
    if options.smoke:
        products, queries = products[::10], queries[:SMOKE_QUERIES]
    row_of = {product.id: row for row, product in enumerate(products)}
    judge = Judge(products)
    grades = {query.id: judge.grades(query) for query in queries}
    queries = [query for query in queries if grades[query.id].any()]
    musts = {query.id: judge.fulfil(query.must) for query in queries if query.must}
    with tempfile.TemporaryDirectory() as folder:
        # The index is kept, so that a later run embeds only what has changed.
        index = ProductIndex.build(products, Path(folder) / "index" if options.smoke else INDEX, progress=True)
        rows: list[dict[str, Any]] = []
        kinds: dict[str, dict[str, dict[str, float]]] = {}
        for way, search in ((READ, _read_search(index)), (RAW, _raw_search(index))):
            for engine, weights in ENGINES.items():
                with patch.object(fusion, "WEIGHTS", weights):
                    ranked, relaxed, seconds = _answers(queries, search, f"{engine}, {way}")
                found = {key: [row_of[item] for item in ids] for key, ids in ranked.items()}
                for split in SPLITS:
                    some = [query for query in queries if query.split == split]
                    rows.append(
                        {
                            "engine": engine,
                            "way": way,
                            "split": split,
                            "queries": len(some),
                            "ndcg": float(np.mean([ndcg(found[q.id], grades[q.id], SHOWN) for q in some])),
                            "recall": float(np.mean([recall(found[q.id], grades[q.id], SHOWN) for q in some])),
                            **_satisfaction(some, musts, found, relaxed),
                            "p50_ms": float(np.percentile([seconds[q.id] for q in some], 50)) * 1000,
                            "p95_ms": float(np.percentile([seconds[q.id] for q in some], 95)) * 1000,
                        }
                    )
                    if way == READ:
                        kinds.setdefault(split, {})[engine] = _by_kind(some, found, grades)
        reading = _reading_seconds(index, queries)
    return {"rows": rows, "kinds": kinds, "products": len(products), "reading_ms": reading}


def _read_search(index: ProductIndex) -> Callable[[str], Answer]:
    index.reader.read("the first query reads the names")

    def search(text: str) -> Answer:
        result = search_products(index, index.reader.read(text), SHOWN)
        return [hit.product.id for hit in result.hits], result.relaxed

    return search


def _raw_search(index: ProductIndex) -> Callable[[str], Answer]:
    return lambda text: ([hit.product.id for hit in index.retrieve(text, SHOWN)], ())


def _answers(
    queries: list[LabelledQuery], search: Callable[[str], Answer], title: str
) -> tuple[dict[str, list[str]], dict[str, tuple[str, ...]], dict[str, float]]:
    ranked, relaxed, seconds = {}, {}, {}
    for query in queries[:3]:
        search(query.text)
    for query in tqdm(queries, desc=title, file=sys.stderr):
        with _clock() as elapsed:
            ranked[query.id], relaxed[query.id] = search(query.text)
        seconds[query.id] = elapsed[0]
    return ranked, relaxed, seconds


@contextmanager
def _clock() -> Iterator[list[float]]:
    elapsed = [0.0]
    started = time.perf_counter()
    yield elapsed
    elapsed[0] = time.perf_counter() - started


def _satisfaction(
    queries: list[LabelledQuery],
    musts: dict[str, np.ndarray],
    found: dict[str, list[int]],
    relaxed: dict[str, tuple[str, ...]],
) -> dict[str, Any]:
    """The share of the first five that break nothing the shopper insisted on, where nothing was given up."""
    asked = [query for query in queries if query.id in musts]
    kept = [query for query in asked if not relaxed[query.id]]
    held = [bool(musts[query.id][row]) for query in kept for row in found[query.id][:CONSTRAINED]]
    return {
        "constrained": len(asked),
        "given_up": len(asked) - len(kept),
        "satisfied": sum(held) / len(held) if held else None,
    }


def _by_kind(
    queries: list[LabelledQuery], found: dict[str, list[int]], grades: dict[str, np.ndarray]
) -> dict[str, float]:
    values = defaultdict(list)
    for query in queries:
        values[query.kind].append(ndcg(found[query.id], grades[query.id], SHOWN))
    return {kind: float(np.mean(some)) for kind, some in values.items()}


def _reading_seconds(index: ProductIndex, queries: list[LabelledQuery]) -> dict[str, float]:
    times = []
    for query in queries:
        with _clock() as elapsed:
            index.reader.read(query.text)
        times.append(elapsed[0] * 1000)
    return {"p50": float(np.percentile(times, 50)), "p95": float(np.percentile(times, 95))}


def page(figures: dict[str, Any]) -> list[str]:
    rows = figures["rows"]
    count = {split: next(row["queries"] for row in rows if row["split"] == split) for split in SPLITS}
    lines = [
        f"{sum(count.values())} queries of shoppers over {figures['products']:,} real products (phones and what",
        f"belongs to them), {count['tune']} to tune on and {count['test']} kept out; what is right for each is decided",
        "by the catalogue's fields, never by a search (`benchmarks/relevance.py`). nDCG@10 has the gain 2^grade - 1.",
        "Recall@10 counts the products of the highest grade, of as many as ten places could hold. Constraints are",
        "price, brand and exclusions; a query counts where nothing was given up. The feed knows no stock and no stars.",
        "",
        "| engine | query | split | nDCG@10 | recall@10 | constraints kept in the first 5 | p50 | p95 |",
        "|---|---|---|---:|---:|---:|---:|---:|",
    ]
    for row in rows:
        satisfied = "" if row["satisfied"] is None else f"{row['satisfied']:.1%} of {row['constrained']} queries"
        lines.append(
            f"| {row['engine']} | {row['way'].removeprefix('query ')} | {row['split']} | {row['ndcg']:.3f}"
            f" | {row['recall']:.3f} | {satisfied} | {row['p50_ms']:.1f} ms | {row['p95_ms']:.1f} ms |"
        )
    lines.append("")
    for way in (READ, RAW):
        fused, dense, words = (_ndcg(rows, engine, way) for engine in ENGINES)
        lines += [
            f"With the {way}, on the test queries, fused is {fused / dense - 1:+.1%} above vectors alone and",
            f"{fused / words - 1:+.1%} above BM25 alone.",
        ]
    plain = [_ndcg(rows, engine, RAW) for engine in list(ENGINES)[1:]]
    whole = _ndcg(rows, "fused", READ)
    lines += [
        f"Reading and fusing together are {whole / plain[0] - 1:+.1%} above a plain vector search and",
        f"{whole / plain[1] - 1:+.1%} above a plain BM25 search.",
    ]
    given_up = sum(row["given_up"] for row in rows if row["engine"] == "fused" and row["way"] == READ)
    lines += [
        f"Reading a query takes {figures['reading_ms']['p50']:.1f} ms (p95 {figures['reading_ms']['p95']:.1f} ms).",
        f"In {given_up} queries with constraints something was given up.",
        "",
        "nDCG@10 by the kind of query, with the query read:",
        "",
    ]
    names = [f"{engine}, {split}" for split in SPLITS for engine in ENGINES]
    lines += [f"| kind | {' | '.join(names)} |", f"|---|{'---:|' * len(names)}"]
    for kind in figures["kinds"]["tune"]["fused"]:
        cells = [figures["kinds"][split][engine].get(kind) for split in SPLITS for engine in ENGINES]
        lines.append(f"| {kind} | {' | '.join('' if cell is None else f'{cell:.3f}' for cell in cells)} |")
    return lines


def _ndcg(rows: list[dict[str, Any]], engine: str, way: str) -> float:
    return next(row["ndcg"] for row in rows if (row["engine"], row["way"], row["split"]) == (engine, way, "test"))
