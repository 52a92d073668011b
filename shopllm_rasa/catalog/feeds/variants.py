"""Products of rows that are equals: each a variant, told apart by what differs between them."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from shopllm_rasa.catalog.feeds.grouping import MAX_GROUP_ROWS, Groups
from shopllm_rasa.catalog.feeds.records import BadRowError, Item, Record, Refusal

VARIANT_FIELDS = ("id", "price", "sale_price", "currency", "stock", "codes")

_MIN_NAME_CHARACTERS = 4
_TRAILING = " \t-–—,;:/|(["

Rows = list[tuple[int, dict[str, Any]]]


def products_of(groups: Groups, read: Callable[[Rows], Iterable[Item]]) -> Iterator[Item]:
    """What a format makes of each group's rows.

    A group with more rows than it may have, or of which nothing can be made, is refused as a whole.
    """
    for count, rows in groups:
        line = rows[0][0]
        if count > MAX_GROUP_ROWS:
            reason = f"the product has {count:,} rows; at most {MAX_GROUP_ROWS:,} are allowed"
            yield Refusal(line, BadRowError(reason, "too many variants"), count)
            continue
        try:
            yield from read(rows)
        except BadRowError as error:
            yield Refusal(line, error, count)


def records_of(groups: Groups, decimal: str | None) -> Iterator[Item]:
    """The products of groups whose rows have `Product`'s fields.

    The first row gives the product its texts and its link. The product's name is what the rows' names begin with in
    common; its id is the group's, under `group_id` of each row.
    """

    def read(rows: Rows) -> Iterator[Item]:
        line, first = rows[0]
        shared = _shared_attributes(row for _, row in rows)
        values = {key: value for key, value in first.items() if key not in VARIANT_FIELDS}
        values["id"] = values.pop("group_id", None)
        values["name"] = common_name([row.get("name") for _, row in rows])
        values["attributes"] = shared
        yield Record(line, values, [_variant(number, row, shared, decimal) for number, row in rows], len(rows), decimal)

    return products_of(groups, read)


def common_name(names: list[Any]) -> Any:
    """What all names begin with, cut between words: 'Shirt' of 'Shirt - M, red' and 'Shirt - L, red'.

    The first name where that is too short to be one.
    """
    texts = [name for name in names if isinstance(name, str) and name.strip()]
    if not texts:
        return None
    first, last = min(texts), max(texts)  # in the alphabet's order: what these two share, all share
    length = next((at for at, (one, other) in enumerate(zip(first, last, strict=False)) if one != other), len(first))
    common = first[:length]
    if any(name[len(common) :][:1].isalnum() for name in texts) and common[-1:].isalnum():
        common = common.rpartition(" ")[0]
    common = common.rstrip(_TRAILING)
    return common if len(common) >= _MIN_NAME_CHARACTERS else texts[0]


def _variant(line: int, row: dict[str, Any], shared: dict[str, Any], decimal: str | None) -> Record:
    values = {key: row[key] for key in VARIANT_FIELDS if key in row}
    attributes = row.get("attributes")
    if isinstance(attributes, dict):
        values["attributes"] = {name: value for name, value in attributes.items() if name not in shared}
    return Record(line, values, decimal=decimal)


def _shared_attributes(rows: Iterable[dict[str, Any]]) -> dict[str, Any]:
    shared: dict[str, Any] | None = None
    for row in rows:
        attributes = row.get("attributes")
        own = attributes if isinstance(attributes, dict) else {}
        shared = (
            dict(own)
            if shared is None
            else {name: value for name, value in shared.items() if name in own and own[name] == value}
        )
    return shared or {}
