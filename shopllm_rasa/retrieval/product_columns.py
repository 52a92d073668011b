"""What filters, facets and sorting look at: columns of all products, so that no product is visited one by one."""

import json
from array import array
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from shopllm_rasa.catalog import Product
from shopllm_rasa.catalog.vocabulary import normal_words
from shopllm_rasa.errors import IndexUnusableError, SearchError
from shopllm_rasa.retrieval.arrays import ArrayFile, write_arrays
from shopllm_rasa.retrieval.filters import (
    Filters,
    attribute_name,
    attribute_pairs,
    folded,
    identity_words,
    maker_words,
    offers,
    spaced,
)

COLUMNS_FILE = "columns.safetensors"
NAMES_FILE = "columns.json"
# Prices are whole numbers of ten-thousandths, so that they are compared exactly.
_PRICE_UNIT = Decimal(10_000)
_MAX_PRICE = 9 * 10**18
_UNKNOWN_STOCK = -1
# Between a name and its value in the list of attribute values.
_SEPARATOR = "\x1f"
# Before a word of `maker_words`, so that one list of words serves all exclusions.
_MAKER = "^"
# Columns of names: each row has any number of them.
_NAMED = ("categories", "words", "attributes")
# Columns of one name a row: the brand, the narrowest category, the currency.
_SINGLE = ("brand", "kind", "currency")
_MAX_COUNT = 2**31 - 1
_CACHED_CONDITIONS = 256
_COLUMN_TYPES = {
    "price": "q",
    "rating": "f",
    "rating_count": "i",
    "popularity": "f",
    "brand": "i",
    "kind": "i",
    "currency": "i",
    "offer_row": "i",
    "offer_price": "q",
    "offer_stock": "i",
}


class ProductColumns:
    """The columns of an index.

    A column of names (brand, categories, attributes, words of the name) keeps a list of its different names and
    for each the rows that have it, so a condition on a name takes as long as the rows it fits.
    """

    def __init__(self, arrays: Mapping[str, np.ndarray], names: Mapping[str, list[str]]) -> None:
        self._arrays = arrays
        self._names = names
        self._price = arrays["price"]
        self._offer_price = arrays["offer_price"]
        self._owner = arrays["offer_row"]
        self._stock = arrays["offer_stock"]
        self._kind = arrays["kind"]
        # Where no product has variants, offers and products are the same rows.
        self._has_variants = len(self._owner) != len(self._price)
        self._codes = {column: {name: number for number, name in enumerate(names[column])} for column in names}
        self._attribute_codes = lru_cache(_CACHED_CONDITIONS)(self._matching_attributes)
        self._folded: dict[str, dict[str, list[int]]] = {}
        for column in ("brand", "categories"):
            codes: dict[str, list[int]] = defaultdict(list)
            for number, name in enumerate(names[column]):
                codes[name.casefold()].append(number)
            self._folded[column] = codes

    @classmethod
    def load(cls, folder: Path) -> "ProductColumns":
        """Opens what `ColumnsWriter` wrote.

        Raises:
            IndexUnusableError: if a file is damaged.
        """
        file = folder / NAMES_FILE
        try:
            return cls(ArrayFile(folder / COLUMNS_FILE), json.loads(file.read_text(encoding="utf-8")))
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise IndexUnusableError(f"'{file}' is damaged ({error}). Build the index again.") from None

    def __len__(self) -> int:
        return len(self._price)

    @property
    def currencies(self) -> list[str]:
        """The currencies of the products' prices."""
        return self._names["currency"]

    @property
    def brands(self) -> list[str]:
        """The different brands, among them '' where a product has none."""
        return self._names["brand"]

    @property
    def categories(self) -> list[str]:
        """The different categories of all levels."""
        return self._names["categories"]

    @property
    def attributes(self) -> list[tuple[str, str]]:
        """The different values of attributes, each behind its attribute's name."""
        return [(name, value) for name, _, value in (pair.partition(_SEPARATOR) for pair in self._names["attributes"])]

    def brands_by_count(self) -> list[str]:
        """The different brands, those with the most products first."""
        counts = np.bincount(self._arrays["brand"], minlength=len(self.brands))
        return [self.brands[number] for number in np.argsort(-counts, kind="stable")]

    @cached_property
    def has_ratings(self) -> bool:
        """Whether any product has stars."""
        return bool(np.isfinite(self._arrays["rating"]).any())

    @cached_property
    def has_popularity(self) -> bool:
        """Whether it is known of any product how well it sells."""
        return bool(np.isfinite(self._arrays["popularity"]).any() or self._arrays["rating_count"].any())

    def of_brands(self, brands: Iterable[str]) -> np.ndarray:
        """Which products are of some brands, bool of shape (products,)."""
        return np.isin(self._arrays["brand"], self._matching("brand", brands))

    def of_category(self, category: str) -> np.ndarray:
        """Which products have a category at any level, bool of shape (products,)."""
        return self._having("categories", self._matching("categories", (category,)))

    def with_words(self, words: Iterable[str]) -> np.ndarray:
        """Which products have all of some words, in the form of `identity_words`, bool of shape (products,)."""
        return np.logical_and.reduce([self._having("words", self._forms(word)) for word in words])

    def _forms(self, word: str) -> list[int | None]:
        return [self._codes["words"].get(form) for form in (word, f"{_MAKER}{word}")]

    def allowed(self, filters: Filters) -> np.ndarray | None:
        """Which products fulfil every condition, bool of shape (products,); None where all do.

        Raises:
            SearchError: if the filters name a currency that no product has.
        """
        if not filters:
            return None
        mask = np.ones(len(self), dtype=bool)
        if filters.currency is not None:
            mask &= self._arrays["currency"] == self._currency(filters.currency)
        if filters.min_rating is not None:
            with np.errstate(invalid="ignore"):
                mask &= self._arrays["rating"] >= filters.min_rating
        if filters.brands:
            mask &= np.isin(self._arrays["brand"], self._matching("brand", filters.brands))
        if filters.exclude_brands:
            mask &= ~np.isin(self._arrays["brand"], self._matching("brand", filters.exclude_brands))
            for words in filter(None, map(normal_words, filters.exclude_brands)):
                codes = [self._codes["words"].get(f"{_MAKER}{word}") for word in words]
                mask &= ~np.logical_and.reduce([self._having("words", [code]) for code in codes])
        if filters.categories:
            mask &= self._having("categories", self._matching("categories", filters.categories))
        if filters.exclude_categories:
            mask &= ~self._having("categories", self._matching("categories", filters.exclude_categories))
        for phrase in filter(None, map(normal_words, filters.exclude_words)):
            mask &= ~self.with_words(phrase)
        offer = self._allowed_offers(filters)
        if offer is not None:
            if self._has_variants:
                some = np.zeros(len(self), dtype=bool)
                some[self._owner[offer]] = True
                offer = some
            mask &= offer
        return mask

    def _allowed_offers(self, filters: Filters) -> np.ndarray | None:
        conditions = []
        if filters.price_min is not None:
            conditions.append(self._offer_price >= price_units(filters.price_min, up=True))
        if filters.price_max is not None:
            conditions.append(self._offer_price <= price_units(filters.price_max, up=False))
        if filters.in_stock:
            conditions.append(self._stock != 0)
        for name, wanted in filters.attributes.items():
            conditions.append(self._having("attributes", self._attribute_codes(name, wanted)))
        return np.logical_and.reduce(conditions) if conditions else None

    def _matching_attributes(self, wanted_name: str, wanted: str) -> tuple[int, ...]:
        """The numbers of the pairs that fulfil what is wanted of an attribute; see `has_attribute`."""
        name, value = attribute_name(wanted_name), spaced(wanted)
        prefix = name + _SEPARATOR if wanted_name else ""
        return tuple(
            number
            for number, pair in enumerate(self._names["attributes"])
            if pair.startswith(prefix) and value in pair[pair.index(_SEPARATOR) + 1 :]
        )

    def _currency(self, code: str) -> int:
        number = self._codes["currency"].get(code.upper())
        if number is None:
            known = ", ".join(sorted(self.currencies))
            raise SearchError(f"No product has a price in {code.upper()}; the prices are in {known}.")
        return number

    def _matching(self, column: str, names: Iterable[str]) -> list[int]:
        return [code for name in folded(names) for code in self._folded[column].get(name, [])]

    def _having(self, column: str, codes: Iterable[int | None]) -> np.ndarray:
        """Which rows have one of some names, bool of shape (rows,)."""
        starts, rows = self._arrays[f"{column}_starts"], self._arrays[f"{column}_rows"]
        mask = np.zeros(len(self._owner) if column == "attributes" else len(self), dtype=bool)
        for code in codes:
            if code is not None:
                mask[rows[starts[code] : starts[code + 1]]] = True
        return mask

    def facets(self, mask: np.ndarray | None, limit: int = 10) -> dict[str, dict[str, int]]:
        """How many of some products have each brand, category and spoken attribute, the commonest first.

        Args:
            mask: the products, bool of shape (products,); None for all.
            limit: names of a facet.

        Returns:
            'brand', 'category' and the names of attributes, each to its names with their counts.
        """
        rows = np.arange(len(self)) if mask is None else np.flatnonzero(mask)
        counts = {"brand": self._counted("brand", np.bincount(self._arrays["brand"][rows], minlength=1))}
        counts["category"] = self._counted("categories", self._count_having("categories", mask))
        offers_mask = None if mask is None else (mask[self._owner] if self._has_variants else mask)
        by_attribute: dict[str, Counter[str]] = defaultdict(Counter)
        having = self._count_having("attributes", offers_mask)
        for number in np.flatnonzero(having):
            name, value = self._names["attributes"][number].split(_SEPARATOR, 1)
            by_attribute[name][value.strip()] += int(having[number])
        counts |= {name: dict(values.most_common(limit)) for name, values in by_attribute.items()}
        return {name: dict(Counter(values).most_common(limit)) for name, values in counts.items() if values}

    def _counted(self, column: str, counts: np.ndarray) -> dict[str, int]:
        return {
            self._names[column][number]: int(counts[number])
            for number in np.flatnonzero(counts)
            if self._names[column][number]
        }

    def _count_having(self, column: str, mask: np.ndarray | None) -> np.ndarray:
        starts, rows = self._arrays[f"{column}_starts"], self._arrays[f"{column}_rows"]
        if mask is None:
            return np.diff(starts)
        before = np.concatenate([np.zeros(1, np.int64), np.cumsum(mask[rows], dtype=np.int64)])
        return before[starts[1:]] - before[starts[:-1]]

    @property
    def kinds(self) -> list[str]:
        """The names of the narrowest categories, by the numbers of `narrowest_categories`; '' for none."""
        return self._names["kind"]

    def narrowest_categories(self, rows: np.ndarray) -> np.ndarray:
        """A number for the narrowest category of each row, int32; rows without any have one number, too."""
        return self._kind[rows]

    def prices(self, rows: np.ndarray) -> np.ndarray:
        """The prices of rows in ten-thousandths, int64."""
        return self._price[rows]

    def ratings(self, rows: np.ndarray) -> np.ndarray:
        """The mean stars of rows, float32; NaN where there are none."""
        return self._arrays["rating"][rows]

    def rating_counts(self, rows: np.ndarray) -> np.ndarray:
        """How many ratings rows have, int32."""
        return self._arrays["rating_count"][rows]

    def popularities(self, rows: np.ndarray) -> np.ndarray:
        """The popularity of rows, float32; the number of ratings where there is none."""
        popularity = self._arrays["popularity"][rows]
        return np.where(np.isnan(popularity), self.rating_counts(rows), popularity)


class ColumnsWriter:
    """Collects columns, product after product, and writes them."""

    def __init__(self) -> None:
        self._numbers: dict[str, array[Any]] = {name: array(kind) for name, kind in _COLUMN_TYPES.items()}
        self._codes: dict[str, dict[str, int]] = {name: {} for name in (*_SINGLE, *_NAMED)}
        # For each column of names: the names' numbers, and the row that has each.
        self._pairs = {name: (array("q"), array("q")) for name in _NAMED}
        self._count = 0

    def add(self, product: Product) -> None:
        """Adds a product."""
        numbers = self._numbers
        numbers["price"].append(price_units(product.price))
        numbers["rating"].append(float("nan") if product.rating is None else product.rating)
        numbers["rating_count"].append(min(product.rating_count, _MAX_COUNT))
        numbers["popularity"].append(float("nan") if product.popularity is None else product.popularity)
        numbers["brand"].append(self._code("brand", product.brand))
        numbers["kind"].append(self._code("kind", product.categories[-1] if product.categories else ""))
        numbers["currency"].append(self._code("currency", product.currency))
        self._add_names("categories", self._count, product.categories)
        makers = maker_words(product)
        words = (f"{_MAKER}{word}" if word in makers else word for word in identity_words(product))
        self._add_names("words", self._count, words)
        for offer in offers(product):
            row = len(numbers["offer_row"])
            numbers["offer_row"].append(self._count)
            numbers["offer_price"].append(price_units(offer.price))
            numbers["offer_stock"].append(
                _UNKNOWN_STOCK if offer.stock is None else min(max(offer.stock, 0), _MAX_COUNT)
            )
            pairs = (f"{attribute_name(name)}{_SEPARATOR}{value}" for name, value in attribute_pairs(offer.attributes))
            self._add_names("attributes", row, pairs)
        self._count += 1

    def add_kept(self, old: ProductColumns, kept: np.ndarray) -> None:
        """Adds rows of other columns, int64 of shape (kept,), in the order given."""
        arrays = old._arrays
        offer_places = _places(kept, len(old))
        offers_kept = np.flatnonzero(offer_places[old._owner] >= 0)
        offers_kept = offers_kept[np.argsort(offer_places[old._owner[offers_kept]], kind="stable")]
        first_offer = len(self._numbers["offer_row"])
        rows = {"offer_row": self._count + offer_places[old._owner[offers_kept]]}
        for name, column in self._numbers.items():
            if name in _SINGLE:
                renamed = np.array([self._code(name, value) for value in old._names[name]], np.int64)
                values = renamed[arrays[name][kept]] if len(kept) else kept
            elif name.startswith("offer_"):
                values = rows[name] if name in rows else arrays[name][offers_kept]
            else:
                values = arrays[name][kept]
            column.frombytes(values.astype(column.typecode).tobytes())
        for name in _NAMED:
            renamed = np.array([self._code(name, value) for value in old._names[name]], np.int64)
            starts, owners = arrays[f"{name}_starts"], arrays[f"{name}_rows"]
            offer = name == "attributes"
            places = _places(offers_kept, len(old._owner)) if offer else offer_places
            places = places[owners] + np.where(places[owners] >= 0, first_offer if offer else self._count, 0)
            codes = np.repeat(renamed, np.diff(starts))
            for target, values in zip(self._pairs[name], (codes, places), strict=True):
                target.frombytes(values[places >= 0].astype(np.int64).tobytes())
        self._count += len(kept)

    def _code(self, column: str, name: str) -> int:
        codes = self._codes[column]
        return codes.setdefault(name, len(codes))

    def _add_names(self, column: str, row: int, names: Iterable[str]) -> None:
        codes, rows = self._pairs[column]
        for name in dict.fromkeys(names):
            codes.append(self._code(column, name))
            rows.append(row)

    def write(self, folder: Path) -> None:
        """Writes the columns into a folder."""
        arrays = {
            name: np.frombuffer(values, dtype=values.typecode) if len(values) else np.zeros(0, values.typecode)
            for name, values in self._numbers.items()
        }
        for name, (codes, rows) in self._pairs.items():
            numbers = np.array(codes, np.int64)
            order = np.argsort(numbers, kind="stable")
            counts = np.bincount(numbers, minlength=len(self._codes[name]))
            arrays[f"{name}_starts"] = np.concatenate([np.zeros(1, np.int64), np.cumsum(counts, dtype=np.int64)])
            arrays[f"{name}_rows"] = np.array(rows, np.int64)[order].astype(np.int32)
        write_arrays(folder / COLUMNS_FILE, arrays)
        names = {column: list(codes) for column, codes in self._codes.items()}
        (folder / NAMES_FILE).write_text(json.dumps(names, ensure_ascii=False), encoding="utf-8")


def _places(rows: np.ndarray, count: int) -> np.ndarray:
    """Where each of `count` rows stands in `rows`, int64; -1 where it does not."""
    places = np.full(count, -1, np.int64)
    places[rows] = np.arange(len(rows))
    return places


def price_units(amount: Decimal, up: bool = False) -> int:
    """An amount in ten-thousandths. Of a limit with more digits, `up` gives the next whole number above."""
    units = (amount * _PRICE_UNIT).to_integral_value(ROUND_CEILING if up else ROUND_FLOOR)
    return min(int(units), _MAX_PRICE)
