"""What a feed's reader makes of its rows, before they are products."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any


class BadRowError(ValueError):
    """A row cannot become a product.

    Attributes:
        cause: a short word that rows refused for the same kind of reason share, such as the field's name.
    """

    def __init__(self, reason: str, cause: str = "row") -> None:
        super().__init__(reason)
        self.cause = cause


class NotForSaleError(BadRowError):
    """A row is right, but the shop itself does not sell it: a draft, an archived or a disabled product."""


@dataclass
class Record:
    """A product as a feed has it, under the names of `Product`'s fields.

    Attributes:
        line: where it begins in the feed.
        values: `Product`'s fields and `sale_price`, each a text or what JSON gave.
        variants: its choices; `values` of each may have id, price, sale_price, currency, stock, attributes, codes.
        rows: how many rows of the feed went into it.
        decimal: the decimal sign of its prices, `.` or `,`; None where it has to be told from the text.
    """

    line: int
    values: dict[str, Any]
    variants: list["Record"] = field(default_factory=list)
    rows: int = 1
    decimal: str | None = None


@dataclass(frozen=True)
class Refusal:
    """A row, or several of one product, that are left out, and why."""

    line: int
    error: BadRowError
    rows: int = 1


Item = Record | Refusal
Items = Iterator[Item]
