import pytest

from shopllm_rasa.catalog.mentions.mention import Mention
from shopllm_rasa.catalog.mentions.ordinals import find_ordinals, numbered_category


def ordinals(text: str) -> list[str]:
    return [mention.value for mention in find_ordinals(text)]


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("the second one", ["2"]),
        ("second one please", ["2"]),
        ("second please", ["2"]),
        ("2nd", ["2"]),
        ("tell me about the first", ["1"]),
        ("is the second in stock", ["2"]),
        ("how about the third?", ["3"]),
        ("the third kettle", ["3"]),
        ("the last one", ["-1"]),
        ("last of these", ["-1"]),
        ("I'd like the last", ["-1"]),
        ("the 3rd please", ["3"]),
        ("number 4", ["4"]),
        ("no. 4", ["4"]),
        ("number three", ["3"]),
        ("option 2", ["2"]),
        ("#3", ["3"]),
        ("first two", ["1", "2"]),
        ("compare the first two", ["1", "2"]),
        ("the first three please", ["1", "2", "3"]),
        ("compare the last two", ["-1", "-2"]),
        ("compare 1 and 3", ["1", "3"]),
        ("can u compare 2 n 4", ["2", "4"]),
        ("which is better, 2 or 4?", ["2", "4"]),
        ("put 2 and 3 side by side", ["2", "3"]),
        ("which lasts longer, 2 or the last one", ["2", "-1"]),
        ("compare the first and the second", ["1", "2"]),
        ("the first, second and third", ["1", "2", "3"]),
        ("what is the price of 1", ["1"]),
        ("tell me about 2", ["2"]),
        ("let's go for 2", ["2"]),
    ],
)
def test_places_in_a_list(text: str, values: list[str]) -> None:
    assert ordinals(text) == values


@pytest.mark.parametrize(
    "text",
    [
        "last week",
        "I ordered last Monday",
        "second hand",
        "second-hand",
        "first time here",
        "my last order",
        "his first flat",
        "a second chance",
        "at first",
        "measure it first",
        "how long does the battery last",
        "shoes that last.",
        "the candle should last three hours",
        "the first two washes",
        "the last two weeks",
        "the first of May",
        "phone number 12",
        "order number 12",
        "1 and 3",
        "2 or 3 days, which is it",
        "which is better, 30 to 70 %",
        "the one in the middle",
        "the price of 2 kettles",
        "",
    ],
)
def test_words_that_pick_nothing(text: str) -> None:
    assert ordinals(text) == []


@pytest.mark.parametrize(
    ("text", "value"), [("kettle 2", "2"), ("kettle 2 or 3", "2"), ("kettles 2", None), ("kettle 2 l", None)]
)
def test_a_number_behind_a_category(text: str, value: str | None) -> None:
    name = Mention("category", "Kettles", 0, text.index(" "))
    place = numbered_category(text, name)
    assert (place.value if place else None) == value


def test_a_number_behind_another_name_is_a_part_of_it() -> None:
    assert numbered_category("sonavale 2", Mention("brand", "Sonavale", 0, 8)) is None


def test_places_in_the_text() -> None:
    text = "compare number 2 with the first two"
    assert [text[mention.start : mention.end] for mention in find_ordinals(text)] == ["2", "first two", "first two"]
