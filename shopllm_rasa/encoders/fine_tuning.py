"""Fine-tunes a sentence encoder with an intent head and a sentiment head, in PyTorch."""

import logging
import random
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from tqdm import tqdm

from shopllm_rasa.encoders.export import export_encoder, load_model
from shopllm_rasa.encoders.intent_model import (
    ENCODER_FOLDER,
    HEADS_FILE,
    SENTIMENTS,
    Description,
    IntentSentimentModel,
    neighbour_similarity,
)
from shopllm_rasa.errors import EncoderError

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

logger = logging.getLogger(__name__)

# Share of in-scope validation messages that the scope estimate may take for strange ones.
_IN_SCOPE_QUANTILE = 0.05
_SCOPE_STEEPNESS = 12.0
_MIN_EXAMPLES_TO_HOLD_OUT = 5


@dataclass(frozen=True)
class Example:
    """A labelled text; `sentiment` is None where it has no label."""

    text: str
    intent: str
    sentiment: str | None = None


@dataclass(frozen=True)
class TrainingOptions:
    """How to fine-tune.

    Attributes:
        epochs: passes over the data at most.
        patience: epochs without a better validation score before training stops.
        batch_size: texts in a step.
        encoder_rate: learning rate of the encoder.
        head_rate: learning rate of the heads.
        label_smoothing: share of each intent label spread over the others.
        sentiment_weight: factor on the sentiment loss.
        scale: factor on the cosines of the intent head.
        validation_share: share of each intent held out; 0 trains on all without early stopping.
        seed: the same seed gives the same result on the same machine.
    """

    epochs: int = 8
    patience: int = 2
    batch_size: int = 32
    encoder_rate: float = 8e-5
    head_rate: float = 2e-3
    label_smoothing: float = 0.1
    sentiment_weight: float = 0.3
    scale: float = 20.0
    validation_share: float = 0.1
    seed: int = 7


def fine_tune(
    examples: Sequence[Example],
    folder: Path,
    options: TrainingOptions,
    model: str = "default",
    start_from: Path | None = None,
    progress: bool = True,
) -> Description:
    """Trains and writes a classifier that `IntentSentimentModel.load` serves.

    The loss is the cross-entropy of scaled cosines between a text and one learnt vector an intent, with label
    smoothing, plus the weighted cross-entropy of the sentiment head where an example has a label. AdamW with
    linear warm-up and decay. The epoch with the best validation score is kept.

    Args:
        examples: labelled texts of at least two intents.
        folder: takes the files.
        options: how to train.
        model: see `load_model`.
        start_from: a folder this function wrote; training goes on from its weights.
        progress: whether to show a progress bar.

    Returns:
        What was written as `classifier.json`.

    Raises:
        EncoderError: if there are fewer than two intents or the model cannot be loaded.
    """
    import torch

    intents = tuple(sorted({example.intent for example in examples}))
    if len(intents) < 2:
        raise EncoderError(f"At least two intents are needed to train; found {len(intents)}.")
    _seed(options.seed)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    encoder = load_model(model, device)
    training, validation = _split(examples, options)
    trainer = _Trainer(encoder, intents, training, validation, options, device)
    if start_from is not None:
        trainer.continue_from(start_from)
    figures = trainer.run(progress)

    # Every example is a neighbour to compare with when serving, also those that were held out for stopping.
    vectors = trainer.embed([example.text for example in examples])
    description = Description(
        intents=intents,
        scale=options.scale,
        similarity_threshold=trainer.similarity_threshold(),
        similarity_scale=_SCOPE_STEEPNESS,
        figures=figures,
    )
    (folder / ENCODER_FOLDER).mkdir(parents=True, exist_ok=True)
    export_encoder(encoder, folder / ENCODER_FOLDER, model)
    IntentSentimentModel.save_heads(folder, {**trainer.head_weights(), "examples": vectors}, description)
    return description


class _Trainer:
    def __init__(
        self,
        encoder: "SentenceTransformer",
        intents: tuple[str, ...],
        training: Sequence[Example],
        validation: Sequence[Example],
        options: TrainingOptions,
        device: str,
    ) -> None:
        import torch

        self._encoder = encoder
        self._intents = intents
        self._training = list(training)
        self._validation = list(validation)
        self._options = options
        self._device = device
        dimensions = int(encoder.get_embedding_dimension() or 0)
        self._intent_head = torch.nn.Parameter(self._class_means())
        self._sentiment_head = torch.nn.Linear(dimensions, len(SENTIMENTS)).to(device)
        self._sentiment_weights = self._balance()

    def _class_means(self) -> Any:
        """Starts each intent's vector at the mean of its examples: training begins from a fair classifier."""
        import torch

        vectors = self.embed([example.text for example in self._training])
        sums: dict[str, Any] = defaultdict(lambda: np.zeros(vectors.shape[1], dtype=np.float32))
        for example, vector in zip(self._training, vectors, strict=True):
            sums[example.intent] += vector
        return torch.tensor(np.stack([_unit(sums[intent]) for intent in self._intents]), device=self._device)

    def _balance(self) -> Any:
        """Weights that make rare sentiments count: the square root of the inverse share."""
        import torch

        counts = Counter(example.sentiment for example in self._training if example.sentiment)
        total = sum(counts.values())
        weights = [(total / (len(SENTIMENTS) * counts[name])) ** 0.5 if counts[name] else 0.0 for name in SENTIMENTS]
        return torch.tensor(weights, device=self._device)

    def continue_from(self, folder: Path) -> None:
        """Loads the weights of an earlier training; intents it did not know keep their starting vectors."""
        import torch
        from safetensors.torch import load_file

        from shopllm_rasa.encoders.sentence_encoder import WEIGHTS_FILE

        earlier = IntentSentimentModel.load(folder).description
        weights = load_file(str(folder / ENCODER_FOLDER / WEIGHTS_FILE), device=self._device)
        own = {name.removeprefix("encoder."): value for name, value in weights.items()}
        missing, unexpected = self._encoder.load_state_dict(own, strict=False)
        if unexpected:
            raise EncoderError(f"The classifier in '{folder}' was trained from another encoder. Train anew.")
        logger.debug("%d weights keep their first values", len(missing))
        heads = load_file(str(folder / HEADS_FILE), device=self._device)
        with torch.no_grad():
            for row, intent in enumerate(self._intents):
                if intent in earlier.intents:
                    self._intent_head[row] = heads["intent"][earlier.intents.index(intent)]
            self._sentiment_head.weight.copy_(heads["sentiment"])
            self._sentiment_head.bias.copy_(heads["sentiment_bias"])

    def run(self, progress: bool) -> dict[str, float]:
        import torch

        options = self._options
        # Half of a small encoder's weights are its word vectors; few examples touch few of them, and leaving
        # them as they are makes a step a fifth cheaper.
        self._encoder[0].auto_model.get_input_embeddings().requires_grad_(False)
        heads = [self._intent_head, *self._sentiment_head.parameters()]
        optimizer = torch.optim.AdamW(
            [
                {
                    "params": [item for item in self._encoder.parameters() if item.requires_grad],
                    "lr": options.encoder_rate,
                },
                {"params": heads, "lr": options.head_rate},
            ],
            weight_decay=0.01,
        )
        steps = options.epochs * -(-len(self._training) // options.batch_size)
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: _warm_up_and_decay(step, steps))
        best, best_state, waited, epochs = -1.0, self._state(), 0, 0
        figures: dict[str, float] = {}
        with tqdm(total=steps, desc="fine-tuning", disable=not progress, unit="step") as bar:
            for epoch in range(options.epochs):
                epochs += 1
                for batch in self._batches(epoch):
                    optimizer.zero_grad()
                    loss = self._loss(batch)
                    loss.backward()
                    torch.nn.utils.clip_grad_norm_(self._encoder.parameters(), 1.0)
                    optimizer.step()
                    schedule.step()
                    bar.update()
                if not self._validation:
                    continue
                scores = self._validate()
                bar.set_postfix(accuracy=f"{scores['validation_accuracy']:.3f}")
                # Sentiment breaks ties; it never decides against a better intent score.
                score = scores["validation_accuracy"] + 0.01 * scores.get("validation_sentiment_accuracy", 0.0)
                if score > best:
                    best, best_state, waited, figures = score, self._state(), 0, scores
                else:
                    waited += 1
                    if waited >= options.patience:
                        break
        if self._validation:
            self._restore(best_state)
        self._encoder.eval()
        return {
            "training_examples": len(self._training),
            "validation_examples": len(self._validation),
            "intents": len(self._intents),
            "epochs": epochs,
            **{name: round(value, 4) for name, value in figures.items()},
        }

    def _batches(self, epoch: int) -> Iterator[list[Example]]:
        """Shuffled, then sorted by length within pools of eight batches, so that little is padded."""
        size = self._options.batch_size
        order = self._training[:]
        random.Random(self._options.seed + epoch).shuffle(order)  # noqa: S311 - no secret, and repeatable
        batches = []
        for start in range(0, len(order), 8 * size):
            pool = sorted(order[start : start + 8 * size], key=lambda example: len(example.text))
            batches += [pool[at : at + size] for at in range(0, len(pool), size)]
        random.Random(self._options.seed - epoch).shuffle(batches)  # noqa: S311
        yield from batches

    def _forward(self, texts: Sequence[str]) -> Any:
        import torch

        features = self._encoder.preprocess(list(texts))
        features = {k: v.to(self._device) for k, v in features.items() if k in ("input_ids", "attention_mask")}
        return torch.nn.functional.normalize(self._encoder(features)["sentence_embedding"], dim=-1)

    def _loss(self, batch: Sequence[Example]) -> Any:
        import torch
        from torch.nn.functional import cross_entropy, normalize

        self._encoder.train()
        embeddings = self._forward([example.text for example in batch])
        targets = torch.tensor([self._intents.index(example.intent) for example in batch], device=self._device)
        logits = self._options.scale * embeddings @ normalize(self._intent_head, dim=-1).T
        loss = cross_entropy(logits, targets, label_smoothing=self._options.label_smoothing)
        labelled = [row for row, example in enumerate(batch) if example.sentiment]
        if labelled:
            moods = torch.tensor([SENTIMENTS.index(str(batch[row].sentiment)) for row in labelled], device=self._device)
            mood_logits = self._sentiment_head(self._sentiment_input(embeddings[labelled]))
            loss = loss + self._options.sentiment_weight * cross_entropy(
                mood_logits, moods, weight=self._sentiment_weights
            )
        return loss

    def _sentiment_input(self, embeddings: Any) -> Any:
        # Unit vectors have entries near 0.05; scaled up, a linear head can part them within few steps.
        return embeddings * self._options.scale

    def _validate(self) -> dict[str, float]:
        vectors = self.embed([example.text for example in self._validation])
        heads = self.head_weights()
        guesses = (vectors @ heads["intent"].T).argmax(axis=1)
        hits = [self._intents[guess] == item.intent for guess, item in zip(guesses, self._validation, strict=True)]
        scores = {"validation_accuracy": float(np.mean(hits))}
        moods = (vectors @ heads["sentiment"].T + heads["sentiment_bias"]).argmax(axis=1)
        labelled = [
            SENTIMENTS[mood] == item.sentiment
            for mood, item in zip(moods, self._validation, strict=True)
            if item.sentiment
        ]
        if labelled:
            scores["validation_sentiment_accuracy"] = float(np.mean(labelled))
        return scores

    def similarity_threshold(self) -> float:
        """The similarity below which only few known-good messages fall."""
        training = self.embed([example.text for example in self._training])
        if not self._validation:
            return 0.5
        held_out = self.embed([example.text for example in self._validation])
        return float(np.quantile(neighbour_similarity(held_out, training), _IN_SCOPE_QUANTILE))

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        import torch

        self._encoder.eval()
        vectors = []
        with torch.no_grad():
            for start in range(0, len(texts), 64):
                vectors.append(self._forward(texts[start : start + 64]).float().cpu().numpy())
        return np.concatenate(vectors)

    def head_weights(self) -> dict[str, np.ndarray]:
        """The heads as numpy arrays that take unit vectors."""
        import torch

        with torch.no_grad():
            intent = torch.nn.functional.normalize(self._intent_head, dim=-1)
            return {
                "intent": intent.float().cpu().numpy(),
                "sentiment": self._sentiment_head.weight.float().cpu().numpy() * self._options.scale,
                "sentiment_bias": self._sentiment_head.bias.float().cpu().numpy(),
            }

    def _state(self) -> dict[str, Any]:
        import copy

        return {
            "encoder": copy.deepcopy(self._encoder.state_dict()),
            "intent": self._intent_head.detach().clone(),
            "sentiment": copy.deepcopy(self._sentiment_head.state_dict()),
        }

    def _restore(self, state: dict[str, Any]) -> None:
        self._encoder.load_state_dict(state["encoder"])
        self._intent_head.data.copy_(state["intent"])
        self._sentiment_head.load_state_dict(state["sentiment"])


def _split(examples: Sequence[Example], options: TrainingOptions) -> tuple[list[Example], list[Example]]:
    """Holds out a share of each intent that has enough examples."""
    groups: dict[str, list[Example]] = defaultdict(list)
    for example in examples:
        groups[example.intent].append(example)
    training, validation = [], []
    shuffler = random.Random(options.seed)  # noqa: S311 - no secret, and repeatable
    for _, group in sorted(groups.items()):
        shuffler.shuffle(group)
        held_out = 0
        if options.validation_share > 0 and len(group) >= _MIN_EXAMPLES_TO_HOLD_OUT:
            held_out = max(1, round(len(group) * options.validation_share))
        validation += group[:held_out]
        training += group[held_out:]
    return training, validation


def _seed(seed: int) -> None:
    import torch

    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)


def _warm_up_and_decay(step: int, steps: int, warm_up: float = 0.1) -> float:
    start = max(1, int(steps * warm_up))
    return (step + 1) / start if step < start else max(0.0, (steps - step) / max(1, steps - start))


def _unit(vector: np.ndarray) -> np.ndarray:
    return vector / max(float(np.linalg.norm(vector)), 1e-12)
