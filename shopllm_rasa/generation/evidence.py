"""What a reply may rest on, as sentences: pages as they are, products as statements of their own fields."""

from collections.abc import Iterable, Sequence

from shopllm_rasa.catalog import Product
from shopllm_rasa.catalog.facts import rating_text, stock_text
from shopllm_rasa.catalog.product import joined
from shopllm_rasa.generation.vectors import VectorCache
from shopllm_rasa.generation.wording import split_sentences
from shopllm_rasa.retrieval.knowledge import Passage
from shopllm_rasa.retrieval.knowledge_index import PassageHit

PRODUCT_PATH = "product:"
MAX_ATTRIBUTES = 40


def product_passage(product: Product) -> Passage:
    """A product as a passage: its name is the page, its fields and description are the sentences."""
    sentences = [f"Price: {product.price_text}."]
    if product.brand:
        sentences.append(f"Brand: {product.brand}.")
    for name, value in list(product.attributes.items())[:MAX_ATTRIBUTES]:
        sentences.append(f"{name[:1].upper()}{name[1:]}: {joined(value)}.")
    if product.stock is not None:
        sentences.append(stock_text(product))
    if rating_text(product):
        sentences.append(rating_text(product))
    sentences += split_sentences(product.description)
    return Passage(product.name, "", tuple(sentences), f"{PRODUCT_PATH}{product.id}", product.url)


def product_hits(question: str, products: Sequence[Product], vectors: VectorCache) -> list[PassageHit]:
    """Products as found passages, scored like pages: each sentence embedded behind the product's name."""
    hits = []
    for passage in map(product_passage, products):
        lines = [f"{passage.source}: {sentence}" for sentence in passage.sentences]
        scores = vectors.encode(lines) @ vectors.encode([question])[0]
        hits.append(PassageHit(passage, float(scores.max()), tuple(float(score) for score in scores), 0.0))
    return hits


def evidence_lines(passages: Iterable[Passage], products: Sequence[Product] = ()) -> list[str]:
    """The sentences of passages and products, each behind its source, as the guard compares them."""
    given = list(passages)
    known = {passage.path for passage in given}
    given += [item for product in products if (item := product_passage(product)).path not in known]
    return [f"{passage.source}: {sentence}" for passage in given for sentence in passage.sentences]
