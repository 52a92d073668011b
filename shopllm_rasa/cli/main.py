"""The entry point: puts the command groups together and turns errors into exit codes.

Exit codes: 0 done, 1 could not, 2 wrong usage.
"""

import os
import sys

import typer

from shopllm_rasa import __version__
from shopllm_rasa.cli import adapt, ask, demo, describe, doctor, embed, explain, index, pages, recommend, search, shop
from shopllm_rasa.errors import ShopLLMError

app = typer.Typer(
    name="shopllm",
    help="Product search, grounded answers and more for a shop's Rasa bot.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _version(value: bool) -> None:
    if value:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def _options(
    version: bool = typer.Option(False, "--version", callback=_version, is_eager=True, help="Print the version."),
) -> None:
    """Product search, grounded answers and more for a shop's Rasa bot."""


index.app.command("pages")(pages.pages)
index.app.command("embed")(embed.embed)
app.add_typer(index.app, name="index")
app.add_typer(shop.app, name="shop")
app.add_typer(recommend.app, name="recommend")
app.command("search")(search.search)
app.command("ask")(ask.ask)
app.command("describe")(describe.describe)
app.command("explain")(explain.explain)
app.command("adapt")(adapt.adapt)
app.command("doctor")(doctor.doctor)
app.command("demo")(demo.demo)


def main() -> None:
    """Runs the command line; a user's mistake ends in one sentence, not in a traceback."""
    try:
        app()
    except ShopLLMError as error:
        print(error, file=sys.stderr)
        sys.exit(1)
    except BrokenPipeError:
        # The reader of a pipe (head, less) has gone: not an error, but Python would print one while ending.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except OSError as error:  # a full disk, a folder that cannot be written
        print(f"{error.strerror}: '{error.filename}'" if error.filename else error, file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
