from collections.abc import Callable, Iterable
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shopllm_rasa.catalog import Product
from shopllm_rasa.catalog.mentions import Mention
from shopllm_rasa.errors import SearchError
from shopllm_rasa.retrieval import Filters
from shopllm_rasa.retrieval.lexical import LexicalIndex, write_lexical
from shopllm_rasa.retrieval.product_columns import ColumnsWriter, ProductColumns
from shopllm_rasa.retrieval.product_words import product_words
from shopllm_rasa.retrieval.query_reading import ProductQuery, QueryReader

Read = Callable[[str], ProductQuery]


def reader_of(products: Iterable[Product], folder: Path) -> QueryReader:
    """A reader for products, without their vectors."""
    folder.mkdir()
    items = list(products)
    columns = ColumnsWriter()
    for item in items:
        columns.add(item)
    columns.write(folder)
    write_lexical(folder, map(product_words, items))
    return QueryReader(ProductColumns.load(folder), LexicalIndex.load(folder, len(items)))


@pytest.fixture(scope="module")
def reader(demo_catalog: list[Product], tmp_path_factory: pytest.TempPathFactory) -> QueryReader:
    """Reads queries to the demo shop."""
    return reader_of(demo_catalog, tmp_path_factory.mktemp("demo") / "part")


def phone_shop() -> list[Product]:
    """A shop whose cases name the phones of other makers."""

    def product(number: int, name: str, brand: str, *categories: str, price: int = 20) -> Product:
        return Product(f"P-{number}", name, Decimal(price), brand=brand, categories=("Phones", *categories))

    names = [
        *(("Case", brand, f"{brand} - {kind} Case for Samsung Galaxy S7 - {colour}")
          for brand in ("OtterBox", "Speck", "Spigen")
          for kind in ("Slim", "Tough")
          for colour in ("Pink", "Black")),
        *(("Case", brand, f"{brand} - Case for Apple iPhone 7 Plus - Clear") for brand in ("OtterBox", "Speck")),
        ("iPhone 7 Cases", "Speck", "Speck - Presidio Case for Apple iPhone 7 - Clear"),
        ("Case", "Otterbox", "Otterbox - Wallet Case for Apple iPhone 7 - Black"),
        ("Case", "Spigen", "Spigen - Armor Case for Apple iPhone 7 - Gray"),
        ("Case", "Spigen", "Spigen - Thin Case for Apple iPhone 7 - Gray"),
        ("Wireless Chargers", "Samsung", "Samsung - Wireless Charger - Black"),
        ("Wireless Chargers", "Samsung", "Samsung - Fast Wireless Charger - White"),
        ("Smartphones", "Samsung", "Samsung - Galaxy S7 32GB - Black"),
        ("Smartphones", "Apple", "Apple - iPhone 7 128GB - Black"),
        ("Smartphones", "Boost Mobile", "Boost Mobile - Samsung Galaxy J3 Prepaid Phone"),
        ("Smartphones", "Boost Mobile", "Boost Mobile - LG K3 No-Contract Phone"),
        ("Smartphones", "Verizon Prepaid", "Verizon Prepaid - LG Zone 3 Prepaid Phone"),
        ("Smartphones", "Verizon", "Verizon - Jetpack Hotspot"),
        ("Case", "kate spade new york", "kate spade new york - Glitter Case for Apple iPhone 6"),
    ]  # fmt: skip
    return [product(number, name, brand, kind) for number, (kind, brand, name) in enumerate(names)]


@pytest.fixture(scope="module")
def phones(tmp_path_factory: pytest.TempPathFactory) -> QueryReader:
    """Reads queries to a shop for phones and cases."""
    return reader_of(phone_shop(), tmp_path_factory.mktemp("phones") / "part")


class TestLimits:
    @pytest.mark.parametrize(
        ("text", "words", "filters"),
        [
            ("headphones under 100 euros", "headphones", {"categories": "Headphones", "price_max": "100"}),
            (
                "headphones between 20 and 100 euros with a microphone",
                "headphones with a microphone",
                {"categories": "Headphones", "price_min": 20, "price_max": 100},
            ),
            (
                "a kettle for around 100 with a whistle",
                "a kettle for with a whistle",
                {"categories": "Kettles", "price_min": 80, "price_max": 120},
            ),
            (
                "running shoes in size 42 under 150 for women",
                "running shoes in for women",
                {"categories": "Running Shoes", "attributes": {"sizes": "42"}, "price_max": 150},
            ),
            ("kettles over 20 and under 50", "kettles", {"categories": "Kettles", "price_min": 20, "price_max": 50}),
            ("a Nordbyte laptop", "a Nordbyte laptop", {"brands": "Nordbyte", "categories": "Laptops"}),
            ("black kettle", "black kettle", {"categories": "Kettles", "attributes": {"colour": "black"}}),
            ("kettles in stock", "kettles", {"categories": "Kettles", "in_stock": True}),
            ("tablets available now please", "tablets", {"categories": "Tablets", "in_stock": True}),
            ("headphones with at least 4 stars", "headphones", {"categories": "Headphones", "min_rating": 4}),
            ("something nice", "something nice", {}),
        ],
    )
    def test_words_and_limits(self, reader: QueryReader, text: str, words: str, filters: dict[str, object]) -> None:
        query = reader.read(text)
        assert query.filters == Filters.from_dict(filters)
        assert query.text == words
        assert query.sort is None

    @pytest.mark.parametrize(
        ("text", "words", "filters"),
        [
            ("Can you recommend something for my dad who loves gardening?", "gardening", {}),
            ("I'm looking for a nice gift for my sister who runs, under 100", "runs", {"price_max": 100}),
            ("show me something to keep coffee warm at work please", "keep coffee warm at work", {}),
            ("a gift for my mum", "a gift for my mum", {}),
            ("recommend me something please", "recommend me something please", {}),
        ],
    )
    def test_a_wish_told_at_length(
        self, reader: QueryReader, text: str, words: str, filters: dict[str, object]
    ) -> None:
        query = reader.read(text)
        assert query.text == words
        assert query.filters == Filters.from_dict(filters)

    def test_what_was_found_elsewhere_is_taken_over(self, reader: QueryReader) -> None:
        mentions = [Mention("price_max", "30", 14, 16, phrase_start=8), Mention("category", "Kettles", 0, 7)]
        query = reader.read("Kettles under 30 or so", mentions)
        assert query.filters == Filters(price_max=Decimal(30), categories=("Kettles",))
        assert query.text == "Kettles or so"

    def test_limits_alone_are_searched_by_their_names(self, reader: QueryReader) -> None:
        query = reader.read("under 50")
        assert (query.text, query.words) == ("up to 50", None)

    def test_contradictory_limits(self, reader: QueryReader) -> None:
        with pytest.raises(SearchError, match="price_min 50 is above price_max 20; no product can fit"):
            reader.read("kettles over 50 and under 20")

    @given(text=st.text(max_size=100))
    def test_any_text(self, reader: QueryReader, text: str) -> None:
        try:
            query = reader.read(text)
        except SearchError:
            return
        assert isinstance(query.filters, Filters)


class TestOrder:
    @pytest.mark.parametrize(
        ("text", "words", "sort"),
        [
            ("the cheapest kettle", "kettle", "price"),
            ("most expensive laptop", "laptop", "-price"),
            ("best rated headphones under 100", "headphones", "rating"),
            ("your bestsellers in lamps", "your in lamps", "popularity"),
        ],
    )
    def test_is_taken_out_of_the_words(self, reader: QueryReader, text: str, words: str, sort: str) -> None:
        query = reader.read(text)
        assert (query.text, query.sort) == (words, sort)

    def test_stars_are_no_price(self, reader: QueryReader) -> None:
        filters = reader.read("kettles over 4.5 stars under 60").filters
        assert (filters.price_min, filters.price_max, filters.min_rating) == (None, Decimal(60), 4.5)


class TestExclusions:
    @pytest.mark.parametrize(
        ("text", "words", "filters"),
        [
            ("a kettle, not black", "a kettle", {"categories": "Kettles", "exclude_words": "black"}),
            ("no Casaro kettles", "kettles", {"categories": "Kettles", "exclude_brands": "Casaro"}),
            (
                "running shoes size 42, not red or blue, under 150",
                "running shoes",
                {
                    "categories": "Running Shoes",
                    "attributes": {"sizes": "42"},
                    "price_max": 150,
                    "exclude_words": ["red", "blue"],
                },
            ),
            (
                "headphones that are not wireless",
                "headphones",
                {"categories": "Headphones", "exclude_words": "wireless"},
            ),
        ],
    )
    def test_of_words_and_names(self, reader: QueryReader, text: str, words: str, filters: dict[str, object]) -> None:
        query = reader.read(text)
        assert query.filters == Filters.from_dict(filters)
        assert query.text == words

    def test_what_no_product_has_is_no_exclusion(self, reader: QueryReader) -> None:
        query = reader.read("a kettle that does not need qzxv, no qzxvw")
        assert query.filters.exclude_words == ()
        assert "qzxvw" in query.text

    def test_an_exclusion_that_leaves_nothing_is_the_wish(self, phones: QueryReader) -> None:
        query = phones.read("no contract phone")
        assert query.filters.exclude_words == ()
        assert query.text == "no contract phone"

    def test_all_lines_of_a_brand(self, phones: QueryReader) -> None:
        filters = phones.read("prepaid phone, no verizon").filters
        assert set(filters.exclude_brands) == {"Verizon", "Verizon Prepaid"}

    def test_a_brand_is_excluded_whoever_sells_it(self, phones: QueryReader) -> None:
        filters = phones.read("phone, not samsung").filters
        kept = {product.name for product in phone_shop() if filters.allow(product)}
        assert "Boost Mobile - Samsung Galaxy J3 Prepaid Phone" not in kept
        assert "Samsung - Wireless Charger - Black" not in kept
        assert "Speck - Slim Case for Samsung Galaxy S7 - Pink" in kept


class TestBrands:
    def test_the_issue_in_one_query(self, phones: QueryReader) -> None:
        query = phones.read("otterbox for my galaxy s7 under 40 bucks, not pink")
        assert query.filters == Filters(brands=("OtterBox",), price_max=Decimal(40), exclude_words=("pink",))
        assert query.text == "otterbox for my galaxy s7"

    @pytest.mark.parametrize(
        ("text", "brands"),
        [
            ("case for my samsung", ()),
            ("samsung galaxy s7 case", ()),  # others make them
            ("apple iphone 7 case", ()),
            ("samsung wireless charger", ("Samsung",)),
            ("speck case for samsung galaxy s7", ("Speck",)),
            ("charger by samsung", ("Samsung",)),
            ("spigen or speck case", ("Spigen", "Speck")),
            ("samsung", ("Samsung",)),
            ("kate spade case", ("kate spade new york",)),
            ("otterbx case", ("OtterBox",)),
            ("lg prepaid phone", ()),
        ],
    )
    def test_who_makes_it_and_what_it_is_for(self, phones: QueryReader, text: str, brands: tuple[str, ...]) -> None:
        assert phones.read(text).filters.brands == brands

    def test_of_the_demo_shop(self, reader: QueryReader) -> None:
        assert reader.read("a laptop stand for my Nordbyte").filters.brands == ()
        assert reader.read("headphones like the Sonavale").filters.brands == ()
        assert reader.read("headphones by Sonavale").filters.brands == ("Sonavale",)


class TestCategories:
    def test_one_that_holds_few_of_its_kind_is_no_limit(self, phones: QueryReader) -> None:
        assert phones.read("iphone 7 cases").filters.categories == ()
        assert phones.read("wireless chargers").filters.categories == ("Wireless Chargers",)

    def test_one_that_something_is_for_is_no_limit(self, reader: QueryReader) -> None:
        assert reader.read("something for a laptop").filters.categories == ()


class TestSpelling:
    @pytest.mark.parametrize(
        ("written", "words"),
        [
            ("wirless chargr", "wireless charger"),
            ("prepiad phone", "prepaid phone"),
            ("otterbox walet case", "otterbox wallet case"),
            ("wooden chargers in size XL", "wooden chargers in size XL"),  # English words, and no shop for sizes
            ("HLCRIO124 wh-1000xm2", "HLCRIO124 wh-1000xm2"),
        ],
    )
    def test_typos_of_the_shops_words(self, phones: QueryReader, written: str, words: str) -> None:
        assert phones.read(written).text == words

    def test_compounds_are_looked_up_in_both_ways(self, tmp_path: Path) -> None:
        names = ("Leather smartwatch strap", "Portable power bank")
        reader = reader_of((Product(name[0], name, Decimal(5)) for name in names), tmp_path / "part")
        assert "smartwatch" in (reader.read("strap for my smart watch").words or ())
        assert {"power", "bank"} <= set(reader.read("powerbank").words or ())

    def test_a_model_without_its_variant_is_a_word_of_its_own(self, phones: QueryReader) -> None:
        assert "7=" in (phones.read("iphone 7 case").words or ())
        assert "7+plus" in (phones.read("iphone 7 plus case").words or ())
        assert "9=" not in (phones.read("iphone 9 case").words or ())
