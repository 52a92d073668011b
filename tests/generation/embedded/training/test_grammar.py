import random
from pathlib import Path

import pytest

from shopllm_rasa.errors import TrainingDataError
from shopllm_rasa.generation.embedded.training.grammar import read_topics, render_page

TOPIC = """@returns | Returns
> {T} can be returned within {days}. / You have {days} to return {t}.
? how long for {t}
y can i return {t}
= You can return {t} within {days}.
"""


def test_statement_question_and_reply_have_the_same_values(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(TOPIC, encoding="utf-8")
    (topic,) = read_topics(tmp_path)
    for seed in range(20):
        (statement,) = render_page(topic, random.Random(seed)).statements
        assert [turn.kind for turn in statement.turns] == ["answer", "yes"]
        for turn in statement.turns:
            number = next(word for word in statement.text.split() if word.strip(".").isdigit())
            assert number in turn.reply
            assert "{" not in turn.question + turn.reply + statement.text


def test_alternatives_may_hold_slots_with_alternatives(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(
        "@a | A\n> It {w:is on the {f:first|top} floor|costs {M}}.\n? q\n= It {w}.\n", "utf-8"
    )
    (topic,) = read_topics(tmp_path)
    texts = {render_page(topic, random.Random(seed)).statements[0].text for seed in range(30)}
    assert {"It is on the first floor.", "It is on the top floor."} <= texts


@pytest.mark.parametrize(
    ("text", "says"),
    [("@a | A\n! what\n", "a.txt:2"), ("? question\n", "a.txt:1"), ("@a | A\n> x\n@a | B\n> y\n", "twice")],
)
def test_a_wrong_line_is_named(tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / "a.txt").write_text(text, encoding="utf-8")
    with pytest.raises(TrainingDataError, match=says):
        read_topics(tmp_path)


def test_an_unknown_slot_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("@a | A\n> It costs {nothing}.\n? q\n= It costs {nothing}.\n", encoding="utf-8")
    with pytest.raises(TrainingDataError, match="nothing"):
        render_page(read_topics(tmp_path)[0], random.Random(0))


def test_the_shipped_topics_are_many_and_some_are_kept_for_validation() -> None:
    topics = read_topics()
    assert len(topics) >= 50
    assert sum(len(topic.facts) for topic in topics) >= 200
    assert 5 <= sum(topic.held_out for topic in topics) <= 15
    rng = random.Random(0)
    assert all("{" not in item.text for topic in topics for item in render_page(topic, rng).statements)
