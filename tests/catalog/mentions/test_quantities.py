import re

import pytest

from shopllm_rasa.catalog.mentions.quantities import ALONE, NUMBER_WORDS, UNIT, number_in_words


@pytest.mark.parametrize(
    ("words", "number"),
    [
        ("seven", 7),
        ("Twelve", 12),
        ("forty", 40),
        ("forty-two", 42),
        ("forty two", 42),
        ("hundred", 100),
        ("a hundred", 100),
        ("two hundred", 200),
        ("two hundred and fifty-five", 255),
        ("twelve hundred", 1200),
        ("a thousand", 1000),
        ("three grand", 3000),
    ],
)
def test_numbers_in_words(words: str, number: int) -> None:
    assert re.fullmatch(NUMBER_WORDS, words, re.I)
    assert number_in_words(words) == number


@pytest.mark.parametrize("text", [" kg", "cm", "-inch", '"', " %", "x 40", " working days", " o’clock", " years"])
def test_units(text: str) -> None:
    assert UNIT.match(text)


@pytest.mark.parametrize("text", ["", " ", " kettles", " please", " euros", " grams-free-x"[:3]])
def test_what_is_no_unit(text: str) -> None:
    assert not UNIT.match(text)


@pytest.mark.parametrize("text", ["", " ", "?", ".", ", please", " in black", " or 39", " 😀", ")", "\n"])
def test_what_may_follow_something_alone(text: str) -> None:
    assert ALONE.match(text)


@pytest.mark.parametrize("text", [" pack", " order", ".5", "%", "-pack", " 2"])
def test_what_belongs_to_it(text: str) -> None:
    assert not ALONE.match(text)
