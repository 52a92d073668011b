"""One thing found in a message."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Mention:
    """Something found in a message.

    Attributes:
        kind: brand, category, attribute, product, price_min, price_max, size, ordinal, order_number or email.
        value: the canonical value, always text.
        start: first character in the message.
        end: one past the last character.
        role: the attribute's name, for kind 'attribute'.
        product_id: for kind 'product'.
        confidence: 1 for an exact match, less for a typo.
        phrase_start: where the words begin that belong to it, such as 'under' before a price.
    """

    kind: str
    value: str
    start: int
    end: int
    role: str | None = None
    product_id: str | None = None
    confidence: float = 1.0
    phrase_start: int | None = None

    def overlaps(self, other: "Mention") -> bool:
        """Whether the two share a character of the message."""
        return self.start < other.end and other.start < self.end

    def lies_in(self, other: "Mention") -> bool:
        """Whether the other covers this one and more."""
        within = other.start <= self.start and self.end <= other.end
        return within and self.end - self.start < other.end - other.start
