import json

import pytest
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData

from shopllm_rasa.catalog.vocabulary import Vocabulary
from shopllm_rasa.nlu import CatalogEntityExtractor
from shopllm_rasa.nlu.extractor_card import write_extractor_card

WORDS = Vocabulary(
    brands=["Sonavale", "Oak"],
    categories=["Headphones"],
    attributes={"material": ["oak"]},
    products={"A": "Dome Kettle Steel", "B": "Dome Kettle Steel"},
)


def message(text: str, *annotations: tuple[str, str]) -> Message:
    entities = [
        {"entity": kind, "start": text.index(word), "end": text.index(word) + len(word), "value": word}
        for kind, word in annotations
    ]
    return Message(data={"text": text, "entities": entities})


@pytest.fixture
def card(tmp_path):
    messages = [
        message("sonavale headphones", ("brand", "sonavale"), ("category", "headphones")),
        message("a kettle", ("category", "kettle")),
        message("headphones please"),
        message("my name is Jo", ("person", "Jo")),
        Message(data={"text": None}),
    ]
    return write_extractor_card(tmp_path, WORDS, messages)


def test_names_are_counted(card):
    assert card["names"] == {"brand": 2, "category": 1, "product": 2, "size": 0, "attribute material": 1}


def test_annotations_are_compared_with_what_is_found(card):
    assert card["scores"]["brand"] == {"annotated": 1, "found": 1}
    assert card["scores"]["category"] == {"annotated": 2, "found": 1, "not_annotated": 1}
    assert "person" not in card["scores"]


def test_warnings_name_what_is_ambiguous(card):
    alike, repeated = card["warnings"]

    assert "material 'oak', brand 'Oak'" in alike
    assert "2 products are called 'Dome Kettle Steel'" in repeated


def test_an_empty_catalogue_is_said(tmp_path):
    card = write_extractor_card(tmp_path, Vocabulary(), [])

    assert card["warnings"] == ["The catalogue names no brand.", "The catalogue names no category."]


def test_it_lies_beside_the_component(tmp_path, storage, resource, context):
    catalog = tmp_path / "products.csv"
    catalog.write_text("id,name,brand,categories,price\nK1,Dome Steel Kettle,Brackenmill,Kettles,5\n", encoding="utf-8")
    data = TrainingData([message("the dome steel kettle", ("product", "dome steel kettle"))])

    CatalogEntityExtractor.create({"catalog": str(catalog)}, storage, resource, context).train(data)

    with storage.read_from(resource) as folder:
        figures = json.loads((folder / "model_card.json").read_text(encoding="utf-8"))
        text = (folder / "model_card.md").read_text(encoding="utf-8")
    assert figures["scores"]["product"] == {"annotated": 1, "found": 1}
    assert "| product | 1 | 1 | 0 |" in text
    assert figures["versions"]["rapidfuzz"] in text
