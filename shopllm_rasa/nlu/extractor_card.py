"""The model card of `CatalogEntityExtractor`: what it knows, how well it finds it, and what to look at."""

import statistics
import time
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rasa.shared.nlu.constants import (
    ENTITIES,
    ENTITY_ATTRIBUTE_END,
    ENTITY_ATTRIBUTE_START,
    ENTITY_ATTRIBUTE_TYPE,
    TEXT,
)
from rasa.shared.nlu.training_data.message import Message

from shopllm_rasa.catalog.mentions import MentionFinder
from shopllm_rasa.catalog.vocabulary import Vocabulary, normal_words
from shopllm_rasa.encoders.model_card import CARD_FILE, FIGURES_FILE, package_versions, trained_at
from shopllm_rasa.storage import write_json, write_text

_KINDS = (
    "brand", "category", "attribute", "product", "price_min", "price_max", "size", "ordinal", "order_number", "email",
)  # fmt: skip
_MAX_LISTED = 20
_PACKAGES = ("shopllm-rasa", "rasa", "rapidfuzz", "numpy")


def write_extractor_card(folder: Path, words: Vocabulary, messages: Sequence[Message]) -> dict[str, Any]:
    """Writes the card as Markdown for people and JSON for programs.

    Args:
        folder: takes the files.
        words: the catalogue's names.
        messages: the NLU data; what is annotated there is what ought to be found.

    Returns:
        All that the card says.
    """
    finder = MentionFinder(words)
    times, scores = [], {kind: Counter[str]() for kind in _KINDS}
    for message in messages:
        text = message.get(TEXT) or ""
        started = time.perf_counter()
        found = {(item.kind, item.start, item.end) for item in finder.find(text)}
        times.append((time.perf_counter() - started) * 1_000)
        _count(scores, found, message.get(ENTITIES) or [])
    figures: dict[str, Any] = {
        "trained_at": trained_at(),
        "names": {
            "brand": len(words.brands),
            "category": len(words.categories),
            "product": len(words.products),
            "size": len(words.sizes),
            **{f"attribute {name}": len(values) for name, values in sorted(words.attributes.items())},
        },
        "messages": len(messages),
        "milliseconds_per_message": round(statistics.median(times), 3) if times else None,
        "scores": {kind: dict(counts) for kind, counts in scores.items() if counts},
        "versions": package_versions(_PACKAGES),
        "warnings": _warnings(words),
    }
    write_json(folder / FIGURES_FILE, figures)
    write_text(folder / CARD_FILE, _markdown(figures))
    return figures


def _count(
    scores: Mapping[str, Counter[str]], found: set[tuple[str, int, int]], annotated: Sequence[Mapping[str, Any]]
) -> None:
    """An annotation counts as found where something of its kind overlaps it."""
    left = set(found)
    for entity in annotated:
        kind = str(entity.get(ENTITY_ATTRIBUTE_TYPE))
        start, end = entity.get(ENTITY_ATTRIBUTE_START), entity.get(ENTITY_ATTRIBUTE_END)
        if kind not in scores or start is None or end is None:
            continue
        matches = {item for item in found if item[0] == kind and item[1] < end and start < item[2]}
        scores[kind]["annotated"] += 1
        scores[kind]["found"] += bool(matches)
        left -= matches
    for kind, _, _ in left:
        scores[kind]["not_annotated"] += 1


def _warnings(words: Vocabulary) -> list[str]:
    alike: dict[tuple[str, ...], list[str]] = defaultdict(list)
    # In the finder's order: of names that are alike the last one counts.
    for kind, names in (*words.attributes.items(), ("category", words.categories), ("brand", words.brands)):
        for name in names:
            alike[normal_words(name)].append(f"{kind} '{name}'")
    pairs = [names for names in alike.values() if len(names) > 1]
    repeated = [(name, count) for name, count in Counter(words.products.values()).most_common() if count > 1]
    return [
        *(f"Called alike: {', '.join(names)}. The last of them is found." for names in pairs[:_MAX_LISTED]),
        *(
            f"{count} products are called '{name}': none of them is found by its name."
            for name, count in repeated[:_MAX_LISTED]
        ),
        *(["The catalogue names no brand."] if not words.brands else []),
        *(["The catalogue names no category."] if not words.categories else []),
    ]


def _markdown(figures: Mapping[str, Any]) -> str:
    rows = [
        f"| {kind} | {score.get('annotated', 0)} | {score.get('found', 0)} | {score.get('not_annotated', 0)} |"
        for kind, score in figures["scores"].items()
    ]
    speed = figures["milliseconds_per_message"]
    timing = f" in {speed} ms each (median)" if speed is not None else ""
    return "\n".join(
        [
            "# Model card: entities of the catalogue",
            "",
            f"Made {figures['trained_at']}. Nothing is learnt: names are read from the catalogue and found again, with "
            "tolerance for case, number and typos.",
            "",
            "## Warnings",
            "",
            *([f"- {text}" for text in figures["warnings"]] or ["None."]),
            "",
            "## Names",
            "",
            "| kind | names |",
            "|---|---:|",
            *(f"| {kind} | {count} |" for kind, count in figures["names"].items()),
            "",
            "## Against the annotations of the NLU data",
            "",
            f"{figures['messages']} messages were read{timing}. What is annotated there ought to be found; what is "
            "found beside it may be a mistake, or an annotation that nobody made.",
            "",
            "| kind | annotated | found | found, not annotated |",
            "|---|---:|---:|---:|",
            *rows,
            "",
            "## Versions",
            "",
            ", ".join(f"{name} {number}" for name, number in figures["versions"].items() if number),
            "",
        ]
    )
