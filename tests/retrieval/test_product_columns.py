"""Columns give for every filter what `Filters.allow` says of each product."""

from collections import Counter
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from shopllm_rasa.catalog import Product
from shopllm_rasa.catalog.product import Variant
from shopllm_rasa.errors import SearchError
from shopllm_rasa.retrieval.filters import Filters, attribute_pairs, offers
from shopllm_rasa.retrieval.product_columns import ColumnsWriter, ProductColumns


def shoe(number: int, *sizes: tuple[str, str, int | None]) -> Product:
    variants = tuple(
        Variant(f"S-{number}-{size}", Decimal(price), stock, {"sizes": size}) for size, price, stock in sizes
    )
    return Product(
        f"S-{number}",
        f"Trail shoe {number}",
        min(variant.price for variant in variants),
        "USD",
        "Fellrun",
        ("Shoes", "Running Shoes"),
        attributes={"sizes": tuple(variant.attributes["sizes"] for variant in variants), "colour": "Night Blue"},  # type: ignore[misc]
        variants=variants,
    )


@pytest.fixture(scope="module")
def products(demo_catalog: list[Product]) -> list[Product]:
    rated = [replace(product, rating=None, rating_count=0) for product in demo_catalog[:20]]
    shoes = [shoe(1, ("42", "50.00", 0), ("43", "90.00", 5)), shoe(2, ("42", "80.00", None))]
    return [*rated, *shoes, *demo_catalog[20:]]


def written(folder: Path, products: list[Product]) -> ProductColumns:
    writer = ColumnsWriter()
    for product in products:
        writer.add(product)
    writer.write(folder)
    return ProductColumns.load(folder)


@pytest.fixture(scope="module")
def columns(products: list[Product], tmp_path_factory: pytest.TempPathFactory) -> ProductColumns:
    return written(tmp_path_factory.mktemp("columns"), products)


FILTERS = [
    {"price_min": 20, "price_max": "49.95"},
    {"price_max": "49.949"},
    {"currency": "eur"},
    {"currency": "USD", "price_max": 60},
    {"brands": ["fellRUN", "Sonavale"]},
    {"exclude_brands": ["Sonavale"]},
    {"categories": ["audio"]},
    {"exclude_categories": ["Audio", "Shoes"]},
    {"attributes": {"color": "blue"}},
    {"attributes": {"": "bluetooth"}},
    {"attributes": {"sizes": "42"}, "in_stock": True},
    {"attributes": {"sizes": "42"}, "price_max": 60},
    {"attributes": {"sizes": "42", "colour": "blue"}},
    {"min_rating": 4.2},
    {"exclude_words": ["wireless", "noise cancelling"]},
    {"in_stock": True, "price_max": 100, "exclude_words": ["pink"], "brands": ["Sonavale", "Ohmlark", "Casaro"]},
]


@pytest.mark.parametrize("values", FILTERS, ids=str)
def test_the_same_products_as_one_by_one(
    columns: ProductColumns, products: list[Product], values: dict[str, object]
) -> None:
    filters = Filters.from_dict(values)
    mask = columns.allowed(filters)
    assert mask is not None
    assert mask.tolist() == [filters.allow(product) for product in products]
    assert 0 < mask.sum() < len(products)


def test_no_condition_allows_all(columns: ProductColumns) -> None:
    assert columns.allowed(Filters()) is None


def test_a_currency_that_no_product_has(columns: ProductColumns) -> None:
    with pytest.raises(SearchError, match=r"^No product has a price in GBP; the prices are in EUR, USD\.$"):
        columns.allowed(Filters(currency="gbp"))


def test_rows_that_are_kept_are_as_if_written_anew(
    columns: ProductColumns, products: list[Product], tmp_path: Path
) -> None:
    kept = np.array([row for row in range(len(products)) if row % 3 != 1])
    writer = ColumnsWriter()
    writer.add_kept(columns, kept)
    writer.add(products[1])
    writer.write(tmp_path)
    loaded, now = ProductColumns.load(tmp_path), [*(products[row] for row in kept), products[1]]
    for values in FILTERS:
        filters = Filters.from_dict(values)
        mask = loaded.allowed(filters)
        assert mask is not None
        assert mask.tolist() == [filters.allow(product) for product in now]
    rows = np.arange(len(now))
    assert loaded.prices(rows).tolist() == [int(product.price * 10_000) for product in now]
    assert loaded.rating_counts(rows).tolist() == [product.rating_count for product in now]


def test_facets_count_the_allowed_products(columns: ProductColumns, products: list[Product]) -> None:
    filters = Filters(price_max=Decimal(60), in_stock=True)
    facets = columns.facets(columns.allowed(filters), limit=1000)
    fitting = [product for product in products if filters.allow(product)]
    assert facets["brand"] == Counter(product.brand for product in fitting if product.brand)
    assert facets["category"] == Counter(step for product in fitting for step in product.categories)
    colours = Counter(
        value.strip()
        for product in fitting
        for offer in offers(product)
        for name, value in set(attribute_pairs(offer.attributes))
        if name == "colour"
    )
    assert facets["colour"] == colours
    (commonest, *_), counts = list(facets["brand"]), list(facets["brand"].values())
    assert facets["brand"][commonest] == max(counts)
    assert len(columns.facets(None, limit=3)["category"]) == 3


def test_no_products(tmp_path: Path) -> None:
    empty = written(tmp_path, [])
    assert len(empty) == 0
    assert empty.facets(None) == {}
    mask = empty.allowed(Filters(brands=("X",), in_stock=True))
    assert mask is not None
    assert mask.tolist() == []
