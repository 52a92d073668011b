import json
import shutil
import tarfile
from pathlib import Path
from typing import Any

import pytest

from shopllm_rasa.encoders.model_card import CARD_FILE, FIGURES_FILE

FOLDER = "components/train_shopllm_rasa.nlu.IntentSentimentClassifier1"
MESSAGE = "good morning, has my order been shipped"
KEYS = [
    "text", "intent", "confidence", "read_as", "nearest", "words", "fallback", "threshold", "ranking", "sentiment",
]  # fmt: skip

pytestmark = pytest.mark.slow


def archived(folder: Path, path: Path, **changed: str) -> Path:
    """An archive as `rasa train` writes it; `changed` gives files of the classifier another content."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w:gz", compresslevel=1) as tar:
        for file in folder.rglob("*"):
            if file.is_file() and file.name not in changed:
                tar.add(file, f"{FOLDER}/{file.relative_to(folder)}")
        for name, content in changed.items():
            replaced = path.parent / name
            replaced.write_text(content, encoding="utf-8")
            tar.add(replaced, f"{FOLDER}/{name}")
    return path


@pytest.fixture(scope="session")
def model(classifier_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return archived(classifier_dir, tmp_path_factory.mktemp("models") / "shop.tar.gz")


class TestExplain:
    def test_json(self, shopllm, model: Path) -> None:
        done = shopllm("explain", MESSAGE, "--model", model, "--json")
        assert (done.code, done.err) == (0, "")
        found = json.loads(done.out)
        assert list(found) == KEYS
        assert (found["text"], found["intent"], found["fallback"]) == (MESSAGE, "order_status", None)
        assert [word["word"] for word in found["words"]] == MESSAGE.split()
        assert found["ranking"][0] == {"intent": "order_status", "confidence": found["confidence"]}
        assert len(found["ranking"]) == 6
        assert sum(found["sentiment"].values()) == pytest.approx(1, abs=1e-3)
        assert found["nearest"][0]["text"] == "has my package been shipped"

    def test_in_words(self, shopllm, model: Path) -> None:
        done = shopllm("explain", MESSAGE, "--model", model)
        assert (done.code, done.err) == (0, "")
        assert done.out.startswith(f"{MESSAGE}\n\nSentiment: ")
        lines = [" ".join(line.split()) for line in done.out.splitlines()]
        assert "intent confidence" in lines
        (order,) = [line for line in lines if line.startswith("order +")]
        assert order.endswith("+" * 20)  # the strongest word's bar is the longest
        assert any(line.startswith("good -") and line.endswith("--") for line in lines)
        assert any(line.startswith("has my package been shipped order_status 0.") for line in lines)
        assert done.out.endswith("\nThe bot takes it as order_status.\n")

    def test_why_the_bot_would_fall_back(self, shopllm, model: Path) -> None:
        assert "The bot would fall back. " in shopllm("explain", "sixteen divided by four", "--model", model).out
        done = shopllm("explain", MESSAGE, "--model", model, "--threshold", "1", "--json")
        found = json.loads(done.out)
        assert found["threshold"] == 1
        assert found["fallback"].startswith("'order_status' is the best guess")

    @pytest.mark.parametrize(
        "text",
        ["[red]order[/red] [/] \\[", "\udcff order", "注文 😀", "a\x00b", "order " * 2_000],
        ids=["markup", "no text", "other scripts", "zero", "long"],
    )
    def test_unusual_messages(self, shopllm, model: Path, text: str) -> None:
        for options in ((), ("--json",)):
            done = shopllm("explain", text, "--model", model, *options)
            assert (done.code, done.err) == (0, "")
        assert json.loads(done.out)["words"][0]["word"] in text.replace("\udcff", "?")

    def test_markup_is_printed_as_it_is(self, shopllm, model: Path) -> None:
        assert shopllm("explain", "[bold]order", "--model", model).out.startswith("[bold]order\n")

    def test_by_default_the_newest_in_models(self, shopllm, model: Path) -> None:
        Path("models").mkdir()
        Path("models/shop.tar.gz").symlink_to(model)
        assert json.loads(shopllm("explain", MESSAGE, "--json").out)["intent"] == "order_status"


class TestCard:
    def test_as_markdown(self, shopllm, model: Path, classifier_dir: Path) -> None:
        done = shopllm("explain", "--card", "--model", model)
        assert (done.code, done.err) == (0, "")
        assert done.out == (classifier_dir / CARD_FILE).read_text(encoding="utf-8")

    def test_as_json(self, shopllm, model: Path, classifier_dir: Path) -> None:
        done = shopllm("explain", "--card", "--json", "--model", model)
        assert (done.code, done.err) == (0, "")
        assert json.loads(done.out) == json.loads((classifier_dir / FIGURES_FILE).read_text(encoding="utf-8"))


class TestProblems:
    def problem(self, shopllm, *arguments: Any) -> str:
        done = shopllm("explain", *arguments)
        assert (done.code, done.out) == (1, "")
        assert "Traceback" not in done.err
        assert done.err.strip().count("\n") == 0
        return str(done.err)

    def test_no_model(self, shopllm, tmp_path: Path) -> None:
        assert self.problem(shopllm, MESSAGE).startswith("There is no model 'models'. Train one (rasa train)")
        Path("models").mkdir()
        assert "There is no model (.tar.gz) in the folder 'models'." in self.problem(shopllm, MESSAGE)

    def test_a_bot_without_the_classifier(self, shopllm, tmp_path: Path) -> None:
        path = archived(tmp_path / "nothing", tmp_path / "shop.tar.gz")
        assert "holds no trained IntentSentimentClassifier" in self.problem(shopllm, MESSAGE, "--model", path)

    def test_no_archive(self, shopllm, tmp_path: Path) -> None:
        (tmp_path / "shop.tar.gz").write_bytes(b"nothing of the kind")
        assert "cannot be read as a Rasa model" in self.problem(shopllm, "--card", "--model", tmp_path)

    @pytest.mark.parametrize("arguments", [(MESSAGE,), ("--card",), ("--card", "--json")], ids=str)
    def test_another_version(self, shopllm, classifier_dir: Path, tmp_path: Path, arguments: tuple[str, ...]) -> None:
        (tmp_path / "old").mkdir()
        (tmp_path / "old" / "heads.safetensors").write_bytes(b"")
        path = archived(tmp_path / "old", tmp_path / "shop.tar.gz", **{"classifier.json": '{"format_version": 1}'})
        message = self.problem(shopllm, *arguments, "--model", path)
        assert message.startswith(f"The classifier in '{path}' has format 1; this version reads ")
        assert message.strip().endswith("Train again.")

    @pytest.mark.parametrize("name", ["classifier.json", "heads.safetensors", "examples.json"])
    @pytest.mark.parametrize("content", ["", "{"])
    def test_a_damaged_classifier(self, shopllm, classifier_dir: Path, tmp_path: Path, name: str, content: str) -> None:
        heads = tmp_path / "heads"  # without the encoder, which is not reached and takes long to pack
        shutil.copytree(classifier_dir, heads, ignore=shutil.ignore_patterns("encoder"))
        path = archived(heads, tmp_path / "shop.tar.gz", **{name: content})
        message = self.problem(shopllm, MESSAGE, "--model", path)
        assert message.startswith(f"The classifier in '{path}' cannot be loaded: ")

    @pytest.mark.parametrize(("option", "name"), [((), CARD_FILE), (("--json",), FIGURES_FILE)])
    def test_a_missing_card(
        self, shopllm, classifier_dir: Path, tmp_path: Path, option: tuple[str, ...], name: str
    ) -> None:
        bare = tmp_path / "bare"
        bare.mkdir()
        content = (classifier_dir / "classifier.json").read_text(encoding="utf-8")
        path = archived(bare, tmp_path / "shop.tar.gz", **{"classifier.json": content})
        message = self.problem(shopllm, "--card", *option, "--model", path)
        assert message.startswith(f"The model card '{path}/{name}' is missing or damaged: ")
