"""Rasa's own commands with our components, as a user types them."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.e2e

PROJECT = Path(__file__).parents[2]
CONFIG = """
recipe: default.v1
assistant_id: commands
language: en
pipeline:
  - name: WhitespaceTokenizer
  - name: shopllm_rasa.nlu.IntentSentimentClassifier
    epochs: 2
    batch_size: 8
    progress: false
  - name: shopllm_rasa.nlu.CatalogEntityExtractor
    catalog: products.csv
  - name: FallbackClassifier
    threshold: 0.5
    ambiguity_threshold: 0
"""


@pytest.fixture(scope="module")
def bot(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bot")
    (folder / "config.yml").write_text(CONFIG)
    (folder / "products.csv").write_text("id,name,brand,categories,price\nK1,Dome Kettle,Brackenmill,Kettles,59.95\n")
    (folder / "data").mkdir()
    shutil.copy(PROJECT / "tests" / "nlu" / "nlu.yml", folder / "data" / "nlu.yml")
    return folder


def rasa(bot, *arguments, stdin=""):
    environment = {
        **os.environ,
        "RASA_TELEMETRY_ENABLED": "false",
        "SQLALCHEMY_SILENCE_UBER_WARNING": "1",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "HF_HUB_OFFLINE": "1",
    }
    done = subprocess.run(
        [sys.executable, "-m", "rasa", *arguments],
        cwd=bot, env=environment, input=stdin, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return done.stdout + done.stderr


def test_train_nlu_then_the_cache_then_another_catalogue(bot):
    assert "Starting to train component 'IntentSentimentClassifier'" in rasa(bot, "train", "nlu")

    again = rasa(bot, "train", "nlu")
    assert "Starting to train component" not in again

    with (bot / "products.csv").open("a") as feed:
        feed.write("T1,Two Slice Toaster,Casaro,Toasters,39.95\n")
    changed = rasa(bot, "train", "nlu")
    assert "Starting to train component 'CatalogEntityExtractor'" in changed
    assert "Starting to train component 'IntentSentimentClassifier'" not in changed


def test_test_nlu_reports_intents_and_entities(bot):
    (bot / "test_data.yml").write_text(
        'version: "3.1"\nnlu:\n  - intent: order_status\n    examples: |\n      - where is my order\n'
        "  - intent: greet\n    examples: |\n      - hello, [kettles](category)\n"
    )

    rasa(bot, "test", "nlu", "--nlu", "test_data.yml", "--out", "results")

    assert (bot / "results" / "intent_report.json").is_file()
    assert (bot / "results" / "CatalogEntityExtractor_report.json").is_file()


def test_shell_nlu_prints_intent_sentiment_and_entities(bot):
    printed = rasa(bot, "shell", "nlu", stdin="where is my order, the brackenmill kettle?\n")

    assert '"order_status"' in printed
    assert '"sentiment"' in printed
    assert '"Brackenmill"' in printed


def test_incremental_training(bot):
    with (bot / "data" / "nlu.yml").open("a") as data:
        data.write('      - {text: "the worst shop of all", metadata: {sentiment: negative}}\n')

    assert "Starting to train component 'IntentSentimentClassifier'" in rasa(
        bot, "train", "nlu", "--finetune", "--epoch-fraction", "0.5"
    )
