from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shopllm_rasa.catalog.mentions.prices import find_prices


def prices(text: str) -> list[tuple[str, str]]:
    return sorted((mention.kind, mention.value) for mention in find_prices(text))


@pytest.mark.parametrize(
    ("text", "limit"),
    [
        ("headphones under 50", "50"),
        ("UNDER 50", "50"),
        ("< 50", "50"),
        ("<= 40", "40"),
        ("below 20 euros please", "20"),
        ("beneath 20", "20"),
        ("cheaper than 80", "80"),
        ("cheaper than 30 quid", "30"),
        ("less then 30 bucks", "30"),
        ("less than 12999.99", "12999.99"),
        ("max. $99.90", "99.9"),
        ("max.50", "50"),
        ("max: 50", "50"),
        ("maximum of 50", "50"),
        ("at most 30", "30"),
        ("at the most 30", "30"),
        ("something at most 12,50 €", "12.5"),
        ("up to €150", "150"),
        ("up to$150", "150"),
        ("up to 1k", "1000"),
        ("up to 1.5k", "1500"),
        ("under 14k", "14000"),
        ("under 4k euros", "4000"),
        ("no more than 1.299,00 €", "1299"),
        ("not more than 30", "30"),
        ("nothing over 40", "40"),
        ("nothing more expensive than 40", "40"),
        ("I don't want to spend more than 50", "50"),
        ("i dont wanna go over 70", "70"),
        ("it shouldn’t cost more than £75", "75"),
        ("not exceeding 100", "100"),
        ("my budget is 300", "300"),
        ("my budget's 300", "300"),
        ("a budget of around 200", "200"),
        ("budget: 200", "200"),
        ("i can only spend 50", "50"),
        ("i only have 30 euros", "30"),
        ("I have 80 euros to spend", "80"),
        ("willing to pay 90", "90"),
        ("within 50 euros", "50"),
        ("a gift for 60 euros", "60"),
        ("50 euros or less", "50"),
        ("80 or less", "80"),
        ("EUR 50 max", "50"),
        ("a kettle, 60 max", "60"),
        ("60 € tops", "60"),
        ("100 euro budget", "100"),
        ("about 80 euros at most", "80"),
        ("under a 100 eur", "100"),
        ("under 1.299", "1299"),
        ("under 1,299.00 dollars", "1299"),
        ("under 1'299 CHF", "1299"),
        ("under 1\u202f299,00 €", "1299"),
        ("under 1 299 €", "1299"),
        ("under 50,- €", "50"),
        ("under EUR 50", "50"),
        ("under US$ 40", "40"),
        ("under ₹5000", "5000"),
        ("cheaper than eur 20000", "20000"),
        ("under 1234567", "1234567"),
        ("below fifty", "50"),
        ("under a hundred", "100"),
        ("under twenty-five bucks", "25"),
        ("two hundred and fifty euros max", "250"),
        ("no more than a grand", "1000"),
        ("under five euros", "5"),
        ("under 3 euros", "3"),
    ],
)
def test_upper_limits(text: str, limit: str) -> None:
    assert prices(text) == [("price_max", limit)]


@pytest.mark.parametrize(
    ("text", "limit"),
    [
        ("over 200", "200"),
        ("at least £30", "30"),
        ("more than 1,000 euros", "1000"),
        ("more expensive than 200 euros", "200"),
        ("starting at 200 please", "200"),
        ("upwards of 70", "70"),
        ("not less than 40", "40"),
        ("nothing under 40", "40"),
        ("it should not be under 40", "40"),
        ("from 100 euros", "100"),
        ("100 € or more", "100"),
        ("100 and up", "100"),
        ("100+ euros", "100"),
        ("€100+", "100"),
        ("> 30", "30"),
    ],
)
def test_lower_limits(text: str, limit: str) -> None:
    assert prices(text) == [("price_min", limit)]


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [
        ("between 20 and 40 euros", "20", "40"),
        ("between 20 and 40", "20", "40"),
        ("my budget is between 20 and 40", "20", "40"),
        ("between $20-$40", "20", "40"),
        ("between thirty and fifty euros", "30", "50"),
        ("20-40 €", "20", "40"),
        ("10-20 quid", "10", "20"),
        ("€20 – €40", "20", "40"),
        ("€20 to €40", "20", "40"),
        ("from 99,50 to 149.99", "99.5", "149.99"),
        ("from 80 up to 120 euros", "80", "120"),
        ("price range 20 - 40", "20", "40"),
        ("prices: 20-30", "20", "30"),
        ("spending 500 to 900 on a laptop", "500", "900"),
        ("between 10000 and 20000 euros", "10000", "20000"),
        ("over 20 and under 50", "20", "50"),
        ("min 50 max 80", "50", "80"),
        ("minimum 30, maximum 70", "30", "70"),
        ("around 100", "80", "120"),
        ("for around 100 with a whistle", "80", "120"),
        ("about a hundred euros", "80", "120"),
        ("about 49.90 euros", "39.92", "59.88"),
        ("~50", "40", "60"),
        ("100ish", "80", "120"),
        ("around 100ish euros", "80", "120"),
        ("50 euros or so", "40", "60"),
    ],
)
def test_two_limits(text: str, low: str, high: str) -> None:
    assert prices(text) == [("price_max", high), ("price_min", low)]


@pytest.mark.parametrize(
    "text",
    [
        "at least 16 gb ram",
        "at least 16  GB",
        "within 3 days",
        "within 5 working days",
        "within 14",
        "under 5 kg",
        "over 15-inch",
        'over 27"',
        "more than 50% off",
        "at least 4.5 stars",
        "at least 4k resolution",
        "over 100 cm",
        "under 12s",
        "about 300 pages",
        "about 40 LPs",
        "around 10:30",
        "before 10 o'clock, at least 9 am",
        "between 2 and 4 people",
        "from 27 to 30 November",
        "from 20 to 30 cm",
        "for kids 6 and up",
        "at least one",
        "more than 1",
        "about 3",
        "20-40",
        "2-3 days",
        "I am 30",
        "from 30",
        "for 30",
        "the Drift 2",
        "tell me about 20",
        "between 40 and 20",
        "I'm between 38 and 39",
        "I bought it for 60 euros",
        "I was charged 60 euros",
        "the fifty kettles",
        "under 1/2 inch",
        "under " + "1" * 1_900,
        "under " + "1." * 900,
        "",
    ],
)
def test_numbers_that_are_no_prices(text: str) -> None:
    assert prices(text) == []


def test_the_amount_and_its_phrase_have_places() -> None:
    text = "show headphones under 50 euros now"
    (mention,) = find_prices(text)
    assert text[mention.start : mention.end] == "50 euros"
    assert mention.phrase_start == text.index("under")


def test_a_range_is_one_phrase() -> None:
    text = "headphones between 20 and 40 euros"
    low, high = find_prices(text)
    assert [text[item.start : item.end] for item in (low, high)] == ["20", "40 euros"]
    assert low.phrase_start == high.phrase_start == text.index("between")


def test_a_pasted_list_of_amounts_is_not_read_to_its_end() -> None:
    assert 0 < len(prices("under 50, " * 200)) < 50


@settings(deadline=None)
@given(st.decimals(min_value=1, max_value=999999, places=2))
def test_every_amount_is_exact(amount: Decimal) -> None:
    assert [Decimal(value) for _, value in prices(f"under {amount}")] == [amount]
    assert [Decimal(value) for _, value in prices(f"under {amount:,}")] == [amount]
