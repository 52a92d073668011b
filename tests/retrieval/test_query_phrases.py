import pytest
from hypothesis import given
from hypothesis import strategies as st

from shopllm_rasa.retrieval.fusion import SORTS
from shopllm_rasa.retrieval.query_phrases import find_exclusions, find_in_stock, find_min_rating, find_sort, subject


def unwanted(text: str) -> list[str]:
    """The first thing of each exclusion, and those that are surely joined to it."""
    return [
        text[start:end]
        for exclusion in find_exclusions(text)
        for (start, end), joined in zip(exclusion.terms, exclusion.joins, strict=True)
        if joined
    ]


@pytest.mark.parametrize(
    ("text", "sort"),
    [
        ("the cheapest kettle", "price"),
        ("kettles, lowest price first", "price"),
        ("least expensive laptop", "price"),
        ("sort by price", "price"),
        ("price low to high", "price"),
        ("the most expensive watch", "-price"),
        ("prices high to low", "-price"),
        ("best rated headphones", "rating"),
        ("top-rated tablets", "rating"),
        ("the laptop with the best reviews", "rating"),
        ("your bestsellers", "popularity"),
        ("best-selling lamps", "popularity"),
        ("most popular", "popularity"),
        ("what is popular", "popularity"),
        ("a cheap kettle", None),
        ("the best kettle", None),
        ("unpopular", None),
        ("the newest tablet", None),
        ("not too expensive", None),
    ],
)
def test_sort(text: str, sort: str | None) -> None:
    found = find_sort(text)
    assert (found and found[0]) == sort
    assert found is None or found[0] in SORTS


@pytest.mark.parametrize(
    ("text", "stars", "words"),
    [
        ("kettles with at least 4 stars", 4.0, "with at least 4 stars"),
        ("rated 4.5 or higher please", 4.5, "rated 4.5 or higher"),
        ("4+ stars", 4.0, "4+ stars"),
        ("4 stars or more", 4.0, "4 stars or more"),
        ("over 4,5 stars", 4.5, "over 4,5 stars"),
        ("minimum of four stars", 4.0, "minimum of four stars"),
        ("rated at least 3", 3.0, "rated at least 3"),
        ("a five star hotel", None, ""),
        ("under 40", None, ""),
        ("at least 4 kg", None, ""),
        ("rated 45", None, ""),
        ("at least 7 stars", None, ""),
    ],
)
def test_min_rating(text: str, stars: float | None, words: str) -> None:
    found = find_min_rating(text)
    assert (found and found[0]) == stars
    assert found is None or text[found[1] : found[2]] == words


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("kettles in stock", ["in stock"]),
        ("that are still in stock", ["that are still in stock"]),
        ("available now", ["available now"]),
        ("not out of stock", ["not out of stock"]),
        ("stockings", []),
    ],
)
def test_in_stock(text: str, found: list[str]) -> None:
    assert [text[start:end] for start, end in find_in_stock(text)] == found


@pytest.mark.parametrize(
    ("text", "things"),
    [
        ("a case, not pink", ["pink"]),
        ("headphones without noise cancelling under 100", ["noise cancelling"]),
        ("no apple", ["apple"]),
        ("no Apple products, galaxy s6", ["Apple"]),
        ("everything except samsung", ["samsung"]),
        ("except for Samsung", ["Samsung"]),
        ("anything but inked", ["inked"]),
        ("I don't want red", ["red"]),
        ("i dont like the red ones", ["red"]),
        ("not rose gold and not black", ["rose gold", "black", "black"]),
        ("no red or pink, please", ["red", "pink"]),
        ("neither black", []),
        ("no insignia, no dynex", ["insignia", "dynex", "dynex"]),
        ("a lamp other than white for the desk", ["white"]),
        ("not made of plastic", ["plastic"]),
        ("not from Sonavale", ["Sonavale"]),
        # None of these speaks of something that is not wanted.
        ("not sure what I want", []),
        ("no more than 50", []),
        ("no problem", []),
        ("not too big", []),
        ("not over 30 euros", []),
        ("it is not working", []),
        ("no 5", []),
        ("a notebook", []),
        ("nothing", []),
        ("", []),
    ],
)
def test_exclusions(text: str, things: list[str]) -> None:
    assert unwanted(text) == things


def test_a_list_may_go_on_with_something_else() -> None:
    text = "not pink, red, and a cable"
    (exclusion,) = find_exclusions(text)
    assert [text[start:end] for start, end in exclusion.terms] == ["pink", "red", "cable"]
    assert exclusion.joins == (True, False, False)


def test_words_that_say_nothing_belong_to_the_exclusion() -> None:
    text = "cases, no Apple products"
    (exclusion,) = find_exclusions(text)
    assert (text[slice(*exclusion.terms[0])], text[exclusion.start : exclusion.ends[0]]) == (
        "Apple",
        "no Apple products",
    )


@given(st.text(alphabet="notexcpwihu apl,.45+s★", max_size=80))
def test_any_text(text: str) -> None:
    for exclusion in find_exclusions(text):
        assert len(exclusion.terms) == len(exclusion.ends) == len(exclusion.joins)
        for (start, end), stop in zip(exclusion.terms, exclusion.ends, strict=True):
            assert exclusion.start < start < end <= stop <= len(text)
    find_sort(text), find_min_rating(text), find_in_stock(text)


def test_a_very_long_text_is_read_in_no_time() -> None:
    assert len(list(find_exclusions("not red and " * 20_000))) <= 8
    assert find_sort("most " * 50_000) is None
    assert find_min_rating("at least " * 50_000) is None


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("can you recommend something for my dad who loves gardening?", "gardening"),
        ("I’m looking for a nice gift for my sister who runs", "runs"),
        ("Could you suggest a birthday present for a friend who is into photography?", "photography"),
        ("a present for someone who's fond of reading", "reading"),
        ("what would you recommend for someone who cooks a lot?", "cooks a lot"),
        ("so what can I get for my brother who is really into hiking, any ideas?", "hiking"),
        ("I need something that helps me sleep better", "sleep better"),
        ("Hi, do you have kettles? Thanks a lot!", "kettles"),
        ("help me choose a laptop for a student", "a laptop for a student"),
        ("is there a case for the iphone 7", "a case for the iphone 7"),
        # What belongs to the thing, or may, stays.
        ("something for a toddler who loves animals", "a toddler who loves animals"),
        ("a coffee machine for my wife who loves espresso", "a coffee machine for my wife who loves espresso"),
        ("gift card", "gift card"),
        ("a gift for my mum", "a gift for my mum"),
        ("to do list", "to do list"),
        ("find my phone tracker", "find my phone tracker"),
        ("phone that is easy to use", "phone that is easy to use"),
        ("recommend something", "something"),
        ("show me", ""),
        ("", ""),
    ],
)
def test_the_subject_of_a_wish(text: str, wanted: str) -> None:
    assert subject(text) == wanted


@given(
    st.text(alphabet="a ?!.,'", max_size=200)
    | st.lists(
        st.sampled_from(
            [
                "please",
                "hi,",
                "can",
                "you",
                "show",
                "me",
                "something",
                "gift",
                "for",
                "my",
                "dad",
                "who",
                "loves",
                "to",
                "x",
            ]
        )
    ).map(" ".join)
)
def test_the_subject_is_a_part_of_the_text(text: str) -> None:
    assert subject(text) in text
