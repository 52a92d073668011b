from decimal import Decimal

import pytest

from shopllm_rasa.catalog import Variant

OLD = [
    "Handle",
    "Title",
    "Body (HTML)",
    "Vendor",
    "Product Category",
    "Type",
    "Tags",
    "Published",
    "Option1 Name",
    "Option1 Value",
    "Option1 Linked To",
    "Option2 Name",
    "Option2 Value",
    "Option2 Linked To",
    "Option3 Name",
    "Option3 Value",
    "Option3 Linked To",
    "Variant SKU",
    "Variant Grams",
    "Variant Inventory Tracker",
    "Variant Inventory Qty",
    "Variant Inventory Policy",
    "Variant Fulfillment Service",
    "Variant Price",
    "Variant Compare At Price",
    "Variant Requires Shipping",
    "Variant Taxable",
    "Variant Barcode",
    "Image Src",
    "Image Position",
    "Image Alt Text",
    "Gift Card",
    "SEO Title",
    "SEO Description",
    "Google Shopping / Google Product Category",
    "Google Shopping / Gender",
    "Google Shopping / MPN",
    "Color (product.metafields.shopify.color-pattern)",
    "Variant Image",
    "Variant Weight Unit",
    "Variant Tax Code",
    "Cost per item",
    "Included / United States",
    "Price / United States",
    "Status",
]
NEW = [
    "Title",
    "URL handle",
    "Description",
    "Vendor",
    "Product category",
    "Type",
    "Tags",
    "Published on online store",
    "Status",
    "SKU",
    "Barcode",
    "Option1 name",
    "Option1 value",
    "Option1 Linked To",
    "Option2 name",
    "Option2 value",
    "Option2 Linked To",
    "Option3 name",
    "Option3 value",
    "Option3 Linked To",
    "Price",
    "Compare-at price",
    "Cost per item",
    "Charge tax",
    "Tax code",
    "Inventory tracker",
    "Inventory quantity",
    "Continue selling when out of stock",
    "Weight value (grams)",
    "Weight unit for display",
    "Requires shipping",
    "Fulfillment service",
    "Product image URL",
    "Image position",
    "Image alt text",
    "Variant image URL",
    "Gift card",
    "SEO title",
    "SEO description",
    "Color (product.metafields.shopify.color-pattern)",
    "Google Shopping / Manufacturer part number (MPN)",
]
SHIRT = {
    "Handle": "fell-shirt",
    "Title": "Fell Shirt",
    "Body (HTML)": "<p>Light &amp; dry</p><ul><li>Merino</li><li>Flat seams</li></ul><script>track()</script>",
    "Vendor": "Fell",
    "Product Category": "Apparel & Accessories > Clothing",
    "Type": "Shirts",
    "Published": "TRUE",
    "Option1 Name": "Size",
    "Option1 Value": "M",
    "Option2 Name": "Color",
    "Option2 Value": "Blue",
    "Variant SKU": "FS-M-B",
    "Variant Inventory Tracker": "shopify",
    "Variant Inventory Qty": "3",
    "Variant Inventory Policy": "deny",
    "Variant Price": "49.90",
    "Variant Compare At Price": "59.90",
    "Variant Barcode": "'4006381333931",
    "Image Src": "https://cdn.example/1.jpg",
    "Google Shopping / MPN": "FELL-77",
    "Status": "active",
}
LARGE = {
    "Handle": "fell-shirt",
    "Option1 Value": "L",
    "Option2 Value": "Red",
    "Variant SKU": "FS-L-R",
    "Variant Inventory Tracker": "shopify",
    "Variant Inventory Qty": "2",
    "Variant Price": "44.90",
    "Image Src": "https://cdn.example/2.jpg",
}
PICTURE = {"Handle": "fell-shirt", "Image Src": "https://cdn.example/3.jpg", "Image Position": "3"}
MUG = {
    "Handle": "mug",
    "Title": "Mug",
    "Option1 Name": "Title",
    "Option1 Value": "Default Title",
    "Variant SKU": "MUG-1",
    "Variant Price": "9",
    "Published": "true",
    "Status": "active",
}


def test_variants_are_grouped_under_their_handle(read_rows) -> None:
    products, report = read_rows(OLD, SHIRT, LARGE, PICTURE)
    (shirt,) = products.values()
    assert report.format == "shopify"
    assert (report.rows, report.products, report.variants, report.left_out) == (3, 1, 2, 0)
    assert (shirt.id, shirt.name, shirt.brand) == ("fell-shirt", "Fell Shirt", "Fell")
    assert shirt.categories == ("Apparel & Accessories", "Clothing", "Shirts")
    assert shirt.description == "Light & dry. Merino. Flat seams."
    assert (shirt.image, shirt.url) == ("https://cdn.example/1.jpg", "/products/fell-shirt")
    assert (shirt.price, shirt.stock) == (Decimal("44.90"), 5)
    assert shirt.attributes == {"Size": ("M", "L"), "Color": ("Blue", "Red")}
    assert shirt.codes == ("4006381333931", "FELL-77")
    assert shirt.variants == (
        Variant("FS-M-B", Decimal("49.90"), 3, {"Size": "M", "Color": "Blue"}),
        Variant("FS-L-R", Decimal("44.90"), 2, {"Size": "L", "Color": "Red"}),
    )


def test_rows_of_a_handle_need_not_stand_together(read_rows) -> None:
    products, _ = read_rows(OLD, SHIRT, MUG, LARGE)
    assert list(products) == ["fell-shirt", "mug"]
    assert len(products["fell-shirt"].variants) == 2


def test_a_product_without_options(read_rows) -> None:
    products, report = read_rows(OLD, MUG, currency="GBP")
    mug = products["mug"]
    assert (mug.price, mug.currency, mug.variants, mug.attributes) == (Decimal(9), "GBP", (), {})
    assert mug.codes == ("MUG-1",)
    assert mug.stock is None  # Shopify does not count it
    assert report.variants == 0


def test_the_columns_since_2025(read_rows) -> None:
    row = {
        "Title": "Fell Cap",
        "URL handle": "fell-cap",
        "Description": "Warm.",
        "Vendor": "Fell",
        "Type": "Caps",
        "Published on online store": "TRUE",
        "Status": "Active",
        "SKU": "CAP-1",
        "Barcode": "4006381333948",
        "Price": "1.299",
        "Inventory tracker": "shopify",
        "Inventory quantity": "-4",
        "Continue selling when out of stock": "DENY",
        "Product image URL": "https://cdn.example/cap.jpg",
        "Color (product.metafields.shopify.color-pattern)": "navy; white",
        "Google Shopping / Manufacturer part number (MPN)": "FELL-9",
    }
    products, report = read_rows(NEW, row)
    cap = products["fell-cap"]
    assert report.format == "shopify"
    assert cap.price == Decimal("1.299")  # Shopify always writes a dot
    assert (cap.stock, cap.image) == (0, "https://cdn.example/cap.jpg")
    assert cap.attributes == {"Color": ("navy", "white")}
    assert cap.codes == ("CAP-1", "4006381333948", "FELL-9")


def test_sold_on_when_none_is_left(read_rows) -> None:
    row = {**MUG, "Variant Inventory Tracker": "shopify", "Variant Inventory Qty": "0"}
    stock = {}
    for policy in ("deny", "continue"):
        products, _ = read_rows(OLD, {**row, "Variant Inventory Policy": policy})
        stock[policy] = products["mug"].stock
    assert stock == {"deny": 0, "continue": None}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"Status": "draft"}, "its status is 'draft'"),
        ({"Status": "archived"}, "its status is 'archived'"),
        ({"Published": "FALSE"}, "it is not published on the online store"),
    ],
)
def test_what_the_shop_does_not_sell(read_rows, change: dict[str, str], reason: str) -> None:
    products, report = read_rows(OLD, MUG, {**SHIRT, **change}, LARGE)
    assert list(products) == ["mug"]
    assert (report.not_for_sale, report.bad_rows) == (2, 0)
    assert str(report.problems[0]) == f"line 3: {reason} (2 rows)"


def test_a_bad_variant_does_not_take_its_product_along(read_rows) -> None:
    products, report = read_rows(OLD, SHIRT, {**LARGE, "Variant Price": "cheap"})
    shirt = products["fell-shirt"]
    assert (shirt.price, shirt.variants, shirt.attributes["Size"]) == (Decimal("49.90"), (), "M")
    assert [str(problem) for problem in report.problems] == [
        "line 3: 'price' is 'cheap'; expected an amount such as 49.99"
    ]


@pytest.mark.parametrize(
    ("rows", "line", "reason"),
    [
        ([{**MUG, "Handle": ""}], 4, "the handle is missing"),
        ([{**MUG, "Title": ""}], 4, "'name' is missing (required: name, price)"),
        (
            [{**MUG, "Variant Price": ""}],
            4,
            "'price' is missing (required: name, price) (no variant of 'mug' is left)",
        ),
        ([PICTURE], 4, "'price' is missing: the product has no row with a price"),
        ([SHIRT, {**LARGE, "Variant Inventory Qty": "many"}], 5, "'stock' is many; expected a number from 0"),
        ([SHIRT, {**LARGE, "Variant SKU": "FS-M-B"}], 5, "the id 'FS-M-B' is already used in line 4"),
    ],
)
def test_bad_rows(read_rows, rows: list[dict[str, str]], line: int, reason: str) -> None:
    others = [{**MUG, "Handle": f"other-{number}", "Variant SKU": f"O-{number}"} for number in range(2)]
    _, report = read_rows(OLD, *others, *rows)
    assert [str(problem) for problem in report.problems] == [f"line {line}: {reason}"]
