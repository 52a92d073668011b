"""Scores of examples by trainings that have not seen them, which the confidence is calibrated on."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from shopllm_rasa.encoders.calibration import Calibration, certainty_features, fit_calibration
from shopllm_rasa.encoders.cross_validation import Fold, leave_intents_out, near_duplicates
from shopllm_rasa.encoders.fine_tuning import Example, FineTuner, Validation, class_means
from shopllm_rasa.encoders.intent_model import softmax
from shopllm_rasa.encoders.training_options import TrainingOptions
from shopllm_rasa.spelling import SpellingMender

# Cross-validation costs about as much as this many examples trained once more; large data needs fewer folds.
_FOLD_EXAMPLES = 2_000
_USUAL_QUANTILE = 0.05


@dataclass(frozen=True)
class OutOfFold:
    """What classifiers said of examples they were not trained on.

    Attributes:
        rows: the examples.
        probabilities: of the intents, (rows, intents).
        is_right: whether the best intent is the label.
        confidence: calibrated, of the best intent.
        near_confidence: of messages of intents that were left out.
        far_confidence: of messages on other subjects.
    """

    rows: Sequence[int]
    probabilities: np.ndarray
    is_right: np.ndarray
    confidence: np.ndarray
    near_confidence: np.ndarray
    far_confidence: np.ndarray


@dataclass
class Scores:
    """Out-of-fold scores, gathered part by part; the arrays of a part were scored by the same weights."""

    rows: list[int] = field(default_factory=list)
    probabilities: list[np.ndarray] = field(default_factory=list)
    is_right: list[np.ndarray] = field(default_factory=list)
    in_scope: list[np.ndarray] = field(default_factory=list)
    near: list[np.ndarray] = field(default_factory=list)
    far: list[np.ndarray] = field(default_factory=list)
    epochs: list[int] = field(default_factory=list)

    def calibration(self, without: int | None = None) -> Calibration:
        """Fitted on all parts, or on all but one."""
        kept = [part for part in range(len(self.in_scope)) if part != without]
        return fit_calibration(
            _stack([self.in_scope[part] for part in kept]),
            np.concatenate([np.zeros(0, dtype=bool), *(self.is_right[part] for part in kept)]),
            _stack([self.near[part] for part in kept]),
            _stack([self.far[part] for part in kept]),
        )

    def usual_similarity(self) -> float:
        """The cosine to the nearest example that all but few messages in scope exceed."""
        return float(np.quantile(_stack(self.in_scope)[:, 2], _USUAL_QUANTILE)) if self.rows else 0.5

    def out_of_fold(self) -> OutOfFold | None:
        """The scores with confidences from calibrations that were fitted without them."""
        if not self.rows:
            return None
        fitted = [self.calibration(without=part) for part in range(len(self.in_scope))]

        def confidences(parts: Sequence[np.ndarray]) -> np.ndarray:
            return np.concatenate([fit.confidence(part) for fit, part in zip(fitted, parts, strict=True)])

        return OutOfFold(
            rows=self.rows,
            probabilities=np.concatenate(self.probabilities),
            is_right=np.concatenate(self.is_right),
            confidence=confidences(self.in_scope),
            near_confidence=confidences(self.near),
            far_confidence=confidences(self.far),
        )


def _stack(parts: Sequence[np.ndarray]) -> np.ndarray:
    return np.concatenate([np.zeros((0, 3)), *parts])


class CrossValidation:
    """Trains fold by fold and scores held-out examples, left-out intents and strangers.

    Args:
        tuner: trains; it starts from weights that have seen none of the examples.
        examples: texts with an intent.
        intents: in the tuner's order.
        strangers: messages on other subjects than the bot's.
        options: how to train.
    """

    def __init__(
        self,
        tuner: FineTuner,
        examples: Sequence[Example],
        intents: Sequence[str],
        strangers: Sequence[str],
        options: TrainingOptions,
    ) -> None:
        self._tuner = tuner
        self._examples = examples
        self._intents = intents
        self._strangers = strangers
        self._options = options
        self._scores = Scores()

    def run(self, progress: bool) -> Scores:
        """All folds' scores; none where the options or the data leave no fold."""
        folds = self._folds() if self._options.folds > 1 else []
        for number, fold in enumerate(folds, 1):
            self._tuner.reset(self._options.seed + number)
            self._score_fold(fold, f"calibration {number}/{len(folds)}" if progress else None)
        return self._scores

    def _folds(self) -> list[Fold]:
        options, examples = self._options, self._examples
        labels = [str(example.intent) for example in examples]
        wanted = options.folds
        if options.train_encoder:
            wanted = min(wanted, max(1, _FOLD_EXAMPLES // len(examples)))
        groups = near_duplicates(self._tuner.embed([example.text for example in examples]), labels)
        return [
            fold
            for fold in leave_intents_out(labels, options.folds, options.seed, groups)
            if fold.in_scope and len({labels[row] for row in fold.training}) >= 2
        ][:wanted]

    def _score_fold(self, fold: Fold, title: str | None) -> None:
        training = [self._examples[row] for row in fold.training]
        trained = sorted({str(example.intent) for example in training})
        # Each half of the held-out examples is scored at the epoch that is best for the other half: a score from
        # the epoch it chose itself would be too good.
        halves = [fold.in_scope[::2], fold.in_scope[1::2]] if len(fold.in_scope) > 1 else [fold.in_scope]
        validations = [Validation([self._examples[row] for row in half]) for half in halves]
        self._tuner.fit([*training, *names_as_examples(trained)], validations, title=title)
        near = [self._examples[row].text for row in fold.out_of_scope]
        for part, (half, validation) in enumerate(zip(halves, reversed(validations), strict=True)):
            self._tuner.restore(validation.state or {})
            self._scores.epochs.append(validation.epoch)
            self._score(training, half, near[part :: len(halves)], self._strangers[part :: len(halves)])

    def _score(
        self, training: Sequence[Example], held_out: Sequence[int], near: Sequence[str], far: Sequence[str]
    ) -> None:
        """Scores with the tuner's weights as they are."""
        trained = sorted({str(example.intent) for example in training})
        columns = [self._intents.index(intent) for intent in trained]
        vectors = self._tuner.embed([example.text for example in training])
        means = class_means(vectors, [str(example.intent) for example in training], trained)
        mender = SpellingMender([example.text for example in training]) if self._options.mend_typos else None

        def features(texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
            probabilities = np.zeros((len(texts), len(self._intents)), dtype=np.float32)
            if not texts:
                return probabilities, np.zeros((0, 3))
            embeddings = self._tuner.embed([mender.mend(text) for text in texts] if mender else texts)
            logits = np.log(np.maximum(self._tuner.probabilities(embeddings)[:, columns], 1e-12))
            probabilities[:, columns] = softmax(logits)
            return probabilities, certainty_features(probabilities, embeddings, means, vectors)

        examples = [self._examples[row] for row in held_out]
        probabilities, signs = features([example.text for example in examples])
        truth = np.array([self._intents.index(str(example.intent)) for example in examples])
        scores = self._scores
        scores.rows += held_out
        scores.probabilities.append(probabilities)
        scores.is_right.append(probabilities.argmax(axis=1) == truth)
        scores.in_scope.append(signs)
        scores.near.append(features(near)[1])
        scores.far.append(features(far)[1])


def names_as_examples(intents: Sequence[str]) -> list[Example]:
    """An intent's name says what it means: `return_exchange` is one more example, 'return exchange'."""
    return [Example(text, intent) for intent in intents if (text := re.sub(r"[\W_]+", " ", intent).strip().lower())]
