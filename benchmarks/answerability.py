"""Fits and measures the answer-or-decline decision on questions about the demo shop.

Usage: python benchmarks/answerability.py --index .shopllm/index

The weights are fitted on the questions whose split is `dev`; the figures of `test` are only printed.
Needs scikit-learn, which rasa brings.
"""

import argparse
import json
from pathlib import Path

import numpy as np
from sklearn.linear_model import LogisticRegression

from shopllm_rasa.retrieval import KnowledgeIndex

QUESTIONS = Path(__file__).parent / "data" / "demo_questions.jsonl"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--index", default=".shopllm/index", help="an index of the demo shop")
    knowledge = KnowledgeIndex.open(parser.parse_args().index)
    rows = [json.loads(line) for line in QUESTIONS.read_text(encoding="utf-8").splitlines()]
    hits = [knowledge.search(row["question"], k=1)[0] for row in rows]
    features = np.array([[hit.score, hit.coverage] for hit in hits])
    answerable = np.array([row["answerable"] for row in rows])
    dev = np.array([row["split"] == "dev" for row in rows])
    right_page = np.array([hit.passage.path == row["source"] for hit, row in zip(hits, rows, strict=True)])

    model = LogisticRegression(C=10, class_weight="balanced").fit(features[dev], answerable[dev])
    weights = [*model.coef_[0], model.intercept_[0]]
    print("cosine weight {:.2f}, coverage weight {:.2f}, intercept {:.2f}".format(*weights))
    answered = model.predict(features)
    print(f"{'split':6} {'right page first':>16} {'answered of answerable':>23} {'declined of unanswerable':>25}")
    for name, part in (("dev", dev), ("test", ~dev)):
        found = right_page[part & answerable].mean()
        kept = answered[part & answerable].mean()
        declined = 1 - answered[part & ~answerable].mean()
        print(f"{name:6} {found:16.3f} {kept:23.3f} {declined:25.3f}")


if __name__ == "__main__":
    main()
