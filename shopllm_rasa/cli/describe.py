"""`shopllm describe`: describes a product from its own data."""

from pathlib import Path

import typer

from shopllm_rasa.cli.output import INDEX_OPTION, JSON_OPTION, print_json, settings_for
from shopllm_rasa.errors import SearchError


def describe(
    name: str | None = typer.Argument(None, help="The product's name, or part of it."),
    sku: str | None = typer.Option(None, "--sku", help="The product's id."),
    index: Path | None = INDEX_OPTION,
    json_output: bool = JSON_OPTION,
) -> None:
    """Describes a product; every statement is one of its own fields.

    Example: shopllm describe "otterbox galaxy s7" --index index/
    """
    from shopllm_rasa.app import ShopApp
    from shopllm_rasa.catalog.facts import description_text

    if (name is None) == (sku is None):
        raise typer.BadParameter("Give either a name or --sku.")
    app = ShopApp(settings_for(index))
    if sku is not None:
        product = app.products.get(sku)
        if product is None:
            raise SearchError(f"There is no product with the id '{sku}'.")
    else:
        text = name or ""
        found = app.references.resolve(text, app.mentions.find(text))
        if not found:
            found = [hit.product for hit in app.search(app.read_query(text), 1).hits]
        if not found:
            raise SearchError(f"No product goes by '{text[:80]}'.")
        product = found[0]
    if json_output:
        print_json({"product": product.to_dict(), "description": description_text(product)})
    else:
        typer.echo(description_text(product))
