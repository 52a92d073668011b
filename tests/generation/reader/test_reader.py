import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from shopllm_rasa.encoders.bundled import bundled_folder
from shopllm_rasa.errors import GenerationError
from shopllm_rasa.generation.reader import Reader
from shopllm_rasa.generation.reader.layout import MAX_PIECES, Layout, padded
from shopllm_rasa.generation.reader.reader import INFO_FILE, MODEL_FOLDER, WEIGHTS_FILE

KITES = (
    "Kites > Lines and winders",
    (
        "Every kite comes with 40 metres of line.",
        "Torn lines are replaced free of charge in the first year.",
        "Winders are sold separately for 6 EUR.",
    ),
)
CLASSES = ("Flying lessons", ("Lessons take place on Sundays from 10 am.", "Children need an adult with them."))


@pytest.fixture(scope="module")
def layout() -> Layout:
    return Layout(bundled_folder() / "tokenizer.json")


class TestReader:
    @pytest.mark.parametrize(
        ("question", "row"),
        [
            ("how long is the string that I get", 0),
            ("my string ripped after a month, what now", 1),
            ("What does a winder cost?", 2),
        ],
    )
    def test_finds_the_sentence_that_answers(self, question: str, row: int) -> None:
        verdict = Reader.shared().read(question, [KITES])[0]
        assert max(range(3), key=verdict.sentences.__getitem__) == row

    def test_a_near_miss_has_less_support_than_a_question_that_is_answered(self) -> None:
        answered, missed = (
            Reader.shared().read(question, [KITES])[0].support
            for question in ("What does a winder cost?", "What colour is a winder?")
        )
        assert missed < answered

    def test_the_passage_that_answers_has_the_most_support(self) -> None:
        kites, classes = Reader.shared().read("On which day are the lessons?", [KITES, CLASSES])
        assert classes.support > kites.support

    def test_what_is_read_beside_it_changes_nothing(self) -> None:
        alone = Reader.shared().read("torn line", [CLASSES])[0]
        beside = Reader.shared().read("torn line", [KITES, CLASSES, KITES])[1]
        assert beside.support == pytest.approx(alone.support, abs=1e-3)
        assert beside.sentences == pytest.approx(alone.sentences, abs=1e-3)

    def test_a_long_passage_is_read_in_parts(self) -> None:
        sentences = [f"Kite number {number} has a tail of {number} metres." for number in range(90)]
        verdict = Reader.shared().read("how long is the tail of kite number 70", [("Kites", sentences)])[0]
        assert len(verdict.sentences) == 90

    @pytest.mark.parametrize("question", ["", "🪁", "\x00", "why " * 3_000])
    def test_odd_questions_and_passages(self, question: str) -> None:
        verdicts = Reader.shared().read(question, [("", ("", "a" * 5_000)), KITES])
        assert [len(verdict.sentences) for verdict in verdicts] == [2, 3]
        assert Reader.shared().read(question, []) == []


class TestLayout:
    def test_spans_hold_the_sentences(self, layout: Layout) -> None:
        (reading,) = layout.readings("how long", "Kites", KITES[1])
        assert len(reading.ids) == len(reading.types)
        assert [end - start for start, end in reading.sentences] == [
            len(layout.readings("", "", [sentence])[0].ids) - 6 for sentence in KITES[1]
        ]
        assert reading.types[reading.question[1]] == 0
        assert reading.types[reading.sentences[0][0]] == 1

    def test_no_reading_is_longer_than_the_model_reads(self, layout: Layout) -> None:
        readings = layout.readings("word " * 500, "word " * 500, ["word " * 500] * 9)
        assert sum(len(reading.sentences) for reading in readings) == 9
        assert max(len(reading.ids) for reading in readings) <= MAX_PIECES + 1

    def test_means_have_the_weight_one(self, layout: Layout) -> None:
        arrays = padded([*layout.readings("a b", "c", ["d e f"]), *layout.readings("a", "c", ["d", "e"])])
        assert arrays["pool"].sum(-1) == pytest.approx(np.array([[1, 1, 0], [1, 1, 1]]))


class TestFolder:
    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        return Path(shutil.copytree(MODEL_FOLDER, tmp_path / "model"))

    def test_a_flipped_byte(self, folder: Path) -> None:
        content = bytearray((folder / WEIGHTS_FILE).read_bytes())
        content[-1] ^= 1
        (folder / WEIGHTS_FILE).write_bytes(content)
        with pytest.raises(GenerationError, match="damaged"):
            Reader(folder)

    def test_another_bundled_encoder(self, folder: Path) -> None:
        info = json.loads((folder / INFO_FILE).read_text())
        (folder / INFO_FILE).write_text(json.dumps(info | {"bundled_fingerprint": "0"}))
        with pytest.raises(GenerationError, match="make train-reader"):
            Reader(folder)

    @pytest.mark.parametrize("content", ["", "[]", "{}"])
    def test_a_damaged_description(self, folder: Path, content: str) -> None:
        (folder / INFO_FILE).write_text(content)
        with pytest.raises(GenerationError, match="missing or damaged"):
            Reader(folder)

    def test_no_folder(self, tmp_path: Path) -> None:
        with pytest.raises(GenerationError, match="missing or damaged"):
            Reader(tmp_path / "none")
