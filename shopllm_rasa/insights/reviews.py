"""Reviews of products and the few words that sum them up."""

import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from shopllm_rasa.catalog import Product
from shopllm_rasa.catalog.facts import rating_text
from shopllm_rasa.errors import ShopDataError
from shopllm_rasa.instructions import speaks_to_a_model

MAX_QUOTE_CHARACTERS = 240
_GOOD, _BAD = 4, 3


@dataclass(frozen=True)
class Review:
    """A customer's review; `rating` is 1 to 5 stars."""

    product_id: str
    rating: int
    title: str
    text: str


class ReviewStore:
    """Reviews by product."""

    def __init__(self, reviews: Iterable[Review]) -> None:
        self._by_product: dict[str, list[Review]] = defaultdict(list)
        for review in reviews:
            self._by_product[review.product_id].append(review)

    @classmethod
    def read(cls, file: Path | None) -> "ReviewStore":
        """Reads reviews from JSONL; without a file there are none.

        Raises:
            ShopDataError: naming the file, the line and what is wrong.
        """
        if file is None:
            return cls([])
        if not file.is_file():
            raise ShopDataError(f"The reviews file '{file}' does not exist.")
        reviews = []
        try:
            lines = file.read_text(encoding="utf-8-sig").split("\n")
        except UnicodeDecodeError:
            raise ShopDataError(f"{file}: the file is not UTF-8.") from None
        for number, line in enumerate(lines, start=1):
            if line.strip():
                reviews.append(_review(f"{file}, line {number}", line))
        return cls(reviews)

    def of(self, product_id: str) -> list[Review]:
        """The reviews of a product, in the order of the file."""
        return self._by_product.get(product_id, [])

    def summary(self, product: Product) -> str:
        """Says what customers think of a product, with a favourable and a critical voice quoted."""
        reviews = [review for review in self.of(product.id) if not speaks_to_a_model(f"{review.title}. {review.text}")]
        overall = rating_text(product)
        if not reviews:
            return (overall and f"{product.name}: {overall}") or f"Nobody has reviewed the {product.name} yet."
        lines = [f"{product.name}: {overall}" if overall else f"{product.name} has {_count(len(reviews), 'review')}."]
        best = max(reviews, key=lambda review: (review.rating, len(review.text)))
        worst = min(reviews, key=lambda review: (review.rating, -len(review.text)))
        if best.rating >= _GOOD:
            lines.append(f"A customer who likes it ({_count(best.rating, 'star')}): “{_quote(best.text)}”")
        if worst.rating <= _BAD:
            lines.append(f"A critical one ({_count(worst.rating, 'star')}): “{_quote(worst.text)}”")
        return "\n".join(lines)


def _review(where: str, line: str) -> Review:
    try:
        row = json.loads(line)
        review = Review(str(row["product_id"]), int(row["rating"]), str(row.get("title", "")), str(row["text"]))
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError) as error:
        raise ShopDataError(
            f"{where}: expected an object with product_id, rating and text ({type(error).__name__}: {error})."
        ) from None
    if not 1 <= review.rating <= 5:
        raise ShopDataError(f"{where}: 'rating' is {review.rating}; allowed are 1 to 5.")
    return review


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _quote(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= MAX_QUOTE_CHARACTERS else f"{text[:MAX_QUOTE_CHARACTERS].rsplit(' ', 1)[0]} ..."
