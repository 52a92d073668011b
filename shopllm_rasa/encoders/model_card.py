"""The model card: what a bot builder should know of a trained classifier.

In the sense of Mitchell et al. 2019, Model Cards for Model Reporting, https://arxiv.org/abs/1810.03993.
"""

import platform
import statistics
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

from shopllm_rasa.encoders.calibration import ReliabilityBin, expected_calibration_error, reliability
from shopllm_rasa.encoders.fine_tuning import Example
from shopllm_rasa.encoders.intent_model import ENCODER_FOLDER, Description
from shopllm_rasa.encoders.out_of_fold import OutOfFold
from shopllm_rasa.encoders.sentence_encoder import EncoderInfo, SentenceEncoder
from shopllm_rasa.storage import write_json, write_text

CARD_FILE = "model_card.md"
FIGURES_FILE = "model_card.json"
DIAGRAM_FILE = "reliability.svg"
THRESHOLD = 0.5
_FEW_EXAMPLES = 8
_MAX_LISTED = 20
_CONFUSED_SHARE = 0.1
_LATENCY_TEXTS = 30
_PACKAGES = ("shopllm-rasa", "torch", "transformers", "sentence-transformers", "onnxruntime", "tokenizers", "numpy")


@dataclass(frozen=True)
class CardData:
    """What the card is made from."""

    description: Description
    encoder: EncoderInfo
    examples: Sequence[Example]
    opinions: Mapping[str, int]
    out_of_fold: OutOfFold | None
    device: str


def write_model_card(folder: Path, data: CardData) -> None:
    """Writes the card as Markdown for people and JSON for programs, and the reliability diagram."""
    figures = card_figures(folder, data)
    write_json(folder / FIGURES_FILE, figures)
    if data.out_of_fold is not None:
        bins = reliability(data.out_of_fold.confidence, data.out_of_fold.is_right)
        write_text(folder / DIAGRAM_FILE, reliability_svg(bins))
    write_text(folder / CARD_FILE, _markdown(figures))


def warnings_of(card: str) -> list[str]:
    """The warnings in a card's Markdown."""
    section = card.partition("## Warnings\n")[2].partition("\n## ")[0]
    return [line.removeprefix("- ") for line in section.splitlines() if line.startswith("- ")]


def package_versions(packages: Sequence[str]) -> dict[str, str | None]:
    """The installed versions, None for what is not installed, and Python's own."""
    return {name: _version(name) for name in packages} | {"python": platform.python_version()}


def trained_at() -> str:
    """Now, as cards write it."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def card_figures(folder: Path, data: CardData) -> dict[str, Any]:
    """All that the card says, ready for JSON."""
    counts = Counter(str(example.intent) for example in data.examples)
    moods = Counter(example.sentiment for example in data.examples if example.sentiment)
    figures: dict[str, Any] = {
        "figures": dict(data.description.figures),
        "encoder": {
            name: value
            for name, value in asdict(data.encoder).items()
            if name not in ("format_version", "pad_token_id")
        },
        "examples_per_intent": dict(sorted(counts.items(), key=lambda item: (-item[1], item[0]))),
        "sentiment_examples": {"nlu": dict(moods), "reviews": dict(data.opinions)},
        "milliseconds_per_message": _milliseconds(folder, data.examples),
        "versions": package_versions(_PACKAGES),
        "trained_on": data.device,
        "trained_at": trained_at(),
        "warnings": _data_warnings(counts, moods, data.opinions),
    }
    if data.out_of_fold is None:
        figures["warnings"].append("There were too few examples to hold any out: the confidence is not calibrated.")
        return figures
    found = data.out_of_fold
    bins = reliability(found.confidence, found.is_right)
    figures["calibration"] = {
        "held_out_examples": len(found.rows),
        "accuracy": _round(found.is_right.mean()),
        "expected_calibration_error": _round(expected_calibration_error(bins)),
        "bins": [asdict(item) for item in bins],
        "kept_of_known": _share(found.confidence >= THRESHOLD),
        "right_of_kept": _share(found.is_right[found.confidence >= THRESHOLD]),
        "declined_of_left_out_intents": _share(found.near_confidence < THRESHOLD),
        "declined_of_other_subjects": _share(found.far_confidence < THRESHOLD),
    }
    figures["accuracy_per_intent"] = _per_intent(data, found)
    figures["confused_intents"] = confused_intents(data, found)
    figures["suspects"] = suspects(data, found)
    figures["warnings"] += _score_warnings(figures)
    return figures


def confused_intents(data: CardData, found: OutOfFold) -> list[dict[str, Any]]:
    """Pairs of intents of which at least a tenth of the one's held-out examples were taken for the other."""
    intents = data.description.intents
    labels = [str(data.examples[row].intent) for row in found.rows]
    totals = Counter(labels)
    guesses = [intents[column] for column in found.probabilities.argmax(axis=1)]
    taken = Counter((label, guess) for label, guess in zip(labels, guesses, strict=True) if label != guess)
    pairs = [
        {"intent": label, "taken_for": guess, "examples": count, "of": totals[label]}
        for (label, guess), count in taken.most_common()
        if count >= 2 and count / totals[label] >= _CONFUSED_SHARE
    ]
    return pairs[:_MAX_LISTED]


def suspects(data: CardData, found: OutOfFold) -> list[dict[str, Any]]:
    """Examples that look mislabelled.

    Confident learning (Northcutt et al. 2021, https://arxiv.org/abs/1911.00068): an example is a suspect where the
    probability of another intent is at least as high as is usual for examples that bear that intent.
    """
    intents = data.description.intents
    labels = np.array([intents.index(str(data.examples[row].intent)) for row in found.rows])
    usual = np.array(
        [
            found.probabilities[labels == column, column].mean() if (labels == column).any() else 1.0
            for column in range(len(intents))
        ]
    )
    guesses = found.probabilities.argmax(axis=1)
    places = np.arange(len(labels))
    chosen = (guesses != labels) & (found.probabilities[places, guesses] >= usual[guesses])
    margin = found.probabilities[places, guesses] - found.probabilities[places, labels]
    order = [place for place in np.argsort(-margin) if chosen[place]]
    return [
        {
            "text": data.examples[found.rows[place]].text,
            "intent": intents[labels[place]],
            "looks_like": intents[guesses[place]],
            "probability": _round(found.probabilities[place, guesses[place]]),
        }
        for place in order[:_MAX_LISTED]
    ]


def reliability_svg(bins: Sequence[ReliabilityBin], size: int = 320) -> str:
    """The reliability diagram: accuracy over confidence; on the diagonal a confidence says what it means."""
    margin = 40

    def at(value: float) -> float:
        return margin + value * size

    bars = "".join(
        f'<rect x="{at(item.low):.1f}" y="{at(1 - item.accuracy):.1f}" width="{size / 10 - 2:.1f}" '
        f'height="{item.accuracy * size:.1f}" fill="#3b6ea5"><title>{item.count} messages: confidence '
        f"{item.confidence:.2f}, right {item.accuracy:.2f}</title></rect>"
        for item in bins
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size + 2 * margin} {size + 2 * margin}" '
        f'font-family="sans-serif" font-size="12">{bars}'
        f'<path d="M{at(0)} {at(1)}L{at(1)} {at(0)}" stroke="#999" stroke-dasharray="4"/>'
        f'<path d="M{at(0)} {at(0)}V{at(1)}H{at(1)}" fill="none" stroke="#333"/>'
        f'<text x="{at(0.5)}" y="{at(1) + 30}" text-anchor="middle">confidence, 0 to 1</text>'
        f'<text transform="translate({margin - 16} {at(0.5)}) rotate(-90)" text-anchor="middle">'
        "share right</text></svg>\n"
    )


def _per_intent(data: CardData, found: OutOfFold) -> dict[str, float]:
    hits: dict[str, list[bool]] = {}
    for row, right in zip(found.rows, found.is_right, strict=True):
        hits.setdefault(str(data.examples[row].intent), []).append(bool(right))
    return {intent: _round(statistics.mean(values)) for intent, values in sorted(hits.items())}


def _data_warnings(counts: Mapping[str, int], moods: Mapping[str, int], opinions: Mapping[str, int]) -> list[str]:
    warnings = [
        f"'{intent}' has {'one example' if count == 1 else f'{count} examples'}; give it {_FEW_EXAMPLES} or more."
        for intent, count in sorted(counts.items())
        if count < _FEW_EXAMPLES
    ]
    largest, smallest = max(counts.values()), min(counts.values())
    if largest > 20 * smallest:
        warnings.append(f"The largest intent has {largest} examples, the smallest {smallest}: rare ones may be missed.")
    missing = [name for name in ("negative", "neutral", "positive") if not moods.get(name) and not opinions.get(name)]
    if missing:
        warnings.append(f"No example is labelled {' or '.join(missing)}: that sentiment is never recognised.")
    return warnings


def _score_warnings(figures: Mapping[str, Any]) -> list[str]:
    warnings = [
        f"'{pair['intent']}' is taken for '{pair['taken_for']}' in {pair['examples']} of {pair['of']} held-out "
        "examples: join the two, or give examples that show the difference."
        for pair in figures["confused_intents"]
    ]
    if figures["suspects"]:
        count = len(figures["suspects"])
        who = "1 example looks mislabelled; it is" if count == 1 else f"{count} examples look mislabelled; they are"
        warnings.append(f"{who} listed below.")
    return warnings


def _milliseconds(folder: Path, examples: Sequence[Example]) -> float:
    """The median time of the encoder for one message."""
    encoder = SentenceEncoder.open(folder / ENCODER_FOLDER)
    times = []
    for example in examples[:: max(1, len(examples) // _LATENCY_TEXTS)][:_LATENCY_TEXTS]:
        started = time.perf_counter()
        encoder.encode([example.text])
        times.append((time.perf_counter() - started) * 1_000)
    return round(statistics.median(times), 2)


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _round(value: float) -> float:
    return round(float(value), 4)


def _share(values: np.ndarray) -> float | None:
    return _round(values.mean()) if len(values) else None


def _markdown(figures: Mapping[str, Any]) -> str:
    trained = figures["figures"]
    encoder = figures["encoder"]
    lines = [
        "# Model card: intent and sentiment",
        "",
        f"Trained {figures['trained_at']} on {trained['training_examples']} examples of {trained['intents']} intents "
        f"in {trained['training_seconds']} s ({figures['trained_on']}).",
        f"Encoder '{encoder['model']}', {encoder['dimensions']} dimensions, {encoder['max_length']} tokens at most, "
        f"served as {encoder['precision']}; {figures['milliseconds_per_message']} ms for a message.",
        "",
        "## Warnings",
        "",
        *([f"- {text}" for text in figures["warnings"]] or ["None."]),
        "",
    ]
    if "calibration" in figures:
        lines += _calibration_section(figures["calibration"])
    lines += _intent_section(figures)
    if figures.get("suspects"):
        lines += ["## Examples that look mislabelled", "", "| example | label | looks like |", "|---|---|---|"]
        lines += [
            f"| {_cell(item['text'])} | {item['intent']} | {item['looks_like']} |" for item in figures["suspects"]
        ]
        lines.append("")
    moods = figures["sentiment_examples"]
    lines += [
        "## Sentiment",
        "",
        f"Labels in the NLU data: {_counts(moods['nlu'])}. In review files: {_counts(moods['reviews'])}.",
    ]
    if "validation_sentiment_accuracy" in trained:
        lines.append(f"Accuracy on held-out reviews: {trained['validation_sentiment_accuracy']:.3f}.")
    versions = ", ".join(f"{name} {number}" for name, number in figures["versions"].items() if number)
    return "\n".join([*lines, "", "## Versions", "", versions, ""])


def _calibration_section(found: Mapping[str, Any]) -> list[str]:
    rows = [
        f"| {item['low']:.1f} to {item['low'] + 0.1:.1f} | {item['count']} | {item['confidence']:.2f} "
        f"| {item['accuracy']:.2f} |"
        for item in found["bins"]
    ]
    declined = [
        f"- of messages of {kind} {found[key]:.1%} are declined;"
        for kind, key in (
            ("intents it was not shown", "declined_of_left_out_intents"),
            ("quite other subjects", "declined_of_other_subjects"),
        )
        if found[key] is not None
    ]
    kept = f"{found['right_of_kept']:.1%} of these are right" if found["right_of_kept"] is not None else "none is right"
    return [
        "## Can the confidence be trusted?",
        "",
        f"{found['held_out_examples']} examples were classified by trainings that had not seen them, with a "
        f"confidence fitted without them: {found['accuracy']:.1%} right, "
        f"expected calibration error {found['expected_calibration_error']:.3f}.",
        f"At the threshold {THRESHOLD}:",
        "",
        *declined,
        f"- of known messages {found['kept_of_known']:.1%} are kept, and {kept}.",
        "",
        f"![Reliability diagram]({DIAGRAM_FILE})",
        "",
        "| confidence | messages | mean confidence | right |",
        "|---|---:|---:|---:|",
        *rows,
        "",
    ]


def _intent_section(figures: Mapping[str, Any]) -> list[str]:
    accuracies = figures.get("accuracy_per_intent", {})
    rows = [
        f"| {intent} | {count} | {f'{accuracies[intent]:.2f}' if intent in accuracies else '-'} |"
        for intent, count in figures["examples_per_intent"].items()
    ]
    return ["## Intents", "", "| intent | examples | recognised when held out |", "|---|---:|---:|", *rows, ""]


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in sorted(counts.items())) or "none"
