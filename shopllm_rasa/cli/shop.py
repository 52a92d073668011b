"""`shopllm shop`: brings customers and orders into the shop's database."""

from pathlib import Path

import typer

from shopllm_rasa.settings import Settings

app = typer.Typer(help="Customers and orders.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Customers and orders."""


@app.command("import")
def import_data(
    customers: Path = typer.Option(..., "--customers", help="A JSON list of customers."),
    orders: Path = typer.Option(..., "--orders", help="A JSON list of orders."),
) -> None:
    """Replaces customers and orders in the database that shopllm.yml names.

    Example: shopllm shop import --customers customers.json --orders orders.json
    """
    from shopllm_rasa.shop import ShopStore

    people, placed = ShopStore(Settings.load().database_url).replace_all(customers, orders)
    typer.echo(f"{people} customers and {placed} orders imported")
