"""What reading a feed came to: counts, and which rows were left out and why."""

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from shopllm_rasa.catalog.feeds.records import NotForSaleError, Refusal
from shopllm_rasa.errors import CatalogError

MAX_PROBLEMS_SHOWN = 20
MAX_PROBLEMS_KEPT = 1_000
MAX_BAD_SHARE = 0.5


@dataclass(frozen=True)
class RowProblem:
    """One row, or the rows of one product, that are left out.

    Attributes:
        line: where it begins in the feed.
        reason: in words.
        rows: how many rows it is.
        bad: False where the shop itself does not sell the product, such as a draft.
    """

    line: int
    reason: str
    rows: int = 1
    bad: bool = True

    def __str__(self) -> str:
        more = f" ({self.rows} rows)" if self.rows > 1 else ""
        return f"line {self.line}: {self.reason}{more}"


@dataclass
class FeedReport:
    """What reading a feed came to; filled while it is read.

    Attributes:
        path: the feed.
        format: the name of its format.
        products: products kept.
        variants: variants of the products that have several.
        rows: rows read, without blank ones.
        bad_rows: rows that could not be read.
        not_for_sale: rows of products that the shop does not sell, such as drafts.
        causes: how many rows were left out for which kind of reason.
        problems: the first 1,000 of the problems.
    """

    path: Path = Path()
    format: str = ""
    products: int = 0
    variants: int = 0
    rows: int = 0
    bad_rows: int = 0
    not_for_sale: int = 0
    causes: Counter[str] = field(default_factory=Counter)
    problems: list[RowProblem] = field(default_factory=list)

    def add(self, refusal: Refusal) -> None:
        """Counts what is left out."""
        bad = not isinstance(refusal.error, NotForSaleError)
        if bad:
            self.bad_rows += refusal.rows
        else:
            self.not_for_sale += refusal.rows
        self.causes[refusal.error.cause] += refusal.rows
        if len(self.problems) < MAX_PROBLEMS_KEPT:
            self.problems.append(RowProblem(refusal.line, str(refusal.error), refusal.rows, bad))

    @property
    def left_out(self) -> int:
        """Rows of which nothing is in the products."""
        return self.bad_rows + self.not_for_sale

    def check(self, *, stop_at_bad_rows: bool) -> None:
        """Finds out whether the products can be used.

        Args:
            stop_at_bad_rows: whether one bad row is too many. Otherwise more than half of the rows are: then the
                format, the encoding or a column is not what it was taken for.

        Raises:
            CatalogError: naming the rows.
        """
        if stop_at_bad_rows and self.bad_rows:
            raise CatalogError(self.text(bad_only=True))
        if not self.products:
            details = f" {self.text()}" if self.problems else ""
            raise CatalogError(f"{self.path}: the feed has no products.{details}")
        if self.bad_rows > MAX_BAD_SHARE * self.rows:
            raise CatalogError(
                f"{self.path}: {self.bad_rows:,} of {self.rows:,} rows are bad, more than half. "
                f"The feed was read as '{self.format}'.\n{self.text(bad_only=True)}"
            )

    def text(self, *, bad_only: bool = False) -> str:
        """The first 20 problems, a line each, and how many more there are."""
        kept = [problem for problem in self.problems if problem.bad or not bad_only]
        shown = [f"{self.path}, {problem}" for problem in kept[:MAX_PROBLEMS_SHOWN]]
        total = self.bad_rows if bad_only else self.left_out
        more = total - sum(problem.rows for problem in kept[:MAX_PROBLEMS_SHOWN])
        if more > 0:
            shown.append(f"... and {more:,} more {'bad rows' if bad_only else 'rows'}")
        return "\n".join(shown)

    def to_dict(self) -> dict[str, Any]:
        """A JSON-ready mapping."""
        return {
            "feed": str(self.path),
            "format": self.format,
            "rows": self.rows,
            "products": self.products,
            "variants": self.variants,
            "bad_rows": self.bad_rows,
            "not_for_sale": self.not_for_sale,
            "causes": dict(self.causes.most_common()),
            "problems": [vars(problem) for problem in self.problems],
        }
