import json
from decimal import Decimal
from pathlib import Path

import pytest

from shopllm_rasa.catalog import Product, Variant, read_catalog
from shopllm_rasa.errors import CatalogError
from shopllm_rasa.settings import CatalogSettings

MAPPING = {
    "name": "Bezeichnung",
    "price": "Net price",
    "id": "Artikel-Nr.",
    "stock": "Bestand",
    "codes": "EAN-Code",
    "attributes": {"colour": "Farbe", "size": "Größe"},
}


def settings(**more: object) -> CatalogSettings:
    return CatalogSettings(columns=MAPPING, **more)


def test_columns_of_a_table(read_text) -> None:
    text = (
        "Artikel-Nr.;Bezeichnung;Net price;price;Brand;Bestand;EAN-Code;Farbe;Größe\n"
        "A-1;Kessel;1.299,00;7;Casaro;3;4006381333931|CA-7;rot|blau;L\n"
    )
    products, report = read_text(text, settings=settings())
    assert report.format == "csv"
    assert products == {
        "A-1": Product(
            id="A-1",
            name="Kessel",
            price=Decimal("1299.00"),
            brand="Casaro",
            stock=3,
            codes=("4006381333931", "CA-7"),
            attributes={"colour": ("rot", "blau"), "size": "L"},
        )
    }


def test_keys_of_json(read_text) -> None:
    row = {
        "Artikel-Nr.": 17,
        "Bezeichnung": "Kessel",
        "Net price": 12.5,
        "Farbe": ["rot", "blau"],
        "attributes": {"lid": "yes"},
    }
    products, _ = read_text(json.dumps(row), name="feed.jsonl", settings=settings())
    kettle = products["17"]
    assert (kettle.name, kettle.price) == ("Kessel", Decimal("12.5"))
    assert kettle.attributes == {"lid": "yes", "colour": ("rot", "blau")}


def test_a_column_that_is_not_there(tmp_path: Path) -> None:
    path = tmp_path / "feed.csv"
    path.write_text("Artikel-Nr.,Bezeichnung,Preis\n1,Kessel,5\n", encoding="utf-8")
    with pytest.raises(CatalogError) as caught:
        list(read_catalog(path, settings=settings()))
    assert str(caught.value) == (
        f"{path}, line 1: the column 'Net price' and 'Bestand' and 'EAN-Code' and 'Farbe' and 'Größe' that "
        "catalog.columns names is missing. Found: Artikel-Nr., Bezeichnung, Preis."
    )


def test_rows_of_a_group_are_variants(read_text) -> None:
    text = (
        "sku,title,price,item_group_id,attributes.size,gtin\n"
        "S-M,Shirt M,10,SHIRT,M,111\nPAN,Pan,5,,,\nS-L,Shirt L,12,SHIRT,L,222\n"
    )
    products, _ = read_text(text)
    assert list(products) == ["PAN", "SHIRT"]
    assert products["SHIRT"].name == "Shirt"
    assert products["SHIRT"].codes == ("111", "222")
    assert products["SHIRT"].variants == (
        Variant("S-M", Decimal(10), None, {"size": "M"}),
        Variant("S-L", Decimal(12), None, {"size": "L"}),
    )


def test_groups_and_variants_of_json(read_text) -> None:
    rows = [
        {"id": "S-M", "name": "Shirt M", "price": 10.250, "item_group_id": "SHIRT", "attributes": {"size": "M"}},
        {"id": "S-L", "name": "Shirt L", "price": "12", "item_group_id": "SHIRT", "attributes": {"size": "L"}},
        {
            "id": "CAP",
            "name": "Cap",
            "currency": "USD",
            "variants": [
                {"id": "C-1", "price": "5", "stock": 2, "attributes": {"colour": "red"}},
                {"price": 4, "attributes": {"colour": "blue"}},
            ],
        },
    ]
    products, report = read_text("\n".join(map(json.dumps, rows)), name="feed.jsonl")
    assert products["SHIRT"].price == Decimal("10.25")
    assert products["CAP"].variants == (
        Variant("C-1", Decimal(5), 2, {"colour": "red"}),
        Variant("CAP/blue", Decimal(4), None, {"colour": "blue"}),
    )
    assert (products["CAP"].currency, products["CAP"].stock) == ("USD", None)
    assert report.variants == 4


def test_what_an_index_stores_is_a_feed_too(read_text, tmp_path: Path) -> None:
    product = Product(
        id="CAP",
        name="Cap",
        price=Decimal("4.00"),
        stock=5,
        categories=("Hats", "Caps"),
        attributes={"material": "wool", "colour": ("red", "blue")},
        codes=("111",),
        variants=(
            Variant("C-1", Decimal("5.50"), 2, {"colour": "red"}),
            Variant("C-2", Decimal("4.00"), 3, {"colour": "blue"}),
        ),
    )
    products, _ = read_text(json.dumps(product.to_dict()), name="feed.jsonl")
    assert products == {"CAP": product}


@pytest.mark.parametrize("variants", ["red", ["red"], {"a": 1}])
def test_variants_that_are_none(read_text, variants: object) -> None:
    rows = [{"name": "Pan", "price": 5}, {"name": "Cap", "price": 5, "variants": variants}]
    _, report = read_text("\n".join(map(json.dumps, rows)), name="feed.jsonl")
    assert [str(problem) for problem in report.problems] == ["line 2: 'variants' is not a list of objects"]
