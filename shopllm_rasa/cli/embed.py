"""`shopllm index embed`: embeds a catalogue on a Ray cluster, ahead of a build."""

import os
from pathlib import Path

import typer

from shopllm_rasa.cli.feed import FORMAT_OPTION, ON_ERROR_OPTION, read_products, with_options
from shopllm_rasa.cli.output import JSON_OPTION, print_json
from shopllm_rasa.settings import Settings


def embed(
    catalog: Path = typer.Option(..., "--catalog", help="The product feed, as for index build."),
    out: Path = typer.Option(..., "--out", help="The index directory that the build will write."),
    model: str | None = typer.Option(None, "--model", help="The encoder; by default the one of shopllm.yml."),
    workers: int | None = typer.Option(
        None, "--workers", min=1, max=1024, help="How many embed at once. By default one for each core of this machine."
    ),
    threads: int = typer.Option(1, "--threads", min=1, max=64, help="CPU cores of a worker."),
    address: str | None = typer.Option(
        None, "--ray-address", help="A running cluster: auto, ray://HOST:10001. By default one is started here."
    ),
    format_name: str | None = FORMAT_OPTION,
    on_error: str | None = ON_ERROR_OPTION,
    json_output: bool = JSON_OPTION,
) -> None:
    """Embeds a large catalogue with Ray, on this machine or a cluster, and leaves the vectors for index build.

    The build that follows, with the same catalogue, --out and --model, finds them and embeds nothing. May be stopped
    and started again. Needs: pip install 'shopllm-rasa[ray]'.

    Example: shopllm index embed --catalog products.jsonl --out index-2/ --workers 64 --ray-address auto
    """
    from shopllm_rasa.retrieval.ray_embedding import embed_ahead

    settings = Settings.load()
    products, feed = read_products(catalog, settings, with_options(settings, format_name, on_error))
    report = embed_ahead(
        (product.search_text for product in products),
        out,
        model=model or settings.encoder.model,
        workers=workers or max(1, (os.cpu_count() or 1) // threads),
        threads=threads,
        address=address,
        progress=True,
    )
    if json_output:
        print_json({**vars(report), "left_out": feed.left_out})
    else:
        typer.echo(f"{report.embedded:,} of {report.texts:,} texts embedded; {report.known:,} had vectors already")
