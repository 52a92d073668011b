import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shopllm_rasa.spelling.similar_words import MAX_CANDIDATES, MAX_LETTERS, SimilarWords

WORDS = SimilarWords(["headphone", "kettle", "tablet", "table", "dress", "address", "speaker", "sofa", "lamp", "lamps"])


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("headphnoe", "headphone"),
        ("hedphone", "headphone"),
        ("headdphone", "headphone"),
        ("headfone", "headphone"),
        ("heaphnoe", "headphone"),
        ("ketle", "kettle"),
        ("kettel", "kettle"),
        ("kattle", "kettle"),
        ("eadphone", "headphone"),
        ("lapms", "lamps"),
        ("tablt", "tablet"),
        ("adress", "address"),
        ("kettle", "kettle"),
    ],
)
def test_near_enough(typed: str, meant: str) -> None:
    assert WORDS.nearest(typed) == meant


@pytest.mark.parametrize(
    "typed",
    [
        "kttel",  # two edits in a short word
        "hxadphxnx",
        "xress",  # another first letter in a short word
        "peaker5",
        "sofaa!",
        "soffa",  # four letters with one wrong are too little to go by
        "x" * (MAX_LETTERS + 1),
        "",
    ],
)
def test_too_far(typed: str) -> None:
    assert WORDS.nearest(typed) is None or WORDS.nearest(typed) == "sofa" == typed


def test_of_equally_near_words_the_likely_one_is_meant() -> None:
    words = ["speaker", "seeker"]
    assert SimilarWords(words).nearest("speeker") == "seeker"
    assert SimilarWords(words, likely=["speaker"]).nearest("speeker") == "speaker"


def test_no_words() -> None:
    assert SimilarWords([]).nearest("kettle") is None


def test_among_very_many_words_few_are_compared() -> None:
    chance = random.Random(1)
    words = {"".join(chance.choices("abcdef", k=chance.randrange(5, 10))) for _ in range(20_000)}
    similar = SimilarWords(words)
    for word in list(words)[:200]:
        candidates = similar.candidates(word[1:] + "a")
        assert len(candidates) <= MAX_CANDIDATES
        assert word in similar.candidates(word)


WORD = st.text(alphabet="abcdß", min_size=5, max_size=9)


@given(st.lists(WORD, max_size=20), WORD, st.integers(0, 8))
def test_a_missing_letter_is_always_mended(words: list[str], word: str, place: int) -> None:
    typed = word[: place + 1] + word[place + 2 :]
    if len(typed) >= 5:
        assert SimilarWords([*words, word]).nearest(typed) is not None


@given(st.lists(st.text(), max_size=10), st.text())
def test_any_text(words: list[str], word: str) -> None:
    assert SimilarWords(words).nearest(word) in {None, *words}
