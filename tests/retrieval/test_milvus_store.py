"""The store against Milvus itself: Milvus Lite, and a server where SHOPLLM_MILVUS_URI names one."""

import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shopllm_rasa.catalog import Product, Variant
from shopllm_rasa.errors import IndexUnusableError, VectorServerError
from shopllm_rasa.retrieval import ProductIndex, milvus_store
from shopllm_rasa.retrieval import vectors as stores
from shopllm_rasa.retrieval.exact_vectors import ExactVectors
from shopllm_rasa.retrieval.filters import Filters
from shopllm_rasa.retrieval.milvus_store import COLLECTIONS_FILE, MilvusStore, Server, State
from shopllm_rasa.retrieval.vectors import Allowed, nearest
from shopllm_rasa.settings import MilvusSettings, VectorSettings

pytest.importorskip("pymilvus", reason="pymilvus is an optional dependency")

SERVER = os.environ.get("SHOPLLM_MILVUS_URI")
DIMENSIONS = 16
BRANDS = ("Fell", "Casaro", "Größe & Söhne", 'Quo"te', "Back\\slash", "")
COLOURS = ("red", "blue", "dark blue", "grün", "it's")
CATEGORIES = (("Shoes", "Running"), ("Shoes", "Boots"), ("Kitchen",), ())


def product(number: int) -> Product:
    random = np.random.default_rng(number)
    price = Decimal(int(random.integers(1, 200))) / 4
    rating = None if number % 5 == 0 else round(float(random.uniform(1, 5)), 2)
    made = Product(
        id=f"P-{number}",
        name=f"Thing {number % 9} {'pink' if number % 4 == 0 else 'plain'}",
        price=price,
        currency="EUR" if number % 7 else "USD",
        brand=BRANDS[number % len(BRANDS)],
        categories=CATEGORIES[number % len(CATEGORIES)],
        stock=[None, 0, 3][number % 3],
        rating=rating,
        attributes={"colour": COLOURS[number % len(COLOURS)]},
    )
    if number % 6:
        return made
    choices = tuple(
        Variant(f"V-{number}-{size}", price + extra, stock, {"size": size})
        for size, extra, stock in (("M", 0, 0), ("L", 5, 2))
    )
    return replace(made, variants=choices, attributes={**made.attributes, "size": ("M", "L")})


def vectors_in(folder: Path, products: list[Product]) -> ExactVectors:
    """Vectors that depend on the product alone."""
    folder.mkdir(parents=True)
    made = ExactVectors.create(folder, len(products), DIMENSIONS)
    for row, item in enumerate(products):
        vector = np.random.default_rng(abs(hash(("vector", item.id))) % 2**32).normal(size=DIMENSIONS)
        made.vectors[row] = vector / np.linalg.norm(vector)
    return made


class Index:
    """The part of an index directory that a store sees."""

    def __init__(self, path: Path, where: VectorSettings) -> None:
        self.path = path
        self.where = where
        self.number = 0
        path.mkdir()

    def write(self, products: list[Product], commit: bool = True) -> tuple[MilvusStore, ExactVectors]:
        self.number += 1
        folder = self.path / f"products-{self.number}"
        vectors = vectors_in(folder, products)
        MilvusStore.write(folder, vectors, products, self.where)
        if commit:
            manifest = {"parts": {"products": {"folder": folder.name}}}
            (self.path / "manifest.json").write_text(json.dumps(manifest))
        return MilvusStore.open(folder, vectors, self.where), vectors


@pytest.fixture(params=["lite", "server"] if SERVER else ["lite"], scope="module")
def where(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> VectorSettings:
    uri = SERVER if request.param == "server" else str(tmp_path_factory.mktemp("milvus") / "milvus.db")
    milvus = MilvusSettings(uri=uri, collection="shopllm_test", timeout_seconds=20, batch_rows=300)
    return VectorSettings(store="milvus", milvus=milvus)


@pytest.fixture
def index(tmp_path: Path, where: VectorSettings) -> Iterator[Index]:
    made = Index(tmp_path / "index", where)
    yield made
    server = Server(where.milvus)
    for name in json.loads((made.path / COLLECTIONS_FILE).read_text()) if made.number else []:
        server.drop(name)
    server.close()


@pytest.fixture(scope="module")
def stored(
    where: VectorSettings, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[MilvusStore, ExactVectors, list[Product]]]:
    """A store of 1,200 products."""
    products = [product(number) for number in range(1_200)]
    index = Index(tmp_path_factory.mktemp("stored") / "index", where)
    store, vectors = index.write(products)
    yield store, vectors, products
    store._server.drop(store._state.collection)
    store.close()


def allowed_of(products: list[Product], filters: Filters) -> Allowed:
    return Allowed(filters, np.array([filters.allow(item) for item in products], dtype=bool))


def best(vectors: ExactVectors, vector: np.ndarray, k: int, rows: np.ndarray) -> set[int]:
    cosines = vectors.cosines(vector, rows)
    return set(rows[np.argsort(-cosines, kind="stable")[:k]].tolist())


def query(number: int) -> np.ndarray:
    vector = np.random.default_rng(number).normal(size=DIMENSIONS).astype(np.float32)
    return vector / np.linalg.norm(vector)


def hits_of(store: MilvusStore, vectors: ExactVectors, vector: np.ndarray, k: int, allowed: Allowed | None) -> set[int]:
    """The best of what the store finds; not of the scan that stands in for it."""
    found = store._asked(vector, k, allowed)
    assert found is not None
    if allowed is not None:
        assert allowed.mask[found].all()
    return best(vectors, vector, k, found)


def test_the_same_as_an_exact_scan(stored: tuple[MilvusStore, ExactVectors, list[Product]]) -> None:
    store, vectors, products = stored
    rows = np.arange(len(products))
    recall = [
        len(hits_of(store, vectors, query(number), 10, None) & best(vectors, query(number), 10, rows)) / 10
        for number in range(30)
    ]
    assert np.mean(recall) >= 0.98
    found = store.search(query(0), 10, None)
    assert best(vectors, query(0), 10, rows) <= set(found.tolist())
    assert store._paused_until == 0


@pytest.mark.parametrize(
    "filters",
    [
        Filters(price_min=Decimal(20), price_max=Decimal("30.5")),
        Filters(currency="USD"),
        Filters(brands=('Quo"te', "Back\\slash")),
        Filters(brands=("größe & söhne",), in_stock=True),
        Filters(categories=("shoes",)),
        Filters(categories=("Running",), exclude_brands=("Fell",)),
        Filters(attributes={"colour": "blue"}),
        Filters(attributes={"": "dark blue"}),
        Filters(attributes={"size": "M"}, in_stock=True),  # there is none: M is sold out, L is not
        Filters(attributes={"size": "L"}, in_stock=True),
        Filters(attributes={"color": "it's", "size": "L"}),
        Filters(min_rating=4.1),
        Filters(exclude_words=("pink",), exclude_categories=("Boots",)),
        Filters(exclude_words=("thing 3 plain",)),
    ],
    ids=lambda filters: " ".join(filters.describe()),
)
def test_the_same_as_the_filters(stored: tuple[MilvusStore, ExactVectors, list[Product]], filters: Filters) -> None:
    store, vectors, products = stored
    allowed = allowed_of(products, filters)
    recall = []
    for number in range(15):
        found = hits_of(store, vectors, query(number), 10, allowed)
        assert len(found) == min(10, len(allowed.rows))
        recall.append(len(found & best(vectors, query(number), 10, allowed.rows)) / max(len(found), 1))
    # Milvus Lite compares all; a server's index is approximate, above all before it is built in full.
    assert np.mean(recall) >= (0.98 if store._server.settings.is_file else 0.9) or not len(allowed.rows)


words = st.sampled_from([*BRANDS, *COLOURS, "Shoes", "' or 1 == 1", '"]) or (true', "\\", "日本語", "M"]) | st.text(
    max_size=6
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    brands=st.lists(words, max_size=2),
    categories=st.lists(words, max_size=1),
    attributes=st.dictionaries(words, words, max_size=1),
    exclude=st.lists(words, max_size=2),
    price=st.none() | st.decimals("1", "60", places=5),
    stock=st.booleans(),
)
def test_any_filters_give_what_they_allow(
    stored: tuple[MilvusStore, ExactVectors, list[Product]],
    brands: list[str],
    categories: list[str],
    attributes: dict[str, str],
    exclude: list[str],
    price: Decimal | None,
    stock: bool,
) -> None:
    store, vectors, products = stored
    filters = Filters(
        brands=tuple(brands),
        categories=tuple(categories),
        attributes=attributes,
        exclude_words=tuple(exclude),
        price_max=price,
        in_stock=stock,
    )
    allowed = allowed_of(products, filters)
    found = hits_of(store, vectors, query(1), 25, allowed)
    assert found <= set(allowed.rows.tolist())
    assert len(found) == min(25, len(allowed.rows))


class TestChanges:
    def test_a_small_change_sends_only_what_is_new(self, index: Index, monkeypatch: pytest.MonkeyPatch) -> None:
        products = [product(number) for number in range(100)]
        old, old_vectors = index.write(products)
        sent: list[int] = []
        insert = Server.insert
        monkeypatch.setattr(
            Server, "insert", lambda self, name, rows: (sent.append(len(rows)), insert(self, name, rows))
        )
        changed = replace(products[3], price=Decimal("999"))
        new, new_vectors = index.write([*products[5:], changed, product(1_000)])
        assert sent == [2]
        assert new._state.collection == old._state.collection
        assert len(new._state.gone) == 5

        # Both versions answer, each with its own rows.
        dear = Filters(price_min=Decimal("900"))
        assert hits_of(new, new_vectors, query(1), 5, allowed_of([*products[5:], changed, product(1_000)], dear)) == {
            95
        }
        for store, vectors, count in ((old, old_vectors, 100), (new, new_vectors, 97)):
            assert hits_of(store, vectors, query(1), count, None) == set(range(count))
        old.close()

        # The next change removes what had gone, and what comes back is there again.
        back, back_vectors = index.write([*products[5:], products[3]])
        assert hits_of(back, back_vectors, query(2), 96, None) == set(range(96))
        assert back._server.count(back._state.collection) == 96 + len(back._state.gone)
        new.close()
        back.close()

    def test_an_interrupted_change_leaves_nothing(self, index: Index, monkeypatch: pytest.MonkeyPatch) -> None:
        products = [product(number) for number in range(60)]
        first, vectors = index.write(products)
        with monkeypatch.context() as patch:
            patch.setattr(Server, "count", lambda self, name: -1)
            with pytest.raises(VectorServerError, match="Milvus has -1 products"):
                index.write([*products, product(500)], commit=False)
        assert hits_of(first, vectors, query(1), 60, None) == set(range(60))
        shutil.rmtree(index.path / "products-2")
        second, vectors = index.write([*products, product(501)])
        assert second._state.collection == first._state.collection
        assert second._server.count(second._state.collection) == 61
        assert hits_of(second, vectors, query(1), 61, None) == set(range(61))
        first.close()
        second.close()

    def test_a_large_change_makes_a_new_collection(self, index: Index) -> None:
        first, _ = index.write([product(number) for number in range(20)])
        second, vectors = index.write([product(number) for number in range(100, 120)])
        third, _ = index.write([product(number) for number in range(200, 220)])
        names = [store._state.collection for store in (first, second, third)]
        assert len(set(names)) == 3
        assert [third._server.has(name) for name in names] == [False, True, True]
        assert hits_of(second, vectors, query(1), 20, None) == set(range(20))
        for store in (first, second, third):
            store.close()

    def test_an_empty_index(self, index: Index) -> None:
        store, vectors = index.write([])
        assert nearest(store, vectors, query(1), 5, None)[1].tolist() == []
        store.close()


class TestFailures:
    def test_a_server_that_does_not_answer_costs_no_search(
        self, stored: tuple[MilvusStore, ExactVectors, list[Product]], tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        _, vectors, products = stored
        away = MilvusSettings(uri="http://127.0.0.1:9", timeout_seconds=0.2, retries=0)
        folder = tmp_path / "part"
        folder.mkdir()
        State("nowhere", 1, np.arange(len(products)), np.zeros(0, np.int64)).save(folder)
        store = MilvusStore.open(folder, vectors, VectorSettings(store="milvus", milvus=away))
        assert "Milvus at http://127.0.0.1:9 could not look up its data" in caplog.text
        allowed = allowed_of(products, Filters(brands=("Fell",)))
        for _ in range(2):
            found = set(store.search(query(1), 10, allowed).tolist())
            assert found == best(vectors, query(1), 10, allowed.rows)
        assert caplog.text.count("Searching without it for 30 seconds") == 1

        store._paused_until = 0.0
        assert set(store.search(query(1), 10, None).tolist()) == best(vectors, query(1), 10, np.arange(len(products)))
        assert caplog.text.count("could not search its data") == 1

    def test_writing_without_a_server(self, tmp_path: Path) -> None:
        away = MilvusSettings(uri="http://127.0.0.1:9", timeout_seconds=0.2, retries=0)
        index = Index(tmp_path / "index", VectorSettings(store="milvus", milvus=away))
        with pytest.raises(VectorServerError, match=r"Milvus at http://127\.0\.0\.1:9 could not make its data"):
            index.write([product(1)])

    def test_a_collection_that_is_gone(self, index: Index) -> None:
        store, vectors = index.write([product(1)])
        store._server.drop(store._state.collection)
        with pytest.raises(IndexUnusableError, match="has no collection 'shopllm_test_"):
            MilvusStore.open(index.path / "products-1", vectors, index.where)
        store.close()

    @pytest.mark.parametrize("content", ["", "{}", "[]", '{"collection": "a", "version": "x"}'])
    def test_a_damaged_state(self, tmp_path: Path, content: str) -> None:
        State("a", 1, np.arange(3), np.arange(2)).save(tmp_path)
        assert State.load(tmp_path).keys.tolist() == [0, 1, 2]
        (tmp_path / milvus_store.STATE_FILE).write_text(content)
        with pytest.raises(IndexUnusableError, match="missing or damaged"):
            State.load(tmp_path)


def test_an_index_served_by_milvus(
    where: VectorSettings, tmp_path: Path, product_index: ProductIndex, index_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Built, searched, changed and opened again, with the answers of the exact store."""
    monkeypatch.setattr(stores, "MAX_SCANNED_ROWS", 0)
    path = tmp_path / "served"
    shutil.copytree(index_dir, path)  # its vectors and its encoder are used again
    catalog = list(product_index.products)
    served = ProductIndex.build(catalog, path, vectors=where)
    assert served.stats()["store"] == "milvus"
    for words, filters in (("wireless headphones", None), ("a gift", {"price_max": 60, "in_stock": True})):
        expected = [hit.product.id for hit in product_index.search(words, 8, filters)]
        assert [hit.product.id for hit in served.search(words, 8, filters)] == expected

    served.upsert([replace(catalog[0], name="Purple submarine", description="Dives")])
    served.delete([catalog[1].id])
    assert served.search("purple submarine", 1)[0].product.id == catalog[0].id
    again = ProductIndex.open(path, vectors=where)
    assert len(again) == len(catalog) - 1
    assert again.get(catalog[1].id) is None
    assert again.search("purple submarine", 1)[0].product.id == catalog[0].id
    again.close()
    served.close()
