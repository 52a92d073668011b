import pytest

from shopllm_rasa.retrieval.knowledge import Passage
from shopllm_rasa.retrieval.passage_words import MAX_ASKED, Coverage, asked_words, passage_words, sentence_documents


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Returned returns returning", ["return", "return", "return"]),
        ("deliveries delivery", ["deliveri", "deliveri"]),
        ("by e-mail", ["by", "e", "mail", "email"]),
        ("2 GB of memory", ["2gb", "of", "memori"]),
        ("", []),
    ],
)
def test_words_of_a_passage(text: str, words: list[str]) -> None:
    assert list(passage_words(text)) == words


def test_words_of_a_question() -> None:
    assert asked_words("How long do I have to return shoes, shoes I have worn?") == ["return", "shoe", "worn"]
    assert asked_words("what is it") == []
    assert len(asked_words(" ".join(f"word{number}" for number in range(1_000)))) == MAX_ASKED


def test_a_sentence_has_the_words_of_its_headings() -> None:
    passage = Passage("Returns", "Shoes", ("Within 60 days.", "Bring the shoes."), "returns.md")
    first, second = sentence_documents([passage])
    assert first == {"return": 1, "shoe": 1, "within": 1, "60": 1, "day": 1}
    assert second["shoe"] == 2


def test_coverage_and_what_is_missing() -> None:
    pages = [Passage("Returns", "Shoes", ("Within 60 days.",), "a.md"), Passage("Store", "", ("Open daily.",), "b.md")]
    coverage = Coverage(pages)
    weights = coverage.weights("shoes within bitcoin")
    assert weights["bitcoin"] > weights["shoe"] > 0
    assert 0 < coverage.share(weights, 0) < 1
    assert coverage.share(weights, 1) == 0
    assert coverage.share({}, 0) == 0
    assert coverage.missing(asked_words("shoes returned for bitcoin"), 0) == ("bitcoin",)
