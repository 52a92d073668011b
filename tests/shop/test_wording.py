from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from shopllm_rasa.shop import Order, OrderItem
from shopllm_rasa.shop.store import STATUSES
from shopllm_rasa.shop.wording import order_text

ORDER = Order(
    number="AB-10001",
    placed_on=date(2026, 3, 1),
    status="shipped",
    total=Decimal("61.1"),
    currency="EUR",
    carrier="An Post",
    tracking_number="T-1",
    expected_on=date(2026, 3, 6),
    delivered_on=None,
    items=(OrderItem("KIT-1", "Kettle", 1, Decimal("49.10")), OrderItem("CUP-1", "Cup", 2, Decimal("6.00"))),
)


def test_all_of_an_order_on_its_way() -> None:
    assert order_text(ORDER) == (
        "Order AB-10001 of 01 March 2026: it is on its way with An Post. It should arrive on Friday, 06 March. "
        "It contains Kettle, 2 x Cup. Total: 61.10 EUR. Tracking number: T-1."
    )


@pytest.mark.parametrize(
    ("status", "words"),
    [
        ("processing", "we are preparing it. It should arrive on Friday, 06 March."),
        ("packed", "it is packed and leaves our warehouse with the next collection. It should arrive on Friday"),
        ("shipped", "it is on its way with An Post."),
        ("out_for_delivery", "it is out for delivery today with An Post."),
        ("delivered", "it was delivered on 05 March 2026 with An Post."),
        ("cancelled", "it was cancelled."),
        ("return_requested", "it was delivered on 05 March 2026, and we have noted your return."),
        ("refunded", "it was returned and the money has been paid back."),
    ],
)
def test_each_state(status: str, words: str) -> None:
    delivered = date(2026, 3, 5) if status in ("delivered", "return_requested") else None
    text = order_text(replace(ORDER, status=status, delivered_on=delivered))
    assert f"Order AB-10001 of 01 March 2026: {words}" in text


@pytest.mark.parametrize("status", STATUSES)
def test_nothing_is_said_of_what_is_not_known(status: str) -> None:
    bare = replace(
        ORDER, status=status, carrier=None, tracking_number=None, expected_on=None, delivered_on=None, items=()
    )
    text = order_text(bare)
    assert "None" not in text
    assert "  " not in text
    assert " ." not in text
    for word in ("contains", "Tracking", "should arrive", " with An Post"):
        assert word not in text
    assert text.endswith("Total: 61.10 EUR.")


@pytest.mark.parametrize("status", [status for status in STATUSES if status not in ("shipped", "out_for_delivery")])
def test_a_tracking_number_is_given_only_while_there_is_something_to_track(status: str) -> None:
    assert "T-1" not in order_text(replace(ORDER, status=status))
    assert "T-1" in order_text(replace(ORDER, status="out_for_delivery"))


@pytest.mark.parametrize("status", ["delivered", "cancelled", "refunded", "return_requested"])
def test_no_arrival_is_promised_for_what_has_ended(status: str) -> None:
    assert "should arrive" not in order_text(replace(ORDER, status=status))
