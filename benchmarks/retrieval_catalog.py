"""Catalogues of any size: the electronics catalogue's products again and again, each a little other."""

import argparse
import random
import re
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np

from shopllm_rasa.catalog import Product, read_catalog
from shopllm_rasa.encoders import SentenceEncoder
from shopllm_rasa.retrieval import ProductIndex
from shopllm_rasa.retrieval.exact_vectors import text_keys
from shopllm_rasa.retrieval.index_directory import IndexDirectory

COLOURS = ("black", "white", "silver", "blue", "red", "green", "pink", "grey", "gold", "purple")
# How far a vector is moved: the cosine to the real one is about 0.9.
NOISE = 0.48
# Queries in customers' words over the electronics catalogue, with the limits a search would read out of them.
QUERIES = (
    "wireless headphones with noise cancelling", "otterbox case for galaxy s7", "4k tv for the living room",
    "gaming laptop", "usb-c charger", "waterproof bluetooth speaker", "ssd 500gb", "mirrorless camera for beginners",
    "phone with a good camera", "robot vacuum", "microsd card 64gb", "smart watch for running", "dash cam",
    "mechanical keyboard", "hdmi cable 6 ft", "prepaid phone", "washing machine", "external hard drive 2tb",
    "security camera outdoor", "soundbar with subwoofer", "tablet for kids", "ink cartridge for hp",
    "drone with camera",
    "car stereo with bluetooth", "air conditioner for bedroom", "wifi router for large house", "fitness tracker",
    "turntable", "graphics card", "microwave oven stainless steel",
)  # fmt: skip


def real_products(options: argparse.Namespace) -> list[Product]:
    return list(read_catalog(options.catalog))


def products_like(
    real: list[Product], count: int, seed: int = 1, description_characters: int | None = None
) -> Iterator[Product]:
    """`count` products: real ones with another id, price, colour, stock, and other numbers and words in the name."""
    random_ = random.Random(seed)
    for number in range(count):
        product = real[number % len(real)]
        colour = random_.choice(COLOURS)
        yield replace(
            product,
            id=f"SKU-{number:07d}",
            name=f"{product.name} {colour} {random_.choice('ABCDEFGH')}{random_.randrange(10_000)}",
            price=(product.price * Decimal(random_.randrange(50, 150)) / 100).quantize(Decimal("0.01")),
            attributes={"colour": colour},
            description=product.description[:description_characters],
            stock=random_.randrange(20),
            rating=round(random_.uniform(2, 5), 1),
            rating_count=random_.randrange(500),
        )


def perturb_vectors(real: list[Product]) -> None:
    """Makes `SentenceEncoder` give for a text of `products_like` the real product's vector, moved by noise.

    It stands in for hours of embedding where what is measured begins behind it. A text alone (a query) is embedded as
    ever.
    """
    encode: Any = SentenceEncoder.encode
    vectors_of_real = _real_vectors(real)
    row_of = {product.name: row for row, product in enumerate(real)}
    varied = re.compile(rf"(.+?) (?:{'|'.join(COLOURS)}) [A-H]\d{{1,4}}\. ")

    def encode_like(self: SentenceEncoder, texts: Sequence[str], *args: Any, **values: Any) -> np.ndarray:
        if len(texts) == 1:
            return encode(self, texts)
        matches = [varied.match(text) for text in texts]
        vectors = vectors_of_real[[row_of[match.group(1)] for match in matches if match]]
        for vector, key in zip(vectors, text_keys(texts), strict=True):
            noise = np.random.default_rng(int(key)).standard_normal(len(vector), dtype=np.float32)
            vector += NOISE * noise / np.linalg.norm(noise)
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)

    SentenceEncoder.encode = encode_like  # type: ignore[method-assign]


def _real_vectors(real: list[Product]) -> np.ndarray:
    """The vectors of the real products, embedded once and kept for the other parts."""
    texts = [product.search_text for product in real]
    kept = Path(".shopllm") / "bench-retrieval" / f"{int(text_keys([' '.join(texts)])[0]):016x}.npy"
    if kept.is_file():
        return np.load(kept)
    kept.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        encoder = IndexDirectory(Path(folder) / "index").prepare_encoder("default")
        vectors = encoder.encode(texts, progress="embedding real products")
    np.save(kept, vectors)
    return vectors


def exact_rows(index: ProductIndex, vector: np.ndarray, k: int, mask: np.ndarray | None) -> set[int]:
    """The rows with the k highest cosines, by comparing all."""
    vectors = index._part.vectors
    rows = np.arange(len(vectors)) if mask is None else np.flatnonzero(mask)
    cosines = vectors.cosines(vector, rows)
    return set(rows[np.argsort(-cosines)[:k]].tolist())


def folder_bytes(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
