"""Measures the first version in one run and writes the table to docs/benchmarks.md.

Usage: make bench

Speeds are ratios of two ways to do the same thing in the same run. Nothing here is tuned on a test split.
"""

import json
import platform
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from questions import SPLITS, has_facts, read_questions
from sentence_transformers import SentenceTransformer

from shopllm_rasa.app import ShopApp
from shopllm_rasa.catalog import read_catalog
from shopllm_rasa.encoders.export import load_model
from shopllm_rasa.retrieval import KnowledgeIndex, ProductIndex
from shopllm_rasa.retrieval.knowledge import read_knowledge
from shopllm_rasa.settings import PathSettings, Settings

ROOT = Path(__file__).parent.parent
RESULT = ROOT / "docs" / "benchmarks.md"
QUERY = "wireless headphones with long battery life"


def median_ms(call: Callable[[], object], repeats: int = 40) -> float:
    for _ in range(3):
        call()
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        call()
        times.append((time.perf_counter() - started) * 1000)
    return statistics.median(times)


def seconds(call: Callable[[], object]) -> float:
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def speed(index: ProductIndex, model: SentenceTransformer) -> list[str]:
    texts = [product.search_text for product in index.products]
    ours, theirs = index.encoder.encode(texts), model.encode(texts)
    cosines = (ours * theirs).sum(axis=1)
    one, other = median_ms(lambda: index.encoder.encode([QUERY])), median_ms(lambda: model.encode([QUERY]))
    many, many_other = seconds(lambda: index.encoder.encode(texts)), seconds(lambda: model.encode(texts))
    found = median_ms(lambda: index.search(QUERY))
    return [
        "| what | ours | sentence-transformers | ratio |",
        "|---|---:|---:|---:|",
        f"| embed one query, median | {one:.1f} ms | {other:.1f} ms | {other / one:.1f} |",
        f"| embed {len(texts)} products | {many:.1f} s | {many_other:.1f} s | {many_other / many:.1f} |",
        f"| search {len(texts)} products, embedding included, median | {found:.1f} ms | | |",
        "",
        f"Lowest cosine between the two embeddings of a product: {cosines.min():.6f}.",
    ]


def answers(app: ShopApp) -> list[str]:
    lines = [
        "| split | answerable | all required facts | declined | unanswerable | declined |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for split in SPLITS:
        asked = [question for question in read_questions("demo") if question.split == split and question.stands_alone]
        replies = [app.answerer.answer(question.text) for question in asked]
        known = [pair for pair in zip(asked, replies, strict=True) if pair[0].answerable]
        unknown = [reply for question, reply in zip(asked, replies, strict=True) if not question.answerable]
        complete = sum(has_facts(reply.text, question.facts) for question, reply in known)
        declined = sum(not reply.answered for _, reply in known)
        admitted = sum(not reply.answered for reply in unknown)
        lines.append(f"| {split} | {len(known)} | {complete} | {declined} | {len(unknown)} | {admitted} |")
    return lines


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        index = ProductIndex.build(read_catalog(ROOT / "data/catalog/products.jsonl"), folder, progress=True)
        KnowledgeIndex.build(read_knowledge(ROOT / "data/knowledge"), folder, progress=True)
        lines = [
            "# Benchmarks",
            "",
            f"Made by `make bench` on {platform.machine()}, Python {platform.python_version()}, bundled encoder.",
            "Speeds depend on the machine; compare the ratios.",
            "",
            "## Speed",
            "",
            *speed(index, load_model("default")),
            "",
            "## Answers about the demo shop",
            "",
            "Questions of `benchmarks/data/demo_questions.jsonl`. The decision's weights are fitted on `dev`; `test`",
            "was used for nothing but this table. Follow-ups are left out here. Counts of questions.",
            "",
            *answers(ShopApp(Settings(paths=PathSettings(index=Path(folder))))),
        ]
    RESULT.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print("\n".join(lines))
    print(json.dumps({"written": str(RESULT.relative_to(ROOT))}))


if __name__ == "__main__":
    main()
