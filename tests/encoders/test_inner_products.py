import numpy as np
import pytest

from shopllm_rasa.encoders.inner_products import inner_products


@pytest.mark.parametrize("rows", [0, 1, 8, 9, 100])
def test_as_by_matrix_product(rows: int) -> None:
    random = np.random.default_rng(3)
    vectors, others = random.normal(size=(rows, 16)), random.normal(size=(5, 16))

    found = inner_products(vectors, others)

    assert found.shape == (rows, 5)
    assert np.allclose(found, vectors @ others.T)
