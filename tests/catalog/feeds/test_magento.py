from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shopllm_rasa.catalog import Variant
from shopllm_rasa.catalog.feeds.magento import _additional

COLUMNS = [
    "sku",
    "store_view_code",
    "attribute_set_code",
    "product_type",
    "categories",
    "product_websites",
    "name",
    "description",
    "short_description",
    "weight",
    "product_online",
    "tax_class_name",
    "visibility",
    "price",
    "special_price",
    "special_price_from_date",
    "special_price_to_date",
    "url_key",
    "meta_title",
    "meta_keywords",
    "meta_description",
    "base_image",
    "base_image_label",
    "small_image",
    "thumbnail_image",
    "created_at",
    "updated_at",
    "additional_attributes",
    "qty",
    "out_of_stock_qty",
    "use_config_min_qty",
    "allow_backorders",
    "use_config_backorders",
    "is_in_stock",
    "manage_stock",
    "use_config_manage_stock",
    "website_id",
    "related_skus",
    "additional_images",
    "bundle_price_type",
    "bundle_values",
    "configurable_variations",
    "configurable_variation_labels",
    "associated_skus",
]
BAG = {
    "sku": "24-MB01",
    "attribute_set_code": "Bag",
    "product_type": "simple",
    "categories": "Default Category/Gear,Default Category/Gear/Bags,Default Category/New",
    "name": "Day Duffle",
    "description": "<p>Carries <b>everything</b></p>",
    "short_description": "",
    "product_online": "1",
    "visibility": "Catalog, Search",
    "price": "34.000000",
    "url_key": "day-duffle",
    "base_image": "/m/b/mb01.jpg",
    "additional_attributes": (
        'activity=Gym|Travel,brand=Fell,ean=4006381333931,features_bags="Pockets, zips",has_options=0,ts_country=DE'
    ),
    "qty": "100.0000",
    "is_in_stock": "1",
}
JACKET = {
    "sku": "MJ01",
    "attribute_set_code": "Top",
    "product_type": "configurable",
    "categories": "Default Category/Men/Jackets",
    "name": "Beacon Jacket",
    "product_online": "1",
    "visibility": "Catalog, Search",
    "additional_attributes": "climate=Cool|Windy",
    "configurable_variations": "sku=MJ01-S-Blue,color=Blue,size=S|sku=MJ01-M-Red,color=Red,size=M",
    "configurable_variation_labels": "color=Color,size=Size",
}
SMALL = {
    "sku": "MJ01-S-Blue",
    "attribute_set_code": "Top",
    "product_type": "simple",
    "name": "Beacon Jacket-S-Blue",
    "product_online": "1",
    "visibility": "Not Visible Individually",
    "price": "56.99",
    "qty": "2",
    "is_in_stock": "1",
}
MEDIUM = {**SMALL, "sku": "MJ01-M-Red", "name": "Beacon Jacket-M-Red", "price": "51.00", "qty": "0", "is_in_stock": "0"}


def test_a_simple_product(read_rows) -> None:
    products, report = read_rows(COLUMNS, BAG)
    bag = products["24-MB01"]
    assert report.format == "magento"
    assert (bag.name, bag.brand, bag.description) == ("Day Duffle", "Fell", "Carries everything.")
    assert bag.categories == ("Gear", "Bags")
    assert (bag.price, bag.stock) == (Decimal(34), 100)
    assert (bag.url, bag.image) == ("/day-duffle.html", "/media/catalog/product/m/b/mb01.jpg")
    assert bag.attributes == {"activity": ("Gym", "Travel"), "features bags": "Pockets, zips"}
    assert bag.codes == ("4006381333931",)


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (3, 2, 1, 0), (1, 3, 0, 2)])
def test_choices_are_grouped_under_the_configurable_product(read_rows, order: tuple[int, ...]) -> None:
    rows = [SMALL, MEDIUM, JACKET, BAG]
    products, report = read_rows(COLUMNS, *(rows[number] for number in order))
    assert set(products) == {"MJ01", "24-MB01"}
    jacket = products["MJ01"]
    assert (jacket.name, jacket.price, jacket.stock) == ("Beacon Jacket", Decimal("51.00"), 2)
    assert jacket.attributes["climate"] == ("Cool", "Windy")
    assert set(jacket.attributes["color"]) == {"Blue", "Red"}
    variants = {variant.id: variant for variant in jacket.variants}
    assert variants["MJ01-S-Blue"] == Variant("MJ01-S-Blue", Decimal("56.99"), 2, {"color": "Blue", "size": "S"})
    assert variants["MJ01-M-Red"].stock == 0
    assert (report.rows, report.variants, report.left_out) == (4, 2, 0)


def test_choices_that_are_left_out(read_rows) -> None:
    products, report = read_rows(COLUMNS, JACKET, SMALL, {**MEDIUM, "product_online": "2"})
    assert (products["MJ01"].price, products["MJ01"].variants) == (Decimal("56.99"), ())
    assert [str(problem) for problem in report.problems] == ["line 4: it is disabled ('product_online')"]
    assert (report.rows, report.not_for_sale) == (3, 1)


def test_visible_choices_of_a_disabled_product_are_sold_alone(read_rows) -> None:
    products, report = read_rows(
        COLUMNS, {**JACKET, "product_online": "2"}, {**SMALL, "visibility": "Catalog, Search"}, MEDIUM
    )
    assert list(products) == ["MJ01-S-Blue"]
    assert [problem.line for problem in report.problems] == [2, 4]
    assert (report.rows, report.not_for_sale) == (3, 2)


@pytest.mark.parametrize(
    ("start", "end", "price"),
    [
        ("11/1/26, 12:00 AM", "12/24/26, 11:59 PM", "30.00"),
        ("2026-11-26 00:00:00", "", "34.000000"),
        ("", "11/24/2026", "34.000000"),
        ("", "", "30.00"),
    ],
)
def test_a_special_price_counts_on_its_days(read_rows, start: str, end: str, price: str) -> None:
    special = {"special_price": "30.00", "special_price_from_date": start, "special_price_to_date": end}
    products, _ = read_rows(COLUMNS, {**BAG, **special})
    assert products["24-MB01"].price == Decimal(price)


@pytest.mark.parametrize(
    ("change", "stock"),
    [
        ({"is_in_stock": "0", "qty": "5"}, 0),
        ({"qty": ""}, None),
        ({"qty": "0", "allow_backorders": "1"}, None),
        ({"qty": "-3", "allow_backorders": "0"}, 0),
        ({"manage_stock": "0", "use_config_manage_stock": "0"}, None),
    ],
)
def test_stock(read_rows, change: dict[str, str], stock: int | None) -> None:
    products, _ = read_rows(COLUMNS, {**BAG, **change})
    assert products["24-MB01"].stock == stock


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({**BAG, "sku": "B", "product_online": "2"}, "it is disabled ('product_online')"),
        ({**BAG, "store_view_code": "de", "name": "Tasche"}, "texts of the store view 'de'; the default ones are read"),
        (SMALL, "it is not visible individually, and a choice of no product for sale"),
        ({**BAG, "sku": "B", "product_type": "grouped"}, "a grouped product has no price; its parts are read"),
        ({**BAG, "sku": "B", "product_type": "bundle", "price": "0.000000"}, "a bundle without a fixed price"),
        ({**JACKET, "sku": "J"}, "none of its choices is in the feed and enabled"),
    ],
)  # fmt: skip
def test_what_the_shop_does_not_sell(read_rows, row: dict[str, str], reason: str) -> None:
    products, report = read_rows(COLUMNS, BAG, row)
    assert list(products) == ["24-MB01"]
    assert products["24-MB01"].name == "Day Duffle"
    assert [str(problem) for problem in report.problems] == [f"line 3: {reason}"]
    assert report.not_for_sale == 1


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({**BAG, "sku": ""}, "'sku' is missing"),
        ({**BAG, "sku": "B", "price": ""}, "'price' is missing (required: name, price)"),
        ({**BAG, "sku": "B", "qty": "many"}, "'stock' is many; expected a number from 0"),
        (BAG, "the id '24-MB01' is already used in line 2"),
    ],
)
def test_bad_rows(read_rows, row: dict[str, str], reason: str) -> None:
    products, report = read_rows(COLUMNS, BAG, row)
    assert list(products) == ["24-MB01"]
    assert [str(problem) for problem in report.problems] == [f"line 3: {reason}"]
    assert report.bad_rows == 1


@pytest.mark.parametrize(
    ("text", "attributes"),
    [
        ("", {}),
        ("color=Red", {"color": "Red"}),
        ("note=soft, warm,color=Red", {"note": "soft, warm", "color": "Red"}),
        ('note="5"" wide, color=red",size=M', {"note": '5" wide, color=red', "size": "M"}),
        ("a=1|2,b=", {"a": ["1", "2"]}),
        ("nonsense", {}),
    ],
)
def test_additional_attributes(text: str, attributes: dict[str, object]) -> None:
    assert _additional(text) == attributes


@given(st.dictionaries(st.from_regex(r"[a-z_]{1,8}", fullmatch=True), st.text(min_size=1, max_size=20)))
def test_quoted_attributes_come_back_as_they_were(attributes: dict[str, str]) -> None:
    quoted = {name: value.replace('"', '""') for name, value in attributes.items()}
    found = _additional(",".join(f'{name}="{value}"' for name, value in quoted.items()))
    for name, value in attributes.items():
        parts = [part.strip() for part in value.split("|") if part.strip()]
        assert found.get(name, []) == (parts[0] if len(parts) == 1 else parts)
