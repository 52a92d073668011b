"""Tables as shops export them: CSV and TSV with a header, a record at a time."""

import csv
import itertools
from collections.abc import Iterator

from shopllm_rasa.catalog.feeds.records import BadRowError, Refusal
from shopllm_rasa.catalog.feeds.source import MAX_LINE_CHARACTERS, EndlessRecordError, Feed, Lines, text_problem
from shopllm_rasa.errors import CatalogError

DELIMITERS = ",;\t|"

Cells = dict[str, str]
TableRow = tuple[int, Cells] | Refusal


def read_header(feed: Feed) -> tuple[int, list[str]]:
    """The line of a table's header and its column names as they stand there; no names for a file of blank lines.

    Raises:
        CatalogError: if the first line cannot be read.
    """
    with feed.text() as stream:
        lines = Lines(stream)
        names, _ = _header(feed, lines)
        return lines.number, names


def read_table(feed: Feed) -> Iterator[TableRow]:
    """The rows of a table: the line each begins in, and its cells that are not blank by column name.

    A row with another number of cells than the header is refused. A quote that is never closed would take all
    that follows into one cell: such a row is refused alone, and reading goes on in the line behind it.
    """
    with feed.text(progress=True) as stream:
        lines = Lines(stream)
        names, delimiter = _header(feed, lines)
        rows = csv.reader(lines, delimiter=delimiter)
        while True:
            start = lines.begin()
            try:
                cells = next(rows, None)
                if cells is None:
                    return
                if len(lines.record) > 1 and lines.ended and "".join(lines.record).count('"') % 2:
                    raise EndlessRecordError("a quoted cell does not end", "csv")
                if not any(map(str.strip, cells)):
                    continue
                _check(lines, cells, names)
            except EndlessRecordError as error:
                lines.give_back()
                rows = csv.reader(lines, delimiter=delimiter)
                yield Refusal(start, error)
            except BadRowError as error:
                rows = csv.reader(lines, delimiter=delimiter)
                yield Refusal(start, error)
            except csv.Error as error:
                yield Refusal(start, BadRowError(_csv_problem(error), "csv"))
            else:
                yield start, {name: cell for name, cell in zip(names, map(str.strip, cells), strict=True) if cell}


def _header(feed: Feed, lines: Lines) -> tuple[list[str], str]:
    csv.field_size_limit(MAX_LINE_CHARACTERS)
    first = ""
    try:
        while not first.strip():
            lines.begin()
            first = next(lines, "")
            if not first:
                return [], ","
        problem = text_problem(first)
        if problem:
            raise problem
        delimiter = max(DELIMITERS, key=first.count)
        names = next(csv.reader(itertools.chain([first], lines), delimiter=delimiter))
    except (BadRowError, csv.Error) as error:
        reason = _csv_problem(error) if isinstance(error, csv.Error) else str(error)
        raise CatalogError(f"{feed.path}, line {lines.number}: {reason}.") from None
    return [" ".join(name.split()) for name in names], delimiter


def _check(lines: Lines, cells: list[str], names: list[str]) -> None:
    problem = next(filter(None, map(text_problem, lines.record)), None)
    if problem:
        raise problem
    if len(cells) != len(names):
        raise BadRowError(f"{len(cells)} cells in this row, but {len(names)} columns in the header", "csv")


def _csv_problem(error: csv.Error) -> str:
    if "field limit" in str(error):
        return f"a cell has more than the {MAX_LINE_CHARACTERS:,} characters that are allowed"
    return f"the CSV cannot be read ({error})"
