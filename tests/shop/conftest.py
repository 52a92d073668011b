"""A shop of two customers and four orders in a database of its own."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from shopllm_rasa.shop import ShopStore

CUSTOMERS: list[dict[str, Any]] = [
    {"id": "C-1", "name": "Ana Löwe", "email": "Ana.Loewe@Example.com", "city": "Graz"},
    {"id": "C-2", "name": "Bo Quinn", "email": "bo@example.org"},
]
ORDERS: list[dict[str, Any]] = [
    {
        "number": "ab-10001",
        "customer_id": "C-1",
        "placed_on": "2026-03-01",
        "status": "delivered",
        "total": "61.10",
        "currency": "EUR",
        "carrier": "An Post",
        "tracking_number": "T-1",
        "expected_on": "2026-03-05",
        "delivered_on": "2026-03-04",
        "items": [
            {"product_id": "KIT-1", "name": "Kettle", "quantity": 1, "unit_price": "49.10"},
            {"product_id": "CUP-1", "name": "Cup", "quantity": 2, "unit_price": 6},
        ],
    },
    {
        "number": "AB-10002",
        "customer_id": "C-1",
        "placed_on": "2026-04-01",
        "status": "shipped",
        "total": 0.1,
        "items": [
            {"product_id": "TEA-1", "name": "Tea", "quantity": 3, "unit_price": "0.10"},
            {"product_id": "CUP-1", "name": "Cup", "quantity": 1, "unit_price": "6.00"},
        ],
    },
    {"number": "AB-10003", "customer_id": "C-2", "placed_on": "2026-04-02", "status": "processing", "total": 5},
    {
        "number": "AB-10004",
        "customer_id": "C-2",
        "placed_on": "2026-04-03",
        "status": "packed",
        "total": "7",
        "items": [{"product_id": "SAW-1", "name": "Saw", "quantity": 1, "unit_price": "7"}],
    },
]


@pytest.fixture
def store(tmp_path: Path) -> ShopStore:
    """An empty database."""
    return ShopStore(f"sqlite:///{tmp_path / 'db' / 'shop.sqlite'}")


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., tuple[Path, Path]]:
    """Writes customers and orders as files; what is text is written as it is."""

    def write_files(customers: Any = CUSTOMERS, orders: Any = ORDERS) -> tuple[Path, Path]:
        files = tmp_path / "customers.json", tmp_path / "orders.json"
        for file, content in zip(files, (customers, orders), strict=True):
            file.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
        return files

    return write_files


@pytest.fixture
def filled(store: ShopStore, write: Callable[..., tuple[Path, Path]]) -> ShopStore:
    """The database with `CUSTOMERS` and `ORDERS` in it."""
    store.replace_all(*write())
    return store
