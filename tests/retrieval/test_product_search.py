from collections.abc import Callable
from decimal import Decimal

import pytest

from shopllm_rasa.catalog.mentions import MentionFinder
from shopllm_rasa.errors import SearchError
from shopllm_rasa.retrieval import Filters, ProductIndex
from shopllm_rasa.retrieval.product_search import ProductQuery, SearchResult, read_query, search_products

Read = Callable[[str], ProductQuery]


@pytest.fixture
def read(finder: MentionFinder) -> Read:
    """Reads a message with the mentions of the demo catalogue."""
    return lambda text: read_query(text, finder.find(text))


class TestReadQuery:
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
            (
                "kettles over 20 and under 50",
                "kettles and",
                {"categories": "Kettles", "price_min": 20, "price_max": 50},
            ),
            ("a Nordbyte laptop", "a Nordbyte laptop", {"brands": "Nordbyte", "categories": "Laptops"}),
            ("black kettle", "black kettle", {"categories": "Kettles", "attributes": {"colour": "black"}}),
            ("kettles in stock", "kettles", {"categories": "Kettles", "in_stock": True}),
            ("tablets available now please", "tablets please", {"categories": "Tablets", "in_stock": True}),
            ("something nice", "something nice", {}),
        ],
    )
    def test_words_and_limits(self, read: Read, text: str, words: str, filters: dict[str, object]) -> None:
        query = read(text)
        assert query.filters == Filters.from_dict(filters)
        assert query.text == words

    def test_a_brand_that_the_product_is_for_is_no_limit(self, read: Read) -> None:
        assert read("a laptop stand for my Nordbyte").filters.brands == ()
        assert read("headphones like the Sonavale").filters.brands == ()
        assert read("headphones by Sonavale").filters.brands == ("Sonavale",)

    def test_limits_alone_are_searched_by_their_names(self, read: Read) -> None:
        assert read("under 50").text == "up to 50"

    def test_contradictory_limits(self, read: Read) -> None:
        with pytest.raises(SearchError, match="price_min 50 is above price_max 20; no product can fit"):
            read("kettles over 50 and under 20")


class TestSearchProducts:
    def search(self, index: ProductIndex, text: str, min_score: float = 0.25, **filters: object) -> SearchResult:
        return search_products(index, ProductQuery(text, Filters.from_dict(filters)), 5, min_score)

    def test_all_conditions_where_they_can_be_kept(self, product_index: ProductIndex) -> None:
        result = self.search(product_index, "headphones", categories="Headphones", price_max=100)
        assert result.relaxed == ()
        assert result.filters == Filters(categories=("Headphones",), price_max=Decimal(100))
        assert result.hits
        assert all(hit.product.price <= 100 and "Headphones" in hit.product.categories for hit in result.hits)

    def test_attributes_are_given_up_first(self, product_index: ProductIndex) -> None:
        result = self.search(
            product_index, "pink kettle", categories="Kettles", brands="Casaro", attributes={"colour": "pink"}
        )
        assert result.relaxed == ("attributes",)
        assert {hit.product.brand for hit in result.hits} == {"Casaro"}
        assert {hit.product.categories[-1] for hit in result.hits} == {"Kettles"}

    def test_then_the_brand_then_the_price(self, product_index: ProductIndex) -> None:
        result = self.search(product_index, "kettle", categories="Kettles", brands="Sonavale", price_max=60)
        assert result.relaxed == ("brand",)
        assert all(hit.product.price <= 60 for hit in result.hits)
        result = self.search(product_index, "kettle", categories="Kettles", brands="Sonavale", price_max=1)
        assert result.relaxed == ("brand", "price")
        assert {hit.product.categories[-1] for hit in result.hits} == {"Kettles"}

    def test_category_and_stock_are_never_given_up(self, product_index: ProductIndex) -> None:
        result = self.search(product_index, "kettle", categories="Sofas", price_max=1)
        assert result.hits == []
        assert result.relaxed == ("price",)
        assert result.filters == Filters(categories=("Sofas",), price_max=Decimal(1))
        hush = self.search(product_index, "Casaro Hush Quiet Boil Kettle", in_stock=True, brands="Casaro")
        assert "KIT-1391" not in [hit.product.id for hit in hush.hits]

    def test_what_is_too_far_from_the_words_is_no_hit(self, product_index: ProductIndex) -> None:
        assert self.search(product_index, "kettle", min_score=0.99).hits == []
        result = self.search(product_index, "kettle", min_score=0.3)
        assert result.hits
        assert all(hit.score >= 0.3 for hit in result.hits)

    @pytest.mark.parametrize("text", ["", " \n"])
    def test_no_words(self, product_index: ProductIndex, text: str) -> None:
        with pytest.raises(SearchError, match="The query is empty"):
            self.search(product_index, text)

    def test_words_of_100_kilobytes_are_searched(self, product_index: ProductIndex) -> None:
        assert self.search(product_index, "kettle " * 15_000, min_score=0).hits

    def test_from_a_message_to_products(self, product_index: ProductIndex, finder: MentionFinder) -> None:
        text = "Show me Ohmlark headphones between 50 and 300 euros in black"
        result = search_products(product_index, read_query(text, finder.find(text)), 5, 0.25)
        assert result.relaxed == ()
        assert {hit.product.id for hit in result.hits} == {"AUD-1216", "AUD-1328"}
