"""Trains a classifier: cross-validation for the confidence, the final training, and all files beside it."""

import logging
import re
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from shopllm_rasa.encoders.calibration import Calibration, certainty_features, fit_calibration
from shopllm_rasa.encoders.cross_validation import Fold, leave_intents_out, near_duplicates
from shopllm_rasa.encoders.export import export_encoder, load_model
from shopllm_rasa.encoders.fine_tuning import Example, FineTuner, class_means
from shopllm_rasa.encoders.intent_model import (
    ENCODER_FOLDER,
    HEADS_FILE,
    SENTIMENTS,
    Description,
    IntentSentimentModel,
    LabelledText,
    read_description,
    softmax,
)
from shopllm_rasa.encoders.model_card import CardData, OutOfFold, write_model_card
from shopllm_rasa.encoders.training_options import TrainingOptions
from shopllm_rasa.errors import EncoderError

logger = logging.getLogger(__name__)

CHECKPOINT_FILE = "checkpoint.safetensors"
STRANGERS_FILE = Path(__file__).with_name("out_of_scope.txt")
# A message so near to one of the shop's own examples is not out of its scope.
_MAX_STRANGER_SIMILARITY = 0.6
_MAX_STRANGERS = 300
# Cross-validation costs about as much as this many examples trained once more; large data needs fewer folds.
_FOLD_EXAMPLES = 2_000
_USUAL_QUANTILE = 0.05
_SENTIMENT_VALIDATION_SHARE = 0.1
_MIN_SENTIMENT_VALIDATION = 20


@dataclass
class _Scores:
    """Out-of-fold scores, gathered fold by fold."""

    rows: list[int] = field(default_factory=list)
    probabilities: list[np.ndarray] = field(default_factory=list)
    in_scope: list[np.ndarray] = field(default_factory=list)
    near: list[np.ndarray] = field(default_factory=list)
    far: list[np.ndarray] = field(default_factory=list)
    epochs: list[int] = field(default_factory=list)


def train_classifier(
    examples: Sequence[Example],
    folder: Path,
    options: TrainingOptions,
    model: str = "default",
    opinions: Sequence[Example] = (),
    start_from: Path | None = None,
    progress: bool = True,
) -> Description:
    """Trains and writes a classifier that `IntentSentimentModel.load` serves, with its model card.

    Args:
        examples: texts labelled with an intent, some of them with a sentiment, of at least two intents.
        folder: takes the files.
        options: how to train.
        model: see `load_model`.
        opinions: texts labelled with a sentiment alone, such as reviews.
        start_from: a folder this function wrote; training goes on from its weights.
        progress: whether to show progress bars.

    Returns:
        What was written as `classifier.json`.

    Raises:
        EncoderError: if there are fewer than two intents or the model cannot be loaded.
    """
    import torch

    started = time.perf_counter()
    intents = tuple(sorted({str(example.intent) for example in examples}))
    if len(intents) < 2:
        raise EncoderError(f"At least two intents are needed to train; found {len(intents)}.")
    device = "cuda" if torch.cuda.is_available() else "cpu"
    encoder = load_model(model, device, options.max_length, options.pooling)
    tuner = FineTuner(encoder, intents, options)
    if start_from is not None:
        _continue_from(tuner, start_from, intents)
    strangers = _strangers(tuner, examples)
    scores = _cross_validate(tuner, examples, intents, strangers, options, progress)
    is_right = _is_right(scores, examples, intents)
    calibration = fit_calibration(_stack(scores.in_scope), is_right, _stack(scores.near), _stack(scores.far))
    held_out, kept = _split_opinions(opinions, options.seed)
    epochs = max(scores.epochs, default=None) if scores.epochs else None
    _final_training(tuner, [*examples, *_names(intents), *kept], epochs, options, progress)

    texts = [example.text for example in examples]
    vectors = tuner.embed(texts)
    heads = {
        **tuner.head_weights(),
        "class_means": class_means(vectors, [str(example.intent) for example in examples], intents),
        "examples": vectors,
    }
    (folder / ENCODER_FOLDER).mkdir(parents=True, exist_ok=True)
    info = export_encoder(
        encoder,
        folder / ENCODER_FOLDER,
        model,
        prefix=options.prefix,
        quantize=_SameAnswers(heads["intent"], options.scale, texts) if options.quantize else None,
    )
    if options.train_encoder:
        _save_checkpoint(tuner, folder)
    sentiment_accuracy = _sentiment_accuracy(tuner, held_out)
    figures = {
        "training_examples": len(examples),
        "sentiment_examples": sum(example.sentiment is not None for example in [*examples, *kept]),
        "intents": len(intents),
        "epochs": epochs or options.epochs,
        "training_seconds": round(time.perf_counter() - started, 1),
        **({"validation_accuracy": round(float(is_right.mean()), 4)} if len(is_right) else {}),
        **({"validation_sentiment_accuracy": round(sentiment_accuracy, 4)} if sentiment_accuracy is not None else {}),
    }
    usual = float(np.quantile(_stack(scores.in_scope)[:, 2], _USUAL_QUANTILE)) if scores.rows else 0.5
    description = IntentSentimentModel.save_heads(
        folder,
        heads,
        [LabelledText(example.text, str(example.intent)) for example in examples],
        {
            "intents": intents,
            "scale": options.scale,
            "calibration": calibration,
            "usual_similarity": usual,
            "figures": figures,
        },
    )
    write_model_card(
        folder,
        CardData(
            description=description,
            encoder=info,
            examples=list(examples),
            opinions=Counter(str(example.sentiment) for example in opinions),
            out_of_fold=_out_of_fold(scores, is_right, calibration),
            device=device,
        ),
    )
    return description


def _cross_validate(
    tuner: FineTuner,
    examples: Sequence[Example],
    intents: Sequence[str],
    strangers: Sequence[str],
    options: TrainingOptions,
    progress: bool,
) -> _Scores:
    """Out-of-fold scores of held-out examples, left-out intents and strangers."""
    scores = _Scores()
    if options.folds < 2:
        return scores
    labels = [str(example.intent) for example in examples]
    wanted = min(options.folds, max(1, _FOLD_EXAMPLES // len(examples))) if options.train_encoder else options.folds
    groups = near_duplicates(tuner.embed([example.text for example in examples]), labels)
    folds = [
        fold
        for fold in leave_intents_out(labels, options.folds, options.seed, groups)
        if fold.in_scope and len({labels[row] for row in fold.training}) >= 2
    ][:wanted]
    for number, fold in enumerate(folds, 1):
        title = f"calibration {number}/{len(folds)}" if progress else None
        _score_fold(tuner, examples, intents, strangers, fold, scores, options.seed + number, title)
    return scores


def _score_fold(
    tuner: FineTuner,
    examples: Sequence[Example],
    intents: Sequence[str],
    strangers: Sequence[str],
    fold: Fold,
    scores: _Scores,
    seed: int,
    title: str | None,
) -> None:
    training = [examples[row] for row in fold.training]
    trained = sorted({str(example.intent) for example in training})
    held_out = [examples[row] for row in fold.in_scope]
    tuner.reset(seed)
    scores.epochs.append(tuner.fit([*training, *_names(trained)], held_out, title=title).epoch)
    vectors = tuner.embed([example.text for example in training])
    columns = [intents.index(intent) for intent in trained]
    means = class_means(vectors, [str(example.intent) for example in training], trained)

    def features(texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        embeddings = tuner.embed(texts)
        probabilities = np.zeros((len(texts), len(intents)), dtype=np.float32)
        logits = np.log(np.maximum(tuner.probabilities(embeddings)[:, columns], 1e-12))
        probabilities[:, columns] = softmax(logits)
        return probabilities, certainty_features(probabilities, embeddings, means, vectors)

    probabilities, signs = features([example.text for example in held_out])
    scores.rows += fold.in_scope
    scores.probabilities.append(probabilities)
    scores.in_scope.append(signs)
    if fold.out_of_scope:
        scores.near.append(features([examples[row].text for row in fold.out_of_scope])[1])
    if strangers:
        scores.far.append(features(strangers)[1])


def _final_training(
    tuner: FineTuner, examples: Sequence[Example], epochs: int | None, options: TrainingOptions, progress: bool
) -> None:
    """On all examples, for as many epochs as the folds needed at most."""
    states = []
    for run in range(options.runs):
        tuner.reset(options.seed + 100 * run)
        title = "fine-tuning" + (f" {run + 1}/{options.runs}" if options.runs > 1 else "") if progress else None
        tuner.fit(examples, epochs=epochs, title=title)
        if options.runs > 1:
            states.append(tuner.state())
    if states:
        tuner.average_with(states)


def _names(intents: Sequence[str]) -> list[Example]:
    """An intent's name says what it means: `return_exchange` is one more example, 'return exchange'."""
    return [Example(text, intent) for intent in intents if (text := re.sub(r"[\W_]+", " ", intent).strip().lower())]


@lru_cache(maxsize=1)
def _stranger_texts() -> tuple[str, ...]:
    return tuple(line for line in STRANGERS_FILE.read_text(encoding="utf-8").splitlines() if line.strip())


def _strangers(tuner: FineTuner, examples: Sequence[Example]) -> list[str]:
    """Messages on other subjects than shops have, without those that this bot has examples like."""
    texts = list(_stranger_texts())
    own = tuner.embed([example.text for example in examples])
    similar = (tuner.embed(texts) @ own.T).max(axis=1)
    far = [text for text, similarity in zip(texts, similar, strict=True) if similarity < _MAX_STRANGER_SIMILARITY]
    return far[:: max(1, len(far) // _MAX_STRANGERS)]


def _split_opinions(opinions: Sequence[Example], seed: int) -> tuple[list[Example], list[Example]]:
    """A tenth to report the sentiment's accuracy on, if that is enough to say something; the rest to train on."""
    order = [opinions[row] for row in np.random.default_rng(seed).permutation(len(opinions))]
    count = round(len(order) * _SENTIMENT_VALIDATION_SHARE)
    if count < _MIN_SENTIMENT_VALIDATION:
        return [], order
    return order[:count], order[count:]


def _sentiment_accuracy(tuner: FineTuner, held_out: Sequence[Example]) -> float | None:
    if not held_out:
        return None
    heads = tuner.head_weights()
    vectors = tuner.embed([example.text for example in held_out])
    guesses = (vectors @ heads["sentiment"].T + heads["sentiment_bias"]).argmax(axis=1)
    return float(np.mean([SENTIMENTS[g] == item.sentiment for g, item in zip(guesses, held_out, strict=True)]))


def _is_right(scores: _Scores, examples: Sequence[Example], intents: Sequence[str]) -> np.ndarray:
    if not scores.rows:
        return np.zeros(0, dtype=bool)
    guesses = np.concatenate(scores.probabilities).argmax(axis=1)
    return np.array([intents[guess] == examples[row].intent for guess, row in zip(guesses, scores.rows, strict=True)])


def _stack(parts: Sequence[np.ndarray]) -> np.ndarray:
    return np.concatenate(parts) if parts else np.zeros((0, 3))


def _out_of_fold(scores: _Scores, is_right: np.ndarray, calibration: Calibration) -> OutOfFold | None:
    if not scores.rows:
        return None
    return OutOfFold(
        rows=scores.rows,
        probabilities=np.concatenate(scores.probabilities),
        is_right=is_right,
        confidence=calibration.confidence(_stack(scores.in_scope)),
        near_confidence=calibration.confidence(_stack(scores.near)),
        far_confidence=calibration.confidence(_stack(scores.far)),
    )


class _SameAnswers:
    """Whether int8 gives the same answers as fp32 on the training texts."""

    MIN_AGREEMENT = 0.99
    MIN_COSINE = 0.97

    def __init__(self, intent_head: np.ndarray, scale: float, texts: Sequence[str]) -> None:
        self._head = intent_head
        self.texts = list(texts[:: max(1, len(texts) // 500)])

    def complaint(self, exact: np.ndarray, quantized: np.ndarray) -> str | None:
        """Why the quantised vectors are not good enough; None if they are."""
        agreement = float(((exact @ self._head.T).argmax(1) == (quantized @ self._head.T).argmax(1)).mean())
        cosine = float(np.quantile((exact * quantized).sum(axis=1), 0.01))
        if agreement < self.MIN_AGREEMENT or cosine < self.MIN_COSINE:
            return (
                f"{agreement:.1%} of the training texts keep their intent and the lowest cosines are {cosine:.3f}; "
                f"wanted are {self.MIN_AGREEMENT:.0%} and {self.MIN_COSINE}"
            )
        return None


def _save_checkpoint(tuner: FineTuner, folder: Path) -> None:
    """What `rasa train --finetune` goes on from: the weights training has changed, at half their size."""
    from safetensors.torch import save_file

    save_file(tuner.changed_weights(), folder / CHECKPOINT_FILE)


def _continue_from(tuner: FineTuner, folder: Path, intents: Sequence[str]) -> None:
    """Starts from an earlier training; intents it did not know start at the mean of their examples."""
    from safetensors.numpy import load_file as load_heads
    from safetensors.torch import load_file

    earlier = read_description(folder)
    heads: dict[str, Any] = load_heads(folder / HEADS_FILE)
    rows = np.zeros((len(intents), heads["intent"].shape[1]), dtype=np.float32)
    for row, intent in enumerate(intents):
        if intent in earlier.intents:
            rows[row] = heads["intent"][earlier.intents.index(intent)]
    checkpoint = folder / CHECKPOINT_FILE
    try:
        weights = load_file(str(checkpoint)) if checkpoint.is_file() else {}
        tuner.start_from({name: value.float() for name, value in weights.items()}, {**heads, "intent": rows})
    except (KeyError, RuntimeError) as error:
        raise EncoderError(f"The classifier in '{folder}' was trained from another encoder. Train anew.") from error
