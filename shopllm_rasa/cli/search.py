"""`shopllm search`: finds products."""

from dataclasses import fields
from pathlib import Path
from typing import Any

import typer
from rich.table import Table

from shopllm_rasa.cli.output import INDEX_OPTION, JSON_OPTION, console, print_json, settings_for

_SORTED = {
    "price": "cheapest first",
    "-price": "most expensive first",
    "rating": "best rated first",
    "popularity": "best selling first",
}


def search(
    query: str = typer.Argument(..., help="What to look for, as a customer would write it."),
    index: Path | None = INDEX_OPTION,
    limit: int = typer.Option(10, "--limit", "-k", min=1, max=100, help="How many products at most."),
    min_price: str | None = typer.Option(None, "--min-price", help="The lowest price."),
    max_price: str | None = typer.Option(None, "--max-price", help="The highest price."),
    currency: str | None = typer.Option(None, "--currency", help="Only prices in this currency, such as EUR."),
    brand: list[str] | None = typer.Option(None, "--brand", help="Only this brand; may be repeated."),
    category: list[str] | None = typer.Option(None, "--category", help="Only this category; may be repeated."),
    attribute: list[str] | None = typer.Option(
        None, "--attribute", help='Only with this attribute, as in "colour=red"; may be repeated.'
    ),
    min_rating: str | None = typer.Option(None, "--min-rating", help="The fewest stars, 0 to 5."),
    in_stock: bool = typer.Option(False, "--in-stock", help="Only what is in stock."),
    exclude: list[str] | None = typer.Option(
        None, "--exclude", help="Nothing with this word in its name, brand, category or attributes; may be repeated."
    ),
    exclude_brand: list[str] | None = typer.Option(None, "--exclude-brand", help="Not this brand; may be repeated."),
    filters: list[str] | None = typer.Option(
        None, "--filter", help='Any filter by its name, as in "price_max=40"; may be repeated.'
    ),
    sort: str | None = typer.Option(None, "--sort", help=f"One of {', '.join(_SORTED)}; by default the best first."),
    facets: bool = typer.Option(False, "--facets", help="Also count the brands, categories and attributes found."),
    json_output: bool = JSON_OPTION,
) -> None:
    """Finds products. Limits in the words are understood: "under 50", a brand, "not pink", "cheapest", "in stock".

    What stands in the words is given up where nothing fits all of it, and the result says so; options are kept to.

    Example: shopllm search "otterbox for my galaxy s7 under 40, not pink" --index index/
    """
    from dataclasses import replace

    from shopllm_rasa.app import ShopApp
    from shopllm_rasa.retrieval import Filters

    options = {
        "price_min": min_price,
        "price_max": max_price,
        "currency": currency,
        "brands": brand,
        "categories": category,
        "attributes": dict(_pair("--attribute", "colour=red", value) for value in attribute or ()),
        "min_rating": min_rating,
        "in_stock": in_stock,
        "exclude_words": exclude,
        "exclude_brands": exclude_brand,
    }
    fixed = Filters.from_dict({**_by_name(filters or []), **{name: value for name, value in options.items() if value}})
    app = ShopApp(settings_for(index))
    read = app.read_query(query)
    if sort:
        read = replace(read, sort=sort)
    result = app.search(read, limit, fixed)
    counts = app.products.facets(result.query, result.filters) if facets else None
    if json_output:
        found: dict[str, Any] = {
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
        print_json(found if counts is None else {**found, "facets": counts})
        return
    if result.relaxed:
        typer.echo(f"Nothing fits all of it; given up: {', '.join(result.relaxed)}.", err=True)
    if result.sort:
        typer.echo(f"Sorted: {_SORTED[result.sort]}.", err=True)
    table = Table("", "product", "price", "score", "why", box=None)
    for number, hit in enumerate(result.hits, start=1):
        table.add_row(str(number), hit.product.name, hit.product.price_text, f"{hit.score:.2f}", ", ".join(hit.reasons))
    console.print(table if result.hits else "Nothing found.")
    for facet, names in (counts or {}).items():
        console.print(f"{facet}: {', '.join(f'{name} ({count})' for name, count in names.items())}", markup=False)


def _by_name(written: list[str]) -> dict[str, Any]:
    """The filters of "price_max=40" and the like; one that is written several times is a list."""
    from shopllm_rasa.retrieval import Filters

    known = {item.name: item.default for item in fields(Filters)}
    values: dict[str, Any] = {}
    for text in written:
        name, value = _pair("--filter", "price_max=40", text)
        if name == "in_stock":
            values[name] = value.casefold() in ("true", "yes", "1")
        elif isinstance(known.get(name), tuple):
            values[name] = [*values.get(name, []), value]
        else:
            values[name] = value
    return values


def _pair(option: str, example: str, written: str) -> tuple[str, str]:
    name, sign, value = written.partition("=")
    if not sign or not name.strip() or not value.strip():
        raise typer.BadParameter(f"'{written}' is no name and value such as {example}.", param_hint=option)
    return name.strip(), value.strip()
