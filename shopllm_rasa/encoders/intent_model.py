"""Intent and sentiment of a text from one pass of a fine-tuned encoder."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from shopllm_rasa.encoders.calibration import Calibration, certainty_features
from shopllm_rasa.encoders.inner_products import inner_products
from shopllm_rasa.encoders.sentence_encoder import SentenceEncoder
from shopllm_rasa.errors import EncoderError
from shopllm_rasa.spelling import SpellingMender
from shopllm_rasa.storage import sha256_of, write_json

SENTIMENTS = ("negative", "neutral", "positive")
HEADS_FILE = "heads.safetensors"
EXAMPLES_FILE = "examples.json"
DESCRIPTION_FILE = "classifier.json"
ENCODER_FOLDER = "encoder"
FORMAT_VERSION = 4
# More of a text is not read; an encoder takes a few hundred words at most anyway.
MAX_TEXT_CHARACTERS = 4_000


@dataclass(frozen=True)
class Description:
    """What a trained classifier says of itself, as `classifier.json`.

    Attributes:
        intents: names in the order of the intent head's rows.
        scale: factor on the cosines before the softmax.
        calibration: from signs of certainty to a confidence.
        usual_similarity: the cosine to the nearest example that all but few known-good messages exceed.
        mends_typos: whether typos are mended before the encoder reads a text.
        figures: counts and scores, for people to read.
        files: SHA-256 of the other files, by name.
    """

    intents: tuple[str, ...]
    scale: float
    calibration: Calibration
    usual_similarity: float
    mends_typos: bool
    figures: Mapping[str, float]
    files: Mapping[str, str] = field(default_factory=dict)
    format_version: int = FORMAT_VERSION


@dataclass(frozen=True)
class LabelledText:
    """A training example as it is kept for explanations."""

    text: str
    intent: str


@dataclass(frozen=True)
class Prediction:
    """What a text is about and how it sounds.

    Attributes:
        ranking: (intent, confidence) pairs, best first. The first confidence is the calibrated chance that this
            intent is right; it is below 0.5 for a message that is unclear or out of scope. The others share what
            is left, by their probabilities.
        sentiment: class to probability; they sum to 1.
        features: the signs of certainty the confidence was made of, see `certainty_features`.
        probability: of the best intent, if the message is in scope at all.
    """

    ranking: tuple[tuple[str, float], ...]
    sentiment: Mapping[str, float]
    features: tuple[float, ...]
    probability: float


class IntentSentimentModel:
    """A fine-tuned encoder with two heads, ready to serve."""

    def __init__(
        self,
        encoder: SentenceEncoder,
        heads: Mapping[str, np.ndarray],
        description: Description,
        examples: Sequence[LabelledText],
    ) -> None:
        self._encoder = encoder
        self._heads = dict(heads)
        self.description = description
        self.examples = tuple(examples)
        self._mender = SpellingMender.of_examples([item.text for item in examples]) if description.mends_typos else None

    def predict(self, texts: Sequence[str]) -> list[Prediction]:
        """Classifies texts."""
        return self.classify(self.embed(texts)) if texts else []

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        """The unit vectors all is decided from, (texts, dimensions)."""
        return self._encoder.encode([self.read(text) for text in texts])

    def read(self, text: str) -> str:
        """A text as the encoder reads it."""
        text = text[:MAX_TEXT_CHARACTERS]
        return self._mender.mend(text) if self._mender else text

    def classify(self, embeddings: np.ndarray) -> list[Prediction]:
        """Classifies texts by their vectors."""
        intents = softmax(self.logits(embeddings))
        sentiments = softmax(inner_products(embeddings, self._heads["sentiment"]) + self._heads["sentiment_bias"])
        features = certainty_features(intents, embeddings, self._heads["class_means"], self._heads["examples"])
        confidences = self.description.calibration.confidence(features)
        return [
            Prediction(
                tuple((self.description.intents[column], value) for column, value in _ranking(row, float(confidence))),
                dict(zip(SENTIMENTS, map(float, mood), strict=True)),
                tuple(map(float, signs)),
                float(row.max()),
            )
            for row, confidence, mood, signs in zip(intents, confidences, sentiments, features, strict=True)
        ]

    def logits(self, embeddings: np.ndarray) -> np.ndarray:
        """Scaled cosines to the intents' vectors, (texts, intents)."""
        return self.description.scale * inner_products(embeddings, self._heads["intent"])

    def similarities(self, embeddings: np.ndarray) -> np.ndarray:
        """Cosines to the training examples, (texts, examples)."""
        return inner_products(embeddings, self._heads["examples"])

    @classmethod
    def load(cls, folder: Path, threads: int = 2) -> "IntentSentimentModel":
        """Loads what training wrote.

        Raises:
            EncoderError: if something is missing, damaged or of another version.
        """
        from safetensors.numpy import load_file

        description = read_description(folder)
        try:
            changed = [name for name, digest in description.files.items() if sha256_of(folder / name) != digest]
            if changed:
                raise ValueError(f"{', '.join(changed)} is not what was written")
            heads = load_file(folder / HEADS_FILE)
            examples = [LabelledText(*row) for row in json.loads((folder / EXAMPLES_FILE).read_text(encoding="utf-8"))]
        except Exception as error:  # safetensors, JSON and the file system each raise their own kinds
            raise EncoderError(f"The classifier in '{folder}' cannot be loaded: {error}. Train again.") from error
        return cls(SentenceEncoder.open(folder / ENCODER_FOLDER, threads), heads, description, examples)

    @staticmethod
    def save_heads(
        folder: Path, heads: Mapping[str, np.ndarray], examples: Sequence[LabelledText], values: Mapping[str, Any]
    ) -> Description:
        """Writes everything but the encoder.

        Args:
            folder: takes the files.
            heads: `intent`, `class_means`, `sentiment`, `sentiment_bias` and the vectors of the `examples`.
            examples: in the order of their vectors.
            values: the fields of `Description` but `files`.
        """
        from safetensors.numpy import save_file

        save_file({name: np.ascontiguousarray(value) for name, value in heads.items()}, folder / HEADS_FILE)
        write_json(folder / EXAMPLES_FILE, [[item.text, item.intent] for item in examples])
        files = {name: sha256_of(folder / name) for name in (HEADS_FILE, EXAMPLES_FILE)}
        description = Description(**values, files=files)
        write_json(folder / DESCRIPTION_FILE, asdict(description))
        return description


def read_description(folder: Path) -> Description:
    """Reads what a trained classifier says of itself.

    Raises:
        EncoderError: if it is missing, damaged or of another version.
    """
    try:
        values = json.loads((folder / DESCRIPTION_FILE).read_text(encoding="utf-8"))
        version = values["format_version"]
        if version == FORMAT_VERSION:
            calibration = values["calibration"]
            values["calibration"] = Calibration(**{**calibration, "weights": tuple(calibration["weights"])})
            return Description(**{**values, "intents": tuple(values["intents"])})
    except Exception as error:  # JSON and the file system each raise their own kinds
        raise EncoderError(f"The classifier in '{folder}' cannot be loaded: {error}. Train again.") from error
    raise EncoderError(
        f"The classifier in '{folder}' has format {version}; this version reads {FORMAT_VERSION}. Train again."
    )


def _ranking(probabilities: np.ndarray, confidence: float) -> list[tuple[int, float]]:
    """Columns by probability; the first has the confidence, the others never more than it or than what is left."""
    order = np.argsort(-probabilities)
    best = float(probabilities[order[0]])
    factor = min(confidence / best, (1 - confidence) / max(1 - best, 1e-9))
    return [
        (int(order[0]), confidence),
        *((int(column), float(probabilities[column] * factor)) for column in order[1:]),
    ]


def softmax(logits: np.ndarray) -> np.ndarray:
    """Probabilities along the last axis."""
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)
