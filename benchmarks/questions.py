"""The question sets of the generation benchmarks, and when a reply counts as containing a required fact.

A line of `data/demo_questions.jsonl` or `data/electronics_questions.jsonl` is an object with

- `question`, `kind`, `split` (`dev` may be used for tuning; `test` is only measured)
- `answerable`: whether the shop's data answer it
- `source`: the page that does, or several; null for products and where nothing does
- `products`: the names of the products that do
- `about`: `pages` or `products`
- `facts`: what a right answer must contain; a list in the list holds alternatives
- `history`: the turns before it, as `{"customer": ..., "bot": ...}`
- `also_right`: for an unanswerable question, facts whose mention is as right as declining: the full list of what is
  offered, from which the customer sees that what was asked for is not
"""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

DATA = Path(__file__).parent / "data"
SETS = ("demo", "electronics")
SPLITS = ("dev", "test")

_NUMBER_WORDS = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
)  # fmt: skip
_UNITS = "day|hour|week|month|year|minute|attempt|point|item|card|device|time|night"


@dataclass(frozen=True)
class Exchange:
    """A turn before the question: what the customer wrote and the bot replied."""

    customer: str
    bot: str


@dataclass(frozen=True)
class Question:
    """One labelled question; see the module's text for the fields."""

    text: str
    kind: str
    split: str
    answerable: bool
    about: str
    sources: tuple[str, ...]
    products: tuple[str, ...]
    facts: tuple[tuple[str, ...], ...]
    also_right: tuple[tuple[str, ...], ...]
    history: tuple[Exchange, ...]

    @property
    def stands_alone(self) -> bool:
        """Whether it can be understood without the turns before it."""
        return not self.history


def read_questions(name: str) -> list[Question]:
    """Reads a question set, `demo` or `electronics`."""
    lines = (DATA / f"{name}_questions.jsonl").read_text(encoding="utf-8").splitlines()
    return [_question(json.loads(line)) for line in lines]


def has_facts(text: str, facts: tuple[tuple[str, ...], ...]) -> bool:
    """Whether a reply contains every fact, each in one of its wordings."""
    plain = _plain(text)
    return all(any(_stands_in(wording, plain) for wording in wordings) for wordings in facts)


def _question(row: dict[str, Any]) -> Question:
    source = row["source"]
    return Question(
        text=row["question"],
        kind=row["kind"],
        split=row["split"],
        answerable=row["answerable"],
        about=row["about"],
        sources=tuple(source) if isinstance(source, list) else (source,) if source else (),
        products=tuple(row.get("products", ())),
        facts=_facts(row["facts"]),
        also_right=_facts(row.get("also_right", [])),
        history=tuple(Exchange(turn["customer"], turn["bot"]) for turn in row.get("history", ())),
    )


def _facts(values: list[Any]) -> tuple[tuple[str, ...], ...]:
    return tuple((value,) if isinstance(value, str) else tuple(value) for value in values)


def _stands_in(wording: str, plain: str) -> bool:
    """`5` does not stand in `50` or `4.5`."""
    return re.search(rf"(?<!\d)(?<!\d[.,]){re.escape(_plain(wording))}(?![.,]?\d)", plain) is not None


def _plain(text: str) -> str:
    """One spelling of what is the same: `129.00 EUR` and `€129`, `30-day` and `30 days`, `two` and `2`."""
    text = " ".join(text.casefold().replace("–", "-").replace("’", "'").split())
    text = re.sub(r"(\d+(?:[.,]\d+)*)\s*(?:eur|euros?)\b", r"€\1", text)
    text = re.sub(r"€\s+(?=\d)|\beur\s*(?=\d)", "€", text)
    text = re.sub(r"(?<=\d)\.00\b", "", text)
    text = re.sub(rf"\b({'|'.join(_NUMBER_WORDS)})\b", lambda word: str(_NUMBER_WORDS.index(word.group())), text)
    return re.sub(rf"(?<=\d)[ -]({_UNITS})s?\b", r" \1", re.sub(rf"\b({_UNITS})s\b", r"\1", text))
