import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shopllm_rasa.encoders import SentenceEncoder, adaptation
from shopllm_rasa.encoders.adaptation import MIN_TEXTS, RECORD_FILE, AdaptationOptions, adapt_encoder, read_texts
from shopllm_rasa.encoders.export import export_encoder, load_model
from shopllm_rasa.encoders.opinions import MAX_CHARACTERS
from shopllm_rasa.errors import EncoderError

THINGS = ("kettle", "lamp", "desk", "laptop", "phone", "chair", "shoe", "tent", "bike", "radio", "camera", "watch")
TEXTS = [f"my {thing} arrived broken" for thing in THINGS]
FAST = AdaptationOptions(batch_size=6, max_length=16)


def problem(file: Path) -> str:
    with pytest.raises(EncoderError) as caught:
        read_texts(file)
    return str(caught.value)


class TestReading:
    def test_lines(self, tmp_path: Path) -> None:
        file = tmp_path / "messages.txt"
        file.write_text("\ufeff" + "\n\n".join(TEXTS) + "\r\n   \n", encoding="utf-8")
        assert read_texts(file) == TEXTS

    def test_csv(self, tmp_path: Path) -> None:
        file = tmp_path / "messages.csv"
        file.write_text("id,text\n" + "".join(f'{n},"{text}"\n' for n, text in enumerate(TEXTS)) + "99,\n")
        assert read_texts(file) == TEXTS

    def test_jsonl(self, tmp_path: Path) -> None:
        file = tmp_path / "messages.jsonl"
        rows = [*({"text": text, "rating": 5} for text in TEXTS), {"text": None}, {"text": " "}]
        file.write_text("".join(json.dumps(row) + "\n" for row in rows))
        assert read_texts(file) == TEXTS

    def test_each_once(self, tmp_path: Path) -> None:
        file = tmp_path / "messages.txt"
        file.write_text("\n".join([*TEXTS, *(text.upper() for text in TEXTS), *(f" {text}  " for text in TEXTS)]))
        assert read_texts(file) == TEXTS

    def test_a_long_one_is_cut(self, tmp_path: Path) -> None:
        file = tmp_path / "messages.txt"
        file.write_text("\n".join([*TEXTS, "very long " * 1_000]))
        assert len(read_texts(file)[-1]) == MAX_CHARACTERS

    @pytest.mark.parametrize("name", ["messages.xlsx", "messages", "messages.json"])
    def test_another_ending(self, tmp_path: Path, name: str) -> None:
        path = tmp_path / name
        assert problem(path) == f"'{path}' cannot be read as texts; allowed are .txt, .csv, .jsonl files."

    @pytest.mark.parametrize("name", ["m.txt", "m.csv", "m.jsonl"])
    def test_no_file(self, tmp_path: Path, name: str) -> None:
        assert problem(tmp_path / name) == f"'{tmp_path / name}' cannot be read: No such file or directory."

    @pytest.mark.parametrize("name", ["m.txt", "m.csv", "m.jsonl"])
    def test_not_utf8(self, tmp_path: Path, name: str) -> None:
        (tmp_path / name).write_bytes(b"text\nK\xf6nig\n")
        assert problem(tmp_path / name) == f"'{tmp_path / name}' cannot be read: it is not UTF-8."

    @pytest.mark.parametrize("name", ["m.txt", "m.csv", "m.jsonl"])
    def test_empty(self, tmp_path: Path, name: str) -> None:
        (tmp_path / name).write_text("\n")
        assert problem(tmp_path / name) == f"'{tmp_path / name}' has 0 different texts; at least 10 are needed."

    def test_too_few(self, tmp_path: Path) -> None:
        file = tmp_path / "messages.txt"
        file.write_text("\n".join(TEXTS[: MIN_TEXTS - 1] * 3))
        assert problem(file) == f"'{file}' has 9 different texts; at least 10 are needed."

    @pytest.mark.parametrize(
        ("name", "content", "message"),
        [
            ("m.csv", "words,label\nhello,greet\n", "line 2: there is no 'text'; found are 'words', 'label'."),
            ("m.jsonl", '{"text": "a"}\n{}\n', "line 2: there is no 'text'; found are no names."),
            ("m.jsonl", '{"text": 5}\n', "line 1: 'text' is 5; expected a text."),
            ("m.jsonl", "hello\n", "line 1: not JSON (Expecting value: line 1 column 1 (char 0))."),
            ("m.jsonl", "[]\n", "line 1: expected an object, found list."),
        ],
    )
    def test_bad_rows(self, tmp_path: Path, name: str, content: str, message: str) -> None:
        (tmp_path / name).write_text(content)
        assert problem(tmp_path / name) == f"'{tmp_path / name}', {message}"


class TestOptions:
    @pytest.mark.parametrize(
        ("name", "value", "allowed"),
        [
            ("epochs", 0, "1 to 100"),
            ("batch_size", 1, "2 to 1024"),
            ("learning_rate", 0.0, "1e-07 to 0.001"),
            ("temperature", 0.0, "0.001 to 1"),
            ("max_length", 3, "4 to 8192"),
        ],
    )
    def test_what_is_not_allowed(self, name: str, value: float, allowed: str) -> None:
        values: dict[str, Any] = {name: value}
        with pytest.raises(EncoderError) as caught:
            AdaptationOptions(**values)
        assert str(caught.value) == f"The adaptation option '{name}' is {value}; allowed are {allowed}."


class TestBatches:
    @given(st.lists(st.text(max_size=30), min_size=2, max_size=120, unique=True), st.integers(2, 16), st.integers(1, 3))
    @settings(max_examples=50)
    def test_each_text_once_an_epoch(self, texts: list[str], size: int, epochs: int) -> None:
        batches = list(adaptation._batches(texts, AdaptationOptions(batch_size=size, epochs=epochs)))
        assert all(2 <= len(batch) <= size for batch in batches)
        assert all(len(set(batch)) == len(batch) for batch in batches)
        used = sum(map(len, batches))
        alone = epochs if len(texts) % size == 1 else 0
        assert used == epochs * len(texts) - alone

    def test_texts_of_like_length_go_together(self) -> None:
        texts = ["x" * length for length in range(1, 65)]
        for batch in adaptation._batches(texts, AdaptationOptions(batch_size=8)):
            assert max(map(len, batch)) - min(map(len, batch)) == 7


@pytest.fixture(scope="module")
def adapted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("adapted") / "deep" / "encoder"
    adapt_encoder(TEXTS, folder, options=FAST, progress=False)
    return folder


@pytest.mark.slow
class TestAdapting:
    def test_files_hold_numbers_and_json_alone(self, adapted: Path) -> None:
        endings = {file.suffix for file in adapted.rglob("*") if file.is_file()}
        assert endings <= {".safetensors", ".json", ".txt"}
        assert ".safetensors" in endings
        assert [path.name for path in adapted.parent.iterdir()] == ["encoder"]  # nothing is left beside it

    def test_it_says_what_was_done(self, adapted: Path) -> None:
        record = json.loads((adapted / RECORD_FILE).read_text(encoding="utf-8"))
        assert (record["model"], record["texts"], record["steps"]) == ("default", len(TEXTS), 2)
        assert record["options"] == asdict(FAST)

    def test_it_is_an_encoder_of_its_own(self, adapted: Path) -> None:
        before, after = load_model("default"), load_model(str(adapted))
        assert after.max_seq_length == before.max_seq_length
        old, new = (encoder.encode(TEXTS, normalize_embeddings=True) for encoder in (before, after))
        cosines = (old * new).sum(axis=1)
        assert cosines.max() < 1 - 1e-6
        assert cosines.min() > 0.9  # it keeps what it knows

    def test_it_can_be_exported_and_served(self, adapted: Path, tmp_path: Path) -> None:
        encoder = load_model(str(adapted))
        export_encoder(encoder, tmp_path, str(adapted))
        served = SentenceEncoder.open(tmp_path).encode(TEXTS)
        assert (served * encoder.encode(TEXTS, normalize_embeddings=True)).sum(axis=1).min() > 0.999

    def test_it_can_be_adapted_again(self, adapted: Path, tmp_path: Path) -> None:
        done = adapt_encoder(TEXTS, tmp_path / "again", str(adapted), FAST, progress=False)
        assert done.model == str(adapted)

    def test_the_same_seed_gives_the_same_encoder(self, adapted: Path, tmp_path: Path) -> None:
        adapt_encoder(TEXTS, tmp_path / "twin", options=FAST, progress=False)
        first, second = (load_model(str(path)).encode(TEXTS) for path in (adapted, tmp_path / "twin"))
        assert np.abs(first - second).max() < 1e-3

    def test_an_empty_folder_is_taken(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        adapt_encoder(TEXTS, tmp_path / "empty", options=FAST)
        out, err = capsys.readouterr()
        assert (tmp_path / "empty" / "modules.json").is_file()
        assert out == ""
        assert "adapting" in err


class TestProblems:
    def test_a_folder_in_use(self, tmp_path: Path) -> None:
        (tmp_path / "notes.txt").write_text("I was here first")
        with pytest.raises(EncoderError, match="exists already and is not empty"):
            adapt_encoder(TEXTS, tmp_path)
        with pytest.raises(EncoderError, match="exists already and is not empty"):
            adapt_encoder(TEXTS, tmp_path / "notes.txt")

    def test_too_few_texts(self, tmp_path: Path) -> None:
        with pytest.raises(EncoderError, match="There are 3 texts to adapt to; at least 10 are needed"):
            adapt_encoder(TEXTS[:3], tmp_path / "new")

    def test_a_model_that_does_not_exist(self, tmp_path: Path) -> None:
        with pytest.raises(EncoderError, match="'no-such-encoder' cannot be loaded"):
            adapt_encoder(TEXTS, tmp_path / "new", "no-such-encoder")
        assert list(tmp_path.iterdir()) == []

    def test_an_interrupted_training_leaves_nothing(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def interrupted(*arguments: Any) -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr(adaptation, "_train", interrupted)
        with pytest.raises(KeyboardInterrupt):
            adapt_encoder(TEXTS, tmp_path / "new", progress=False)
        assert list(tmp_path.iterdir()) == []
