import json
import shutil
from dataclasses import replace
from pathlib import Path
from random import Random

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file

from shopllm_rasa.generation import reader as reader_package
from shopllm_rasa.generation.packed_weights import load_packed, packed
from shopllm_rasa.generation.reader import Reader
from shopllm_rasa.generation.reader.reader import fingerprint
from shopllm_rasa.generation.reader.training.average import write_mean
from shopllm_rasa.generation.reader.training.examples import Page, make_pairs, page_text, read_pages, split_shops, typed
from shopllm_rasa.generation.reader.training.export import MEASURES, write_model
from shopllm_rasa.generation.reader.training.model import tensors
from shopllm_rasa.generation.reader.training.train import TrainingOptions, train

FIGURES = {
    "parameters": 1,
    "passages": 4,
    "shops": 2,
    "answered": 8,
    "unanswered": 8,
    "validation_questions": 8,
    "options": {"seed": 7},
    **dict.fromkeys(MEASURES, 0),
}


def line(shop: str, thing: str) -> str:
    return json.dumps(
        {
            "shop": shop,
            "page": thing,
            "section": "Care",
            "sentences": [f"Wash the {thing} by hand.", f"Keep the {thing} dry."],
            "answered": [[f"How do I wash a {thing}?", [0]], [f"may a {thing} get wet", [1]]],
            "unanswered": [f"What does a {thing} cost?", f"who makes the {thing}"],
        }
    )


@pytest.fixture
def data(tmp_path: Path) -> Path:
    things = ["tent", "lamp", "drum", "coat"]
    lines = [line(f"shop-{number // 2}", thing) for number, thing in enumerate(things)]
    (tmp_path / "part.jsonl").write_text("\n".join(lines))
    return tmp_path


class TestTraining:
    def test_what_is_written_is_what_was_trained(self, data: Path, tmp_path: Path) -> None:
        options = replace(TrainingOptions(), epochs=2, batch=4, evaluate_every=2, held_out=0.5, threads=1)
        trained = train(options, data)
        assert trained.figures["passages"] == 4
        assert trained.figures["validation_loss"] > 0
        write_model(trained, tmp_path / "model")
        reader = Reader(tmp_path / "model")
        passage = ("tent > Care", ("Wash the tent by hand.", "Keep the tent dry."))
        verdict = reader.read("may it get wet", [passage])[0]
        with torch.no_grad():
            sentences, support = trained.model(*tensors(reader._layout.readings("may it get wet", *passage)))
        # Weights are kept as int8, so a little is lost.
        assert verdict.sentences == pytest.approx(sentences[0].tolist(), abs=0.3)
        assert verdict.support == pytest.approx(float(support[0]), abs=0.3)
        assert "4 passages and product sheets of 2 invented shops" in (tmp_path / "model" / "README.md").read_text()


class TestMean:
    SHIPPED = Path(reader_package.__file__).parent / "model"

    @pytest.fixture
    def shifted(self, tmp_path: Path) -> Path:
        """The shipped reader with every weight of the passage's score doubled."""
        folder = tmp_path / "shifted"
        shutil.copytree(self.SHIPPED, folder)
        weights = load_packed(folder / "weights.safetensors")
        weights["passage.weight"] *= 2
        save_file(packed(weights), folder / "weights.safetensors")
        single = tmp_path / "single"
        shutil.copytree(self.SHIPPED, single)
        for place in (folder, single):
            info = json.loads((place / "reader.json").read_text())
            info |= {"figures": FIGURES, "fingerprint": fingerprint(place)}
            (place / "reader.json").write_text(json.dumps(info))
        return folder

    def test_weights_lie_in_the_middle(self, shifted: Path, tmp_path: Path) -> None:
        write_mean([shifted.parent / "single", shifted], tmp_path / "mean")
        one, other, mean = (
            load_packed(folder / "weights.safetensors")["passage.weight"]
            for folder in (self.SHIPPED, shifted, tmp_path / "mean")
        )
        assert mean == pytest.approx((one + other) / 2, rel=1e-4)
        passage = ("tent > Care", ("Wash the tent by hand.",))
        assert Reader(tmp_path / "mean").read("how do I wash a tent", [passage])[0].sentences[0] > 0
        assert "| passages and product sheets | 4 | 4 |" in (tmp_path / "mean" / "README.md").read_text()

    def test_readers_of_two_forms(self, shifted: Path, tmp_path: Path) -> None:
        with (shifted / "reader.onnx").open("ab") as file:
            file.write(b"x")
        with pytest.raises(ValueError, match="not of one form"):
            write_mean([self.SHIPPED, shifted], tmp_path / "mean")


class TestExamples:
    def test_the_shipped_data(self) -> None:
        pages = read_pages()
        questions = [rows for page in pages for _, rows in page.questions]
        assert len(pages) > 800
        assert 0.4 < sum(bool(rows) for rows in questions) / len(questions) < 0.6
        training, held = split_shops(pages, 0.1, 7)
        assert {page.shop for page in training}.isdisjoint(page.shop for page in held)

    def test_other_passages_of_the_shop_do_not_answer(self, data: Path) -> None:
        pages = read_pages(data)
        vectors = {text: np.ones(2) for page in pages for text in (page_text(page), *dict(page.questions))}
        pairs = make_pairs(pages, vectors, 1, Random(1))
        wash = [pair for pair in pairs if pair.question == "How do I wash a tent?"]
        assert [(pair.page.heading, pair.rows) for pair in wash] == [("tent > Care", (0,)), ("lamp > Care", ())]
        assert sum(pair.question == "who makes the tent" for pair in pairs) == 1

    def test_typing_keeps_most_of_a_question(self) -> None:
        rng = Random(1)
        forms = {typed("Where is my parcel today?", rng) for _ in range(200)}
        assert "where is my parcel today" in forms
        assert len(forms) > 5
        assert all(abs(len(form) - 25) <= 2 for form in forms)

    @pytest.mark.parametrize(
        "bad", ["no json", "{}", line("s", "tent").replace("[1]", "[7]"), line("s", "tent").replace('"page"', '"pag"')]
    )
    def test_a_bad_line_is_named(self, data: Path, bad: str) -> None:
        with (data / "part.jsonl").open("a") as file:
            file.write("\n" + bad)
        with pytest.raises(ValueError, match=r"part\.jsonl, line 5"):
            read_pages(data)

    def test_a_page_without_a_section(self, tmp_path: Path) -> None:
        (tmp_path / "x.jsonl").write_text(line("s", "tent").replace('"Care"', '""'))
        page: Page = read_pages(tmp_path)[0]
        assert page.heading == "tent"
