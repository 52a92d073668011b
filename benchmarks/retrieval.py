"""Measures retrieval in one run and writes the table to docs/benchmarks-retrieval.md.

Usage: make bench-retrieval
       make bench-retrieval BENCH_ARGS="--only embedding,crashes"

Each part is a module `retrieval_<part>.py` with

    TITLE: str                                     the heading on the page
    measure(options: Namespace) -> dict            figures, JSON-ready; shows its progress on standard error
    page(figures: dict) -> list[str]               lines of markdown

and is measured in a process of its own. The figures are kept in benchmarks/results/retrieval.json, so that --only
measures some parts again and leaves the others as they were. A key `remark` there, written by hand, is shown. What
reads the electronics catalogue takes it from --shared (or SHOPLLM_SHARED, by default ../shared).
"""

import argparse
import importlib
import json
import os
import platform
import subprocess
import sys
import tempfile
from datetime import date
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "benchmarks-retrieval.md"
RAW = ROOT / "benchmarks" / "results" / "retrieval.json"
# In the order of the page.
PARTS = ("quality", "hundred_thousand", "million", "embedding", "crashes", "recommendation")


def _parts(text: str) -> list[str]:
    names = [name for name in text.split(",") if name]
    if unknown := set(names) - set(PARTS):
        raise argparse.ArgumentTypeError(f"no such part: {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    return names


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--shared", type=Path, default=Path(os.environ.get("SHOPLLM_SHARED", "../shared")))
    parser.add_argument("--only", type=_parts, default=list(PARTS), metavar="PART,PART", help=f"of {', '.join(PARTS)}")
    parser.add_argument("--smoke", action="store_true", help="small data, to see that everything runs; writes nothing")
    parser.add_argument("--measure", choices=PARTS, help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    options.catalog = options.shared / "catalogs" / "electronics_3291.jsonl"
    if not options.catalog.is_file():
        sys.exit(f"No '{options.catalog}': give the folder with the benchmark data by --shared or SHOPLLM_SHARED.")
    return options


def _module(part: str) -> Any:
    return importlib.import_module(f"retrieval_{part}")


def _measured(part: str, options: argparse.Namespace) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "figures.json"
        command = [sys.executable, __file__, "--measure", part, "--out", str(out), "--shared", str(options.shared)]
        subprocess.run([*command, *(["--smoke"] if options.smoke else [])], check=True)
        figures: dict[str, Any] = json.loads(out.read_text(encoding="utf-8"))
        return figures


def _page(figures: dict[str, Any]) -> str:
    lines = [
        "# Benchmarks of retrieval",
        "",
        "Made by `make bench-retrieval`; the raw figures are in `benchmarks/results/retrieval.json`. Times depend on",
        "the machine and on what else it does; compare the ratios.",
        "",
    ]
    for part in PARTS:
        if part in figures:
            measured = figures[part]
            module = _module(part)
            when = f"Measured on {measured['date']}, {measured['cores']} cores, Python {measured['python']}."
            remark = [measured["remark"], ""] if "remark" in measured else []
            lines += [f"## {module.TITLE}", "", *module.page(measured), "", *remark, when, ""]
    return "\n".join(lines).rstrip() + "\n"


def main() -> None:
    options = _options()
    if options.measure:
        figures = _module(options.measure).measure(options)
        options.out.write_text(json.dumps(figures), encoding="utf-8")
        return
    figures = json.loads(RAW.read_text(encoding="utf-8")) if RAW.is_file() and not options.smoke else {}
    for part in options.only:
        print(f"measuring: {part}", file=sys.stderr)
        about = {
            "date": date.today().isoformat(),
            "cores": len(os.sched_getaffinity(0)),
            "python": platform.python_version(),
        }
        figures[part] = {**_measured(part, options), **about}
        if not options.smoke:
            RAW.parent.mkdir(exist_ok=True)
            RAW.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
            PAGE.write_text(_page(figures), encoding="utf-8")
    print(_page(figures))


if __name__ == "__main__":
    main()
