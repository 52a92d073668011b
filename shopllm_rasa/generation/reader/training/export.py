"""Writes a trained reader as a folder that `Reader` serves."""

from pathlib import Path
from typing import Any

import torch

from shopllm_rasa.encoders.bundled import bundled_folder, weights_fingerprint
from shopllm_rasa.generation.packed_weights import packed
from shopllm_rasa.generation.reader.layout import Reading
from shopllm_rasa.generation.reader.reader import BUNDLED_PREFIX, GRAPH_FILE, INFO_FILE, WEIGHTS_FILE, fingerprint
from shopllm_rasa.generation.reader.training.model import tensors
from shopllm_rasa.generation.reader.training.train import Trained
from shopllm_rasa.generation.weightless_graph import export_graph
from shopllm_rasa.storage import new_directory, write_json, write_text

CARD_FILE = "README.md"
INTRODUCTION = (
    "Reads a question beside a passage or a product sheet and says which sentences answer it, and whether any does:\n"
    "{parameters:,} trained parameters over the bundled all-MiniLM-L6-v2's embeddings, stored as int8."
)
MEASURES = {
    "validation_loss": "loss",
    "right_sentence_first": "right sentence first among all of four passages",
    "area_under_curve": "area under the curve, answered against unanswered",
    "unanswered_declined_at_5_percent": "unanswered that are declined when 5 % of the answered are",
    "steps": "steps until the best",
    "minutes": "minutes of training",
}
LIMITS = """## Limits

English only. Near misses of a kind that the data do not have may pass, and it does not calculate.
"""


def write_model(trained: Trained, folder: Path) -> None:
    """Writes graph, weights, description and model card into a new folder.

    Raises:
        FileExistsError: if the folder exists.
    """
    from safetensors.numpy import save_file

    example = tensors(
        [Reading((101, 9, 102, 8, 102, 7, 102, 6, 102), (0,) * 3 + (1,) * 6, (1, 2), ((5, 6), (7, 8)))] * 2
    )
    pieces = {0: "readings", 1: "pieces"}
    axes = {"ids": pieces, "mask": pieces, "types": pieces, "pool": {0: "readings", 1: "means", 2: "pieces"}}
    inputs = {name: (values, axes[name]) for name, values in zip(axes, example, strict=True)}
    outputs = {"sentences": {0: "readings", 1: "sentences"}, "passages": {0: "readings"}}
    named = tuple(name for name, _ in trained.model.named_parameters())
    own = {name: value for name, value in trained.model.named_parameters() if not name.startswith(BUNDLED_PREFIX)}
    with new_directory(folder) as place:
        export_graph(trained.model, inputs, outputs, place / GRAPH_FILE, named)
        with torch.no_grad():
            save_file(packed({name: value.float().numpy() for name, value in own.items()}), place / WEIGHTS_FILE)
        info = {"fingerprint": fingerprint(place), "bundled_fingerprint": weights_fingerprint(bundled_folder())}
        write_json(place / INFO_FILE, info | {"figures": trained.figures})
        write_text(place / CARD_FILE, _card(trained.figures))


def _card(figures: dict[str, Any]) -> str:
    measures = "\n".join(f"| {label} | {figures[name]} |" for name, label in MEASURES.items())
    options = "\n".join(f"| {name} | {value} |" for name, value in figures["options"].items())
    return f"""# The reader

{INTRODUCTION.format(parameters=figures["parameters"])}

## Data

Written for it: {figures["passages"]:,} passages and product sheets of {figures["shops"]} invented shops with
{figures["answered"]:,} questions that they answer and {figures["unanswered"]:,} near misses that they do not, in
`shopllm_rasa/generation/reader/training/data`. A question is also shown beside other passages of its shop. No real
shop's pages and no customer's questions are among them. {len(figures["held_out_shops"])} shops
({", ".join(figures["held_out_shops"])}) were kept out to decide when to stop.

## Figures on the shops kept out ({figures["validation_questions"]:,} questions)

| measure | value |
| --- | --- |
{measures}

## Options

| option | value |
| --- | --- |
{options}

{LIMITS}"""
