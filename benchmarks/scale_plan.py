"""Measures what a product costs in bytes and seconds, and plans a large catalogue from it by stated formulas.

Usage: python benchmarks/scale_plan.py --catalog ../shared/catalogs/electronics_3291.jsonl [--measured 300]
       python benchmarks/scale_plan.py --products 100000000 --cores 256

Prints the tables of docs/scale.md. Without --catalog the figures measured for that page are used. Seconds are CPU
seconds of one thread, so that what else the machine does counts little.
"""

import argparse
import json
import tempfile
import time
from dataclasses import asdict, dataclass, fields
from pathlib import Path

GIGA, HOUR, DAY = 1e9, 3_600.0, 86_400.0


@dataclass(frozen=True)
class Measured:
    """Per product, of an index of a real catalogue.

    Attributes:
        table: bytes of products.sqlite.
        columns: bytes of columns.*.
        words: bytes of words.safetensors and words.json, which a search reads.
        rewriting: bytes of words-by-product.safetensors, which only a change of the index reads.
        vectors: bytes of vectors.safetensors: half precision, and a key.
        embedding: CPU seconds for its text.
        dimensions: of the vectors.
    """

    table: float
    columns: float
    words: float
    rewriting: float
    vectors: float
    embedding: float
    dimensions: int


# Of the electronics catalogue (3,291 products, 206 of them embedded), bundled encoder, x86_64; see docs/scale.md.
ON_THE_PAGE = Measured(table=899, columns=130, words=430, rewriting=244, vectors=776, embedding=0.0447, dimensions=384)


def measure(catalog: Path, count: int) -> Measured:
    """Writes the files of an index of a catalogue, and embeds some of its products."""
    from shopllm_rasa.catalog import read_catalog
    from shopllm_rasa.encoders import SentenceEncoder
    from shopllm_rasa.encoders.export import export_encoder, load_model
    from shopllm_rasa.retrieval.lexical import write_lexical
    from shopllm_rasa.retrieval.product_columns import ColumnsWriter
    from shopllm_rasa.retrieval.product_table import PRODUCTS_FILE, ProductTableWriter
    from shopllm_rasa.retrieval.product_words import product_words

    products = list(read_catalog(catalog))
    with tempfile.TemporaryDirectory() as path:
        folder = Path(path)
        columns = ColumnsWriter()
        with ProductTableWriter(folder / PRODUCTS_FILE) as table:
            for product in products:
                table.add(product)
                columns.add(product)
        columns.write(folder)
        write_lexical(folder, map(product_words, products))
        sizes = {file.name: file.stat().st_size / len(products) for file in folder.iterdir()}
        export_encoder(load_model("default"), folder, "default")
        encoder = SentenceEncoder.open(folder, threads=1)
        some = products[:: max(1, len(products) // count)]
        started = time.process_time()
        encoder.encode([product.search_text for product in some], progress="embedding")
        seconds = time.process_time() - started
    return Measured(
        table=sizes["products.sqlite"],
        columns=sizes["columns.safetensors"] + sizes["columns.json"],
        words=sizes["words.safetensors"] + sizes["words.json"],
        rewriting=sizes["words-by-product.safetensors"],
        vectors=2.0 * encoder.info.dimensions + 8,
        embedding=seconds / len(some),
        dimensions=encoder.info.dimensions,
    )


def plan(per: Measured, products: int, shard: int, cores: int, replicas: int) -> list[tuple[str, str, str]]:
    """Rows of (what, formula, value)."""
    d = per.dimensions
    lists = d / 2 + 8  # four bits a dimension, and the row's number
    hot = lists + per.columns + per.words
    disk = hot + per.table + per.rewriting + per.vectors
    shards = -(-products // shard)
    core_hours = products * per.embedding / HOUR
    hnsw = 4 * d + 2 * 16 * 4
    return [
        ("products", "n", f"{products:,}"),
        ("shards", "n / products a shard", f"{shards:,} of {shard:,}"),
        ("bytes a search touches", "d/2 + 8 + columns + words", f"{hot:,.0f} a product"),
        ("memory of a shard", "products a shard x those bytes", f"{shard * hot / GIGA:.2f} GB"),
        ("memory of all shards", "n x those bytes x replicas", f"{products * hot * replicas / GIGA:,.0f} GB"),
        ("bytes on disk", "all files", f"{disk:,.0f} a product"),
        ("disk of all shards", "n x bytes x replicas x 2 versions", f"{products * disk * replicas * 2 / 1e12:.2f} TB"),
        ("embedding", "n x CPU seconds / 3600", f"{core_hours:,.0f} core hours"),
        ("embedding, time", f"core hours / ({cores} cores x 0.8)", f"{core_hours / (cores * 0.8):,.1f} hours"),
        ("change of 1 % a day", "n x 1 % x CPU seconds / 86,400", f"{products * 0.01 * per.embedding / DAY:.1f} cores"),
        ("Milvus, HNSW (M = 16)", "n x (4 d + 2 x 16 x 4) x replicas", f"{products * hnsw * replicas / GIGA:,.0f} GB"),
        ("Milvus, IVF_SQ8", "n x (d + 8) x replicas", f"{products * (d + 8) * replicas / GIGA:,.0f} GB"),
    ]  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--catalog", type=Path, help="measure with this catalogue instead of using the page's figures")
    parser.add_argument("--measured", type=int, default=300, help="how many of its products are embedded")
    parser.add_argument("--products", type=int, default=100_000_000)
    parser.add_argument("--shard", type=int, default=1_000_000, help="products a shard")
    parser.add_argument("--cores", type=int, default=256, help="cores that embed")
    parser.add_argument("--replicas", type=int, default=2)
    given = parser.parse_args()
    per = measure(given.catalog, given.measured) if given.catalog else ON_THE_PAGE
    print(json.dumps(asdict(per)))
    print("\n| measured, per product | |\n|---|---:|")
    for field in fields(per):
        value = getattr(per, field.name)
        print(f"| {field.name} | {value:.4f} |" if field.name == "embedding" else f"| {field.name} | {value:,.0f} |")
    print("\n| what | formula | value |\n|---|---|---:|")
    for row in plan(per, given.products, given.shard, given.cores, given.replicas):
        print(f"| {' | '.join(row)} |")


if __name__ == "__main__":
    main()
