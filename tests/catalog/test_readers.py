import contextlib
import csv
import io
import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shopllm_rasa.catalog import FeedReport, Product, check_catalog, read_catalog
from shopllm_rasa.catalog.feed_report import MAX_PROBLEMS_SHOWN, RowProblem
from shopllm_rasa.errors import CatalogError
from shopllm_rasa.settings import CatalogSettings

GOOD = '{"id": "A-1", "name": "Kettle", "price": "49.50"}'
TEN_MEGABYTES = "x" * 10_000_000

WriteFeed = Callable[..., Path]


@pytest.fixture
def feed(tmp_path: Path) -> WriteFeed:
    """Writes lines, or bytes as they are, to a feed."""

    def write(*lines: str, name: str = "feed.jsonl", raw: bytes | None = None) -> Path:
        path = tmp_path / name
        path.write_bytes("\n".join(lines).encode() if raw is None else raw)
        return path

    return write


def products(path: Path) -> list[Product]:
    return list(read_catalog(path))


def kept_and_refused(path: Path) -> tuple[list[Product], list[RowProblem]]:
    """What a lenient reading keeps, and what it leaves out; no feed is too bad for it."""
    report = FeedReport()
    kept = []
    with contextlib.suppress(CatalogError):  # of the reading's end: too many bad rows
        for product in read_catalog(path, on_error="skip", report=report):
            kept.append(product)
    return kept, report.problems


def message(path: Path) -> str:
    with pytest.raises(CatalogError) as caught:
        products(path)
    return str(caught.value)


def one(feed: WriteFeed, **row: object) -> Product:
    (product,) = products(feed(json.dumps({"id": "A-1", "name": "Kettle", "price": "49.50", **row})))
    return product


class TestJsonLines:
    def test_every_field_is_read(self, feed: WriteFeed) -> None:
        row = {
            "id": "A-1",
            "name": "Dome Kettle",
            "price": 49.5,
            "currency": "gbp",
            "brand": "Brackenmill",
            "categories": ["Kitchen", "Kettles"],
            "description": "Boils  a litre\nin two minutes.",
            "stock": 3,
            "rating": 4.5,
            "rating_count": 12,
            "attributes": {"colour": "cream", "sizes": ["1 L", "2 L"], "power": 2200, "lid": None},
            "image": "/kettle.jpg",
            "url": "https://shop.example/kettle",
            "popularity": 0.5,
        }
        assert products(feed(json.dumps(row))) == [
            Product(
                id="A-1",
                name="Dome Kettle",
                price=Decimal("49.5"),
                currency="GBP",
                brand="Brackenmill",
                categories=("Kitchen", "Kettles"),
                description="Boils a litre in two minutes.",
                stock=3,
                rating=4.5,
                rating_count=12,
                attributes={"colour": "cream", "sizes": ("1 L", "2 L"), "power": "2200"},
                image="/kettle.jpg",
                url="https://shop.example/kettle",
                popularity=0.5,
            )
        ]

    def test_names_of_other_shop_systems_are_understood(self, feed: WriteFeed) -> None:
        row = {
            "sku": 17,
            "title": "Kettle",
            "price": 5,
            "category": "Kitchen > Kettles",
            "link": "/k",
            "image_url": "/k.jpg",
        }
        (product,) = products(feed(json.dumps(row)))
        assert (product.id, product.name, product.categories) == ("17", "Kettle", ("Kitchen", "Kettles"))
        assert (product.url, product.image) == ("/k", "/k.jpg")

    def test_blank_lines_and_a_byte_order_mark_are_passed_over(self, feed: WriteFeed) -> None:
        path = feed(raw=b"\xef\xbb\xbf\n  \n" + GOOD.encode() + b"\r\n\r\n")
        assert [product.id for product in products(path)] == ["A-1"]

    @pytest.mark.parametrize("key", ["name", "price"])
    @pytest.mark.parametrize("empty", [{}, {"value": None}, {"value": ""}, {"value": "  "}])
    def test_missing_required_field(self, feed: WriteFeed, key: str, empty: dict[str, object]) -> None:
        row = {"id": "A-2", "name": "Kettle", "price": 5, key: empty.get("value")}
        if not empty:
            del row[key]
        path = feed(GOOD, json.dumps(row))
        assert f"{path}, line 2: '{key}' is missing (required: name, price)" in message(path)

    def test_broken_line(self, feed: WriteFeed) -> None:
        path = feed(GOOD, "", '{"name": "Kettle", ')
        assert f"{path}, line 3: this is not valid JSON" in message(path)
        assert "column" in message(path)

    @pytest.mark.parametrize(("line", "kind"), [("[1]", "list"), ("5", "int"), ('"x"', "str"), ("null", "NoneType")])
    def test_line_that_is_no_object(self, feed: WriteFeed, line: str, kind: str) -> None:
        path = feed(line)
        assert f"{path}, line 1: expected one JSON object a line, found a {kind}" in message(path)

    @pytest.mark.parametrize("line", ["[" * 100_000, '{"name": ' * 50_000])
    def test_endless_nesting(self, feed: WriteFeed, line: str) -> None:
        path = feed(GOOD, line)
        assert f"{path}, line 2: the JSON is nested too deeply" in message(path)

    @pytest.mark.parametrize("number", ["1" * 5_000, "1e99999999999999999999"])
    def test_number_that_python_refuses(self, feed: WriteFeed, number: str) -> None:
        path = feed(GOOD, f'{{"name": "Kettle", "price": 5, "stock": {number}}}')
        assert f"{path}, line 2: the JSON has a number that is too long" in message(path)

    @pytest.mark.parametrize(
        ("field", "value", "reason"),
        [
            ("name", {"en": "Kettle"}, "'name' is a dict; expected text"),
            ("brand", ["Casaro"], "'brand' is a list; expected text"),
            ("description", True, "'description' is a bool; expected text"),
            ("price", {"amount": 5}, "'price' is a dict; expected an amount such as 49.99"),
            ("price", [5], "'price' is a list; expected an amount such as 49.99"),
            ("attributes", "red", "'attributes' is a str; expected an object of names and values"),
            (
                "attributes",
                {"size": {"eu": 42}},
                "'attributes.size' is nested; expected a text, a number or a list of these",
            ),
            (
                "attributes",
                {"size": [[42]]},
                "'attributes.size' is nested; expected a text, a number or a list of these",
            ),
            ("categories", {"a": 1}, "'categories' is not a list of texts"),
            ("categories", ["Audio", 5], "'categories' is not a list of texts"),
            ("currency", "euros", "'currency' is 'euros'; expected a code of three letters such as EUR"),
            ("stock", 1.5, "'stock' is 1.5; expected a whole number"),
            ("stock", -1, "'stock' is -1; expected a number from 0"),
            ("stock", 10**400, "expected a number from 0"),
            ("stock", "some", "'stock' is some; expected a number from 0"),
            ("rating", 7.5, "'rating' is 7.5; expected a number from 0 to 5"),
            ("rating", True, "'rating' is True; expected a number from 0 to 5"),
            ("rating", [4], "'rating' is [4]; expected a number from 0 to 5"),
            ("rating_count", "many", "'rating_count' is many; expected a number from 0"),
            ("name", "Kett\ud800le", "'name' has half a character"),
            ("attributes", {"colour": "\udc00"}, "'attributes.colour' has half a character"),
        ],
    )
    def test_wrong_value(self, feed: WriteFeed, field: str, value: object, reason: str) -> None:
        path = feed(GOOD, json.dumps({"id": "A-2", "name": "Kettle", "price": 5, field: value}))
        assert f"{path}, line 2: " in message(path)
        assert reason in message(path)

    @pytest.mark.parametrize(("field", "allowed"), [("price", "an amount such as 49.99"), ("rating", "from 0 to 5")])
    @pytest.mark.parametrize(("number", "shown"), [("NaN", "nan"), ("Infinity", "inf"), ("-Infinity", "-inf")])
    def test_numbers_that_are_none(self, feed: WriteFeed, field: str, number: str, shown: str, allowed: str) -> None:
        row = {"name": '"Kettle"', "price": "5", field: number}
        path = feed("{" + ", ".join(f'"{key}": {value}' for key, value in row.items()) + "}")
        assert f"{path}, line 1: '{field}' is {shown}; expected" in message(path)
        assert allowed in message(path)

    def test_ten_megabytes_in_one_field(self, feed: WriteFeed) -> None:
        path = feed(GOOD, json.dumps({"name": "Kettle", "price": 5, "description": TEN_MEGABYTES}))
        text = message(path)
        assert f"{path}, line 2: the line has 10,000,0" in text
        assert "at most 2,000,000 are allowed" in text
        assert len(text) < 1_000

    def test_long_field_in_an_allowed_line(self, feed: WriteFeed) -> None:
        path = feed(json.dumps({"name": "Kettle", "price": 5, "description": "x" * 60_000}))
        assert f"{path}, line 1: 'description' has 60,000 characters; at most 50,000 are allowed" in message(path)


class TestPrices:
    @pytest.mark.parametrize(
        ("text", "amount", "currency"),
        [
            ("49.99", "49.99", "EUR"),
            ("49,99", "49.99", "EUR"),
            ("1.299,00 €", "1299.00", "EUR"),
            ("€1,299.00", "1299.00", "EUR"),
            ("1,299", "1299", "EUR"),
            ("KWD 1.299", "1.299", "KWD"),
            ("0.125", "0.125", "EUR"),
            ("1.299.000", "1299000", "EUR"),
            ("1 299,50", "1299.50", "EUR"),
            ("1'299.50", "1299.50", "EUR"),
            ("$ 5", "5", "USD"),
            ("£12.5", "12.5", "GBP"),
            ("CHF 20", "20", "CHF"),
            ("20 SEK", "20", "SEK"),
            ("0", "0", "EUR"),
            (12.345, "12.345", "EUR"),
            ("1299.990", "1299.990", "EUR"),
            (0.5, "0.5", "EUR"),
            (7, "7", "EUR"),
        ],
    )
    def test_amounts_are_exact(self, feed: WriteFeed, text: object, amount: str, currency: str) -> None:
        product = one(feed, price=text)
        assert (product.price, product.currency) == (Decimal(amount), currency)

    def test_a_dot_before_three_digits_is_not_guessed(self, feed: WriteFeed) -> None:
        path = feed('{"name": "Desk", "price": "1.299 €"}')
        assert "'price' is '1.299 €', which may mean 1299 or 1.299; say with catalog.decimal" in message(path)
        for sign, amount in ((".", "1.299"), (",", "1299")):
            (desk,) = read_catalog(path, settings=CatalogSettings(decimal=sign))
            assert (desk.price, desk.currency) == (Decimal(amount), "EUR")

    @pytest.mark.parametrize(
        ("price", "sale", "paid"),
        [("10", "8", "8"), ("10", "12", "10"), ("10", "0.00", "10"), ("", "8", "8"), ("10", "", "10"), ("8", "8", "8")],
    )
    def test_the_sale_price_counts_where_it_is_lower(self, feed: WriteFeed, price: str, sale: str, paid: str) -> None:
        product = one(feed, price=price, sale_price=sale)
        assert product.price == Decimal(paid)

    def test_prices_in_two_currencies(self, feed: WriteFeed) -> None:
        path = feed('{"name": "A", "price": "10 USD", "sale_price": "8 EUR"}')
        assert "its prices are in different currencies: EUR, USD" in message(path)

    @pytest.mark.parametrize("text", ["-5", "-1.299,00 €", "$-5"])
    def test_negative_price(self, feed: WriteFeed, text: str) -> None:
        path = feed(json.dumps({"name": "Kettle", "price": text}))
        assert f"{path}, line 1: 'price' is {text}; a price is not negative" in message(path)

    @pytest.mark.parametrize("text", ["cheap", "on request", "5 to 7", "€", "1e5", "12..", "--5", "5-", "nan"])
    def test_unparsable_price(self, feed: WriteFeed, text: str) -> None:
        path = feed(GOOD, json.dumps({"name": "Kettle", "price": text}))
        assert f"{path}, line 2: 'price' is '{text}'; expected an amount such as 49.99" in message(path)

    def test_endless_price_is_not_repeated_whole(self, feed: WriteFeed) -> None:
        path = feed(json.dumps({"name": "Kettle", "price": "9" * 40_000}))
        assert "'price' is '9999" in message(path)
        assert len(message(path)) < 300

    def test_the_price_s_own_currency_stands_before_the_reader_s(self, feed: WriteFeed) -> None:
        path = feed('{"name": "A", "price": "5 €"}', '{"name": "B", "price": 5}')
        assert [product.currency for product in read_catalog(path, currency="USD")] == ["EUR", "USD"]


class TestCsv:
    def test_every_column_is_read(self, feed: WriteFeed) -> None:
        path = feed(
            "ID,Title,Price,Brand,Category,Stock,Rating,Rating Count,"
            "attributes.colour,attributes.battery_life,attributes.sizes",
            'A-1,Kettle,"1,299.00",Casaro,Kitchen > Kettles|Gifts,3,4.5,7,cream,40 hours,S|M| L',
            name="feed.csv",
        )
        (product,) = products(path)
        assert product == Product(
            id="A-1",
            name="Kettle",
            price=Decimal("1299.00"),
            brand="Casaro",
            categories=("Kitchen", "Kettles", "Gifts"),
            stock=3,
            rating=4.5,
            rating_count=7,
            attributes={"colour": "cream", "battery life": "40 hours", "sizes": ("S", "M", "L")},
        )

    @pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
    def test_delimiters(self, feed: WriteFeed, delimiter: str) -> None:
        stream = io.StringIO()
        csv.writer(stream, delimiter=delimiter).writerows(
            [("id", "name", "price"), ("A-1", "Kettle, 1 l; red", "1.299,00 €")]
        )
        (product,) = products(feed(stream.getvalue(), name="feed.csv"))
        assert (product.name, product.price) == ("Kettle, 1 l; red", Decimal("1299.00"))

    def test_byte_order_mark(self, feed: WriteFeed) -> None:
        path = feed(raw="\ufeffname;price\nKettle;5\n".encode(), name="feed.csv")
        assert [product.name for product in products(path)] == ["Kettle"]

    @pytest.mark.parametrize(("header", "missing"), [("id,price", "'name'"), ("id,brand", "'name' and 'price'")])
    def test_missing_column(self, feed: WriteFeed, header: str, missing: str) -> None:
        path = feed(header, "1,5", name="feed.csv")
        text = message(path)
        assert f"{path}, line 1: the column {missing} is missing" in text
        assert f"Found: {header.replace(',', ', ')}." in text
        assert "Known: name, price, id, brand" in text
        assert "attributes.NAME" in text

    def test_line_numbers_behind_quoted_line_breaks(self, feed: WriteFeed) -> None:
        path = feed(
            "name,price,description",
            'Kettle,5,"boils',
            'in two minutes"',
            "",
            "Pan,free,",
            'Pot,cheap,"two',
            'lines"',
            "Lid,-1,",
            name="feed.csv",
        )
        kept, refused = kept_and_refused(path)
        assert [(product.name, product.description) for product in kept] == [("Kettle", "boils in two minutes")]
        assert [problem.line for problem in refused] == [5, 6, 8]

    def test_header_behind_blank_lines(self, feed: WriteFeed) -> None:
        path = feed("", " ", "name,price", "Kettle,5", "Pan,free", name="feed.csv")
        assert f"{path}, line 5: 'price' is 'free'" in message(path)

    def test_row_of_another_length(self, feed: WriteFeed) -> None:
        path = feed("name,price", "Kettle,5", "Pan,5,red", "Lid", name="feed.csv")
        text = message(path)
        assert f"{path}, line 3: 3 cells in this row, but 2 columns in the header" in text
        assert f"{path}, line 4: 1 cells in this row, but 2 columns in the header" in text

    def test_ten_megabytes_in_one_field(self, feed: WriteFeed) -> None:
        path = feed("name,price,description", f"Kettle,5,{TEN_MEGABYTES}", "Pan,5,", name="feed.csv")
        text = message(path)
        assert f"{path}, line 2: the line has 10,000,0" in text
        assert len(text) < 1_000
        kept, refused = kept_and_refused(path)
        assert [product.name for product in kept] == ["Pan"]
        assert [problem.line for problem in refused] == [2]

    def test_long_field_in_an_allowed_line(self, feed: WriteFeed) -> None:
        path = feed("name,price,description", f"Kettle,5,{'x' * 60_000}", name="feed.csv")
        assert f"{path}, line 2: 'description' has 60,000 characters; at most 50,000 are allowed" in message(path)

    def test_zero_byte(self, feed: WriteFeed) -> None:
        path = feed("name,price", "Ket\x00tle,5", "Pan,5", name="feed.csv")
        assert f"{path}, line 2: " in message(path)

    def test_quote_that_is_never_closed(self, feed: WriteFeed) -> None:
        path = feed("name,price", 'Kettle,"5', "Pan,5", name="feed.csv")
        assert f"{path}, line 2: " in message(path)


class TestFiles:
    @pytest.mark.parametrize("name", ["feed.jsonl", "feed.csv"])
    def test_empty_file(self, feed: WriteFeed, name: str) -> None:
        path = feed(raw=b"", name=name)
        assert message(path) == f"{path}: the file is empty."

    @pytest.mark.parametrize("name", ["feed.jsonl", "feed.csv"])
    @pytest.mark.parametrize("raw", [b"\n\n  \n\t\n", b"\xef\xbb\xbf", b"\r\n\r\n"])
    def test_file_without_content(self, feed: WriteFeed, name: str, raw: bytes) -> None:
        path = feed(raw=raw, name=name)
        assert message(path) == f"{path}: the feed has no products."

    def test_csv_with_a_header_alone(self, feed: WriteFeed) -> None:
        path = feed("name,price", name="feed.csv")
        assert message(path) == f"{path}: the feed has no products."

    @pytest.mark.parametrize("name", ["feed.jsonl", "feed.csv"])
    def test_missing_file(self, tmp_path: Path, name: str) -> None:
        assert message(tmp_path / name) == f"The product feed '{tmp_path / name}' does not exist."

    def test_folder_in_place_of_a_file(self, tmp_path: Path) -> None:
        (tmp_path / "feed.csv").mkdir()
        assert "does not exist" in message(tmp_path / "feed.csv")

    @pytest.mark.parametrize("name", ["feed.xlsx", "feed.json", "feed"])
    def test_unknown_ending(self, feed: WriteFeed, name: str) -> None:
        path = feed(GOOD, name=name)
        assert message(path) == (
            f"{path}: unknown kind of feed. Known endings: .jsonl, .ndjson, .csv, .tsv, .txt, .xml, .rss, .atom. "
            "Others need --format."
        )
        settings = CatalogSettings(format="jsonl")
        assert [product.id for product in read_catalog(path, settings=settings)] == ["A-1"]

    @pytest.mark.parametrize("start", [b"PK\x03\x04", b"\x1f\x8b\x08", b"\xd0\xcf\x11\xe0"])
    def test_spreadsheets_and_archives(self, feed: WriteFeed, start: bytes) -> None:
        path = feed(raw=start + b"\x00" * 50, name="feed.csv")
        assert message(path) == f"{path}: this is a spreadsheet or an archive. Export it as CSV in UTF-8."

    @pytest.mark.parametrize("name", ["feed.JSONL", "feed.ndjson"])
    def test_other_endings_of_json_lines(self, feed: WriteFeed, name: str) -> None:
        assert [product.id for product in products(feed(GOOD, name=name))] == ["A-1"]

    @pytest.mark.parametrize(
        ("name", "text"),
        [
            ("feed.csv", "name,price\nKettle,5\nCafetière,5\n"),
            ("feed.jsonl", '{"name": "Kettle", "price": 5}\n\n{"è'),
        ],
    )
    def test_latin_1(self, feed: WriteFeed, name: str, text: str) -> None:
        path = feed(raw=text.encode("latin-1"), name=name)
        byte = 7 if name.endswith("csv") else 3
        assert message(path) == (
            f"{path}, line 3: byte {byte} is not UTF-8 (the file may be Windows-1252 or Latin-1). Save it as UTF-8."
        )

    def test_a_header_in_latin_1(self, feed: WriteFeed) -> None:
        path = feed(raw="name,price,größe\nKettle,5,1\n".encode("latin-1"), name="feed.csv")
        assert message(path).startswith(f"{path}, line 1: byte 14 is not UTF-8")

    @pytest.mark.parametrize("name", ["feed.jsonl", "feed.csv"])
    def test_utf_16(self, feed: WriteFeed, name: str) -> None:
        path = feed(raw=f"{GOOD}\n".encode("utf-16"), name=name)
        assert message(path) == f"{path}: the file is UTF-16. Save it as UTF-8."

    @pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
    def test_utf_16_without_a_mark_is_refused_too(self, feed: WriteFeed, encoding: str) -> None:
        assert "line 1" in message(feed(raw=f"{GOOD}\n".encode(encoding)))


class TestBadRows:
    def test_a_feed_with_one_bad_row_is_refused_and_all_are_named(self, feed: WriteFeed) -> None:
        path = feed('{"name": "A"}', GOOD, '{"price": 5}')
        text = message(path)
        assert text.splitlines() == [
            f"{path}, line 1: 'price' is missing (required: name, price)",
            f"{path}, line 3: 'name' is missing (required: name, price)",
        ]

    def test_one_bad_row_in_a_long_file_is_named_and_the_others_are_kept(self, feed: WriteFeed) -> None:
        rows = [f"Kettle {number},{number}.99" for number in range(1, 2_001)]
        rows[1_654] = "Kettle,nothing"
        path = feed("name,price", *rows, name="feed.csv")
        kept, refused = kept_and_refused(path)
        assert len(kept) == 1_999
        assert [(problem.line, problem.reason.split(";")[0]) for problem in refused] == [
            (1_656, "'price' is 'nothing'")
        ]

    def test_a_long_report_is_cut(self, feed: WriteFeed) -> None:
        lines = message(feed(*["{}"] * (MAX_PROBLEMS_SHOWN + 5))).splitlines()
        assert len(lines) == MAX_PROBLEMS_SHOWN + 1
        assert lines[-1] == "... and 5 more bad rows"

    def test_bad_rows_are_skipped_and_the_good_ones_kept(self, feed: WriteFeed) -> None:
        path = feed(
            '{"name": "A"}',
            GOOD,
            "oops",
            '{"id": "A-1", "name": "B", "price": 1}',
            *(f'{{"name": "{name}", "price": 2}}' for name in "CDE"),
        )
        report = FeedReport()
        kept = [product.name for product in read_catalog(path, on_error="skip", report=report)]
        assert kept == ["Kettle", "C", "D", "E"]
        assert [problem.line for problem in report.problems] == [1, 3, 4]
        assert str(report.problems[0]) == "line 1: 'price' is missing (required: name, price)"
        assert (report.rows, report.products, report.bad_rows) == (7, 4, 3)
        assert dict(report.causes) == {"price": 1, "json": 1, "id": 1}

    def test_a_feed_that_is_mostly_bad_was_read_wrongly(self, feed: WriteFeed) -> None:
        path = feed(GOOD, "{}", "{}")
        with pytest.raises(CatalogError, match=r"2 of 3 rows are bad, more than half\. The feed was read as 'jsonl'"):
            list(read_catalog(path, on_error="skip"))
        assert len(list(read_catalog(feed(GOOD, "{}"), on_error="skip"))) == 1

    def test_skipping_does_not_help_when_no_row_is_good(self, feed: WriteFeed) -> None:
        path = feed('{"name": "A"}')
        with pytest.raises(CatalogError, match=r"the feed has no products\..*line 1: 'price' is missing"):
            list(read_catalog(path, on_error="skip"))

    def test_the_report_alone(self, feed: WriteFeed) -> None:
        path = feed(GOOD, "{}", "oops")
        report = check_catalog(path)
        assert json.loads(json.dumps(report.to_dict())) == {
            "feed": str(path),
            "format": "jsonl",
            "rows": 3,
            "products": 1,
            "variants": 0,
            "bad_rows": 2,
            "not_for_sale": 0,
            "causes": {"name": 1, "json": 1},
            "problems": [
                {"line": 2, "reason": "'name' is missing (required: name, price)", "rows": 1, "bad": True},
                {
                    "line": 3,
                    "reason": "this is not valid JSON (Expecting value at column 1)",
                    "rows": 1,
                    "bad": True,
                },
            ],
        }


class TestIds:
    def test_an_id_twice_names_both_lines(self, feed: WriteFeed) -> None:
        path = feed(GOOD, '{"name": "Pan", "price": 5}', '{"id": "A-1", "name": "Pot", "price": 5}')
        assert f"{path}, line 3: the id 'A-1' is already used in line 1" in message(path)

    def test_an_id_twice_in_csv_behind_a_line_break(self, feed: WriteFeed) -> None:
        path = feed("id,name,price", '7,"Ket', 'tle",5', "8,Pan,5", "7,Pot,5", name="feed.csv")
        assert f"{path}, line 5: the id '7' is already used in line 2" in message(path)

    def test_made_ids_are_the_same_at_the_next_reading(self, feed: WriteFeed) -> None:
        path = feed(*(json.dumps({"name": name, "price": 5}) for name in ("Pan", "Pot", "Pan", "Lid", "Pan")))
        first = [product.id for product in products(path)]
        assert first == [product.id for product in products(path)]
        assert len(set(first)) == 5

    def test_made_ids_do_not_depend_on_price_order_or_format(self, feed: WriteFeed) -> None:
        lines = products(feed('{"name": "Pan", "price": 5}', '{"name": "Pot", "price": 5}'))
        table = products(feed("price,name", "7,Pot", "8,Pan", name="feed.csv"))
        assert [product.id for product in lines] == [product.id for product in reversed(table)]

    def test_brand_and_address_tell_products_of_one_name_apart(self, feed: WriteFeed) -> None:
        rows = [
            {"name": "Pan", "price": 5},
            {"name": "Pan", "price": 5, "brand": "Casaro"},
            {"name": "Pan", "price": 5, "url": "/p"},
        ]
        before = [product.id for product in products(feed(*map(json.dumps, rows)))]
        after = [product.id for product in products(feed(*map(json.dumps, reversed(rows))))]
        assert before == after[::-1]
        assert len(set(before)) == 3


def test_the_demo_feed_has_no_bad_row(data_dir: Path, demo_catalog: list[Product]) -> None:
    lines = (data_dir / "catalog" / "products.jsonl").read_text(encoding="utf-8").splitlines()
    assert len(demo_catalog) == len(lines)
    assert len({product.id for product in demo_catalog}) == len(demo_catalog)


def check_reading(path: Path) -> None:
    """Reading yields sound products that can be stored, or says which file it refuses."""
    try:
        found = list(read_catalog(path, on_error="skip"))
    except CatalogError as error:
        assert str(path) in str(error)  # noqa: PT017
        return
    assert found
    assert len({product.id for product in found}) == len(found)
    for product in found:
        assert product.name
        assert product.price.is_finite()
        assert product.price >= 0
        assert product.rating is None or 0 <= product.rating <= 5
        stored = json.dumps(product.to_dict(), ensure_ascii=False, allow_nan=False).encode()
        assert Product.from_dict(json.loads(stored)) == product


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(["5", "4,99 €", "\ud800"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
fields = st.sampled_from(
    ["id", "sku", "brand", "categories", "currency", "stock", "rating", "attributes", "url", "image"]
)
rows = st.builds(
    lambda base, more: {**base, **more},
    st.fixed_dictionaries({"name": st.text() | json_values, "price": st.integers(-1, 99) | json_values}),
    st.dictionaries(fields, json_values, max_size=4),
)
no_surrogates = st.characters(blacklist_categories=["Cs"])
text_lines = st.text(no_surrogates) | st.sampled_from(["name,price", "name;price", '"', "a,1", GOOD])
many_examples = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@many_examples
@given(lines=st.lists(text_lines, max_size=6), ending=st.sampled_from(["jsonl", "csv"]))
def test_any_lines_give_products_or_a_catalog_error(tmp_path: Path, lines: list[str], ending: str) -> None:
    path = tmp_path / f"feed.{ending}"
    path.write_text("\n".join(lines), encoding="utf-8")
    check_reading(path)


@many_examples
@given(content=st.binary(max_size=200), ending=st.sampled_from(["jsonl", "csv"]))
def test_any_bytes_give_products_or_a_catalog_error(tmp_path: Path, content: bytes, ending: str) -> None:
    path = tmp_path / f"feed.{ending}"
    path.write_bytes(content)
    check_reading(path)


@many_examples
@given(feed_rows=st.lists(rows, min_size=1, max_size=4))
def test_any_json_rows_give_products_or_a_catalog_error(tmp_path: Path, feed_rows: list[dict[str, object]]) -> None:
    path = tmp_path / "feed.jsonl"
    path.write_text("\n".join(map(json.dumps, feed_rows)), encoding="utf-8")
    check_reading(path)
