"""Customers and orders, in any database SQLAlchemy speaks."""

from shopllm_rasa.shop.store import Order, OrderItem, ShopStore

__all__ = ["Order", "OrderItem", "ShopStore"]
