import inspect

import pytest
from rasa.shared.exceptions import InvalidConfigException, RasaException
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData

from shopllm_rasa.nlu import CatalogEntityExtractor
from shopllm_rasa.settings import SETTINGS_ENV

CATALOG = (
    "id,name,brand,categories,price,attributes.colour\n"
    "K1,Brackenmill Dome Kettle,Brackenmill,Kitchen > Kettles,59.95,cream\n"
    "H1,Sonavale Drift Headphones,Sonavale,Audio > Headphones,129.00,black\n"
)


@pytest.fixture
def catalog(tmp_path):
    file = tmp_path / "products.csv"
    file.write_text(CATALOG, encoding="utf-8")
    return file


@pytest.fixture
def extractor(catalog, storage, resource, context):
    config = {"catalog": str(catalog)}
    CatalogEntityExtractor.create(config, storage, resource, context).train(TrainingData())
    return CatalogEntityExtractor.load(config, storage, resource, context)


def entities(extractor, text):
    message = Message(data={"text": text})
    extractor.process([message])
    return message.get("entities", [])


def test_entities_have_place_value_role_and_extractor(extractor):
    text = "black sonavale headphnes under 150 euros"

    found = entities(extractor, text)

    values = {(item["entity"], item["value"]): item for item in found}
    assert values["attribute", "black"]["role"] == "colour"
    assert ("brand", "Sonavale") in values
    assert ("category", "Headphones") in values
    assert ("price_max", "150") in values
    assert all(item["extractor"] == "CatalogEntityExtractor" for item in found)
    assert text[values["brand", "Sonavale"]["start"] : values["brand", "Sonavale"]["end"]] == "sonavale"


def test_a_product_carries_its_id(extractor):
    (found,) = entities(extractor, "tell me about the Brackenmill Dome Kettle")

    assert found["entity"] == "product"
    assert found["product_id"] == "K1"


def test_entities_of_others_are_kept(extractor):
    message = Message(data={"text": "kettles", "entities": [{"entity": "sentiment", "value": "neutral"}]})

    extractor.process([message])

    assert [item["entity"] for item in message.get("entities")] == ["sentiment", "category"]


@pytest.mark.parametrize("text", [None, "", "nothing of interest"])
def test_nothing_found_is_no_entity(extractor, text):
    assert entities(extractor, text) == []


def test_an_unknown_key_is_refused():
    with pytest.raises(InvalidConfigException, match=r"unknown key 'katalog'\. Known keys: catalog"):
        CatalogEntityExtractor.validate_config({"katalog": "x.csv"})


def test_a_missing_catalogue_is_said_when_training(storage, resource, context):
    component = CatalogEntityExtractor.create({"catalog": "no/such.csv"}, storage, resource, context)

    with pytest.raises(InvalidConfigException, match=r"'no/such.csv' does not exist"):
        component.train(TrainingData())


def test_damaged_names_are_refused(storage, resource, context):
    with storage.write_to(resource) as folder:
        (folder / "vocabulary.json").write_text('{"brands": [')

    with pytest.raises(RasaException, match=r"damaged.*Train again"):
        CatalogEntityExtractor.load({"catalog": None}, storage, resource, context)


def test_the_feed_is_read_as_the_settings_say(tmp_path, monkeypatch, caplog, storage, resource, context):
    feed = tmp_path / "export.csv"
    feed.write_text("Titel;Preis;Marke\nDome Kettle;5;Brackenmill\nBad Kettle;free;Casaro\n", encoding="utf-8")
    settings = tmp_path / "own.yml"
    settings.write_text("catalog: {columns: {name: Titel, price: Preis, brand: Marke}}", encoding="utf-8")
    before = CatalogEntityExtractor.fingerprint_addon({"catalog": str(feed)})
    monkeypatch.setenv(SETTINGS_ENV, str(settings))
    assert CatalogEntityExtractor.fingerprint_addon({"catalog": str(feed)}) != before

    component = CatalogEntityExtractor.create({"catalog": str(feed)}, storage, resource, context)
    component.train(TrainingData())
    loaded = CatalogEntityExtractor.load({"catalog": str(feed)}, storage, resource, context)
    assert [item["value"] for item in entities(loaded, "something by brackenmill or casaro")] == ["Brackenmill"]
    assert "1 of 2 rows left out" in caplog.text
    assert "line 3: 'price' is 'free'" in caplog.text


def test_the_training_cache_sees_another_catalogue(catalog):
    before = CatalogEntityExtractor.fingerprint_addon({"catalog": str(catalog)})
    catalog.write_text(CATALOG.replace("59.95", "49.95"), encoding="utf-8")

    assert CatalogEntityExtractor.fingerprint_addon({"catalog": str(catalog)}) != before


@pytest.mark.parametrize(
    "name", ["catalog.mentions.finder", "catalog.mentions.names", "catalog.vocabulary", "spelling.english"]
)
def test_the_training_cache_sees_an_edited_module(catalog, monkeypatch, name):
    config = {"catalog": str(catalog)}
    before = CatalogEntityExtractor.fingerprint_addon(config)
    read = inspect.getsource

    def edited(module):
        return read(module) + ("# edited" if module.__name__ == f"shopllm_rasa.{name}" else "")

    monkeypatch.setattr(inspect, "getsource", edited)
    assert CatalogEntityExtractor.fingerprint_addon(config) != before


def test_sizes_of_the_catalogue_reach_the_model(tmp_path, storage, resource, context):
    feed = tmp_path / "shoes.csv"
    feed.write_text("id,name,price,attributes.sizes\nS1,Harbour Sandals,49.00,38\n", encoding="utf-8")
    config = {"catalog": str(feed)}
    CatalogEntityExtractor.create(config, storage, resource, context).train(TrainingData())

    loaded = CatalogEntityExtractor.load(config, storage, resource, context)

    assert [(item["entity"], item["value"]) for item in entities(loaded, "got them in 38?")] == [("size", "38")]


def test_a_model_from_before_sizes_were_kept_still_loads(storage, resource, context):
    with storage.write_to(resource) as folder:
        (folder / "vocabulary.json").write_text('{"brands": ["Sonavale"], "words": []}')

    loaded = CatalogEntityExtractor.load({"catalog": None}, storage, resource, context)

    assert [item["value"] for item in entities(loaded, "sonavle in XL")] == ["Sonavale", "XL"]
