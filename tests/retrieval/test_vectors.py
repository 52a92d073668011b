"""Stores, on random vectors in clusters: what real ones are like."""

from pathlib import Path

import numpy as np
import pytest

from shopllm_rasa.errors import IndexUnusableError, SearchError
from shopllm_rasa.retrieval import vectors as vectors_module
from shopllm_rasa.retrieval.exact_vectors import ExactVectors, text_keys
from shopllm_rasa.retrieval.filters import Filters
from shopllm_rasa.retrieval.vectors import STORES, Allowed, IvfStore, VectorStore, nearest, open_store, store_for
from shopllm_rasa.settings import VectorSettings

ROWS, DIMENSIONS = 6_000, 32
SETTINGS = VectorSettings()


def unit(vectors: np.ndarray) -> np.ndarray:
    return (vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)).astype(np.float32)


@pytest.fixture(scope="module")
def exact(tmp_path_factory: pytest.TempPathFactory) -> ExactVectors:
    random = np.random.default_rng(5)
    centres = random.standard_normal((150, DIMENSIONS))
    folder = tmp_path_factory.mktemp("vectors")
    created = ExactVectors.create(folder, ROWS, DIMENSIONS)
    created.vectors[:] = unit(centres[random.integers(0, 150, ROWS)] + 0.4 * random.standard_normal((ROWS, DIMENSIONS)))
    created.keys[:] = np.arange(ROWS)
    return ExactVectors.load(folder, DIMENSIONS)


@pytest.fixture(scope="module", params=sorted(set(STORES) & {"flat", "ivf"}))
def store(request: pytest.FixtureRequest, exact: ExactVectors, tmp_path_factory: pytest.TempPathFactory) -> VectorStore:
    folder = tmp_path_factory.mktemp(request.param)
    STORES[request.param].write(folder, exact, [], SETTINGS)
    return open_store(request.param, folder, exact, SETTINGS)


def queries(exact: ExactVectors, count: int = 30) -> np.ndarray:
    random = np.random.default_rng(6)
    chosen = exact.rows(random.integers(0, ROWS, count))
    return unit(chosen + 0.2 * random.standard_normal(chosen.shape) / np.sqrt(DIMENSIONS))


@pytest.mark.parametrize("share", [1.0, 0.3, 0.05, 0.001])
@pytest.mark.parametrize("scanned", [0, 10_000], ids=["by the store", "one by one"])
def test_nearly_all_of_the_nearest_are_found_whatever_is_allowed(
    exact: ExactVectors, store: VectorStore, share: float, scanned: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vectors_module, "MAX_SCANNED_ROWS", scanned)
    mask = np.random.default_rng(7).random(ROWS) < share
    allowed = None if share == 1 else Allowed(Filters(), mask)
    rows_allowed = np.flatnonzero(mask) if allowed else np.arange(ROWS)
    found = wanted = 0
    for query in queries(exact):
        cosines, rows = nearest(store, exact, query, 10, allowed)
        assert len(rows) == len(set(rows)) == min(10, len(rows_allowed))
        assert set(rows) <= set(rows_allowed)
        assert list(cosines) == sorted(cosines, reverse=True)
        assert cosines == pytest.approx(exact.rows(rows) @ query, abs=1e-5)
        best = rows_allowed[np.argsort(-(exact.rows(rows_allowed) @ query))[:10]]
        found += len(set(rows) & set(best))
        wanted += len(best)
    assert found / wanted >= 0.97


def test_a_wide_filter_that_hides_all_that_is_near(
    exact: ExactVectors, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(vectors_module, "MAX_SCANNED_ROWS", 0)
    monkeypatch.setattr(IvfStore, "_VISITED_ROWS", 100)
    monkeypatch.setattr(IvfStore, "_MIN_PROBES", 1)
    IvfStore.write(tmp_path, exact, [], SETTINGS)
    store = IvfStore.open(tmp_path, exact, SETTINGS)
    for query in queries(exact, 10):
        order = np.argsort(-(exact.rows(np.arange(ROWS)) @ query))
        mask = np.ones(ROWS, bool)
        mask[order[: ROWS // 3]] = False
        _, rows = nearest(store, exact, query, 10, Allowed(Filters(), mask))
        assert len(set(rows) & set(order[ROWS // 3 :][:100])) == 10


def test_nothing_allowed_gives_nothing(exact: ExactVectors, store: VectorStore) -> None:
    cosines, rows = nearest(store, exact, queries(exact, 1)[0], 5, Allowed(Filters(), np.zeros(ROWS, bool)))
    assert len(cosines) == len(rows) == 0


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_vectors_that_are_no_numbers_are_refused(tmp_path: Path, exact: ExactVectors, value: float) -> None:
    created = ExactVectors.create(tmp_path, 5, DIMENSIONS)
    created.vectors[2, 3] = value
    for kind in ("flat", "ivf"):
        with pytest.raises(SearchError, match="A vector has values that are not finite numbers"):
            STORES[kind].write(tmp_path, created, [], SETTINGS)
    query = np.full(DIMENSIONS, value, np.float32)
    with pytest.raises(SearchError, match="A vector has values that are not finite numbers"):
        nearest(STORES["flat"].open(tmp_path, exact, SETTINGS), exact, query, 3, None)


def test_the_store_is_chosen_by_size_unless_the_settings_name_one() -> None:
    assert [store_for(rows, VectorSettings()) for rows in (0, 20_000, 20_001)] == ["flat", "flat", "ivf"]
    assert store_for(5, VectorSettings(store="ivf")) == "ivf"
    assert store_for(10**6, VectorSettings(store="flat")) == "flat"


def test_an_unknown_store(tmp_path: Path, exact: ExactVectors) -> None:
    with pytest.raises(IndexUnusableError, match="has the vector store 'abacus', which is not known here"):
        open_store("abacus", tmp_path, exact, SETTINGS)


def test_damaged_lists(tmp_path: Path, exact: ExactVectors) -> None:
    STORES["ivf"].write(tmp_path, exact, [], SETTINGS)
    (file,) = tmp_path.iterdir()
    few = ExactVectors(exact.vectors[:9], exact.keys[:9])
    with pytest.raises(IndexUnusableError, match=r"has 6,000 vectors, the index 9\. Build the index again"):
        open_store("ivf", tmp_path, few, SETTINGS)
    file.write_bytes(b"\xff" * 100)
    with pytest.raises(IndexUnusableError, match="is damaged"):
        open_store("ivf", tmp_path, exact, SETTINGS)


def test_few_or_no_vectors(tmp_path: Path) -> None:
    for count in (0, 1, 3):
        for kind in ("flat", "ivf"):
            folder = tmp_path / f"{kind}-{count}"
            folder.mkdir()
            created = ExactVectors.create(folder, count, DIMENSIONS)
            created.vectors[:] = 1 / np.sqrt(DIMENSIONS)
            STORES[kind].write(folder, created, [], SETTINGS)
            loaded = ExactVectors.load(folder, DIMENSIONS)
            query = unit(np.ones(DIMENSIONS))
            _, rows = nearest(open_store(kind, folder, loaded, SETTINGS), loaded, query, 5, None)
            assert sorted(rows) == list(range(count))


def test_equal_texts_share_a_key() -> None:
    keys = text_keys(["a", "b", "a", "\ud800"])
    assert keys[0] == keys[2] != keys[1]
    assert len(text_keys([])) == 0
