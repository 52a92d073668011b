"""JSONL: one object a line, under the names of `Product`'s fields or under those that `catalog.columns` gives."""

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from shopllm_rasa.catalog.feeds.columns import Columns
from shopllm_rasa.catalog.feeds.grouping import Groups
from shopllm_rasa.catalog.feeds.records import BadRowError, Item, Record, Refusal
from shopllm_rasa.catalog.feeds.source import Feed, Lines, text_problem
from shopllm_rasa.catalog.feeds.variants import records_of

NAME = "jsonl"


def read(feed: Feed) -> Iterator[Item]:
    """Reads the feed; an object may hold its `variants` as a list of objects."""
    columns = Columns(feed.settings)
    groups = Groups()
    for line, found in _objects(feed):
        if isinstance(found, BadRowError):
            yield Refusal(line, found)
            continue
        try:
            row = columns.named(found)
            group = row.pop("item_group_id", None)
            if group is None or group == "":
                yield _record(line, row, feed.settings.decimal_sign)
            elif isinstance(group, str | int | Decimal):
                groups.add(str(group), line, {**row, "group_id": str(group)})
            else:
                raise BadRowError(f"'item_group_id' is a {type(group).__name__}; expected text", "item_group_id")
        except BadRowError as error:
            yield Refusal(line, error)
    yield from records_of(groups, feed.settings.decimal_sign)


def _record(line: int, row: dict[str, Any], decimal: str | None) -> Record:
    variants = row.pop("variants", None) or []
    if not isinstance(variants, list) or not all(isinstance(item, dict) for item in variants):
        raise BadRowError("'variants' is not a list of objects", "variants")
    return Record(line, row, [Record(line, item, decimal=decimal) for item in variants], decimal=decimal)


def _objects(feed: Feed) -> Iterator[tuple[int, dict[str, Any] | BadRowError]]:
    with feed.text(progress=True) as stream:
        lines = Lines(stream)
        while True:
            number = lines.begin()
            try:
                line = next(lines, None)
                if line is None:
                    return
                if line.strip():
                    yield number, _object(line)
            except BadRowError as error:
                yield number, error


def _object(line: str) -> dict[str, Any]:
    problem = text_problem(line)
    if problem:
        raise problem
    try:
        row = json.loads(line, parse_float=Decimal)
    except json.JSONDecodeError as error:
        raise BadRowError(f"this is not valid JSON ({error.msg} at column {error.colno})", "json") from None
    except RecursionError:
        raise BadRowError("the JSON is nested too deeply", "json") from None
    except (ValueError, ArithmeticError):
        raise BadRowError("the JSON has a number that is too long", "json") from None
    if not isinstance(row, dict):
        raise BadRowError(f"expected one JSON object a line, found a {type(row).__name__}", "json")
    return row
