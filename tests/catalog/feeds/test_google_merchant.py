from decimal import Decimal
from pathlib import Path

import pytest

from shopllm_rasa.catalog import Variant, read_catalog
from shopllm_rasa.errors import CatalogError

KETTLE = """
    <item>
      <g:id>K-7</g:id>
      <g:title>Dome Kettle</g:title>
      <g:description><![CDATA[<p>Boils <b>fast</b></p>]]></g:description>
      <g:link>https://shop.example/kettle</g:link>
      <g:image_link>https://shop.example/kettle.jpg</g:image_link>
      <g:price>59.95 EUR</g:price>
      <g:sale_price>49.95 EUR</g:sale_price>
      <g:sale_price_effective_date>2026-11-01T00:00+0100/2026-12-01T00:00+0100</g:sale_price_effective_date>
      <g:availability>in_stock</g:availability>
      <g:brand>Casaro</g:brand>
      <g:gtin>4006381333931</g:gtin>
      <g:mpn>CA-77</g:mpn>
      <g:product_type>Kitchen &gt; Kettles</g:product_type>
      <g:google_product_category>7165</g:google_product_category>
      <g:color>Cream/Steel</g:color>
      <g:shipping><g:country>DE</g:country><g:price>4.90 EUR</g:price></g:shipping>
      <g:product_detail>
        <g:section_name>General</g:section_name>
        <g:attribute_name>Capacity</g:attribute_name>
        <g:attribute_value>1.7 l</g:attribute_value>
      </g:product_detail>
    </item>"""


def rss(*items: str) -> str:
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<rss version="2.0" xmlns:g="http://base.google.com/ns/1.0">\n<channel>\n'
        "<title>The shop</title><link>https://shop.example</link><description>All we sell</description>"
        f"{''.join(items)}\n</channel></rss>\n"
    )


def item(**fields: str) -> str:
    values = {"id": "A-1", "title": "Pan", "price": "5 EUR", "link": "https://shop.example/p", **fields}
    return f"\n<item>{''.join(f'<g:{name}>{text}</g:{name}>' for name, text in values.items() if text)}</item>"


def test_an_item_of_rss(read_text) -> None:
    products, report = read_text(rss(KETTLE), name="feed.xml")
    kettle = products["K-7"]
    assert report.format == "google_merchant"
    assert (kettle.name, kettle.brand, kettle.description) == ("Dome Kettle", "Casaro", "Boils fast.")
    assert (kettle.price, kettle.currency, kettle.stock) == (Decimal("49.95"), "EUR", None)
    assert (kettle.url, kettle.image) == ("https://shop.example/kettle", "https://shop.example/kettle.jpg")
    assert kettle.categories == ("Kitchen", "Kettles")
    assert kettle.attributes == {"color": ("Cream", "Steel"), "Capacity": "1.7 l"}
    assert kettle.codes == ("4006381333931", "CA-77")


def test_an_entry_of_atom(read_text) -> None:
    text = (
        '<feed xmlns="http://www.w3.org/2005/Atom" xmlns:g="http://base.google.com/ns/1.0"><title>The shop</title>'
        '<entry><g:id>K-7</g:id><title>Dome Kettle</title><link href="https://shop.example/k"/>'
        "<summary>Boils fast.</summary><g:price>12.50 GBP</g:price><g:availability>out of stock</g:availability>"
        "</entry></feed>"
    )
    products, _ = read_text(text, name="feed.xml")
    kettle = products["K-7"]
    assert (kettle.name, kettle.description, kettle.url) == ("Dome Kettle", "Boils fast.", "https://shop.example/k")
    assert (kettle.price, kettle.currency, kettle.stock) == (Decimal("12.50"), "GBP", 0)


def test_google_s_field_goes_before_the_one_of_rss(read_text) -> None:
    text = rss(item().replace("<item>", "<item><title>Pan &amp; lid</title><guid>X</guid>"))
    products, _ = read_text(text, name="feed.xml")
    assert products["A-1"].name == "Pan"


@pytest.mark.parametrize("separator", ["\t", ","])
@pytest.mark.parametrize("spaced", [False, True])
def test_a_table(read_rows, separator: str, spaced: bool) -> None:
    columns = ["id", "title", "description", "link", "image_link", "availability", "price", "sale_price", "brand",
               "gtin", "product_type", "item_group_id", "size", "product_detail"]  # fmt: skip
    row = {
        "id": "K-7",
        "title": 'Kettle 7" wide',
        "description": "Boils fast.",
        "availability": "preorder",
        "price": "1299.00 EUR",
        "gtin": "4.00638E+12",
        "product_detail": "General:Capacity:1.7 l,Other:Lid:yes",
    }
    named = {column: column.replace("_", " ") if spaced else column for column in columns}
    products, report = read_rows(
        list(named.values()),
        {named[column]: value for column, value in row.items()},
        delimiter=separator,
        name="feed.tsv" if separator == "\t" else "feed.csv",
    )
    kettle = products["K-7"]
    assert report.format == "google_merchant"
    assert (kettle.name, kettle.price, kettle.stock) == ('Kettle 7" wide', Decimal("1299.00"), 0)
    assert kettle.attributes == {"availability": "preorder", "Capacity": "1.7 l", "Lid": "yes"}
    assert kettle.codes == ()  # a spreadsheet has lost its digits


def test_items_of_a_group_are_variants(read_text) -> None:
    shared = {"item_group_id": "SHIRT", "brand": "Fell", "material": "wool", "product_type": "Shirts"}
    gone = {"availability": "out_of_stock"}
    text = rss(
        item(id="S-M", title="Fell Shirt - M, red", price="30 EUR", size="M", color="red", **shared),
        item(id="K-7"),
        item(id="S-L", title="Fell Shirt - L, red", price="28 EUR", size="L", color="red", **shared, **gone),
    )
    products, report = read_text(text, name="feed.xml")
    assert list(products) == ["K-7", "SHIRT"]
    shirt = products["SHIRT"]
    assert (shirt.name, shirt.price, shirt.stock) == ("Fell Shirt", Decimal(28), None)
    assert shirt.attributes == {"material": "wool", "color": "red", "size": ("M", "L")}
    assert shirt.variants == (
        Variant("S-M", Decimal(30), None, {"size": "M"}),
        Variant("S-L", Decimal(28), 0, {"size": "L"}),
    )
    assert report.variants == 2


def test_a_variant_in_another_currency(read_text) -> None:
    prices = {"1": "5 EUR", "2": "6 USD", "3": "4 EUR"}
    text = rss(*(item(id=number, price=price, item_group_id="G") for number, price in prices.items()))
    products, report = read_text(text, name="feed.xml")
    assert [variant.id for variant in products["G"].variants] == ["1", "3"]
    assert [problem.reason for problem in report.problems] == [
        "its price is in USD, that of the product's first variant in EUR"
    ]
    assert report.problems[0].line == 6


@pytest.mark.parametrize(
    ("fields", "reason", "bad"),
    [
        ({"expiration_date": "2026-11-24T10:00+0100"}, "it expired on 2026-11-24", False),
        ({"availability": "?"}, "'availability' is '?'; allowed: in_stock, out_of_stock, preorder, backorder", True),
        ({"price": "free"}, "'price' is 'free'; expected an amount such as 49.99", True),
        ({"title": ""}, "'name' is missing (required: name, price)", True),
        ({"id": "A-1"}, "the id 'A-1' is already used in line 5", True),
    ],
)  # fmt: skip
def test_left_out(read_text, fields: dict[str, str], reason: str, bad: bool) -> None:
    products, report = read_text(rss(item(), item(**{"id": "A-2", **fields})), name="feed.xml")
    assert list(products) == ["A-1"]
    assert [(problem.line, problem.reason, problem.bad) for problem in report.problems] == [(6, reason, bad)]


class TestHostileXml:
    def message(self, tmp_path: Path, text: str | bytes) -> str:
        path = tmp_path / "feed.xml"
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        with pytest.raises(CatalogError) as caught:
            list(read_catalog(path, on_error="skip"))
        assert str(path) in str(caught.value)
        return str(caught.value)

    def test_a_billion_laughs(self, tmp_path: Path) -> None:
        entities = "".join(f'<!ENTITY l{n + 1} "{f"&l{n};" * 10}">' for n in range(9))
        text = f'<?xml version="1.0"?><!DOCTYPE rss [<!ENTITY l0 "ha">{entities}]>{rss(item(title="&l9;"))[38:]}'
        assert "the XML declares entities or refers to other files" in self.message(tmp_path, text)

    def test_another_file(self, tmp_path: Path) -> None:
        secret = tmp_path / "secret"
        secret.write_text("password")
        text = f'<!DOCTYPE rss [<!ENTITY x SYSTEM "{secret.as_uri()}">]>{rss(item(title="&x;"))[38:]}'
        assert "password" not in self.message(tmp_path, text)

    @pytest.mark.parametrize(
        "text", ["<rss><channel><item></rss>", "<rss", "<?xml version='1.0' encoding='nonsense'?><rss/>"]
    )
    def test_broken(self, tmp_path: Path, text: str) -> None:
        assert "this is not valid XML" in self.message(tmp_path, text)

    def test_broken_in_the_middle_is_not_taken_for_the_end(self, tmp_path: Path) -> None:
        text = rss(item(), "<item><g:id>2</g:id><oops></item>")
        assert "line 5: this is not valid XML (mismatched tag)" in self.message(tmp_path, text)

    def test_another_kind_of_xml(self, tmp_path: Path) -> None:
        assert "the feed has no products" in self.message(tmp_path, "<html><body>No</body></html>")
        assert "does not begin as XML does" in self.message(tmp_path, "id,title")

    def test_ten_megabytes_in_one_field(self, read_text) -> None:
        products, report = read_text(rss(item(), item(id="2", description="x" * 10_000_000)), name="feed.xml")
        assert list(products) == ["A-1"]
        assert "the item has more than the 2,000,000 characters" in report.problems[0].reason

    def test_endless_fields(self, read_text) -> None:
        many = item(id="2").replace("</item>", "<g:gtin>1</g:gtin>" * 2_000 + "</item>")
        products, report = read_text(rss(item(), many), name="feed.xml")
        assert list(products) == ["A-1"]
        assert "the item has more than the 1,000 fields" in report.problems[0].reason

    @pytest.mark.parametrize("encoding", ["utf-16", "iso-8859-1"])
    def test_the_encoding_that_xml_declares(self, read_text, encoding: str) -> None:
        text = rss(item(title="Cafetière")).replace("UTF-8", encoding)
        products, _ = read_text(text.encode(encoding), name="feed.xml")
        assert products["A-1"].name == "Cafetière"
