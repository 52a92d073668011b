"""Fits and measures the answer-or-decline decision on questions about the demo shop.

Usage: python benchmarks/answerability.py --index .shopllm/index

The weights are fitted on the questions whose split is `dev`; the figures of `test` are only printed.
Needs scikit-learn, which rasa brings.
"""

import argparse
from collections.abc import Callable

import numpy as np
from questions import Question, read_questions
from sklearn.linear_model import LogisticRegression

from shopllm_rasa.retrieval import KnowledgeIndex, PassageHit

HEADER = ("split", "right page first", "answered of answerable", "declined of unanswerable")


def page_questions() -> list[Question]:
    """The questions about pages that stand alone: what one passage can be scored against."""
    return [row for row in read_questions("demo") if row.about == "pages" and row.stands_alone]


def fit(rows: list[Question], hits: list[PassageHit]) -> tuple[float, float, float]:
    """The weights of cosine and coverage and the intercept, from the development split."""
    dev = [(row, hit) for row, hit in zip(rows, hits, strict=True) if row.split == "dev"]
    features = np.array([[hit.score, hit.coverage] for _, hit in dev])
    model = LogisticRegression(C=10, class_weight="balanced").fit(features, [row.answerable for row, _ in dev])
    return (*model.coef_[0], model.intercept_[0])


def figures(
    rows: list[Question], hits: list[PassageHit], answers: Callable[[PassageHit], bool]
) -> list[tuple[str, float, float, float]]:
    """A row a split, as `HEADER` says."""
    table = []
    for split in ("dev", "test"):
        pairs = [(row, hit) for row, hit in zip(rows, hits, strict=True) if row.split == split]
        known = [(row, hit) for row, hit in pairs if row.answerable]
        unknown = [hit for row, hit in pairs if not row.answerable]
        right = np.mean([hit.passage.path in row.sources for row, hit in known])
        answered = np.mean([answers(hit) for _, hit in known])
        declined = np.mean([not answers(hit) for hit in unknown])
        table.append((split, float(right), float(answered), float(declined)))
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--index", default=".shopllm/index", help="an index of the demo shop")
    knowledge = KnowledgeIndex.open(parser.parse_args().index)
    rows = page_questions()
    hits = [knowledge.search(row.text, k=1)[0] for row in rows]
    cosine, coverage, intercept = fit(rows, hits)
    print(f"cosine weight {cosine:.2f}, coverage weight {coverage:.2f}, intercept {intercept:.2f}")
    print(HEADER)
    for row in figures(rows, hits, lambda hit: cosine * hit.score + coverage * hit.coverage + intercept > 0):
        print(row[0], *(f"{value:.3f}" for value in row[1:]))


if __name__ == "__main__":
    main()
