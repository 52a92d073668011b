"""A whole training, as small as it can be: it must learn, be repeatable, and be served as it was trained."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from shopllm_rasa.errors import GenerationError
from shopllm_rasa.generation.embedded import EmbeddedGenerator
from shopllm_rasa.generation.embedded.generator import Making, ReplyRequest
from shopllm_rasa.generation.embedded.pieces import PieceTable
from shopllm_rasa.generation.embedded.source import copy_sources
from shopllm_rasa.generation.embedded.training.export import write_model
from shopllm_rasa.generation.embedded.training.features import Features
from shopllm_rasa.generation.embedded.training.targets import Target, plannable_positions
from shopllm_rasa.generation.embedded.training.train import Trained, TrainingOptions, collate, train
from shopllm_rasa.generation.embedded.units import has_digit
from shopllm_rasa.generation.embedded.vocabulary import END
from shopllm_rasa.generation.embedded.weights import WEIGHTS_FILE, bundled_folder, load_own

OPTIONS = TrainingOptions(examples=160, validation_examples=24, pages=2, epochs=2, batch=16, evaluate_every=8)
PASSAGES = [
    "Shoes can be returned within 60 days of delivery.",
    "Standard shipping in Ireland costs €4.95 and takes 1 to 2 working days.",
]

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def trained() -> Trained:
    return train(OPTIONS)


@pytest.fixture(scope="module")
def folder(trained: Trained, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("generator") / "model"
    write_model(trained, path)
    return path


def test_it_learns(trained: Trained) -> None:
    untrained = 3.0  # a third of the units are easy guesses even then
    assert trained.figures["validation_loss"] < untrained
    assert trained.figures["examples"] > 100


def test_the_same_seed_gives_the_same_weights(trained: Trained) -> None:
    short = replace(OPTIONS, examples=48, epochs=1)
    first, second = train(short), train(short)
    for name, value in first.generator.state_dict().items():
        assert torch.equal(value, second.generator.state_dict()[name]), name


def test_what_is_served_is_what_was_trained(trained: Trained, folder: Path) -> None:
    """The steps in ONNX Runtime give the probabilities that the PyTorch model gives for the whole reply at once."""
    served = EmbeddedGenerator.load(folder, threads=1)
    making = served.make([ReplyRequest("How long can I return shoes?", PASSAGES)])[0]
    target = _target(making, trained)
    stored = {name.removeprefix("generator."): torch.from_numpy(v) for name, v in load_own(folder).items()}
    trained.generator.load_state_dict(stored)
    features = Features(trained.bundled, PieceTable(bundled_folder() / "tokenizer.json"), exact=True)
    features.add([*PASSAGES, "How long can I return shoes?"], "reading")
    with torch.no_grad():
        logarithms = trained.generator(collate([target], features, trained.vocabulary))[0].numpy()
    steps = range(target.plan_steps + 1, target.plan_steps + len(making.unit_logarithms))
    assert np.allclose([logarithms[step] for step in steps], making.unit_logarithms[1:], atol=0.02)


def _target(making: Making, trained: Trained) -> Target:
    end = trained.vocabulary.id_of(END)
    marks = [making.source.marks[row] for row in making.chosen]
    numbers = [*(int(making.extended[mark]) for mark in marks), trained.vocabulary.id_of(making.kind), *making.numbers]
    origins = [*marks, -1, *making.origins]
    if len(making.unit_logarithms) > len(making.numbers):
        numbers, origins = [*numbers, end], [*origins, -1]
    sources = copy_sources(making.source, making.chosen)
    return Target(
        making.source,
        making.extended,
        np.array(numbers),
        np.array(origins),
        len(marks) + 1,
        sources,
        plannable_positions(making.source),
        making.sentiment,
    )


def test_even_a_hardly_trained_one_states_only_numbers_of_its_source(folder: Path) -> None:
    reply = EmbeddedGenerator.load(folder, threads=1).reply("How many days after 99 days?", PASSAGES)
    stated = [word for word in reply.text.split() if has_digit(word)]
    assert all(word.strip(".,") in " ".join(PASSAGES) for word in stated)


def test_a_flipped_byte_is_refused(folder: Path, tmp_path: Path) -> None:
    copy = tmp_path / "model"
    copy.mkdir()
    for file in folder.iterdir():
        (copy / file.name).write_bytes(file.read_bytes())
    content = bytearray((copy / WEIGHTS_FILE).read_bytes())
    content[len(content) // 2] ^= 1
    (copy / WEIGHTS_FILE).write_bytes(bytes(content))
    with pytest.raises(GenerationError, match="damaged"):
        EmbeddedGenerator.load(copy)


def test_the_model_card_tells_data_and_figures(folder: Path, trained: Trained) -> None:
    card = (folder / "README.md").read_text(encoding="utf-8")
    assert str(trained.figures["facts"]) in card
    assert "Limits" in card
    assert json.loads((folder / "figures.json").read_text())["options"]["seed"] == OPTIONS.seed
