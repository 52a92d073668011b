"""Fits and measures the answer-or-decline decision on questions about the demo shop.

Usage: python benchmarks/answerability.py --index .shopllm/index

The weights are fitted on the questions whose split is `dev`; the figures of `test` are only printed.
Needs scikit-learn, which rasa brings.
"""

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression

from shopllm_rasa.retrieval import KnowledgeIndex, PassageHit

QUESTIONS = Path(__file__).parent / "data" / "demo_questions.jsonl"
HEADER = ("split", "right page first", "answered of answerable", "declined of unanswerable")


def read_questions() -> list[dict[str, Any]]:
    return [json.loads(line) for line in QUESTIONS.read_text(encoding="utf-8").splitlines()]


def fit(rows: list[dict[str, Any]], hits: list[PassageHit]) -> tuple[float, float, float]:
    """The weights of cosine and coverage and the intercept, from the development split."""
    dev = [(row, hit) for row, hit in zip(rows, hits, strict=True) if row["split"] == "dev"]
    features = np.array([[hit.score, hit.coverage] for _, hit in dev])
    model = LogisticRegression(C=10, class_weight="balanced").fit(features, [row["answerable"] for row, _ in dev])
    return (*model.coef_[0], model.intercept_[0])


def figures(
    rows: list[dict[str, Any]], hits: list[PassageHit], answers: Callable[[PassageHit], bool]
) -> list[tuple[str, float, float, float]]:
    """A row a split, as `HEADER` says."""
    table = []
    for split in ("dev", "test"):
        pairs = [(row, hit) for row, hit in zip(rows, hits, strict=True) if row["split"] == split]
        known = [(row, hit) for row, hit in pairs if row["answerable"]]
        unknown = [hit for row, hit in pairs if not row["answerable"]]
        right = np.mean([hit.passage.path == row["source"] for row, hit in known])
        answered = np.mean([answers(hit) for _, hit in known])
        declined = np.mean([not answers(hit) for hit in unknown])
        table.append((split, float(right), float(answered), float(declined)))
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--index", default=".shopllm/index", help="an index of the demo shop")
    knowledge = KnowledgeIndex.open(parser.parse_args().index)
    rows = read_questions()
    hits = [knowledge.search(row["question"], k=1)[0] for row in rows]
    cosine, coverage, intercept = fit(rows, hits)
    print(f"cosine weight {cosine:.2f}, coverage weight {coverage:.2f}, intercept {intercept:.2f}")
    print(HEADER)
    for row in figures(rows, hits, lambda hit: cosine * hit.score + coverage * hit.coverage + intercept > 0):
        print(row[0], *(f"{value:.3f}" for value in row[1:]))


if __name__ == "__main__":
    main()
