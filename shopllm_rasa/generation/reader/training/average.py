"""The mean of trained readers: `python -m shopllm_rasa.generation.reader.training.average ONE OTHER --out FOLDER`.

Trainings that began alike lie so close together that the mean of their weights is a reader too, and errs less than each
(Wortsman et al., "Model soups: averaging weights of multiple fine-tuned models", 2022).
"""

import argparse
import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from shopllm_rasa.encoders.training_command import check_new
from shopllm_rasa.generation.packed_weights import load_packed, packed
from shopllm_rasa.generation.reader.reader import GRAPH_FILE, INFO_FILE, WEIGHTS_FILE, fingerprint
from shopllm_rasa.generation.reader.training.export import CARD_FILE, INTRODUCTION, LIMITS, MEASURES
from shopllm_rasa.storage import new_directory, write_json, write_text


def write_mean(readers: Sequence[Path], folder: Path) -> None:
    """Writes a reader whose weights are the mean of those of others into a new folder.

    Args:
        readers: folders that `write_model` wrote.
        folder: the new one.

    Raises:
        ValueError: if the readers are not of one form.
        FileExistsError: if the folder exists.
    """
    from safetensors.numpy import save_file

    infos = [json.loads((reader / INFO_FILE).read_text(encoding="utf-8")) for reader in readers]
    forms = {
        ((reader / GRAPH_FILE).read_bytes(), info["bundled_fingerprint"])
        for reader, info in zip(readers, infos, strict=True)
    }
    if len(forms) > 1:
        raise ValueError(f"The readers in {', '.join(map(str, readers))} are not of one form.")
    weights = [load_packed(reader / WEIGHTS_FILE) for reader in readers]
    mean = {name: np.mean([each[name] for each in weights], axis=0) for name in weights[0]}
    figures = [info["figures"] for info in infos]
    with new_directory(folder) as place:
        shutil.copyfile(readers[0] / GRAPH_FILE, place / GRAPH_FILE)
        save_file(packed(mean), place / WEIGHTS_FILE)
        info = {"fingerprint": fingerprint(place), "bundled_fingerprint": infos[0]["bundled_fingerprint"]}
        write_json(place / INFO_FILE, info | {"figures": {"mean_of": figures}})
        write_text(place / CARD_FILE, _card(figures))


def _card(figures: Sequence[dict[str, Any]]) -> str:
    counts = {
        "passages": "passages and product sheets", "shops": "invented shops", "answered": "questions that they answer",
        "unanswered": "near misses", "validation_questions": "questions of the shops kept out",
    }  # fmt: skip
    rows = [(label, [each[name] for each in figures]) for name, label in (*counts.items(), *MEASURES.items())]
    rows += [(name, [each["options"][name] for each in figures]) for name in figures[0]["options"]]
    table = "\n".join(f"| {label} | {' | '.join(map(str, values))} |" for label, values in rows)
    heads = " | ".join(f"training {number}" for number in range(1, len(figures) + 1))
    return f"""# The reader

{INTRODUCTION.format(parameters=figures[0]["parameters"])}
Its weights are the mean of those of {len(figures)} trainings.

The data were written for it, in `shopllm_rasa/generation/reader/training/data`; no real shop's pages and no customer's
questions are among them. Each training kept other shops out to decide when to stop, and its figures are of those; the
mean has none of its own, since hardly a shop was kept out of all.

| | {heads} |
| --- |{" --- |" * len(figures)}
{table}

{LIMITS}"""


def main() -> None:
    """Averages readers."""
    parser = argparse.ArgumentParser(description="Writes the mean of trained readers.")
    parser.add_argument("readers", type=Path, nargs="+", help="folders of trained readers")
    parser.add_argument("--out", type=Path, required=True, help="where to write the mean")
    options = parser.parse_args()
    for folder in options.readers:
        if not (folder / INFO_FILE).is_file():
            parser.error(f"no reader in '{folder}': '{INFO_FILE}' is not there")
    check_new(parser, options.out)
    try:
        write_mean(options.readers, options.out)
    except ValueError as error:
        parser.error(str(error))
    print(f"The reader is in {options.out}.")


if __name__ == "__main__":
    main()
