from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shopllm_rasa.catalog import Product
from shopllm_rasa.errors import SearchError
from shopllm_rasa.retrieval import Filters


def product(**values: object) -> Product:
    defaults = {
        "id": "A-1",
        "name": "Dining Table",
        "price": Decimal("89.00"),
        "brand": "Stellan",
        "categories": ("Furniture", "Dining Tables"),
        "stock": 3,
        "attributes": {"colour": "dark green", "material": "solid oak, steel", "sizes": ("41", "42.5")},
    }
    return Product(**{**defaults, **values})  # type: ignore[arg-type]


class TestAllow:
    @pytest.mark.parametrize(
        "filters",
        [
            {},
            {"price_min": 89},
            {"price_max": "89.00"},
            {"price_min": 80, "price_max": 90.5},
            {"brands": "stellan"},
            {"brands": ["Casaro", "STELLAN"]},
            {"categories": ["furniture"]},
            {"categories": "dining tables"},
            {"in_stock": True},
            {"attributes": {"material": "oak"}},
            {"attributes": {"material": "Solid Oak"}},
            {"attributes": {"": "steel"}},
            {"attributes": {"color": "green"}},
            {"attributes": {"Colour": "GREEN"}},
            {"attributes": {"sizes": "42.5"}},
            {"attributes": {"sizes": "42,5"}},
            {"attributes": {"sizes": "41", "colour": "green"}},
        ],
    )
    def test_what_fits(self, filters: dict[str, object]) -> None:
        assert Filters.from_dict(filters).allow(product())

    @pytest.mark.parametrize(
        "filters",
        [
            {"price_min": "89.01"},
            {"price_max": "88.99"},
            {"brands": ["Casaro"]},
            {"brands": "Stell"},
            {"categories": ["Tables"]},
            {"attributes": {"material": "steel oak"}},
            {"attributes": {"colour": "red"}},
            {"attributes": {"weight": "green"}},
            {"attributes": {"": "teel"}},
            {"attributes": {"sizes": "42"}},
            {"attributes": {"sizes": "5"}},
            {"attributes": {"sizes": "41", "colour": "red"}},
        ],
    )
    def test_what_does_not_fit(self, filters: dict[str, object]) -> None:
        assert not Filters.from_dict(filters).allow(product())

    @pytest.mark.parametrize(("stock", "fits"), [(0, False), (1, True), (None, True)])
    def test_stock(self, stock: int | None, fits: bool) -> None:
        assert Filters(in_stock=True).allow(product(stock=stock)) is fits
        assert Filters().allow(product(stock=stock))

    def test_a_word_is_not_found_inside_another(self) -> None:
        smart = product(attributes={"kind": "smart watch"})
        assert not Filters(attributes={"": "art"}).allow(smart)
        assert Filters(attributes={"": "smart"}).allow(smart)

    @given(price=st.decimals(0, 999, places=2), low=st.decimals(0, 999, places=2), high=st.decimals(0, 999, places=2))
    def test_prices_are_inclusive_limits(self, price: Decimal, low: Decimal, high: Decimal) -> None:
        low, high = min(low, high), max(low, high)
        allowed = Filters(price_min=low, price_max=high).allow(product(price=price))
        assert allowed is (low <= price <= high)


class TestWrongValues:
    def test_unknown_filter(self) -> None:
        with pytest.raises(SearchError) as caught:
            Filters.from_dict({"colour": "red"})
        assert str(caught.value) == (
            "Unknown filter 'colour'. Known filters: price_min, price_max, currency, brands, categories, attributes, "
            "in_stock, min_rating, exclude_brands, exclude_categories, exclude_words."
        )

    def test_contradictory_limits(self) -> None:
        with pytest.raises(SearchError, match="price_min 50 is above price_max 20; no product can fit"):
            Filters.from_dict({"price_min": 50, "price_max": 20})

    @pytest.mark.parametrize("name", ["price_min", "price_max"])
    @pytest.mark.parametrize("value", ["cheap", "", [], -1, "NaN", float("inf")])
    def test_amounts_that_are_none(self, name: str, value: object) -> None:
        with pytest.raises(SearchError, match=rf"'{name}' is .*; expected an amount"):
            Filters.from_dict({name: value})

    @pytest.mark.parametrize("name", ["brands", "categories"])
    @pytest.mark.parametrize("value", [None, 5, [5], {"a": "b"}])
    def test_lists_that_are_none(self, name: str, value: object) -> None:
        with pytest.raises(SearchError, match=rf"'{name}' is .*; expected a text or a list of texts"):
            Filters.from_dict({name: value})

    @pytest.mark.parametrize("value", [None, "red", {"colour": 5}, {"colour": ["red"]}])
    def test_attributes_that_are_none(self, value: object) -> None:
        with pytest.raises(SearchError, match=r"'attributes' is .*; expected names with a text each"):
            Filters.from_dict({"attributes": value})


def test_filters_without_a_condition_are_false() -> None:
    assert not Filters()
    assert not Filters.from_dict({})
    assert Filters(in_stock=True)
    assert Filters(price_min=Decimal(0))


def test_filters_in_words() -> None:
    filters = Filters(
        price_min=Decimal(20),
        price_max=Decimal("49.90"),
        brands=("Casaro",),
        categories=("Kettles",),
        attributes={"colour": "red", "": "steel"},
        in_stock=True,
    )
    assert filters.describe() == ["Kettles", "Casaro", "colour: red", "steel", "from 20", "up to 49.90", "in stock"]
    assert Filters().describe() == []


class TestRelaxations:
    def test_attributes_go_first_then_brand_then_price(self) -> None:
        filters = Filters(Decimal(5), Decimal(9), None, ("Casaro",), ("Kettles",), {"colour": "red"}, in_stock=True)
        steps = filters.relaxations()
        assert [name for name, _ in steps] == ["attributes", "brand", "price"]
        assert steps[0][1] == Filters(Decimal(5), Decimal(9), None, ("Casaro",), ("Kettles",), {}, in_stock=True)
        assert steps[1][1] == Filters(Decimal(5), Decimal(9), None, (), ("Kettles",), {}, in_stock=True)
        assert steps[2][1] == Filters(None, None, None, (), ("Kettles",), {}, in_stock=True)

    def test_only_what_is_there_is_given_up(self) -> None:
        assert [name for name, _ in Filters(price_max=Decimal(9)).relaxations()] == ["price"]
        assert Filters(categories=("Kettles",), in_stock=True).relaxations() == []
