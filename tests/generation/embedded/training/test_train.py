"""A whole training, as small as it can be: it must learn, be repeatable, and be served as it was trained."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from shopllm_rasa.encoders.bundled import bundled_folder
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
from shopllm_rasa.generation.embedded.weights import WEIGHTS_FILE
from shopllm_rasa.generation.packed_weights import load_packed

OPTIONS = TrainingOptions(examples=128, validation_examples=16, pages=1, epochs=2, batch=16, evaluate_every=8)
QUESTION = "How long can I return shoes?"
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
    short = replace(OPTIONS, examples=32, validation_examples=8, epochs=1)
    first, second = train(short), train(short)
    for name, value in first.generator.state_dict().items():
        assert torch.equal(value, second.generator.state_dict()[name]), name


def test_what_is_served_is_what_was_trained(trained: Trained, folder: Path) -> None:
    """ONNX Runtime, step by step and with kept keys and values, gives what PyTorch gives for the whole at once."""
    served = EmbeddedGenerator.load(folder, threads=1)
    making = served.make([ReplyRequest(QUESTION, PASSAGES)])[0]
    stored = {
        name.removeprefix("generator."): torch.from_numpy(v) for name, v in load_packed(folder / WEIGHTS_FILE).items()
    }
    trained.generator.load_state_dict(stored)
    features = Features(trained.bundled, PieceTable(bundled_folder() / "tokenizer.json"), exact=True)
    features.add([*PASSAGES, QUESTION], "reading")
    target = _target(making, trained)
    batch = collate([target], features, trained.vocabulary)
    with torch.no_grad():
        memory, keys = trained.generator.encode(
            batch["states"], batch["words"], batch["labels"], batch["similarity"], batch["mask"]
        )
        whole = trained.generator(batch)[0].numpy()
    assert np.allclose(memory[0], making.arrays["memory"], atol=2e-3)
    assert np.allclose(keys[0], making.arrays["keys"], atol=2e-3)
    assert np.allclose(whole, _step_by_step(served, making, target, batch), atol=0.02)


def _step_by_step(
    served: EmbeddedGenerator, making: Making, target: Target, batch: dict[str, torch.Tensor]
) -> list[float]:
    arrays = making.arrays
    size = arrays["keys"].shape[0]
    past = np.zeros((*arrays["cross_keys"].shape[:1], 1, arrays["cross_keys"].shape[1], 0, 32), np.float32)
    pasts = {"past_keys": past, "past_values": past}
    logarithms = []
    for step, number in enumerate(target.numbers):
        origin = int(batch["previous_origins"][0, step])
        following = np.zeros((1, size), np.float32)
        if 0 <= origin < size - 1:
            following[0, origin + 1] = 1
        listed = served._listed[int(batch["previous_listed"][0, step])]
        inputs = {
            "word": arrays["words"][[origin]] if origin >= 0 else listed[None],
            "origin": arrays["memory"][[max(origin, 0)]],
            "copied": np.array([origin >= 0], np.float32),
            "step": np.array([step]),
            "sentiment": np.array([making.sentiment]),
            "cross_keys": arrays["cross_keys"][:, None],
            "cross_values": arrays["cross_values"][:, None],
            "keys": arrays["keys"][None],
            "mask": np.ones((1, size), np.float32),
            "following": following,
        }
        scores, pointers, share, keys, values = served._decoder.run(None, {**inputs, **pasts})
        pasts = {"past_keys": keys, "past_values": values}
        writable, copyable = batch["writable"][0, step].numpy(), batch["copyable"][0, step].numpy()
        written = np.where(writable, np.exp(scores[0] - np.logaddexp.reduce(scores[0][writable])), 0)
        pointed = np.where(copyable, np.exp(pointers[0] - np.logaddexp.reduce(pointers[0][copyable])), 0)
        chance = np.exp(share[0, 1]) * pointed[target.extended == number].sum()
        if number < len(written):
            chance += np.exp(share[0, 0]) * written[number]
        logarithms.append(float(np.log(chance)))
    return logarithms


def _target(making: Making, trained: Trained) -> Target:
    """What was decided, as it would stand in training."""
    marks = [making.source.marks[row] for row in making.chosen]
    numbers = [*(int(making.extended[mark]) for mark in marks), trained.vocabulary.id_of(making.kind), *making.numbers]
    return Target(
        making.source,
        making.extended,
        np.array([*numbers, trained.vocabulary.id_of(END)]),
        np.array([*marks, -1, *making.origins, -1]),
        len(marks) + 1,
        copy_sources(making.source, making.chosen),
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
