"""Why a product is recommended, in words for the customer: only what is true, and of no other customer."""

from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal

from shopllm_rasa.catalog import Product
from shopllm_rasa.catalog.vocabulary import SPOKEN_ATTRIBUTES
from shopllm_rasa.recommendation.behaviour import BehaviourModel
from shopllm_rasa.recommendation.content import narrowest
from shopllm_rasa.recommendation.signals import History

_GOOD_RATING = 4.0
# Share of the model's products that are called popular.
_POPULAR = 0.1
_DEED_WORDS = {
    "purchase": "because you bought {}",
    "rating": "because you liked {}",
    "cart": "because you had {} in your cart",
    "view": "because you looked at {}",
    "session": "because you looked at {}",
}
_SAME_PRICE = Decimal("0.1")


def rating_reason(product: Product) -> str:
    """What customers think of a product, an empty text unless they think well of it."""
    if product.rating is None or product.rating < _GOOD_RATING or not product.rating_count:
        return ""
    people = "customer" if product.rating_count == 1 else "customers"
    return f"{product.rating:.1f} of 5 from {product.rating_count} {people}"


def own_past_reason(
    product: Product, history: History, get: Callable[[str], Product | None], behaviour: BehaviourModel | None
) -> str:
    """The reason that lies in what the customer did, the strongest first; an empty text where there is none."""
    deed = history.deeds.get(product.id)
    if deed == "cart":
        return "you had it in your cart"
    if deed == "view":
        return "you looked at it before"
    partners = dict(behaviour.often_with(product.id)) if behaviour is not None else {}
    for item, weight in history.weights.items():
        other = get(item)
        if other is None or weight <= 0 or other.id == product.id:
            continue
        if item in partners and history.deeds.get(item) == "purchase":
            return f"often bought with {other.name}"
        # The narrowest category has to be shared: "because you looked at a lamp" explains no sofa.
        if narrowest(other) is not None and narrowest(other) == narrowest(product):
            return _DEED_WORDS[history.deeds.get(item, "view")].format(other.name)
    return ""


def shop_reason(product: Product, behaviour: BehaviourModel | None, min_customers: int) -> str:
    """What speaks for a product without knowing the customer; there is always something."""
    if behaviour is not None:
        number = behaviour.number(product.id)
        if number is not None and behaviour.buyers[number] >= min_customers:
            better = int((behaviour.popularity > behaviour.popularity[number]).sum())
            if better < _POPULAR * len(behaviour):
                return f"popular: bought by {int(behaviour.buyers[number])} customers"
    category = narrowest(product)
    return f"from our {category}" if category else "from our shop"


def likeness_reason(product: Product, anchor: Product) -> str:
    """What two products have in common, and how their prices compare."""
    parts = []
    category = narrowest(product)
    if category is not None and category == narrowest(anchor):
        parts.append(f"also {category}")
    if product.brand and product.brand == anchor.brand:
        parts.append("same brand")
    shared = _shared_attribute(product, anchor)
    if shared:
        parts.append(shared)
    if product.currency == anchor.currency:
        parts.append(_price_words(product.price - anchor.price, anchor))
    return ", ".join(parts[:3]) or f"similar to {anchor.name}"


def _shared_attribute(product: Product, anchor: Product) -> str:
    for name in product.attributes:
        if SPOKEN_ATTRIBUTES.get(name.casefold()) in ("colour", "material"):
            common = [value for value in product.attribute_values(name) if value in anchor.attribute_values(name)]
            if common:
                return f"same {name.casefold()}: {common[0]}"
    return ""


def _price_words(difference: Decimal, anchor: Product) -> str:
    if abs(difference) <= _SAME_PRICE * anchor.price:
        return "about the same price" if difference else "same price"
    return f"{abs(difference):.2f} {anchor.currency} {'more' if difference > 0 else 'less'}"


def first_of(reasons: Iterable[str] | Sequence[str]) -> str:
    """The first reason that is not empty."""
    return next((reason for reason in reasons if reason), "")
