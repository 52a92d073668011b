"""Trains a classifier: cross-validation for the confidence, the final training, and all files beside it."""

import logging
import time
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from shopllm_rasa.encoders.cross_validation import above_usual
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
)
from shopllm_rasa.encoders.model_card import CardData, write_model_card
from shopllm_rasa.encoders.out_of_fold import CrossValidation, names_as_examples
from shopllm_rasa.encoders.training_options import TrainingOptions
from shopllm_rasa.errors import EncoderError

logger = logging.getLogger(__name__)

CHECKPOINT_FILE = "checkpoint.safetensors"
STRANGERS_FILE = Path(__file__).with_name("out_of_scope.txt")
# A message so near to one of the shop's own examples, on the way from the usual cosine to 1, is not out of its scope.
_MAX_STRANGER_SIMILARITY = 0.55
_MAX_STRANGERS = 300
_SENTIMENT_VALIDATION_SHARE = 0.1
_MIN_SENTIMENT_VALIDATION = 20


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
    strangers = _strangers(tuner, examples)
    scores = CrossValidation(tuner, examples, intents, strangers, options).run(progress)
    calibration = scores.calibration()
    out_of_fold = scores.out_of_fold()
    if start_from is not None:
        # Only now: an earlier training has seen the examples that cross-validation holds out.
        _continue_from(tuner, start_from, intents)
    held_out, kept = _split_opinions(opinions, options.seed)
    epochs = _final_training(tuner, [*examples, *names_as_examples(intents), *kept], scores.epochs, options, progress)

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
        "epochs": epochs,
        "training_seconds": round(time.perf_counter() - started, 1),
        **({"validation_accuracy": round(float(out_of_fold.is_right.mean()), 4)} if out_of_fold else {}),
        **({"validation_sentiment_accuracy": round(sentiment_accuracy, 4)} if sentiment_accuracy is not None else {}),
    }
    description = IntentSentimentModel.save_heads(
        folder,
        heads,
        [LabelledText(example.text, str(example.intent)) for example in examples],
        {
            "intents": intents,
            "scale": options.scale,
            "calibration": calibration,
            "usual_similarity": scores.usual_similarity(),
            "mends_typos": options.mend_typos,
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
            out_of_fold=out_of_fold,
            device=device,
        ),
    )
    return description


def _final_training(
    tuner: FineTuner, examples: Sequence[Example], epochs: int | None, options: TrainingOptions, progress: bool
) -> int:
    """On all examples, for as many epochs as the first fold found good; returns how many."""
    states = []
    for run in range(options.runs):
        tuner.reset(options.seed + 100 * run)
        title = "fine-tuning" + (f" {run + 1}/{options.runs}" if options.runs > 1 else "") if progress else None
        taken = tuner.fit(examples, epochs=epochs, title=title)
        if options.runs > 1:
            states.append(tuner.state())
    if states:
        tuner.average_with(states)
    return taken


@lru_cache(maxsize=1)
def _stranger_texts() -> tuple[str, ...]:
    return tuple(line for line in STRANGERS_FILE.read_text(encoding="utf-8").splitlines() if line.strip())


def _strangers(tuner: FineTuner, examples: Sequence[Example]) -> list[str]:
    """Messages on other subjects than shops have, without those that this bot has examples like."""
    texts = list(_stranger_texts())
    own = tuner.embed([example.text for example in examples])
    similar = (tuner.embed(texts) @ own.T).max(axis=1)
    limit = above_usual(own, _MAX_STRANGER_SIMILARITY)
    far = [text for text, similarity in zip(texts, similar, strict=True) if similarity < limit]
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
    other_encoder = f"The classifier in '{folder}' was trained from another encoder. Train anew."
    from safetensors.numpy import load_file as load_heads
    from safetensors.torch import load_file

    earlier = read_description(folder)
    heads: dict[str, Any] = load_heads(folder / HEADS_FILE)
    if heads["intent"].shape[1] != tuner.dimensions:
        raise EncoderError(other_encoder)
    rows = np.zeros((len(intents), heads["intent"].shape[1]), dtype=np.float32)
    for row, intent in enumerate(intents):
        if intent in earlier.intents:
            rows[row] = heads["intent"][earlier.intents.index(intent)]
    checkpoint = folder / CHECKPOINT_FILE
    try:
        weights = load_file(str(checkpoint)) if checkpoint.is_file() else {}
        tuner.start_from({name: value.float() for name, value in weights.items()}, {**heads, "intent": rows})
    except (KeyError, RuntimeError) as error:
        raise EncoderError(other_encoder) from error
