"""`shopllm shop`: brings customers, orders and events into the shop's database."""

from pathlib import Path

import typer

from shopllm_rasa.settings import Settings

app = typer.Typer(help="Customers, orders and events.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Customers, orders and events."""


@app.command("import")
def import_data(
    customers: Path | None = typer.Option(None, "--customers", help="A JSON list of customers."),
    orders: Path | None = typer.Option(None, "--orders", help="A JSON list of orders; goes with --customers."),
    events: Path | None = typer.Option(None, "--events", help="What customers did, as CSV or JSONL."),
) -> None:
    """Replaces customers and orders, or events, or both, in the database that shopllm.yml names.

    Events have the columns customer_id, product_id, type (view, cart, purchase, rating), time and, for a rating's
    stars, value.

    Example: shopllm shop import --customers customers.json --orders orders.json --events events.csv
    """
    from shopllm_rasa.shop import EventStore, ShopStore

    if (customers is None) != (orders is None):
        raise typer.BadParameter("--customers and --orders go together.")
    if customers is None and events is None:
        raise typer.BadParameter("Give --customers with --orders, or --events.")
    url = Settings.load().database_url
    if customers is not None and orders is not None:
        people, placed = ShopStore(url).replace_all(customers, orders)
        typer.echo(f"{people} customers and {placed} orders imported")
    if events is not None:
        typer.echo(f"{EventStore(url).replace_all(events)} events imported")
