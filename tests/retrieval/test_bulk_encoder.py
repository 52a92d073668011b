from pathlib import Path

import numpy as np
import pytest

from shopllm_rasa.catalog import Product
from shopllm_rasa.encoders import SentenceEncoder
from shopllm_rasa.retrieval import ProductIndex, bulk_encoder
from shopllm_rasa.retrieval.bulk_encoder import BulkEncoder, CosineCheck
from shopllm_rasa.retrieval.index_directory import IndexDirectory


@pytest.fixture
def encoder(index_copy: Path) -> SentenceEncoder:
    return ProductIndex.open(index_copy).encoder


def test_many_texts_are_embedded_in_int8_and_nearly_as_exactly(
    index_copy: Path, encoder: SentenceEncoder, some_products: list[Product], monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = [product.search_text for product in some_products]
    exact = encoder.encode(texts)
    bulk = BulkEncoder(encoder, "auto")
    assert np.array_equal(bulk.encode(texts, len(texts)), exact)
    monkeypatch.setattr(bulk_encoder, "INT8_FROM", len(texts))
    fast = bulk.encode(texts, len(texts))
    assert not np.array_equal(fast, exact)
    assert (fast * exact).sum(axis=1).min() >= bulk_encoder.MIN_COSINE
    # It lies in the encoder's folder, is found again, and disturbs nothing.
    assert SentenceEncoder.open(encoder.folder / "int8").info.precision == "int8"
    assert np.array_equal(BulkEncoder(encoder, "int8").encode(texts, 1), fast)
    assert np.array_equal(BulkEncoder(encoder, "fp32").encode(texts, 10**6), exact)
    IndexDirectory(index_copy).verify()


def test_int8_that_is_not_good_enough_is_not_used(encoder: SentenceEncoder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk_encoder, "MIN_COSINE", 1.1)
    texts = ["a quiet kettle", "a lamp"]
    assert np.array_equal(BulkEncoder(encoder, "int8").encode(texts, 2), encoder.encode(texts))
    assert not (encoder.folder / "int8").exists()


def test_the_check_names_the_lowest_cosine() -> None:
    exact = np.eye(3, dtype=np.float32)
    near = exact.copy()
    near[1] = [0.2, 0.98, 0]
    assert CosineCheck([]).complaint(exact, exact) is None
    assert CosineCheck([]).complaint(exact, near) == "of 3 texts one has a cosine of 0.9800"
