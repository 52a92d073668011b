from decimal import Decimal
from pathlib import Path

import pytest

from shopllm_rasa.catalog import Product
from shopllm_rasa.errors import EncoderError
from shopllm_rasa.retrieval.product_index import CODE, ProductIndex, SearchHit
from shopllm_rasa.retrieval.product_search import search_products
from shopllm_rasa.retrieval.query_reading import ProductQuery
from shopllm_rasa.retrieval.reranker import RERANKED, Reranker


def make_model(folder: Path, labels: int) -> Path:
    """A cross-encoder so small that it is made in no time, with weights of chance."""
    import torch
    from transformers import BertConfig, BertForSequenceClassification, BertTokenizerFast

    folder.mkdir()
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "kettle", "glass", "steel", "lamp", "quiet", "a", "the"]
    (folder / "vocab.txt").write_text("\n".join(words))
    torch.manual_seed(1)
    config = BertConfig(
        vocab_size=len(words), hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16,
        num_labels=labels,
    )  # fmt: skip
    BertForSequenceClassification(config).save_pretrained(folder)
    BertTokenizerFast(vocab_file=str(folder / "vocab.txt")).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def reranker(tmp_path_factory: pytest.TempPathFactory) -> Reranker:
    return Reranker(str(make_model(tmp_path_factory.mktemp("model") / "cross-encoder", 1)))


def hit(name: str, score: float, signals: tuple[str, ...] = ()) -> SearchHit:
    return SearchHit(Product(name, name, Decimal(5)), score, signals=signals)


def test_the_order_is_the_models(reranker: Reranker) -> None:
    hits = [hit("glass kettle", 0.9), hit("lamp", 0.8), hit("quiet steel kettle", 0.7)]
    found = reranker.rerank("a kettle", hits)
    assert {item.product.id for item in found} == {item.product.id for item in hits}
    scores = [item.score for item in found]
    assert scores == sorted(scores, reverse=True)
    assert all(0 <= score <= 1 for score in scores)
    assert scores != [0.9, 0.8, 0.7]
    assert reranker.rerank("a kettle", hits[::-1]) == found


def test_what_was_named_by_its_code_stays_in_front(reranker: Reranker) -> None:
    named = hit("lamp", 1.0, (CODE,))
    assert reranker.rerank("lamp", [named, hit("glass lamp", 0.5)])[0] is named
    assert reranker.rerank("lamp", [named]) == [named]
    assert reranker.rerank("lamp", []) == []


def test_more_products_are_read_than_are_shown(product_index: ProductIndex, reranker: Reranker) -> None:
    query = ProductQuery("a quiet kettle")
    found = search_products(product_index, query, 2, reranker=reranker).hits
    pool = search_products(product_index, query, RERANKED).hits
    assert found == reranker.rerank("a quiet kettle", pool)[:2]


def test_an_order_that_was_asked_for_stays(product_index: ProductIndex, reranker: Reranker) -> None:
    query = ProductQuery("kettle", sort="price")
    found = search_products(product_index, query, 3, reranker=reranker).hits
    assert found == search_products(product_index, query, 3).hits


def test_no_such_model() -> None:
    with pytest.raises(EncoderError, match=r"The reranker '/nowhere/model' \(retrieval.reranker\) cannot be loaded"):
        Reranker("/nowhere/model")


def test_a_model_that_gives_several_scores(tmp_path: Path) -> None:
    folder = make_model(tmp_path / "classifier", 3)
    with pytest.raises(EncoderError, match="gives 3 scores for a pair"):
        Reranker(str(folder))
