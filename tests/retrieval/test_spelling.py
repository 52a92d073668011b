import pytest
from hypothesis import given
from hypothesis import strategies as st

from shopllm_rasa.catalog.vocabulary import tokens
from shopllm_rasa.retrieval.spelling import SpellingCorrector

WORDS = ["return", "returns", "policy", "electronics", "delivery", "Warranty", "send", "gift"]
ENGLISH = {"repair", "deliver", "police"}


@pytest.fixture(scope="module")
def spelling() -> SpellingCorrector:
    return SpellingCorrector(WORDS, ENGLISH.__contains__)


@pytest.mark.parametrize(
    ("text", "mended"),
    [
        ("retrun", "return"),
        ("plicy?", "policy?"),
        ("the Warrenty", "the warranty"),
        ("Electronics delivrey!", "Electronics delivery!"),
        ("electornics", "electronics"),
        ("elektronicks", "electronics"),
    ],
)
def test_typos_are_mended(spelling: SpellingCorrector, text: str, mended: str) -> None:
    assert spelling.correct(text) == mended


@pytest.mark.parametrize(
    "text",
    [
        "RETURN Policy",
        "repair",
        "police",
        "mend",
        "sned",
        "gitf",
        "zeturn",
        "retxxn",
        "ret1rn",
        "JV-17267 and a@b.ie",
        "",
        "  two  spaces\n",
    ],
)
def test_all_else_stays_as_it_is(spelling: SpellingCorrector, text: str) -> None:
    assert spelling.correct(text) == text


@given(st.text())
def test_without_a_vocabulary_nothing_changes(text: str) -> None:
    assert SpellingCorrector([], lambda word: False).correct(text) == text


@given(st.text(alphabet="retunpolicysdvy .!?-ÄßİΣ", max_size=40))
def test_only_words_change(text: str) -> None:
    mended = SpellingCorrector(WORDS, lambda word: False).correct(text)
    assert len(tokens(mended)) == len(tokens(text))
    for before, after in zip(tokens(text), tokens(mended), strict=True):
        assert before.group() == after.group() or after.group() in {word.casefold() for word in WORDS}
