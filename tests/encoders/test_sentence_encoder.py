import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from shopllm_rasa.encoders import SentenceEncoder
from shopllm_rasa.encoders.export import load_model
from shopllm_rasa.errors import EncoderError

TEXTS = [
    "wireless headphones",
    "A kettle that boils a litre of water in two minutes.",
    "",
    "ünïcödé ☕ 水",
    "how can I return my order " * 80,
]


@pytest.fixture(scope="module")
def encoder(index_dir: Path) -> SentenceEncoder:
    return SentenceEncoder.open(index_dir / "encoder-1")


@pytest.fixture
def folder(index_dir: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(index_dir / "encoder-1", tmp_path / "encoder"))


def problem(folder: Path) -> str:
    with pytest.raises(EncoderError) as caught:
        SentenceEncoder.open(folder)
    return str(caught.value)


class TestEncode:
    def test_vectors_have_length_one(self, encoder: SentenceEncoder) -> None:
        vectors = encoder.encode(TEXTS)
        assert vectors.shape == (len(TEXTS), encoder.info.dimensions)
        assert vectors.dtype == np.float32
        assert np.linalg.norm(vectors, axis=1) == pytest.approx(np.ones(len(TEXTS)), abs=1e-4)

    def test_they_are_those_of_the_exported_model(self, encoder: SentenceEncoder) -> None:
        expected = load_model("default").encode(TEXTS, normalize_embeddings=True)
        cosines = (encoder.encode(TEXTS) * expected).sum(axis=1)
        assert cosines.min() > 0.9999

    @pytest.mark.parametrize("batch_size", [1, 2, 32])
    def test_neither_company_nor_order_matters(self, encoder: SentenceEncoder, batch_size: int) -> None:
        alone = np.concatenate([encoder.encode([text]) for text in TEXTS])
        together = encoder.encode(TEXTS, batch_size=batch_size)
        assert np.abs(alone - together).max() < 1e-4
        assert np.abs(encoder.encode(TEXTS[::-1], batch_size)[::-1] - together).max() < 1e-4

    def test_meaning_is_near(self, encoder: SentenceEncoder) -> None:
        question, near, far = encoder.encode(["How do I send it back?", "Return an item", "Gaming laptop, 16 GB"])
        assert question @ near > question @ far + 0.2

    def test_no_texts(self, encoder: SentenceEncoder) -> None:
        assert encoder.encode([]).shape == (0, encoder.info.dimensions)

    def test_a_text_is_cut_at_the_model_s_length(self, encoder: SentenceEncoder) -> None:
        long = "kettle " * (encoder.info.max_length * 2)
        first, second = encoder.encode([long, long + "unrelated words about the warranty"])
        assert first @ second == pytest.approx(1, abs=1e-5)

    def test_progress_goes_to_standard_error_on_demand(
        self, encoder: SentenceEncoder, capsys: pytest.CaptureFixture[str]
    ) -> None:
        encoder.encode(["a"])
        assert capsys.readouterr() == ("", "")
        encoder.encode(["a"], progress="embedding products")
        out, err = capsys.readouterr()
        assert out == ""
        assert "embedding products" in err

    @pytest.mark.parametrize(("word", "known"), [("return", True), ("delivery", True), ("retrun", False), ("", False)])
    def test_words_and_pieces(self, encoder: SentenceEncoder, word: str, known: bool) -> None:
        assert encoder.is_word(word) is known


class TestFolder:
    def test_it_describes_itself(self, encoder: SentenceEncoder) -> None:
        assert (encoder.info.model, encoder.info.dimensions) == ("default", 384)
        assert len(encoder.info.fingerprint) == 64

    def test_missing_folder(self, tmp_path: Path) -> None:
        path = tmp_path / "nowhere"
        assert problem(path) == (
            f"The encoder in '{path}' lacks encoder.json, graph.onnx, weights.safetensors, tokenizer.json."
        )

    @pytest.mark.parametrize("name", ["encoder.json", "graph.onnx", "weights.safetensors", "tokenizer.json"])
    def test_missing_file(self, folder: Path, name: str) -> None:
        (folder / name).unlink()
        assert problem(folder) == f"The encoder in '{folder}' lacks {name}."

    @pytest.mark.parametrize("name", ["graph.onnx", "weights.safetensors", "tokenizer.json"])
    @pytest.mark.parametrize("share", [0, 0.5])
    def test_cut_file(self, folder: Path, name: str, share: float) -> None:
        content = (folder / name).read_bytes()
        (folder / name).write_bytes(content[: int(len(content) * share)])
        assert problem(folder).startswith(f"The encoder in '{folder}' cannot be loaded: ")

    @pytest.mark.parametrize("content", ["", "{", "[1]", "5", "{}", '{"model": "x", "colour": "red"}'])
    def test_damaged_description(self, folder: Path, content: str) -> None:
        (folder / "encoder.json").write_text(content)
        assert problem(folder).startswith(f"'{folder / 'encoder.json'}' is damaged: ")

    def test_another_format(self, folder: Path) -> None:
        values = json.loads((folder / "encoder.json").read_text())
        (folder / "encoder.json").write_text(json.dumps({**values, "format_version": 99}))
        assert problem(folder) == f"The encoder in '{folder}' has format 99; this version reads 1."


class TestLoadModel:
    @pytest.mark.parametrize("model", ["no-such-encoder", "somebody/nothing"])
    def test_unknown_model(self, model: str) -> None:
        with pytest.raises(EncoderError) as caught:
            load_model(model)
        assert str(caught.value).startswith(f"The encoder model '{model}' cannot be loaded (")
        assert "Allowed: 'default', 'commerce', a folder with a sentence-transformers model, or the name" in str(
            caught.value
        )

    def test_folder_that_is_no_model(self, tmp_path: Path) -> None:
        with pytest.raises(EncoderError, match="cannot be loaded"):
            load_model(str(tmp_path))


def test_serving_imports_neither_torch_nor_transformers(index_dir: Path) -> None:
    code = (
        "import sys; from shopllm_rasa.retrieval import ProductIndex, KnowledgeIndex\n"
        f"index = ProductIndex.open({str(index_dir)!r}); KnowledgeIndex.open({str(index_dir)!r}, index.encoder)\n"
        "assert index.search('kettle')\n"
        "heavy = ('torch', 'transformers', 'sentence_transformers', 'tensorflow', 'rasa')\n"
        "print([name for name in heavy if name in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
