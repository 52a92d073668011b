import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rasa.engine.graph import ExecutionContext, GraphSchema
from rasa.engine.storage.local_model_storage import LocalModelStorage
from rasa.engine.storage.resource import Resource
from rasa.shared.exceptions import InvalidConfigException, RasaException
from rasa.shared.importers.rasa import RasaFileImporter
from rasa.shared.nlu.training_data.message import Message

from shopllm_rasa.nlu import IntentSentimentClassifier

pytestmark = pytest.mark.slow

NLU_FILE = Path(__file__).parent / "nlu.yml"
NLU = NLU_FILE.read_text(encoding="utf-8")


def config(**values):
    quick = {"epochs": 4, "batch_size": 8, "folds": 2, "progress": False}
    return {**IntentSentimentClassifier.get_default_config(), **quick, **values}


def train(storage, resource, context, data, **values):
    IntentSentimentClassifier.create(config(**values), storage, resource, context).train(data)


def load(storage, resource, context, **values):
    return IntentSentimentClassifier.load(config(**values), storage, resource, context)


def parse(component, text):
    message = Message.build(text)
    component.process([message])
    return message.as_dict(only_output_properties=True) | {"entities": message.get("entities", [])}


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("classifier")
    data = RasaFileImporter(training_data_paths=[str(NLU_FILE)]).get_nlu_data()
    storage, resource = LocalModelStorage(folder), Resource("component")
    context = ExecutionContext(GraphSchema({}), "1")
    train(storage, resource, context, data)
    return storage, resource, context, data


@pytest.fixture(scope="module")
def classifier(trained):
    storage, resource, context, _ = trained
    return load(storage, resource, context)


def test_intent_ranking_sentiment_and_entity(classifier):
    parsed = parse(classifier, "where is my parcel?")

    assert parsed["intent"]["name"] == "order_status"
    assert parsed["intent_ranking"][0]["name"] == "order_status"
    assert len(parsed["intent_ranking"]) == 4
    assert set(parsed["sentiment"]) == {"negative", "neutral", "positive"}
    assert sum(parsed["sentiment"].values()) == pytest.approx(1, abs=1e-4)
    (entity,) = parsed["entities"]
    assert entity["entity"] == "sentiment"
    assert entity["value"] == max(parsed["sentiment"], key=parsed["sentiment"].get)


def test_a_strange_message_has_a_lower_confidence_than_a_known_one(classifier):
    known = parse(classifier, "track my parcel please")["intent"]["confidence"]
    strange = parse(classifier, "the mitochondria of purple algebra")["intent"]["confidence"]

    assert strange < 0.5 < known


def test_files_are_safetensors_and_json(trained):
    storage, resource, _, _ = trained
    with storage.read_from(resource) as folder:
        endings = {file.suffix for file in folder.rglob("*") if file.is_file()}

    assert endings == {".safetensors", ".json", ".onnx", ".md", ".svg"}


@pytest.mark.parametrize("text", ["", "   ", None])
def test_an_empty_message_has_no_intent(classifier, text):
    message = Message(data={"text": text})

    classifier.process([message])

    assert message.get("intent") == {"name": None, "confidence": 0.0}


@pytest.mark.parametrize("text", ["😀😀😀", "привет как дела", "a" * 10_000, "你好", "\x00\x01"])
def test_unusual_messages_get_a_result(classifier, text):
    parsed = parse(classifier, text)

    assert 0 <= parsed["intent"]["confidence"] <= 1


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(max_size=200))
def test_arbitrary_unicode_never_fails(classifier, text):
    assert 0 <= parse(classifier, text)["intent"]["confidence"] <= 1


def test_messages_in_one_call_do_not_mix(classifier):
    texts = ["hello there", "where is my order", "", "terrible shop"]
    together = [Message.build(text) for text in texts]

    classifier.process(together)

    for message, text in zip(together, texts, strict=True):
        assert message.get("intent")["name"] == parse(classifier, text)["intent"]["name"]


def test_threads_get_their_own_answers(classifier):
    texts = ["hello", "where is my order", "I love your shop", "terrible service"] * 10
    expected = [parse(classifier, text)["intent"]["name"] for text in texts]

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda text: parse(classifier, text)["intent"]["name"], texts))

    assert found == expected


def test_the_same_seed_gives_the_same_model(trained, tmp_path):
    storage, resource, context, data = trained
    other = LocalModelStorage(tmp_path)
    train(other, resource, context, data)

    first, second = (load(item, resource, context) for item in (storage, other))

    ours = parse(first, "where is my parcel")["intent"]["confidence"]
    assert parse(second, "where is my parcel")["intent"]["confidence"] == pytest.approx(ours, abs=1e-3)


def test_incremental_training_goes_on_from_the_earlier_model(trained, tmp_path):
    storage, resource, _, data = trained
    context = ExecutionContext(GraphSchema({}), "1", is_finetuning=True)
    component = load(storage, resource, context, epochs=1)

    target = LocalModelStorage(tmp_path)
    component._model_storage = target
    component.train(data)
    tuned = load(target, resource, ExecutionContext(GraphSchema({}), "2"))

    assert parse(tuned, "where is my order")["intent"]["name"] == "order_status"
    with target.read_from(resource) as folder:
        assert json.loads((folder / "classifier.json").read_text())["figures"]["epochs"] == 1


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"epoch": 3}, ["unknown key 'epoch'", "epochs"]),
        ({"epochs": "many"}, ["'epochs' is 'many'", "expected int"]),
        ({"epochs": True}, ["'epochs' is True"]),
        ({"epochs": 0}, ["'epochs' is 0", "allowed are 1 to 100"]),
        ({"folds": 99}, ["'folds' is 99", "allowed are 0 to 20"]),
        ({"preset": "slow"}, ["'preset' is 'slow'", "allowed: fast, balanced, best"]),
        ({"pooling": "sum"}, ["'pooling' is 'sum'", "allowed: mean, cls, max"]),
        ({"reviews": "reviews.csv"}, ["'reviews' is 'reviews.csv'", "expected list"]),
        ({"max_length": 2}, ["'max_length' is 2"]),
        ({"quantize": 1}, ["'quantize' is 1", "expected bool"]),
        ({"model": 5}, ["'model' is 5", "expected str"]),
    ],
)
def test_a_wrong_config_is_refused(values, words):
    with pytest.raises(InvalidConfigException) as error:
        IntentSentimentClassifier.validate_config(config(**values))

    assert all(word in str(error.value) for word in words)


def test_rasa_itself_does_not_check_so_the_component_does(storage, resource, context):
    with pytest.raises(InvalidConfigException, match="unknown key 'epoch'"):
        IntentSentimentClassifier.create(config(epoch=3), storage, resource, context)


def test_the_default_config_is_valid():
    IntentSentimentClassifier.validate_config(IntentSentimentClassifier.get_default_config())


def test_a_model_that_does_not_exist(storage, resource, context, read_nlu, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")

    with pytest.raises(InvalidConfigException, match=r"'nobody/no-such-model' cannot be loaded.*Allowed: 'default'"):
        train(storage, resource, context, read_nlu(), model="nobody/no-such-model")


def test_a_single_intent_cannot_be_trained(storage, resource, context, read_nlu):
    data = read_nlu('version: "3.1"\nnlu:\n  - intent: greet\n    examples: |\n      - hello\n      - hi\n')

    with pytest.raises(InvalidConfigException, match="At least two intents"):
        train(storage, resource, context, data)


def test_an_unknown_sentiment_names_the_example(storage, resource, context, read_nlu):
    data = read_nlu(NLU.replace("sentiment: positive", "sentiment: happy"))

    with pytest.raises(InvalidConfigException, match=r"'praise'.*'happy'; allowed: negative, neutral, positive"):
        train(storage, resource, context, data)


def test_no_sentiment_labels_at_all_is_said_and_gives_neutral(storage, resource, context, read_nlu, caplog):
    text = 'version: "3.1"\nnlu:\n' + "".join(
        f"  - intent: {name}\n    examples: |\n      - {name} one\n      - {name} two\n" for name in ("apples", "pears")
    )
    train(storage, resource, context, read_nlu(text))

    parsed = parse(load(storage, resource, context), "apples one")

    assert "No example has a sentiment label" in caplog.text
    assert parsed["intent"]["name"] == "apples"
    assert max(parsed["sentiment"], key=parsed["sentiment"].get) == "neutral"


@pytest.fixture
def copied(trained, tmp_path):
    """A copy of the trained model, and a way to change one of its files."""
    storage, resource, context, _ = trained
    copy = LocalModelStorage(tmp_path)

    def change(name, edit):
        with storage.read_from(resource) as source, copy.write_to(resource) as target:
            shutil.copytree(source, target, dirs_exist_ok=True)
            (target / name).write_bytes(edit((target / name).read_bytes()))
        return copy, resource, context

    return change


def test_a_model_of_another_version_is_refused(copied):
    model = copied("classifier.json", lambda old: json.dumps({**json.loads(old), "format_version": 99}).encode())

    with pytest.raises(RasaException, match=r"format 99; this version reads 4\. Train again"):
        load(*model)


@pytest.mark.parametrize(
    "name",
    [
        "heads.safetensors",
        "examples.json",
        "encoder/weights.safetensors",
        "encoder/graph.onnx",
        "encoder/tokenizer.json",
    ],
)
def test_a_flipped_byte_is_noticed(copied, name):
    def flip(old):
        middle = len(old) // 2
        return old[:middle] + bytes([old[middle] ^ 1]) + old[middle + 1 :]

    with pytest.raises(RasaException, match="cannot be loaded"):
        load(*copied(name, flip))


@pytest.mark.parametrize("name", ["classifier.json", "heads.safetensors", "encoder/encoder.json"])
def test_a_truncated_model_is_refused(copied, name):
    with pytest.raises(RasaException, match=r"cannot be loaded|is damaged"):
        load(*copied(name, lambda old: old[:-20]))


def test_an_intent_with_one_example_is_trained_and_named(storage, resource, context, read_nlu, caplog):
    train(
        storage, resource, context, read_nlu(NLU + "  - intent: lonely\n    examples: |\n      - ring the bell twice\n")
    )

    assert "'lonely' has one example" in caplog.text
    assert parse(load(storage, resource, context), "ring the bell twice")["intent_ranking"][0]["name"] == "lonely"


def test_reviews_teach_sentiment(storage, resource, context, read_nlu, tmp_path):
    reviews = tmp_path / "reviews.csv"
    praise = ["works great", "i love it", "very happy with this", "superb quality", "the best i ever had"]
    blame = ["broke at once", "very bad", "a waste of money", "it never worked", "i want my money back"]
    rows = [(text, 5) for text in praise] + [(text, 1) for text in blame]
    reviews.write_text("text,rating\n" + "".join(f"{text},{stars}\n" for text, stars in rows))
    plain = read_nlu("\n".join(line for line in NLU.splitlines() if "sentiment" not in line and "metadata" not in line))
    train(storage, resource, context, plain, reviews=[str(reviews)], epochs=12)

    component = load(storage, resource, context)

    for text, better, worse in [("i love this", "positive", "negative"), ("it broke", "negative", "positive")]:
        sentiment = parse(component, text)["sentiment"]
        assert sentiment[better] > sentiment[worse]


def test_reviews_that_cannot_be_read(storage, resource, context, read_nlu, tmp_path):
    reviews = tmp_path / "reviews.csv"
    reviews.write_text("text,rating\nfine,9\n")

    with pytest.raises(InvalidConfigException, match=r"reviews\.csv', line 2: 'rating' is 9; allowed are 1 to 5"):
        train(storage, resource, context, read_nlu(), reviews=[str(reviews)])


def test_the_parse_result_explains_itself_when_asked_to(trained):
    storage, resource, context, _ = trained

    explained = parse(load(storage, resource, context, explanation=True), "where is my parcel?")["explanation"]

    assert explained["intent"] == "order_status"
    assert explained["nearest"][0]["intent"] == "order_status"
    assert [word["word"] for word in explained["words"]] == ["where", "is", "my", "parcel?"]
    assert json.dumps(explained)


def test_a_model_is_in_memory_once_however_often_it_is_loaded(trained):
    storage, resource, context, _ = trained

    first, second = (load(storage, resource, context) for _ in range(2))

    assert first._model._encoder._engine is second._model._encoder._engine


def test_the_fast_preset_shares_its_encoder_with_the_index(storage, resource, context, read_nlu, product_index):
    train(storage, resource, context, read_nlu(), model="default", preset="fast", quantize=False)

    component = load(storage, resource, context)

    assert parse(component, "where is my parcel?")["intent"]["name"] == "order_status"
    assert component._model._encoder._engine is product_index.encoder._engine


def test_the_training_cache_sees_other_weights_in_a_folder(tmp_path):
    weights = tmp_path / "model.safetensors"
    weights.write_bytes(b"1")
    before = IntentSentimentClassifier.fingerprint_addon(config(model=str(tmp_path)))
    weights.write_bytes(b"2")

    assert IntentSentimentClassifier.fingerprint_addon(config(model=str(tmp_path))) != before


def test_the_training_cache_sees_the_helper_modules():
    assert IntentSentimentClassifier.fingerprint_addon(config())
