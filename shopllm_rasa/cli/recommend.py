"""`shopllm recommend`: learns from customers' events, recommends, and measures how well."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import typer
from rich.table import Table

from shopllm_rasa.cli.output import INDEX_OPTION, JSON_OPTION, console, print_json, settings_for

if TYPE_CHECKING:
    from shopllm_rasa.app import ShopApp
    from shopllm_rasa.recommendation import Recommendation
    from shopllm_rasa.recommendation.evaluation import Figure, Report
    from shopllm_rasa.retrieval import Filters

app = typer.Typer(help="Recommendations, and what they learn from.", no_args_is_help=True)

LIMIT_OPTION = typer.Option(5, "--limit", "-k", min=1, max=100, help="How many products at most.")
MAX_PRICE_OPTION = typer.Option(None, "--max-price", help="The highest price.")
CATEGORY_OPTION = typer.Option(None, "--category", help="Only this category; may be repeated.")
SKU_OPTION = typer.Option(..., "--sku", help="The product's id.")


@app.callback()
def _group() -> None:
    """Recommendations, and what they learn from."""


@app.command("fit")
def fit(
    events: Path | None = typer.Option(
        None, "--events", help="A CSV or JSONL file of events; by default those of the shop's database."
    ),
    index: Path | None = INDEX_OPTION,
    json_output: bool = JSON_OPTION,
) -> None:
    """Learns from events what is popular, what goes together and what suits whom.

    Writes the file that paths.behaviour of shopllm.yml names; run it each night. A running bot uses the new file with
    its next recommendation.

    Example: shopllm recommend fit
    """
    from shopllm_rasa.recommendation import IndexContent, fit_behaviour
    from shopllm_rasa.shop import read_events

    shop = _shop(index)
    settings = shop.settings
    model = fit_behaviour(
        read_events(events) if events else shop.events.all(),
        settings.recommendation,
        IndexContent(shop.products),
        shop.category_of,
        progress=True,
    )
    model.save(settings.behaviour_file)
    figures = {
        "file": str(settings.behaviour_file),
        "events": model.events,
        "customers": model.customers,
        "products": len(model),
        "bought_together": len(model.together.items) // 2,
        "collaborative": model.factors is not None,
        "mix": asdict(model.mix),
    }
    if json_output:
        print_json(figures)
        return
    typer.echo(
        f"{model.events:,} events of {model.customers:,} customers; {len(model):,} products with "
        f"{settings.recommendation.min_customers} customers or more, {figures['bought_together']:,} pairs bought "
        f"together. {'With' if model.factors is not None else 'Too few for'} a collaborative model.\n"
        f"Written to {settings.behaviour_file}"
    )


@app.command("for")
def for_customer(
    customer: str = typer.Option(..., "--customer", help="The customer's id."),
    wish: str = typer.Option("", "--wish", help="What the customer says they want."),
    index: Path | None = INDEX_OPTION,
    limit: int = LIMIT_OPTION,
    max_price: str | None = MAX_PRICE_OPTION,
    category: list[str] | None = CATEGORY_OPTION,
    json_output: bool = JSON_OPTION,
) -> None:
    """Recommends for one customer, from what they looked at, bought and rated.

    A customer of whom nothing is known gets what is popular.

    Example: shopllm recommend for --customer C-1012 --wish "a present for a cook"
    """
    shop = _shop(index)
    past = shop.events.of_customer(customer)
    _print(shop.recommender.recommend(wish, (), past, _filters(max_price, category), limit), json_output)


@app.command("similar")
def similar(
    sku: str = SKU_OPTION,
    index: Path | None = INDEX_OPTION,
    limit: int = LIMIT_OPTION,
    max_price: str | None = MAX_PRICE_OPTION,
    category: list[str] | None = CATEGORY_OPTION,
    json_output: bool = JSON_OPTION,
) -> None:
    """Recommends products like one product.

    Example: shopllm recommend similar --sku KIT-1327
    """
    shop = _shop(index)
    _print(shop.recommender.similar(sku, _filters(max_price, category), limit), json_output)


@app.command("with")
def goes_with(
    sku: str = SKU_OPTION,
    index: Path | None = INDEX_OPTION,
    limit: int = LIMIT_OPTION,
    max_price: str | None = MAX_PRICE_OPTION,
    category: list[str] | None = CATEGORY_OPTION,
    json_output: bool = JSON_OPTION,
) -> None:
    """Recommends what to buy with one product.

    Example: shopllm recommend with --sku KIT-1327
    """
    shop = _shop(index)
    _print(shop.recommender.goes_with(sku, _filters(max_price, category), limit), json_output)


@app.command("evaluate")
def evaluate_events(
    events: Path = typer.Option(..., "--events", help="A CSV or JSONL file of events."),
    index: Path | None = INDEX_OPTION,
    catalogue: bool = typer.Option(
        True, "--catalogue/--no-catalogue", help="Whether the index's products take part; the events alone do without."
    ),
    json_output: bool = JSON_OPTION,
) -> None:
    """Measures on any events how often the next purchase is among ten recommendations.

    Learns from what was before, chooses its parts' shares on the purchases between 60 % and 80 % of all in time, and
    foresees each customer's last new purchase in the rest; compares with item-item neighbours and with what is bought
    most often. Intervals are 95 % bootstrap intervals over customers.

    Example: shopllm recommend evaluate --events data/shop/events.csv
    """
    from shopllm_rasa.recommendation import IndexContent, evaluate
    from shopllm_rasa.settings import Settings
    from shopllm_rasa.shop import read_events

    if catalogue:
        shop = _shop(index)
        settings, content, category_of = shop.settings, IndexContent(shop.products), shop.category_of
        report = evaluate(read_events(events), settings.recommendation, content, category_of, progress=True)
    else:
        report = evaluate(read_events(events), Settings.load().recommendation, progress=True)
    if json_output:
        print_json(_report_dict(report))
    else:
        _print_report(report)


def _shop(index: Path | None) -> "ShopApp":
    from shopllm_rasa.app import ShopApp

    return ShopApp(settings_for(index))


def _filters(max_price: str | None, category: Sequence[str] | None) -> "Filters":
    from shopllm_rasa.retrieval import Filters

    return Filters.from_dict({"price_max": max_price, "categories": tuple(category or ())})


def _print(items: "Sequence[Recommendation]", json_output: bool) -> None:
    if json_output:
        print_json(
            {
                "recommendations": [
                    {
                        "id": item.product.id,
                        "name": item.product.name,
                        "brand": item.product.brand,
                        "price": str(item.product.price),
                        "currency": item.product.currency,
                        "reason": item.reason,
                        "score": round(item.score, 4),
                        "debug": dict(item.details),
                    }
                    for item in items
                ]
            }
        )
        return
    table = Table("", "product", "price", "why", box=None)
    for number, item in enumerate(items, start=1):
        table.add_row(str(number), item.product.name, item.product.price_text, item.reason)
    console.print(table if items else "Nothing fits.")


def _report_dict(report: "Report") -> dict[str, object]:
    return {
        **asdict(report),
        "validation_from": report.validation_from.isoformat(),
        "test_from": report.test_from.isoformat(),
    }


def _print_report(report: "Report") -> None:
    typer.echo(
        f"{report.events:,} events of {report.customers:,} customers. Test: the last new purchase from "
        f"{report.test_from:%Y-%m-%d} on of {report.cases:,} customers (left out: {report.newcomers:,} of whom nothing "
        f"was known, {report.unknown:,} of products nobody had seen).\n"
        f"Chosen on {report.validation_cases:,} purchases from {report.validation_from:%Y-%m-%d} on: "
        + ", ".join(f"{name} {share:.2f}" for name, share in asdict(report.mix).items())
        + (f"; {report.dimensions} dimensions." if report.dimensions else "; too few events to learn factors.")
    )
    table = Table("", "hit rate@10", "nDCG@10", "ours better by (nDCG)", box=None)
    for row in report_rows(report):
        table.add_row(*row)
    console.print(table)


def report_rows(report: "Report") -> Iterable[tuple[str, str, str, str]]:
    """A report's table: name, hit rate, nDCG and what ours gains, each with its interval."""
    for line in report.lines:
        yield line.name, _figure(line.hit_rate), _figure(line.ndcg), _figure(line.gain, "+.3f") if line.gain else ""


def _figure(figure: "Figure", form: str = ".3f") -> str:
    return f"{figure.mean:{form}} ({figure.low:{form}} to {figure.high:{form}})"
