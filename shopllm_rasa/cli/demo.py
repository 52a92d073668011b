"""`shopllm demo`: the whole bot on this machine with one command."""

from pathlib import Path

import typer

_LAST_PORT = 65535


def demo(
    catalog: Path | None = typer.Option(
        None, envvar="CATALOG", help="A product feed (JSONL or CSV) instead of the demo shop's."
    ),
    knowledge: Path | None = typer.Option(
        None, envvar="KNOWLEDGE", help="A folder of pages: .md, .html, .pdf, FAQ .csv, with --catalog."
    ),
    orders: Path | None = typer.Option(None, help="Orders as JSON, with --catalog and --customers."),
    customers: Path | None = typer.Option(None, help="Customers as JSON, with --catalog and --orders."),
    name: str | None = typer.Option(None, envvar="SHOP_NAME", help="The shop's name, with --catalog."),
    rasa_port: int = typer.Option(5005, envvar="RASA_PORT", help="Port of the Rasa server.", min=1, max=_LAST_PORT),
    actions_port: int = typer.Option(
        5055, envvar="ACTIONS_PORT", help="Port of the action server.", min=1, max=_LAST_PORT
    ),
    web_port: int = typer.Option(8080, envvar="WEB_PORT", help="Port of the web page.", min=1, max=_LAST_PORT),
    work_dir: Path = typer.Option(Path(".shopllm/demo"), help="Where models, logs and own shops lie."),
    serve: bool = typer.Option(True, "--serve/--no-serve", help="Serve the shop, or only build what serving needs."),
) -> None:
    """Build the index, train the bot and serve the shop with its web page, until Ctrl-C."""
    from shopllm_rasa.demo.runner import DemoOptions, run_demo
    from shopllm_rasa.demo.shop import OwnShop

    own = OwnShop(catalog=catalog, knowledge=knowledge, customers=customers, orders=orders, name=name)
    options = DemoOptions(own, rasa_port, actions_port, web_port, work_dir, serve)
    if not run_demo(options):
        raise typer.Exit(1)
