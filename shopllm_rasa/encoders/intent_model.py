"""Intent and sentiment of a text from one pass of a fine-tuned encoder."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from shopllm_rasa.encoders.sentence_encoder import SentenceEncoder
from shopllm_rasa.errors import EncoderError
from shopllm_rasa.storage import write_json

SENTIMENTS = ("negative", "neutral", "positive")
HEADS_FILE = "heads.safetensors"
DESCRIPTION_FILE = "classifier.json"
ENCODER_FOLDER = "encoder"
FORMAT_VERSION = 1
_NEIGHBOURS = 3


@dataclass(frozen=True)
class Description:
    """What a trained classifier says of itself, as `classifier.json`.

    Attributes:
        intents: names in the order of the intent head's rows.
        scale: factor on the cosines before the softmax.
        similarity_threshold: similarity to the training examples at which a message is as likely in scope as not.
        similarity_scale: steepness of the step there.
        figures: counts and validation scores, for people to read.
    """

    intents: tuple[str, ...]
    scale: float
    similarity_threshold: float
    similarity_scale: float
    figures: Mapping[str, float]
    format_version: int = FORMAT_VERSION


@dataclass(frozen=True)
class Prediction:
    """What a text is about and how it sounds.

    Attributes:
        ranking: (intent, confidence) pairs, best first. A confidence is the softmax probability times the
            estimated chance that the message is in scope at all, so all of them are low for a strange message.
        sentiment: class to probability; they sum to 1.
    """

    ranking: tuple[tuple[str, float], ...]
    sentiment: Mapping[str, float]


class IntentSentimentModel:
    """A fine-tuned encoder with two heads, ready to serve."""

    def __init__(self, encoder: SentenceEncoder, heads: Mapping[str, np.ndarray], description: Description) -> None:
        self._encoder = encoder
        self._heads = dict(heads)
        self.description = description

    def predict(self, texts: Sequence[str]) -> list[Prediction]:
        """Classifies texts."""
        if not texts:
            return []
        embeddings = self._encoder.encode(texts)
        intents = softmax(self.description.scale * embeddings @ self._heads["intent"].T)
        sentiments = softmax(embeddings @ self._heads["sentiment"].T + self._heads["sentiment_bias"])
        in_scope = scope_probability(
            neighbour_similarity(embeddings, self._heads["examples"]),
            self.description.similarity_threshold,
            self.description.similarity_scale,
        )
        return [
            Prediction(
                tuple((self.description.intents[column], float(row[column] * scope)) for column in np.argsort(-row)),
                dict(zip(SENTIMENTS, map(float, mood), strict=True)),
            )
            for row, scope, mood in zip(intents, in_scope, sentiments, strict=True)
        ]

    @classmethod
    def load(cls, folder: Path, threads: int = 2) -> "IntentSentimentModel":
        """Loads what training wrote.

        Raises:
            EncoderError: if something is missing, damaged or of another version.
        """
        from safetensors.numpy import load_file

        try:
            values = json.loads((folder / DESCRIPTION_FILE).read_text(encoding="utf-8"))
            description = Description(**{**values, "intents": tuple(values["intents"])})
            heads = load_file(folder / HEADS_FILE)
        except Exception as error:  # safetensors, JSON and the file system each raise their own kinds
            raise EncoderError(f"The classifier in '{folder}' cannot be loaded: {error}. Train again.") from error
        if description.format_version != FORMAT_VERSION:
            raise EncoderError(
                f"The classifier in '{folder}' has format {description.format_version}; "
                f"this version reads {FORMAT_VERSION}. Train again."
            )
        return cls(SentenceEncoder.open(folder / ENCODER_FOLDER, threads), heads, description)

    @staticmethod
    def save_heads(folder: Path, heads: Mapping[str, np.ndarray], description: Description) -> None:
        """Writes everything but the encoder."""
        from safetensors.numpy import save_file

        save_file({name: np.ascontiguousarray(value) for name, value in heads.items()}, folder / HEADS_FILE)
        write_json(folder / DESCRIPTION_FILE, asdict(description))


def softmax(logits: np.ndarray) -> np.ndarray:
    """Probabilities along the last axis."""
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


def neighbour_similarity(embeddings: np.ndarray, examples: np.ndarray) -> np.ndarray:
    """Mean cosine to the nearest training examples: low for what training has never seen.

    Args:
        embeddings: unit vectors, (texts, dimensions).
        examples: unit vectors of the training examples, (examples, dimensions).

    Returns:
        Shape (texts,).
    """
    similarities = embeddings @ examples.T
    count = min(_NEIGHBOURS, examples.shape[0])
    return np.sort(similarities, axis=1)[:, -count:].mean(axis=1)


def scope_probability(similarity: np.ndarray, threshold: float, scale: float) -> np.ndarray:
    """The chance that a message is in scope, by its similarity to the training examples."""
    return 1 / (1 + np.exp(-np.clip((similarity - threshold) * scale, -30, 30)))
