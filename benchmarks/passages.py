"""Measures which passages of the demo shop's pages are found for a question.

Usage: python benchmarks/passages.py --index .shopllm/index [--split test]

The weights of `KnowledgeIndex` were chosen on the split `dev`; `test` is only measured. Two question sets:

- `demo`: the answerable questions about pages that stand alone of data/demo_questions.jsonl. A section is right when it
  is of a right page and holds all required facts, or at least one where no section holds all.
- `passages`: data/passage_questions.jsonl, where each question names the page and the sections that answer it; short
  questions in customers' own words, with typos.
"""

import argparse
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from questions import DATA, Question, has_facts, read_questions

from shopllm_rasa.retrieval import KnowledgeIndex, PassageHit
from shopllm_rasa.retrieval.knowledge import Passage

RANKINGS: dict[str, Callable[[PassageHit], float]] = {
    "meaning of sentences alone": lambda hit: hit.score,
    "words alone (BM25)": lambda hit: hit.lexical,
    "meaning of passages alone": lambda hit: hit.passage_score,
    "fused": lambda hit: hit.relevance,
}
WITHIN = 4
HEADER = ("ranking", "questions", "page first", f"page in {WITHIN}", "section first", f"section in {WITHIN}")


@dataclass(frozen=True)
class Labelled:
    """A question with its right pages and sections (path and heading)."""

    text: str
    pages: frozenset[str]
    sections: frozenset[tuple[str, str]]


def demo_questions(passages: Sequence[Passage], split: str) -> list[Labelled]:
    """The questions of the generation benchmark that one passage can answer."""
    rows = (row for row in read_questions("demo") if row.about == "pages" and row.stands_alone and row.answerable)
    return [Labelled(row.text, frozenset(row.sources), _sections(row, passages)) for row in rows if row.split == split]


def _sections(row: Question, passages: Sequence[Passage]) -> frozenset[tuple[str, str]]:
    own = [passage for passage in passages if passage.path in row.sources]
    whole = [passage for passage in own if has_facts(f"{passage.source} {passage.text}", row.facts)]
    parts = [passage for passage in own if any(has_facts(passage.text, (fact,)) for fact in row.facts)]
    return frozenset((passage.path, passage.section) for passage in whole or parts)


def passage_questions(split: str) -> list[Labelled]:
    """The questions written for finding passages."""
    lines = (DATA / "passage_questions.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [row for row in map(json.loads, lines) if row["split"] == split]
    return [
        Labelled(row["question"], frozenset((row["path"],)), frozenset((row["path"], name) for name in row["sections"]))
        for row in rows
    ]


def figures(knowledge: KnowledgeIndex, questions: Sequence[Labelled]) -> list[tuple[str | int, ...]]:
    """A row a ranking, as `HEADER` says; counts of questions."""
    found = [knowledge.search(question.text, len(knowledge)) for question in questions]
    return [(name, len(questions), *_counts(questions, found, key)) for name, key in RANKINGS.items()]


def _counts(
    questions: Sequence[Labelled], found: Sequence[Sequence[PassageHit]], key: Callable[[PassageHit], float]
) -> tuple[int, int, int, int]:
    counts = [0, 0, 0, 0]
    for question, hits in zip(questions, found, strict=True):
        best = [hit.passage for hit in sorted(hits, key=lambda hit: -key(hit))[:WITHIN]]
        pages = [passage.path in question.pages for passage in best]
        sections = [(passage.path, passage.section) in question.sections for passage in best]
        for place, right in enumerate((pages[:1], pages, sections[:1], sections)):
            counts[place] += any(right)
    return counts[0], counts[1], counts[2], counts[3]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--index", type=Path, default=Path(".shopllm/index"), help="an index of the demo shop")
    parser.add_argument("--split", choices=("dev", "test"), default="dev")
    given = parser.parse_args()
    knowledge = KnowledgeIndex.open(given.index)
    sets = {
        "demo": demo_questions(knowledge.passages, given.split),
        "passages": passage_questions(given.split),
    }
    for name, questions in sets.items():
        print(f"\n{name}, {given.split}\n\n| {' | '.join(HEADER)} |\n|{'---|' * len(HEADER)}")
        for row in figures(knowledge, questions):
            print(f"| {' | '.join(map(str, row))} |")


if __name__ == "__main__":
    main()
