"""A feed's file: opened as text with progress, its lines bounded, numbered and able to be given back."""

import io
import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import IO, Any

from tqdm import tqdm

from shopllm_rasa.catalog.feeds.records import BadRowError
from shopllm_rasa.errors import CatalogError
from shopllm_rasa.settings import CatalogSettings

MAX_LINE_CHARACTERS = 2_000_000
MAX_RECORD_LINES = 1_000

_NOT_UTF_8 = re.compile(r"[\udc80-\udcff]")  # what `surrogateescape` makes of bytes that are not UTF-8


@dataclass(frozen=True)
class Feed:
    """A feed's file and how it is to be read.

    Attributes:
        path: the file.
        settings: the section `catalog` of the settings.
        today: decides whether a sale price is in force.
        progress: whether to show a progress bar on standard error.
    """

    path: Path
    settings: CatalogSettings = field(default_factory=CatalogSettings)
    today: date = field(default_factory=date.today)
    progress: bool = False

    def check(self) -> None:
        """Finds out whether there is a file that could hold text.

        Raises:
            CatalogError: if it does not exist, is empty, or is no text in UTF-8 from its first bytes on.
        """
        if not self.path.is_file():
            raise CatalogError(f"The product feed '{self.path}' does not exist.")
        with self.path.open("rb") as stream:
            start = stream.read(4)
        if not start:
            raise CatalogError(f"{self.path}: the file is empty.")
        if start[:2] in (b"PK", b"\x1f\x8b") or start == b"\xd0\xcf\x11\xe0":
            raise CatalogError(f"{self.path}: this is a spreadsheet or an archive. Export it as CSV in UTF-8.")

    def text(self, *, progress: bool = False) -> IO[str]:
        """Opens the file as text; bytes that are not UTF-8 become lone surrogates, see `text_problem`."""
        with self.path.open("rb") as stream:
            start = stream.read(4)
        if start[:2] in (b"\xff\xfe", b"\xfe\xff"):
            raise CatalogError(f"{self.path}: the file is UTF-16. Save it as UTF-8.")
        if b"\x00" in start:
            raise CatalogError(f"{self.path}, line 1: zero bytes, as UTF-16 without a mark has. Save it as UTF-8.")
        return io.TextIOWrapper(
            self.binary(progress=progress), encoding="utf-8-sig", errors="surrogateescape", newline=""
        )

    def binary(self, *, progress: bool = False) -> IO[bytes]:
        """Opens the file as bytes, with the progress bar where one is wanted."""
        raw = self.path.open("rb", buffering=0)
        if not (self.progress and progress):
            return io.BufferedReader(raw)
        size = self.path.stat().st_size
        bar: tqdm[Any] = tqdm(total=size, desc="reading the feed", unit="B", unit_scale=True, leave=False, delay=1)
        return io.BufferedReader(_Counted(raw, bar), 1 << 16)  # type: ignore[type-var]


class _Counted(io.RawIOBase):
    """A file that tells a progress bar what is read of it."""

    def __init__(self, raw: io.FileIO, bar: "tqdm[Any]") -> None:
        self._raw = raw
        self._bar = bar

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray) -> int:  # type: ignore[override]
        read = self._raw.readinto(buffer) or 0
        self._bar.update(read)
        return read

    def close(self) -> None:
        self._bar.close()
        self._raw.close()
        super().close()


class OverlongLineError(BadRowError):
    """A line has more characters than are allowed."""


class EndlessRecordError(BadRowError):
    """A record goes over more lines than any product needs: a quote was not closed."""


class Lines(Iterator[str]):
    """The lines of a text with their numbers. Those of the current record can be given back.

    Attributes:
        number: of the line that was read last, from 1.
        record: the lines since `begin`.
        ended: whether the end of the text was reached.
    """

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream
        self._again: deque[str] = deque()
        self.number = 0
        self.record: list[str] = []
        self.ended = False

    def __next__(self) -> str:
        line = self._again.popleft() if self._again else self._read()
        if not line:
            self.ended = True
            raise StopIteration
        self.number += 1
        self.record.append(line)
        if len(self.record) > MAX_RECORD_LINES:
            raise EndlessRecordError(f"a quoted cell does not end within {MAX_RECORD_LINES:,} lines", "csv")
        return line

    def begin(self) -> int:
        """Begins a record; gives the number of its first line."""
        self.record = []
        return self.number + 1

    def give_back(self) -> None:
        """Takes the record for its first line alone: the others are read again."""
        again = self.record[1:]
        self.number -= len(again)
        self._again.extendleft(reversed(again))
        self.ended = False
        del self.record[1:]

    def _read(self) -> str:
        line = self._stream.readline(MAX_LINE_CHARACTERS + 1)
        if len(line) <= MAX_LINE_CHARACTERS:
            return line
        length = len(line)
        while line and not line.endswith(("\n", "\r")):
            line = self._stream.readline(MAX_LINE_CHARACTERS)
            length += len(line)
        self.number += 1
        limit = f"the line has {length:,} characters; at most {MAX_LINE_CHARACTERS:,} are allowed"
        raise OverlongLineError(limit, "too long")


def text_problem(line: str) -> BadRowError | None:
    """What is wrong with a line as text: bytes that were not UTF-8."""
    found = None if line.isascii() else _NOT_UTF_8.search(line)
    if not found:
        return None
    byte = len(line[: found.start()].encode("utf-8", "surrogateescape")) + 1
    return BadRowError(
        f"byte {byte} is not UTF-8 (the file may be Windows-1252 or Latin-1). Save it as UTF-8.", "encoding"
    )
