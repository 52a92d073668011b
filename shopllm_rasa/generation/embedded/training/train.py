"""Trains the embedded generator: `python -m shopllm_rasa.generation.embedded.training.train`."""

import argparse
import json
import random
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor
from tqdm import tqdm

from shopllm_rasa.encoders.bundled import bundled_folder
from shopllm_rasa.encoders.training_command import read_command
from shopllm_rasa.encoders.training_steps import half_precision, warm_up_and_decay
from shopllm_rasa.generation.embedded.pieces import PieceTable
from shopllm_rasa.generation.embedded.source import MAX_RANK
from shopllm_rasa.generation.embedded.training.examples import SENTIMENTS, Example, ExampleMaker
from shopllm_rasa.generation.embedded.training.features import Features
from shopllm_rasa.generation.embedded.training.grammar import read_topics
from shopllm_rasa.generation.embedded.training.model import BundledEncoder, Generator, Shape, load_bundled
from shopllm_rasa.generation.embedded.training.targets import Target, make_target, read_glue, source_of
from shopllm_rasa.generation.embedded.vocabulary import CONTROLS, END, Vocabulary

_PLAN_WEIGHT = 2.0


@dataclass(frozen=True)
class TrainingOptions:
    """How the generator is trained.

    Attributes:
        seed: of all chance.
        examples: training examples; each is drawn once and seen `epochs` times.
        validation_examples: examples of the topics that are kept out of training.
        pages: rendered pages of each topic.
        epochs: passes over the examples.
        batch: examples in a step.
        learning_rate: of the new parts.
        warm_rate: of the parts that begin as MiniLM's layers.
        warm_up: share of the steps in which the rates rise.
        evaluate_every: steps between two validations.
        patience: validations without progress before training stops.
        threads: CPU threads.
    """

    seed: int = 7
    examples: int = 20_000
    validation_examples: int = 400
    pages: int = 50
    epochs: int = 1
    batch: int = 32
    learning_rate: float = 5e-4
    warm_rate: float = 1e-4
    warm_up: float = 0.06
    evaluate_every: int = 100
    patience: int = 3
    threads: int = 1


@dataclass(frozen=True)
class Trained:
    """What training gives.

    Attributes:
        generator: the trained part, at its best validation.
        bundled: the frozen part.
        vocabulary: the closed list.
        figures: counts and measures for the model card.
    """

    generator: Generator
    bundled: BundledEncoder
    vocabulary: Vocabulary
    figures: dict[str, Any]


def train(options: TrainingOptions, shape: Shape | None = None) -> Trained:
    """Trains from the bundled encoder and the topics in this package."""
    shape = shape or Shape()
    started = time.perf_counter()
    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    topics = read_topics()
    vocabulary = Vocabulary(read_glue())
    pieces = PieceTable(bundled_folder() / "tokenizer.json")
    weights = load_file(bundled_folder() / "model.safetensors")
    bundled = BundledEncoder(shape).eval()
    generator = Generator(shape, len(vocabulary))
    load_bundled(bundled, generator, weights)
    features = Features(bundled, pieces)
    with torch.no_grad():
        for row, token in enumerate(vocabulary.tokens[len(CONTROLS) :], len(CONTROLS)):
            generator.listed.weight[row] = features.word(token)
        generator.listed.weight[: len(CONTROLS)].normal_(std=0.03)
    keep = frozenset(vocabulary.tokens)
    rng = random.Random(options.seed)  # noqa: S311 - no secret
    seen = ExampleMaker([item for item in topics if not item.held_out], rng, options.pages, keep)
    unseen = ExampleMaker([item for item in topics if item.held_out], rng, max(4, options.pages // 4), keep)
    examples = [seen.draw() for _ in range(options.examples)]
    held_out = [unseen.draw() for _ in range(options.validation_examples)]
    texts = [
        text
        for item in (*examples, *held_out)
        for text in (item.question, *(part for head, rest in item.passages for part in (head, *rest)))
    ]
    features.add(texts, "reading texts")
    train_set = _targets(examples, features, vocabulary)
    validation_set = _targets(held_out, features, vocabulary)
    figures: dict[str, Any] = {
        "options": asdict(options),
        "topics": len(topics),
        "held_out_topics": sorted(item.name for item in topics if item.held_out),
        "facts": sum(len(item.facts) for item in topics),
        "examples": len(train_set),
        "validation_examples": len(validation_set),
        "texts": len(set(texts)),
        "parameters": sum(item.numel() for item in generator.parameters()),
    }
    best = _fit(generator, train_set, validation_set, features, vocabulary, options)
    figures |= best | {"minutes": round((time.perf_counter() - started) / 60, 1)}
    return Trained(generator.eval(), bundled, vocabulary, figures)


def _targets(examples: Sequence[Example], features: Features, vocabulary: Vocabulary) -> list[Target]:
    """Those examples whose reply can be made of the list and the source."""
    targets = []
    for example in examples:
        scores = {
            (number, row): features.cosine(example.question, sentence)
            for number, (_, sentences) in enumerate(example.passages)
            for row, sentence in enumerate(sentences)
        }
        order = sorted(scores, key=lambda place: -scores[place])
        rank = {place: min(row, MAX_RANK) for row, place in enumerate(order, 1)}
        ranks = [
            [rank[number, row] for row in range(len(sentences))]
            for number, (_, sentences) in enumerate(example.passages)
        ]
        source, chosen = source_of(example, ranks)
        target = make_target(example, source, chosen, vocabulary, SENTIMENTS.index(example.sentiment))
        if target is not None:
            targets.append(target)
    return targets


def _fit(
    generator: Generator,
    train_set: Sequence[Target],
    validation_set: Sequence[Target],
    features: Features,
    vocabulary: Vocabulary,
    options: TrainingOptions,
) -> dict[str, Any]:
    rng = random.Random(options.seed + 1)  # noqa: S311 - no secret
    warm = [*generator.upper.parameters(), *generator.decoder.parameters()]
    known = {id(item) for item in warm}
    new = [item for item in generator.parameters() if id(item) not in known]
    optimizer = torch.optim.AdamW(
        [{"params": warm, "lr": options.warm_rate}, {"params": new, "lr": options.learning_rate}], weight_decay=0.01
    )
    batches = [batch for _ in range(options.epochs) for batch in _batches(train_set, options.batch, rng)]
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: warm_up_and_decay(step, len(batches), options.warm_up, least=0.02)
    )
    best: dict[str, Any] = {"validation_loss": float("inf")}
    weights: dict[str, Tensor] = {}
    waited = 0
    bar = tqdm(batches, desc="training", unit="step")
    running = 0.0
    for step, rows in enumerate(bar, 1):
        generator.train()
        batch = collate([train_set[row] for row in rows], features, vocabulary)
        with torch.autocast("cpu", torch.bfloat16, enabled=half_precision("cpu")):
            logarithms = generator(batch)
        loss = -(logarithms * batch["weights"]).sum() / batch["weights"].sum()
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(generator.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        running = loss.item() if step == 1 else 0.97 * running + 0.03 * loss.item()
        if step % 20 == 0:
            bar.set_postfix(loss=f"{running:.3f}")
        if step % options.evaluate_every == 0 or step == len(batches):
            found = evaluate(generator, validation_set, features, vocabulary, options.batch)
            bar.write(f"step {step}: training loss {running:.3f}, held-out topics {json.dumps(found)}")
            waited += 1
            if found["validation_loss"] < best["validation_loss"]:
                best = found | {"steps": step}
                weights = {name: value.clone() for name, value in generator.state_dict().items()}
                waited = 0
            if waited >= options.patience:
                break
    generator.load_state_dict(weights)
    return best


def _batches(targets: Sequence[Target], size: int, rng: random.Random) -> list[list[int]]:
    """Rows of like length together, so that little is padded, in mixed order."""
    order = sorted(range(len(targets)), key=lambda row: len(targets[row].source.keys) + rng.random() * 20)
    batches = [order[start : start + size] for start in range(0, len(order), size)]
    rng.shuffle(batches)
    return batches


def collate(targets: Sequence[Target], features: Features, vocabulary: Vocabulary) -> dict[str, Tensor]:
    """Pads targets into one batch; see `Generator.forward` for the names."""
    positions = max(len(item.source.keys) for item in targets)
    steps = max(len(item.numbers) for item in targets)
    width = features.word("").shape[0]
    count = len(targets)
    end = vocabulary.id_of(END)
    batch = {
        "states": torch.zeros(count, positions, width),
        "words": torch.zeros(count, positions, width),
        "labels": torch.zeros(count, positions, 4, dtype=torch.long),
        "similarity": torch.zeros(count, positions, 3),
        "mask": torch.zeros(count, positions),
        "extended": torch.full((count, positions), -1, dtype=torch.long),
        "wanted": torch.full((count, steps), end, dtype=torch.long),
        "weights": torch.zeros(count, steps),
        "previous_listed": torch.full((count, steps), end, dtype=torch.long),
        "previous_origins": torch.full((count, steps), -1, dtype=torch.long),
        "writable": torch.zeros(count, steps, len(vocabulary), dtype=torch.bool),
        "copyable": torch.zeros(count, steps, positions, dtype=torch.bool),
        "sentiment": torch.tensor([item.sentiment for item in targets]),
    }
    controls = torch.arange(len(vocabulary)) < len(CONTROLS) - 1
    for row, item in enumerate(targets):
        size, length, plan = len(item.source.keys), len(item.numbers), item.plan_steps
        batch["states"][row, :size] = features.states(item.source)
        batch["words"][row, :size] = features.words(item.source)
        batch["labels"][row, :size] = torch.from_numpy(item.source.labels)
        batch["similarity"][row, :size] = features.similarities(item.source)
        batch["mask"][row, :size] = 1
        batch["extended"][row, :size] = torch.from_numpy(item.extended)
        batch["wanted"][row, :length] = torch.from_numpy(item.numbers)
        batch["weights"][row, :length] = 1
        batch["weights"][row, :plan] = _PLAN_WEIGHT
        origins = torch.from_numpy(item.origins)
        listed = torch.where(origins >= 0, -1, torch.from_numpy(item.numbers))
        batch["previous_origins"][row, 1:length] = origins[:-1]
        batch["previous_listed"][row, 1:length] = listed[:-1]
        batch["writable"][row, :plan] = controls
        batch["writable"][row, plan:] = ~controls
        batch["copyable"][row, :plan, :size] = torch.from_numpy(item.plannable)
        batch["copyable"][row, plan:, :size] = torch.from_numpy(item.sources)
    return batch


@torch.no_grad()
def evaluate(
    generator: Generator, targets: Sequence[Target], features: Features, vocabulary: Vocabulary, size: int
) -> dict[str, float]:
    """Loss on targets, and how sure the right evidence and kind, and the right units, are (geometric means)."""
    generator.eval()
    plan: list[float] = []
    text: list[float] = []
    order = sorted(range(len(targets)), key=lambda row: len(targets[row].source.keys))
    for start in range(0, len(order), size):
        part = [targets[row] for row in order[start : start + size]]
        batch = collate(part, features, vocabulary)
        with torch.autocast("cpu", torch.bfloat16, enabled=half_precision("cpu")):
            logarithms = generator(batch)
        for row, item in enumerate(part):
            plan += [float(logarithms[row, : item.plan_steps].sum())]
            text += logarithms[row, item.plan_steps : len(item.numbers)].tolist()
    steps = len(text) + sum(item.plan_steps for item in targets)
    return {
        "validation_loss": round(-(sum(plan) + sum(text)) / steps, 4),
        "plan": round(float(np.exp(np.mean(plan))), 4),
        "plan_right": round(float(np.mean(np.array(plan) > np.log(0.5))), 4),
        "unit": round(float(np.exp(np.mean(text))), 4),
    }


def main() -> None:
    """Trains, exports and writes the model card."""
    options, out, _ = read_command(
        argparse.ArgumentParser(description="Trains the embedded generator."), TrainingOptions()
    )
    trained = train(options)
    from shopllm_rasa.generation.embedded.training.export import write_model  # it imports this module

    write_model(trained, out)
    print(f"The generator is in {out}.")


if __name__ == "__main__":
    main()
