"""What several test folders share: a real index over some of the demo shop's data, and a small real classifier."""

import csv
import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

# No test reaches the model hub: a wrong encoder name fails at once instead of after a time-out.
os.environ.setdefault("HF_HUB_OFFLINE", "1")

from shopllm_rasa.catalog import Product, read_catalog
from shopllm_rasa.catalog.mentions import MentionFinder
from shopllm_rasa.catalog.vocabulary import Vocabulary
from shopllm_rasa.encoders.fine_tuning import Example
from shopllm_rasa.encoders.training import train_classifier
from shopllm_rasa.encoders.training_options import PRESETS
from shopllm_rasa.errors import GenerationError
from shopllm_rasa.generation.backends import ChatMessage, Completion, Draft, GenerationRequest
from shopllm_rasa.retrieval import KnowledgeIndex, ProductIndex
from shopllm_rasa.retrieval.knowledge import read_knowledge

DATA = Path(__file__).parent.parent / "data"
INDEXED = ("Headphones", "Kettles", "Laptops", "Tablets", "Running Shoes", "Dining Tables")


@dataclass
class ScriptedModel:
    """Stands for a model behind a network: replies with the script's texts in turn, the last one for ever.

    Attributes:
        script: texts, or errors to raise.
        prompts: what it was sent.
    """

    script: list[str | GenerationError]
    name: str = "openai"
    prompts: list[Sequence[ChatMessage]] = field(default_factory=list)

    def answer(self, request: GenerationRequest) -> Draft:
        raise AssertionError("only free prompts are expected")

    def complete(self, messages: Sequence[ChatMessage], max_tokens: int) -> Completion:
        self.prompts.append(messages)
        reply = self.script[min(len(self.prompts), len(self.script)) - 1]
        if isinstance(reply, GenerationError):
            raise reply
        return Completion(reply)


@pytest.fixture
def model() -> Callable[..., ScriptedModel]:
    """A language model that says what a test wants it to say."""
    return lambda *script: ScriptedModel(list(script))


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The demo shop's data."""
    return DATA


@pytest.fixture(scope="session")
def demo_catalog() -> list[Product]:
    """All products of the demo shop."""
    return list(read_catalog(DATA / "catalog" / "products.jsonl"))


@pytest.fixture(scope="session")
def some_products(demo_catalog: list[Product]) -> list[Product]:
    """The products of six categories, among them some out of stock."""
    return [product for product in demo_catalog if product.categories[-1] in INDEXED]


@pytest.fixture(scope="session")
def index_dir(tmp_path_factory: pytest.TempPathFactory, some_products: list[Product]) -> Path:
    """An index of `some_products` and the demo shop's pages. Not to be changed: `index_copy` is for that."""
    path = tmp_path_factory.mktemp("index") / "index"
    ProductIndex.build(some_products, path)
    KnowledgeIndex.build(read_knowledge(DATA / "knowledge"), path)
    return path


@pytest.fixture
def index_copy(index_dir: Path, tmp_path: Path) -> Path:
    """A copy of the index that a test may change; the encoder's weights, never changed, are linked."""

    def copy(source: str, target: str) -> None:
        if source.endswith("weights.safetensors"):
            os.link(source, target)
        else:
            shutil.copy2(source, target)

    return Path(shutil.copytree(index_dir, tmp_path / "index", copy_function=copy))


@pytest.fixture(scope="session")
def product_index(index_dir: Path) -> ProductIndex:
    """The products of `index_dir`, open. Not to be changed."""
    return ProductIndex.open(index_dir)


@pytest.fixture(scope="session")
def knowledge_index(index_dir: Path, product_index: ProductIndex) -> KnowledgeIndex:
    """The pages of `index_dir`, open."""
    return KnowledgeIndex.open(index_dir, product_index.encoder)


@pytest.fixture(scope="session")
def finder(demo_catalog: list[Product]) -> MentionFinder:
    """Finds mentions of the whole demo catalogue."""
    return MentionFinder(Vocabulary.of(demo_catalog))


@pytest.fixture(scope="session")
def few_examples() -> list[Example]:
    """Labelled messages of six intents, one with two examples; one message bears a wrong label."""
    with (Path(__file__).parent / "encoders" / "examples.csv").open(encoding="utf-8", newline="") as stream:
        return [Example(row["text"], row["intent"], row["sentiment"] or None) for row in csv.DictReader(stream)]


@pytest.fixture(scope="session")
def classifier_dir(tmp_path_factory: pytest.TempPathFactory, few_examples: list[Example]) -> Path:
    """A classifier trained on `few_examples`, with its model card. Not to be changed."""
    folder = tmp_path_factory.mktemp("classifier")
    options = replace(PRESETS["fast"], epochs=20, folds=3, quantize=False)
    train_classifier(few_examples, folder, options, progress=False)
    return folder
