"""Rasa component: intent and sentiment by a fine-tuned Transformer."""

import logging
import shutil
import tempfile
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.nlu.classifiers.classifier import IntentClassifier
from rasa.shared.exceptions import InvalidConfigException, RasaException
from rasa.shared.nlu.constants import (
    ENTITIES,
    ENTITY_ATTRIBUTE_END,
    ENTITY_ATTRIBUTE_START,
    ENTITY_ATTRIBUTE_TYPE,
    ENTITY_ATTRIBUTE_VALUE,
    EXTRACTOR,
    INTENT,
    INTENT_NAME_KEY,
    INTENT_RANKING_KEY,
    METADATA,
    METADATA_EXAMPLE,
    METADATA_INTENT,
    PREDICTED_CONFIDENCE_KEY,
    TEXT,
)
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData

from shopllm_rasa import encoders, spelling
from shopllm_rasa.encoders import model_card
from shopllm_rasa.encoders.commerce import DIFFERENCE_FILE
from shopllm_rasa.encoders.explanation import explain
from shopllm_rasa.encoders.export import COMMERCE_MODEL
from shopllm_rasa.encoders.fine_tuning import Example
from shopllm_rasa.encoders.intent_model import SENTIMENTS, IntentSentimentModel, Prediction
from shopllm_rasa.encoders.model_card import THRESHOLD
from shopllm_rasa.encoders.opinions import read_opinions
from shopllm_rasa.encoders.training import STRANGERS_FILE, train_classifier
from shopllm_rasa.encoders.training_options import POOLINGS, PRESETS, TrainingOptions
from shopllm_rasa.errors import EncoderError
from shopllm_rasa.nlu.component_config import Rule, check_choice, check_config, modules_of, source_fingerprint
from shopllm_rasa.storage import sha256_of

logger = logging.getLogger(__name__)

SENTIMENT = "sentiment"
EXPLANATION = "explanation"

# Of the files in a folder that `model` names; what else may lie there changes no result.
_MODEL_SUFFIXES = (".safetensors", ".json", ".txt", ".model")
_NONE = type(None)
_RULES: dict[str, Rule] = {
    "model": (str, None, None),
    "preset": (str, None, None),
    "epochs": ((int, _NONE), 1, 1_000),
    "batch_size": ((int, _NONE), 2, 512),
    "learning_rate": ((float, _NONE), 1e-7, 1e-2),
    "folds": ((int, _NONE), 0, 20),
    "max_length": ((int, _NONE), 4, 8_192),
    "pooling": ((str, _NONE), None, None),
    "prefix": (str, None, None),
    "reviews": (list, None, None),
    "mend_typos": (bool, None, None),
    "quantize": (bool, None, None),
    "random_seed": (int, 0, 2**31),
    "ranking_length": (int, 0, 1000),
    "threads": (int, 1, 64),
    "explanation": (bool, None, None),
    "progress": (bool, None, None),
}
# The component's keys for training options that go by another name there.
_OPTION_NAMES = {"learning_rate": "encoder_rate", "random_seed": "seed"}


@DefaultV1Recipe.register(
    [DefaultV1Recipe.ComponentType.INTENT_CLASSIFIER, DefaultV1Recipe.ComponentType.ENTITY_EXTRACTOR],
    is_trainable=True,
)
class IntentSentimentClassifier(GraphComponent, IntentClassifier):
    """Classifies a message's intent and sentiment in one pass of a fine-tuned sentence encoder.

    Intents come from the NLU data; sentiments from the examples' metadata (`sentiment: negative`, for an
    example or a whole intent) and from the files that `reviews` names. Examples without a label train the
    intent alone.

    A message gets `intent` with a calibrated confidence, `intent_ranking`, `sentiment` (a score for each
    class) and an entity `sentiment` with the likeliest class, so that a slot can be filled from it; with
    `explanation: true` also an `explanation`.

    Example:
        pipeline:
          - name: shopllm_rasa.nlu.IntentSentimentClassifier
            preset: balanced
          - name: FallbackClassifier
            threshold: 0.5
            ambiguity_threshold: 0
    """

    @staticmethod
    def required_packages() -> list[str]:
        """Any extra python dependencies required for this component to run."""
        return ["onnxruntime", "tokenizers", "safetensors"]

    @staticmethod
    def get_default_config() -> dict[str, Any]:
        """The component's default config."""
        return {
            # 'commerce' is the bundled all-MiniLM-L6-v2, tuned to tell customers' intents apart, 'default' the same as
            # it was made; else a Hugging Face name or a folder
            "model": COMMERCE_MODEL,
            # fast (the encoder stays as it is), balanced, or best (three trainings, averaged)
            "preset": "balanced",
            # passes over the data at most; as all keys with no value: the preset's
            "epochs": None,
            # examples in a training step
            "batch_size": None,
            # of the encoder; the heads learn faster
            "learning_rate": None,
            # trainings that leave out examples and intents, to calibrate the confidence; 0 for none
            "folds": None,
            # tokens of a message that are read; without it as many as the model can
            "max_length": None,
            # mean, cls or max; without it the model's own
            "pooling": None,
            # put before each message, for models that were trained with one, such as 'query: '
            "prefix": "",
            # files of reviews that teach sentiment: .csv or .jsonl with 'text' and 'label' or 'rating'
            "reviews": [],
            # replace words that nobody knows by those they are a typo of, in bots whose examples are English
            "mend_typos": True,
            # serve in int8 where that gives the same answers
            "quantize": True,
            # the same seed gives the same model
            "random_seed": TrainingOptions.seed,
            # intents in the ranking; 0 gives all
            "ranking_length": 10,
            # CPU threads for a message
            "threads": 2,
            # add to each message what decided its intent; several times the time
            "explanation": False,
            # a progress bar while training
            "progress": True,
        }

    def __init__(
        self,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        model: IntentSentimentModel | None = None,
        earlier: Path | None = None,
    ) -> None:
        # Rasa 3.6 declares `validate_config` but never calls it.
        self.validate_config(config)
        self._config = config
        self._model_storage = model_storage
        self._resource = resource
        self._model = model
        self._earlier = earlier

    @classmethod
    def create(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
    ) -> "IntentSentimentClassifier":
        """Creates a new untrained component."""
        return cls(config, model_storage, resource)

    def train(self, training_data: TrainingData) -> Resource:
        """Fine-tunes on the intent examples and persists what came out.

        Raises:
            InvalidConfigException: if the model cannot be loaded or there are fewer than two intents.
        """
        examples = _examples(training_data)
        if not examples:
            logger.warning("No intent examples: the classifier stays untrained.")
            return self._resource
        try:
            reviews = [opinion for name in self._config["reviews"] for opinion in read_opinions(Path(name))]
            with self._model_storage.write_to(self._resource) as folder:
                description = train_classifier(
                    _with_a_mood(examples, reviews),
                    folder,
                    _options(self._config),
                    self._config["model"],
                    reviews,
                    self._earlier,
                    self._config["progress"],
                )
                card = (folder / model_card.CARD_FILE).read_text(encoding="utf-8")
        except EncoderError as error:
            raise InvalidConfigException(f"IntentSentimentClassifier: {error}") from error
        finally:
            if self._earlier is not None:
                shutil.rmtree(self._earlier, ignore_errors=True)
                self._earlier = None
        logger.info("Classifier trained: %s", dict(description.figures))
        for warning in model_card.warnings_of(card):
            logger.warning("NLU data: %s", warning)
        return self._resource

    @classmethod
    def load(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
        **kwargs: Any,
    ) -> "IntentSentimentClassifier":
        """Loads a trained component, to serve or (with `--finetune`) to train on.

        Raises:
            RasaException: if the model is damaged or of another version.
        """
        try:
            with model_storage.read_from(resource) as folder:
                if execution_context.is_finetuning:
                    # The storage's folder is gone by the time of training; what is trained on is kept aside.
                    earlier = Path(tempfile.mkdtemp(prefix="shopllm-finetune-"))
                    shutil.copytree(folder, earlier, dirs_exist_ok=True)
                    return cls(config, model_storage, resource, earlier=earlier)
                model = IntentSentimentModel.load(folder, config["threads"])
        except ValueError:
            logger.warning("There is no trained IntentSentimentClassifier in this model.")
            return cls.create(config, model_storage, resource, execution_context)
        except EncoderError as error:
            raise RasaException(str(error)) from error
        return cls(config, model_storage, resource, model)

    def process(self, messages: list[Message]) -> list[Message]:
        """Sets intent, ranking and sentiment on messages."""
        texts = [str(message.get(TEXT) or "").strip() for message in messages]
        known = [row for row, text in enumerate(texts) if text and self._model is not None]
        predictions: dict[int, Prediction] = {}
        if known and self._model is not None:
            predictions = dict(zip(known, self._model.predict([texts[row] for row in known]), strict=True))
        for row, message in enumerate(messages):
            self._annotate(message, predictions.get(row))
            if self._config["explanation"] and self._model is not None and row in predictions:
                found = explain(self._model, texts[row], THRESHOLD)
                message.set(EXPLANATION, found.to_dict(), add_to_output=True)
        return messages

    def _annotate(self, message: Message, prediction: Prediction | None) -> None:
        if prediction is None:
            message.set(INTENT, {INTENT_NAME_KEY: None, PREDICTED_CONFIDENCE_KEY: 0.0}, add_to_output=True)
            message.set(INTENT_RANKING_KEY, [], add_to_output=True)
            return
        ranking = [
            {INTENT_NAME_KEY: name, PREDICTED_CONFIDENCE_KEY: confidence} for name, confidence in prediction.ranking
        ]
        length = self._config["ranking_length"]
        mood = max(prediction.sentiment, key=lambda name: prediction.sentiment[name])
        # It speaks of the whole message, so it has no span: a span would look like an annotated word.
        entity = {
            ENTITY_ATTRIBUTE_TYPE: SENTIMENT,
            ENTITY_ATTRIBUTE_VALUE: mood,
            ENTITY_ATTRIBUTE_START: 0,
            ENTITY_ATTRIBUTE_END: 0,
            "confidence_entity": prediction.sentiment[mood],
            EXTRACTOR: type(self).__name__,
        }
        message.set(INTENT, ranking[0], add_to_output=True)
        message.set(INTENT_RANKING_KEY, ranking[:length] if length else ranking, add_to_output=True)
        message.set(SENTIMENT, dict(prediction.sentiment), add_to_output=True)
        message.set(ENTITIES, [*message.get(ENTITIES, []), entity], add_to_output=True)

    @classmethod
    def validate_config(cls, config: dict[str, Any]) -> None:
        """Checks keys, types and bounds.

        Raises:
            InvalidConfigException: naming the key and what is allowed.
        """
        check_config(cls.__name__, config, _RULES)
        check_choice(cls.__name__, config, "preset", PRESETS)
        if config.get("pooling") is not None:
            check_choice(cls.__name__, config, "pooling", POOLINGS)

    @classmethod
    def fingerprint_addon(cls, config: dict[str, Any]) -> str | None:
        """Makes the training cache notice other reviews, another content of a model folder, and other code."""
        code = source_fingerprint(*modules_of(encoders), *modules_of(spelling))
        files = [STRANGERS_FILE, DIFFERENCE_FILE, *(Path(name) for name in config.get("reviews") or [])]
        own_model = Path(str(config.get("model")))
        if own_model.is_dir():
            files += sorted(file for file in own_model.rglob("*") if file.suffix in _MODEL_SUFFIXES)
        return code + sha256_of(*(file for file in files if file.is_file()))


def _options(config: dict[str, Any]) -> TrainingOptions:
    """The preset's options, with those that the config names put over them."""
    names = (
        "epochs",
        "batch_size",
        "learning_rate",
        "folds",
        "max_length",
        "pooling",
        "prefix",
        "mend_typos",
        "quantize",
        "random_seed",
    )
    values = {_OPTION_NAMES.get(name, name): config[name] for name in names if config[name] is not None}
    return replace(PRESETS[config["preset"]], **values)


def _with_a_mood(examples: list[Example], reviews: list[Example]) -> list[Example]:
    """Without any sentiment label all is neutral: the head needs something to learn."""
    labels = Counter(example.sentiment for example in [*examples, *reviews] if example.sentiment)
    if labels:
        return examples
    logger.warning(
        "No example has a sentiment label, so every message will be 'neutral'. Give examples the metadata "
        "'sentiment' with one of: %s; or name files of reviews in the config.",
        ", ".join(SENTIMENTS),
    )
    return [replace(example, sentiment="neutral") for example in examples]


def _examples(training_data: TrainingData) -> list[Example]:
    return [
        Example(message.get(TEXT), message.get(INTENT), _sentiment(message))
        for message in training_data.intent_examples
        if message.get(TEXT) and message.get(INTENT)
    ]


def _sentiment(message: Message) -> str | None:
    """The label of the example, else of its intent.

    Raises:
        InvalidConfigException: if the label is none of the three.
    """
    metadata = message.get(METADATA) or {}
    for level in (METADATA_EXAMPLE, METADATA_INTENT):
        values = metadata.get(level)
        label = values.get(SENTIMENT) if isinstance(values, dict) else None
        if label is None:
            continue
        if label not in SENTIMENTS:
            raise InvalidConfigException(
                f"NLU data, intent '{message.get(INTENT)}', example '{message.get(TEXT)}': the sentiment is "
                f"'{label}'; allowed: {', '.join(SENTIMENTS)}."
            )
        return str(label)
    return None
