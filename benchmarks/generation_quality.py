"""Asks the question sets and compares the replies with what a right one holds."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from fact_check import product_texts, source_text, unsupported_facts
from questions import Question, has_facts, read_questions
from tqdm import tqdm

from shopllm_rasa.app import ShopApp
from shopllm_rasa.catalog import read_catalog
from shopllm_rasa.generation.backends import Exchange
from shopllm_rasa.generation.guard import GroundingGuard, Verdict
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
        drafts: how many drafts the guard saw.
        first_draft_passed: whether the guard let the first one pass.
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
    drafts: int
    first_draft_passed: bool
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


@dataclass
class RecordingGuard:
    """Notes each verdict of the guard it stands for."""

    guard: GroundingGuard
    verdicts: list[Verdict] = field(default_factory=list)

    def check(self, text: str, evidence: Iterable[str]) -> Verdict:
        """See `GroundingGuard.check`."""
        self.verdicts.append(self.guard.check(text, evidence))
        return self.verdicts[-1]


def open_shop(catalog: Path, knowledge: Path | None, backend: str, folder: Path) -> Shop:
    """Opens a shop over an index that is built where there is none yet, or anew where the data are newer."""
    index = folder / "index"
    manifest = index / "manifest.json"
    inputs = [catalog, *(knowledge.glob("*") if knowledge else ())]
    if not manifest.is_file() or any(file.stat().st_mtime > manifest.stat().st_mtime for file in inputs):
        ProductIndex.build(list(read_catalog(catalog, bad_rows=[])), index, progress=True)
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
    return Shop(app, backend, knowledge or Path("/nonexistent"), product_texts(catalog))


def ask_all(name: str, shop: Shop) -> list[Asked]:
    """Asks every question of a set, one after the other."""
    recording = RecordingGuard(shop.app.guard)
    shop.app.__dict__["guard"] = recording  # a cached property: what is made from now on uses it
    ask = _asker(shop.app)
    ask(Question("Hello?", "", "", False, "pages", (), (), (), (), ()))  # the first question loads the models
    rows = read_questions(name)
    return [_asked(row, ask, shop, recording) for row in tqdm(rows, desc=f"{name}, {shop.backend}", unit="question")]


def _asker(app: ShopApp) -> Callable[[Question], Any]:
    def ask(row: Question) -> Any:
        history = tuple(Exchange(turn.customer, turn.bot) for turn in row.history)
        return app.answerer.answer(row.text, history=history)

    return ask


def _asked(row: Question, ask: Callable[[Question], Any], shop: Shop, guard: RecordingGuard) -> Asked:
    guard.verdicts.clear()
    started = time.perf_counter()
    answer = ask(row)
    seconds = time.perf_counter() - started
    reply = answer.text if answer.answered else ""
    cited = " ".join(source_text(each.path, each.title, shop.knowledge, shop.products) for each in answer.sources)
    history = " / ".join(f"{turn.customer} | {turn.bot}" for turn in row.history)
    if row.answerable:
        right = bool(reply) and has_facts(reply, row.facts)
    else:
        right = not reply or bool(row.also_right and has_facts(reply, row.also_right))
    return Asked(
        key=f"{row.text}\n{history}",
        text=row.text,
        history=history,
        kind=row.kind,
        split=row.split,
        answerable=row.answerable,
        answered=bool(reply),
        reply=reply,
        sources=tuple(each.place for each in answer.sources),
        right=right,
        unsupported=tuple(unsupported_facts(reply, cited, row.text)) if reply else (),
        drafts=len(guard.verdicts),
        first_draft_passed=bool(guard.verdicts) and guard.verdicts[0].supported,
        by=answer.backend,
        composed=answer.backend == shop.backend,
        seconds=seconds,
    )
