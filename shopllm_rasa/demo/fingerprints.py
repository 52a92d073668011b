"""Tells whether what was built before was built from the same inputs."""

import json
from collections.abc import Iterable
from pathlib import Path

from shopllm_rasa.storage import sha256_of, write_json

Inputs = dict[str, str]


def fingerprint_files(paths: Iterable[Path], root: Path) -> Inputs:
    """Gives the SHA-256 of files, and of all files below folders.

    Args:
        paths: files and folders; those that do not exist are left out.
        root: names are relative to it where a file lies below, so that a moved project stays the same.
    """
    files = sorted({file for path in paths for file in _files_of(path)})
    return {_name(file, root): sha256_of(file) for file in files}


def _files_of(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    found = path.rglob("*") if path.is_dir() else ()
    return [file for file in found if file.is_file() and "__pycache__" not in file.parts]


def _name(file: Path, root: Path) -> str:
    return file.relative_to(root).as_posix() if file.is_relative_to(root) else str(file)


class Record:
    """The inputs of something built, in a small JSON file beside it."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def difference(self, inputs: Inputs) -> str | None:
        """What is new since `write`, in a few words; None where nothing is."""
        before = self._read()
        if before is None:
            return "there is none yet"
        changed = sorted(name for name in {*before, *inputs} if before.get(name) != inputs.get(name))
        if not changed:
            return None
        more = f" and {len(changed) - 1} more" if len(changed) > 1 else ""
        return f"{changed[0]}{more} changed"

    def write(self, inputs: Inputs) -> None:
        """Notes the inputs, once what was built from them is whole."""
        write_json(self._file, inputs)

    def _read(self) -> Inputs | None:
        try:
            values = json.loads(self._file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None  # without a readable record it is built again, which is always right
        return values if isinstance(values, dict) else None
