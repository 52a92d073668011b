"""Scores of intent predictions, with messages that belong to no intent as a class of their own."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from nlu_data import FALLBACK, OUT_OF_SCOPE
from sklearn.metrics import f1_score, matthews_corrcoef

BINS = 10

# What `nlu_measure.predict` gives for a message.
Prediction = dict[str, Any]


def accuracy(labels: Sequence[str], guesses: Sequence[str]) -> float:
    return float(np.mean([label == guess for label, guess in zip(labels, guesses, strict=True)]))


def open_set_scores(labels: Sequence[str], guesses: Sequence[str]) -> dict[str, float]:
    """Scores over all messages; a guess of `OUT_OF_SCOPE` is a fallback."""
    pairs = list(zip(labels, guesses, strict=True))
    return {
        "mcc": float(matthews_corrcoef(labels, guesses)),
        "accuracy": accuracy(labels, guesses),
        "weighted_f1": float(f1_score(labels, guesses, average="weighted", zero_division=0)),
        "oos_recall": float(np.mean([guess == label for label, guess in pairs if label == OUT_OF_SCOPE])),
        "inscope_accuracy": float(np.mean([guess == label for label, guess in pairs if label != OUT_OF_SCOPE])),
    }


def after_fallback(predictions: Sequence[Prediction]) -> list[str]:
    """What the pipeline said, as labels."""
    return [OUT_OF_SCOPE if item["intent"] == FALLBACK else item["intent"] for item in predictions]


def at_threshold(predictions: Sequence[Prediction], threshold: float) -> list[str]:
    """What the pipeline would say with another threshold of `FallbackClassifier`."""
    return [OUT_OF_SCOPE if item["confidence"] < threshold else item["top"] for item in predictions]


def best_threshold(labels: Sequence[str], predictions: Sequence[Prediction]) -> dict[str, float]:
    """The scores at the threshold with the best MCC on these very messages: generous, as no bot could know it."""
    candidates = [number / 100 for number in range(101)]
    scores = [{"threshold": value, **open_set_scores(labels, at_threshold(predictions, value))} for value in candidates]
    return max(scores, key=lambda score: score["mcc"])


def calibration_bins(labels: Sequence[str], predictions: Sequence[Prediction]) -> list[dict[str, float]]:
    """Count, mean confidence and accuracy in bins of equal width; empty bins are left out."""
    confidences = np.array([item["confidence"] for item in predictions])
    hits = np.array([item["top"] == label for label, item in zip(labels, predictions, strict=True)])
    places = np.minimum((confidences * BINS).astype(int), BINS - 1)
    return [
        {
            "from": place / BINS,
            "count": int((places == place).sum()),
            "confidence": float(confidences[places == place].mean()),
            "accuracy": float(hits[places == place].mean()),
        }
        for place in range(BINS)
        if (places == place).any()
    ]


def expected_calibration_error(bins: Sequence[dict[str, float]]) -> float:
    total = sum(item["count"] for item in bins)
    return sum(item["count"] * abs(item["confidence"] - item["accuracy"]) for item in bins) / total
