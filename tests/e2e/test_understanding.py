"""What the demo shop's trained classifier understands, beyond its own training data."""

import csv
from collections import defaultdict
from pathlib import Path

import pytest

from shopllm_rasa.encoders.intent_model import IntentSentimentModel
from shopllm_rasa.encoders.model_archive import unpacked_classifier

pytestmark = pytest.mark.e2e

CASES = Path(__file__).parents[1] / "nlu" / "sentiment_cases.csv"


@pytest.fixture(scope="module")
def classifier(demo_shop):
    with unpacked_classifier(next(demo_shop.work_dir.rglob("*.tar.gz"))) as folder:
        yield IntentSentimentModel.load(folder)


@pytest.fixture(scope="module")
def hits(classifier):
    """Whether each sentence got its sentiment, by its kind. The sentences are in no training data."""
    with CASES.open(encoding="utf-8", newline="") as stream:
        cases = list(csv.DictReader(stream))
    found = defaultdict(list)
    for case, prediction in zip(cases, classifier.predict([case["text"] for case in cases]), strict=True):
        found[case["kind"]].append(max(prediction.sentiment, key=prediction.sentiment.get) == case["label"])
    return found


@pytest.mark.parametrize(
    ("kind", "share"),
    [("plain", 0.9), ("negation", 0.7), ("complaint", 0.75), ("praise", 0.5), ("mixed", 0.5), ("neutral", 0.85)],
)
def test_sentiment(hits, kind, share):
    assert sum(hits[kind]) / len(hits[kind]) >= share


@pytest.mark.parametrize(
    "text", ["what's the weather today", "tell me a joke about penguins", "asdkfj qwpoeiru", "book me a flight to rome"]
)
def test_other_subjects_are_declined(classifier, text):
    assert classifier.predict([text])[0].ranking[0][1] < 0.5


OWN_SUBJECTS = {
    "can you recommend a power bank for travelling?": "ask_recommendation",
    "which laptop would you suggest for a student": "ask_recommendation",
    "where's my parcel, I ordered a week ago": "order_status",
    "do you have wireless headphones under 100": "search_product",
    "What is the return policy for electronic products?": "ask_return_policy",
    "I want to return my shoes": "return_item",
    "how long does delivery take": "ask_shipping",
    "can I pay with paypal": "ask_payment",
    "is it in stock?": "check_availability",
    "hi there": "greet",
}


def test_the_shops_own_subjects_are_not(classifier):
    """One of ten may fall just short: trainings on other machines differ a little."""
    best = {text: classifier.predict([text])[0].ranking[0] for text in OWN_SUBJECTS}

    understood = [name == OWN_SUBJECTS[text] and confidence >= 0.5 for text, (name, confidence) in best.items()]
    assert sum(understood) >= 9, best
