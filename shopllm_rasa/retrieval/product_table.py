"""The products of an index, in a SQLite file: a million of them need not be in memory."""

import json
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, overload

from shopllm_rasa.catalog import Product
from shopllm_rasa.errors import IndexUnusableError
from shopllm_rasa.retrieval.product_words import plain_code, product_codes

PRODUCTS_FILE = "products.sqlite"
# Products kept as objects, so that those asked for again and again are read once.
CACHED_PRODUCTS = 20_000
_SCHEMA = """
CREATE TABLE products (row INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, product TEXT NOT NULL);
CREATE TABLE codes (code TEXT NOT NULL, row INTEGER NOT NULL, PRIMARY KEY (code, row)) WITHOUT ROWID;
"""
_BATCH = 1_000
# SQLite allows so many variables in one statement, in its oldest builds.
_MAX_VARIABLES = 900


class ProductTable(Sequence[Product]):
    """The products by row, by id and by code; safe for use by several threads."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._lock = threading.Lock()
        self._cached = lru_cache(maxsize=CACHED_PRODUCTS)(self._read)
        try:
            # A committed part never changes, so neither locks nor a look at the file's state are needed.
            self._connection = sqlite3.connect(
                f"{file.resolve().as_uri()}?mode=ro&immutable=1", uri=True, check_same_thread=False
            )
            (self._count,) = self._connection.execute("SELECT count(*) FROM products").fetchone()
        except sqlite3.Error as error:
            raise self._damaged(error) from None

    def __len__(self) -> int:
        return int(self._count)

    @overload
    def __getitem__(self, row: int) -> Product: ...

    @overload
    def __getitem__(self, row: slice) -> list[Product]: ...

    def __getitem__(self, row: int | slice) -> Product | list[Product]:
        if isinstance(row, slice):
            return [self[number] for number in range(*row.indices(len(self)))]
        if not -len(self) <= row < len(self):
            raise IndexError(row)
        return self._cached(row % len(self))

    def __iter__(self) -> Iterator[Product]:
        return self.from_row(0)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and len(self) == len(other) and all(map(_same, self, other))

    __hash__ = None  # type: ignore[assignment]

    def get(self, product_id: str) -> Product | None:
        """The product of an id, None where there is none."""
        row = self.rows_of([product_id]).get(product_id)
        return None if row is None else self[row]

    def rows_of(self, ids: Iterable[str]) -> dict[str, int]:
        """The rows of ids, in their order; ids that are not there are left out."""
        asked = list(dict.fromkeys(ids))
        found: dict[str, int] = {}
        for start in range(0, len(asked), _MAX_VARIABLES):
            some = asked[start : start + _MAX_VARIABLES]
            marks = ",".join("?" * len(some))
            found.update(self._rows(f"SELECT id, row FROM products WHERE id IN ({marks})", some))  # noqa: S608 - marks
        return {product_id: found[product_id] for product_id in asked if product_id in found}

    def rows_of_code(self, code: str) -> list[int]:
        """The rows of products that have an identifier: their own, a variant's, or a GTIN or part number."""
        return [row for (row,) in self._rows("SELECT row FROM codes WHERE code = ? ORDER BY row", (plain_code(code),))]

    def close(self) -> None:
        """Lets go of the file."""
        with self._lock:
            self._connection.close()

    def from_row(self, first: int) -> Iterator[Product]:
        """The products from a row on, not kept as objects."""
        for start in range(first, len(self), _BATCH):
            for (text,) in self._rows(
                "SELECT product FROM products WHERE row >= ? AND row < ? ORDER BY row", (start, start + _BATCH)
            ):
                yield self._product(text)

    def _read(self, row: int) -> Product:
        ((text,),) = self._rows("SELECT product FROM products WHERE row = ?", (row,))
        return self._product(text)

    def _product(self, text: str) -> Product:
        try:
            return Product.from_dict(json.loads(text))
        except (ValueError, TypeError, KeyError, AttributeError, ArithmeticError, RecursionError) as error:
            raise self._damaged(error) from None

    def _rows(self, statement: str, values: Sequence[Any]) -> list[Any]:
        try:
            with self._lock:
                return self._connection.execute(statement, values).fetchall()
        except sqlite3.Error as error:
            raise self._damaged(error) from None

    def _damaged(self, error: Exception) -> IndexUnusableError:
        return IndexUnusableError(f"'{self._file}' is damaged ({error}). Build the index again.")


class ProductTableWriter:
    """Writes a new table, row after row.

    Example:
        >>> with ProductTableWriter(folder / PRODUCTS_FILE) as table:
        ...     table.add(product)
    """

    def __init__(self, file: Path) -> None:
        self._connection = sqlite3.connect(file)
        # The file counts only when the whole part is committed: a journal of its own would be work for nothing.
        self._connection.executescript(f"PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; {_SCHEMA}")
        self._count = 0

    def __enter__(self) -> "ProductTableWriter":
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.commit()
        self._connection.close()

    def add(self, product: Product) -> None:
        """Adds a product.

        Raises:
            KeyError: if its id is there already.
        """
        text = json.dumps(product.to_dict(), ensure_ascii=False)
        try:
            self._connection.execute("INSERT INTO products VALUES (?, ?, ?)", (self._count, product.id, text))
        except sqlite3.IntegrityError:
            raise KeyError(product.id) from None
        codes = [(code, self._count) for code in product_codes(product)]
        self._connection.executemany("INSERT OR IGNORE INTO codes VALUES (?, ?)", codes)
        self._count += 1

    def add_kept(self, old: Path, rows: Iterable[int]) -> None:
        """Adds rows of another table, in the order given, without reading them as products."""
        self._connection.commit()
        self._connection.execute("ATTACH ? AS old", (str(old),))
        self._connection.execute("CREATE TEMP TABLE kept (row INTEGER PRIMARY KEY, old INTEGER NOT NULL)")
        self._connection.execute("CREATE TEMP TABLE by_old (old INTEGER PRIMARY KEY, row INTEGER NOT NULL)")
        pairs = list(enumerate(map(int, rows), start=self._count))
        self._connection.executemany("INSERT INTO kept VALUES (?, ?)", pairs)
        self._connection.execute("INSERT INTO by_old SELECT old, row FROM kept")
        self._connection.execute(
            "INSERT INTO products SELECT kept.row, id, product FROM kept JOIN old.products ON products.row = kept.old"
            " ORDER BY kept.row"
        )
        self._connection.execute(
            "INSERT INTO codes SELECT code, by_old.row FROM old.codes JOIN by_old ON by_old.old = codes.row"
        )
        self._connection.executescript("DROP TABLE temp.kept; DROP TABLE temp.by_old;")
        self._connection.commit()
        self._connection.execute("DETACH old")
        self._count += len(pairs)


def _same(one: object, other: object) -> bool:
    return one == other
