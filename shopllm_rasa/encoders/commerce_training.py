"""Trains the commerce-tuned encoder: `python -m shopllm_rasa.encoders.commerce_training`."""

import argparse
import json
import random
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tqdm import tqdm

from shopllm_rasa.encoders.bundled import bundled_folder
from shopllm_rasa.encoders.commerce import write_difference
from shopllm_rasa.encoders.export import DEFAULT_MODEL, load_model
from shopllm_rasa.encoders.training_command import read_command
from shopllm_rasa.encoders.training_steps import half_precision, warm_up_and_decay

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

MESSAGES_FILE = Path(__file__).with_name("commerce_messages.jsonl")


@dataclass(frozen=True)
class Message:
    """What a customer might write; `shop` and `intent` are None for what is no shop's business."""

    shop: str | None
    intent: str | None
    text: str


@dataclass(frozen=True)
class CommerceOptions:
    """How the encoder is trained.

    Attributes:
        epochs: passes over the messages.
        per_intent: messages of each of a shop's intents in a step.
        strangers: messages out of scope in a step.
        learning_rate: at its highest.
        temperature: the cosines are divided by it.
        share: of the way from the bundled weights to the trained ones that is gone.
        seed: of all chance.
    """

    epochs: int = 8
    per_intent: int = 4
    strangers: int = 8
    learning_rate: float = 5e-5
    temperature: float = 0.07
    share: float = 0.5
    seed: int = 7


def read_messages(path: Path = MESSAGES_FILE) -> list[Message]:
    """The messages that come with the package."""
    return [Message(**json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines()]


def train_commerce(
    encoder: "SentenceTransformer", messages: Sequence[Message], options: CommerceOptions, progress: bool = True
) -> dict[str, Any]:
    """Draws messages of one intent together and apart from the shop's other intents.

    Supervised contrastive loss (Khosla et al. 2020, https://arxiv.org/abs/2004.11362). A step holds messages of one
    shop, for its intents are the ones that are hard to tell apart, and those of another may mean the same. A message
    out of scope is like no other.

    The trained weights' mean with the bundled ones keeps more of what the encoder knew (Wortsman et al. 2022,
    https://arxiv.org/abs/2109.01903).

    Args:
        encoder: is trained in place; its word vectors stay as they are.
        messages: to train on.
        options: how to train.
        progress: whether to show a progress bar on standard error.

    Returns:
        What is to be added to the weights of the Transformer's layers, by name, as tensors.
    """
    import torch

    torch.manual_seed(options.seed)
    layers = {name: item for name, item in encoder[0].auto_model.named_parameters() if name.startswith("encoder.layer")}
    for item in encoder.parameters():
        item.requires_grad_(False)
    for item in layers.values():
        item.requires_grad_(True)
    before = {name: item.detach().clone() for name, item in layers.items()}
    batches = list(_batches(messages, options))
    optimizer = torch.optim.AdamW(layers.values(), lr=options.learning_rate, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: warm_up_and_decay(step, len(batches)))
    encoder.train()
    with tqdm(batches, desc="training", disable=not progress, unit="step") as bar:
        for batch in bar:
            loss = _loss(encoder, batch, options.temperature)
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(layers.values(), 1.0)
            optimizer.step()
            schedule.step()
            bar.set_postfix(loss=f"{loss.item():.3f}")
    encoder.eval()
    return {name: options.share * (item.detach() - before[name]) for name, item in layers.items()}


def _batches(messages: Sequence[Message], options: CommerceOptions) -> Iterator[list[Message]]:
    """Of all epochs: some messages of each intent of a shop, and some strangers."""
    shuffler = random.Random(options.seed)  # noqa: S311 - no secret, and repeatable
    shops: dict[str, dict[str, list[Message]]] = defaultdict(lambda: defaultdict(list))
    strangers = []
    for message in messages:
        if message.shop is None or message.intent is None:
            strangers.append(message)
        else:
            shops[message.shop][message.intent].append(message)
    for _ in range(options.epochs):
        batches = []
        for intents in shops.values():
            shuffled = [shuffler.sample(group, len(group)) for group in intents.values()]
            for start in range(0, max(map(len, shuffled)), options.per_intent):
                batches.append([item for group in shuffled for item in group[start : start + options.per_intent]])
        shuffler.shuffle(batches)
        for batch in batches:
            yield batch + shuffler.sample(strangers, min(options.strangers, len(strangers)))


def _loss(encoder: "SentenceTransformer", batch: Sequence[Message], temperature: float) -> Any:
    """For each message that is not alone: the mean cross-entropy of finding those of its intent among all."""
    import torch
    from torch.nn.functional import normalize

    device = encoder.device
    features = encoder.preprocess([message.text for message in batch])
    features = {k: v.to(device) for k, v in features.items() if k in ("input_ids", "attention_mask")}
    with torch.autocast(device.type, dtype=torch.bfloat16, enabled=half_precision(device.type)):
        vectors = encoder(features)["sentence_embedding"]
    vectors = normalize(vectors.float(), dim=-1)
    itself = torch.eye(len(batch), dtype=torch.bool, device=device)
    logits = (vectors @ vectors.T / temperature).masked_fill(itself, -1e9)
    chances = logits.log_softmax(dim=1)
    same = torch.tensor([[a.intent is not None and a.intent == b.intent for b in batch] for a in batch], device=device)
    same &= ~itself
    counts = same.sum(dim=1)
    means = chances.masked_fill(~same, 0).sum(dim=1) / counts.clamp(min=1)
    return -means[counts > 0].mean()


def main() -> None:
    """Trains anew and writes the difference."""
    parser = argparse.ArgumentParser(description="Trains the commerce-tuned encoder.")
    options, out, _ = read_command(parser, CommerceOptions())
    difference = train_commerce(load_model(DEFAULT_MODEL), read_messages(), options)
    out.parent.mkdir(parents=True, exist_ok=True)
    write_difference({name: item.cpu().numpy() for name, item in difference.items()}, bundled_folder(), out)


if __name__ == "__main__":
    main()
