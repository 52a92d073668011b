from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shopllm_rasa.catalog.mentions import MAX_TEXT_CHARACTERS, Mention, MentionFinder
from shopllm_rasa.catalog.vocabulary import Vocabulary

FINDER = MentionFinder(
    Vocabulary(
        brands=["Sonavale", "Pottinger & Wren"],
        categories=["Headphones", "Bluetooth Speakers", "Tablets", "Dining Tables", "Kettles", "Dresses"],
        attributes={"colour": ["dark green", "green", "red"], "material": ["oak"]},
        products={
            "A-1": "Sonavale Drift 2 Headphones",
            "A-2": "Sonavale Reef Speaker",
            "A-3": "Sonavale Reef Speaker Mini",
            "A-4": "Glass Carafe",
        },
        words=["table", "green", "speaker", "heading"],
    )
)


def found(text: str, *kinds: str) -> list[tuple[str, str]]:
    return [(m.kind, m.value) for m in FINDER.find(text) if not kinds or m.kind in kinds]


def prices(text: str) -> list[tuple[str, str]]:
    return sorted(found(text, "price_min", "price_max"))


def one(text: str, kind: str) -> Mention:
    (mention,) = [mention for mention in FINDER.find(text) if mention.kind == kind]
    return mention


class TestPrices:
    @pytest.mark.parametrize(
        ("text", "limit"),
        [
            ("headphones under 50", "50"),
            ("cheaper than 80", "80"),
            ("max. $99.90", "99.9"),
            ("below 20 euros please", "20"),
            ("up to €150", "150"),
            ("my budget is 300", "300"),
            ("something at most 12,50 €", "12.5"),
            ("under 1.299,00 €", "1299"),
            ("under 1,299.00 dollars", "1299"),
            ("under 1.299", "1299"),
            ("less than 12999.99", "12999.99"),
            ("under 1234567", "1234567"),
            ("under EUR 50", "50"),
            ("cheaper than eur 20000", "20000"),
            ("50 euros or less", "50"),
            ("<= 40", "40"),
            ("max.50", "50"),
            ("a kettle, 60 max", "60"),
            ("UNDER 50", "50"),
        ],
    )
    def test_upper_limits(self, text: str, limit: str) -> None:
        assert prices(text) == [("price_max", limit)]

    @pytest.mark.parametrize(
        ("text", "limit"),
        [
            ("over 200", "200"),
            ("at least £30", "30"),
            ("more than 1,000 euros", "1000"),
            ("100 € or more", "100"),
        ],
    )
    def test_lower_limits(self, text: str, limit: str) -> None:
        assert prices(text) == [("price_min", limit)]

    @pytest.mark.parametrize(
        ("text", "low", "high"),
        [
            ("between 20 and 40 euros", "20", "40"),
            ("between 20 and 40", "20", "40"),
            ("20-40 €", "20", "40"),
            ("€20 – €40", "20", "40"),
            ("from 99,50 to 149.99", "99.5", "149.99"),
            ("between 10000 and 20000 euros", "10000", "20000"),
            ("around 100", "80", "120"),
            ("about 49.90 euros", "39.92", "59.88"),
        ],
    )
    def test_ranges(self, text: str, low: str, high: str) -> None:
        assert prices(text) == [("price_max", high), ("price_min", low)]
        assert not found(text, "order_number")

    def test_over_and_under_together(self) -> None:
        assert prices("over 20 and under 50") == [("price_max", "50"), ("price_min", "20")]

    @pytest.mark.parametrize(
        "text",
        [
            "at least 16 gb ram",
            "at least 16  GB",
            "within 3 days",
            "under 5 kg",
            "over 15-inch",
            'over 27"',
            "more than 50% off",
            "at least 4.5 stars",
            "between 2 and 4 people",
            "from 20 to 30 cm",
            "20-40",
            "2-3 days",
            "I am 30",
            "the Drift 2",
            "between 40 and 20",
            "under " + "1" * 1_900,
            "under " + "1." * 900,
            "",
        ],
    )
    def test_numbers_that_are_no_prices(self, text: str) -> None:
        assert prices(text) == []

    def test_the_amount_and_its_phrase_have_places(self) -> None:
        text = "show headphones under 50 euros now"
        mention = one(text, "price_max")
        assert text[mention.start : mention.end] == "50 euros"
        assert mention.phrase_start == text.index("under")

    @settings(deadline=None)
    @given(st.decimals(min_value=1, max_value=999999, places=2))
    def test_every_amount_is_exact(self, amount: Decimal) -> None:
        assert [Decimal(value) for _, value in prices(f"under {amount}")] == [amount]
        assert [Decimal(value) for _, value in prices(f"under {amount:,}")] == [amount]


class TestCodesSizesAndOrdinals:
    @pytest.mark.parametrize(
        ("text", "number"),
        [
            ("where is JV-17267?", "JV-17267"),
            ("where is jv17267", "JV-17267"),
            ("where is JV 17267", "JV-17267"),
            ("my order 17267 is late", "17267"),
            ("it is #172670", "172670"),
        ],
    )
    def test_order_numbers(self, text: str, number: str) -> None:
        assert found(text, "order_number") == [("order_number", number)]

    @pytest.mark.parametrize("text", ["and 20000", "to 20000", "EUR 20000", "2 orders", "in 2026", "iphone 15"])
    def test_numbers_that_are_no_orders(self, text: str) -> None:
        assert found(text, "order_number") == []

    def test_email(self) -> None:
        text = "write to Jane.Doe+shop@Mail.example.com."
        mention = one(text, "email")
        assert mention.value == "jane.doe+shop@mail.example.com"
        assert text[mention.start : mention.end] == "Jane.Doe+shop@Mail.example.com"

    @pytest.mark.parametrize(
        ("text", "size"),
        [
            ("in size 42", "42"),
            ("size 42.5 please", "42.5"),
            ("Size xl", "XL"),
            ("size is m", "M"),
            ("size eu 38", "38"),
            ("size medium", "MEDIUM"),
        ],
    )
    def test_sizes(self, text: str, size: str) -> None:
        assert found(text, "size") == [("size", size)]

    @pytest.mark.parametrize(
        ("text", "values"),
        [
            ("the second one", ["2"]),
            ("tell me about the first", ["1"]),
            ("the last one", ["-1"]),
            ("the 3rd please", ["3"]),
            ("number 4", ["4"]),
            ("option 2", ["2"]),
            ("#3", ["3"]),
            ("compare 1 and 3", ["1", "3"]),
            ("which is better, 2 or 4?", ["2", "4"]),
            ("compare the first and the second", ["1", "2"]),
        ],
    )
    def test_ordinals(self, text: str, values: list[str]) -> None:
        assert [value for _, value in found(text, "ordinal")] == values

    @pytest.mark.parametrize(
        "text",
        [
            "last week",
            "I ordered last Monday",
            "second hand",
            "second-hand",
            "first time here",
            "my last order",
            "1 and 3",
        ],
    )
    def test_words_that_pick_nothing(self, text: str) -> None:
        assert found(text, "ordinal") == []


class TestNames:
    @pytest.mark.parametrize(
        ("text", "category"),
        [
            ("headphones", "Headphones"),
            ("a headphone", "Headphones"),
            ("HEADPHONES!", "Headphones"),
            ("dining table", "Dining Tables"),
            ("a dress", "Dresses"),
            ("headphnoes", "Headphones"),
            ("hedphones", "Headphones"),
            ("ketttles", "Kettles"),
            ("bluetooth speaker", "Bluetooth Speakers"),
            ("speakers", "Bluetooth Speakers"),
        ],
    )
    def test_categories(self, text: str, category: str) -> None:
        assert found(text) == [("category", category)]

    @pytest.mark.parametrize(
        ("text", "exact"),
        [("sonavale", True), ("Sonavale's", True), ("sonavle", False), ("sonnavale", False)],
    )
    def test_brands(self, text: str, exact: bool) -> None:
        (mention,) = FINDER.find(text)
        assert (mention.kind, mention.value) == ("brand", "Sonavale")
        assert (mention.confidence == 1) is exact

    def test_brand_of_several_words(self) -> None:
        text = "anything by Pottinger & Wren?"
        mention = one(text, "brand")
        assert text[mention.start : mention.end] == "Pottinger & Wren"

    @pytest.mark.parametrize("text", ["a table", "my head phones", "heading", "able", "tale", "speaker"])
    def test_near_words_that_mean_something_else(self, text: str) -> None:
        assert found(text) == []

    def test_a_table_is_no_tablet_in_the_demo_shop(self, finder: MentionFinder) -> None:
        for text in ("I need a table", "tables", "a round table"):
            assert not [m for m in finder.find(text) if m.value == "Tablets"]
        assert [m.value for m in finder.find("I need a tablet")] == ["Tablets"]

    def test_the_longest_name_wins(self) -> None:
        assert found("dark green kettle") == [("attribute", "dark green"), ("category", "Kettles")]
        mention = one("in oak", "attribute")
        assert (mention.value, mention.role) == ("oak", "material")

    @pytest.mark.parametrize(
        ("text", "product_id"),
        [
            ("the sonavale drift 2 headphones", "A-1"),
            ("is the Sonavale Drift in stock", "A-1"),
            ("Sonavale Reef Speaker Mini", "A-3"),
        ],
    )
    def test_products_by_the_shortest_clear_name(self, text: str, product_id: str) -> None:
        assert one(text, "product").product_id == product_id

    def test_a_name_that_two_products_share_is_none(self) -> None:
        assert found("the sonavale reef", "product") == []

    def test_a_name_inside_an_address_is_none(self) -> None:
        assert found("mail tablets@shop.example") == [("email", "tablets@shop.example")]

    def test_an_empty_vocabulary_finds_numbers_only(self) -> None:
        mentions = MentionFinder(Vocabulary()).find("a red kettle under 50")
        assert [(m.kind, m.value) for m in mentions] == [("price_max", "50")]


def test_a_whole_request() -> None:
    assert found("sonavale headphones in red between 20 and 40 euros") == [
        ("brand", "Sonavale"),
        ("category", "Headphones"),
        ("attribute", "red"),
        ("price_min", "20"),
        ("price_max", "40"),
    ]


def test_only_the_beginning_of_an_endless_text_is_read() -> None:
    text = "headphones " + "x " * MAX_TEXT_CHARACTERS + " kettle"
    assert found(text) == [("category", "Headphones")]


def check_mentions(text: str) -> None:
    last = 0
    for mention in FINDER.find(text):
        assert 0 <= mention.start < mention.end <= len(text)
        assert 0 < mention.confidence <= 1
        assert mention.phrase_start is None or 0 <= mention.phrase_start <= mention.start
        if mention.kind in ("price_min", "price_max"):
            assert Decimal(mention.value).is_finite()
            assert text[mention.start : mention.end].strip()
        if mention.kind == "email":
            assert text[mention.start : mention.end].casefold() == mention.value
        if mention.kind in ("brand", "category", "attribute", "product"):
            assert mention.start >= last
            last = mention.end


PHRASES = """
under over between and to from max. at least around € $ 20 40 1.299,00 1,299.00 12999.99 gb size 42 second last one
compare headphones tablet sonavale dark green a@b.ie JV-17267 #17267 % ٤٢ İ ß ²
"""
phrases = st.sampled_from([*PHRASES.split(), "\u00a0"])


@settings(max_examples=400, deadline=None)
@given(st.text() | st.lists(phrases, max_size=12).map(" ".join) | st.lists(phrases, max_size=8).map("".join))
def test_no_text_fails_and_places_lie_in_the_text(text: str) -> None:
    check_mentions(text)
