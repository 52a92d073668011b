"""Why a product was found, in words for a customer."""

from shopllm_rasa.catalog import Product
from shopllm_rasa.retrieval.filters import Filters, offers


def found_by(product: Product, filters: Filters, *, by_code: bool = False) -> tuple[str, ...]:
    """What of the customer's conditions the product fulfils, and what else speaks for it.

    Args:
        product: a hit.
        filters: the conditions it fulfils.
        by_code: whether the query named its id, GTIN or part number.

    Returns:
        Short phrases such as "brand OtterBox", "costs 29.99 EUR, under 40" and "4.6 of 5 from 210 customers".
    """
    reasons = ["its number was named"] if by_code else []
    if filters.brands:
        reasons.append(f"brand {product.brand}")
    if filters.categories and product.categories:
        reasons.append(product.categories[-1])
    for name, value in filters.attributes.items():
        reasons.append(f"{name}: {value}" if name else value)
    if filters.price_min is not None or filters.price_max is not None:
        reasons.append(f"costs {_price(product, filters)}, {_limits(filters)}")
    if filters.in_stock and product.stock is not None:
        reasons.append("in stock")
    if product.rating is not None and product.rating_count:
        people = "customer" if product.rating_count == 1 else "customers"
        reasons.append(f"{product.rating:.1f} of 5 from {product.rating_count} {people}")
    return tuple(reasons)


def _price(product: Product, filters: Filters) -> str:
    """The price that fulfils the limits: a product's own, or that of the cheapest variant that does."""
    fitting = [
        offer.price
        for offer in offers(product)
        if (filters.price_min is None or offer.price >= filters.price_min)
        and (filters.price_max is None or offer.price <= filters.price_max)
    ]
    return f"{min(fitting, default=product.price):.2f} {product.currency}"


def _limits(filters: Filters) -> str:
    if filters.price_min is None:
        return f"under {filters.price_max}"
    if filters.price_max is None:
        return f"over {filters.price_min}"
    return f"between {filters.price_min} and {filters.price_max}"
