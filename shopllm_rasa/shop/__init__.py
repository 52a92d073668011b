"""Customers, their orders and what else they did, in any database SQLAlchemy speaks."""

from shopllm_rasa.shop.event_store import EventStore
from shopllm_rasa.shop.events import EVENT_TYPES, Event, read_events
from shopllm_rasa.shop.store import Order, OrderItem, ShopStore

__all__ = ["EVENT_TYPES", "Event", "EventStore", "Order", "OrderItem", "ShopStore", "read_events"]
