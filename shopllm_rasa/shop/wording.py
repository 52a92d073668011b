"""An order's state in a customer's words."""

from shopllm_rasa.shop.store import Order


def order_text(order: Order) -> str:
    """Says in two or three sentences what has become of an order."""
    items = ", ".join(f"{item.quantity} x {item.name}" if item.quantity > 1 else item.name for item in order.items)
    lines = [f"Order {order.number} of {order.placed_on:%d %B %Y}: {_state(order)}"]
    if items:
        lines.append(f"It contains {items}.")
    lines.append(f"Total: {order.total:.2f} {order.currency}.")
    if order.tracking_number and order.status in ("shipped", "out_for_delivery"):
        lines.append(f"Tracking number: {order.tracking_number}.")
    return " ".join(lines)


def _state(order: Order) -> str:
    expected = f" It should arrive on {order.expected_on:%A, %d %B}." if order.expected_on else ""
    carrier = f" with {order.carrier}" if order.carrier else ""
    delivered = f" on {order.delivered_on:%d %B %Y}" if order.delivered_on else ""
    states = {
        "processing": f"we are preparing it.{expected}",
        "packed": f"it is packed and leaves our warehouse with the next collection.{expected}",
        "shipped": f"it is on its way{carrier}.{expected}",
        "out_for_delivery": f"it is out for delivery today{carrier}.",
        "delivered": f"it was delivered{delivered}{carrier}.",
        "cancelled": "it was cancelled.",
        "return_requested": f"it was delivered{delivered}, and we have noted your return.",
        "refunded": "it was returned and the money has been paid back.",
    }
    return states[order.status]
