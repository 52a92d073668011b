import json
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from shopllm_rasa.encoders import model_card
from shopllm_rasa.encoders.calibration import Calibration, ReliabilityBin
from shopllm_rasa.encoders.fine_tuning import Example
from shopllm_rasa.encoders.intent_model import Description
from shopllm_rasa.encoders.model_card import (
    CARD_FILE,
    DIAGRAM_FILE,
    FIGURES_FILE,
    CardData,
    confused_intents,
    reliability_svg,
    suspects,
    warnings_of,
    write_model_card,
)
from shopllm_rasa.encoders.out_of_fold import OutOfFold
from shopllm_rasa.encoders.sentence_encoder import EncoderInfo

INTENTS = ("greet", "order_status", "return_item")
MOODS = {"negative": 5, "neutral": 5, "positive": 5}


def guesses(*rows: tuple[int, float]) -> np.ndarray:
    """Probabilities: each row gives an intent's column and its share; the others share the rest."""
    found = np.zeros((len(rows), len(INTENTS)))
    for row, (column, share) in enumerate(rows):
        found[row] = (1 - share) / (len(INTENTS) - 1)
        found[row, column] = share
    return found


def out_of_fold(labels: Sequence[str], probabilities: np.ndarray) -> OutOfFold:
    is_right = np.array(
        [INTENTS[column] == label for column, label in zip(probabilities.argmax(1), labels, strict=True)]
    )
    strange = np.array([0.1, 0.2, 0.7])
    return OutOfFold(range(len(labels)), probabilities, is_right, probabilities.max(axis=1), strange, strange)


def card_data(labels: Sequence[str], found: OutOfFold | None = None, **values: Any) -> CardData:
    examples = [Example(f"text {number}", label) for number, label in enumerate(labels)]
    figures = {"training_examples": len(labels), "intents": 3, "training_seconds": 1.5}
    description = Description(INTENTS, 20.0, Calibration(), 0.5, True, figures)
    data = CardData(description, EncoderInfo("default", "00", 384, 256, 0), examples, MOODS, found, "cpu")
    return replace(data, **values)


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Writes a card without an encoder to measure; gives its Markdown and its figures."""
    monkeypatch.setattr(model_card, "_milliseconds", lambda folder, examples: 4.2)

    def write_card(data: CardData) -> tuple[str, dict[str, Any]]:
        write_model_card(tmp_path, data)
        card = (tmp_path / CARD_FILE).read_text(encoding="utf-8")
        return card, json.loads((tmp_path / FIGURES_FILE).read_text(encoding="utf-8"))

    return write_card


class TestSuspects:
    LABELS = ["greet"] * 4 + ["order_status"] * 4

    def test_an_example_that_looks_like_another_intent(self) -> None:
        found = out_of_fold(self.LABELS, guesses((0, 0.9), (0, 0.8), (0, 0.9), (1, 0.95), *[(1, 0.9)] * 4))
        assert suspects(card_data(self.LABELS), found) == [
            {"text": "text 3", "intent": "greet", "looks_like": "order_status", "probability": 0.95}
        ]

    def test_an_unsure_mistake_is_none(self) -> None:
        found = out_of_fold(self.LABELS, guesses((0, 0.9), (0, 0.8), (0, 0.9), (1, 0.5), *[(1, 0.9)] * 4))
        assert suspects(card_data(self.LABELS), found) == []

    def test_the_plainest_comes_first(self) -> None:
        probabilities = guesses((0, 0.9), (0, 0.9), (1, 0.91), (1, 0.99), *[(1, 0.9)] * 4)
        found = suspects(card_data(self.LABELS), out_of_fold(self.LABELS, probabilities))
        assert [item["text"] for item in found] == ["text 3", "text 2"]

    def test_an_intent_without_held_out_examples_takes_none(self) -> None:
        labels = ["greet"] * 3
        assert suspects(card_data(labels), out_of_fold(labels, guesses((0, 0.9), (0, 0.9), (2, 0.97)))) == []

    def test_a_list_has_an_end(self) -> None:
        labels = ["greet"] * 60 + ["order_status"] * 60
        found = out_of_fold(labels, guesses(*[(1, 0.9)] * 120))
        assert len(suspects(card_data(labels), found)) == 20


class TestConfusedIntents:
    def test_a_pair(self) -> None:
        labels = ["greet"] * 10 + ["order_status"] * 10
        found = out_of_fold(labels, guesses(*[(0, 0.9)] * 7, *[(1, 0.9)] * 3, *[(1, 0.9)] * 10))
        assert confused_intents(card_data(labels), found) == [
            {"intent": "greet", "taken_for": "order_status", "examples": 3, "of": 10}
        ]

    @pytest.mark.parametrize(("wrong", "of"), [(1, 4), (2, 21), (0, 10)])
    def test_a_single_or_a_rare_mistake_is_none(self, wrong: int, of: int) -> None:
        labels = ["greet"] * of
        found = out_of_fold(labels, guesses(*[(1, 0.9)] * wrong, *[(0, 0.9)] * (of - wrong)))
        assert confused_intents(card_data(labels), found) == []

    def test_both_directions(self) -> None:
        labels = ["greet"] * 4 + ["order_status"] * 4
        found = out_of_fold(labels, guesses(*[(1, 0.9)] * 2, *[(0, 0.9)] * 4, *[(1, 0.9)] * 2))
        pairs = {(pair["intent"], pair["taken_for"]) for pair in confused_intents(card_data(labels), found)}
        assert pairs == {("greet", "order_status"), ("order_status", "greet")}


class TestDiagram:
    def elements(self, bins: Sequence[ReliabilityBin], tag: str) -> list[ET.Element]:
        return ET.fromstring(reliability_svg(bins)).findall(f".//{{http://www.w3.org/2000/svg}}{tag}")

    def test_a_bar_for_each_bin(self) -> None:
        bins = [ReliabilityBin(0.3, 4, 0.35, 0.25), ReliabilityBin(0.9, 7, 0.97, 1.0)]
        low, high = self.elements(bins, "rect")
        assert (float(low.attrib["height"]), float(high.attrib["height"])) == (80, 320)
        assert float(low.attrib["x"]) < float(high.attrib["x"])
        titles = [element.text for element in self.elements(bins, "title")]
        assert titles == [
            "4 messages: confidence 0.35, right 0.25",
            "7 messages: confidence 0.97, right 1.00",
        ]

    def test_bars_stand_on_the_axis_within_the_picture(self) -> None:
        for bar in self.elements([ReliabilityBin(p / 10, 1, p / 10, p / 9) for p in range(10)], "rect"):
            top, height = float(bar.attrib["y"]), float(bar.attrib["height"])
            assert top + height == pytest.approx(360, abs=0.2)
            assert top >= 39.9
            assert float(bar.attrib["x"]) + float(bar.attrib["width"]) <= 360

    def test_without_bins_there_is_still_a_picture(self) -> None:
        assert self.elements([], "rect") == []
        assert len(self.elements([], "path")) == 2


class TestWarnings:
    def warnings(self, write: Any, labels: Sequence[str], **values: Any) -> list[str]:
        card, figures = write(card_data(labels, **values))
        assert warnings_of(card) == figures["warnings"]
        return figures["warnings"]

    def full(self, *counts: int) -> list[str]:
        return [intent for intent, count in zip(INTENTS, counts, strict=True) for _ in range(count)]

    def right(self, labels: Sequence[str]) -> OutOfFold:
        return out_of_fold(labels, guesses(*[(INTENTS.index(label), 0.9) for label in labels]))

    def test_none(self, write: Any) -> None:
        labels = self.full(10, 10, 10)
        assert self.warnings(write, labels, out_of_fold=self.right(labels)) == []

    def test_few_examples(self, write: Any) -> None:
        labels = self.full(1, 7, 8)
        assert self.warnings(write, labels, out_of_fold=self.right(labels)) == [
            "'greet' has one example; give it 8 or more.",
            "'order_status' has 7 examples; give it 8 or more.",
        ]

    def test_unequal_intents(self, write: Any) -> None:
        labels = self.full(8, 161, 100)
        assert self.warnings(write, labels, out_of_fold=self.right(labels)) == [
            "The largest intent has 161 examples, the smallest 8: rare ones may be missed."
        ]

    def test_missing_sentiments(self, write: Any) -> None:
        labels = self.full(10, 10, 10)
        found = self.right(labels)
        assert self.warnings(write, labels, out_of_fold=found, opinions={"negative": 3}) == [
            "No example is labelled neutral or positive: that sentiment is never recognised."
        ]

    def test_sentiments_of_the_examples_count_too(self, write: Any) -> None:
        labels = self.full(10, 10, 10)
        examples = [Example("text", label, mood) for label, mood in zip(labels, [*MOODS] * 10, strict=True)]
        assert self.warnings(write, labels, out_of_fold=self.right(labels), examples=examples, opinions={}) == []

    def test_nothing_held_out(self, write: Any) -> None:
        assert self.warnings(write, self.full(10, 10, 10)) == [
            "There were too few examples to hold any out: the confidence is not calibrated."
        ]

    def test_confused_and_suspect(self, write: Any) -> None:
        labels = self.full(8, 10, 10)
        probabilities = guesses(*[(1, 0.95)] * 2, *[(0, 0.9)] * 6, *[(1, 0.9)] * 10, *[(2, 0.9)] * 10)
        assert self.warnings(write, labels, out_of_fold=out_of_fold(labels, probabilities)) == [
            "'greet' is taken for 'order_status' in 2 of 8 held-out examples: join the two, or give examples that show "
            "the difference.",
            "2 examples look mislabelled; they are listed below.",
        ]

    def test_of_a_text_that_is_no_card(self) -> None:
        assert warnings_of("") == []
        assert warnings_of("# Title\n\n- an item\n") == []


class TestCard:
    def test_figures(self, write: Any) -> None:
        labels = ["greet"] * 10 + ["order_status"] * 10
        probabilities = guesses(*[(0, 0.9)] * 8, *[(1, 0.4)] * 2, *[(1, 0.9)] * 10)
        card, figures = write(card_data(labels, out_of_fold(labels, probabilities)))
        calibration = figures["calibration"]
        assert (calibration["held_out_examples"], calibration["accuracy"]) == (20, 0.9)
        assert (calibration["kept_of_known"], calibration["right_of_kept"]) == (0.9, 1.0)
        assert calibration["declined_of_left_out_intents"] == pytest.approx(2 / 3, abs=1e-4)
        assert sum(item["count"] for item in calibration["bins"]) == 20
        assert figures["accuracy_per_intent"] == {"greet": 0.8, "order_status": 1.0}
        assert figures["examples_per_intent"] == {"greet": 10, "order_status": 10}
        assert figures["milliseconds_per_message"] == 4.2
        assert figures["versions"]["python"].startswith("3.")
        assert "90.0% right" in card
        assert "66.7% are declined" in card
        assert "| greet | 10 | 0.80 |" in card

    def test_without_strangers(self, write: Any) -> None:
        labels = ["greet"] * 10 + ["order_status"] * 10
        found = out_of_fold(labels, guesses(*[(0, 0.9)] * 10, *[(1, 0.9)] * 10))
        none = np.zeros(0)
        card, figures = write(card_data(labels, replace(found, near_confidence=none, far_confidence=none)))
        assert figures["calibration"]["declined_of_other_subjects"] is None
        assert "declined" not in card

    def test_nothing_kept(self, write: Any) -> None:
        labels = ["greet"] * 10 + ["order_status"] * 10
        found = out_of_fold(labels, guesses(*[(0, 0.9)] * 10, *[(1, 0.9)] * 10))
        card, figures = write(card_data(labels, replace(found, confidence=np.full(20, 0.2))))
        assert figures["calibration"]["right_of_kept"] is None
        assert "known messages 0.0% are kept" in card

    def test_a_text_cannot_break_the_table(self, write: Any) -> None:
        labels = ["greet"] * 4 + ["order_status"] * 4
        data = card_data(labels, out_of_fold(labels, guesses(*[(0, 0.9)] * 3, (1, 0.95), *[(1, 0.9)] * 4)))
        examples = [*data.examples[:3], Example("a | b\n## Warnings\n- none", "greet"), *data.examples[4:]]
        card, figures = write(replace(data, examples=examples))
        assert "| a \\| b ## Warnings - none | greet | order_status |" in card
        assert warnings_of(card) == figures["warnings"]

    def test_without_a_diagram_where_nothing_was_held_out(self, write: Any, tmp_path: Path) -> None:
        card, figures = write(card_data(["greet"] * 10 + ["order_status"] * 10))
        assert "calibration" not in figures
        assert DIAGRAM_FILE not in card
        assert not (tmp_path / DIAGRAM_FILE).exists()


@pytest.mark.slow
class TestOfATraining:
    @pytest.fixture(scope="class")
    def figures(self, classifier_dir: Path) -> dict[str, Any]:
        return dict(json.loads((classifier_dir / FIGURES_FILE).read_text(encoding="utf-8")))

    @pytest.fixture(scope="class")
    def card(self, classifier_dir: Path) -> str:
        return (classifier_dir / CARD_FILE).read_text(encoding="utf-8")

    def test_it_counts_the_data(self, figures: dict[str, Any], few_examples: list[Example]) -> None:
        assert figures["examples_per_intent"] == dict(Counter(example.intent for example in few_examples))
        assert figures["sentiment_examples"]["nlu"]["positive"] == 10
        assert figures["milliseconds_per_message"] > 0

    def test_the_planted_wrong_label_is_found(self, figures: dict[str, Any], card: str) -> None:
        (found,) = figures["suspects"]
        assert found["text"] == "can you tell me where my parcel is"
        assert (found["intent"], found["looks_like"]) == ("greet", "order_status")
        assert "| can you tell me where my parcel is | greet | order_status |" in card

    def test_most_examples_are_recognised(self, figures: dict[str, Any]) -> None:
        assert figures["calibration"]["accuracy"] > 0.7
        assert figures["calibration"]["declined_of_other_subjects"] > 0.7
        assert figures["accuracy_per_intent"]["praise"] > 0.7

    def test_the_small_intent_is_warned_of(self, figures: dict[str, Any], card: str) -> None:
        assert figures["warnings"] == [
            "'complain' has 2 examples; give it 8 or more.",
            "1 example looks mislabelled; it is listed below.",
        ]
        assert warnings_of(card) == figures["warnings"]

    def test_the_diagram_is_a_picture(self, classifier_dir: Path, card: str) -> None:
        assert ET.parse(classifier_dir / DIAGRAM_FILE).getroot().tag.endswith("svg")
        assert f"({DIAGRAM_FILE})" in card
