"""Explains a classification: the examples, the words, and what made the confidence low."""

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from shopllm_rasa.encoders.intent_model import IntentSentimentModel, Prediction

NEAREST = 5
MAX_WORDS = 50
# Every judged word costs a pass over all judged words, and a bot explains while its customer waits.
MAX_JUDGED_CHARACTERS = 300
_WORD = re.compile(r"\S+")
_UNDECIDED = 0.6


@dataclass(frozen=True)
class NearExample:
    """A training example that is like the message; `similarity` is a cosine."""

    text: str
    intent: str
    similarity: float


@dataclass(frozen=True)
class WordInfluence:
    """How much a word spoke for the intent: by how much the intent's score falls without it.

    Attributes:
        word: as written.
        start: first character in the message.
        end: one past the last.
        influence: difference of the intent's logit (a scaled cosine); below 0 the word spoke against it.
    """

    word: str
    start: int
    end: int
    influence: float


@dataclass(frozen=True)
class Explanation:
    """Why a message was understood as it was.

    Attributes:
        intent: the best one.
        confidence: calibrated.
        read_as: the message with its typos mended; None if there are none.
        nearest: the most similar training examples, best first.
        words: influence of each word, in the order of the message.
        fallback: why the confidence is below the threshold; None if it is not.
    """

    intent: str
    confidence: float
    read_as: str | None
    nearest: tuple[NearExample, ...]
    words: tuple[WordInfluence, ...]
    fallback: str | None

    def to_dict(self) -> dict[str, Any]:
        """Ready for JSON."""
        return asdict(self)


def explain(model: IntentSentimentModel, text: str, threshold: float) -> Explanation:
    """Explains how a text was classified.

    Words are judged by occlusion (Zeiler & Fergus 2014, https://arxiv.org/abs/1311.2901; for text: Li et al. 2016,
    Understanding Neural Networks through Representation Erasure, https://arxiv.org/abs/1612.08220): the text is
    classified again without each word; all these versions go through the encoder together.

    Args:
        model: the classifier.
        text: the message; of a long one only words within the first 300 characters are judged, 50 at most, as if
            the message ended there.
        threshold: the confidence below which the bot falls back.
    """
    words = [word for word in _WORD.finditer(text) if word.end() <= MAX_JUDGED_CHARACTERS][:MAX_WORDS]
    judged = text[: words[-1].end()] if words else ""
    embedding = model.embed([text])
    prediction = model.classify(embedding)[0]
    intent, confidence = prediction.ranking[0]
    without_each = (judged[: word.start()] + judged[word.end() :] for word in words)
    scores = model.logits(model.embed([judged, *without_each]))[:, model.description.intents.index(intent)]
    similarities = model.similarities(embedding)[0]
    nearest = tuple(
        NearExample(model.examples[row].text, model.examples[row].intent, round(float(similarities[row]), 4))
        for row in np.argsort(-similarities)[:NEAREST]
    )
    return Explanation(
        intent=intent,
        confidence=round(confidence, 4),
        read_as=read_as if (read_as := model.read(text)) != text[: len(read_as)] else None,
        nearest=nearest,
        words=tuple(
            WordInfluence(word.group(), word.start(), word.end(), round(float(scores[0] - without), 4))
            for word, without in zip(words, scores[1:], strict=True)
        ),
        fallback=_why(model, prediction, nearest) if confidence < threshold else None,
    )


def _why(model: IntentSentimentModel, prediction: Prediction, nearest: Sequence[NearExample]) -> str:
    """The sign of certainty that is missing."""
    usual = model.description.usual_similarity
    similarity = prediction.features[2]
    intent = prediction.ranking[0][0]
    if similarity < usual:
        return (
            f"It is like no training example: the nearest, '{nearest[0].text}', has a similarity of {similarity:.2f}; "
            f"messages that the bot knows usually have {usual:.2f} or more."
        )
    if prediction.probability < _UNDECIDED and len(prediction.ranking) > 1:
        return f"It could be '{intent}' or '{prediction.ranking[1][0]}'."
    return (
        f"'{intent}' is the best guess, but with these signs of certainty the best guess is right in about "
        f"{prediction.ranking[0][1]:.0%} of messages only."
    )
