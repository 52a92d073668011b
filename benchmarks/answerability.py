"""Fits and measures the choice of sentences and the answer-or-decline decision.

Usage: python benchmarks/answerability.py --index .shopllm/index --electronics INDEX [--write]

Fitted on the questions of data/demo_questions.jsonl and electronics_questions.jsonl whose split is `dev`, and on
data/answerability_questions.jsonl; the questions whose split is `test` are only measured. Needs scikit-learn, which
rasa brings.
"""

import argparse
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from questions import has_facts, read_questions
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold

from shopllm_rasa.app import ShopApp
from shopllm_rasa.generation.backends import Exchange
from shopllm_rasa.generation.evidence import product_hits
from shopllm_rasa.generation.follow_ups import standing_alone
from shopllm_rasa.generation.relevance import DECISION_FEATURES, SENTENCE_FEATURES, WEIGHTS_FILE, Relevance
from shopllm_rasa.retrieval.knowledge_index import PassageHit
from shopllm_rasa.settings import PathSettings, Settings

MORE = Path(__file__).parent / "data" / "answerability_questions.jsonl"
FOLDS = 8
PASSAGES = Settings().retrieval.passages
THRESHOLDS = (0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6, 0.7)


@dataclass
class Example:
    """A question, what was found for it, and which of the sentences have its facts."""

    question: str
    hits: list[PassageHit]
    answerable: bool
    split: str
    features: np.ndarray
    right: np.ndarray
    relevance: Relevance


def examples(app: ShopApp, name: str) -> list[Example]:
    """All questions of a set with one part, with what is found for them."""
    rows: list[dict[str, Any]] = []
    for question in read_questions(name):
        if "two_part" not in question.kind:
            rows.append({**vars(question), "text": question.text, "sources": (*question.sources, *question.products)})
    for line in MORE.read_text(encoding="utf-8").splitlines() if name == "demo" else ():
        row = json.loads(line)
        facts = tuple((fact,) for fact in row["facts"])
        sources = (row["source"],) if row["source"] else ()
        rows.append(
            {**row, "text": row["question"], "facts": facts, "sources": sources, "split": "more", "history": ()}
        )
    return [_example(app, row) for row in rows]


def _example(app: ShopApp, row: dict[str, Any]) -> Example:
    relevance = app.relevance
    history = [Exchange(turn.customer, turn.bot) for turn in row["history"]]
    text = standing_alone(row["text"], history, relevance.vectors)
    products = app.products_named(text)
    text = app.knowledge.mend(text)
    hits = [*product_hits(text, products, relevance.vectors), *app.knowledge.search(text, PASSAGES)]
    right = [
        row["answerable"]
        and (hit.passage.path in row["sources"] or hit.passage.page in row["sources"])
        and any(has_facts(sentence, (fact,)) for fact in row["facts"])
        for hit in hits
        for sentence in hit.passage.sentences
    ]
    return Example(
        text,
        hits,
        row["answerable"],
        row["split"],
        relevance.sentence_features(text, hits),
        np.array(right, dtype=bool),
        relevance,
    )


def fit_ranking(rows: list[Example], steps: int = 400) -> dict[str, Any]:
    """Minimises the cross-entropy between the softmax of a question's scores and its right sentences, by Adam."""
    everything = np.vstack([row.features for row in rows if len(row.features)])
    mean, scale = everything.mean(0), everything.std(0) + 1e-9
    lists = [((row.features - mean) / scale, row.right / row.right.sum()) for row in rows if row.right.any()]
    weight = np.zeros(len(SENTENCE_FEATURES))
    first, second = np.zeros_like(weight), np.zeros_like(weight)
    for step in range(1, steps + 1):
        gradient = 0.01 * weight
        for values, target in lists:
            scores = values @ weight
            chances = np.exp(scores - scores.max())
            gradient = gradient + values.T @ (chances / chances.sum() - target) / len(lists)
        first = 0.9 * first + 0.1 * gradient
        second = 0.99 * second + 0.01 * gradient**2
        weight -= 0.1 * (first / (1 - 0.9**step)) / (np.sqrt(second / (1 - 0.99**step)) + 1e-8)
    return _named(SENTENCE_FEATURES, mean, scale, weight, 0.0)


def fit_decision(rows: list[Example], ranking: dict[str, Any]) -> dict[str, Any]:
    """A logistic regression on the features of the sentence ranked first."""
    values = np.array([decision_features(row, ranking) for row in rows])
    mean, scale = values.mean(0), values.std(0) + 1e-9
    model = LogisticRegression(C=0.1, class_weight="balanced", max_iter=3000)
    model.fit((values - mean) / scale, [row.answerable for row in rows])
    return _named(DECISION_FEATURES, mean, scale, model.coef_[0], float(model.intercept_[0]))


def decision_features(row: Example, ranking: dict[str, Any]) -> np.ndarray:
    scores = _apply(ranking, SENTENCE_FEATURES, row.features)
    return row.relevance.decision_features(row.question, row.hits, row.features, scores)


def probabilities(rows: list[Example], ranking: dict[str, Any], decision: dict[str, Any]) -> np.ndarray:
    logits = [_apply(decision, DECISION_FEATURES, decision_features(row, ranking)) for row in rows]
    return 1 / (1 + np.exp(-np.array(logits)))


def _named(
    names: tuple[str, ...], mean: np.ndarray, scale: np.ndarray, weight: np.ndarray, intercept: float
) -> dict[str, Any]:
    columns = zip(names, mean, scale, weight, strict=True)
    features = {
        name: {"mean": round(float(m), 5), "scale": round(float(s), 5), "weight": round(float(w), 4)}
        for name, m, s, w in columns
    }
    return {"features": features, "intercept": round(intercept, 4)}


def _apply(values: dict[str, Any], names: tuple[str, ...], features: np.ndarray) -> np.ndarray:
    columns = [values["features"][name] for name in names]
    mean, scale, weight = (np.array([column[key] for column in columns]) for key in ("mean", "scale", "weight"))
    scores: np.ndarray = ((features - mean) / scale) @ weight + values["intercept"]
    return scores


def show(title: str, rows: list[Example], chances: np.ndarray) -> None:
    known = np.array([row.answerable for row in rows])
    print(f"{title}: {known.sum()} answerable, {(~known).sum()} unanswerable")
    for threshold in THRESHOLDS:
        declined = chances < threshold
        print(
            f"  threshold {threshold:.2f}: answerable declined {declined[known].mean():.3f},"
            f" unanswerable declined {declined[~known].mean():.3f}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--index", default=".shopllm/index", help="an index of the demo shop")
    parser.add_argument("--electronics", required=True, help="an index of the electronics catalogue")
    parser.add_argument("--write", action="store_true", help=f"write the fitted weights to {WEIGHTS_FILE.name}")
    options = parser.parse_args()
    found = []
    for name, index in (("demo", options.index), ("electronics", options.electronics)):
        app = ShopApp(Settings(paths=PathSettings(index=Path(index).resolve())))
        found += examples(app, name)
    # A question without a word that means anything is declined without being judged.
    found = [row for row in found if len(row.features)]
    tuned = [row for row in found if row.split != "test"]
    test = [row for row in found if row.split == "test"]
    known = np.array([row.answerable for row in tuned])
    chances, first = np.zeros(len(tuned)), []
    for train, held in StratifiedKFold(FOLDS, shuffle=True, random_state=1).split(known, known):
        part = [tuned[number] for number in train]
        ranking = fit_ranking(part)
        decision = fit_decision(part, ranking)
        rest = [tuned[number] for number in held]
        chances[held] = probabilities(rest, ranking, decision)
        first += [
            bool(row.right[np.argmax(_apply(ranking, SENTENCE_FEATURES, row.features))])
            for row in rest
            if row.right.any()
        ]
    print(f"right sentence ranked first, cross-validated: {np.mean(first):.3f}")
    show(f"cross-validated over {FOLDS} folds", tuned, chances)
    ranking = fit_ranking(tuned)
    decision = fit_decision(tuned, ranking)
    show("test", test, probabilities(test, ranking, decision))
    if options.write:
        text = json.dumps({"ranking": ranking, "decision": decision}, indent=1)
        WEIGHTS_FILE.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
