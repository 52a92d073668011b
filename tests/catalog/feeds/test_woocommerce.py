from decimal import Decimal

import pytest

from shopllm_rasa.catalog import Variant
from shopllm_rasa.settings import CatalogSettings

COLUMNS = [
    "ID", "Type", "SKU", "GTIN, UPC, EAN, or ISBN", "Name", "Published", "Is featured?", "Visibility in catalog",
    "Short description", "Description", "Date sale price starts", "Date sale price ends", "Tax status", "Tax class",
    "In stock?", "Stock", "Low stock amount", "Backorders allowed?", "Sold individually?", "Weight (kg)",
    "Length (cm)", "Width (cm)", "Height (cm)", "Allow customer reviews?", "Purchase note", "Sale price",
    "Regular price", "Categories", "Tags", "Shipping class", "Images", "Download limit", "Download expiry days",
    "Parent", "Grouped products", "Upsells", "Cross-sells", "External URL", "Button text", "Position", "Brands",
    "Attribute 1 name", "Attribute 1 value(s)", "Attribute 1 visible", "Attribute 1 global", "Attribute 1 default",
    "Attribute 2 name", "Attribute 2 value(s)", "Attribute 2 visible", "Attribute 2 global",
]  # fmt: skip
KETTLE = {
    "ID": "7",
    "Type": "simple",
    "SKU": "K-7",
    "GTIN, UPC, EAN, or ISBN": "4006381333931",
    "Name": "Dome Kettle &amp; Stand",
    "Published": "1",
    "Visibility in catalog": "visible",
    "Short description": "<p>Boils fast.</p>",
    "Description": "<h2>Details</h2><p>Boils a litre in two minutes</p>",
    "In stock?": "1",
    "Stock": "4",
    "Weight (kg)": "1.2",
    "Length (cm)": "20",
    "Width (cm)": "15",
    "Height (cm)": "25",
    "Regular price": "59.95",
    "Categories": "Gifts, Kitchen > Kettles\\, electric, Kitchen",
    "Images": "https://shop.example/1.jpg, https://shop.example/2.jpg",
    "Brands": "Casaro",
    "Attribute 1 name": "Colour",
    "Attribute 1 value(s)": "Cream\\, matt, Red",
    "Attribute 1 visible": "1",
    "Attribute 2 name": "Supplier",
    "Attribute 2 value(s)": "Northern Trading",
    "Attribute 2 visible": "0",
}
HOODIE = {
    "ID": "10",
    "Type": "variable",
    "SKU": "HOOD",
    "Name": "Hoodie",
    "Published": "1",
    "Visibility in catalog": "visible",
    "In stock?": "1",
    "Stock": "9",
    "Attribute 1 name": "Color",
    "Attribute 1 value(s)": "Blue, Green",
    "Attribute 1 visible": "1",
}
BLUE = {
    "ID": "11",
    "Type": "variation",
    "SKU": "HOOD-B",
    "Name": "Hoodie - Blue",
    "Published": "1",
    "In stock?": "1",
    "Stock": "2",
    "Regular price": "45",
    "Parent": "HOOD",
    "Attribute 1 name": "Color",
    "Attribute 1 value(s)": "Blue",
}
GREEN = {
    **BLUE,
    "ID": "12",
    "SKU": "HOOD-G",
    "Regular price": "39.5",
    "Stock": "1",
    "Parent": "id:10",
    "Attribute 1 value(s)": "Green",
}


def test_a_simple_product(read_rows) -> None:
    products, report = read_rows(COLUMNS, KETTLE)
    kettle = products["K-7"]
    assert report.format == "woocommerce"
    assert kettle.name == "Dome Kettle & Stand"
    assert (kettle.brand, kettle.categories) == ("Casaro", ("Kitchen", "Kettles, electric"))
    assert kettle.description == "Boils fast. Details: Boils a litre in two minutes."
    assert (kettle.price, kettle.stock, kettle.image) == (Decimal("59.95"), 4, "https://shop.example/1.jpg")
    assert kettle.attributes == {
        "Colour": ("Cream, matt", "Red"),
        "weight": "1.2 kg",
        "dimensions": "20 x 15 x 25 cm",
    }
    assert kettle.codes == ("4006381333931",)


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (3, 2, 1, 0), (2, 0, 3, 1)])
def test_variations_find_their_parent_wherever_it_stands(read_rows, order: tuple[int, ...]) -> None:
    rows = [HOODIE, BLUE, GREEN, KETTLE]
    products, report = read_rows(COLUMNS, *(rows[number] for number in order))
    assert set(products) == {"K-7", "HOOD"}
    hoodie = products["HOOD"]
    assert (hoodie.price, hoodie.stock, hoodie.attributes) == (Decimal("39.5"), 3, {"Color": ("Blue", "Green")})
    variants = {variant.id: variant for variant in hoodie.variants}
    assert variants["HOOD-G"] == Variant("HOOD-G", Decimal("39.5"), 1, {"Color": "Green"})
    assert (report.rows, report.variants, report.left_out) == (4, 2, 0)


def test_variations_that_are_left_out(read_rows) -> None:
    bad_date = {"Sale price": "5", "Date sale price ends": "soon"}
    rows = [HOODIE, BLUE, {**GREEN, "Published": "-1"}, {**GREEN, "SKU": "HOOD-R", "ID": "13", **bad_date}]
    products, report = read_rows(COLUMNS, *rows)
    assert (products["HOOD"].price, products["HOOD"].variants, products["HOOD"].codes) == (Decimal(45), (), ("HOOD-B",))
    assert [str(problem) for problem in report.problems] == [
        "line 4: the variation is not published",
        "line 5: 'soon' is no date such as 2026-11-25",
    ]
    assert (report.rows, report.not_for_sale, report.bad_rows) == (4, 1, 1)


def test_stock_that_the_parent_keeps(read_rows) -> None:
    rows = [{**row, "Stock": "parent"} for row in (BLUE, GREEN)]
    products, _ = read_rows(COLUMNS, HOODIE, *rows)
    assert products["HOOD"].stock == 9
    assert [variant.stock for variant in products["HOOD"].variants] == [None, None]


@pytest.mark.parametrize(
    ("change", "stock"),
    [
        ({"In stock?": "0", "Stock": ""}, 0),
        ({"In stock?": "1", "Stock": ""}, None),
        ({"In stock?": "backorder", "Stock": "0"}, None),
        ({"In stock?": "1", "Stock": "-2"}, None),
        ({"In stock?": "1", "Stock": "2.5"}, 2),
    ],
)
def test_stock(read_rows, change: dict[str, str], stock: int | None) -> None:
    products, _ = read_rows(COLUMNS, {**KETTLE, **change})
    assert products["K-7"].stock == stock


@pytest.mark.parametrize(
    ("start", "end", "price"),
    [
        ("", "", "49.95"),
        ("2026-11-25 00:00:00", "", "49.95"),
        ("2026-11-26", "", "59.95"),
        ("2026-01-01T00:00:00", "2026-11-25T23:59:59", "49.95"),
        ("2026-01-01", "2026-11-24", "59.95"),
    ],
)
def test_a_sale_price_counts_on_its_days(read_rows, start: str, end: str, price: str) -> None:
    dates = {"Date sale price starts": start, "Date sale price ends": end}
    products, _ = read_rows(COLUMNS, {**KETTLE, **dates, "Sale price": "49.95"})
    assert products["K-7"].price == Decimal(price)


def test_a_comma_as_decimal_sign(read_rows) -> None:
    products, _ = read_rows(COLUMNS, {**KETTLE, "Regular price": "1.299,00"})
    assert products["K-7"].price == Decimal("1299.00")
    products, report = read_rows(COLUMNS, {**KETTLE, "Regular price": "1.299"}, settings=CatalogSettings(decimal=","))
    assert products["K-7"].price == Decimal(1299)
    assert report.format == "woocommerce"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"Published": "-1"}, "it is draft ('Published' is '-1')"),
        ({"Published": "0"}, "it is private ('Published' is '0')"),
        ({"Visibility in catalog": "hidden"}, "it is hidden from catalogue and search"),
        ({"Type": "grouped"}, "a grouped product has no price; its parts are read"),
    ],
)
def test_what_the_shop_does_not_sell(read_rows, change: dict[str, str], reason: str) -> None:
    _, report = read_rows(COLUMNS, {**KETTLE, "SKU": "K-8", "ID": "8"}, {**KETTLE, **change})
    assert [str(problem) for problem in report.problems] == [f"line 3: {reason}"]
    assert (report.not_for_sale, report.bad_rows) == (1, 0)


def test_a_draft_takes_its_variations_along(read_rows) -> None:
    products, report = read_rows(COLUMNS, KETTLE, {**HOODIE, "Published": "-1"}, BLUE, GREEN)
    assert list(products) == ["K-7"]
    assert [str(problem) for problem in report.problems] == ["line 3: it is draft ('Published' is '-1') (3 rows)"]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({**BLUE, "Parent": "GONE"}, "its parent 'GONE' is not in the feed"),
        ({**BLUE, "Parent": ""}, "the variation names no parent"),
        ({**KETTLE, "SKU": "K-9", "Stock": "lots"}, "'stock' is lots; expected a number from 0"),
        ({**KETTLE, "SKU": "K-9", "Sale price": "5", "Date sale price ends": "soon"},
         "'soon' is no date such as 2026-11-25"),
        (KETTLE, "the id 'K-7' is already used in line 2"),
    ],
)  # fmt: skip
def test_bad_rows(read_rows, row: dict[str, str], reason: str) -> None:
    products, report = read_rows(COLUMNS, KETTLE, row)
    assert list(products) == ["K-7"]
    assert [str(problem) for problem in report.problems] == [f"line 3: {reason}"]
    assert report.bad_rows == 1
