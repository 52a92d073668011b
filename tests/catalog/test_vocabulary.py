import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shopllm_rasa.catalog import Product
from shopllm_rasa.catalog.vocabulary import Vocabulary, normal_word, normal_words, tokens


def product(**values: object) -> Product:
    return Product(**{"id": "A-1", "name": "Dome Kettle", "price": Decimal(5), **values})  # type: ignore[arg-type]


def test_names_of_all_levels_are_collected_once() -> None:
    vocabulary = Vocabulary.of(
        [
            product(brand="Casaro", categories=("Kitchen", "Kettles"), attributes={"colour": "Cream"}),
            product(
                id="A-2",
                name="Pan",
                brand="Casaro",
                categories=("Kitchen", "Pans"),
                attributes={"material": "steel"},
            ),
            product(id="A-3", name="Lid", brand="", attributes={"colour": ("cream", "red"), "power": "5 W"}),
        ]
    )
    assert vocabulary.brands == ["Casaro"]
    assert vocabulary.categories == ["Kettles", "Kitchen", "Pans"]
    assert vocabulary.attributes == {"colour": ["cream", "red"], "material": ["steel"]}
    assert vocabulary.products == {"A-1": "Dome Kettle", "A-2": "Pan", "A-3": "Lid"}
    assert {"dome", "kettle", "casaro", "pan", "lid"} <= set(vocabulary.words)


@pytest.mark.parametrize("name", ["color", "Colour", "COLOR"])
def test_both_spellings_of_colour_are_one_attribute(name: str) -> None:
    assert Vocabulary.of([product(attributes={name: "Red"})]).attributes == {"colour": ["red"]}


def test_kinds_that_several_values_are_of_are_values_too() -> None:
    materials = ("100 % merino wool", "lambs wool, cotton lining", "solid oak", "smoked oak / steel", "jute weave", "")
    vocabulary = Vocabulary.of([product(attributes={"material": materials, "colour": ("light blue", "navy blue")})])
    assert set(vocabulary.attributes["material"]) - set(materials) == {"wool", "oak"}
    assert vocabulary.attributes["colour"] == ["blue", "light blue", "navy blue"]


@pytest.mark.parametrize(
    ("value", "sizes"),
    [
        (("38", "38.5", "39"), ["38", "38.5", "39"]),
        (("S", "XL", "2XL"), ["2xl", "s", "xl"]),
        ("EU 42", ["42"]),
        ("UK 9 / US 10", ["10", "9"]),
        ("Medium", ["medium"]),
        ("super king, 260 x 220 cm", ["super king"]),
        ("50 x 70 cm", []),
        ("30 ml", []),
    ],
)
def test_sizes(value: object, sizes: list[str]) -> None:
    for name in ("size", "Sizes"):
        vocabulary = Vocabulary.of([product(attributes={name: value})])
        assert vocabulary.sizes == sizes
        assert vocabulary.attributes == {}


def test_no_products_give_an_empty_vocabulary() -> None:
    assert Vocabulary.of([]) == Vocabulary()


def test_a_vocabulary_survives_json() -> None:
    vocabulary = Vocabulary.of([product(brand="Casaro", attributes={"colour": "red"})])
    assert Vocabulary(**json.loads(json.dumps(vocabulary.to_dict()))) == vocabulary


@pytest.mark.parametrize(
    ("word", "plain"),
    [
        ("Kettles", "kettle"),
        ("batteries", "battery"),
        ("watches", "watch"),
        ("dresses", "dress"),
        ("boxes", "box"),
        ("glass", "glass"),
        ("canvas's", "canva"),
        ("bus", "bus"),
        ("tennis", "tennis"),
        ("men's", "men"),
        ("men’s", "men"),
        ("gas", "gas"),
        ("shoes", "shoe"),
        ("Mice", "mouse"),
        ("knives", "knife"),
        ("gloves", "glove"),
    ],
)
def test_words_are_compared_without_case_possessive_and_plural(word: str, plain: str) -> None:
    assert normal_word(word) == plain


def test_words_of_a_sentence() -> None:
    assert normal_words("The men's shoes, size 42!") == ("the", "men", "shoe", "size", "42")


@given(st.text())
def test_tokens_are_slices_of_the_text(text: str) -> None:
    found = tokens(text)
    assert [text[match.start() : match.end()] for match in found] == [match.group() for match in found]
    assert len(normal_words(text)) == len(found)
