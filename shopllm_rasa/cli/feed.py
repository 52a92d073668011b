"""What the commands that read a product feed have in common: options, the report, and reading by the settings."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, get_args

import typer
from pydantic import ValidationError
from rich.table import Table
from rich.text import Text

from shopllm_rasa.cli.output import console, print_json
from shopllm_rasa.errors import CatalogError
from shopllm_rasa.settings import CatalogSettings, Settings

if TYPE_CHECKING:
    from shopllm_rasa.catalog import FeedReport, Product


FORMATS = get_args(CatalogSettings.__fields__["format"].outer_type_)
POLICIES = get_args(CatalogSettings.__fields__["on_error"].outer_type_)


def _one_of(allowed: tuple[str, ...]) -> Callable[[str | None], str | None]:
    def check(value: str | None) -> str | None:
        if value is not None and value not in allowed:
            raise typer.BadParameter(f"'{value}' is none of {', '.join(allowed)}.")
        return value

    return check


FORMAT_OPTION = typer.Option(
    None,
    "--format",
    callback=_one_of(FORMATS),
    metavar="NAME",
    help=f"The feed's format: {', '.join(FORMATS)}. By default that of shopllm.yml, which is auto.",
)
ON_ERROR_OPTION = typer.Option(
    None,
    "--on-error",
    callback=_one_of(POLICIES),
    metavar="skip|stop",
    help="Whether a bad row is left out and named, or stops everything. By default that of shopllm.yml, which is skip.",
)


def with_options(settings: Settings, format_name: str | None, on_error: str | None) -> CatalogSettings:
    """The section `catalog` of the settings, with what was said on the command line.

    Raises:
        typer.BadParameter: if the two do not go together.
    """
    said = {"format": format_name, "on_error": on_error}
    try:
        return CatalogSettings(**{**dict(settings.catalog), **{name: value for name, value in said.items() if value}})
    except ValidationError as error:
        raise typer.BadParameter(error.errors()[0]["msg"]) from None


class FeedProducts:
    """The products of a feed that was found usable, read again each time they are asked for: a feed may be larger than
    memory should hold."""

    def __init__(self, catalog: Path, settings: Settings, how: CatalogSettings, count: int) -> None:
        self._catalog = catalog
        self._settings = settings
        self._how = how
        self._count = count

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> "Iterator[Product]":
        from shopllm_rasa.catalog import read_catalog

        return read_catalog(
            self._catalog, currency=self._settings.shop.currency, settings=self._how, on_error=self._how.on_error
        )


def read_products(catalog: Path, settings: Settings, how: CatalogSettings) -> "tuple[FeedProducts, FeedReport]":
    """Reads a feed to its end before anything is done with it; the rows left out are named on standard error.

    Raises:
        CatalogError: if the feed cannot be used.
    """
    from shopllm_rasa.catalog import check_catalog

    report = check_catalog(catalog, currency=settings.shop.currency, settings=how, progress=True)
    report.check(stop_at_bad_rows=how.on_error == "stop")
    if report.left_out:
        typer.echo(f"left out, {report.left_out:,} of {report.rows:,} rows:\n{report.text()}", err=True)
    return FeedProducts(catalog, settings, how, report.products), report


def print_dry_run(catalog: Path, settings: Settings, how: CatalogSettings, json_output: bool) -> None:
    """Reads a feed and prints what a build would make of it; ends with exit code 1 where it would make nothing."""
    from shopllm_rasa.catalog import check_catalog

    report = check_catalog(catalog, currency=settings.shop.currency, settings=how, progress=True)
    problem = ""
    try:
        report.check(stop_at_bad_rows=how.on_error == "stop")
    except CatalogError as error:
        problem = str(error).partition("\n")[0]
    if json_output:
        print_json({**report.to_dict(), "on_error": how.on_error, "builds": not problem})
    else:
        _print_report(report)
        verdict = f"would stop: {problem}" if problem else "would go through, without the rows left out"
        console.print(f"\nWith on_error {how.on_error} a build {verdict}.", markup=False, soft_wrap=True)
    if problem:
        raise typer.Exit(1)


def _print_report(report: "FeedReport") -> None:
    table = Table(show_header=False, box=None)
    counts = {
        "feed": str(report.path),
        "format": report.format,
        "rows read": f"{report.rows:,}",
        "products kept": f"{report.products:,}",
        "variants grouped": f"{report.variants:,}",
        "rows refused": f"{report.bad_rows:,}",
        "rows not for sale": f"{report.not_for_sale:,}",
    }
    for name, value in counts.items():
        table.add_row(name, Text(value))
    console.print(table)
    if report.causes:
        why = ", ".join(f"{cause} {count:,}" for cause, count in report.causes.most_common(10))
        console.print(f"\nwhy: {why}\n{report.text()}", markup=False, soft_wrap=True)
