from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from shopllm_rasa.catalog import Product
from shopllm_rasa.errors import SearchError
from shopllm_rasa.insights import Review, ReviewStore
from shopllm_rasa.recommendation import BehaviourModel, Recommendation, Recommender
from shopllm_rasa.retrieval import Filters, ProductIndex
from shopllm_rasa.settings import RecommendationSettings
from shopllm_rasa.shop import Event

from .conftest import START, event

NOW = START + timedelta(days=30)


@pytest.fixture(scope="module")
def recommender(product_index: ProductIndex) -> Recommender:
    return Recommender(product_index)


def ids(items: list[Recommendation]) -> list[str]:
    return [item.product.id for item in items]


def kinds(items: list[Recommendation]) -> list[str]:
    return [item.product.categories[-1] for item in items]


class TestWish:
    @pytest.mark.parametrize(
        ("wish", "kind"),
        [
            ("something to boil water for tea", "Kettles"),
            ("trainers for jogging in the woods", "Running Shoes"),
            ("a computer for university", "Laptops"),
        ],
    )
    def test_leads(self, recommender: Recommender, wish: str, kind: str) -> None:
        items = recommender.recommend(wish, k=3)
        assert len(items) == 3
        assert kinds(items)[0] == kind
        assert kinds(items).count(kind) >= 2

    def test_a_child(self, recommender: Recommender) -> None:
        assert "AUD-1377" in ids(recommender.recommend("headphones for a child", k=3))

    def test_is_the_reason_where_no_rating_is_better(self, recommender: Recommender) -> None:
        filters = Filters(categories=("Laptops",), price_max=Decimal(500))
        reasons = {item.reason for item in recommender.recommend("a cheap laptop", filters=filters)}
        assert reasons == {"fits what you asked for"}


def bought(*products: str, day: float = 29) -> list[Event]:
    return [event("C", product, "purchase", day) for product in products]

    def test_of_any_length(self, recommender: Recommender) -> None:
        assert kinds(recommender.recommend("kettle " * 5_000, k=2)) == ["Kettles", "Kettles"]
        assert len(recommender.recommend("?!", k=2)) == 2


class TestHistory:
    def test_the_same_kind_is_near(self, recommender: Recommender) -> None:
        items = recommender.recommend(viewed=["KIT-1327"], k=3)
        assert kinds(items)[0] == "Kettles"
        assert items[0].reason == "because you looked at Brackenmill Dome Kettle 1.7 L, Sage Green"

    def test_the_latest_counts_most(self, recommender: Recommender) -> None:
        shoes_last = recommender.recommend(viewed=["SHO-3310", "KIT-1327"], k=1)
        kettles_last = recommender.recommend(viewed=["KIT-1327", "SHO-3310"], k=1)
        assert (kinds(shoes_last), kinds(kettles_last)) == (["Running Shoes"], ["Kettles"])

    @pytest.mark.parametrize(
        ("kind", "value", "words"),
        [
            ("view", None, "because you looked at"),
            ("cart", None, "because you had Stridewell Tempo Running Shoes, Women's in your cart"),
            ("purchase", None, "because you bought Stridewell Tempo Running Shoes, Women's"),
            ("rating", 5.0, "because you liked Stridewell Tempo Running Shoes, Women's"),
        ],
    )
    def test_what_was_done_is_said_so(
        self, recommender: Recommender, kind: str, value: float | None, words: str
    ) -> None:
        past = [event("C", "SHO-3310", kind, 29, value)]
        items = recommender.recommend(events=past, k=6, now=NOW)
        assert any(item.reason.startswith(words) for item in items if item.product.id != "SHO-3310")

    def test_what_was_disliked_is_no_reason(self, recommender: Recommender) -> None:
        past = [event("C", "SHO-3310", "view", 28), event("C", "SHO-3310", "rating", 29, 1.0)]
        items = recommender.recommend(events=past, k=40, now=NOW)
        assert items[0].product.categories[-1] != "Running Shoes"
        assert not any("SHO-3310" in item.reason or "Stridewell Tempo" in item.reason for item in items)

    def test_what_was_left_in_the_cart_comes_back(self, recommender: Recommender) -> None:
        items = recommender.recommend(events=[event("C", "KIT-1310", "cart", 29)], now=NOW)
        assert (items[0].product.id, items[0].reason) == ("KIT-1310", "you had it in your cart")
        items = recommender.recommend(events=[event("C", "KIT-1310", "view", 29)], now=NOW)
        assert (items[0].product.id, items[0].reason) == ("KIT-1310", "you looked at it before")

    def test_a_reason_is_true_of_its_product(self, recommender: Recommender, product_index: ProductIndex) -> None:
        items = recommender.recommend(viewed=["KIT-1327"], events=bought("SHO-3310"), k=10, now=NOW)
        assert len(items) == 10
        for item in items:
            _, _, name = item.reason.partition(" looked at ")
            _, _, owned = item.reason.partition(" bought ")
            if name or owned:
                (other,) = [p for p in product_index.products if p.name == (name or owned)]
                assert other.categories[-1] == item.product.categories[-1]
                assert other.id == ("KIT-1327" if name else "SHO-3310")
            elif " of 5 from " in item.reason:
                rating, count = item.product.rating, item.product.rating_count
                assert item.reason == f"{rating:.1f} of 5 from {count} customers"
            else:
                assert item.reason == f"from our {item.product.categories[-1]}"

    def test_nothing_is_recommended_twice(self, recommender: Recommender) -> None:
        seen = ["KIT-1310", "KIT-1327", "KIT-1328"]
        found = ids(recommender.recommend("a kettle", viewed=seen[:2], events=bought(seen[2]), k=20, now=NOW))
        assert not set(found) & set(seen)
        assert len(set(found)) == len(found) == 20

    def test_not_even_out_of_a_long_history(self, recommender: Recommender, product_index: ProductIndex) -> None:
        owned = [product.id for product in product_index.products if product.in_stock][:-2]
        found = ids(recommender.recommend(events=bought(*owned), k=10, now=NOW))
        assert sorted(found) == sorted(p.id for p in product_index.products if p.in_stock and p.id not in owned)

    def test_long_ago_it_may_be_bought_again(self, recommender: Recommender) -> None:
        later = START + timedelta(days=200)
        past = bought("KIT-1310", day=0)
        assert "KIT-1310" not in ids(recommender.recommend(events=past, k=40, now=START + timedelta(days=179)))
        assert "KIT-1310" in ids(recommender.recommend(events=past, k=40, now=later))

    def test_thousands_of_products(self, recommender: Recommender) -> None:
        viewed = ["KIT-1327", *(f"GONE-{number}" for number in range(5_000))]
        assert kinds(recommender.recommend(viewed=viewed, k=1)) == ["Kettles"]

    def test_ids_that_left_the_shop_are_passed_over(self, recommender: Recommender) -> None:
        favourites = ids(recommender.recommend(k=3))
        assert ids(recommender.recommend(viewed=["GONE-1"], events=bought("GONE-2"), k=3, now=NOW)) == favourites

    def test_everything_was_bought(self, recommender: Recommender, product_index: ProductIndex) -> None:
        owned = bought(*(product.id for product in product_index.products))
        assert recommender.recommend(events=owned, now=NOW) == []


class TestFavourites:
    def test_when_nothing_is_known(self, recommender: Recommender, product_index: ProductIndex) -> None:
        items = recommender.recommend(wish="  ", k=5)
        assert len(set(ids(items))) == 5
        usual = sorted(product.rating_count for product in product_index.products)[len(product_index) // 2]
        assert items[0].product.rating >= 4
        assert items[0].product.rating_count > usual
        poor = [item for item in items if item.product.rating < 4]
        assert all(item.reason == f"from our {item.product.categories[-1]}" for item in poor)
        assert all(" of 5 from " in item.reason for item in items if item.product.rating >= 4)

    def test_one_lucky_rating_does_not_win(self, tmp_path_factory: pytest.TempPathFactory) -> None:
        common = {"price": Decimal(10), "categories": ("Cups",)}
        products = [
            Product(id="lucky", name="Red cup", rating=5.0, rating_count=1, **common),
            Product(id="proven", name="Blue cup", rating=4.6, rating_count=300, **common),
            Product(id="poor", name="Green cup", rating=2.0, rating_count=300, **common),
        ]
        index = ProductIndex.build(products, tmp_path_factory.mktemp("cups") / "index")
        recommender = Recommender(index)
        assert ids(recommender.recommend(k=1)) == ["proven"]
        (lucky,) = [item for item in recommender.recommend(k=3) if item.product.id == "lucky"]
        assert lucky.reason == "5.0 of 5 from 1 customer"

    def test_of_a_shop_without_ratings(self, tmp_path_factory: pytest.TempPathFactory) -> None:
        products = [Product(id=name, name=f"{name} cup", price=Decimal(10)) for name in ("Red", "Blue")]
        index = ProductIndex.build(products, tmp_path_factory.mktemp("plain") / "index")
        items = Recommender(index).recommend()
        assert sorted(ids(items)) == ["Blue", "Red"]
        assert {item.reason for item in items} == {"from our shop"}

    def test_of_an_empty_shop(self, tmp_path_factory: pytest.TempPathFactory) -> None:
        index = ProductIndex.build([], tmp_path_factory.mktemp("empty") / "index")
        assert Recommender(index).recommend("a cup") == []
        assert Recommender(index).recommend() == []


class TestConditions:
    @pytest.mark.parametrize("history", [{}, {"wish": "a quiet kettle"}, {"viewed": ["SHO-3310"]}])
    def test_all_are_kept(self, recommender: Recommender, history: dict) -> None:
        filters = Filters(price_max=Decimal(90), categories=("Kettles",))
        items = recommender.recommend(**history, filters=filters, k=10)
        assert sorted(ids(items)) == ["KIT-1310", "KIT-1327", "KIT-1328", "KIT-1364"]

    @pytest.mark.parametrize("history", [{}, {"wish": "Casaro Hush Quiet Boil Kettle"}, {"viewed": ["KIT-1310"]}])
    def test_nothing_that_is_out_of_stock(self, recommender: Recommender, history: dict) -> None:
        items = recommender.recommend(**history, k=40)
        assert not {"KIT-1391", "COM-1170", "SHO-3388"} & set(ids(items))
        assert all(item.product.in_stock for item in items)

    def test_conditions_that_nothing_fulfils(self, recommender: Recommender) -> None:
        assert recommender.recommend("a kettle", filters=Filters(price_max=Decimal(1))) == []

    @pytest.mark.parametrize("k", [0, 1, 4])
    def test_how_many(self, recommender: Recommender, k: int) -> None:
        assert len(recommender.recommend("a kettle", k=k)) == k


def test_the_list_is_as_varied_as_the_settings_say(product_index: ProductIndex) -> None:
    """The two finishes of one kettle are the first two only where variety counts nothing."""

    def first_two(diversity: float) -> set[str]:
        recommender = Recommender(product_index, settings=RecommendationSettings(diversity=diversity))
        return set(ids(recommender.recommend("Brackenmill Dome Kettle 1.7 L", k=2)))

    assert first_two(0) == {"KIT-1327", "KIT-1328"}
    assert len(first_two(0.7) & {"KIT-1327", "KIT-1328"}) == 1


class TestSimilar:
    def test_the_other_finish_first(self, recommender: Recommender) -> None:
        items = recommender.similar("KIT-1327", k=3)
        assert items[0].product.id == "KIT-1328"
        assert items[0].reason == "also Kettles, same brand, same material: painted stainless steel"
        assert kinds(items) == ["Kettles"] * 3

    def test_prices_are_compared_truly(self, recommender: Recommender, product_index: ProductIndex) -> None:
        anchor = product_index.get("KIT-1327")
        assert anchor is not None
        compared = 0
        for item in recommender.similar("KIT-1327", k=10):
            difference = item.product.price - anchor.price
            if item.reason.endswith(" more") or item.reason.endswith(" less"):
                compared += 1
                assert f"{abs(difference):.2f} EUR {'more' if difference > 0 else 'less'}" in item.reason
        assert compared

    def test_conditions(self, recommender: Recommender) -> None:
        items = recommender.similar("KIT-1327", Filters(price_max=Decimal(50)), hidden=["KIT-1364"])
        assert items
        assert all(item.product.price <= 50 and item.product.id != "KIT-1364" for item in items)
        assert all(item.product.in_stock for item in recommender.similar("KIT-1391", k=20))

    def test_no_such_product(self, recommender: Recommender) -> None:
        with pytest.raises(SearchError, match="There is no product with the id 'NOPE'"):
            recommender.similar("NOPE")


def first_of(index: ProductIndex, category: str) -> Product:
    return next(item for item in index.products if item.categories[-1] == category and item.in_stock)


@pytest.fixture(scope="module")
def informed(product_index: ProductIndex) -> Recommender:
    """A recommender that knows of twelve customers what they bought on one day, and of others what they bought."""
    laptop, tablet = first_of(product_index, "Laptops").id, first_of(product_index, "Tablets").id
    events = [event(f"C-{n}", product, "purchase", n) for n in range(6) for product in (laptop, "AUD-1042")]
    events += [event(f"D-{n}", "KIT-1327", "purchase", n) for n in range(40)]
    events += [
        event(f"E-{n}", product, "purchase", day) for n in range(6) for product, day in ((tablet, 0), ("SHO-3310", 9))
    ]
    settings = RecommendationSettings(min_customers=5)

    def category_of(item: str) -> str:
        product = product_index.get(item)
        assert product is not None
        return product.categories[-1]

    model = BehaviourModel.fit(events, settings, category_of)
    return Recommender(product_index, model, None, settings)


class TestGoesWith:
    def test_what_is_bought_on_one_day(self, informed: Recommender, product_index: ProductIndex) -> None:
        laptop = first_of(product_index, "Laptops")
        first, *rest = informed.goes_with(laptop.id)
        assert (first.product.id, first.reason) == ("AUD-1042", f"often bought with {laptop.name}")
        assert first.details == {"customers": 6.0}
        assert all(item.product.categories[-1] != "Laptops" for item in rest)

    def test_what_customers_of_its_kind_buy(self, informed: Recommender, product_index: ProductIndex) -> None:
        items = informed.goes_with(first_of(product_index, "Tablets").id)
        assert kinds(items)[0] == "Running Shoes"
        assert items[0].reason == "customers who buy Tablets often buy Running Shoes, too"

    def test_a_kind_without_a_product(self, informed: Recommender) -> None:
        items = informed.goes_with_category("Tablets")
        assert set(kinds(items)) == {"Running Shoes"}
        assert 0 < len(items) <= 2
        assert informed.goes_with_category("Dining Tables") == []

    def test_without_events_the_department(self, recommender: Recommender, product_index: ProductIndex) -> None:
        items = recommender.goes_with(first_of(product_index, "Laptops").id)
        assert items
        assert {item.reason for item in items} == {"also from Computers"}
        assert all(item.product.categories[0] == "Computers" != item.product.categories[-1] for item in items)
        assert "Laptops" not in kinds(items)

    def test_never_itself_nor_what_is_hidden_or_too_dear(
        self, informed: Recommender, product_index: ProductIndex
    ) -> None:
        laptop = first_of(product_index, "Laptops")
        assert laptop.id not in ids(informed.goes_with(laptop.id, k=50))
        assert "AUD-1042" not in ids(informed.goes_with(laptop.id, hidden=["AUD-1042"]))
        assert "AUD-1042" not in ids(informed.goes_with(laptop.id, Filters(price_max=Decimal(50))))

    def test_no_such_product(self, recommender: Recommender) -> None:
        with pytest.raises(SearchError, match="There is no product with the id"):
            recommender.goes_with("NOPE")


class TestEvents:
    def test_newcomers_get_what_sells(self, informed: Recommender) -> None:
        assert ids(informed.recommend(k=1)) == ["KIT-1327"]

    def test_how_many_bought_it_is_told_of_what_sells(self, informed: Recommender, product_index: ProductIndex) -> None:
        (kettle,) = informed.recommend(k=1)
        assert (kettle.product.rating, kettle.reason) == (3.9, "popular: bought by 40 customers")

    def test_often_bought_with_what_the_customer_bought(
        self, informed: Recommender, product_index: ProductIndex
    ) -> None:
        laptop = first_of(product_index, "Laptops")
        items = informed.recommend(events=bought(laptop.id), k=3, now=NOW)
        reasons = {item.product.id: item.reason for item in items}
        assert reasons["AUD-1042"] == f"often bought with {laptop.name}"

    def test_one_customers_past_says_nothing_to_another(self, informed: Recommender) -> None:
        before = informed.recommend(k=5)
        informed.recommend(events=bought("SHO-3310", "KIT-1310"), viewed=["AUD-1301"], now=NOW)
        assert informed.recommend(k=5) == before
        assert not any("you " in item.reason for item in before)

    def test_details_for_whoever_looks_after_the_shop(self, informed: Recommender) -> None:
        (item,) = informed.recommend(viewed=["KIT-1327"], k=1)
        assert set(item.details) == {"content", "neighbours", "collaborative", "popularity"}


HEADPHONES = [
    Product(
        id=name,
        name=f"{name} Wireless Headphones",
        price=Decimal(50),
        rating=4.5,
        rating_count=80,
        categories=("Headphones",),
        attributes={"battery life": "40 hours"},
    )
    for name in ("Alto", "Brio", "Coro")
]


class TestReviews:
    def recommender(self, folder: Path, *reviews: Review) -> Recommender:
        return Recommender(ProductIndex.build(HEADPHONES, folder / "index"), None, ReviewStore(reviews))

    def test_complaints_about_what_was_asked_for(self, tmp_path: Path) -> None:
        wish = "headphones with a long battery life"
        first = ids(self.recommender(tmp_path / "a").recommend(wish, k=3))[0]
        complaints = [Review(first, 2, "", "The battery is empty after three hours.") for _ in range(4)]
        items = self.recommender(tmp_path / "b", *complaints).recommend(wish, k=3)
        assert ids(items)[-1] == first
        assert items[-1].details["complaints"] == pytest.approx(4 / 6, abs=1e-3)
        assert "battery" not in items[-1].reason

    def test_complaints_about_something_else(self, tmp_path: Path) -> None:
        wish = "headphones with a long battery life"
        plain = ids(self.recommender(tmp_path / "a").recommend(wish, k=3))
        complaints = [Review(plain[0], 1, "", "They hurt my ears.") for _ in range(9)]
        assert ids(self.recommender(tmp_path / "b", *complaints).recommend(wish, k=3)) == plain
