"""Fine-tunes a sentence encoder with an intent head and a sentiment head, in PyTorch."""

import copy
import math
import random
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from tqdm import tqdm

from shopllm_rasa.encoders.intent_model import SENTIMENTS, softmax
from shopllm_rasa.encoders.training_options import TrainingOptions
from shopllm_rasa.encoders.training_steps import half_precision, warm_up_and_decay

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

_MIN_EPOCHS = 3
_EMBED_BATCH = 64


@dataclass(frozen=True)
class Example:
    """A labelled text; `sentiment` or `intent` is None where it has no such label."""

    text: str
    intent: str | None
    sentiment: str | None = None


class FineTuner:
    """An encoder with two heads that can be trained again and again from the same start.

    The loss is the cross-entropy of scaled cosines between a text and one learnt vector an intent (as in
    Wang et al. 2018, CosFace, https://arxiv.org/abs/1801.09414, without a margin), plus the weighted
    cross-entropy of a linear sentiment head where an example has a label. AdamW with linear warm-up and decay.
    """

    def __init__(self, encoder: "SentenceTransformer", intents: Sequence[str], options: TrainingOptions) -> None:
        self._encoder = encoder
        self._intents = list(intents)
        self._options = options
        self._device = encoder.device
        self._start = copy.deepcopy(encoder.state_dict())
        self._start_heads: dict[str, np.ndarray] = {}
        self._vectors: dict[str, np.ndarray] = {}
        dimensions = int(encoder.get_embedding_dimension() or 0)
        self._shape = (len(self._intents), dimensions)
        self.reset(options.seed)

    @property
    def dimensions(self) -> int:
        """The length of the encoder's vectors."""
        return self._shape[1]

    def reset(self, seed: int) -> None:
        """Goes back to the weights from before any training."""
        import torch

        random.seed(seed)
        np.random.seed(seed)
        torch.manual_seed(seed)
        self._seed = seed
        if self._options.train_encoder:
            self._encoder.load_state_dict(self._start)
        intents, dimensions = self._shape
        self._intent_head = torch.nn.Parameter(torch.zeros((intents, dimensions), device=self._device))
        self._sentiment_head = torch.nn.Linear(dimensions, len(SENTIMENTS)).to(self._device)

    def start_from(self, weights: dict[str, Any], heads: dict[str, np.ndarray]) -> None:
        """Makes an earlier training the start of the following ones.

        Args:
            weights: of the encoder, by name.
            heads: as of `head_weights`, the intent's rows in this tuner's order; rows of zeros for new intents.

        Raises:
            KeyError: if the weights are those of another encoder.
        """
        unexpected = set(weights) - set(self._start)
        if unexpected:
            raise KeyError(f"unknown weights {sorted(unexpected)[:3]}")
        self._start |= {name: value.to(self._device) for name, value in weights.items()}
        self._start_heads = heads
        self.reset(self._options.seed)

    def fit(
        self,
        training: Sequence[Example],
        held_out: Sequence[Example] = (),
        epochs: int | None = None,
        title: str | None = None,
    ) -> int:
        """Trains; with held-out examples it stops early, and the weights of the best epoch are kept.

        Epochs are as good as the best where the accuracy is less than a standard error below it; the last of them is
        taken. A few dozen examples cannot tell more, and a single best epoch among them is often a chance find.

        Args:
            training: with an intent, a sentiment or both.
            held_out: examples with an intent, to stop by.
            epochs: at most; the options' without.
            title: of the progress bar; none without.

        Returns:
            How many epochs the weights have seen.
        """
        import torch

        options = self._options
        told = [example for example in training if example.intent is not None]
        moods = [example for example in training if example.intent is None]
        self._initialise_heads(told)
        self._sentiment_weights = self._balance(training)
        steps_per_epoch = -(-len(told) // options.batch_size)
        epochs = epochs or min(options.epochs, max(_MIN_EPOCHS, options.max_steps // steps_per_epoch))
        steps = epochs * steps_per_epoch
        optimizer = torch.optim.AdamW(self._parameter_groups(), weight_decay=0.01)
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: warm_up_and_decay(step, steps))
        mood_batches = self._endless(moods)
        best, highest, state = 0, 0.0, None
        with tqdm(total=steps, desc=title, disable=title is None, unit="step") as bar:
            for epoch in range(1, epochs + 1):
                for batch in self._batches(told, epoch):
                    loss = self._loss(batch, [next(mood_batches) for _ in range(len(batch) // 2 if moods else 0)])
                    optimizer.zero_grad()
                    loss.backward()
                    torch.nn.utils.clip_grad_norm_(self._encoder.parameters(), 1.0)
                    optimizer.step()
                    schedule.step()
                    bar.update()
                if not held_out:
                    continue
                accuracy = self._accuracy(held_out)
                bar.set_postfix(accuracy=f"{accuracy:.3f}")
                highest = max(highest, accuracy)
                if accuracy >= highest - math.sqrt(highest * (1 - highest) / len(held_out)):
                    best, state = epoch, self.state()
                elif epoch - best >= options.patience:
                    break
        if state is None:
            return epochs
        self.restore(state)
        return best

    def average_with(self, states: Sequence[dict[str, Any]]) -> None:
        """Takes the mean of several trainings' weights.

        Source: Wortsman et al. 2022, Model soups, https://arxiv.org/abs/2203.05482.
        """
        import torch

        def mean(parts: list[Any]) -> Any:
            if not torch.is_floating_point(parts[0]):
                return parts[0]
            return torch.stack(parts).mean(dim=0)

        self.restore(
            {
                part: {name: mean([state[part][name] for state in states]) for name in states[0][part]}
                for part in ("encoder", "sentiment")
            }
            | {"intent": torch.nn.functional.normalize(mean([state["intent"] for state in states]), dim=-1)}
        )

    def state(self) -> dict[str, Any]:
        """A copy of all weights, for `average_with` and `restore`."""
        return {
            "encoder": copy.deepcopy(self._encoder.state_dict()) if self._options.train_encoder else {},
            "intent": self._intent_head.detach().clone(),
            "sentiment": copy.deepcopy(self._sentiment_head.state_dict()),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Takes the weights of an earlier `state`."""
        if state["encoder"]:
            self._encoder.load_state_dict(state["encoder"])
        self._intent_head.data.copy_(state["intent"])
        self._sentiment_head.load_state_dict(state["sentiment"])

    def changed_weights(self) -> dict[str, Any]:
        """The encoder's weights that training changes, at half precision."""
        import torch

        state = self._encoder.state_dict()
        names = [name for name, item in self._encoder.named_parameters() if item.requires_grad]
        return {name: state[name].detach().to(torch.float16).cpu().contiguous() for name in names}

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        """Unit vectors of texts with the weights as they are, (texts, dimensions)."""
        import torch

        if not self._options.train_encoder:
            return np.stack([self._fixed_vectors(texts)[text] for text in texts]) if texts else np.zeros((0, 1))
        self._encoder.eval()
        vectors = np.zeros((len(texts), self._shape[1]), dtype=np.float32)
        order = sorted(range(len(texts)), key=lambda row: len(texts[row]))
        with torch.no_grad():
            for start in range(0, len(order), _EMBED_BATCH):
                rows = order[start : start + _EMBED_BATCH]
                vectors[rows] = self._forward([texts[row] for row in rows]).float().cpu().numpy()
        return vectors

    def probabilities(self, embeddings: np.ndarray) -> np.ndarray:
        """Of the intents, (texts, intents)."""
        return softmax(self._options.scale * embeddings @ self.head_weights()["intent"].T)

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

    def _initialise_heads(self, examples: Sequence[Example]) -> None:
        """Starts each intent's vector at the mean of its examples: training begins from a fair classifier.

        Intents without examples, which a fold leaves out, stay at zero and get no gradient that matters.
        """
        import torch

        vectors = self.embed([example.text for example in examples])
        means = class_means(vectors, [str(example.intent) for example in examples], self._intents)
        earlier = self._start_heads.get("intent")
        if earlier is not None:
            known = np.linalg.norm(earlier, axis=1) > 0
            means[known] = earlier[known]
        self._present = torch.tensor(np.linalg.norm(means, axis=1) > 0, device=self._device)
        with torch.no_grad():
            self._intent_head.copy_(torch.tensor(means))
            if "sentiment" in self._start_heads:
                weight = self._start_heads["sentiment"] / self._options.scale
                self._sentiment_head.weight.copy_(torch.tensor(weight))
                self._sentiment_head.bias.copy_(torch.tensor(self._start_heads["sentiment_bias"]))

    def _balance(self, examples: Sequence[Example]) -> Any:
        """Weights that make rare sentiments count: the square root of the inverse share."""
        import torch

        counts = Counter(example.sentiment for example in examples if example.sentiment)
        total = sum(counts.values())
        weights = [(total / (len(SENTIMENTS) * counts[name])) ** 0.5 if counts[name] else 0.0 for name in SENTIMENTS]
        return torch.tensor(weights, device=self._device)

    def _parameter_groups(self) -> list[dict[str, Any]]:
        heads = [self._intent_head, *self._sentiment_head.parameters()]
        groups: list[dict[str, Any]] = [{"params": heads, "lr": self._options.head_rate}]
        if not self._options.train_encoder:
            return groups
        # Half of a small encoder's weights are its word vectors; few examples touch few of them, and leaving
        # them as they are makes a step a fifth cheaper.
        self._encoder[0].auto_model.get_input_embeddings().requires_grad_(False)
        rates: dict[int, list[Any]] = defaultdict(list)
        names = [(name, item) for name, item in self._encoder.named_parameters() if item.requires_grad]
        depth = max((_layer(name) for name, _ in names), default=0)
        for name, item in names:
            rates[depth - _layer(name)].append(item)
        decay = self._options.layer_decay
        groups += [{"params": items, "lr": self._options.encoder_rate * decay**below} for below, items in rates.items()]
        return groups

    def _batches(self, examples: Sequence[Example], epoch: int) -> Iterator[list[Example]]:
        """Shuffled, then sorted by length within pools of eight batches, so that little is padded."""
        size = self._options.batch_size
        order = list(examples)
        shuffler = random.Random(self._seed * 1_000 + epoch)  # noqa: S311 - no secret, and repeatable
        shuffler.shuffle(order)
        batches = []
        for start in range(0, len(order), 8 * size):
            pool = sorted(order[start : start + 8 * size], key=lambda example: len(example.text))
            batches += [pool[at : at + size] for at in range(0, len(pool), size)]
        shuffler.shuffle(batches)
        yield from batches

    def _endless(self, examples: Sequence[Example]) -> Iterator[Example]:
        """Sentiment examples without an intent, round after round: each step takes half as many as it has others."""
        epoch = 0
        while examples:
            epoch += 1
            for batch in self._batches(examples, -epoch):
                yield from batch

    def _loss(self, batch: Sequence[Example], moods: Sequence[Example]) -> Any:
        import torch
        from torch.nn.functional import cross_entropy, normalize

        self._encoder.train()
        options = self._options
        embeddings = self._vectors_of([example.text for example in batch])
        targets = torch.tensor([self._intents.index(str(example.intent)) for example in batch], device=self._device)
        logits = options.scale * embeddings @ normalize(self._intent_head, dim=-1).T
        logits = logits.masked_fill(~self._present, -1e4)
        loss = cross_entropy(logits, targets, label_smoothing=options.label_smoothing)
        rows = [row for row, example in enumerate(batch) if example.sentiment]
        labels = [str(batch[row].sentiment) for row in rows] + [str(example.sentiment) for example in moods]
        if labels and options.sentiment_weight:
            parts = [embeddings[rows]] + ([self._vectors_of([example.text for example in moods])] if moods else [])
            # Unit vectors have entries near 0.05; scaled up, a linear head can part them within few steps.
            mood_logits = self._sentiment_head(torch.cat(parts) * options.scale)
            numbers = torch.tensor([SENTIMENTS.index(label) for label in labels], device=self._device)
            loss = loss + options.sentiment_weight * cross_entropy(mood_logits, numbers, weight=self._sentiment_weights)
        return loss

    def _vectors_of(self, texts: Sequence[str]) -> Any:
        import torch

        if self._options.train_encoder:
            return self._forward(texts)
        return torch.tensor(self.embed(texts), device=self._device)

    def _fixed_vectors(self, texts: Sequence[str]) -> dict[str, np.ndarray]:
        """The vectors of an encoder that does not learn, each computed once."""
        import torch

        new = sorted({text for text in texts if text not in self._vectors}, key=len)
        self._encoder.eval()
        with torch.no_grad():
            for start in range(0, len(new), _EMBED_BATCH):
                batch = new[start : start + _EMBED_BATCH]
                self._vectors.update(zip(batch, self._forward(batch).float().cpu().numpy(), strict=True))
        return self._vectors

    def _forward(self, texts: Sequence[str]) -> Any:
        import torch

        features = self._encoder.preprocess([self._options.prefix + text for text in texts])
        features = {k: v.to(self._device) for k, v in features.items() if k in ("input_ids", "attention_mask")}
        with torch.autocast(self._device.type, dtype=torch.bfloat16, enabled=half_precision(self._device.type)):
            vectors = self._encoder(features)["sentence_embedding"]
        return torch.nn.functional.normalize(vectors.float(), dim=-1)

    def _accuracy(self, examples: Sequence[Example]) -> float:
        probabilities = self.probabilities(self.embed([example.text for example in examples]))
        truth = np.array([self._intents.index(str(example.intent)) for example in examples])
        return float((probabilities.argmax(axis=1) == truth).mean())


def class_means(vectors: np.ndarray, labels: Sequence[str], intents: Sequence[str]) -> np.ndarray:
    """The unit-length mean of each intent's vectors, (intents, dimensions); zeros for one without any."""
    means = np.zeros((len(intents), vectors.shape[1]), dtype=np.float32)
    rows: dict[str, list[int]] = defaultdict(list)
    for row, label in enumerate(labels):
        rows[label].append(row)
    for number, intent in enumerate(intents):
        if rows[intent]:
            total = vectors[rows[intent]].sum(axis=0)
            means[number] = total / max(float(np.linalg.norm(total)), 1e-12)
    return means


def _layer(name: str) -> int:
    """The number of a Transformer layer in a parameter's name; 0 for what comes before the first."""
    numbers = [int(part) for part in name.split(".") if part.isdigit()]
    return numbers[-1] + 1 if len(numbers) > 1 else 0
