"""What is bought together, by lift."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

# A basket with more is a reseller's; of such a basket the first so many count.
MAX_BASKET = 50
_PAIRS_AT_ONCE = 5_000_000


@dataclass(frozen=True)
class Pairs:
    """For each item the items it is bought with, the strongest first, in compressed rows.

    Attributes:
        starts: int64 of shape (items + 1,); row r is `[starts[r]:starts[r + 1]]`.
        items: int32, the others' numbers.
        lifts: float32, how many times more often the two are bought together than by chance.
        customers: int32, how many different customers bought both in one basket.
    """

    starts: np.ndarray
    items: np.ndarray
    lifts: np.ndarray
    customers: np.ndarray

    def of(self, number: int) -> list[tuple[int, float, int]]:
        """What an item is bought with: number, lift and customers."""
        row = slice(int(self.starts[number]), int(self.starts[number + 1]))
        return list(zip(self.items[row].tolist(), self.lifts[row].tolist(), self.customers[row].tolist(), strict=True))

    def find(self, number: int, other: int) -> tuple[float, int] | None:
        """Lift and customers of one pair, None where it is not there."""
        return next(((lift, customers) for item, lift, customers in self.of(number) if item == other), None)


def count_pairs(
    basket: np.ndarray, item: np.ndarray, customer: np.ndarray, count: int, min_customers: int, min_lift: float
) -> Pairs:
    """Finds the pairs of items that share baskets more often than chance has it.

    Lift is P(a, b) / (P(a) P(b)) over baskets (Brin and others, "Dynamic itemset counting and implication rules for
    market basket data", 1997). Pairs are ranked by log(lift) n / (n + min_customers), for a high lift of few
    customers is often chance.

    Args:
        basket: of each purchase, int of shape (purchases,).
        item: of each purchase, -1 for what does not count.
        customer: of each purchase.
        count: how many items there are.
        min_customers: different customers that a pair needs.
        min_lift: the least lift of a pair.
    """
    keep = item >= 0
    lines = np.unique(np.stack([customer[keep], basket[keep], item[keep]], axis=1).astype(np.int64), axis=0)
    number_of_baskets = len(np.unique(lines[:, 1]))
    in_baskets = np.bincount(lines[:, 2], minlength=count)
    firsts, seconds, customers, together = _counted(lines, count)
    lifts = together * number_of_baskets / np.maximum(in_baskets[firsts] * in_baskets[seconds], 1)
    good = (customers >= min_customers) & (lifts >= min_lift)
    firsts, seconds, customers, lifts = firsts[good], seconds[good], customers[good], lifts[good]
    ranks = np.log(lifts) * customers / (customers + min_customers)
    # Each pair stands in the rows of both.
    rows, others = np.concatenate([firsts, seconds]), np.concatenate([seconds, firsts])
    order = np.lexsort((others, -np.tile(ranks, 2), rows))
    starts = np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=count))]).astype(np.int64)
    return Pairs(
        starts,
        others[order].astype(np.int32),
        np.tile(lifts, 2)[order].astype(np.float32),
        np.tile(customers, 2)[order].astype(np.int32),
    )


def _counted(lines: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """All pairs of a basket: the two items, different customers, and baskets."""
    keys, customers, baskets = (np.zeros(0, np.int64) for _ in range(3))
    for pairs in _chunks(lines, count):
        # Pairs come by customer, so a customer is in one chunk alone.
        unique, times = np.unique(pairs, axis=0, return_counts=True)
        own_keys, own_customers = np.unique(unique[:, 1], return_counts=True)
        own_baskets = np.bincount(np.searchsorted(own_keys, unique[:, 1]), times, len(own_keys)).astype(np.int64)
        merged, places = np.unique(np.concatenate([keys, own_keys]), return_inverse=True)
        customers = np.bincount(places, np.concatenate([customers, own_customers]), len(merged)).astype(np.int64)
        baskets = np.bincount(places, np.concatenate([baskets, own_baskets]), len(merged)).astype(np.int64)
        keys = merged
    return keys // max(count, 1), keys % max(count, 1), customers, baskets


def _chunks(lines: np.ndarray, count: int) -> Iterator[np.ndarray]:
    """Rows of customer and pair (first * count + second), whole customers at a time."""
    found: list[np.ndarray] = []
    size = 0
    ends = np.flatnonzero(np.diff(lines[:, 1], append=-1)) + 1 if len(lines) else np.zeros(0, np.int64)
    start, last = 0, -1
    for end in ends.tolist():
        customer = int(lines[start, 0])
        if customer != last and size > _PAIRS_AT_ONCE:
            yield np.concatenate(found)
            found, size = [], 0
        items = lines[start : min(end, start + MAX_BASKET), 2]
        first, second = np.triu_indices(len(items), 1)
        pairs = items[first] * count + items[second]
        found.append(np.stack([np.full(len(pairs), customer), pairs], axis=1))
        size += len(pairs)
        start, last = end, customer
    if found:
        yield np.concatenate(found)
