import random
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shopllm_rasa.catalog.mentions import MAX_TEXT_CHARACTERS, MentionFinder
from shopllm_rasa.catalog.vocabulary import Vocabulary

FINDER = MentionFinder(
    Vocabulary(
        brands=["Sonavale", "Pottinger & Wren", "Next"],
        categories=["Headphones", "Bluetooth Speakers", "Tablets", "Kettles"],
        attributes={"colour": ["dark green", "green", "red"], "material": ["oak"]},
        products={"A-1": "Sonavale Drift 2 Headphones", "A-2": "Sonavale Boom XL Speaker"},
        sizes=["38", "39", "42", "m", "l"],
    )
)


def found(text: str, *kinds: str) -> list[tuple[str, str]]:
    return [(m.kind, m.value) for m in FINDER.find(text) if not kinds or m.kind in kinds]


def test_a_whole_request() -> None:
    assert found("sonavale headphones in red between 20 and 40 euros") == [
        ("brand", "Sonavale"),
        ("category", "Headphones"),
        ("attribute", "red"),
        ("price_min", "20"),
        ("price_max", "40"),
    ]


@pytest.mark.parametrize(
    ("text", "mentions"),
    [
        ("mail tablets@shop.example", [("email", "tablets@shop.example")]),
        ("the sonavale boom xl speaker", [("product", "Sonavale Boom XL Speaker")]),
        ("the sonavale drift 2 headphones", [("product", "Sonavale Drift 2 Headphones")]),
        (
            "kettle 1 or kettle 2",
            [("category", "Kettles"), ("ordinal", "1"), ("category", "Kettles"), ("ordinal", "2")],
        ),
        ("between 38 and 42 euros", [("price_min", "38"), ("price_max", "42")]),
        ("I'm between 38 and 39", [("size", "38"), ("size", "39")]),
        ("size 42 under 150", [("size", "42"), ("price_max", "150")]),
        ("between 10000 and 20000 euros", [("price_min", "10000"), ("price_max", "20000")]),
        ("tell me about 2", [("ordinal", "2")]),
    ],
)
def test_of_two_readings_one_counts(text: str, mentions: list[tuple[str, str]]) -> None:
    assert found(text) == mentions


@pytest.mark.parametrize("digits", ["٥٠", "５０", "५०"])
def test_digits_of_other_scripts(digits: str) -> None:
    (mention,) = FINDER.find(f"under {digits} euros")
    assert (mention.value, mention.start, mention.end) == ("50", 6, 14)


def test_an_empty_vocabulary_finds_numbers_only() -> None:
    mentions = MentionFinder(Vocabulary()).find("a red kettle under 50")
    assert [(m.kind, m.value) for m in mentions] == [("price_max", "50")]


def test_a_table_is_no_tablet_in_the_demo_shop(finder: MentionFinder) -> None:
    for text in ("I need a table", "tables", "a round table"):
        assert not [m for m in finder.find(text) if m.value == "Tablets"]
    assert [m.value for m in finder.find("I need a tablet")] == ["Tablets"]


def test_only_the_beginning_of_an_endless_text_is_read() -> None:
    text = "headphones " + "x " * MAX_TEXT_CHARACTERS + " kettle"
    assert found(text) == [("category", "Headphones")]


PHRASES = """
under over between and to from max. at least around € $ 20 40 1.299,00 1,299.00 12999.99 gb size 42 second last one
compare headphones tablet sonavale dark green a@b.ie JV-17267 #17267 % ٤٢ İ ß ² 😀 first two kettle 1 or W32 L34 XL M/L
140x200 king bed double n't spend more than a hundred fifty k ish + not order number 38 the a in I'm hedphones ’ , . -
"""
PIECES = [*PHRASES.split(), "\u00a0", "\u202f", "\n"]
pieces = st.sampled_from(PIECES)
texts = st.text() | st.lists(pieces, max_size=14).map(" ".join) | st.lists(pieces, max_size=10).map("".join)


@settings(max_examples=500, deadline=None)
@given(texts)
def test_no_text_fails_and_places_lie_in_the_text(text: str) -> None:
    names_end = 0
    for mention in FINDER.find(text):
        words = text[mention.start : mention.end]
        assert words.strip() == words != ""
        assert len(words) == mention.end - mention.start
        assert 0 < mention.confidence <= 1
        assert mention.phrase_start is None or 0 <= mention.phrase_start <= mention.start
        if mention.kind in ("price_min", "price_max"):
            assert Decimal(mention.value) >= 0
        if mention.kind == "ordinal":
            assert int(mention.value) != 0
        if mention.kind == "order_number":
            assert mention.value.isascii()
        if mention.kind == "email":
            assert "@" in mention.value
        if mention.kind in ("brand", "category", "attribute", "product"):
            assert mention.start >= names_end
            names_end = mention.end


@settings(max_examples=200, deadline=None)
@given(texts)
def test_numbers_and_names_do_not_overlap(text: str) -> None:
    mentions = FINDER.find(text)
    names = [m for m in mentions if m.kind in ("brand", "category", "attribute", "product")]
    numbers = [m for m in mentions if m not in names]
    assert not [(name, number) for name in names for number in numbers if name.overlaps(number)]


@pytest.mark.parametrize("piece", [*PIECES, " ", "1", "1.", "1:", "1x", "a@", "@", "'", "x" * 60, "hedphonse", "Ω"])
def test_what_is_pasted_over_and_over_is_read_in_bounded_steps(piece: str) -> None:
    """A pattern that backtracks without end, or a comparison of all with all, would not come back from here."""
    for joint in ("", " ", ","):
        text = joint.join([piece] * MAX_TEXT_CHARACTERS)[:MAX_TEXT_CHARACTERS]
        assert len(FINDER.find(text)) < 500


def test_a_jumble_is_read_too() -> None:
    chance = random.Random(5)
    for _ in range(20):
        assert len(FINDER.find(" ".join(chance.choices(PIECES, k=400)))) < 500
