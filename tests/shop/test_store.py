import sqlite3
from collections.abc import Callable
from copy import deepcopy
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from shopllm_rasa.errors import ShopDataError
from shopllm_rasa.shop import OrderItem, ShopStore
from shopllm_rasa.shop.store import STATUSES

Write = Callable[..., tuple[Path, Path]]
CUSTOMER = {"id": "C-1", "name": "Ana", "email": "ana@example.com"}
ITEM = {"product_id": "P-1", "name": "Pot", "quantity": 1, "unit_price": "2.50"}
ORDER = {
    "number": "AB-1",
    "customer_id": "C-1",
    "placed_on": "2026-01-31",
    "status": "packed",
    "total": "2.50",
    "items": [ITEM],
}


class TestFindOrder:
    def test_the_order_as_it_was_imported(self, filled: ShopStore) -> None:
        order = filled.find_order("AB-10001", "ana.loewe@example.com")
        assert order is not None
        assert (order.number, order.status, order.currency) == ("AB-10001", "delivered", "EUR")
        assert (order.placed_on, order.expected_on, order.delivered_on) == (
            date(2026, 3, 1),
            date(2026, 3, 5),
            date(2026, 3, 4),
        )
        assert (order.carrier, order.tracking_number) == ("An Post", "T-1")
        assert order.items == (
            OrderItem("KIT-1", "Kettle", 1, Decimal("49.10")),
            OrderItem("CUP-1", "Cup", 2, Decimal("6")),
        )

    def test_amounts_are_exact(self, filled: ShopStore) -> None:
        order = filled.find_order("AB-10002", "ana.loewe@example.com")
        assert order is not None
        assert order.total == Decimal("0.1")
        assert sum(item.unit_price for item in order.items) == Decimal("6.10")

    def test_what_the_file_leaves_open(self, filled: ShopStore) -> None:
        order = filled.find_order("AB-10003", "bo@example.org")
        assert order is not None
        assert order.currency == "EUR"
        assert order.items == ()
        assert (order.carrier, order.tracking_number, order.expected_on, order.delivered_on) == (None,) * 4

    @pytest.mark.parametrize("number", ["AB-10001", "ab-10001", "  Ab-10001\n"])
    @pytest.mark.parametrize("email", ["ana.loewe@example.com", "ANA.LOEWE@EXAMPLE.COM", " Ana.Loewe@Example.com "])
    def test_case_and_spaces_do_not_matter(self, filled: ShopStore, number: str, email: str) -> None:
        order = filled.find_order(number, email)
        assert order is not None
        assert order.number == "AB-10001"

    @pytest.mark.parametrize(
        ("number", "email"),
        [
            ("AB-99999", "ana.loewe@example.com"),  # no such order
            ("AB-10001", "ana.loewe@example.org"),  # nobody's address
            ("AB-10001", "bo@example.org"),  # another customer's address
            ("AB-10003", "ana.loewe@example.com"),  # another customer's order
            ("AB-10001", ""),
            ("", "ana.loewe@example.com"),
            ("", ""),
            ("AB-1000%", "ana.loewe@example.com"),
            ("AB-10001", "%"),
            ("AB-10001", "ana.loewe@example.co"),
            ("AB-10001", "ana.loewe@example.comm"),
            ("' OR 1=1 --", "' OR 1=1 --"),
            ("AB-10001", "ana\u200b.loewe@example.com"),
            ("AB-10001", "änä.loewe@example.com"),
            ("AB-10001\x00", "ana.loewe@example.com"),
            ("AB-10001", "\ud800@example.com"),
            ("\ud800", "ana.loewe@example.com"),
        ],
    )
    def test_nothing_for_who_does_not_know_both(self, filled: ShopStore, number: str, email: str) -> None:
        assert filled.find_order(number, email) is None
        assert filled.customer_of(number, email) is None

    def test_of_an_empty_shop(self, store: ShopStore) -> None:
        assert store.find_order("AB-10001", "ana.loewe@example.com") is None


class TestCustomerOf:
    def test_the_owner_of_an_order(self, filled: ShopStore) -> None:
        assert filled.customer_of("ab-10001", "Ana.Loewe@example.com") == "C-1"
        assert filled.customer_of("AB-10003", "bo@example.org") == "C-2"


class TestRequestPerson:
    def test_each_request_has_a_reference(self, store: ShopStore, tmp_path: Path) -> None:
        references = [store.request_person("conversation", "asked") for _ in range(3)]
        assert len(set(references)) == 3
        assert all(len(item) == 8 and item.startswith("H-") for item in references)
        with sqlite3.connect(tmp_path / "db" / "shop.sqlite") as database:
            rows = database.execute("SELECT reference, conversation_id, reason FROM handovers").fetchall()
        assert sorted(rows) == sorted((item, "conversation", "asked") for item in references)

    def test_an_over_long_conversation_id(self, store: ShopStore) -> None:
        assert store.request_person("x" * 10_000, "r" * 10_000)

    def test_stays_when_orders_are_imported_again(self, filled: ShopStore, write: Write, tmp_path: Path) -> None:
        reference = filled.request_person("conversation", "asked")
        filled.replace_all(*write())
        with sqlite3.connect(tmp_path / "db" / "shop.sqlite") as database:
            assert database.execute("SELECT reference FROM handovers").fetchall() == [(reference,)]


class TestReplaceAll:
    def test_counts(self, store: ShopStore, write: Write) -> None:
        assert store.replace_all(*write()) == (2, 4)
        assert store.replace_all(*write([CUSTOMER], [ORDER])) == (1, 1)
        assert store.find_order("AB-10001", "ana.loewe@example.com") is None
        assert store.find_order("AB-1", "ana@example.com") is not None
        assert store.replace_all(*write([], [])) == (0, 0)
        assert store.find_order("AB-1", "ana@example.com") is None

    @pytest.mark.parametrize("status", STATUSES)
    def test_each_status(self, store: ShopStore, write: Write, status: str) -> None:
        store.replace_all(*write([CUSTOMER], [ORDER | {"status": status}]))
        order = store.find_order("AB-1", "ana@example.com")
        assert order is not None
        assert order.status == status

    def test_the_demo_shop(self, store: ShopStore, data_dir: Path) -> None:
        assert store.replace_all(data_dir / "shop" / "customers.json", data_dir / "shop" / "orders.json") == (40, 90)

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"number": None}, "orders.json, entry 1: 'number' is missing."),
            ({"customer_id": ""}, "orders.json, entry 1: 'customer_id' is missing."),
            ({"customer_id": "C-7"}, "order 'AB-1' belongs to 'C-7', who is not in"),
            ({"placed_on": "31.01.2026"}, "'placed_on' is '31.01.2026'; expected a date such as 2026-11-30."),
            ({"placed_on": "2026-02-30"}, "'placed_on' is '2026-02-30'; expected a date"),
            ({"expected_on": 7}, "'expected_on' is '7'; expected a date"),
            ({"status": "lost"}, "'status' is 'lost'; allowed: processing, packed, shipped"),
            ({"status": ["packed"]}, "'status' is '['packed']'; allowed: processing"),
            ({"total": "a lot"}, "'total' is 'a lot'; expected an amount such as 49.99."),
            ({"total": "-1"}, "'total' is '-1'; expected an amount"),
            ({"total": "NaN"}, "'total' is 'NaN'; expected an amount"),
            ({"items": [ITEM, {**ITEM, "product_id": None}]}, "'product_id' is missing."),
            ({"items": [{**ITEM, "unit_price": "-3"}]}, "'unit_price' is '-3'; expected an amount"),
            ({"items": [{**ITEM, "quantity": "two"}]}, "entry 1: 'quantity' is 'two'; expected a whole number from 1."),
            ({"items": [{**ITEM, "quantity": 0}]}, "entry 1: 'quantity' is '0'; expected a whole number from 1."),
            ({"items": [{**ITEM, "quantity": -2}]}, "entry 1: 'quantity' is '-2'; expected a whole number"),
            ({"items": [{**ITEM, "quantity": 1.5}]}, "entry 1: 'quantity' is '1.5'; expected a whole number"),
            ({"items": [{**ITEM, "quantity": True}]}, "entry 1: 'quantity' is 'True'; expected a whole number"),
            ({"items": ["P-1"]}, "entry 1: 'items' has to be a list of objects."),
            ({"items": {"product_id": "P-1"}}, "entry 1: 'items' has to be a list of objects."),
            ({"items": 3}, "entry 1: 'items' has to be a list of objects."),
        ],
    )
    def test_a_bad_order_changes_nothing(
        self, store: ShopStore, write: Write, change: dict[str, Any], message: str
    ) -> None:
        store.replace_all(*write([CUSTOMER], [ORDER]))
        with pytest.raises(ShopDataError) as caught:
            store.replace_all(*write([CUSTOMER], [deepcopy(ORDER) | change]))
        assert message in str(caught.value)
        assert "orders.json" in str(caught.value)
        order = store.find_order("AB-1", "ana@example.com")
        assert order is not None
        assert [item.product_id for item in order.items] == ["P-1"]

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"id": None}, "customers.json, entry 1: 'id' is missing."),
            ({"name": ""}, "customers.json, entry 1: 'name' is missing."),
            ({"email": "ana"}, "customers.json, entry 1: 'email' is no e-mail address."),
        ],
    )
    def test_a_bad_customer(self, store: ShopStore, write: Write, change: dict[str, Any], message: str) -> None:
        with pytest.raises(ShopDataError) as caught:
            store.replace_all(*write([CUSTOMER | change], []))
        assert message in str(caught.value)

    @pytest.mark.parametrize(
        ("content", "message"),
        [
            ('[\n{"id": 1},\n]', "customers.json, line 3: this is not valid JSON"),
            ('{"customers": []}', "expected a list of objects at the top."),
            ("[1]", "customers.json, entry 1: expected an object."),
            pytest.param("[" * 100_000, "customers.json: the JSON is nested too deeply.", id="nested"),
            pytest.param("[" + "9" * 5_000 + "]", "customers.json: the JSON has a number that is too long.", id="long"),
        ],
    )
    def test_a_bad_file(self, store: ShopStore, write: Write, content: str, message: str) -> None:
        with pytest.raises(ShopDataError) as caught:
            store.replace_all(*write(content))
        assert message in str(caught.value)

    def test_a_file_that_is_not_utf8(self, store: ShopStore, write: Write) -> None:
        customers, orders = write()
        customers.write_bytes('[{"name": "Löwe"}]'.encode("latin-1"))
        with pytest.raises(ShopDataError, match=r"customers.json: the file is not UTF-8\."):
            store.replace_all(customers, orders)

    def test_a_file_that_does_not_exist(self, store: ShopStore, write: Write, tmp_path: Path) -> None:
        with pytest.raises(ShopDataError, match="nowhere.json' does not exist"):
            store.replace_all(tmp_path / "nowhere.json", write()[1])

    @pytest.mark.parametrize(
        ("customers", "orders", "message"),
        [
            ([CUSTOMER, CUSTOMER], [], "customers.json: the id 'C-1' is there twice."),
            ([CUSTOMER], [ORDER, ORDER | {"number": "ab-1"}], "orders.json: the number 'AB-1' is there twice."),
        ],
    )
    def test_what_is_there_twice_is_named(
        self, store: ShopStore, write: Write, customers: Any, orders: Any, message: str
    ) -> None:
        with pytest.raises(ShopDataError) as caught:
            store.replace_all(*write(customers, orders))
        assert message in str(caught.value)


class TestOpening:
    def test_makes_the_folder(self, tmp_path: Path) -> None:
        ShopStore(f"sqlite:///{tmp_path}/a/b/shop.sqlite")
        assert (tmp_path / "a" / "b" / "shop.sqlite").is_file()

    @pytest.mark.parametrize(
        "url",
        ["no url", "nodatabase://user:hush@host/db", "postgresql://user:hush@127.0.0.1:1/db", ""],
    )
    def test_what_cannot_be_opened(self, url: str) -> None:
        with pytest.raises(ShopDataError, match="The shop database cannot be opened") as caught:
            ShopStore(url)
        assert "hush" not in str(caught.value)

    def test_a_file_that_is_no_database(self, tmp_path: Path) -> None:
        file = tmp_path / "shop.sqlite"
        file.write_bytes(b"no database at all, but long enough to be taken for one" * 50)
        with pytest.raises(ShopDataError, match="The shop database cannot be opened: DatabaseError"):
            ShopStore(f"sqlite:///{file}")

    def test_a_folder_that_cannot_be(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")
        with pytest.raises(ShopDataError, match="The shop database cannot be opened"):
            ShopStore(f"sqlite:///{tmp_path}/file/shop.sqlite")

    def test_a_database_that_fails_later_tells_no_values(self, filled: ShopStore, tmp_path: Path) -> None:
        with sqlite3.connect(tmp_path / "db" / "shop.sqlite") as database:
            for table in ("order_items", "orders", "customers", "handovers"):
                database.execute(f"DROP TABLE {table}")
        for ask in (
            lambda: filled.find_order("AB-10001", "ana.loewe@example.com"),
            lambda: filled.request_person("secret-conversation", "asked"),
        ):
            with pytest.raises(ShopDataError) as caught:
                ask()
            assert str(caught.value) == "The shop database failed: OperationalError."
