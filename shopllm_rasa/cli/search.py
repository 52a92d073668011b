"""`shopllm search`: finds products."""

from dataclasses import replace
from pathlib import Path

import typer
from rich.table import Table

from shopllm_rasa.cli.output import INDEX_OPTION, JSON_OPTION, console, print_json, settings_for


def search(
    query: str = typer.Argument(..., help="What to look for, as a customer would write it."),
    index: Path | None = INDEX_OPTION,
    limit: int = typer.Option(10, "--limit", "-k", min=1, max=100, help="How many products at most."),
    min_price: str | None = typer.Option(None, "--min-price", help="The lowest price."),
    max_price: str | None = typer.Option(None, "--max-price", help="The highest price."),
    brand: list[str] | None = typer.Option(None, "--brand", help="Only this brand; may be repeated."),
    category: list[str] | None = typer.Option(None, "--category", help="Only this category; may be repeated."),
    in_stock: bool = typer.Option(False, "--in-stock", help="Only what is in stock."),
    json_output: bool = JSON_OPTION,
) -> None:
    """Finds products; limits in the words ("under 50", a brand, "in stock") are understood.

    Example: shopllm search "wireless headphones under 100" --index index/
    """
    from shopllm_rasa.app import ShopApp
    from shopllm_rasa.retrieval import Filters

    app = ShopApp(settings_for(index))
    read = app.read_query(query)
    # What is said with an option counts more than what was read from the words.
    options = {
        "price_min": min_price,
        "price_max": max_price,
        "brands": tuple(brand) if brand else None,
        "categories": tuple(category) if category else None,
        "in_stock": in_stock or None,
    }
    filters = {**vars(read.filters), **{name: value for name, value in options.items() if value is not None}}
    result = app.search(replace(read, filters=Filters.from_dict(filters)), limit)
    if json_output:
        print_json(
            {
                "hits": [
                    {
                        "id": hit.product.id,
                        "name": hit.product.name,
                        "brand": hit.product.brand,
                        "price": str(hit.product.price),
                        "currency": hit.product.currency,
                        "score": round(hit.score, 4),
                        "reasons": list(hit.reasons),
                    }
                    for hit in result.hits
                ],
                "relaxed": list(result.relaxed),
            }
        )
        return
    if result.relaxed:
        typer.echo(f"Nothing fits all of it; given up: {', '.join(result.relaxed)}.", err=True)
    table = Table("", "product", "price", "score", "why", box=None)
    for number, hit in enumerate(result.hits, start=1):
        table.add_row(str(number), hit.product.name, hit.product.price_text, f"{hit.score:.2f}", ", ".join(hit.reasons))
    console.print(table if result.hits else "Nothing found.")
