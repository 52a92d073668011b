"""The reader's training examples: questions written for passages of invented shops."""

import json
import random
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

DATA = Path(__file__).with_name("data")
# Other passages of the same shop that a question is shown beside, none of which answers it.
_NEAR = 3
# How often a question is shown without capitals and question mark, and with a typo in a word of so many letters: how it
# is typed must not tell whether it is answered.
_CASUAL, _TYPO, _TYPO_LETTERS = 0.35, 0.15, 5


@dataclass(frozen=True)
class Page:
    """A passage of an invented shop and the questions written for it.

    Attributes:
        shop: whose it is.
        heading: as `Passage.source` names it.
        sentences: in their order.
        questions: each with the rows of the sentences that answer it; none where the shop does not answer it.
    """

    shop: str
    heading: str
    sentences: tuple[str, ...]
    questions: tuple[tuple[str, tuple[int, ...]], ...]


@dataclass(frozen=True)
class Pair:
    """A question beside a passage.

    Attributes:
        question: the customer's words.
        page: the passage.
        rows: of the sentences that answer; empty where none does.
    """

    question: str
    page: Page
    rows: tuple[int, ...]


def read_pages(folder: Path = DATA) -> list[Page]:
    """Reads all passages.

    Raises:
        ValueError: if a line is not as it has to be.
    """
    pages = []
    for file in sorted(folder.rglob("*.jsonl")):
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
            try:
                row = json.loads(line)
                sentences = tuple(row["sentences"])
                questions = [(text, tuple(rows)) for text, rows in row["answered"]]
                questions += [(text, ()) for text in row["unanswered"]]
                if any(not 0 <= place < len(sentences) for _, rows in questions for place in rows):
                    raise ValueError("a row of a sentence that is not there")
                heading = f"{row['page']} > {row['section']}" if row["section"] else row["page"]
            except (ValueError, KeyError, TypeError) as error:
                raise ValueError(f"{file}, line {number}: {error}") from None
            pages.append(Page(row["shop"], heading, sentences, tuple(dict(questions).items())))
    return pages


def split_shops(pages: Sequence[Page], share: float, seed: int) -> tuple[list[Page], list[Page]]:
    """Keeps out whole shops: pages to train on, pages to validate on."""
    shops = sorted({page.shop for page in pages})
    random.Random(seed).shuffle(shops)  # noqa: S311 - no secret
    held = set(shops[: round(len(shops) * share)])
    return [page for page in pages if page.shop not in held], [page for page in pages if page.shop in held]


def make_pairs(
    pages: Sequence[Page], vectors: dict[str, np.ndarray], others: int, rng: random.Random, unanswered_too: bool = False
) -> list[Pair]:
    """Each question beside its passage; an answered one also beside others of its shop that a search would find.

    Args:
        pages: the passages.
        vectors: of each question, and of each page's heading and sentences in one text (`page_text`).
        others: how many other passages.
        rng: chooses among the nearest others.
        unanswered_too: whether the same holds for the unanswered ones.
    """
    by_shop = defaultdict(list)
    for page in pages:
        by_shop[page.shop].append(page)
    pairs = []
    for shop in by_shop.values():
        matrix = np.stack([vectors[page_text(page)] for page in shop])
        for number, page in enumerate(shop):
            for question, rows in page.questions:
                pairs.append(Pair(question, page, rows))
                if not rows and not unanswered_too:
                    continue
                order = [row for row in np.argsort(-(matrix @ vectors[question])) if row != number]
                near = order[: _NEAR * others]
                pairs += [Pair(question, shop[row], ()) for row in rng.sample(near, min(others, len(near)))]
    return pairs


def typed(question: str, rng: random.Random) -> str:
    """As it may be typed: some without capitals and question mark, some with a typo."""
    if rng.random() < _CASUAL:
        question = question.lower().rstrip("?.! ")
    words = question.split(" ")
    long = [number for number, word in enumerate(words) if len(word) >= _TYPO_LETTERS and word.isalpha()]
    if long and rng.random() < _TYPO:
        number = rng.choice(long)
        word, at = words[number], rng.randrange(1, len(words[number]) - 2)
        swapped = word[:at] + word[at + 1] + word[at] + word[at + 2 :]
        words[number] = rng.choice((swapped, word[:at] + word[at + 1 :], word[:at] + word[at] + word[at:]))
    return " ".join(words)


def page_text(page: Page) -> str:
    """A passage in one text."""
    return f"{page.heading}: {' '.join(page.sentences)}"
