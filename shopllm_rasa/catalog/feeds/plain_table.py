"""CSV and TSV whose columns bear the names of `Product`'s fields, or those that `catalog.columns` gives."""

import re
from collections.abc import Iterator
from typing import Any

from shopllm_rasa.catalog.feeds.columns import ATTRIBUTE_PREFIX, Columns
from shopllm_rasa.catalog.feeds.grouping import Groups
from shopllm_rasa.catalog.feeds.records import Item, Record, Refusal
from shopllm_rasa.catalog.feeds.source import Feed
from shopllm_rasa.catalog.feeds.tables import Cells, read_header, read_table
from shopllm_rasa.catalog.feeds.variants import records_of

NAME = "csv"


def read(feed: Feed) -> Iterator[Item]:
    """Reads the feed; rows with the same `item_group_id` are variants of one product."""
    line, header = read_header(feed)
    columns = Columns(feed.settings)
    if header:
        columns.check(header, f"{feed.path}, line {line}")
    fields = {name: columns.fields_of(name) for name in header}
    decimal = feed.settings.decimal_sign
    groups = Groups()
    for item in read_table(feed):
        if isinstance(item, Refusal):
            yield item
            continue
        line, cells = item
        values = _values(cells, fields)
        group = values.pop("item_group_id", None)
        if group:
            groups.add(group, line, {**values, "group_id": group})
        else:
            yield Record(line, values, decimal=decimal)
    yield from records_of(groups, decimal)


def _values(cells: Cells, fields: dict[str, list[str]]) -> dict[str, Any]:
    """A table has only text: lists are cut at `>` or `|`, columns `attributes.colour` become attributes."""
    values: dict[str, Any] = {}
    for column, text in cells.items():
        for field in fields[column]:
            if field.startswith(ATTRIBUTE_PREFIX):
                parts = tuple(part.strip() for part in text.split("|") if part.strip())
                name = field.removeprefix(ATTRIBUTE_PREFIX).replace("_", " ")
                values.setdefault("attributes", {})[name] = parts[0] if len(parts) == 1 else parts
            elif field == "categories":
                values[field] = [part.strip() for part in re.split(r"[>|]", text) if part.strip()]
            elif field == "codes":
                values.setdefault("codes", []).extend(text.split("|"))
            else:
                values[field] = text
    return values
