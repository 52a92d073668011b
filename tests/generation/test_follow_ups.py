import pytest

from shopllm_rasa.generation import Exchange
from shopllm_rasa.generation.follow_ups import MAX_TURNS, leans, standing_alone
from shopllm_rasa.generation.vectors import VectorCache
from shopllm_rasa.retrieval import ProductIndex


@pytest.fixture(scope="module")
def vectors(product_index: ProductIndex) -> VectorCache:
    return VectorCache(product_index.encoder)


@pytest.mark.parametrize("question", ["and for shoes?", "what about express?", "do they expire?", "How much is it?"])
def test_what_leans_on_the_turn_before(question: str) -> None:
    assert leans(question)


@pytest.mark.parametrize(
    "question",
    [
        "What is the return policy for electronic products?",
        "Is there a student discount for university teachers?",
        "do you ship to France and what does it cost?",
        "I opened the headphones I got last week, the in-ear ones. Can I still send them back?",
    ],
)
def test_what_stands_alone(question: str, vectors: VectorCache) -> None:
    assert not leans(question)
    assert standing_alone(question, [Exchange("How long can I return a laptop?", "30 days.")], vectors) == question


@pytest.mark.parametrize(
    ("before", "question", "full"),
    [
        ("How long can I return a laptop?", "and for shoes?", "How long can I return a shoes?"),
        ("How much is standard shipping in Ireland?", "And to France?", "How much is standard shipping in France?"),
        ("When does the store open on Saturday?", "And on Sundays?", "When does the store open on Sundays?"),
        (
            "What is the return policy for electronic products?",
            "and for shoes?",
            "What is the return policy for shoes?",
        ),
        (
            "What is the return policy for electronic products?",
            "what about worn shoes?",
            "What is the return policy for worn shoes?",
        ),
        ("What does delivery to Germany cost?", "and to the Netherlands?", "What does delivery to Netherlands cost?"),
        ("Can I buy a gift card?", "do they expire?", "buy gift card: do they expire?"),
    ],
)
def test_a_follow_up_is_completed(before: str, question: str, full: str, vectors: VectorCache) -> None:
    assert standing_alone(question, [Exchange(before, "Yes.")], vectors) == full


def test_follow_ups_of_follow_ups(vectors: VectorCache) -> None:
    history = [Exchange("How much is standard shipping in Ireland?", "4.95"), Exchange("And to France?", "6.95")]
    assert standing_alone("and to Spain?", history, vectors) == "How much is standard shipping in Spain?"


def test_only_the_last_turns_are_read(vectors: VectorCache) -> None:
    history = [Exchange("How much is shipping in Ireland?", ""), *[Exchange("it?", "")] * MAX_TURNS]
    assert "Ireland" not in standing_alone("and to Spain?", history, vectors)


def test_without_turns_before_the_question_stays(vectors: VectorCache) -> None:
    assert standing_alone("and for shoes?", [], vectors) == "and for shoes?"
