from pathlib import Path

import numpy as np
import pytest

from shopllm_rasa.errors import IndexUnusableError
from shopllm_rasa.retrieval import fusion, kind_vectors
from shopllm_rasa.retrieval.arrays import write_arrays
from shopllm_rasa.retrieval.exact_vectors import ExactVectors
from shopllm_rasa.retrieval.kind_vectors import KINDS_FILE, KindVectors, write_kinds


def test_a_kind_is_the_mean_of_its_products(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kind_vectors, "BLOCK", 3)
    random = np.random.default_rng(1)
    vectors = random.standard_normal((10, 8))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    exact = ExactVectors.create(tmp_path, 10, 8)
    exact.vectors[:] = vectors
    kinds = np.array([2, 0, 2, 1, 1, 2, 0, 2, 0, 2])
    write_kinds(tmp_path, exact, kinds, ["Kettles", "", "Lamps", "Empty"])
    query = vectors[0].astype(np.float32)
    cosines = KindVectors.load(tmp_path).cosines(query, kinds)
    for number in (0, 2):
        mean = vectors[kinds == number].sum(axis=0)
        assert cosines[kinds == number] == pytest.approx(mean @ query / np.linalg.norm(mean), abs=0.002)
    # What is of no category has no kind.
    assert np.isnan(cosines[kinds == 1]).all()


def test_no_products_and_a_damaged_file(tmp_path: Path) -> None:
    write_kinds(tmp_path, ExactVectors.create(tmp_path, 0, 8), np.zeros(0, np.int32), [])
    assert len(KindVectors.load(tmp_path).cosines(np.ones(8, np.float32), np.zeros(0, np.int32))) == 0
    write_arrays(tmp_path / KINDS_FILE, {"others": np.zeros(3)})
    with pytest.raises(IndexUnusableError, match="is damaged. Build the index again"):
        KindVectors.load(tmp_path)


def test_of_two_products_alike_the_one_of_the_fitting_kind_scores_higher() -> None:
    half = np.full(3, 0.5, np.float32)
    scores = fusion.fuse(half, half, np.array([0.9, 0.1, np.nan], np.float32))
    # Without a kind the product's own cosine stands for it.
    assert scores[2] == pytest.approx(0.5)
    assert scores[0] > scores[2] > scores[1]
