"""A product in words: every statement is one of the product's own fields."""

from collections.abc import Sequence

from shopllm_rasa.catalog.product import Product, joined

MAX_COMPARED_ATTRIBUTES = 8


FEW_LEFT = 3


def stock_text(product: Product) -> str:
    """Says whether a product can be had. The name is set apart, for it may be singular or plural."""
    if product.stock is None:
        return f"I have no stock figures for this one: {product.name}."
    if product.stock == 0:
        return f"Out of stock at the moment: {product.name}."
    if product.stock <= FEW_LEFT:
        return f"In stock, but only {product.stock} left: {product.name}."
    return f"In stock ({product.stock} pieces): {product.name}."


def price_text(product: Product) -> str:
    """Says what a product costs."""
    return f"{product.name}: {product.price_text}."


def rating_text(product: Product) -> str:
    """The customers' verdict, an empty text where there is none."""
    if product.rating is None or not product.rating_count:
        return ""
    people = "customer rates" if product.rating_count == 1 else "customers rate"
    return f"{product.rating_count} {people} it {product.rating:.1f} out of 5."


def with_price(product: Product, text: str, bullets: Sequence[str] = ()) -> str:
    """Puts what changes from day to day around a description: price, rating and stock."""
    title = product.name
    if product.brand and product.brand.casefold() not in title.casefold():
        title = f"{title} by {product.brand}"
    closing = [rating_text(product)]
    if product.stock is not None:
        closing.append(_stock_sentence(product))
    parts = [
        f"{title}, {product.price_text}",
        text,
        "\n".join(f"- {bullet}" for bullet in bullets),
        " ".join(part for part in closing if part),
    ]
    return "\n\n".join(part for part in parts if part)


def comparison_text(products: Sequence[Product]) -> str:
    """Puts two or more products side by side, a line for each property that at least one has."""
    rows = [("price", [product.price_text for product in products])]
    if any(product.rating is not None for product in products):
        rows.append(
            (
                "rating",
                [
                    f"{product.rating:.1f} of 5 ({product.rating_count})" if product.rating is not None else "none yet"
                    for product in products
                ],
            )
        )
    if any(product.brand for product in products):
        rows.append(("brand", [product.brand or "-" for product in products]))
    names = dict.fromkeys(name for product in products for name in product.attributes)
    shared_first = sorted(names, key=lambda name: -sum(name in product.attributes for product in products))
    for name in shared_first[:MAX_COMPARED_ATTRIBUTES]:
        rows.append((name, [joined(product.attribute_values(name)) or "-" for product in products]))
    if any(product.stock is not None for product in products):
        rows.append(("in stock", [_stock_word(product) for product in products]))
    lines = [" vs ".join(product.name for product in products)]
    lines += [f"- {name}: {' | '.join(values)}" for name, values in rows]
    cheapest, *others = sorted(products, key=lambda product: product.price)
    if len({product.currency for product in products}) == 1 and others and cheapest.price < others[0].price:
        lines.append(f"Cheapest, by {others[0].price - cheapest.price:.2f} {cheapest.currency}: {cheapest.name}.")
    return "\n".join(lines)


def _stock_sentence(product: Product) -> str:
    if not product.stock:
        return "Out of stock at the moment."
    return f"Only {product.stock} left." if product.stock <= FEW_LEFT else f"In stock ({product.stock} pieces)."


def _stock_word(product: Product) -> str:
    if product.stock is None:
        return "-"
    return f"yes ({product.stock})" if product.stock else "no"
