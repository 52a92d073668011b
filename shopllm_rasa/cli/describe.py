"""`shopllm describe`: describes a product, or a whole catalogue, from its own data."""

import enum
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from shopllm_rasa.cli.feed import FORMAT_OPTION, ON_ERROR_OPTION, read_products, with_options
from shopllm_rasa.cli.output import INDEX_OPTION, JSON_OPTION, print_json, settings_for
from shopllm_rasa.errors import SearchError
from shopllm_rasa.settings import CatalogSettings, Settings

if TYPE_CHECKING:
    from shopllm_rasa.app import ShopApp
    from shopllm_rasa.catalog import Product
    from shopllm_rasa.insights import ProductDescription
    from shopllm_rasa.insights.catalog_run import RunReport


class _Tone(str, enum.Enum):
    plain = "plain"
    friendly = "friendly"
    luxury = "luxury"
    technical = "technical"


class _Length(str, enum.Enum):
    short = "short"
    medium = "medium"
    long = "long"


def describe(
    name: str | None = typer.Argument(None, help="The product's name, or part of it."),
    sku: str | None = typer.Option(None, "--sku", help="The product's id."),
    catalog: Path | None = typer.Option(None, "--catalog", help="Describe all products of this feed; needs --out."),
    out: Path | None = typer.Option(None, "--out", help="The JSONL file that gets a description a line."),
    tone: _Tone = typer.Option(_Tone.plain, "--tone", help="How it sounds; a tone adds no claims."),
    length: _Length = typer.Option(_Length.medium, "--length", help="How much of the data it tells."),
    jobs: int = typer.Option(4, "--jobs", min=1, max=32, help="How many products are described at a time."),
    format_name: str | None = FORMAT_OPTION,
    on_error: str | None = ON_ERROR_OPTION,
    index: Path | None = INDEX_OPTION,
    json_output: bool = JSON_OPTION,
) -> None:
    """Describes a product: title, text, main facts, and a title and description for search engines.

    With a backend that follows prompts, a model writes the text; what the product's data do not support is refused,
    tried once more, and then composed from the data. Without one every text is composed.

    With --catalog a whole feed is described, a line a product. The same command goes on where it was interrupted, and
    describes again only what has changed.

    Example: shopllm describe --sku AUD-1042 --tone friendly --length long

    Example: shopllm describe --catalog products.jsonl --out descriptions.jsonl
    """
    from shopllm_rasa.app import ShopApp

    if sum(value is not None for value in (name, sku, catalog)) != 1:
        raise typer.BadParameter("Give one of: a name, --sku, --catalog.")
    if (catalog is None) != (out is None):
        raise typer.BadParameter("--catalog and --out belong together.")
    if catalog is not None and out is not None:
        settings = Settings.load()
        how = with_options(settings, format_name, on_error)
        _describe_catalog(catalog, out, settings, how, tone, length, jobs, json_output)
        return
    app = ShopApp(settings_for(index))
    product = _product(app, name, sku)
    description = app.describer.describe(product, tone.value, length.value)
    if json_output:
        print_json({"product": product.to_dict(), "description": description.to_dict()})
    else:
        typer.echo(_as_text(product, description))


def _product(app: "ShopApp", name: str | None, sku: str | None) -> "Product":
    if sku is not None:
        product = app.products.get(sku)
        if product is None:
            raise SearchError(f"There is no product with the id '{sku}'.")
        return product
    text = name or ""
    found = app.references.resolve(text, app.mentions.find(text))
    if not found:
        found = [hit.product for hit in app.search(app.read_query(text), 1).hits]
    if not found:
        raise SearchError(f"No product goes by '{text[:80]}'.")
    return found[0]


def _as_text(product: "Product", description: "ProductDescription") -> str:
    from shopllm_rasa.catalog.facts import with_price

    lines = [
        with_price(product, description.copy.text, description.copy.bullets),
        f"Search engines: {description.copy.seo_title}\n{description.copy.seo_description}",
    ]
    lines += [f"Refused ({item.reason}, try {item.attempt}): {item.detail}" for item in description.refused]
    return "\n\n".join(lines)


def _describe_catalog(
    catalog: Path,
    out: Path,
    settings: Settings,
    how: CatalogSettings,
    tone: _Tone,
    length: _Length,
    jobs: int,
    json_output: bool,
) -> None:
    from tqdm import tqdm

    from shopllm_rasa.app import ShopApp
    from shopllm_rasa.insights.catalog_run import describe_catalog

    products, feed_report = read_products(catalog, settings, how)
    writer = ShopApp(settings).describer
    with tqdm(total=len(products), desc="describing", unit="product") as bar:

        def advance() -> None:
            bar.update()

        try:
            report = describe_catalog(
                products,
                writer,
                out,
                tone=tone.value,
                length=length.value,
                jobs=jobs,
                advance=advance,
            )
        except KeyboardInterrupt:
            bar.close()
            typer.echo(f"Interrupted after {bar.n} of {len(products)}. The same command goes on from there.", err=True)
            raise
    if json_output:
        print_json({**report.to_dict(), "left_out": feed_report.left_out, "out": str(out)})
    else:
        typer.echo(_report(report, out))


def _report(report: "RunReport", out: Path) -> str:
    total = report.described + report.kept
    lines = [
        f"{total} descriptions in {out}: {report.by_model} written by a model, {report.composed} composed from the "
        f"data, {report.kept} kept from an earlier run."
    ]
    refusals: list[tuple[str, Any]] = report.refusals.most_common()
    lines += [f"Refused {count} times ({reason}), such as {report.examples[reason]}" for reason, count in refusals]
    return "\n".join(lines)
