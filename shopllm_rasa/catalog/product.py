"""The product, as every part of the package sees it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

AttributeValue = str | tuple[str, ...]


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
            "attributes": {k: v if isinstance(v, str) else list(v) for k, v in self.attributes.items()},
            "description": self.description,
            "image": self.image,
            "url": self.url,
            "popularity": self.popularity,
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Product":
        """Makes a product of what `to_dict` gave. Feeds go through `read_catalog` instead."""
        return cls(
            **{
                **values,
                "price": Decimal(values["price"]),
                "categories": tuple(values["categories"]),
                "attributes": {k: v if isinstance(v, str) else tuple(v) for k, v in values["attributes"].items()},
            }
        )


def joined(value: AttributeValue | Iterable[str]) -> str:
    """An attribute's value, or its several values, as text."""
    return value if isinstance(value, str) else ", ".join(value)
