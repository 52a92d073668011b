from itertools import pairwise

import pytest

from shopllm_rasa.catalog.mentions.sizes import SizeFinder

SOLD = ["s", "m", "l", "xl", "8", "10", "12", *map(str, range(36, 46)), "42.5"]
FINDER = SizeFinder(SOLD)
PLAIN = SizeFinder([])


def sizes(text: str, finder: SizeFinder = FINDER) -> list[str]:
    return [mention.value for mention in finder.find(text)]


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("in size 42", "42"),
        ("size 42.5 please", "42.5"),
        ("shoe size is 42,5", "42.5"),
        ("size: M", "M"),
        ("Size xl", "XL"),
        ("size is m", "M"),
        ("change the size to 41 please", "41"),
        ("size eu 38", "38"),
        ("size EUR 42", "42"),
        ("size medium", "M"),
        ("size 42 and 2 socks", "42"),
        ("42 EU", "42"),
        ("uk 9", "9"),
        ("US 9.5", "9.5"),
        ("in EUR 42", "42"),
        ("in XL", "XL"),
        ("does the xl cost more", "XL"),
        ("2xl", "2XL"),
        ("inside leg on the M?", "M"),
        ("The L fits my husband", "L"),
        ("would M fit me", "M"),
        ("in m", "M"),
        ("a medium", "M"),
        ("a medium, please", "M"),
        ("in large if you have it", "L"),
        ("extra large please", "XL"),
        ("large one?", "L"),
        ("the small one", "S"),
        ("W32 L34", "W32 L34"),
        ("jeans w32/l34", "W32 L34"),
        ("W 32", "W32"),
    ],
)
def test_sizes_that_need_no_catalogue(text: str, size: str) -> None:
    assert sizes(text, PLAIN) == [size]
    assert sizes(text) == [size]


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("140x200", "140 x 200"),
        ("duvet 140 x 200 cm", "140 x 200"),
        ("140 cm x 200 cm", "140 x 200"),
        ("12 × 10 cm", "12 x 10"),
        ("55 x 35 x 20", "55 x 35 x 20"),
        ("1.5x2 m", "1.5 x 2"),
    ],
)
def test_measures(text: str, size: str) -> None:
    assert sizes(text) == [size]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("queen size", ["QUEEN"]),
        ("king-size bed", ["KING"]),
        ("a super king duvet", ["SUPER KING"]),
        ("the king duvet not the double", ["KING", "DOUBLE"]),
        ("a new mattress, double", ["DOUBLE"]),
        ("a full size mattress", ["FULL"]),
        ("full-size HDMI", []),
        ("double the price", []),
        ("charged double", []),
        ("every single duvet", []),
        ("double the duvets", []),
    ],
)
def test_sizes_of_beds(text: str, expected: list[str]) -> None:
    assert sizes(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("sandals in 38", ["38"]),
        ("is it available in a 12?", ["12"]),
        ("exchange these for a 43", ["43"]),
        ("I take a 40 in most brands", ["40"]),
        ("does the 42 run small", ["42"]),
        ("is 38 a medium?", ["38", "M"]),
        ("42 is too big", ["42"]),
        ("I ordered 40 but I need 42.5, thanks", ["40", "42.5"]),
        ("I'm between 38 and 39", ["38", "39"]),
        ("a 38 or 39", ["38", "39"]),
        ("swap my 42 for a 43", ["42", "43"]),
    ],
)
def test_a_number_alone_is_a_size_that_the_shop_sells(text: str, expected: list[str]) -> None:
    assert sizes(text) == expected
    assert [size for size in sizes(text, PLAIN) if size != "M"] == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("sizes 38, 39 and 40", ["38", "39", "40"]),
        ("size 38/39", ["38", "39"]),
        ("m / l", ["M", "L"]),
        ("S/M", ["S", "M"]),
        ("between M and L", ["M", "L"]),
        ("swap size M for S", ["M", "S"]),
        ("a medium or a large?", ["M", "L"]),
    ],
)
def test_several(text: str, expected: list[str]) -> None:
    assert sizes(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "what sizes do you have",
        "a large order",
        "a large, heavy sofa",
        "a small and cheap lamp",
        "small problem",
        "it is too small",
        "do they run large",
        "EUR 42",
        "give us 9 pieces",
        "in the UK 2 weeks ago",
        "I'm tall",
        "L'Oréal",
        "H&M shirt",
        "1.5 L kettle",
        "a 5 l pot",
        "Galaxy S phone",
        "ask Anna M. about it",
        "2 x 5 kg dumbbells",
        "2 x 16 GB",
        "2x speakers",
        "1920x1080 monitor",
        "a 4x4",
        "a 12 pack",
        "a 40 to 50 inch screen",
        "in 12 days",
        "takes 10 to 15 days",
        "by the 12",
        "in 2026",
        "I ordered 12",
        "in 99",
        "screen size 27 inch",
        "",
    ],
)
def test_what_is_no_size(text: str) -> None:
    assert sizes(text) == []


def test_a_size_is_called_as_in_the_catalogue() -> None:
    finder = SizeFinder(["small", "medium", "large"])
    assert sizes("in M", finder) == ["MEDIUM"]
    assert sizes("a medium", finder) == ["MEDIUM"]
    assert sizes("in XL", finder) == ["XL"]


def test_places() -> None:
    text = "shoes in size 42 please"
    (mention,) = FINDER.find(text)
    assert text[mention.start : mention.end] == "42"
    assert mention.phrase_start == text.index("size")
    (measure,) = FINDER.find("a rug 160 x 230 cm")
    assert measure.phrase_start is None  # its words stay in a query


def test_none_overlaps_another() -> None:
    found = FINDER.find("size M/L or x-large or extra large 38 EU 39 UK 140x200 in XL or L, W32 L34 " * 10)
    assert all(one.end <= other.start for one, other in pairwise(found))
