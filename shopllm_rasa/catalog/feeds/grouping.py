"""Rows that belong to one product, wherever they stand in a feed, gathered on disk."""

import json
import sqlite3
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

MAX_GROUP_ROWS = 2_500  # Shopify, the most generous of the formats, allows 2,048 variants a product

_CACHE_KIBIBYTES = 32_000
_DECIMAL = "\x00decimal"  # marks an exact number that JSON has no type for


def private_database() -> sqlite3.Connection:
    """A database of this process alone, in memory while it is small, else in a file that goes with the process."""
    database = sqlite3.connect("", isolation_level=None, check_same_thread=False)
    for pragma in ("journal_mode = OFF", "synchronous = OFF", "temp_store = FILE", f"cache_size = -{_CACHE_KIBIBYTES}"):
        database.execute(f"PRAGMA {pragma}")
    database.execute("BEGIN")
    return database


class Groups:
    """Gathers rows by key and gives them group by group, in the order in which the groups began.

    The rows lie in a temporary database, so memory does not grow with the feed.
    """

    def __init__(self) -> None:
        self._database = private_database()
        self._database.execute("CREATE TABLE row (number INTEGER PRIMARY KEY, key TEXT, line INTEGER, cells TEXT)")
        self._database.execute("CREATE TABLE other_name (name TEXT PRIMARY KEY, key TEXT) WITHOUT ROWID")

    def add(self, key: str, line: int, row: Mapping[str, Any]) -> None:
        """Puts a row into a group."""
        cells = json.dumps(row, default=_exact)
        key = key.encode("utf-8", "backslashreplace").decode()  # JSON may hold half a character
        self._database.execute("INSERT INTO row (key, line, cells) VALUES (?, ?, ?)", (key, line, cells))

    def name(self, name: str, key: str) -> None:
        """Lets rows that were or will be added under `name` belong to the group `key`; the first naming counts."""
        if name != key:
            self._database.execute("INSERT OR IGNORE INTO other_name VALUES (?, ?)", (name, key))

    def __iter__(self) -> Iterator[tuple[int, list[tuple[int, dict[str, Any]]]]]:
        """Gives for each group how many rows it has, and of these, each with its line, the first 2,500."""
        run = self._database.execute
        run(
            "UPDATE row SET key = (SELECT key FROM other_name WHERE name = row.key) "
            "WHERE key IN (SELECT name FROM other_name)"
        )
        run("CREATE INDEX by_key ON row (key, number)")
        for key, count in run("SELECT key, COUNT(*) FROM row GROUP BY key ORDER BY MIN(number)"):
            rows = run("SELECT line, cells FROM row WHERE key = ? ORDER BY number LIMIT ?", (key, MAX_GROUP_ROWS))
            yield count, [(line, json.loads(cells, object_hook=_restored)) for line, cells in rows]
        self._database.close()


def _exact(value: Decimal) -> dict[str, str]:
    return {_DECIMAL: str(value)}


def _restored(value: dict[str, Any]) -> Any:
    return Decimal(value[_DECIMAL]) if value.keys() == {_DECIMAL} else value


class Identities:
    """The ids of a feed and where each stands, on disk as soon as they are many."""

    def __init__(self) -> None:
        self._database = private_database()
        self._database.execute("CREATE TABLE id (id TEXT PRIMARY KEY, line INTEGER) WITHOUT ROWID")
        self._database.execute("CREATE TABLE made (id TEXT PRIMARY KEY, times INTEGER) WITHOUT ROWID")

    def take(self, identity: str, line: int) -> int | None:
        """Takes an id; gives the line that has it already, None where it was free."""
        taken = self._database.execute("INSERT OR IGNORE INTO id VALUES (?, ?)", (identity, line))
        if taken.rowcount:
            return None
        found = self._database.execute("SELECT line FROM id WHERE id = ?", (identity,)).fetchone()
        return int(found[0])

    def times(self, made: str) -> int:
        """Counts how often an id was made of what names a product, with this time."""
        sql = "INSERT INTO made VALUES (?, 1) ON CONFLICT DO UPDATE SET times = times + 1 RETURNING times"
        (count,) = self._database.execute(sql, (made,)).fetchone()
        return int(count)

    def close(self) -> None:
        """Removes it all."""
        self._database.close()
