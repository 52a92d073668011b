"""Asks the question sets and compares the replies with what a right one holds."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from fact_check import product_texts, source_text, unsupported_facts
from questions import Question, has_facts, read_questions
from tqdm import tqdm

from shopllm_rasa.app import ShopApp
from shopllm_rasa.catalog import read_catalog
from shopllm_rasa.errors import IndexUnusableError
from shopllm_rasa.generation.backends import Exchange
from shopllm_rasa.retrieval import KnowledgeIndex, ProductIndex
from shopllm_rasa.retrieval.knowledge import read_knowledge
from shopllm_rasa.settings import Settings


@dataclass(frozen=True)
class Asked:
    """A question and what came back.

    Attributes:
        key: question and history, which together are unique.
        right: the required facts are there; for an unanswerable question: declined, or said what there is instead.
        unsupported: facts of the reply that the cited sources do not state.
        first_draft: what became of it: sent, refused, declined, failed, or none where nothing was retrieved.
        by: the backend whose text was sent.
        composed: whether that was the backend asked for.
        seconds: from question to reply.
    """

    key: str
    text: str
    history: str
    kind: str
    split: str
    answerable: bool
    answered: bool
    reply: str
    sources: tuple[str, ...]
    right: bool
    unsupported: tuple[str, ...]
    first_draft: str
    by: str
    composed: bool
    seconds: float


@dataclass
class Shop:
    """A shop that is asked."""

    app: ShopApp
    backend: str
    knowledge: Path
    products: dict[str, str]


def open_shop(catalog: Path, knowledge: Path | None, backend: str, folder: Path) -> Shop:
    """Opens a shop over an index that is built where there is none yet, or anew where the data are newer."""
    index = folder / "index"
    if not _is_current(index, [catalog, *(knowledge.glob("*") if knowledge else ())]):
        ProductIndex.build(read_catalog(catalog, on_error="skip"), index, progress=True)
        if knowledge:
            KnowledgeIndex.build(read_knowledge(knowledge), index, progress=True)
    file = folder / f"shopllm-{backend}.yml"
    values: dict[str, Any] = {
        "shop": {"name": "Juniper & Vale" if knowledge else "Volt"},
        "paths": {"catalog": str(catalog), "knowledge": str(knowledge) if knowledge else None, "index": str(index)},
        "generation": {"backend": backend},
    }
    file.write_text(yaml.safe_dump(values), encoding="utf-8")
    app = ShopApp(Settings.load(file))
    return Shop(
        app, backend, knowledge or Path("/nonexistent"), product_texts(catalog, app.products.products[0].currency)
    )


def _is_current(index: Path, inputs: list[Path]) -> bool:
    manifest = index / "manifest.json"
    if not manifest.is_file() or any(file.stat().st_mtime > manifest.stat().st_mtime for file in inputs):
        return False
    try:
        ProductIndex.open(index)
    except IndexUnusableError:  # of another version
        return False
    return True


def ask_all(name: str, shop: Shop, splits: Sequence[str]) -> list[Asked]:
    """Asks the questions of a set, one after the other."""
    shop.app.answerer.answer("Hello?")  # the first question loads the models
    rows = [row for row in read_questions(name) if row.split in splits]
    return [_asked(row, shop) for row in tqdm(rows, desc=f"{name}, {shop.backend}", unit="question")]


def _asked(row: Question, shop: Shop) -> Asked:
    history = tuple(Exchange(turn.customer, turn.bot) for turn in row.history)
    started = time.perf_counter()
    answer = shop.app.answerer.answer(row.text, history=history)
    seconds = time.perf_counter() - started
    cited = " ".join(source_text(each.path, each.title, shop.knowledge, shop.products) for each in answer.sources)
    before = " / ".join(f"{turn.customer} | {turn.bot}" for turn in row.history)
    if row.answerable:
        right = answer.answered and has_facts(answer.text, row.facts)
    else:
        right = not answer.answered or bool(row.also_right and has_facts(answer.text, row.also_right))
    return Asked(
        key=f"{row.text}\n{before}",
        text=row.text,
        history=before,
        kind=row.kind,
        split=row.split,
        answerable=row.answerable,
        answered=answer.answered,
        reply=answer.text,
        sources=tuple(each.place for each in answer.sources),
        right=right,
        unsupported=tuple(unsupported_facts(answer.text, cited, row.text)) if answer.text else (),
        first_draft=answer.attempts[0].outcome if answer.attempts else "none",
        by=answer.backend,
        composed=answer.backend == shop.backend,
        seconds=seconds,
    )
