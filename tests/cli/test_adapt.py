import json
from pathlib import Path
from typing import Any

import pytest

from shopllm_rasa.encoders import adaptation
from shopllm_rasa.encoders.adaptation import Adaptation, AdaptationOptions


@pytest.fixture
def texts(tmp_path: Path) -> Path:
    file = tmp_path / "messages.txt"
    file.write_text("".join(f"where is order {number}\n" for number in range(12)), encoding="utf-8")
    return file


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """Notes how the adaptation is called instead of doing it."""
    calls: list[tuple[Any, ...]] = []

    def adapt(texts: Any, folder: Path, model: str, options: AdaptationOptions) -> Adaptation:
        calls.append((len(texts), folder, model, options))
        return Adaptation(model, len(texts), 3, 1.5, 0.5, 61.2, options)

    monkeypatch.setattr(adaptation, "adapt_encoder", adapt)
    return calls


def test_in_words(shopllm, texts: Path, calls: list[tuple[Any, ...]], tmp_path: Path) -> None:
    done = shopllm("adapt", "--texts", texts, "--out", tmp_path / "mine")
    assert (done.code, done.out, done.err) == (0, f"'default' adapted to 12 texts in 61 s: {tmp_path / 'mine'}\n", "")
    assert calls == [(12, tmp_path / "mine", "default", AdaptationOptions())]


def test_options(shopllm, texts: Path, calls: list[tuple[Any, ...]]) -> None:
    done = shopllm(
        "adapt", "--texts", texts, "--out", "mine", "--model", "other", "--epochs", 3, "--batch-size", 8, "--json"
    )
    assert (done.code, done.err) == (0, "")
    values = json.loads(done.out)
    assert (values["path"], values["model"], values["texts"]) == ("mine", "other", 12)
    assert calls == [(12, Path("mine"), "other", AdaptationOptions(epochs=3, batch_size=8))]


class TestProblems:
    def problem(self, shopllm, *arguments: Any) -> str:
        done = shopllm("adapt", *arguments)
        assert (done.code, done.out) == (1, "")
        assert "Traceback" not in done.err
        return str(done.err)

    def test_texts_that_are_not_there(self, shopllm) -> None:
        assert self.problem(shopllm, "--texts", "nowhere.txt", "--out", "mine") == (
            "'nowhere.txt' cannot be read: No such file or directory.\n"
        )
        assert not Path("mine").exists()

    def test_a_folder_in_use(self, shopllm, texts: Path) -> None:
        Path("mine").mkdir()
        Path("mine/notes.txt").write_text("I was here first")
        assert self.problem(shopllm, "--texts", texts, "--out", "mine") == (
            "'mine' exists already and is not empty; name a new folder.\n"
        )
        assert Path("mine/notes.txt").read_text() == "I was here first"

    def test_an_encoder_that_does_not_exist(self, shopllm, texts: Path) -> None:
        message = self.problem(shopllm, "--texts", texts, "--out", "mine", "--model", "no-such-encoder")
        assert message.startswith("The encoder model 'no-such-encoder' cannot be loaded (")
        assert list(Path().iterdir()) == []
