"""`shopllm index`: builds and inspects an index."""

from pathlib import Path

import typer
from rich.table import Table

from shopllm_rasa.cli.output import INDEX_OPTION, JSON_OPTION, console, print_json
from shopllm_rasa.settings import Settings

app = typer.Typer(help="Build and inspect the index of products and pages.", no_args_is_help=True)


@app.command()
def build(
    catalog: Path = typer.Option(..., "--catalog", help="The product feed: .jsonl or .csv, UTF-8."),
    knowledge: Path | None = typer.Option(None, "--knowledge", help="A folder of pages: .md, .html, .pdf, FAQ .csv."),
    out: Path = typer.Option(..., "--out", help="The index directory to write."),
    model: str | None = typer.Option(None, "--model", help="The encoder; by default the one of shopllm.yml."),
    skip_bad_rows: bool = typer.Option(False, "--skip-bad-rows", help="Leave bad rows out instead of stopping."),
    json_output: bool = JSON_OPTION,
) -> None:
    """Builds an index from a product feed and, where given, a folder of pages.

    Example: shopllm index build --catalog products.jsonl --knowledge pages/ --out index/
    """
    from shopllm_rasa.catalog.readers import RowProblem, read_catalog
    from shopllm_rasa.retrieval import KnowledgeIndex, ProductIndex
    from shopllm_rasa.retrieval.knowledge import read_knowledge

    settings = Settings.load()
    bad_rows: list[RowProblem] | None = [] if skip_bad_rows else None
    # Everything is read before anything is written: a mistake in the data costs no index.
    products = list(read_catalog(catalog, currency=settings.shop.currency, bad_rows=bad_rows))
    passages = read_knowledge(knowledge) if knowledge else []
    for problem in bad_rows or []:
        typer.echo(f"left out: {catalog}, {problem}", err=True)
    threads = settings.encoder.threads
    ProductIndex.build(products, out, model=model or settings.encoder.model, threads=threads, progress=True)
    if passages:
        KnowledgeIndex.build(passages, out, threads=threads, progress=True)
    if json_output:
        print_json({"products": len(products), "passages": len(passages), "left_out": len(bad_rows or [])})
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
