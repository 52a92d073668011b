import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from shopllm_rasa.catalog import Product
from shopllm_rasa.catalog.product import Variant
from shopllm_rasa.encoders import SentenceEncoder
from shopllm_rasa.errors import IndexUnusableError, SearchError
from shopllm_rasa.retrieval import Filters, KnowledgeIndex, ProductIndex, SearchHit, embedding
from shopllm_rasa.settings import VectorSettings


def ids(hits: Sequence[SearchHit]) -> list[str]:
    return [hit.product.id for hit in hits]


def new_product(**values: object) -> Product:
    defaults = {
        "id": "NEW-1",
        "name": "Inflatable pink flamingo for the pool",
        "price": Decimal("19.95"),
        "brand": "Splash",
        "categories": ("Toys & Games", "Pool Toys"),
    }
    return Product(**{**defaults, **values})  # type: ignore[arg-type]


@pytest.fixture
def embedded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The texts that were embedded, in order; the encoder itself is the real one."""
    texts: list[str] = []
    encode: Callable[..., np.ndarray] = SentenceEncoder.encode

    def recording(self: SentenceEncoder, batch: Sequence[str], *args: Any, **values: Any) -> np.ndarray:
        texts.extend(batch)
        return encode(self, batch, *args, **values)

    monkeypatch.setattr(SentenceEncoder, "encode", recording)
    return texts


class TestSearch:
    @pytest.mark.parametrize(
        ("query", "category"),
        [
            ("something to boil water for tea", "Kettles"),
            ("shoes for jogging", "Running Shoes"),
            ("wireless headset for music", "Headphones"),
            ("portable computer for video editing", "Laptops"),
            ("a place for the family to eat dinner", "Dining Tables"),
        ],
    )
    def test_products_are_found_by_meaning(self, product_index: ProductIndex, query: str, category: str) -> None:
        hits = product_index.search(query, k=3)
        found = [hit.product.categories[-1] for hit in hits]
        # Words count too: "video editing" stands in the description of a tablet.
        assert found[0] == category
        assert found.count(category) >= 2

    def test_best_first_and_k_at_most(self, product_index: ProductIndex) -> None:
        hits = product_index.search("kettle", k=7)
        assert len(hits) == 7
        assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
        assert len(set(ids(hits))) == 7
        assert all(-1.001 <= hit.score <= 1.001 for hit in hits)

    def test_k_above_the_number_of_products_gives_all(
        self, product_index: ProductIndex, some_products: list[Product]
    ) -> None:
        assert sorted(ids(product_index.search("kettle", k=1000))) == sorted(item.id for item in some_products)

    @pytest.mark.parametrize(
        "filters",
        [
            {"price_max": 100},
            {"price_min": 300},
            {"price_min": 50, "price_max": 130},
            {"brands": ["Nordbyte"]},
            {"brands": ["casaro", "ohmlark"]},
            {"categories": ["Kettles"]},
            {"categories": ["Audio", "Shoes"]},
            {"in_stock": True},
            {"attributes": {"colour": "black"}},
            {"attributes": {"sizes": "42"}},
            {"attributes": {"": "bluetooth"}},
            {"categories": ["Headphones"], "price_max": 100, "attributes": {"colour": "black"}, "in_stock": True},
        ],
    )
    def test_every_hit_fulfils_the_filters_and_none_is_missed(
        self, product_index: ProductIndex, some_products: list[Product], filters: dict[str, Any]
    ) -> None:
        expected = {item.id for item in some_products if fits(item, filters)}
        assert 0 < len(expected) < len(some_products)
        hits = product_index.search("a present", k=1000, filters=filters)
        assert set(ids(hits)) == expected
        assert ids(product_index.search("a present", k=1000, filters=Filters.from_dict(filters))) == ids(hits)

    def test_filtering_keeps_the_order_of_the_free_search(self, product_index: ProductIndex) -> None:
        free = product_index.search("a present", k=1000)
        filtered = product_index.search("a present", k=3, filters={"price_max": 100})
        assert ids(filtered) == [hit.product.id for hit in free if hit.product.price <= 100][:3]
        scores = {hit.product.id: hit.score for hit in free}
        assert [hit.score for hit in filtered] == pytest.approx([scores[item] for item in ids(filtered)], abs=1e-5)

    def test_filters_that_nothing_fulfils_give_nothing(self, product_index: ProductIndex) -> None:
        assert product_index.search("kettle", filters={"brands": ["Nobody"]}) == []

    def test_reasons_name_the_fulfilled_conditions(self, product_index: ProductIndex) -> None:
        (hit,) = product_index.search(
            "headphones",
            k=1,
            filters={"brands": "Sonavale", "categories": "Audio", "price_max": 130, "attributes": {"colour": "beige"}},
        )
        assert hit.reasons == (
            "brand Sonavale",
            "Headphones",
            "colour: beige",
            "costs 129.00 EUR, under 130",
            "4.2 of 5 from 138 customers",
        )

    @pytest.mark.parametrize("query", ["", "   ", "\n\t"])
    def test_empty_query(self, product_index: ProductIndex, query: str) -> None:
        with pytest.raises(SearchError, match=r"^The query is empty\.$"):
            product_index.search(query)

    def test_query_of_100_kilobytes(self, product_index: ProductIndex) -> None:
        with pytest.raises(SearchError, match=r"^The query has 100,000 characters; at most 2,000 are allowed\.$"):
            product_index.search("kettles " * 12_499 + "kettless")

    @pytest.mark.parametrize("query", ["☕" * 2_000, "a " * 1_000, "\x00\ufffd", "?", "水を沸かす"])
    def test_odd_queries_are_answered(self, product_index: ProductIndex, query: str) -> None:
        assert len(product_index.search(query, k=2)) == 2

    @pytest.mark.parametrize("k", [0, -1, 1001])
    def test_k_out_of_range(self, product_index: ProductIndex, k: int) -> None:
        with pytest.raises(SearchError, match=rf"^k is {k}; allowed are 1 to 1000\.$"):
            product_index.search("kettle", k=k)

    def test_unknown_filter_names_the_known_ones(self, product_index: ProductIndex) -> None:
        with pytest.raises(SearchError, match=r"Unknown filter 'colour'\. Known filters: price_min, .*in_stock"):
            product_index.search("kettle", filters={"colour": "red"})

    def test_contradictory_limits(self, product_index: ProductIndex) -> None:
        with pytest.raises(SearchError, match="price_min 50 is above price_max 20"):
            product_index.search("kettle", filters={"price_min": 50, "price_max": 20})

    def test_products_by_id(self, product_index: ProductIndex, some_products: list[Product]) -> None:
        assert product_index.get("KIT-1310") in some_products
        assert product_index.get("KIT-0000") is None
        assert product_index.products == some_products
        vectors = product_index.vectors_of(["KIT-1310", "KIT-0000", "AUD-1042"])
        assert np.linalg.norm(vectors, axis=1) == pytest.approx([1, 1], abs=1e-4)
        assert product_index.search_vector(vectors[0], k=1)[0].product.id == "KIT-1310"
        assert product_index.vectors_of([]).shape == (0, vectors.shape[1])


def fits(item: Product, filters: dict[str, Any]) -> bool:
    """The filters once more, written for the demo data alone."""
    brands = filters.get("brands", [item.brand])
    categories = filters.get("categories", item.categories)
    wanted = filters.get("attributes", {})
    values = {key: [v] if isinstance(v, str) else list(v) for key, v in item.attributes.items()}
    values[""] = [text for texts in values.values() for text in texts]
    return (
        filters.get("price_min", 0) <= item.price <= filters.get("price_max", 10**6)
        and item.brand.lower() in [brand.lower() for brand in brands]
        and any(step in categories for step in item.categories)
        and not (filters.get("in_stock") and item.stock == 0)
        and all(any(value in text.lower().split() for text in values.get(key, [])) for key, value in wanted.items())
    )


class TestUpsert:
    def test_a_new_product_is_found_also_after_opening_again(self, index_copy: Path) -> None:
        index = ProductIndex.open(index_copy)
        count = len(index)
        index.upsert([new_product()])
        for opened in (index, ProductIndex.open(index_copy)):
            assert len(opened) == count + 1
            assert opened.search("pool toy", k=1)[0].product == new_product()

    def test_only_the_new_text_is_embedded(self, index_copy: Path, embedded: list[str]) -> None:
        index = ProductIndex.open(index_copy)
        index.upsert([new_product(), replace(index.products[0], price=Decimal(1))])
        assert embedded == [new_product().search_text]

    def test_a_changed_price_is_stored_without_embedding(self, index_copy: Path, embedded: list[str]) -> None:
        index = ProductIndex.open(index_copy)
        before = index.get("KIT-1310")
        assert before is not None
        vector = index.vectors_of(["KIT-1310"])
        index.upsert([replace(before, price=Decimal("1.00"), stock=0)])
        assert embedded == []
        opened = ProductIndex.open(index_copy)
        after = opened.get("KIT-1310")
        assert after == replace(before, price=Decimal("1.00"), stock=0)
        assert np.array_equal(opened.vectors_of(["KIT-1310"]), vector)
        assert "KIT-1310" in ids(opened.search("kettle", filters={"price_max": 2}))
        assert "KIT-1310" not in ids(opened.search("kettle", k=1000, filters={"in_stock": True}))

    def test_a_changed_text_is_embedded_again(self, index_copy: Path, embedded: list[str]) -> None:
        index = ProductIndex.open(index_copy)
        old = index.get("KIT-1310")
        assert old is not None
        others = [item.id for item in index.products if item.id != old.id]
        vectors = index.vectors_of(others)
        changed = replace(
            old, name="Inflatable pink flamingo", categories=("Pool Toys",), description="", attributes={}
        )
        index.upsert([changed])
        assert embedded == [changed.search_text]
        embedded.clear()
        assert len(index) == len(others) + 1
        assert index.search("pool flamingo", k=1)[0].product == changed
        assert np.array_equal(index.vectors_of(others), vectors)

    def test_what_changed_comes_last_and_the_rest_keeps_the_order_of_the_feed(self, index_copy: Path) -> None:
        index = ProductIndex.open(index_copy)
        before = [item.id for item in index.products]
        changed = replace(index.products[3], stock=1)
        index.upsert([new_product(), changed])
        assert [item.id for item in index.products] == [*before[:3], *before[4:], "NEW-1", changed.id]

    def test_an_id_twice_changes_nothing(self, index_copy: Path) -> None:
        index = ProductIndex.open(index_copy)
        before = index.products
        with pytest.raises(SearchError, match="Two products have the id 'NEW-1'"):
            index.upsert([new_product(), new_product(name="Other")])
        assert ProductIndex.open(index_copy).products == before

    def test_pages_stay(self, index_copy: Path) -> None:
        before = KnowledgeIndex.open(index_copy).passages
        ProductIndex.open(index_copy).upsert([new_product()])
        assert KnowledgeIndex.open(index_copy).passages == before != []


class TestDelete:
    def test_deleted_products_are_gone_also_after_opening_again(self, index_copy: Path) -> None:
        index = ProductIndex.open(index_copy)
        count = len(index)
        index.delete(["KIT-1310", "KIT-1327", "unknown"])
        for opened in (index, ProductIndex.open(index_copy)):
            assert len(opened) == count - 2
            assert opened.get("KIT-1310") is None
            assert not {"KIT-1310", "KIT-1327"} & set(ids(opened.search("kettle", k=1000)))
            for item in opened.products:
                assert opened.search_vector(opened.vectors_of([item.id])[0], k=1)[0].score > 0.99

    def test_an_emptied_index_can_be_searched_and_filled(self, index_copy: Path) -> None:
        index = ProductIndex.open(index_copy)
        index.delete([item.id for item in index.products])
        index = ProductIndex.open(index_copy)
        assert len(index) == 0
        assert index.search("kettle") == []
        assert index.search("kettle", filters={"in_stock": True}) == []
        index.upsert([new_product()])
        assert ids(ProductIndex.open(index_copy).search("kettle")) == ["NEW-1"]


class TestOpen:
    @pytest.mark.parametrize("query", ["kettle", "running shoes for women", "gaming"])
    def test_an_opened_index_gives_the_same_results(
        self, index_dir: Path, product_index: ProductIndex, query: str
    ) -> None:
        opened = ProductIndex.open(index_dir, model="default").search(query, k=20)
        assert opened == product_index.search(query, k=20)

    def test_a_built_index_gives_the_same_results_as_an_opened_one(
        self, index_copy: Path, some_products: list[Product]
    ) -> None:
        built = ProductIndex.build(some_products[:5], index_copy)
        opened = ProductIndex.open(index_copy)
        assert opened.products == built.products == some_products[:5]
        assert opened.search("laptop", k=5) == built.search("laptop", k=5)

    def test_building_again_keeps_the_pages(self, index_copy: Path, some_products: list[Product]) -> None:
        ProductIndex.build(some_products[:2], index_copy)
        assert len(KnowledgeIndex.open(index_copy)) > 0

    def test_building_with_an_id_twice_keeps_the_old_index(
        self, index_copy: Path, some_products: list[Product]
    ) -> None:
        with pytest.raises(SearchError, match="Two products have the id 'NEW-1'"):
            ProductIndex.build([new_product(), new_product()], index_copy)
        assert ProductIndex.open(index_copy).products == some_products

    def test_readers_open_a_whole_index_while_a_writer_commits(self, index_copy: Path) -> None:
        writer = ProductIndex.open(index_copy)
        count = len(writer)
        done = threading.Event()
        problems: list[Exception] = []
        opened: list[int] = []

        def read() -> None:
            while not done.is_set():
                try:
                    opened.append(len(ProductIndex.open(index_copy)))
                    opened.append(len(ProductIndex.open(index_copy)))
                except IndexUnusableError as error:
                    problems.append(error)

        reader = threading.Thread(target=read)
        reader.start()
        while len(opened) < 4 and not problems:
            writer.upsert([new_product()])
            writer.delete(["NEW-1"])
        done.set()
        reader.join()
        assert problems == []
        assert set(opened) <= {count, count + 1}


class TestHybrid:
    @pytest.mark.parametrize("query", ["KIT-1310", "kit 1310", "kit1310", "is the KIT-1310 any good?"])
    def test_a_code_comes_first(self, product_index: ProductIndex, query: str) -> None:
        hit = product_index.search(query, k=3)[0]
        assert hit.product.id == "KIT-1310"
        assert hit.score == 1
        assert "code" in hit.signals

    def test_other_identifiers_and_those_of_variants(self, index_copy: Path) -> None:
        index = ProductIndex.open(index_copy)
        variant = Variant("PINK-42", Decimal(5), 1, {"sizes": "42"})
        index.upsert([new_product(codes=("4006381333931", "WH-1000XM2/B"), variants=(variant,))])
        for code in ("4006381333931", "wh1000xm2b", "WH-1000XM2/B", "pink-42"):
            assert index.search(code, k=1)[0].product.id == "NEW-1"
        assert ids(index.search("4006381333931", filters={"price_min": 500})) != ["NEW-1"]

    def test_an_amount_names_no_product(self, index_copy: Path) -> None:
        index = ProductIndex.open(index_copy)
        index.upsert([new_product(id="1000")])
        assert index.search("a laptop under 1000", k=1)[0].product.id != "1000"
        assert index.search("1000", k=1)[0].product.id == "1000"

    def test_words_find_what_meaning_does_not_know(self, index_copy: Path) -> None:
        index = ProductIndex.open(index_copy)
        index.upsert([new_product(name="Zyxqor Plumbus"), new_product(id="NEW-2", name="Beach ball")])
        hit = index.search("zyxqor", k=1)[0]
        assert hit.product.id == "NEW-1"
        assert hit.word_score > 0
        assert "words" in hit.signals

    def test_scores_are_between_0_and_1_and_say_what_they_come_from(self, product_index: ProductIndex) -> None:
        for hit in product_index.search("a quiet kettle", k=50):
            assert 0 <= hit.word_score <= 1
            assert 0 <= hit.score <= 1
            assert -1.001 <= hit.cosine <= 1.001
            assert hit.signals

    def test_words_may_be_given(self, product_index: ProductIndex) -> None:
        plain = product_index.retrieve("tea", k=5)
        assert product_index.retrieve("tea", k=5, words=["tea"]) == plain
        assert all(hit.word_score == 0 for hit in product_index.retrieve("tea", k=5, words=[]))
        assert product_index.has_word("kettle")
        assert "kettle" in set(product_index.words)


class TestSort:
    def test_by_price_among_what_is_about_the_query(self, product_index: ProductIndex) -> None:
        hits = product_index.retrieve("kettle", k=5, sort="price", filters={"categories": "Kettles"})
        prices = [hit.product.price for hit in hits]
        assert prices == sorted(prices)
        assert {hit.product.categories[-1] for hit in hits} == {"Kettles"}
        dear = product_index.retrieve("kettle", k=5, sort="-price", filters={"categories": "Kettles"})
        assert [hit.product.price for hit in dear] == sorted((hit.product.price for hit in dear), reverse=True)

    def test_by_rating(self, product_index: ProductIndex) -> None:
        ratings = [hit.product.rating or 0 for hit in product_index.retrieve("headphones", k=5, sort="rating")]
        assert ratings == sorted(ratings, reverse=True)

    def test_an_unknown_order_names_the_known_ones(self, product_index: ProductIndex) -> None:
        with pytest.raises(SearchError, match=r"There is no sort order 'size'\. Allowed: price, -price, rating"):
            product_index.retrieve("kettle", sort="size")


class TestFacets:
    def test_of_all_of_some_and_of_what_is_about_a_query(
        self, product_index: ProductIndex, some_products: list[Product]
    ) -> None:
        count = sum("Kettles" in product.categories for product in some_products)
        assert product_index.facets()["category"]["Kettles"] == count
        cheap = product_index.facets(filters={"categories": "Kettles", "price_max": 50})
        assert cheap["category"]["Kettles"] == sum(
            "Kettles" in product.categories and product.price <= 50 for product in some_products
        )
        about = product_index.facets("kettle")["category"]
        assert max(about, key=lambda name: about[name] if name in ("Kettles", "Laptops") else 0) == "Kettles"


def test_a_wrong_currency_names_those_there_are(product_index: ProductIndex) -> None:
    with pytest.raises(SearchError, match=r"^No product has a price in USD; the prices are in EUR\.$"):
        product_index.search("kettle", filters={"currency": "USD"})


def test_an_index_with_an_inverted_file_finds_the_same(
    index_copy: Path, some_products: list[Product], product_index: ProductIndex
) -> None:
    settings = VectorSettings(store="ivf")
    index = ProductIndex.build(some_products, index_copy, vectors=settings)
    assert index.stats()["store"] == "ivf"
    for filters in ({}, {"price_max": 100, "in_stock": True}):
        assert ids(index.search("a quiet kettle", filters=filters)) == ids(
            product_index.search("a quiet kettle", filters=filters)
        )
    index.upsert([new_product()])
    assert ids(ProductIndex.open(index_copy).search("pool toy", k=1)) == ["NEW-1"]


def test_changes_of_two_openers_both_stay(index_copy: Path) -> None:
    one, other = ProductIndex.open(index_copy), ProductIndex.open(index_copy)
    one.upsert([new_product()])
    other.upsert([new_product(id="NEW-2")])
    assert other.get("NEW-1") is not None
    assert ProductIndex.open(index_copy).get("NEW-1") is not None


def test_a_build_that_was_interrupted_embeds_only_the_rest(
    tmp_path: Path, some_products: list[Product], embedded: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedding, "CHUNK", 8)
    recording = SentenceEncoder.encode

    def dying(self: SentenceEncoder, texts: Sequence[str], *args: Any, **values: Any) -> np.ndarray:
        if len(embedded) >= 16:
            raise KeyboardInterrupt
        return recording(self, texts, *args, **values)

    with monkeypatch.context() as patch:
        patch.setattr(SentenceEncoder, "encode", dying)
        with pytest.raises(KeyboardInterrupt):
            ProductIndex.build(some_products, tmp_path / "index")
    embedded.clear()
    index = ProductIndex.build(some_products, tmp_path / "index")
    assert len(embedded) == len({product.search_text for product in some_products}) - 16
    assert index.products == some_products
    assert not (tmp_path / "index" / ".unfinished-vectors").exists()
