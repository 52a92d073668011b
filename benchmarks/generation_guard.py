"""Measures the guard's errors on replies corrupted by hand and on sound ones.

Usage: python benchmarks/generation_guard.py --index .shopllm/index [--show tune]

Each case of data/guard_cases.jsonl names the section or products that its reply was written from; the evidence is that
and three more sections of the same page. The guard's limits were chosen on the split `tune` alone.
"""

import argparse
import json
from collections import Counter
from pathlib import Path
from typing import Any

from shopllm_rasa.catalog import read_catalog
from shopllm_rasa.generation.evidence import evidence_lines
from shopllm_rasa.generation.guard import GroundingGuard, Verdict
from shopllm_rasa.retrieval import ProductIndex
from shopllm_rasa.retrieval.knowledge import read_knowledge

ROOT = Path(__file__).parent.parent
CASES = Path(__file__).parent / "data" / "guard_cases.jsonl"
NEIGHBOURS = 3


def read_cases() -> list[dict[str, Any]]:
    return [json.loads(line) for line in CASES.read_text(encoding="utf-8").splitlines()]


def verdicts(index: ProductIndex, rows: list[dict[str, Any]]) -> list[Verdict]:
    """The guard's verdict on each case."""
    products = {product.id: product for product in read_catalog(ROOT / "data" / "catalog" / "products.jsonl")}
    passages = read_knowledge(ROOT / "data" / "knowledge")
    names = {name for product in products.values() for name in (product.brand, product.name) if name}
    guard = GroundingGuard(index.encoder, names, ("Juniper & Vale",))
    found = []
    for row in rows:
        chosen = [passage for passage in passages if passage.source in row.get("passages", ())]
        pages = {passage.page for passage in chosen}
        chosen += [item for item in passages if item.page in pages and item not in chosen][:NEIGHBOURS]
        lines = evidence_lines(chosen, [products[key] for key in row.get("products", ())])
        found.append(guard.check(row["reply"], lines))
    return found


def figures(rows: list[dict[str, Any]], found: list[Verdict]) -> list[tuple[str, int, int, int, int]]:
    """A row a split: corrupted, of them let through, sound, of them refused."""
    table = []
    for split in ("tune", "test"):
        pairs = [(row, verdict) for row, verdict in zip(rows, found, strict=True) if row["split"] == split]
        corrupted = [verdict for row, verdict in pairs if not row["supported"]]
        sound = [verdict for row, verdict in pairs if row["supported"]]
        missed, refused = sum(v.supported for v in corrupted), sum(not v.supported for v in sound)
        table.append((split, len(corrupted), missed, len(sound), refused))
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--index", default=".shopllm/index", help="an index of the demo shop")
    parser.add_argument("--show", choices=("tune",), help="print the wrong verdicts of a split")
    options = parser.parse_args()
    rows = read_cases()
    found = verdicts(ProductIndex.open(options.index), rows)
    print("| split | corrupted | let through | sound | refused |\n|---|---:|---:|---:|---:|")
    for row in figures(rows, found):
        print("| " + " | ".join(map(str, row)) + " |")
    missed = Counter(row["kind"] for row, verdict in zip(rows, found, strict=True) if verdict.supported)
    print("let through, by kind:", {kind: count for kind, count in missed.items() if kind != "clean"})
    for row, verdict in zip(rows, found, strict=True):
        if row["split"] == options.show and row["supported"] != verdict.supported:
            print(row["kind"], "|", row["reply"], "|", [(item.kind, item.text) for item in verdict.problems])


if __name__ == "__main__":
    main()
