from decimal import Decimal

import pytest

from shopllm_rasa.catalog.mentions import MentionFinder
from shopllm_rasa.errors import SearchError
from shopllm_rasa.retrieval import Filters, ProductIndex
from shopllm_rasa.retrieval.product_search import SearchResult, search_products
from shopllm_rasa.retrieval.query_reading import ProductQuery


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
        assert self.search(product_index, "xylophone qzxv", min_score=0.99).hits == []
        # Unless its words match: the meaning of a part number is hardly any.
        assert all(hit.word_score >= 0.5 for hit in self.search(product_index, "kettle", min_score=0.99).hits)
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
        result = search_products(product_index, product_index.reader.read(text, finder.find(text)), 5, 0.25)
        assert result.relaxed == ()
        assert {hit.product.id for hit in result.hits} == {"AUD-1216", "AUD-1328"}
        assert all("brand Ohmlark" in hit.reasons for hit in result.hits)

    def test_an_order(self, product_index: ProductIndex) -> None:
        result = search_products(product_index, product_index.reader.read("the cheapest kettle"), 5)
        prices = [hit.product.price for hit in result.hits]
        assert result.sort == "price"
        assert prices == sorted(prices)
        assert prices[0] == min(p.price for p in product_index.products if p.categories[-1] == "Kettles")
        assert {hit.product.categories[-1] for hit in result.hits} == {"Kettles"}

    def test_an_order_the_shop_knows_nothing_of(self, product_index: ProductIndex, monkeypatch) -> None:
        monkeypatch.setattr(ProductIndex, "can_sort", lambda self, sort: sort != "rating")
        result = search_products(product_index, ProductQuery("kettle", sort="rating"), 3)
        assert (result.relaxed, result.sort, len(result.hits)) == (("sort",), None, 3)

    def test_fixed_conditions_are_never_given_up(self, product_index: ProductIndex) -> None:
        read = product_index.reader.read("a Sonavale kettle under 60")
        assert search_products(product_index, read, 5).relaxed == ("brand",)
        result = search_products(product_index, read, 5, fixed={"brands": ["Casaro"], "price_max": 5})
        assert (result.hits, result.relaxed) == ([], ())
        assert result.filters.brands == ("Casaro",)

    def test_fixed_conditions_win(self, product_index: ProductIndex) -> None:
        read = product_index.reader.read("kettles over 60, not from Casaro")
        result = search_products(product_index, read, 5, fixed=Filters(price_max=Decimal(50), brands=("Casaro",)))
        assert result.filters == Filters(price_max=Decimal(50), brands=("Casaro",), categories=("Kettles",))
        assert result.hits
        assert all(hit.product.brand == "Casaro" and hit.product.price <= 50 for hit in result.hits)

    def test_an_unknown_fixed_filter(self, product_index: ProductIndex) -> None:
        with pytest.raises(SearchError, match="Unknown filter 'colour'. Known filters: price_min, price_max, "):
            search_products(product_index, ProductQuery("kettle"), 5, fixed={"colour": "red"})
