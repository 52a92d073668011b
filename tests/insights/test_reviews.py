import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from shopllm_rasa.catalog import Product
from shopllm_rasa.errors import ShopDataError
from shopllm_rasa.insights import Review, ReviewStore
from shopllm_rasa.insights.reviews import MAX_QUOTE_CHARACTERS

RATED = Product(id="K", name="Dome Kettle", price=Decimal(59), rating=3.9, rating_count=301)
UNRATED = Product(id="K", name="Dome Kettle", price=Decimal(59))
Write = Callable[..., Path]


def review(rating: int, text: str, product_id: str = "K") -> Review:
    return Review(product_id, rating, "", text)


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write_file(*rows: Any) -> Path:
        file = tmp_path / "reviews.jsonl"
        file.write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows), "utf-8")
        return file

    return write_file


class TestReading:
    def test_a_file(self, write: Write) -> None:
        store = ReviewStore.read(
            write(
                {"product_id": "K", "rating": 5, "title": "Good", "text": "Boils.", "author": "Ann"},
                {"product_id": "L", "rating": "1", "text": "Leaks."},
                {"product_id": "K", "rating": 2.0, "text": "Löud – very."},
            )
        )
        assert store.of("K") == [Review("K", 5, "Good", "Boils."), Review("K", 2, "", "Löud – very.")]
        assert store.of("L") == [Review("L", 1, "", "Leaks.")]

    def test_without_a_file_there_are_none(self) -> None:
        assert ReviewStore.read(None).of("K") == []

    def test_empty_lines_are_passed_over(self, write: Write) -> None:
        row = {"product_id": "K", "rating": 5, "text": "Boils."}
        assert len(ReviewStore.read(write("", row, "  ", row, "")).of("K")) == 2

    def test_a_byte_order_mark(self, tmp_path: Path) -> None:
        file = tmp_path / "reviews.jsonl"
        file.write_bytes(b"\xef\xbb\xbf" + b'{"product_id": "K", "rating": 5, "text": "Boils."}')
        assert len(ReviewStore.read(file).of("K")) == 1

    def test_of_the_demo_shop(self, data_dir: Path, demo_catalog: list[Product]) -> None:
        store = ReviewStore.read(data_dir / "reviews" / "reviews.jsonl")
        reviewed = [product for product in demo_catalog if store.of(product.id)]
        assert len(reviewed) > 100
        for product in demo_catalog:
            assert product.name in store.summary(product)

    @pytest.mark.parametrize(
        ("row", "message"),
        [
            ("{", "line 2: expected an object with product_id, rating and text"),
            ("[1]", "line 2: expected an object with"),
            ("null", "line 2: expected an object with"),
            ({"rating": 5, "text": "x"}, "line 2: expected an object with product_id, rating and text (KeyError"),
            ({"product_id": "K", "rating": 5}, "line 2: expected an object with"),
            ({"product_id": "K", "rating": None, "text": "x"}, "line 2: expected an object with"),
            ({"product_id": "K", "rating": "good", "text": "x"}, "line 2: expected an object with"),
            ('{"product_id": "K", "rating": Infinity, "text": "x"}', "line 2: expected an object with"),
            ({"product_id": "K", "rating": 0, "text": "x"}, "line 2: 'rating' is 0; allowed are 1 to 5."),
            ({"product_id": "K", "rating": 6, "text": "x"}, "line 2: 'rating' is 6; allowed are 1 to 5."),
            pytest.param("[" * 100_000, "line 2: expected an object with", id="nested"),
        ],
    )
    def test_a_bad_row(self, write: Write, row: Any, message: str) -> None:
        file = write({"product_id": "K", "rating": 5, "text": "Boils."}, row)
        with pytest.raises(ShopDataError) as caught:
            ReviewStore.read(file)
        assert f"{file}, {message}" in str(caught.value)

    def test_a_file_that_is_not_utf8(self, tmp_path: Path) -> None:
        file = tmp_path / "reviews.jsonl"
        file.write_bytes('{"product_id": "K", "rating": 5, "text": "Löud"}'.encode("latin-1"))
        with pytest.raises(ShopDataError, match=r"reviews.jsonl: the file is not UTF-8\."):
            ReviewStore.read(file)

    def test_a_file_that_does_not_exist(self, tmp_path: Path) -> None:
        with pytest.raises(ShopDataError, match="nowhere.jsonl' does not exist"):
            ReviewStore.read(tmp_path / "nowhere.jsonl")


class TestSummary:
    def test_both_voices(self) -> None:
        store = ReviewStore([review(4, "Fine."), review(5, "Lovely."), review(2, "Slow."), review(1, "Leaks.")])
        assert store.summary(RATED).splitlines() == [
            "Dome Kettle: 301 customers rate it 3.9 out of 5.",
            "A customer who likes it (5 stars): “Lovely.”",
            "A critical one (1 star): “Leaks.”",
        ]

    def test_the_longer_of_equally_good_or_bad_ones_says_more(self) -> None:
        store = ReviewStore(
            [review(5, "Good."), review(5, "Good and quick."), review(3, "Meh."), review(3, "Meh, slow.")]
        )
        text = store.summary(RATED)
        assert "(5 stars): “Good and quick.”" in text
        assert "(3 stars): “Meh, slow.”" in text

    def test_only_good_ones(self) -> None:
        text = ReviewStore([review(4, "Fine.")]).summary(RATED)
        assert "(4 stars): “Fine.”" in text
        assert "critical" not in text

    def test_only_bad_ones(self) -> None:
        text = ReviewStore([review(3, "So so.")]).summary(RATED)
        assert "(3 stars): “So so.”" in text
        assert "likes it" not in text

    def test_other_products_have_no_say(self) -> None:
        store = ReviewStore([review(5, "Wrong one.", "L")])
        assert store.summary(RATED) == "Dome Kettle: 301 customers rate it 3.9 out of 5."
        assert store.summary(UNRATED) == "Nobody has reviewed the Dome Kettle yet."

    @pytest.mark.parametrize(
        ("count", "opening"), [(1, "Dome Kettle has 1 review."), (2, "Dome Kettle has 2 reviews.")]
    )
    def test_reviews_without_an_overall_rating(self, count: int, opening: str) -> None:
        assert ReviewStore([review(4, "Fine.")] * count).summary(UNRATED).splitlines()[0] == opening

    def test_a_long_review_is_cut_at_a_word(self) -> None:
        text = ReviewStore([review(5, "lovely  kettle\n" * 100)]).summary(RATED)
        quote = text.split("“")[1].rstrip("”")
        assert quote.endswith(" ...")
        assert len(quote) <= MAX_QUOTE_CHARACTERS + 4
        assert set(quote.removesuffix(" ...").split()) == {"lovely", "kettle"}
        assert "\n" not in quote
