"""Scores of examples by trainings that have not seen them, which the confidence is calibrated on."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from shopllm_rasa.encoders.calibration import Calibration, certainty_features, fit_calibration
from shopllm_rasa.encoders.cross_validation import Fold, leave_intents_out, near_duplicates
from shopllm_rasa.encoders.fine_tuning import Example, FineTuner, class_means
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
    """Out-of-fold scores, an array for each fold.

    Attributes:
        rows: the held-out examples.
        probabilities: of the intents, (held-out examples, intents).
        is_right: whether the best intent is the label.
        in_scope: signs of certainty of held-out examples, see `certainty_features`.
        near: of messages of intents that the fold left out.
        far: of messages on other subjects.
        epochs: how long the first fold trained; None before it.
    """

    rows: list[int] = field(default_factory=list)
    probabilities: list[np.ndarray] = field(default_factory=list)
    is_right: list[np.ndarray] = field(default_factory=list)
    in_scope: list[np.ndarray] = field(default_factory=list)
    near: list[np.ndarray] = field(default_factory=list)
    far: list[np.ndarray] = field(default_factory=list)
    epochs: int | None = None

    def calibration(self, without: int | None = None) -> Calibration:
        """Fitted on all folds, or on all but one."""
        kept = [fold for fold in range(len(self.in_scope)) if fold != without]
        return fit_calibration(
            _stack([self.in_scope[fold] for fold in kept]),
            np.concatenate([np.zeros(0, dtype=bool), *(self.is_right[fold] for fold in kept)]),
            _stack([self.near[fold] for fold in kept]),
            _stack([self.far[fold] for fold in kept]),
        )

    def usual_similarity(self) -> float:
        """The cosine to the nearest example that all but few messages in scope exceed."""
        return float(np.quantile(_stack(self.in_scope)[:, 2], _USUAL_QUANTILE)) if self.rows else 0.5

    def out_of_fold(self) -> OutOfFold | None:
        """The scores with confidences from calibrations that were fitted on the other folds."""
        if not self.rows:
            return None
        fitted = [self.calibration(without=fold) for fold in range(len(self.in_scope))]

        def confidences(folds: Sequence[np.ndarray]) -> np.ndarray:
            return np.concatenate([fit.confidence(signs) for fit, signs in zip(fitted, folds, strict=True)])

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

    The first fold finds out how many epochs are good; the others and the final training take as many, so that the
    confidence is calibrated on classifiers like the one that serves.

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
        first = [self._examples[row] for row in fold.in_scope] if self._scores.epochs is None else []
        taken = self._tuner.fit([*training, *names_as_examples(trained)], first, self._scores.epochs, title)
        self._scores.epochs = taken
        self._score(training, fold.in_scope, [self._examples[row].text for row in fold.out_of_scope])

    def _score(self, training: Sequence[Example], held_out: Sequence[int], near: Sequence[str]) -> None:
        """Scores with the tuner's weights as they are."""
        trained = sorted({str(example.intent) for example in training})
        columns = [self._intents.index(intent) for intent in trained]
        vectors = self._tuner.embed([example.text for example in training])
        means = class_means(vectors, [str(example.intent) for example in training], trained)
        mender = (
            SpellingMender.of_examples([example.text for example in training]) if self._options.mend_typos else None
        )

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
        scores.far.append(features(self._strangers)[1])


def names_as_examples(intents: Sequence[str]) -> list[Example]:
    """An intent's name says what it means: `return_exchange` is one more example, 'return exchange'."""
    return [Example(text, intent) for intent in intents if (text := re.sub(r"[\W_]+", " ", intent).strip().lower())]
