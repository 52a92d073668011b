"""The product, as every part of the package sees it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

AttributeValue = str | tuple[str, ...]


@dataclass(frozen=True)
class Variant:
    """One choice of a product: what a customer puts into the cart.

    Attributes:
        id: the shop's own identifier (SKU) of this choice.
        price: the exact amount, in the product's currency.
        stock: pieces on hand; None where the feed does not say.
        attributes: what tells it from the product's other variants, such as size and colour.
    """

    id: str
    price: Decimal
    stock: int | None = None
    attributes: Mapping[str, AttributeValue] = field(default_factory=dict)


@dataclass(frozen=True)
class Product:
    """One article of a shop.

    Attributes:
        id: the shop's own identifier (SKU); stable between reads of a feed.
        name: what the shop calls it.
        price: the exact amount in `currency`.
        currency: ISO 4217 code.
        brand: the maker's name, or an empty string.
        categories: from the widest to the narrowest.
        stock: pieces on hand; None where the feed does not say.
        rating: mean of the customers' stars, 0 to 5; None without ratings.
        rating_count: how many ratings stand behind `rating`.
        attributes: name to value, or to several values (such as the sizes on sale).
        popularity: any number that is higher for what sells better; None where unknown.
        codes: further identifiers that people search for, such as GTIN and the maker's part number.
        variants: the choices there are, where the feed has several; `price` is then the lowest of theirs, `stock`
            their sum, and `attributes` hold all their values.
    """

    id: str
    name: str
    price: Decimal
    currency: str = "EUR"
    brand: str = ""
    categories: tuple[str, ...] = ()
    description: str = ""
    stock: int | None = None
    rating: float | None = None
    rating_count: int = 0
    attributes: Mapping[str, AttributeValue] = field(default_factory=dict)
    image: str | None = None
    url: str | None = None
    popularity: float | None = None
    codes: tuple[str, ...] = ()
    variants: tuple[Variant, ...] = ()

    @property
    def in_stock(self) -> bool:
        """False only where the feed says that none is left."""
        return self.stock is None or self.stock > 0

    @property
    def price_text(self) -> str:
        """The price as shown to customers, such as `49.99 EUR`."""
        return f"{self.price:.2f} {self.currency}"

    @property
    def search_text(self) -> str:
        """The text that stands for the product in the vector space."""
        parts = [self.name, self.brand, " > ".join(self.categories), self.attributes_text, self.description]
        return ". ".join(part for part in parts if part)

    @property
    def attributes_text(self) -> str:
        """The attributes in one line: `colour: black, weight: 254 g`."""
        return ", ".join(f"{name}: {joined(value)}" for name, value in self.attributes.items())

    def attribute_values(self, name: str) -> tuple[str, ...]:
        """All values of one attribute, an empty tuple where there is none."""
        value = self.attributes.get(name, ())
        return (value,) if isinstance(value, str) else tuple(value)

    def to_dict(self) -> dict[str, Any]:
        """A JSON-ready mapping; `from_dict` is its inverse. The price is a string, hence exact."""
        return {
            "id": self.id,
            "name": self.name,
            "brand": self.brand,
            "categories": list(self.categories),
            "price": str(self.price),
            "currency": self.currency,
            "stock": self.stock,
            "rating": self.rating,
            "rating_count": self.rating_count,
            "attributes": _plain(self.attributes),
            "description": self.description,
            "image": self.image,
            "url": self.url,
            "popularity": self.popularity,
            "codes": list(self.codes),
            "variants": [
                {
                    "id": variant.id,
                    "price": str(variant.price),
                    "stock": variant.stock,
                    "attributes": _plain(variant.attributes),
                }
                for variant in self.variants
            ],
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Product":
        """Makes a product of what `to_dict` gave. Feeds go through `read_catalog` instead."""
        return cls(
            **{
                **values,
                "price": Decimal(values["price"]),
                "categories": tuple(values["categories"]),
                "attributes": _frozen(values["attributes"]),
                "codes": tuple(values.get("codes", ())),
                "variants": tuple(
                    Variant(item["id"], Decimal(item["price"]), item["stock"], _frozen(item["attributes"]))
                    for item in values.get("variants", ())
                ),
            }
        )


def joined(value: AttributeValue | Iterable[str]) -> str:
    """An attribute's value, or its several values, as text."""
    return value if isinstance(value, str) else ", ".join(value)


def _plain(attributes: Mapping[str, AttributeValue]) -> dict[str, str | list[str]]:
    return {name: value if isinstance(value, str) else list(value) for name, value in attributes.items()}


def _frozen(attributes: Mapping[str, str | list[str]]) -> dict[str, AttributeValue]:
    return {name: value if isinstance(value, str) else tuple(value) for name, value in attributes.items()}
