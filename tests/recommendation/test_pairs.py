import numpy as np
import pytest

from shopllm_rasa.recommendation import pairs
from shopllm_rasa.recommendation.pairs import MAX_BASKET, Pairs, count_pairs


def counted(
    baskets: list[tuple[int, list[int]]], count: int = 4, min_customers: int = 1, min_lift: float = 1.0
) -> Pairs:
    """Pairs of baskets, each a customer with items."""
    rows = [(number, item, customer) for number, (customer, items) in enumerate(baskets) for item in items]
    basket, item, customer = (np.array(column) for column in zip(*rows, strict=True))
    return count_pairs(basket, item, customer, count, min_customers, min_lift)


def test_lift() -> None:
    # 0 and 1 are in two of four baskets each, together in two: 2 * 4 / (2 * 2).
    found = counted([(0, [0, 1]), (1, [0, 1]), (2, [2]), (3, [3])])
    assert found.of(0) == [(1, 2.0, 2)]
    assert found.of(1) == [(0, 2.0, 2)]
    assert found.of(2) == []


def test_customers_are_counted_and_not_their_baskets() -> None:
    again = [(0, [0, 1])] * 9 + [(1, [2]), (2, [3])]
    assert counted(again, min_customers=2).of(0) == []
    assert counted(again).of(0)[0][2] == 1


def test_what_is_together_by_chance_is_no_pair() -> None:
    baskets = [(0, [0, 1]), (1, [0]), (2, [1]), (3, [2])]
    assert counted(baskets, min_lift=1.1).of(0) == []


def test_a_high_lift_of_few_comes_after_a_good_one_of_many() -> None:
    many = [(customer, [0, 1]) for customer in range(20)] + [(50 + customer, [1]) for customer in range(5)]
    few = [(30, [0, 2])]
    rest = [(100 + customer, [3]) for customer in range(60)]
    found = counted(many + few + rest)
    lifts = {item: lift for item, lift, _ in found.of(0)}
    assert lifts[2] > lifts[1]
    assert [item for item, _, _ in found.of(0)] == [1, 2]


def test_items_that_do_not_count() -> None:
    assert counted([(0, [-1, 0]), (1, [-1, 0]), (2, [1])]).of(0) == []


def test_a_huge_basket_is_cut() -> None:
    found = counted([(0, list(range(500))), (1, [600])], count=1000)
    assert len(found.of(0)) == MAX_BASKET - 1


def test_nothing_at_all() -> None:
    none = np.zeros(0, np.int64)
    assert count_pairs(none, none, none, 0, 1, 1.0).items.size == 0
    assert count_pairs(none, none, none, 3, 1, 1.0).of(2) == []


def test_the_same_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(3)
    baskets = [(int(random.integers(30)), random.choice(12, 4, replace=False).tolist()) for _ in range(300)]
    whole = counted(baskets, 12, 3, 0.5)
    monkeypatch.setattr(pairs, "_PAIRS_AT_ONCE", 10)
    pieces = counted(baskets, 12, 3, 0.5)
    assert len(whole.items) > 20
    for name in vars(whole):
        np.testing.assert_array_equal(getattr(whole, name), getattr(pieces, name))
