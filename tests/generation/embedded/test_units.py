import pytest
from hypothesis import given
from hypothesis import strategies as st

from shopllm_rasa.generation.embedded.units import has_digit, join, split


@pytest.mark.parametrize(
    ("text", "units"),
    [
        ("It costs €4.95, see /help/recalls.", ["It", "costs", "€4.95", ",", "see", "/help/recalls", "."]),
        ("Call +353 1 555 0142 now", ["Call", "+353 1 555 0142", "now"]),
        ("1 to 2 days, 10% off", ["1", "to", "2", "days", ",", "10%", "off"]),
        ("Write to help@shop.example!", ["Write", "to", "help@shop.example", "!"]),
        ("open 9:30–18:00", ["open", "9:30", "–", "18:00"]),
        ("St Stephen's in-ear", ["St", "Stephen's", "in-ear"]),
        ("https://shop.example/a?b=1.", ["https://shop.example/a?b=1", "."]),
        ("", []),
    ],
)
def test_a_price_a_link_and_a_phone_number_are_one_unit_each(text: str, units: list[str]) -> None:
    assert [unit.text for unit in split(text)] == units


@pytest.mark.parametrize(
    "text",
    ["You can return shoes within 60 days.", "Yes, it costs €4.95 (or £4).", "A minute's walk. Then 2–3 steps!"],
)
def test_joining_gives_the_text_back(text: str) -> None:
    assert join(split(text)) == text


def test_a_sentence_begins_with_a_capital_but_a_name_keeps_its_own() -> None:
    assert join(split("you pay. it is free.")) == "You pay. It is free."
    assert join(split("iPhone cases fit.")) == "iPhone cases fit."


@given(st.text(max_size=200))
def test_no_letter_or_digit_is_lost(text: str) -> None:
    def bare(value: str) -> str:
        return "".join(character for character in value if character.isalnum())

    assert bare("".join(unit.text for unit in split(text))) == bare(text)


def test_digits() -> None:
    assert has_digit("€4.95")
    assert not has_digit("four")
