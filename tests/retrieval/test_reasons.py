from decimal import Decimal

import pytest

from shopllm_rasa.catalog import Product
from shopllm_rasa.catalog.product import Variant
from shopllm_rasa.retrieval import Filters
from shopllm_rasa.retrieval.reasons import found_by

CASE = Product(
    "C-1",
    "Defender Case",
    Decimal("29.99"),
    brand="OtterBox",
    categories=("Phones", "Cases"),
    stock=3,
    rating=4.56,
    rating_count=210,
)


@pytest.mark.parametrize(
    ("filters", "reasons"),
    [
        ({}, []),
        ({"brands": "otterbox"}, ["brand OtterBox"]),
        ({"categories": "Phones"}, ["Cases"]),
        ({"price_max": 40}, ["costs 29.99 EUR, under 40"]),
        ({"price_min": 20}, ["costs 29.99 EUR, over 20"]),
        ({"price_min": 20, "price_max": "39.90"}, ["costs 29.99 EUR, between 20 and 39.90"]),
        ({"in_stock": True}, ["in stock"]),
        ({"attributes": {"colour": "red", "": "oak"}}, ["colour: red", "oak"]),
        ({"exclude_words": "pink"}, []),
    ],
)
def test_conditions(filters: dict[str, object], reasons: list[str]) -> None:
    assert list(found_by(CASE, Filters.from_dict(filters))) == [*reasons, "4.6 of 5 from 210 customers"]


def test_a_named_number() -> None:
    assert found_by(CASE, Filters(), by_code=True)[0] == "its number was named"


def test_the_price_is_that_of_a_variant_that_fits() -> None:
    variants = (Variant("C-1-S", Decimal(10)), Variant("C-1-L", Decimal(25)), Variant("C-1-XL", Decimal(28)))
    product = Product("C-1", "Case", Decimal(10), variants=variants)
    assert found_by(product, Filters.from_dict({"price_min": 20})) == ("costs 25.00 EUR, over 20",)


def test_no_ratings_and_one() -> None:
    assert found_by(Product("A", "Lamp", Decimal(5)), Filters()) == ()
    assert found_by(Product("A", "Lamp", Decimal(5), rating=5, rating_count=1), Filters()) == (
        "5.0 of 5 from 1 customer",
    )
