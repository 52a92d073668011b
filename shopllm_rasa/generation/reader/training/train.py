"""Trains the reader: `python -m shopllm_rasa.generation.reader.training.train`."""

import argparse
import json
import random
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits
from tqdm import tqdm

from shopllm_rasa.encoders.bundled import bundled_folder
from shopllm_rasa.encoders.training_command import read_command
from shopllm_rasa.encoders.training_steps import half_precision, warm_up_and_decay
from shopllm_rasa.generation.reader.layout import Layout, Reading
from shopllm_rasa.generation.reader.training.examples import (
    DATA,
    Page,
    Pair,
    make_pairs,
    page_text,
    read_pages,
    split_shops,
    typed,
)
from shopllm_rasa.generation.reader.training.model import ReaderModel, tensors


@dataclass(frozen=True)
class TrainingOptions:
    """How the reader is trained.

    Attributes:
        seed: of all chance.
        epochs: passes over the pairs.
        others: other passages of the shop that an answered question is shown beside, in each pass other ones.
        frozen_layers: lowest layers that stay as they are.
        batch: pairs in a step.
        learning_rate: of the layers.
        head_rate: of the two heads.
        warm_up: share of the steps in which the rates rise.
        held_out: share of the shops that are kept out to decide when to stop.
        evaluate_every: steps between two validations.
        threads: CPU threads.
    """

    seed: int = 7
    epochs: int = 2
    others: int = 1
    frozen_layers: int = 1
    batch: int = 32
    learning_rate: float = 1e-4
    head_rate: float = 1e-3
    warm_up: float = 0.06
    held_out: float = 0.1
    evaluate_every: int = 400
    threads: int = 2


@dataclass(frozen=True)
class Trained:
    """The trained model at its best validation, and figures for its card."""

    model: ReaderModel
    figures: dict[str, Any]


@dataclass(frozen=True)
class _Row:
    question: str
    reading: Reading
    labels: tuple[float, ...]


def train(options: TrainingOptions, data: Path = DATA) -> Trained:
    """Trains from the bundled encoder on the passages in this package."""
    started = time.perf_counter()
    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    rng = random.Random(options.seed)  # noqa: S311 - no secret
    pages = read_pages(data)
    training, held = split_shops(pages, options.held_out, options.seed)
    layout = Layout(bundled_folder() / "tokenizer.json")
    vectors = _vectors(pages)
    model = ReaderModel(bundled_folder(), options.frozen_layers)
    validation = _rows(make_pairs(held, vectors, 3, rng, unanswered_too=True), layout)
    rounds = [_rows(make_pairs(training, vectors, options.others, rng), layout, rng) for _ in range(options.epochs)]
    questions = [(question, rows) for page in pages for question, rows in page.questions]
    figures: dict[str, Any] = {
        "options": asdict(options),
        "shops": len({page.shop for page in pages}),
        "passages": len(pages),
        "answered": sum(bool(rows) for _, rows in questions),
        "unanswered": sum(not rows for _, rows in questions),
        "held_out_shops": sorted({page.shop for page in held}),
        "validation_questions": len({row.question for row in validation}),
        "pairs": sum(map(len, rounds)),
        "parameters": sum(item.numel() for item in model.parameters() if item.requires_grad),
    }
    figures |= _fit(model, rounds, validation, options, rng)
    figures["minutes"] = round((time.perf_counter() - started) / 60, 1)
    return Trained(model.eval(), figures)


def _vectors(pages: Sequence[Page]) -> dict[str, np.ndarray]:
    """For the choice of other passages: vectors of the questions and of the passages."""
    from sentence_transformers import SentenceTransformer

    texts = list({*map(page_text, pages), *(question for page in pages for question, _ in page.questions)})
    encoder = SentenceTransformer(str(bundled_folder()), device="cpu")
    encoder.max_seq_length = 128
    return dict(zip(texts, encoder.encode(texts, batch_size=64, show_progress_bar=True), strict=True))


def _rows(pairs: Sequence[Pair], layout: Layout, rng: random.Random | None = None) -> list[_Row]:
    """Pairs as the model reads them; with `rng` as they may be typed."""
    rows = []
    for pair in pairs:
        first = 0
        question = typed(pair.question, rng) if rng else pair.question
        for reading in layout.readings(question, pair.page.heading, pair.page.sentences):
            labels = tuple(float(first + row in pair.rows) for row in range(len(reading.sentences)))
            rows.append(_Row(pair.question, reading, labels))
            first += len(labels)
    return rows


def _batches(rows: Sequence[_Row], size: int, rng: random.Random) -> list[list[_Row]]:
    """Rows of like length together, in mixed order."""
    order = sorted(rows, key=lambda row: len(row.reading.ids) + rng.random() * 8)
    batches = [order[start : start + size] for start in range(0, len(order), size)]
    rng.shuffle(batches)
    return batches


def _loss(scores: tuple[Tensor, Tensor], batch: Sequence[_Row]) -> Tensor:
    """Binary cross-entropy of the sentences and of the passages, added.

    A passage's sentences together weigh as the root of their number.
    """
    sentences, passages = (values.float() for values in scores)
    wanted, weights = torch.zeros_like(sentences), torch.zeros_like(sentences)
    for number, row in enumerate(batch):
        size = len(row.labels)
        wanted[number, :size] = torch.tensor(row.labels)
        weights[number, :size] = 1 / len(batch) / size**0.5
    answered = torch.tensor([max(row.labels) for row in batch])
    of_sentences = binary_cross_entropy_with_logits(sentences, wanted, weights, reduction="sum")
    return of_sentences + binary_cross_entropy_with_logits(passages, answered)


def _fit(
    model: ReaderModel,
    rounds: Sequence[Sequence[_Row]],
    validation: Sequence[_Row],
    options: TrainingOptions,
    rng: random.Random,
) -> dict[str, Any]:
    heads = [*model.sentence.parameters(), *model.passage.parameters(), *model.from_best.parameters()]
    known = {id(item) for item in heads}
    layers = [item for item in model.parameters() if item.requires_grad and id(item) not in known]
    optimizer = torch.optim.AdamW(
        [{"params": layers, "lr": options.learning_rate}, {"params": heads, "lr": options.head_rate}],
        weight_decay=0.01,
    )
    batches = [batch for rows in rounds for batch in _batches(rows, options.batch, rng)]
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: warm_up_and_decay(step, len(batches), options.warm_up, least=0.02)
    )
    best: dict[str, Any] = {"validation_loss": float("inf")}
    weights: dict[str, Tensor] = {}
    running = 0.0
    bar = tqdm(batches, desc="training", unit="step")
    for step, batch in enumerate(bar, 1):
        model.train()
        with torch.autocast("cpu", torch.bfloat16, enabled=half_precision("cpu")):
            scores = model(*tensors([row.reading for row in batch]))
        loss = _loss(scores, batch)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(layers, 1.0)
        optimizer.step()
        schedule.step()
        running = loss.item() if step == 1 else 0.98 * running + 0.02 * loss.item()
        if step % 20 == 0:
            bar.set_postfix(loss=f"{running:.3f}")
        if step % options.evaluate_every == 0 or step == len(batches):
            found = evaluate(model, validation)
            bar.write(f"step {step}: training loss {running:.3f}, held-out shops {json.dumps(found)}")
            if found["validation_loss"] < best["validation_loss"]:
                best = found | {"steps": step}
                weights = {name: value.clone() for name, value in model.state_dict().items()}
    model.load_state_dict(weights)
    return best


@torch.no_grad()
def evaluate(model: ReaderModel, rows: Sequence[_Row], size: int = 64) -> dict[str, float]:
    """Loss, and of each question: whether the best of all sentences is right, and how well support tells them apart."""
    model.eval()
    losses, order = [], sorted(rows, key=lambda row: len(row.reading.ids))
    by_question: dict[str, list[tuple[float, float]]] = defaultdict(list)
    support: dict[str, float] = {}
    for start in range(0, len(order), size):
        part = order[start : start + size]
        with torch.autocast("cpu", torch.bfloat16, enabled=half_precision("cpu")):
            scores = model(*tensors([row.reading for row in part]))
        losses.append(float(_loss(scores, part)) * len(part))
        for row, sentences, passage in zip(part, *scores, strict=True):
            found = sentences[: len(row.labels)].tolist()
            by_question[row.question] += zip(found, row.labels, strict=True)
            support[row.question] = max(support.get(row.question, -99.0), float(passage))
    answered = {question: any(label for _, label in items) for question, items in by_question.items()}
    first = [max(items)[1] for question, items in by_question.items() if answered[question]]
    yes = np.array([support[question] for question in by_question if answered[question]])
    no = np.array([support[question] for question in by_question if not answered[question]])
    limit = float(np.quantile(yes, 0.05))
    return {
        "validation_loss": round(sum(losses) / len(rows), 4),
        "right_sentence_first": round(float(np.mean(first)), 4),
        "area_under_curve": round(float((yes[:, None] > no[None]).mean()), 4),
        "unanswered_declined_at_5_percent": round(float((no < limit).mean()), 4),
    }


def main() -> None:
    """Trains, exports and writes the model card."""
    parser = argparse.ArgumentParser(description="Trains the reader.")
    parser.add_argument("--data", type=Path, default=DATA, help="folder of passages and questions (JSON Lines)")
    options, out, others = read_command(parser, TrainingOptions())
    trained = train(options, others["data"])
    from shopllm_rasa.generation.reader.training.export import write_model  # it imports this module

    write_model(trained, out)
    print(f"The reader is in {out}.")


if __name__ == "__main__":
    main()
