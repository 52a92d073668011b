"""How commands print: JSON alone on standard output, everything for people through rich."""

import json
from pathlib import Path
from typing import Any

import typer
from rich.console import Console

from shopllm_rasa.settings import Settings

console = Console(highlight=False)

INDEX_OPTION = typer.Option(None, "--index", help="The index directory; by default the one of shopllm.yml.")
JSON_OPTION = typer.Option(False, "--json", help="Print JSON instead of text.")


def print_json(value: Any, indent: int | None = 2) -> None:
    """Prints JSON; names in other scripts stay readable."""
    typer.echo(json.dumps(value, ensure_ascii=False, indent=indent))


def settings_for(index: Path | None) -> Settings:
    """The settings in force, with another index where one is named.

    An index that is named on the command line is used with the encoder it was built with.
    """
    settings = Settings.load()
    if index is None:
        return settings
    from shopllm_rasa.retrieval.index_directory import IndexDirectory

    model = IndexDirectory(index).read_manifest().encoder_model
    paths = settings.paths.copy(update={"index": index.resolve()})
    encoder = settings.encoder.copy(update={"model": model})
    return settings.copy(update={"paths": paths, "encoder": encoder})
