"""Measures generated replies and writes docs/benchmarks-generation.md: one table, one run.

Usage: make bench-generation
       make bench-generation BENCH_ARGS="--only quality,latency --backend extractive"

Parts: quality (both question sets), guard (its error rates on corrupted replies), latency, pairs (generated beside
quoted replies, docs/generation-pairs.md), load (20 customers at once). Raw results are kept in
benchmarks/results/generation.json; a part that is not run keeps the figures of its last run, with their date.
"""

import argparse
import json
import os
import platform
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from generation_quality import Asked, Shop, ask_all, open_shop
from generation_report import page, pairs_page

from shopllm_rasa.retrieval import ProductIndex

ROOT = Path(__file__).parent.parent
TABLE = ROOT / "docs" / "benchmarks-generation.md"
PAIRS = ROOT / "docs" / "generation-pairs.md"
RAW = ROOT / "benchmarks" / "results" / "generation.json"
ELECTRONICS = "catalogs/electronics_3291.jsonl"
QUOTING = "extractive"
PARTS = ("quality", "guard", "latency", "pairs", "load")
PAIR_COUNT = 30


def main() -> None:
    options = _options()
    work = (options.work or ROOT / ".shopllm" / "bench-generation").resolve()
    work.mkdir(parents=True, exist_ok=True)
    results: dict[str, Any] = json.loads(RAW.read_text(encoding="utf-8")) if RAW.is_file() else {}
    asked: dict[tuple[str, str], list[Asked]] = {}

    def answers(name: str, backend: str) -> list[Asked]:
        """The replies to a question set, asked once a run."""
        if (name, backend) not in asked:
            asked[name, backend] = ask_all(name, _shop(name, backend, options.shared, work), options.splits)
        return asked[name, backend]

    parts: dict[str, Callable[[], Any]] = {
        "quality": lambda: _quality(answers, options.backend, options.shared),
        "guard": lambda: _guard(_shop("demo", QUOTING, options.shared, work).app.settings.index_dir),
        "latency": lambda: _latency(answers, options.backend),
        "pairs": lambda: _pairs(answers, options.backend),
        "load": lambda: _load(options.backend, options.load_seconds, work, options.quick),
    }
    for name in options.only:
        print(f"== {name}", file=sys.stderr, flush=True)
        part = {"date": time.strftime("%Y-%m-%d"), "backend": options.backend, "figures": parts[name]()}
        results[name] = {**part, "load_average": round(os.getloadavg()[2], 1)}
    results["machine"] = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    RAW.parent.mkdir(parents=True, exist_ok=True)
    RAW.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    TABLE.write_text(page(results), encoding="utf-8")
    if "pairs" in options.only:
        PAIRS.write_text(pairs_page(results["pairs"]), encoding="utf-8")
    print(page(results))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--only", type=_parts, default=list(PARTS), metavar="PART,PART", help=f"of {', '.join(PARTS)}")
    parser.add_argument("--backend", default="embedded", help="what is measured beside 'extractive'")
    parser.add_argument("--splits", type=lambda text: text.split(","), default=["dev", "test"], help="dev,test or one")
    parser.add_argument("--shared", type=Path, default=Path(os.environ.get("SHOPLLM_SHARED", ROOT.parent / "shared")))
    parser.add_argument("--work", type=Path, help="keeps indexes and the trained bot (.shopllm/bench-generation)")
    parser.add_argument("--load-seconds", type=float, default=60.0, help="of a round of the load test; there are four")
    parser.add_argument("--quick", action="store_true", help="train the load test's bot briefly")
    return parser.parse_args()


def _parts(text: str) -> list[str]:
    parts = [part for part in text.split(",") if part]
    if unknown := set(parts) - set(PARTS):
        raise argparse.ArgumentTypeError(f"no such part: {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    return parts


def _shop(name: str, backend: str, shared: Path, work: Path) -> Shop:
    if name == "demo":
        return open_shop(ROOT / "data/catalog/products.jsonl", ROOT / "data/knowledge", backend, work / name)
    return open_shop(shared / ELECTRONICS, None, backend, work / name)


def _sets(shared: Path) -> list[str]:
    if (shared / ELECTRONICS).is_file():
        return ["demo", "electronics"]
    print(f"{shared / ELECTRONICS} is not there (SHOPLLM_SHARED): only the demo shop is measured.", file=sys.stderr)
    return ["demo"]


def _quality(answers: Callable[[str, str], list[Asked]], backend: str, shared: Path) -> dict[str, Any]:
    return {
        f"{name}/{each}": {
            "splits": {
                split: _rates([item for item in answers(name, each) if split in ("all", item.split)])
                for split in ("dev", "test", "all")
            },
            "kinds": {kind: _rates(items) for kind, items in _by_kind(answers(name, each)).items()},
            "replies": [asdict(item) for item in answers(name, each)],
        }
        for name in _sets(shared)
        for each in dict.fromkeys((backend, QUOTING))
    }


def _by_kind(items: list[Asked]) -> dict[str, list[Asked]]:
    kinds: dict[str, list[Asked]] = defaultdict(list)
    for item in items:
        kinds[item.kind].append(item)
    return kinds


def _rates(items: list[Asked]) -> dict[str, Any]:
    known = [item for item in items if item.answerable]
    unknown = [item for item in items if not item.answerable]
    sent = [item for item in items if item.reply]
    return {
        "questions": len(items),
        "answerable": len(known),
        "unanswerable": len(unknown),
        "correct": _share(known, lambda item: item.right),
        "declined_wrongly": _share(known, lambda item: not item.answered),
        "declined_rightly": _share(unknown, lambda item: item.right),
        "sent": len(sent),
        "with_unsupported_facts": sum(bool(item.unsupported) for item in sent),
        "first_try": _share(
            [item for item in items if item.first_draft in ("sent", "refused")], lambda item: item.first_draft == "sent"
        ),
        "composed": _share(sent, lambda item: item.composed),
    }


def _share(items: list[Asked], test: Callable[[Asked], bool]) -> float | None:
    return round(sum(map(test, items)) / len(items), 4) if items else None


def _latency(answers: Callable[[str, str], list[Asked]], backend: str) -> dict[str, Any]:
    figures = {}
    for each in dict.fromkeys((backend, QUOTING)):
        composed = sorted(item.seconds * 1000 for item in answers("demo", each) if item.answered)
        figures[each] = {"n": len(composed), "p50": _quantile(composed, 0.5), "p95": _quantile(composed, 0.95)}
    return figures


def _quantile(values: list[float], share: float) -> float:
    return round(values[min(len(values) - 1, int(share * len(values)))], 1)


def _pairs(answers: Callable[[str, str], list[Asked]], backend: str) -> list[dict[str, Any]]:
    """Questions of the test split, of each kind in turn, the unanswerable ones among them."""
    quoted = {item.key: item for item in answers("demo", QUOTING)}
    kinds = _by_kind([item for item in answers("demo", backend) if item.split == "test"])
    queue = [item for row in zip(*(_padded(items) for items in kinds.values()), strict=True) for item in row if item]
    return [
        {
            "question": item.text,
            "history": item.history,
            "kind": item.kind,
            "generated": item.reply,
            "by": item.by,
            "quoted": quoted[item.key].reply,
            "right": item.right,
        }
        for item in queue[:PAIR_COUNT]
    ]


def _padded(items: list[Asked], length: int = 50) -> list[Asked | None]:
    return [*items, *[None] * (length - len(items))]


def _guard(index: Path) -> list[dict[str, Any]]:
    """The guard's own errors, a row a split."""
    from generation_guard import figures, read_cases, verdicts

    rows = read_cases()
    names = ("split", "corrupted", "let_through", "sound", "refused")
    return [dict(zip(names, row, strict=True)) for row in figures(rows, verdicts(ProductIndex.open(index), rows))]


def _load(backend: str, seconds: float, work: Path, quick: bool) -> Any:
    from generation_load import measure

    return measure(backend, seconds, work / "load", quick)


if __name__ == "__main__":
    main()
