"""Reads a PDF: its lines become headings, paragraphs and list items by size, weight and place."""

import functools
import io
import logging
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pdfminer.converter import PDFPageAggregator
from pdfminer.layout import LAParams, LTChar, LTPage, LTTextBox, LTTextLine
from pdfminer.pdfdocument import PDFDocument, PDFEncryptionError, PDFNoOutlines, PDFPasswordIncorrect
from pdfminer.pdfinterp import PDFPageInterpreter, PDFResourceManager
from pdfminer.pdfpage import PDFPage
from pdfminer.pdfparser import PDFParser
from pdfminer.utils import decode_text

from shopllm_rasa.errors import KnowledgeError
from shopllm_rasa.retrieval.pages.page import Block, Page, iso_date, one_line, read_bytes
from shopllm_rasa.spelling.english import english_words

MAX_PDF_BYTES = 50_000_000
MAX_PDF_PAGES = 500
MAX_PDF_CHARACTERS = 2_000_000
MAX_HEADING_CHARACTERS = 150
# A line whose letters are so much larger than those of most text is a heading.
_LARGER = 1.12
# The share of a page's height, at its top and at its foot, where running titles and page numbers stand.
_EDGE = 0.08
_MIN_PAGES_FOR_RUNNING_TITLES = 3
_MAX_OUTLINE_ENTRIES = 5_000

_BOLD = re.compile(r"bold|black|heavy|semibold|demi", re.I)
_BULLET = re.compile(r"^\s*(?:[•▪◦‣●○■–*-]|\d{1,2}[.)])(?:\s+|$)")
_PAGE_NUMBER = re.compile(r"(?:page\s+)?\d+(?:\s*(?:/|of)\s*\d+)?|-\s*\d+\s*-", re.I)
_SENTENCE_ENDS = (".", "!", "?", ":", ";", "…")
_LIGATURES = str.maketrans({"ﬀ": "ff", "ﬁ": "fi", "ﬂ": "fl", "ﬃ": "ffi", "ﬄ": "ffl", "ﬅ": "st", "ﬆ": "st",
                            "\xad": "", "\x00": ""})  # fmt: skip
# What programs write in place of a title.
_NO_TITLE = re.compile(r"untitled.*|document\d*|microsoft word - .*|.*\.(?:docx?|odt|pdf|indd|tex|html?)", re.I)

# It reports each oddity of a font, which the shop can do nothing about.
logging.getLogger("pdfminer").setLevel(logging.ERROR)


@dataclass(frozen=True)
class _Line:
    text: str
    size: float
    is_bold: bool
    paragraph: tuple[int, int]  # page and text box
    is_at_edge: bool


def read_pdf(file: Path) -> list[Page]:
    """Reads a PDF that has text.

    Raises:
        KnowledgeError: if it is no PDF, is damaged, needs a password, is too long or holds only pictures.
    """
    content = read_bytes(file, MAX_PDF_BYTES)
    if b"%PDF-" not in content[:1024]:
        raise KnowledgeError(f"{file}: this is no PDF, although its name says so.")
    try:
        document = PDFDocument(PDFParser(io.BytesIO(content)))
        lines = _without_running_titles(list(_lines(document, file)))
        outline = _outline(document)
        info = {key: value for part in reversed(document.info) for key, value in part.items()}
    except KnowledgeError:
        raise
    except (PDFPasswordIncorrect, PDFEncryptionError):
        raise KnowledgeError(f"{file}: the PDF is protected by a password. Save it without one.") from None
    except Exception as error:  # a damaged file meets the parser anywhere
        raise KnowledgeError(f"{file}: the PDF is damaged ({type(error).__name__}: {str(error)[:100]}).") from error
    if not lines:
        raise KnowledgeError(
            f"{file}: the PDF has no text, perhaps only scanned pictures. Save it with text recognition (OCR)."
        )
    title = one_line(_info(info, "Title"))
    dated = iso_date(_pdf_date(_info(info, "ModDate")) or _pdf_date(_info(info, "CreationDate")))
    return [Page("" if _NO_TITLE.fullmatch(title) else title, list(_blocks(lines, outline)), None, dated)]


def _lines(document: PDFDocument, file: Path) -> Iterator[_Line]:
    resources = PDFResourceManager()
    device = PDFPageAggregator(resources, laparams=LAParams())
    interpreter = PDFPageInterpreter(resources, device)
    characters = 0
    for number, page in enumerate(PDFPage.create_pages(document)):
        if number >= MAX_PDF_PAGES:
            raise KnowledgeError(f"{file}: the PDF has more than {MAX_PDF_PAGES} pages. Split it.")
        interpreter.process_page(page)
        layout = device.get_result()
        for line in _page_lines(layout, number):
            characters += len(line.text)
            if characters > MAX_PDF_CHARACTERS:
                raise KnowledgeError(f"{file}: the PDF has more than {MAX_PDF_CHARACTERS:,} characters. Split it.")
            yield line


def _page_lines(layout: LTPage, page: int) -> Iterator[_Line]:
    """The lines of a page in the order of reading, which is that of the text boxes."""
    edge = layout.height * _EDGE
    bullet = ""
    for number, box in enumerate(item for item in layout if isinstance(item, LTTextBox)):
        for line in box:
            text = one_line(line.get_text().translate(_LIGATURES)) if isinstance(line, LTTextLine) else ""
            if not text:
                continue
            if _BULLET.fullmatch(text):  # its text is the next line
                bullet = text
                continue
            letters = [item for item in line if isinstance(item, LTChar) and not item.get_text().isspace()]
            sizes = Counter(round(letter.size, 1) for letter in letters)
            bold = sum(bool(_BOLD.search(letter.fontname)) for letter in letters)
            at_edge = line.y0 < layout.y0 + edge or line.y1 > layout.y1 - edge
            size = sizes.most_common(1)[0][0] if sizes else 0.0
            yield _Line(f"{bullet} {text}".strip(), size, bold * 2 > len(letters), (page, number), at_edge)
            bullet = ""


def _without_running_titles(lines: list[_Line]) -> list[_Line]:
    """Leaves out page numbers, and what stands at the edge of at least half of the pages."""
    pages = {line.paragraph[0] for line in lines}
    places = {(line.paragraph[0], re.sub(r"\d+", "#", line.text)) for line in lines if line.is_at_edge}
    times = Counter(text for _, text in places)
    many = max(2, len(pages) / 2) if len(pages) >= _MIN_PAGES_FOR_RUNNING_TITLES else float("inf")
    return [
        line for line in lines
        if not line.is_at_edge
        or not (_PAGE_NUMBER.fullmatch(line.text) or times[re.sub(r"\d+", "#", line.text)] >= many)
    ]  # fmt: skip


def _blocks(lines: Sequence[_Line], outline: dict[str, int]) -> Iterator[Block]:
    """Joins lines to headings, paragraphs and list items."""
    level_of = _heading_levels(lines, outline)
    kind: Any = "text"
    text = ""
    level = 0
    previous: _Line | None = None
    for line, own_level in zip(lines, level_of, strict=True):
        bullet = None if own_level else _BULLET.match(line.text)
        if own_level:
            goes_on = kind == "heading" and level == own_level and _is_same_paragraph(previous, line)
        else:
            goes_on = kind != "heading" and bullet is None and _goes_on(previous, line, text)
        if not goes_on:
            if text:
                yield Block(kind, text, level)
            kind = "heading" if own_level else "item" if bullet else "text"
            text, level = "", own_level or (1 if bullet else 0)
        text = _joined(text, line.text[bullet.end() :] if bullet else line.text)
        previous = line
    if text:
        yield Block(kind, text, level)


def _heading_levels(lines: Sequence[_Line], outline: dict[str, int]) -> list[int]:
    """The level of each line's heading, 0 where it is none."""
    letters: Counter[tuple[float, bool]] = Counter()
    for line in lines:
        letters[line.size, line.is_bold] += len(line.text)
    (body, body_is_bold), _ = letters.most_common(1)[0]
    sizes = sorted(
        {line.size for line in lines if _could_be_heading(line) and line.size >= body * _LARGER}, reverse=True
    )
    levels = []
    for number, line in enumerate(lines):
        level = 0
        if _could_be_heading(line):
            if line.size >= body * _LARGER:
                level = min(1 + sizes.index(line.size), 6)
            elif _plain(line.text) in outline:
                level = min(outline[_plain(line.text)] + 1, 6)
            elif line.is_bold and not body_is_bold and line.size >= body * 0.98 and _stands_alone(lines, number):
                level = min(1 + len(sizes), 6)
        levels.append(level)
    return levels


def _could_be_heading(line: _Line) -> bool:
    has_word = any(sign.isalpha() for sign in line.text)
    return has_word and len(line.text) <= MAX_HEADING_CHARACTERS and not line.text.endswith((".", ",", ";", ":"))


def _stands_alone(lines: Sequence[_Line], number: int) -> bool:
    """Whether what stands before a line is not of the same paragraph, or is as bold."""
    before = lines[number - 1] if number else None
    return before is None or before.paragraph != lines[number].paragraph or before.is_bold or (
        before.text.endswith(_SENTENCE_ENDS)
    )  # fmt: skip


def _is_same_paragraph(one: _Line | None, other: _Line) -> bool:
    return one is not None and one.paragraph == other.paragraph


def _goes_on(previous: _Line | None, line: _Line, text: str) -> bool:
    """Whether a line belongs to the running paragraph: in its box, or at the top of the next page in mid-sentence."""
    if previous is None:
        return False
    if previous.paragraph == line.paragraph:
        return True
    return previous.paragraph[0] != line.paragraph[0] and not text.endswith(_SENTENCE_ENDS) and line.text[0].islower()


def _joined(text: str, line: str) -> str:
    """A paragraph and its next line; a word parted at the line's end is one again."""
    if not text:
        return line
    first = line.split(" ", 1)[0]
    last = text.rsplit(" ", 1)[-1]
    if last.endswith("-") and len(last) > 1 and first[:1].islower():
        word = re.sub(r"\W+$", "", f"{last[:-1]}{first}".casefold())
        return f"{text[:-1]}{line}" if word in _english() else f"{text}{line}"
    return f"{text} {line}"


@functools.lru_cache(maxsize=1)
def _english() -> frozenset[str]:
    return frozenset(english_words())


def _outline(document: PDFDocument) -> dict[str, int]:
    """The bookmarks' titles with their levels, from 1."""
    entries: dict[str, int] = {}
    try:
        for level, title, *_ in document.get_outlines():
            if len(entries) >= _MAX_OUTLINE_ENTRIES:
                break
            entries.setdefault(_plain(title), level)
    except PDFNoOutlines:
        pass
    return entries


def _plain(text: str) -> str:
    return one_line(text).casefold()


def _info(info: dict[str, Any], name: str) -> str:
    value = info.get(name)
    return decode_text(value) if isinstance(value, bytes) else ""


def _pdf_date(text: str) -> str:
    """Of `D:20261102...` the day: 2026-11-02."""
    match = re.match(r"(?:D:)?(\d{4})(\d\d)(\d\d)", text)
    return "-".join(match.groups()) if match else ""
