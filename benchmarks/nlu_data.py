"""The public data sets of `nlu.py`, and what is drawn from them."""

import csv
import random
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

# A text and its label.
Labelled = tuple[str, str]

OUT_OF_SCOPE = "NO_NODES_DETECTED"
FALLBACK = "nlu_fallback"
# From Latin to emoji; a message of them is strange to every tokenizer.
_STRANGE = [*range(0x21, 0x7F), *range(0xA1, 0x250), *range(0x370, 0x530), *range(0x590, 0x780), *range(0x900, 0xDF0)]
_STRANGE += [*range(0x3040, 0x3100), *range(0x4E00, 0x9FA6, 7), *range(0xAC00, 0xD7A4, 7), *range(0x1F300, 0x1F650)]


def sofmattress(shared: Path, split: str) -> list[Labelled]:
    return _read_csv(shared / "benchmarks/hint3_sofmattress" / f"{split}.csv", "sentence", "label")


def bitext(shared: Path, split: str) -> list[Labelled]:
    return _read_csv(shared / "benchmarks/bitext_support" / f"{split}.csv", "utterance", "intent")


def amazon_cells(shared: Path) -> list[Labelled]:
    """Sentences of product reviews with `positive` or `negative`."""
    path = shared / "benchmarks/amazon_cells_sentiment/sentences.tsv"
    lines = path.read_text(encoding="utf-8").splitlines()[1:]
    # Quotation marks are part of the sentences, so this is no case for the csv module.
    pairs = [line.rsplit("\t", 1) for line in lines if line]
    return [(text.strip(), "positive" if label == "1" else "negative") for text, label in pairs]


def published_peers(shared: Path) -> list[dict[str, Any]]:
    """Each published system at its best threshold by MCC, best system first."""
    path = shared / "benchmarks/hint3_sofmattress/published_peers.csv"
    best: dict[str, dict[str, Any]] = {}
    with path.open(encoding="utf-8", newline="") as file:
        for line in csv.DictReader(file):
            row = {key: value if key == "system" else float(value) for key, value in line.items()}
            if row["system"] not in best or row["mcc"] > best[row["system"]]["mcc"]:
                best[row["system"]] = row
    return sorted(best.values(), key=lambda row: -row["mcc"])


def few_shot(rows: Iterable[Labelled], per_label: int, seed: int) -> list[Labelled]:
    """Draws some rows of each label."""
    groups: dict[str, list[Labelled]] = defaultdict(list)
    for row in rows:
        groups[row[1]].append(row)
    draw = random.Random(seed)
    return [row for _, group in sorted(groups.items()) for row in draw.sample(group, per_label)]


def repeated(train: Iterable[Labelled], test: Iterable[Labelled], normalise: bool) -> int:
    """Test messages that stand in the training data too.

    Args:
        train: the training data.
        test: the test data.
        normalise: whether capitals and spaces do not matter.
    """

    def key(text: str) -> str:
        return " ".join(text.casefold().split()) if normalise else text

    known = {key(text) for text, _ in train}
    return sum(key(text) in known for text, _ in test)


def varied_messages(texts: Sequence[str], count: int, seed: int = 7) -> Iterator[str]:
    """Messages that hardly repeat: shuffled words of real ones, with numbers; one in ten is random Unicode."""
    draw = random.Random(seed)
    for number in range(count):
        if number % 10 == 9:
            yield "".join(chr(draw.choice(_STRANGE)) for _ in range(draw.randint(1, 60))).lstrip("/") or "?"
            continue
        words = draw.choice(texts).split()
        draw.shuffle(words)
        yield " ".join([*words, str(draw.randint(0, 99_999))]).lstrip("/")


def _read_csv(path: Path, text: str, label: str) -> list[Labelled]:
    with path.open(encoding="utf-8", newline="") as file:
        # Rasa strips its examples and its users' messages as well.
        return [(row[text].strip(), row[label]) for row in csv.DictReader(file)]
