"""`shopllm index`: builds and inspects an index."""

from pathlib import Path

import typer
from rich.table import Table

from shopllm_rasa.cli.feed import FORMAT_OPTION, ON_ERROR_OPTION, print_dry_run, read_products, with_options
from shopllm_rasa.cli.output import INDEX_OPTION, JSON_OPTION, console, print_json
from shopllm_rasa.settings import Settings

app = typer.Typer(help="Build and inspect the index of products and pages.", no_args_is_help=True)


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
    ProductIndex.build(products, out, model=model or settings.encoder.model, threads=threads, progress=True)
    if passages:
        KnowledgeIndex.build(passages, out, threads=threads, progress=True)
    if json_output:
        print_json({"products": len(products), "passages": len(passages), "left_out": report.left_out})
    else:
        typer.echo(f"{len(products)} products and {len(passages)} passages of pages in {out}")


@app.command()
def stats(index: Path | None = INDEX_OPTION, json_output: bool = JSON_OPTION) -> None:
    """Prints what an index holds.

    Example: shopllm index stats --index index/
    """
    from shopllm_rasa.retrieval.index_directory import IndexDirectory

    directory = IndexDirectory(index or Settings.load().index_dir)
    manifest = directory.read_manifest()
    size = sum(file.stat().st_size for file in directory.path.rglob("*") if file.is_file())
    values = {
        "path": str(directory.path),
        "encoder": manifest.encoder_model,
        "dimensions": manifest.dimensions,
        "created": manifest.created,
        "products": manifest.parts["products"].count if "products" in manifest.parts else 0,
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
