from decimal import Decimal
from typing import Any

import pytest

from shopllm_rasa.catalog import Product
from shopllm_rasa.catalog.facts import (
    MAX_COMPARED_ATTRIBUTES,
    comparison_text,
    price_text,
    rating_text,
    stock_text,
    with_price,
)


def kettle(**values: Any) -> Product:
    return Product(**{"id": "K", "name": "Dome Kettle", "price": Decimal("59.9"), **values})


class TestStock:
    @pytest.mark.parametrize(
        ("stock", "text"),
        [
            (None, "I have no stock figures for this one: Dome Kettle."),
            (0, "Out of stock at the moment: Dome Kettle."),
            (1, "In stock, but only 1 left: Dome Kettle."),
            (3, "In stock, but only 3 left: Dome Kettle."),
            (4, "In stock (4 pieces): Dome Kettle."),
        ],
    )
    def test_each_state(self, stock: int | None, text: str) -> None:
        assert stock_text(kettle(stock=stock)) == text


class TestPrice:
    @pytest.mark.parametrize(
        ("price", "currency", "text"),
        [
            ("59.9", "EUR", "59.90 EUR"),
            ("0", "GBP", "0.00 GBP"),
            ("1234567.89", "USD", "1234567.89 USD"),
        ],
    )
    def test_two_decimals_and_the_currency(self, price: str, currency: str, text: str) -> None:
        assert price_text(kettle(price=Decimal(price), currency=currency)) == f"Dome Kettle: {text}."


class TestRating:
    @pytest.mark.parametrize(
        ("rating", "count", "text"),
        [
            (4.25, 12, "12 customers rate it 4.2 out of 5."),
            (5.0, 1, "1 customer rates it 5.0 out of 5."),
            (0.0, 2, "2 customers rate it 0.0 out of 5."),
            (4.5, 0, ""),
            (None, 7, ""),
        ],
    )
    def test_only_what_customers_said(self, rating: float | None, count: int, text: str) -> None:
        assert rating_text(kettle(rating=rating, rating_count=count)) == text


class TestWithPrice:
    def test_all_fields(self) -> None:
        product = kettle(brand="Brackenmill", rating=3.9, rating_count=301, stock=9)
        assert with_price(product, "Boils water.", ["Colour: cream", "Sizes: 1 L, 1.7 L"]) == (
            "Dome Kettle by Brackenmill, 59.90 EUR\n\nBoils water.\n\n- Colour: cream\n- Sizes: 1 L, 1.7 L\n\n"
            "301 customers rate it 3.9 out of 5. In stock (9 pieces)."
        )

    def test_a_bare_product(self) -> None:
        assert with_price(kettle(), "") == "Dome Kettle, 59.90 EUR"

    def test_a_brand_that_is_part_of_the_name(self) -> None:
        text = with_price(kettle(name="BRACKENMILL Dome Kettle", brand="Brackenmill"), "")
        assert text == "BRACKENMILL Dome Kettle, 59.90 EUR"

    @pytest.mark.parametrize(
        ("stock", "text"),
        [(0, "Out of stock at the moment."), (2, "Only 2 left."), (30, "In stock (30 pieces).")],
    )
    def test_stock(self, stock: int, text: str) -> None:
        assert with_price(kettle(stock=stock), "").splitlines()[-1] == text


class TestComparison:
    ONE = kettle(
        id="1",
        name="Dome",
        price=Decimal("59.95"),
        brand="Brackenmill",
        rating=3.9,
        rating_count=418,
        stock=0,
        attributes={"colour": "sage", "volume": "1.7 L"},
    )
    TWO = kettle(id="2", name="Vetro", price=Decimal("49.50"), stock=22, attributes={"volume": "1.5 L"})

    def test_a_line_for_each_property(self) -> None:
        assert comparison_text([self.ONE, self.TWO]).splitlines() == [
            "Dome vs Vetro",
            "- price: 59.95 EUR | 49.50 EUR",
            "- rating: 3.9 of 5 (418) | none yet",
            "- brand: Brackenmill | -",
            "- volume: 1.7 L | 1.5 L",
            "- colour: sage | -",
            "- in stock: no | yes (22)",
            "Cheapest, by 10.45 EUR: Vetro.",
        ]

    def test_what_none_has_is_left_out(self) -> None:
        text = comparison_text([kettle(name="A"), kettle(name="B", price=Decimal(1))])
        assert text.splitlines() == ["A vs B", "- price: 59.90 EUR | 1.00 EUR", "Cheapest, by 58.90 EUR: B."]

    def test_no_cheapest_among_equal_prices(self) -> None:
        assert "Cheapest" not in comparison_text([self.ONE, kettle(price=Decimal("59.95"))])

    def test_no_cheapest_among_different_currencies(self) -> None:
        assert "Cheapest" not in comparison_text([self.ONE, kettle(currency="USD", price=Decimal(1))])

    def test_no_cheapest_where_two_share_the_lowest_price(self) -> None:
        text = comparison_text([kettle(name="A", price=Decimal(1)), kettle(name="B", price=Decimal(1)), self.ONE])
        assert "Cheapest, by" not in text

    def test_of_three_the_distance_is_to_the_next(self) -> None:
        dear = kettle(name="Dear", price=Decimal(99))
        text = comparison_text([dear, self.TWO, self.ONE])
        assert text.startswith("Dear vs Vetro vs Dome\n")
        assert text.endswith("Cheapest, by 10.45 EUR: Vetro.")

    def test_many_attributes_are_cut_and_shared_ones_come_first(self) -> None:
        many = {f"a{number}": str(number) for number in range(20)}
        rows = comparison_text([kettle(attributes=many), kettle(attributes={"a19": "x", "a18": "y"})]).splitlines()
        names = [row.removeprefix("- ").split(":")[0] for row in rows[2:]]
        assert len(names) == MAX_COMPARED_ATTRIBUTES
        assert set(names[:2]) == {"a18", "a19"}
