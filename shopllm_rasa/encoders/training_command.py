"""The command line of the trainings whose result ships with the package: an option for each field of their options."""

import argparse
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, TypeVar

Options = TypeVar("Options")


def read_command(parser: argparse.ArgumentParser, defaults: Options) -> tuple[Options, Path, dict[str, Any]]:
    """Reads `--out` and the options of a training; ends with a message where they are wrong or the target exists.

    Args:
        parser: with the options that only this training has.
        defaults: a dataclass; its fields become options.

    Returns:
        The training's options, where its result goes, and what the parser had before.
    """
    parser.add_argument("--out", type=Path, required=True, help="where to write the model")
    fields = asdict(defaults)  # type: ignore[call-overload]
    for name, value in fields.items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=type(value), default=value, help=f"default {value}")
    given = vars(parser.parse_args())
    out: Path = given.pop("out")
    check_new(parser, out)
    options = replace(defaults, **{name: given.pop(name) for name in fields})  # type: ignore[type-var]
    return options, out, given


def check_new(parser: argparse.ArgumentParser, out: Path) -> None:
    """Ends with a message where the target of a command exists."""
    if out.exists():
        parser.error(f"'{out}' exists already; name another place with --out, or remove it")
