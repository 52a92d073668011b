"""A confidence that means something: how often a classifier is right when it says so."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from shopllm_rasa.encoders.inner_products import inner_products

FEATURES = ("probability", "class_similarity", "example_similarity")
# What told right from wrong and strange best where training and messages were by different writers: trained on the demo
# shop's examples, asked what others had written to train theirs. Small data stays near it.
DEFAULT_WEIGHTS = (0.3, 8.0, 1.0)
DEFAULT_BIAS = -4.7
# How far from them the data's own weights may well lie: standard deviations of the weights and the bias.
_PRIOR_DEVIATIONS = (0.1, 1.0, 1.0, 5.0)
# The share of messages out of scope that the operating point 0.5 is made for. Half of them are taken to be near
# the shop's subjects (its own left-out intents), half far from them.
OUT_OF_SCOPE_SHARE = 0.4
DEFAULT_OFFSET = 0.5
DEFAULT_SLOPE = 0.7
# Standard deviations of both: a few messages do not move them far.
_LINE_DEVIATIONS = (0.5, 0.3)
# Never steeper than the regression itself: what customers write is harder than held-out examples.
_SLOPE_BOUNDS = (0.05, 1.0)
# The slope of what would cross the operating point: still in order, and next to it.
_EDGE_SLOPE = 0.05
BINS = 10


@dataclass(frozen=True)
class Calibration:
    """From three signs of certainty to the chance of being right.

    A logistic regression decides which messages are likelier right than wrong or out of scope: its logit is 0 at the
    operating point, for which a share of messages is taken to be out of scope. A line over that logit then makes the
    confidence say how often messages in scope are right (Platt 1999, Probabilistic Outputs for Support Vector
    Machines). Those are right more often than all messages, so the line would lift some across 0.5: they stay next to
    it.

    Attributes:
        weights: one for each of `FEATURES`.
        bias: added to the weighted sum.
        offset: of the line over the weighted sum.
        slope: of that line.
    """

    weights: tuple[float, ...] = DEFAULT_WEIGHTS
    bias: float = DEFAULT_BIAS
    offset: float = DEFAULT_OFFSET
    slope: float = DEFAULT_SLOPE

    def confidence(self, features: np.ndarray) -> np.ndarray:
        """The chance that the best intent is right, for features of shape (texts, 3)."""
        logits = features @ np.array(self.weights) + self.bias
        line, edge = self.offset + self.slope * logits, _EDGE_SLOPE * logits
        return _sigmoid(np.where(logits > 0, np.maximum(line, edge), np.minimum(line, edge)))


def _sigmoid(logits: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-np.clip(logits, -30, 30)))


def certainty_features(
    probabilities: np.ndarray, embeddings: np.ndarray, class_means: np.ndarray, examples: np.ndarray
) -> np.ndarray:
    """The three signs of certainty.

    Args:
        probabilities: of the intents, (texts, intents).
        embeddings: unit vectors of the texts, (texts, dimensions).
        class_means: unit vectors, the mean of each intent's examples, (intents, dimensions).
        examples: unit vectors of the training examples, (examples, dimensions).

    Returns:
        (texts, 3): the log-odds of the best probability; the cosine to the nearest class mean; the cosine to
        the nearest example.
    """
    best = np.clip(probabilities.max(axis=1), 1e-4, 1 - 1e-4)
    return np.stack(
        [
            np.log(best / (1 - best)),
            inner_products(embeddings, class_means).max(axis=1),
            inner_products(embeddings, examples).max(axis=1),
        ],
        axis=1,
    )


def fit_calibration(in_scope: np.ndarray, is_right: np.ndarray, near: np.ndarray, far: np.ndarray) -> Calibration:
    """Fits the chance of being right on out-of-fold messages.

    Logistic regression by maximum a posteriori: the prior holds weights near the defaults where there are few
    messages. Weights are kept at zero or above: more certainty never means less confidence.

    Args:
        in_scope: features of held-out messages of trained intents.
        is_right: whether the best intent was right, for each of them.
        near: features of messages of left-out intents.
        far: features of messages on quite other subjects.
    """
    from scipy.optimize import minimize

    if len(in_scope) == 0:
        return Calibration()
    groups = [(in_scope, is_right.astype(float), 1 - OUT_OF_SCOPE_SHARE)]
    outside = [group for group in (near, far) if len(group)]
    groups += [(group, np.zeros(len(group)), OUT_OF_SCOPE_SHARE / len(outside)) for group in outside]
    features = np.concatenate([group for group, _, _ in groups])
    targets = np.concatenate([labels for _, labels, _ in groups])
    weights = np.concatenate([np.full(len(group), share / len(group)) for group, _, share in groups])
    prior = np.array([*DEFAULT_WEIGHTS, DEFAULT_BIAS])
    # The likelihood is a mean over messages, so the prior counts for less the more there are.
    precision = 1 / np.array(_PRIOR_DEVIATIONS) ** 2 / len(features)

    def loss(values: np.ndarray) -> tuple[float, np.ndarray]:
        logits = features @ values[:-1] + values[-1]
        likelihood = np.logaddexp(0, logits) - targets * logits
        slope = weights * (_sigmoid(logits) - targets)
        pull = values - prior
        gradient = np.append(features.T @ slope, slope.sum()) + precision * pull
        return float(weights @ likelihood + precision / 2 @ pull**2), gradient

    found = minimize(loss, prior, jac=True, bounds=[(0, None)] * len(DEFAULT_WEIGHTS) + [(None, None)])
    logits = in_scope @ found.x[:-1] + found.x[-1]
    return Calibration(
        tuple(float(value) for value in found.x[:-1]),
        float(found.x[-1]),
        *_line(logits, is_right.astype(float)),
    )


def _line(logits: np.ndarray, targets: np.ndarray) -> tuple[float, float]:
    """Offset and slope of likeliest confidences, near the defaults where there are few messages."""
    from scipy.optimize import minimize

    prior, deviations = np.array([DEFAULT_OFFSET, DEFAULT_SLOPE]), np.array(_LINE_DEVIATIONS)

    def loss(values: np.ndarray) -> float:
        scaled = values[0] + values[1] * logits
        pull = ((values - prior) / deviations) ** 2
        return float((np.logaddexp(0, scaled) - targets * scaled).sum() + pull.sum() / 2)

    offset, slope = minimize(loss, prior, bounds=[(None, None), _SLOPE_BOUNDS]).x
    return float(offset), float(slope)


@dataclass(frozen=True)
class ReliabilityBin:
    """Messages whose confidence falls into one tenth.

    Attributes:
        low: the tenth's lower end.
        count: messages in it.
        confidence: their mean confidence.
        accuracy: the share that was right.
    """

    low: float
    count: int
    confidence: float
    accuracy: float


def reliability(
    confidences: Sequence[float] | np.ndarray, is_right: Sequence[bool] | np.ndarray
) -> list[ReliabilityBin]:
    """The reliability diagram's bins, of equal width; empty ones are left out."""
    confidences, right = np.asarray(confidences, dtype=float), np.asarray(is_right, dtype=float)
    places = np.minimum((confidences * BINS).astype(int), BINS - 1)
    return [
        ReliabilityBin(
            place / BINS,
            int((places == place).sum()),
            float(confidences[places == place].mean()),
            float(right[places == place].mean()),
        )
        for place in sorted(set(places.tolist()))
    ]


def expected_calibration_error(bins: Sequence[ReliabilityBin]) -> float:
    """The mean gap between confidence and accuracy, weighted by the bins' counts.

    Source: Guo et al. 2017, On Calibration of Modern Neural Networks, https://arxiv.org/abs/1706.04599.
    """
    total = sum(item.count for item in bins)
    return sum(item.count * abs(item.confidence - item.accuracy) for item in bins) / total if total else 0.0
