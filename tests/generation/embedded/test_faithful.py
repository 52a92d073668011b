import pytest

from shopllm_rasa.generation.embedded.faithful import can_end, told_sources
from shopllm_rasa.generation.embedded.source import Source, pack

SENTENCE = "Delivery costs €5, which is refunded, and takes 2 to 3 days, unless the item is large."


def source(question: str = "do you rent out delivery vans") -> Source:
    return pack(question, [("Delivery", [(SENTENCE, 1.0), ("Shoes fit.", 0.2)])])


@pytest.mark.parametrize(
    ("word", "may"),
    [("costs", False), ("€5", True), ("refunded", True), ("2", False), ("to", False), ("days", False), ("large", True)],
)
def test_a_sentence_does_not_end_within_a_copied_clause(word: str, may: bool) -> None:
    made = source()
    assert can_end(made, made.keys.index(word)) is may


def test_what_only_the_customer_said_is_not_copied() -> None:
    made = source()
    allowed = told_sources(made, [2], -1, opening=False)
    copied = {made.keys[row] for row in range(len(made.keys)) if allowed[row]}
    assert "delivery" in copied
    assert not {"rent", "vans", "shoes"} & copied


def test_a_full_stop_is_copied_only_where_its_sentence_ends() -> None:
    made = source()
    stop = made.keys.index(".")
    assert not told_sources(made, [2], stop - 2, opening=False)[stop]
    assert told_sources(made, [2], stop - 1, opening=False)[stop]


def test_a_sentence_begins_where_its_evidence_does() -> None:
    made = source()
    allowed = told_sources(made, [2], -1, opening=True)
    copied = [made.keys[row] for row in range(len(made.keys)) if allowed[row]]
    assert copied == ["delivery", "delivery"]  # the heading, and the sentence's first word
