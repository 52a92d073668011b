"""`shopllm index`: builds, changes and inspects an index."""

from pathlib import Path
from typing import TYPE_CHECKING

import typer
from rich.table import Table

from shopllm_rasa.cli.feed import FORMAT_OPTION, ON_ERROR_OPTION, print_dry_run, read_products, with_options
from shopllm_rasa.cli.output import INDEX_OPTION, JSON_OPTION, console, print_json
from shopllm_rasa.errors import SearchError
from shopllm_rasa.settings import Settings

if TYPE_CHECKING:
    from shopllm_rasa.retrieval import ProductIndex

app = typer.Typer(help="Build, change and inspect the index of products and pages.", no_args_is_help=True)


@app.command()
def build(
    catalog: Path = typer.Option(
        ..., "--catalog", help="The product feed: JSONL, CSV, Shopify, WooCommerce, Magento or Google Merchant."
    ),
    knowledge: Path | None = typer.Option(None, "--knowledge", help="A folder of pages: .md, .html, .pdf, FAQ .csv."),
    out: Path | None = typer.Option(None, "--out", help="The index directory to write."),
    model: str | None = typer.Option(None, "--model", help="The encoder; by default the one of shopllm.yml."),
    format_name: str | None = FORMAT_OPTION,
    on_error: str | None = ON_ERROR_OPTION,
    dry_run: bool = typer.Option(False, "--dry-run", help="Read the feed, print a report, write nothing."),
    json_output: bool = JSON_OPTION,
) -> None:
    """Builds an index from a product feed and, where given, a folder of pages.

    Example: shopllm index build --catalog products.jsonl --knowledge pages/ --out index/
    """
    settings = Settings.load()
    how = with_options(settings, format_name, on_error)
    if dry_run:
        print_dry_run(catalog, settings, how, json_output)
        return
    if out is None:
        raise typer.BadParameter("--out is missing; without it there is --dry-run.")
    from shopllm_rasa.retrieval import KnowledgeIndex, ProductIndex
    from shopllm_rasa.retrieval.knowledge import read_knowledge

    # Everything is read before anything is written: a mistake in the data costs no index.
    products, report = read_products(catalog, settings, how)
    passages = read_knowledge(knowledge) if knowledge else []
    threads = settings.encoder.threads
    ProductIndex.build(
        products,
        out,
        model=model or settings.encoder.model,
        threads=threads,
        progress=True,
        vectors=settings.vectors,
    )
    if passages:
        KnowledgeIndex.build(passages, out, threads=threads, progress=True)
    if json_output:
        print_json({"products": len(products), "passages": len(passages), "left_out": report.left_out})
    else:
        typer.echo(f"{len(products)} products and {len(passages)} passages of pages in {out}")


@app.command()
def add(
    catalog: Path = typer.Option(..., "--catalog", help="A feed of new and changed products; as for build."),
    index: Path | None = INDEX_OPTION,
    format_name: str | None = FORMAT_OPTION,
    on_error: str | None = ON_ERROR_OPTION,
    json_output: bool = JSON_OPTION,
) -> None:
    """Adds products, replacing those whose id is there; only texts that are new are embedded.

    Example: shopllm index add --catalog changed.jsonl --index index/
    """
    settings = Settings.load()
    opened = _open(index, settings)
    products, report = read_products(catalog, settings, with_options(settings, format_name, on_error))
    before = len(opened)
    embedded = opened.upsert(products, progress=True)
    added = len(opened) - before
    values = {
        "added": added,
        "replaced": len(products) - added,
        "embedded": embedded,
        "left_out": report.left_out,
        "products": len(opened),
    }
    if json_output:
        print_json(values)
    else:
        typer.echo(
            f"{added} products added, {values['replaced']} replaced, {embedded} texts embedded; "
            f"{values['products']} products now"
        )


@app.command()
def remove(
    ids: list[str] | None = typer.Argument(None, help="Ids of products."),
    file: Path | None = typer.Option(None, "--file", help="A text file with an id a line."),
    index: Path | None = INDEX_OPTION,
    json_output: bool = JSON_OPTION,
) -> None:
    """Removes products; an id that is not there changes nothing and is told.

    Example: shopllm index remove AUD-1043 KIT-1310 --index index/
    """
    wanted = list(dict.fromkeys([*(ids or []), *(_lines(file) if file else [])]))
    if not wanted:
        raise typer.BadParameter("Give ids, or a file of ids with --file.")
    opened = _open(index, Settings.load())
    unknown = [product_id for product_id in wanted if opened.get(product_id) is None]
    if len(unknown) < len(wanted):
        opened.delete(wanted)
    values = {"removed": len(wanted) - len(unknown), "unknown": unknown, "products": len(opened)}
    if json_output:
        print_json(values)
        return
    if unknown:
        typer.echo(f"not there: {', '.join(unknown[:20])}{' ...' if len(unknown) > 20 else ''}", err=True)
    typer.echo(f"{values['removed']} products removed, {values['products']} left")


@app.command()
def verify(index: Path | None = INDEX_OPTION, json_output: bool = JSON_OPTION) -> None:
    """Reads every byte of an index and compares it with what was written; exit code 1 where it differs.

    Example: shopllm index verify --index index/
    """
    from shopllm_rasa.retrieval.index_directory import IndexDirectory

    directory = IndexDirectory(index or Settings.load().index_dir)
    manifest = directory.verify()
    opened = _open(index, Settings.load())
    values = {
        "path": str(directory.path),
        "files": sum(len(part.checksums) for part in manifest.parts.values()),
        "products": len(opened),
    }
    if json_output:
        print_json(values)
    else:
        typer.echo(f"whole: {values['files']} files and the encoder, {values['products']} products")


def _open(index: Path | None, settings: Settings) -> "ProductIndex":
    from shopllm_rasa.retrieval import ProductIndex

    model = settings.encoder.model if index is None else None
    return ProductIndex.open(
        index or settings.index_dir, model=model, threads=settings.encoder.threads, vectors=settings.vectors
    )


def _lines(file: Path) -> list[str]:
    try:
        lines = file.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError:
        raise SearchError(f"'{file}' is not UTF-8.") from None
    return [line.strip() for line in lines if line.strip()]


@app.command()
def stats(index: Path | None = INDEX_OPTION, json_output: bool = JSON_OPTION) -> None:
    """Prints what an index holds.

    Example: shopllm index stats --index index/
    """
    from shopllm_rasa.retrieval.index_directory import IndexDirectory

    directory = IndexDirectory(index or Settings.load().index_dir)
    manifest = directory.read_manifest()
    products = manifest.parts.get("products")
    size = sum(file.stat().st_size for file in directory.path.rglob("*") if file.is_file())
    values = {
        "path": str(directory.path),
        "encoder": manifest.encoder_model,
        "dimensions": manifest.dimensions,
        "encoder_sha256": manifest.encoder_fingerprint,
        "created": manifest.created,
        "format": manifest.format_version,
        "products": products.count if products else 0,
        "store": products.store if products else "",
        "bytes_a_product": round(sum(products.sizes.values()) / products.count) if products and products.count else 0,
        "passages": manifest.parts["knowledge"].count if "knowledge" in manifest.parts else 0,
        "megabytes": round(size / 1e6, 1),
    }
    if json_output:
        print_json(values)
        return
    table = Table(show_header=False, box=None)
    for name, value in values.items():
        table.add_row(name, str(value))
    console.print(table)
