from decimal import Decimal

import pytest

from shopllm_rasa.catalog import Product
from shopllm_rasa.recommendation import Recommendation, Recommender
from shopllm_rasa.recommendation.recommender import MAX_HISTORY
from shopllm_rasa.retrieval import Filters, ProductIndex


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
            ("a notebook computer for university", "Laptops"),
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


class TestHistory:
    def test_the_same_kind_is_near(self, recommender: Recommender) -> None:
        items = recommender.recommend(viewed=["KIT-1327"], k=3)
        assert kinds(items)[0] == "Kettles"
        assert items[0].reason == "because you looked at Brackenmill Dome Kettle 1.7 L, Sage Green"

    def test_the_latest_counts_most(self, recommender: Recommender) -> None:
        shoes_last = recommender.recommend(viewed=["SHO-3310", "KIT-1327"], k=1)
        kettles_last = recommender.recommend(viewed=["KIT-1327", "SHO-3310"], k=1)
        assert (kinds(shoes_last), kinds(kettles_last)) == (["Running Shoes"], ["Kettles"])

    def test_what_was_bought_is_said_so(self, recommender: Recommender) -> None:
        items = recommender.recommend(bought=["SHO-3310"], k=2)
        assert items[0].reason == "because you bought Stridewell Tempo Running Shoes, Women's"

    def test_a_reason_is_true_of_its_product(self, recommender: Recommender, product_index: ProductIndex) -> None:
        items = recommender.recommend(viewed=["KIT-1327"], bought=["SHO-3310"], k=10)
        assert len(items) == 10
        for item in items:
            _, _, name = item.reason.partition(" looked at ")
            _, _, bought = item.reason.partition(" bought ")
            if name or bought:
                (other,) = [p for p in product_index.products if p.name == (name or bought)]
                assert other.categories[-1] == item.product.categories[-1]
                assert other.id == ("KIT-1327" if name else "SHO-3310")
            elif " of 5 from " in item.reason:
                rating, count = item.product.rating, item.product.rating_count
                assert item.reason == f"{rating:.1f} of 5 from {count} customers"
            else:
                assert item.reason == "popular in our shop"

    def test_nothing_is_recommended_twice(self, recommender: Recommender) -> None:
        seen = ["KIT-1310", "KIT-1327", "KIT-1328"]
        found = ids(recommender.recommend("a kettle", viewed=seen[:2], bought=seen[2:], k=20))
        assert not set(found) & set(seen)
        assert len(set(found)) == len(found) == 20

    def test_not_even_out_of_a_long_history(self, recommender: Recommender, product_index: ProductIndex) -> None:
        bought = [product.id for product in product_index.products if product.in_stock][:-2]
        assert len(bought) > MAX_HISTORY
        found = ids(recommender.recommend(bought=bought, k=10))
        assert sorted(found) == sorted(p.id for p in product_index.products if p.in_stock and p.id not in bought)

    def test_thousands_of_products(self, recommender: Recommender) -> None:
        viewed = ["KIT-1327", *(f"GONE-{number}" for number in range(5_000))]
        assert kinds(recommender.recommend(viewed=viewed, k=1)) == ["Kettles"]

    def test_ids_that_left_the_shop_are_passed_over(self, recommender: Recommender) -> None:
        favourites = ids(recommender.recommend(k=3))
        assert ids(recommender.recommend(viewed=["GONE-1"], bought=["GONE-2"], k=3)) == favourites

    def test_everything_was_bought(self, recommender: Recommender, product_index: ProductIndex) -> None:
        assert recommender.recommend(bought=[product.id for product in product_index.products]) == []


class TestFavourites:
    def test_when_nothing_is_known(self, recommender: Recommender, product_index: ProductIndex) -> None:
        items = recommender.recommend(wish="  ", k=5)
        assert len(set(ids(items))) == 5
        usual = sorted(product.rating_count for product in product_index.products)[len(product_index) // 2]
        assert items[0].product.rating >= 4
        assert items[0].product.rating_count > usual
        assert {item.reason for item in items if item.product.rating < 4} <= {"popular in our shop"}
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
        assert {item.reason for item in items} == {"popular in our shop"}

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


def test_the_list_is_varied(recommender: Recommender) -> None:
    """The two finishes of one kettle are not the first two."""
    first_two = ids(recommender.recommend("Brackenmill Dome Kettle 1.7 L", k=2))
    assert len({"KIT-1327", "KIT-1328"} & set(first_two)) == 1
