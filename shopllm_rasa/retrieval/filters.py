"""What a product must fulfil, besides being about what was asked."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from decimal import Decimal, InvalidOperation
from typing import Any

from shopllm_rasa.catalog import Product
from shopllm_rasa.catalog.vocabulary import SPOKEN_ATTRIBUTES
from shopllm_rasa.errors import SearchError


@dataclass(frozen=True)
class Filters:
    """Conditions on products; each empty one allows all.

    Text is compared without case. A category fits when it is any step of a product's category path,
    an attribute when its words stand in one of the product's values ("oak" fits "solid oak, steel").

    Attributes:
        price_min: lowest price, inclusive.
        price_max: highest price, inclusive.
        brands: allowed brands.
        categories: allowed categories.
        attributes: name to required value; the name '' stands for any attribute.
        in_stock: True keeps only what is on hand.
    """

    price_min: Decimal | None = None
    price_max: Decimal | None = None
    brands: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    attributes: Mapping[str, str] = field(default_factory=dict)
    in_stock: bool = False

    def __post_init__(self) -> None:
        if not isinstance(self.attributes, Mapping) or not all(
            isinstance(value, str) for value in self.attributes.values()
        ):
            raise SearchError(f"'attributes' is {self.attributes}; expected names with a text each.")
        for name in ("price_min", "price_max"):
            object.__setattr__(self, name, _amount(name, getattr(self, name)))
        if self.price_min is not None and self.price_max is not None and self.price_min > self.price_max:
            raise SearchError(f"price_min {self.price_min} is above price_max {self.price_max}; no product can fit.")

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Filters":
        """Makes filters of a mapping.

        Raises:
            SearchError: on an unknown field, naming the known ones.
        """
        known = [item.name for item in fields(cls)]
        unknown = [name for name in values if name not in known]
        if unknown:
            raise SearchError(f"Unknown filter '{unknown[0]}'. Known filters: {', '.join(known)}.")
        many = {name: _texts(name, values[name]) for name in ("brands", "categories") if name in values}
        return cls(**{**values, **many})

    def allow(self, product: Product) -> bool:
        """Tells whether a product fulfils every condition."""
        if self.price_min is not None and product.price < self.price_min:
            return False
        if self.price_max is not None and product.price > self.price_max:
            return False
        if self.in_stock and not product.in_stock:
            return False
        if self.brands and product.brand.casefold() not in _folded(self.brands):
            return False
        if self.categories and not _folded(self.categories) & _folded(product.categories):
            return False
        return all(_has_attribute(product, name, value) for name, value in self.attributes.items())

    def describe(self) -> list[str]:
        """The conditions in words, as shown with a search result."""
        words = [*self.categories, *self.brands]
        words += [f"{name}: {value}" if name else value for name, value in self.attributes.items()]
        if self.price_min is not None:
            words.append(f"from {self.price_min}")
        if self.price_max is not None:
            words.append(f"up to {self.price_max}")
        if self.in_stock:
            words.append("in stock")
        return words

    def __bool__(self) -> bool:
        return self != Filters()

    def relaxations(self) -> list[tuple[str, "Filters"]]:
        """Ever wider filters, in the order in which conditions are given up.

        Attributes go first, then the brand, then the price. Category and stock stay: a bed is no answer
        to someone who asked for a kettle.

        Returns:
            Pairs of what was given up last and the filters that are left.
        """
        steps = []
        current = self
        for name, names, empty in (
            ("attributes", ("attributes",), {}),
            ("brand", ("brands",), ()),
            ("price", ("price_min", "price_max"), None),
        ):
            if any(getattr(current, part) not in (None, (), {}) for part in names):
                current = replace(current, **dict.fromkeys(names, empty))
                steps.append((name, current))
        return steps


def _amount(name: str, value: Any) -> Decimal | None:
    if value is None:
        return None
    try:
        amount = Decimal(str(value))
    except InvalidOperation:
        raise SearchError(f"'{name}' is '{value}'; expected an amount such as 49.99.") from None
    if not amount.is_finite() or amount < 0:
        raise SearchError(f"'{name}' is {value}; expected an amount from 0.")
    return amount


def _texts(name: str, value: Any) -> tuple[str, ...]:
    texts = (value,) if isinstance(value, str) else value
    if not isinstance(texts, list | tuple) or not all(isinstance(text, str) for text in texts):
        raise SearchError(f"'{name}' is {value}; expected a text or a list of texts.")
    return tuple(texts)


def _folded(values: tuple[str, ...]) -> set[str]:
    return {value.casefold() for value in values}


def _has_attribute(product: Product, name: str, wanted: str) -> bool:
    names = [key for key in product.attributes if not name or _attribute_name(key) == _attribute_name(name)]
    phrase = _spaced(wanted)
    return any(phrase in _spaced(value) for key in names for value in product.attribute_values(key))


def _attribute_name(name: str) -> str:
    """Names are compared without case, and 'color' is 'colour' as in the catalogue's vocabulary."""
    return SPOKEN_ATTRIBUTES.get(name.casefold(), name.casefold())


def _spaced(text: str) -> str:
    """Words between single spaces: 'oak' is found in 'solid oak, steel', but not 'art' in 'smart' or '42' in '42.5'."""
    words = re.findall(r"\d+(?:[.,]\d+)+[^\W_]*|[^\W_]+", text.casefold())
    return f" {' '.join(words).replace(',', '.')} "
