import pytest

from shopllm_rasa.generation.backends import GenerationRequest
from shopllm_rasa.generation.extractive import MAX_SENTENCES, ExtractiveBackend
from shopllm_rasa.retrieval import PassageHit
from shopllm_rasa.retrieval.knowledge import Passage

SENTENCES = ("First.", "Second.", "Third.", "Fourth.", "Fifth.")


def hit(*scores: float, page: str = "Returns") -> PassageHit:
    return PassageHit(Passage(page, "", SENTENCES[: len(scores)], "returns.md"), max(scores), scores, 1.0)


@pytest.mark.parametrize(
    ("scores", "text"),
    [
        ((0.9,), "First."),
        ((0.2, 0.9, 0.3), "Second."),
        ((0.85, 0.3, 0.9), "First. Third."),
        ((0.9, 0.9, 0.9, 0.9, 0.9), "First. Second. Third."),
        ((0.8, 0.85, 0.7, 0.9, 0.86), "Second. Fourth. Fifth."),
        ((0.9, 0.77), "First."),
        ((0.9, 0.79), "First. Second."),
    ],
)
def test_the_best_sentences_in_the_order_of_the_page(scores: tuple[float, ...], text: str) -> None:
    best = hit(*scores)
    draft = ExtractiveBackend().answer(GenerationRequest("question", (best, hit(0.99, page="Other"))))
    assert draft.text == text
    assert draft.used == (best,)


def test_nothing_is_generated(electronics: list[PassageHit]) -> None:
    draft = ExtractiveBackend().answer(
        GenerationRequest("What is the return policy for electronic products?", tuple(electronics))
    )
    quoted = [sentence for sentence in electronics[0].passage.sentences if sentence in draft.text]
    assert draft.text == " ".join(quoted)
    assert 1 <= len(quoted) <= MAX_SENTENCES
    assert draft.used == (electronics[0],)
