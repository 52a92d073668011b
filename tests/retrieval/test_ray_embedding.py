import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from shopllm_rasa.catalog import Product
from shopllm_rasa.encoders import SentenceEncoder
from shopllm_rasa.errors import ClusterError
from shopllm_rasa.retrieval import ProductIndex
from shopllm_rasa.retrieval.ray_embedding import embed_ahead


def texts(products: Sequence[Product]) -> list[str]:
    return [product.search_text for product in products]


@pytest.mark.slow
def test_a_cluster_gives_the_vectors_of_a_build(
    some_products: list[Product], product_index: ProductIndex, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("ray")
    monkeypatch.setenv("RAY_worker_niceness", "0")  # else workers starve where other tests run beside
    products = some_products[:30]
    first = embed_ahead(texts(products[:20]), tmp_path / "index", workers=2)
    assert (first.texts, first.known, first.embedded) == (20, 0, 20)
    # It goes on where it stopped, and embeds no text twice.
    second = embed_ahead(texts([*products, products[-1]]), tmp_path / "index", workers=1)
    assert (second.texts, second.known, second.embedded) == (31, 21, 10)

    def embeds(*_: object, **__: object) -> None:
        raise AssertionError("the build embeds although the cluster has")

    with monkeypatch.context() as patched:
        patched.setattr(SentenceEncoder, "encode", embeds)
        built = ProductIndex.build(products, tmp_path / "index")
    ids = [product.id for product in products]
    assert np.sum(built.vectors_of(ids) * product_index.vectors_of(ids), axis=1).min() > 0.999
    hit = built.search(products[7].name, k=1)[0]
    assert hit.product == products[7]


def test_without_ray(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ClusterError) as caught:
        embed_ahead(["text"], tmp_path / "index")
    assert str(caught.value) == "Ray is not installed. Install it with: pip install 'shopllm-rasa[ray]'"
    assert not (tmp_path / "index").exists()


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("127.0.0.1:1", "Connection refused"),
        ("ray://127.0.0.1:1", "Connection refused"),
        ("somewhere", "expected auto, HOST:PORT or ray://HOST:PORT"),
        ("host:many", "Port could not be cast to integer"),
    ],
)
def test_a_cluster_that_is_not_there(index_copy: Path, address: str, reason: str) -> None:
    pytest.importorskip("ray")
    with pytest.raises(ClusterError) as caught:
        embed_ahead(["text"], index_copy, address=address)
    assert str(caught.value).startswith(f"There is no Ray cluster at '{address}': ")
    assert reason in str(caught.value)
