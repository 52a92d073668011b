"""The labels of the questions about passages are true of the pages."""

import sys
from collections import Counter
from pathlib import Path

import pytest

from shopllm_rasa.retrieval.knowledge import Passage, read_knowledge

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
import passages


@pytest.fixture(scope="module")
def pages(data_dir: Path) -> list[Passage]:
    return read_knowledge(data_dir / "knowledge")


@pytest.mark.parametrize("split", ["dev", "test"])
def test_every_question_has_a_section_that_is_there(pages: list[Passage], split: str) -> None:
    there = {(passage.path, passage.section) for passage in pages}
    for question in (*passages.passage_questions(split), *passages.demo_questions(pages, split)):
        assert question.sections, question.text
        assert question.sections <= there, question.text


def test_no_question_is_in_both_splits() -> None:
    texts = [question.text.casefold() for split in ("dev", "test") for question in passages.passage_questions(split)]
    assert not [text for text, times in Counter(texts).items() if times > 1]
    assert len(passages.passage_questions("test")) >= len(texts) // 4
