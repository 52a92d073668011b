from datetime import datetime
from pathlib import Path

import pytest

from shopllm_rasa.errors import ShopDataError
from shopllm_rasa.shop import Event, EventStore, ShopStore
from shopllm_rasa.shop.event_store import MAX_CUSTOMER_EVENTS

HEADER = "customer_id,product_id,type,time,value\n"


@pytest.fixture
def events(filled: ShopStore, tmp_path: Path) -> EventStore:
    """The events of the database that has the orders of `filled`."""
    return EventStore(f"sqlite:///{tmp_path / 'db' / 'shop.sqlite'}")


def imported(events: EventStore, tmp_path: Path, rows: str) -> int:
    file = tmp_path / "events.csv"
    file.write_text(HEADER + rows, encoding="utf-8")
    return events.replace_all(file)


class TestOfCustomer:
    def test_events_and_orders_the_latest_first(self, events: EventStore, tmp_path: Path) -> None:
        imported(
            events, tmp_path, "C-1,TEA-2,view,2026-05-01,\nC-1,TEA-1,rating,2026-04-05,5\nC-2,X-1,view,2026-05-01,\n"
        )
        assert events.of_customer("C-1") == [
            Event("C-1", "TEA-2", "view", datetime(2026, 5, 1)),
            Event("C-1", "TEA-1", "rating", datetime(2026, 4, 5), 5.0),
            Event("C-1", "TEA-1", "purchase", datetime(2026, 4, 1, 12)),
            Event("C-1", "CUP-1", "purchase", datetime(2026, 4, 1, 12)),
            Event("C-1", "KIT-1", "purchase", datetime(2026, 3, 1, 12)),
            Event("C-1", "CUP-1", "purchase", datetime(2026, 3, 1, 12)),
        ]

    def test_of_nobody_else(self, events: EventStore, tmp_path: Path) -> None:
        imported(events, tmp_path, "C-1,TEA-2,view,2026-05-01,\nC-2,X-1,view,2026-05-01,\n")
        assert {event.customer_id for event in events.of_customer("C-2")} == {"C-2"}
        assert events.of_customer("C-3") == []
        assert events.of_customer("C-1' OR '1'='1") == []

    def test_a_purchase_that_is_in_both_counts_once(self, events: EventStore, tmp_path: Path) -> None:
        imported(events, tmp_path, "C-1,KIT-1,purchase,2026-03-01T17:05:00Z,\n")
        bought = [event.time for event in events.of_customer("C-1") if event.product_id == "KIT-1"]
        assert bought == [datetime(2026, 3, 1, 17, 5)]

    @pytest.mark.parametrize("status", ["cancelled", "refunded"])
    def test_what_came_back_was_not_bought(self, store: ShopStore, write, tmp_path: Path, status: str) -> None:
        item = {"product_id": "P-1", "name": "Pot", "quantity": 1, "unit_price": "2.50"}
        order = {"number": "A-1", "customer_id": "C-1", "placed_on": "2026-01-31", "status": status, "total": "2.50"}
        store.replace_all(*write(orders=[order | {"items": [item]}]))
        assert EventStore(f"sqlite:///{tmp_path / 'db' / 'shop.sqlite'}").of_customer("C-1") == []

    def test_the_latest_of_very_many(self, events: EventStore, tmp_path: Path) -> None:
        rows = "".join(
            f"C-9,P-{number},view,2026-01-01T00:{number // 60:02}:{number % 60:02}Z,\n" for number in range(1200)
        )
        assert imported(events, tmp_path, rows) == 1200
        found = events.of_customer("C-9")
        assert len(found) == MAX_CUSTOMER_EVENTS
        assert (found[0].product_id, found[-1].product_id) == ("P-1199", "P-200")


class TestReplaceAll:
    def test_counts(self, events: EventStore, tmp_path: Path) -> None:
        assert imported(events, tmp_path, "C-1,P-1,view,2026-05-01,\n" * 6_000) == 6_000
        assert imported(events, tmp_path, "C-1,P-1,view,2026-05-01,\n") == 1
        assert len([event for event in events.all() if event.type == "view"]) == 1

    def test_a_bad_row_changes_nothing(self, events: EventStore, tmp_path: Path) -> None:
        imported(events, tmp_path, "C-1,P-1,view,2026-05-01,\n")
        with pytest.raises(ShopDataError, match="line 5003: 'type'"):
            imported(events, tmp_path, "C-1,P-2,view,2026-05-01,\n" * 5_001 + "C-1,P-2,look,2026-05-01,\n")
        assert [event.product_id for event in events.all() if event.type == "view"] == ["P-1"]

    def test_orders_stay(self, events: EventStore, filled: ShopStore, tmp_path: Path) -> None:
        imported(events, tmp_path, "")
        assert filled.find_order("AB-10001", "ana.loewe@example.com") is not None
        assert len([event for event in events.all() if event.type == "purchase"]) == 5


def test_a_database_that_cannot_be_opened(tmp_path: Path) -> None:
    file = tmp_path / "no.sqlite"
    file.write_bytes(b"this is no database, but long enough to look like one" * 50)
    with pytest.raises(ShopDataError, match="The shop database cannot be opened: DatabaseError"):
        EventStore(f"sqlite:///{file}")
