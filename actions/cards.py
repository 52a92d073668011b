"""Products as cards."""

import json
from collections.abc import Iterable
from typing import Any

from actions.base import Turn
from shopllm_rasa.catalog import Product

MAX_SUBTITLE = 110


def product_cards(items: Iterable[tuple[Product, str]], turn: Turn) -> list[dict[str, Any]]:
    """Makes the `elements` of a message from products and the reason each is shown.

    The keys are those every channel with cards knows. The web page gets more; others, such as Messenger,
    refuse what they do not know. Channels without cards show title and subtitle as text, so the number
    that customers refer to stands in the title there.
    """
    return [_card(number, product, reason, turn) for number, (product, reason) in enumerate(items, start=1)]


def _card(number: int, product: Product, reason: str, turn: Turn) -> dict[str, Any]:
    payload = "/ask_product_details" + json.dumps({"product": product.id})
    card: dict[str, Any] = {
        "title": product.name if turn.on_web_page else f"{number}. {product.name}",
        "subtitle": (reason or _first_sentence(product.description)) if turn.on_web_page else _summary(product, reason),
        "buttons": [{"type": "postback", "title": "Tell me more", "payload": payload}],
    }
    if product.image:
        card["image_url"] = product.image
    if turn.on_web_page:
        card |= {
            "price": product.price_text,
            "rating": product.rating,
            "rating_count": product.rating_count,
            "in_stock": product.in_stock if product.stock is not None else None,
            "item_url": product.url,
        }
    return card


def _first_sentence(text: str) -> str:
    sentence = text.split(". ", 1)[0].rstrip(".")
    return sentence if len(sentence) <= MAX_SUBTITLE else f"{sentence[:MAX_SUBTITLE].rsplit(' ', 1)[0]} ..."


def _summary(product: Product, reason: str) -> str:
    parts = [product.price_text]
    if product.rating is not None and product.rating_count and "of 5 from" not in reason:
        parts.append(f"{product.rating:.1f} of 5 ({product.rating_count})")
    if product.stock is not None:
        parts.append("in stock" if product.in_stock else "out of stock")
    if reason:
        parts.append(reason)
    return ", ".join(parts)
