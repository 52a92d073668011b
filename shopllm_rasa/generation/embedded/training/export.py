"""Writes a trained generator as a folder that `EmbeddedGenerator` serves: two graphs, one file of weights."""

from dataclasses import asdict
from pathlib import Path

import torch
from torch import Tensor, nn

from shopllm_rasa.encoders.bundled import bundled_folder, weights_fingerprint
from shopllm_rasa.generation.embedded.training.model import BundledEncoder, Generator, hidden, similarities
from shopllm_rasa.generation.embedded.training.model_card import CARD_FILE, FIGURES_FILE, model_card
from shopllm_rasa.generation.embedded.training.train import Trained
from shopllm_rasa.generation.embedded.vocabulary import CONTROLS
from shopllm_rasa.generation.embedded.weights import (
    DECODER_FILE,
    ENCODER_FILE,
    INFO_FILE,
    WEIGHTS_FILE,
    GeneratorInfo,
    fingerprint,
)
from shopllm_rasa.generation.packed_weights import packed
from shopllm_rasa.generation.weightless_graph import export_graph
from shopllm_rasa.storage import new_directory, write_json, write_text


class _Encoder(nn.Module):
    """Word pieces of one source to all that the decoder needs of it."""

    def __init__(self, bundled: BundledEncoder, generator: Generator) -> None:
        super().__init__()
        self.bundled = bundled
        self.generator = generator

    def forward(
        self, ids: Tensor, mask: Tensor, pool: Tensor, labels: Tensor, kinds: Tensor, owners: Tensor
    ) -> tuple[Tensor, ...]:
        states, vectors = self.bundled(ids, mask)
        width = states.shape[-1]
        units = (pool @ states.reshape(-1, width))[None]
        words = (pool @ self.bundled.words(ids).reshape(-1, width))[None]
        words = words * (labels[None, :, 3:] > 0).to(words.dtype)
        similarity = similarities(vectors, kinds, owners)[None]
        memory, keys = self.generator.encode(
            units, words, labels[None], similarity, torch.ones_like(labels[None, :, 0])
        )
        crossed = [layer.cross.memory(memory) for layer in self.generator.decoder]
        return (
            memory[0],
            keys[0],
            words[0],
            torch.stack([item[0][0] for item in crossed]),
            torch.stack([item[1][0] for item in crossed]),
        )


class _Decoder(nn.Module):
    """One step of the decoder for a batch, with what it has attended to before."""

    def __init__(self, generator: Generator) -> None:
        super().__init__()
        self.generator = generator

    def forward(
        self,
        word: Tensor,
        origin: Tensor,
        copied: Tensor,
        step: Tensor,
        sentiment: Tensor,
        past_keys: Tensor,
        past_values: Tensor,
        cross_keys: Tensor,
        cross_values: Tensor,
        keys: Tensor,
        mask: Tensor,
        following: Tensor,
    ) -> tuple[Tensor, ...]:
        generator = self.generator
        states = generator.inputs(word[:, None], origin[:, None], copied[:, None], step, sentiment)
        bias = hidden(mask)
        new_keys, new_values = [], []
        for number, layer in enumerate(generator.decoder):
            own_keys, own_values = layer.attention.memory(states)
            seen_keys = torch.cat([past_keys[number], own_keys], 2)
            seen_values = torch.cat([past_values[number], own_values], 2)
            new_keys.append(seen_keys)
            new_values.append(seen_values)
            states = layer.attention.attend(states, seen_keys, seen_values, None)
            states = layer.cross.attend(states, cross_keys[number], cross_values[number], bias)
            states = layer.feed_forward(states)
        scores, pointers, share = generator.heads(states, keys, following[:, None])
        return scores[:, 0], pointers[:, 0], share[:, 0], torch.stack(new_keys), torch.stack(new_values)


def write_model(trained: Trained, folder: Path) -> None:
    """Writes graphs, weights, description and model card into a new folder.

    Raises:
        FileExistsError: if the folder exists.
    """
    with new_directory(folder) as place:
        _write(trained, place)


def _write(trained: Trained, folder: Path) -> None:
    generator, bundled = trained.generator.eval(), trained.bundled.eval()
    shape = generator.shape
    own = {f"generator.{name}": value for name, value in generator.state_dict().items()}
    positions, pieces = 7, 4
    encoder_inputs = {
        "ids": (torch.ones(2, pieces, dtype=torch.long), {0: "segments", 1: "pieces"}),
        "mask": (torch.ones(2, pieces, dtype=torch.long), {0: "segments", 1: "pieces"}),
        "pool": (torch.rand(positions, 2 * pieces), {0: "positions", 1: "flat"}),
        "labels": (torch.zeros(positions, 4, dtype=torch.long), {0: "positions"}),
        "kinds": (torch.tensor([0, 2]), {0: "segments"}),
        "owners": (torch.zeros(positions, dtype=torch.long), {0: "positions"}),
    }
    encoder_outputs = {
        "memory": {0: "positions"},
        "keys": {0: "positions"},
        "words": {0: "positions"},
        "cross_keys": {2: "positions"},
        "cross_values": {2: "positions"},
    }
    size = shape.width // shape.heads
    past = (shape.decoder_layers, 2, shape.heads, 3, size)
    cross = (shape.decoder_layers, 2, shape.heads, positions, size)
    by_batch = {0: "batch"}
    decoder_inputs = {
        "word": (torch.rand(2, shape.width), by_batch),
        "origin": (torch.rand(2, shape.width), by_batch),
        "copied": (torch.ones(2), by_batch),
        "step": (torch.zeros(1, dtype=torch.long), {}),
        "sentiment": (torch.zeros(2, dtype=torch.long), by_batch),
        "past_keys": (torch.rand(past), {1: "batch", 3: "past"}),
        "past_values": (torch.rand(past), {1: "batch", 3: "past"}),
        "cross_keys": (torch.rand(cross), {1: "batch", 3: "positions"}),
        "cross_values": (torch.rand(cross), {1: "batch", 3: "positions"}),
        "keys": (torch.rand(2, positions, shape.width), {0: "batch", 1: "positions"}),
        "mask": (torch.ones(2, positions), {0: "batch", 1: "positions"}),
        "following": (torch.zeros(2, positions), {0: "batch", 1: "positions"}),
    }
    decoder_outputs = {
        "scores": by_batch,
        "pointers": {0: "batch", 1: "positions"},
        "share": by_batch,
        "new_keys": {1: "batch", 3: "seen"},
        "new_values": {1: "batch", 3: "seen"},
    }
    named = ("generator.", "bundled.")
    export_graph(_Encoder(bundled, generator), encoder_inputs, encoder_outputs, folder / ENCODER_FILE, named)
    export_graph(_Decoder(generator), decoder_inputs, decoder_outputs, folder / DECODER_FILE, named)
    from safetensors.numpy import save_file

    save_file(packed({name: value.float().numpy() for name, value in own.items()}), folder / WEIGHTS_FILE)
    info = GeneratorInfo(
        trained.vocabulary.tokens[len(CONTROLS) :],
        shape.to_dict(),
        fingerprint(folder),
        weights_fingerprint(bundled_folder()),
    )
    write_json(folder / INFO_FILE, asdict(info))
    write_json(folder / FIGURES_FILE, trained.figures)
    write_text(folder / CARD_FILE, model_card(trained.figures))
