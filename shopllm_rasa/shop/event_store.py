"""What customers did, in the shop's database."""

from collections.abc import Iterator
from datetime import date, datetime, time
from itertools import islice
from pathlib import Path
from typing import Any

from sqlalchemy import Column, DateTime, Float, Index, Integer, String, Table
from sqlalchemy import delete as sql_delete
from sqlalchemy import select as sql_select

from shopllm_rasa.shop.database import Database, metadata
from shopllm_rasa.shop.events import MAX_ID_CHARACTERS, Event, read_events
from shopllm_rasa.shop.store import items_table, orders_table

# Of a customer's own past, the latest so many events are looked at.
MAX_CUSTOMER_EVENTS = 1_000
# An order of these was no purchase in the end.
_NOT_KEPT = ("cancelled", "refunded")
_BATCH = 5_000

events_table = Table(
    "events",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("customer_id", String(MAX_ID_CHARACTERS), nullable=False),
    Column("product_id", String(MAX_ID_CHARACTERS), nullable=False),
    Column("type", String(16), nullable=False),
    Column("time", DateTime, nullable=False),
    Column("value", Float),
    Index("events_by_customer", "customer_id", "time"),
)


class EventStore:
    """Events by customer. The lines of orders count as purchases: a shop that has no events has these."""

    def __init__(self, url: str) -> None:
        """Opens the database; see `Database`."""
        self._database = Database(url)

    def replace_all(self, file: Path) -> int:
        """Replaces all events with those of a file, in one transaction.

        Returns:
            How many there are now.

        Raises:
            ShopDataError: naming the file, the line and what is allowed; nothing is changed then.
        """
        count = 0
        events = read_events(file)
        with self._database.connect() as connection:
            connection.execute(sql_delete(events_table))
            while rows := [dict(vars(event)) for event in islice(events, _BATCH)]:
                connection.execute(events_table.insert(), rows)
                count += len(rows)
        return count

    def of_customer(self, customer_id: str) -> list[Event]:
        """What one customer did, the latest first, at most `MAX_CUSTOMER_EVENTS`.

        Raises:
            ShopDataError: if the database fails.
        """
        found = sorted(self._read(customer_id), key=lambda event: event.time, reverse=True)
        return found[:MAX_CUSTOMER_EVENTS]

    def all(self) -> Iterator[Event]:
        """What everybody did, in no particular order.

        Raises:
            ShopDataError: if the database fails.
        """
        return self._read(None)

    def _read(self, customer_id: str | None) -> Iterator[Event]:
        events = sql_select(events_table).execution_options(stream_results=True)
        lines = (
            sql_select(orders_table.c.customer_id, items_table.c.product_id, orders_table.c.placed_on)
            .join(items_table, items_table.c.order_number == orders_table.c.number)
            .where(orders_table.c.status.notin_(_NOT_KEPT))
        )
        if customer_id is not None:
            events = (
                events.where(events_table.c.customer_id == customer_id)
                .order_by(events_table.c.time.desc())
                .limit(MAX_CUSTOMER_EVENTS)
            )
            lines = lines.where(orders_table.c.customer_id == customer_id)
        told: set[tuple[Any, ...]] = set()
        with self._database.connect() as connection:
            for row in connection.execute(events).mappings():
                if row["type"] == "purchase":
                    told.add((row["customer_id"], row["product_id"], row["time"].date()))
                yield Event(**{name: row[name] for name in Event.__dataclass_fields__})
            for customer, product, day in connection.execute(lines):
                # Events may hold the orders' purchases already.
                if (customer, product, day) not in told:
                    yield Event(customer, product, "purchase", _noon(day))


def _noon(day: date) -> datetime:
    return datetime.combine(day, time(12))
