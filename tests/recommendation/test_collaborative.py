import numpy as np
import pytest
from implicit.cpu.als import AlternatingLeastSquares
from scipy import sparse

from shopllm_rasa.recommendation.collaborative import factorise


@pytest.fixture(scope="module")
def liked() -> sparse.csr_matrix:
    return sparse.random(80, 30, 0.2, format="csr", dtype=np.float32, random_state=5)


def test_a_customers_place_is_the_librarys(liked: sparse.csr_matrix) -> None:
    """The closed form for one customer gives what the library's own solver gives for that row."""
    factors = factorise(liked, 8)
    library = AlternatingLeastSquares(
        factors=8, regularization=factors.regularization, alpha=factors.alpha, use_cg=False, num_threads=1
    )
    library.item_factors = factors.products
    for row in (0, 7, 42):
        own = liked[row]
        place = library.recalculate_user(0, own)
        np.testing.assert_allclose(
            factors.scores(own.indices, own.data), factors.products @ place, atol=1e-4, rtol=1e-3
        )


def test_the_same_each_time(liked: sparse.csr_matrix) -> None:
    np.testing.assert_allclose(factorise(liked, 4).products, factorise(liked, 4).products, atol=1e-5)
