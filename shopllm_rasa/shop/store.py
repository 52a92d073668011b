"""Customers, orders and requests for a person.

An order is only ever given out to someone who knows its number *and* the e-mail address it was placed
with; which of the two was wrong is never told.
"""

import hmac
import json
import secrets
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timezone
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from sqlalchemy import Column, Date, DateTime, ForeignKey, Integer, String, Table
from sqlalchemy import delete as sql_delete
from sqlalchemy import select as sql_select

from shopllm_rasa.errors import ShopDataError
from shopllm_rasa.shop.database import Database, metadata

STATUSES = (
    "processing", "packed", "shipped", "out_for_delivery", "delivered", "cancelled", "return_requested", "refunded",
)  # fmt: skip
MAX_IMPORT_BYTES = 200_000_000

# Amounts are kept as decimal text: SQLite would make floats of them.
customers_table = Table(
    "customers",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("name", String(200), nullable=False),
    Column("email", String(320), nullable=False, index=True),
)
orders_table = Table(
    "orders",
    metadata,
    Column("number", String(64), primary_key=True),
    Column("customer_id", String(64), ForeignKey("customers.id"), nullable=False, index=True),
    Column("placed_on", Date, nullable=False),
    Column("status", String(32), nullable=False),
    Column("total", String(20), nullable=False),
    Column("currency", String(3), nullable=False),
    Column("carrier", String(100)),
    Column("tracking_number", String(100)),
    Column("expected_on", Date),
    Column("delivered_on", Date),
)
items_table = Table(
    "order_items",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("order_number", String(64), ForeignKey("orders.number"), nullable=False, index=True),
    Column("product_id", String(64), nullable=False),
    Column("name", String(500), nullable=False),
    Column("quantity", Integer, nullable=False),
    Column("unit_price", String(20), nullable=False),
)
_handovers = Table(
    "handovers",
    metadata,
    Column("reference", String(16), primary_key=True),
    Column("conversation_id", String(255), nullable=False, index=True),
    Column("created", DateTime, nullable=False),
    Column("reason", String(200), nullable=False),
)


@dataclass(frozen=True)
class OrderItem:
    """A line of an order."""

    product_id: str
    name: str
    quantity: int
    unit_price: Decimal


@dataclass(frozen=True)
class Order:
    """An order as its owner may see it.

    Attributes:
        status: one of `STATUSES`.
        carrier: None before the parcel has left.
        expected_on: the expected day of delivery, where one is known.
    """

    number: str
    placed_on: date
    status: str
    total: Decimal
    currency: str
    carrier: str | None
    tracking_number: str | None
    expected_on: date | None
    delivered_on: date | None
    items: tuple[OrderItem, ...]


class ShopStore:
    """The shop's database."""

    def __init__(self, url: str) -> None:
        """Opens a database and makes the tables it lacks.

        Args:
            url: an SQLAlchemy URL such as `sqlite:///shop.sqlite` or `postgresql://...`.

        Raises:
            ShopDataError: if it cannot be opened. The message never holds the URL's password.
        """
        self._database = Database(url)

    def find_order(self, number: str, email: str) -> Order | None:
        """Gives an order to who knows its number and its customer's e-mail address.

        Returns:
            The order; None when number and address do not belong together, for whatever reason.

        Raises:
            ShopDataError: if the database fails.
        """
        query = (
            sql_select(orders_table, customers_table.c.email)
            .join(customers_table, customers_table.c.id == orders_table.c.customer_id)
            .where(orders_table.c.number.in_(_spellings(number)))
        )
        with self._database.connect() as connection:
            row = connection.execute(query).mappings().first()
            if row is None or not _same_address(row["email"], _storable(email)):
                return None
            lines = connection.execute(
                sql_select(items_table).where(items_table.c.order_number == row["number"])
            ).mappings()
            items = tuple(
                OrderItem(line["product_id"], line["name"], line["quantity"], Decimal(line["unit_price"]))
                for line in lines
            )
        names = ("number", "placed_on", "status", "currency", "carrier", "tracking_number", "expected_on",
                 "delivered_on")  # fmt: skip
        return Order(**{name: row[name] for name in names}, total=Decimal(row["total"]), items=items)

    def customer_of(self, number: str, email: str) -> str | None:
        """The id of the customer whose order it is; see `find_order` for who may ask."""
        if self.find_order(number, email) is None:
            return None
        query = sql_select(orders_table.c.customer_id).where(orders_table.c.number.in_(_spellings(number)))
        with self._database.connect() as connection:
            return connection.execute(query).scalars().first()

    def request_person(self, conversation_id: str, reason: str) -> str:
        """Notes that a conversation wants a person.

        Returns:
            The reference the customer can quote.
        """
        reference = f"H-{secrets.token_hex(3).upper()}"
        with self._database.connect() as connection:
            connection.execute(
                _handovers.insert().values(
                    reference=reference,
                    conversation_id=_storable(conversation_id)[:255],
                    created=datetime.now(timezone.utc).replace(tzinfo=None),
                    reason=reason[:200],
                )
            )
        return reference

    def replace_all(self, customers_file: Path, orders_file: Path) -> tuple[int, int]:
        """Replaces customers and orders with those of two JSON files, in one transaction.

        Returns:
            How many customers and orders there are now.

        Raises:
            ShopDataError: naming the file, the entry and what is allowed; nothing is changed then.
        """
        customers = [_customer_row(*entry) for entry in _entries(customers_file)]
        orders = [_order_rows(*entry) for entry in _entries(orders_file)]
        known = _all_different(customers_file, "id", customers)
        _all_different(orders_file, "number", [row for row, _ in orders])
        for row, _ in orders:
            if row["customer_id"] not in known:
                raise ShopDataError(
                    f"{orders_file}: order '{row['number']}' belongs to '{row['customer_id']}', "
                    f"who is not in {customers_file}."
                )
        with self._database.connect() as connection:
            for table in (items_table, orders_table, customers_table):
                connection.execute(sql_delete(table))
            for table, rows in (
                (customers_table, customers),
                (orders_table, [row for row, _ in orders]),
                (items_table, [item for _, items in orders for item in items]),
            ):
                if rows:
                    connection.execute(table.insert(), rows)
        return len(customers), len(orders)


def _storable(text: str) -> str:
    """A text as databases and their drivers take it: without halves of characters and NUL."""
    return text.encode("utf-8", "replace").decode("utf-8").replace("\0", "\ufffd")


def _spellings(number: str) -> list[str]:
    """An order number as given and without the dash that customers and bots put in or leave out."""
    given = _storable(number).strip().upper()
    return [given, given.replace("-", "")]


def _same_address(stored: str, given: str) -> bool:
    """Compares without telling by time how much of the address was right."""
    return hmac.compare_digest(stored.strip().casefold().encode(), given.strip().casefold().encode())


def _entries(file: Path) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The objects of a JSON list, each with where it stands."""
    if not file.is_file():
        raise ShopDataError(f"The file '{file}' does not exist.")
    if file.stat().st_size > MAX_IMPORT_BYTES:
        raise ShopDataError(f"{file}: the file has more than {MAX_IMPORT_BYTES:,} bytes.")
    try:
        entries = json.loads(file.read_text(encoding="utf-8"), parse_float=Decimal)
    except UnicodeDecodeError:
        raise ShopDataError(f"{file}: the file is not UTF-8.") from None
    except json.JSONDecodeError as error:
        raise ShopDataError(f"{file}, line {error.lineno}: this is not valid JSON ({error.msg}).") from None
    except RecursionError:
        raise ShopDataError(f"{file}: the JSON is nested too deeply.") from None
    except (ValueError, ArithmeticError):
        raise ShopDataError(f"{file}: the JSON has a number that is too long.") from None
    if not isinstance(entries, list):
        raise ShopDataError(f"{file}: expected a list of objects at the top.")
    for number, entry in enumerate(entries, start=1):
        where = f"{file}, entry {number}"
        if not isinstance(entry, dict):
            raise ShopDataError(f"{where}: expected an object.")
        yield where, entry


def _all_different(file: Path, key: str, rows: Iterable[Mapping[str, Any]]) -> set[str]:
    """The values of a key that no two rows may share."""
    values: set[str] = set()
    for row in rows:
        if row[key] in values:
            raise ShopDataError(f"{file}: the {key} '{row[key]}' is there twice.")
        values.add(row[key])
    return values


def _required(entry: Mapping[str, Any], key: str, where: str) -> Any:
    if entry.get(key) in (None, ""):
        raise ShopDataError(f"{where}: '{key}' is missing.")
    return entry[key]


def _customer_row(where: str, entry: Mapping[str, Any]) -> dict[str, Any]:
    email = str(_required(entry, "email", where)).strip().casefold()
    if "@" not in email:
        raise ShopDataError(f"{where}: 'email' is no e-mail address.")
    return {
        "id": str(_required(entry, "id", where)),
        "name": str(_required(entry, "name", where)),
        "email": email,
    }


def _order_rows(where: str, entry: Mapping[str, Any]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    status = _required(entry, "status", where)
    if status not in STATUSES:
        raise ShopDataError(f"{where}: 'status' is '{status}'; allowed: {', '.join(STATUSES)}.")
    number = str(_required(entry, "number", where)).strip().upper()
    order = {
        "number": number,
        "customer_id": str(_required(entry, "customer_id", where)),
        "placed_on": _date(entry, "placed_on", where, required=True),
        "status": status,
        "total": str(_amount(entry, "total", where)),
        "currency": str(entry.get("currency") or "EUR"),
        "carrier": entry.get("carrier"),
        "tracking_number": entry.get("tracking_number"),
        "expected_on": _date(entry, "expected_on", where),
        "delivered_on": _date(entry, "delivered_on", where),
    }
    lines = entry.get("items") or []
    if not isinstance(lines, list) or not all(isinstance(item, dict) for item in lines):
        raise ShopDataError(f"{where}: 'items' has to be a list of objects.")
    items = [
        {
            "order_number": number,
            "product_id": str(_required(item, "product_id", where)),
            "name": str(_required(item, "name", where)),
            "quantity": _quantity(item, where),
            "unit_price": str(_amount(item, "unit_price", where)),
        }
        for item in lines
    ]
    return order, items


def _quantity(item: Mapping[str, Any], where: str) -> int:
    value = _required(item, "quantity", where)
    try:
        quantity = int(str(value))
    except ValueError:
        quantity = 0
    if quantity < 1:
        raise ShopDataError(f"{where}: 'quantity' is '{value}'; expected a whole number from 1.")
    return quantity


def _date(entry: Mapping[str, Any], key: str, where: str, required: bool = False) -> date | None:
    value = _required(entry, key, where) if required else entry.get(key)
    if value is None:
        return None
    try:
        return date.fromisoformat(str(value))
    except ValueError:
        raise ShopDataError(f"{where}: '{key}' is '{value}'; expected a date such as 2026-11-30.") from None


def _amount(entry: Mapping[str, Any], key: str, where: str) -> Decimal:
    value = _required(entry, key, where)
    try:
        amount = Decimal(str(value))
    except InvalidOperation:
        amount = Decimal("NaN")
    if not amount.is_finite() or amount < 0:
        raise ShopDataError(f"{where}: '{key}' is '{value}'; expected an amount such as 49.99.")
    return amount
