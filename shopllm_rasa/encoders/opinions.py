"""Reads reviews that teach sentiment."""

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from shopllm_rasa.encoders.fine_tuning import Example
from shopllm_rasa.encoders.intent_model import SENTIMENTS
from shopllm_rasa.errors import EncoderError

MAX_CHARACTERS = 2_000
_MOST_NEGATIVE_STARS, _FEWEST_POSITIVE_STARS = 2, 4
# The csv module has one limit for the whole process, which others set too.
_MAX_FIELD_CHARACTERS = 131_072


def read_opinions(path: Path) -> list[Example]:
    """Reads labelled texts from a `.csv` (with a header) or `.jsonl` file.

    A row has `text`, perhaps a `title` put before it, and `label` (negative, neutral, positive) or `rating` (1 to
    5 stars). Up to two stars are negative, from four positive; reviews with three are mixed and left out, as in
    Zhang et al. 2015, https://arxiv.org/abs/1509.01626.

    Raises:
        EncoderError: naming file, line and key.
    """
    opinions = [_opinion(row, f"'{path}', line {line}") for line, row in read_rows(path)]
    clear = [opinion for opinion in opinions if opinion.sentiment is not None]
    if not clear:
        raise EncoderError(f"There are no reviews in '{path}' that praise or blame.")
    return clear


def read_rows(path: Path) -> list[tuple[int, dict[str, Any]]]:
    """The rows of a `.csv` (with a header) or `.jsonl` file, UTF-8, each with the number of its line.

    Raises:
        EncoderError: naming the file, and the line where there is one.
    """
    readers = {".csv": _csv_rows, ".jsonl": _json_rows}
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise EncoderError(f"'{path}' cannot be read as rows of texts; allowed are {' and '.join(readers)} files.")
    try:
        return list(reader(path))
    except UnicodeDecodeError:
        raise EncoderError(f"'{path}' cannot be read: it is not UTF-8.") from None
    except (OSError, csv.Error) as error:
        raise EncoderError(f"'{path}' cannot be read: {getattr(error, 'strerror', None) or error}.") from None


def _csv_rows(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    csv.field_size_limit(_MAX_FIELD_CHARACTERS)
    with path.open(encoding="utf-8-sig", newline="") as stream:
        reader = csv.DictReader(stream)
        for row in reader:
            yield reader.line_num, row


def _json_rows(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    with path.open(encoding="utf-8-sig") as stream:
        for number, line in enumerate(stream, 1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except (ValueError, RecursionError) as error:
                raise EncoderError(f"'{path}', line {number}: not JSON ({error}).") from None
            if not isinstance(row, dict):
                raise EncoderError(f"'{path}', line {number}: expected an object, found {type(row).__name__}.")
            yield number, row


def _opinion(row: dict[str, Any], place: str) -> Example:
    text = row.get("text")
    if not isinstance(text, str) or not text.strip():
        raise EncoderError(f"{place}: 'text' is missing or empty.")
    title = str(row.get("title") or "").strip()
    words = f"{title}. {text.strip()}" if title else text.strip()
    return Example(words[:MAX_CHARACTERS], None, _label(row, place))


def _label(row: dict[str, Any], place: str) -> str | None:
    label = row.get("label")
    if label not in (None, ""):
        if label not in SENTIMENTS:
            raise EncoderError(f"{place}: 'label' is '{label}'; allowed: {', '.join(SENTIMENTS)}.")
        return str(label)
    rating: Any = row.get("rating")
    try:
        stars = float("nan" if isinstance(rating, bool) else rating)
    except (TypeError, ValueError, OverflowError):
        raise EncoderError(f"{place}: neither 'label' nor a 'rating' from 1 to 5.") from None
    if not 1 <= stars <= 5:
        raise EncoderError(f"{place}: 'rating' is {rating}; allowed are 1 to 5.")
    if stars <= _MOST_NEGATIVE_STARS:
        return "negative"
    return "positive" if stars >= _FEWEST_POSITIVE_STARS else None
