"""The collaborative model: products and customers as points of one small space."""

import os
from dataclasses import dataclass

import numpy as np
from scipy import sparse

# Chosen on the validation period of the demo shop's events, as docs/recommendation.md tells.
_ALPHA, _REGULARIZATION = 2.0, 5.0
_ITERATIONS = 15
_SEED = 0


@dataclass(frozen=True)
class Factors:
    """Products as vectors; a customer's vector follows from what they did.

    Attributes:
        products: float32 of shape (products, factors).
        alpha: how much surer a strong sign makes than a weak one.
        regularization: the ridge of the least squares.
    """

    products: np.ndarray
    alpha: float
    regularization: float

    def scores(self, numbers: np.ndarray, strengths: np.ndarray) -> np.ndarray:
        """How well each product suits a customer, float32 of shape (products,), about 0 to 1.

        The customer's vector is the least-squares solution x = (YᵀY + Yᵤᵀ(C − I)Yᵤ + λI)⁻¹ YᵤᵀC·1 with the products
        Yᵤ they dealt with and the confidences C = alpha × strengths (Hu, Koren and Volinsky, "Collaborative
        filtering for implicit feedback datasets", 2008, equation 4). So a customer needs no place in the model, and
        what they did a moment ago counts.

        Args:
            numbers: the products the customer dealt with.
            strengths: how much, above 0, as `log(1 + weight)`.
        """
        own = self.products[numbers]
        confidence = self.alpha * strengths
        left = self.products.T @ self.products + (own.T * (confidence - 1)) @ own
        left += self.regularization * np.eye(self.products.shape[1], dtype=np.float32)
        customer = np.linalg.solve(left, own.T @ confidence)
        return np.asarray(self.products @ customer, dtype=np.float32)


def factorise(liked: sparse.csr_matrix, dimensions: int, *, progress: bool = False) -> Factors:
    """Fits alternating least squares with the library `implicit`.

    Args:
        liked: strengths of customers (rows) for products (columns).
        dimensions: of the space.
        progress: whether to show a progress bar on standard error.
    """
    # The library warns unless the linear algebra below it keeps to one thread.
    from implicit.cpu.als import AlternatingLeastSquares
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1, "blas"):
        model = AlternatingLeastSquares(
            factors=dimensions,
            regularization=_REGULARIZATION,
            alpha=_ALPHA,
            iterations=_ITERATIONS,
            num_threads=min(2, os.cpu_count() or 1),
            random_state=_SEED,
        )
        model.fit(liked, show_progress=progress)
    return Factors(np.asarray(model.item_factors, np.float32), _ALPHA, _REGULARIZATION)
