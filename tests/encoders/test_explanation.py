import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shopllm_rasa.encoders.explanation import (
    MAX_JUDGED_CHARACTERS,
    MAX_WORDS,
    NEAREST,
    Explanation,
    NearExample,
    _why,
    explain,
)
from shopllm_rasa.encoders.fine_tuning import Example
from shopllm_rasa.encoders.intent_model import IntentSentimentModel, Prediction

KNOWN = "good morning, has my order been shipped"


@pytest.fixture(scope="module")
def model(classifier_dir: Path) -> IntentSentimentModel:
    return IntentSentimentModel.load(classifier_dir)


@pytest.mark.slow
class TestExplain:
    def test_it_is_of_what_the_model_says(self, model: IntentSentimentModel) -> None:
        found = explain(model, KNOWN, 0.5)
        (prediction,) = model.predict([KNOWN])
        assert found.intent == prediction.ranking[0][0] == "order_status"
        assert found.confidence == pytest.approx(prediction.ranking[0][1], abs=1e-3)

    def test_nearest_examples(self, model: IntentSentimentModel, few_examples: list[Example]) -> None:
        found = explain(model, "track my parcel", 0.5)
        assert len(found.nearest) == NEAREST
        assert found.nearest[0] == NearExample("track my parcel", "order_status", pytest.approx(1, abs=1e-3))
        similarities = [example.similarity for example in found.nearest]
        assert similarities == sorted(similarities, reverse=True)
        assert {(example.text, example.intent) for example in found.nearest} <= {
            (example.text, example.intent) for example in few_examples
        }

    def test_words_stand_where_they_say(self, model: IntentSentimentModel) -> None:
        found = explain(model, KNOWN, 0.5)
        assert [word.word for word in found.words] == KNOWN.split()
        assert all(KNOWN[word.start : word.end] == word.word for word in found.words)

    def test_the_word_that_decides(self, model: IntentSentimentModel) -> None:
        influence = {word.word: word.influence for word in explain(model, KNOWN, 0.5).words}
        assert max(influence, key=lambda word: influence[word]) == "order"
        assert influence["order"] > 0 > influence["good"]

    @pytest.mark.parametrize("threshold", [0.0, 1.0])
    def test_the_threshold_decides_about_a_fallback(self, model: IntentSentimentModel, threshold: float) -> None:
        assert (explain(model, KNOWN, threshold).fallback is None) == (threshold == 0)

    def test_a_strange_message(self, model: IntentSentimentModel) -> None:
        found = explain(model, "sixteen divided by four", 0.5)
        assert found.confidence < 0.5
        assert found.fallback is not None

    def test_of_a_long_message_the_beginning_is_judged(self, model: IntentSentimentModel) -> None:
        found = explain(model, "order " * 400, 0.5)
        assert len(found.words) == MAX_WORDS
        assert found.words[-1].end <= MAX_JUDGED_CHARACTERS

    def test_a_very_long_word_is_not_judged(self, model: IntentSentimentModel) -> None:
        assert explain(model, "x" * 4_000, 0.5).words == ()

    @pytest.mark.parametrize("text", ["", "   ", "?", "😀", "parcel", "a\nb\tc", "\x00", "\udcff"])
    def test_unusual_messages(self, model: IntentSentimentModel, text: str) -> None:
        found = explain(model, text, 0.5)
        assert len(found.words) == len(text.split())
        assert len(found.nearest) == NEAREST

    @given(st.text(max_size=60))
    @settings(max_examples=25, deadline=None)
    def test_any_text(self, model: IntentSentimentModel, text: str) -> None:
        found = explain(model, text, 0.5)
        assert [text[word.start : word.end] for word in found.words] == [word.word for word in found.words]
        assert (found.fallback is not None) == (found.confidence < 0.5)

    def test_ready_for_json(self, model: IntentSentimentModel) -> None:
        values = json.loads(json.dumps(explain(model, KNOWN, 0.5).to_dict()))
        assert list(values) == ["intent", "confidence", "read_as", "nearest", "words", "fallback"]
        assert list(values["nearest"][0]) == ["text", "intent", "similarity"]
        assert list(values["words"][0]) == ["word", "start", "end", "influence"]


class TestWhy:
    """The reasons, each from the signs that call for it."""

    def why(self, similarity: float, probability: float, confidence: float = 0.3, intents: int = 2) -> str:
        description: Any = SimpleNamespace(description=SimpleNamespace(usual_similarity=0.55))
        ranking = (("order_status", confidence), ("return_item", 0.2))[:intents]
        prediction = Prediction(ranking, {}, (0.0, 0.5, similarity), probability)
        return _why(description, prediction, [NearExample("track my parcel", "order_status", similarity)])

    def test_it_is_like_nothing(self) -> None:
        assert self.why(0.3, 0.99) == (
            "It is like no training example: the nearest, 'track my parcel', has a similarity of 0.30; messages that "
            "the bot knows usually have 0.55 or more."
        )

    def test_it_could_be_two(self) -> None:
        assert self.why(0.8, 0.5) == "It could be 'order_status' or 'return_item'."

    @pytest.mark.parametrize(("confidence", "share"), [(0.3, "30%"), (0.72, "72%")])
    def test_it_is_the_best_guess(self, confidence: float, share: str) -> None:
        assert self.why(0.8, 0.9, confidence) == (
            "'order_status' is the best guess, but with these signs of certainty the best guess is right in about "
            f"{share} of messages only."
        )

    def test_there_is_no_second_intent(self) -> None:
        assert self.why(0.8, 0.5, intents=1).startswith("'order_status' is the best guess")


def test_an_explanation_without_words() -> None:
    assert Explanation("greet", 0.9, None, (), (), None).to_dict()["words"] == ()
