"""Compares our understanding with Rasa's default pipeline (DIET), on the same machine in one run.

Usage: make bench-nlu
       make bench-nlu BENCH_ARGS="--only latency,memory"

Each training and each measurement has a process of its own. Results are kept in the work folder, so that a run that was
broken off goes on where it stopped; what has changed since is measured again. When every part is there, the table is
written to docs/benchmarks-nlu.md, the raw figures to benchmarks/results/nlu.json and the diagram to docs/images.
"""

import argparse
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from nlu_jobs import Runner
from nlu_plan import FULL, PARTS, PRESET, ROOT, SMOKE, Benchmark
from nlu_report import draw_reliability, page

TABLE = ROOT / "docs" / "benchmarks-nlu.md"
DIAGRAM = ROOT / "docs" / "images" / "reliability.svg"
RAW = ROOT / "benchmarks" / "results" / "nlu.json"


def _names(text: str) -> list[str]:
    return [name for name in text.split(",") if name not in ("", "none")]


def _parts(text: str) -> list[str]:
    parts = _names(text)
    if unknown := set(parts) - set(PARTS):
        raise argparse.ArgumentTypeError(f"no such part: {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    return parts


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--shared", type=Path, default=Path(os.environ.get("SHOPLLM_SHARED", "../shared")))
    parser.add_argument("--work", type=Path, help="keeps results and models (default: .shopllm/bench-nlu)")
    parser.add_argument("--fresh", action="store_true", help="measure again what the work folder holds already")
    parser.add_argument("--only", type=_parts, default=list(PARTS), metavar="PART,PART", help=f"of {', '.join(PARTS)}")
    parser.add_argument(
        "--presets", type=_names, default=["fast", PRESET, "best"], help="'none' trains without the key 'preset'"
    )
    parser.add_argument("--smoke", action="store_true", help="tiny data and one epoch, to see that everything runs")
    return parser.parse_args()


def _write(figures: dict[str, Any], folder: Path | None) -> Iterator[Path]:
    """Writes table, raw figures and diagram to their places, or into a folder."""
    table, raw, diagram = (folder / path.name for path in (TABLE, RAW, DIAGRAM)) if folder else (TABLE, RAW, DIAGRAM)
    raw.parent.mkdir(parents=True, exist_ok=True)
    table.write_text(page(figures), encoding="utf-8")
    yield table
    raw.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    yield raw
    if "sofmattress" in figures:
        draw_reliability(figures["sofmattress"], diagram)
        yield diagram


def main() -> None:
    options = _options()
    if not (options.shared / "benchmarks").is_dir():
        sys.exit(f"No benchmark data in '{options.shared}': give its place by --shared or SHOPLLM_SHARED.")
    work = options.work or ROOT / ".shopllm" / ("bench-nlu-smoke" if options.smoke else "bench-nlu")
    benchmark = Benchmark(options.shared, SMOKE if options.smoke else FULL, options.presets)
    runner = Runner(work.resolve(), options.fresh)
    runner.run_all(benchmark.jobs(options.only))
    figures = benchmark.figures(runner)
    complete = not options.smoke and options.presets and all(part in figures for part in PARTS)
    for path in _write(figures, None if complete else work):
        print(path, file=sys.stderr)
    print(page(figures))


if __name__ == "__main__":
    main()
