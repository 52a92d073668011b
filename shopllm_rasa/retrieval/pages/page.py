"""What every reader makes of a file: a page as a flat list of headings, paragraphs, list items and table rows."""

import codecs
import datetime
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from shopllm_rasa.errors import KnowledgeError

# A heading below all that have a number: a question of an accordion, a paragraph in bold.
MINOR_LEVEL = 7
MAX_ADDRESS_CHARACTERS = 2_000
_ADDRESS = re.compile(r"(?:https?://|/)[^\s\"'<>\\]*")


@dataclass(frozen=True)
class Block:
    """A piece of a page.

    Attributes:
        kind: what it is; a row of a table names its columns already ("Country: Spain; Price: €8.95").
        text: plain, with single spaces.
        level: of a heading, 1 for the widest; of a list item its depth, from 1; 0 otherwise.
    """

    kind: Literal["heading", "text", "item", "row"]
    text: str
    level: int = 0


@dataclass(frozen=True)
class Page:
    """A page before it is cut into passages.

    Attributes:
        title: where the file names one apart from its headings, else empty.
        blocks: in the order of reading.
        url: where customers find the page.
        date: when it was last changed, ISO 8601.
    """

    title: str
    blocks: Sequence[Block]
    url: str | None = None
    date: str | None = None


def read_bytes(file: Path, limit: int) -> bytes:
    """Reads a file of at most `limit` bytes.

    Raises:
        KnowledgeError: if it is longer or cannot be read.
    """
    try:
        with file.open("rb") as stream:
            content = stream.read(limit + 1)
    except OSError as error:
        raise KnowledgeError(f"{file}: the page cannot be read ({error.strerror}).") from None
    if len(content) > limit:
        raise KnowledgeError(f"{file}: the page has more than {limit:,} bytes.")
    return content


def decode(content: bytes, file: Path, encoding: str = "utf-8") -> str:
    """Gives the text of a file, without a byte order mark.

    Raises:
        KnowledgeError: naming the first byte that is not of the encoding.
    """
    try:
        text = content.removeprefix(codecs.BOM_UTF8).decode(encoding)
    except UnicodeDecodeError as error:
        mark = len(codecs.BOM_UTF8) if content.startswith(codecs.BOM_UTF8) else 0
        name = "UTF-8" if encoding == "utf-8" else encoding
        raise KnowledgeError(f"{file}: byte {mark + error.start + 1} is not {name}. Save the page as UTF-8.") from None
    return text


def address(value: object) -> str | None:
    """An address as it may be linked: a web address or a path on the shop's site; None for anything else."""
    text = str(value).strip()
    return text if len(text) <= MAX_ADDRESS_CHARACTERS and _ADDRESS.fullmatch(text) else None


def checked_address(value: object, where: str) -> str | None:
    """As `address`, of a value that the shop wrote for this purpose; None where it is empty.

    Raises:
        KnowledgeError: if it cannot be linked.
    """
    if value is None or not str(value).strip():
        return None
    found = address(value)
    if found is None:
        raise KnowledgeError(
            f"{where}: 'url' is '{str(value)[:80]}'; expected an address that begins with https://, http:// or /."
        )
    return found


def iso_date(value: object) -> str | None:
    """A date or the beginning of a time stamp as an ISO date; None where it is none."""
    if isinstance(value, datetime.datetime):
        return value.date().isoformat()
    if isinstance(value, datetime.date):
        return value.isoformat()
    try:
        return datetime.date.fromisoformat(str(value).strip()[:10]).isoformat()
    except ValueError:
        return None


def checked_date(value: object, name: str, where: str) -> str | None:
    """As `iso_date`, of a value that the shop wrote for this purpose; None where it is empty.

    Raises:
        KnowledgeError: if it is no date.
    """
    if value is None or not str(value).strip():
        return None
    found = iso_date(value)
    if found is None:
        raise KnowledgeError(f"{where}: '{name}' is '{str(value)[:80]}'; expected a date such as 2026-11-02.")
    return found


def one_line(text: str) -> str:
    """A text with single spaces instead of any white space."""
    return " ".join(text.split())
