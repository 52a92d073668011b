"""Reads a web page: the text of its main part, cut at headings; what frames it is left out."""

import codecs
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from lxml import etree
from lxml.html import HtmlElement, HTMLParser, document_fromstring

from shopllm_rasa.errors import KnowledgeError
from shopllm_rasa.retrieval.pages.page import (
    MINOR_LEVEL,
    Block,
    Page,
    address,
    decode,
    iso_date,
    one_line,
    read_bytes,
)

MAX_HTML_BYTES = 5_000_000
# A paragraph in bold up to this long is a heading that was not marked as one.
_MAX_BOLD_HEADING = 120

_HEADINGS = {f"h{level}": level for level in range(1, 7)}
_LEFT_OUT = frozenset((
    "script", "style", "noscript", "template", "nav", "footer", "aside", "button", "select", "textarea", "input", "svg",
    "math", "canvas", "iframe", "object", "video", "audio", "head", "title", "dialog", "menu",
))  # fmt: skip
_LEFT_OUT_ROLES = frozenset(("navigation", "banner", "contentinfo", "search", "dialog", "complementary", "menu"))
_BLOCKS = frozenset((
    "address", "article", "blockquote", "body", "center", "dd", "details", "div", "dl", "dt", "fieldset", "figcaption",
    "figure", "header", "hgroup", "hr", "html", "legend", "li", "main", "ol", "p", "pre", "section", "summary", "ul",
    "table", "caption", "tbody", "thead", "tfoot", "tr", "td", "th",
))  # fmt: skip
_BOLD = frozenset(("b", "strong"))
_DATES = (
    "article:modified_time", "last-modified", "dcterms.modified", "dc.date.modified", "og:updated_time", "date",
    "article:published_time", "dcterms.date", "dc.date",
)  # fmt: skip
_CHARSET = re.compile(rb"<(?:meta[^>]*charset\s*=|\?xml[^>]*encoding\s*=)\s*[\"']?\s*([\w.:-]{1,40})", re.I)
# "Returns | Juniper & Vale": what follows the sign names the shop.
_SPACES = re.compile(r"\s+")
_SITE_NAME = re.compile(r"\s+[|–—·-]\s+[^|–—·]+$")


def read_html(file: Path) -> list[Page]:
    """Reads a web page.

    Raises:
        KnowledgeError: if it cannot be read, or has no text besides navigation and the like.
    """
    content = read_bytes(file, MAX_HTML_BYTES)
    root = _parse(decode(content, file, _encoding(content, file)))
    blocks = _main_blocks(root) if root is not None else []
    if root is None or not blocks:
        raise KnowledgeError(
            f"{file}: no text was found in the page's main part. Navigation, forms, headers and footers do not count; "
            "an element that is never closed may hide the rest."
        )
    return [Page(_title(root, blocks), blocks, _address(root), _date(root))]


def blocks_of(markup: str) -> list[Block]:
    """The blocks of a piece of HTML."""
    root = _parse(f"<main>{markup}</main>")
    return [] if root is None else _Reader(root).read(root)


def _parse(text: str) -> HtmlElement | None:
    """The tree of a page; None where there is nothing in it."""
    # As bytes, because lxml refuses texts that name an encoding of their own; without NUL, where libxml2 would stop.
    content = text.replace("\x00", "�").encode("utf-8", "replace")
    try:
        return document_fromstring(content, parser=HTMLParser(encoding="utf-8", no_network=True))
    except (etree.ParserError, etree.XMLSyntaxError):
        return None


def _encoding(content: bytes, file: Path) -> str:
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    named = None if content.startswith(codecs.BOM_UTF8) else _CHARSET.search(content[:2048])
    if not named:
        return "utf-8"
    name = named[1].decode("ascii")
    try:
        b"x".decode(name)
        found = codecs.lookup(name).name
    except LookupError:
        raise KnowledgeError(f"{file}: the page names the unknown encoding '{name}'. Save it as UTF-8.") from None
    except UnicodeError:  # two bytes a letter: the page could not have been read so far
        return "utf-8"
    # Web pages that say Latin-1 are read as Windows-1252 by every browser (WHATWG Encoding Standard, 4.2).
    return {"iso8859-1": "cp1252", "ascii": "cp1252"}.get(found, found)


def _main_blocks(root: HtmlElement) -> list[Block]:
    """The blocks of the main part, where the page marks one that has text, else of the whole body."""
    for path in ("(//main|//*[@role='main'])[not(ancestor::main)]", "//article[not(ancestor::article)]", "//body"):
        blocks = [block for part in root.xpath(path) for block in _Reader(root).read(part)]
        if any(block.kind != "heading" for block in blocks):
            return blocks
    return []


def _title(root: HtmlElement, blocks: list[Block]) -> str:
    """What the page says of itself, where its main part has no heading of the first level."""
    if any(block.kind == "heading" and block.level == 1 for block in blocks):
        return ""
    named = _meta(root).get("og:title")
    if named:
        return named
    return _SITE_NAME.sub("", one_line(root.findtext(".//title") or ""))


def _address(root: HtmlElement) -> str | None:
    canonical = root.xpath("string(//link[@rel='canonical']/@href)")
    return address(canonical or _meta(root).get("og:url", ""))


def _date(root: HtmlElement) -> str | None:
    named = _meta(root)
    times = root.xpath("//time/@datetime")
    return next(filter(None, map(iso_date, (*(named.get(name, "") for name in _DATES), *times[:1]))), None)


def _meta(root: HtmlElement) -> dict[str, str]:
    named = ((item.get("property") or item.get("name") or "", item.get("content") or "") for item in root.iter("meta"))
    return {name.casefold(): one_line(content) for name, content in named if name and content.strip()}


class _Reader:
    """Walks the tree of a page and collects its blocks.

    Args:
        root: of the whole page.
    """

    def __init__(self, root: HtmlElement) -> None:
        # The answer of a closed accordion is hidden, but a button or heading opens it.
        self._opened = {name for names in root.xpath("//@aria-controls") for name in str(names).split()}
        self._blocks: list[Block] = []
        self._text: list[str] = []
        self._kind: Literal["text", "item"] = "text"
        self._depth = 0

    def read(self, root: HtmlElement) -> list[Block]:
        """The blocks below an element."""
        self._walk(root)
        self._flush()
        return self._blocks

    def _walk(self, element: HtmlElement) -> None:
        tag = element.tag if isinstance(element.tag, str) else ""  # comments have a function for a tag
        if not tag or self._is_left_out(element, tag):
            return
        if tag == "br":
            self._text.append("\n")
        elif tag in _HEADINGS:
            self._heading(_text_of(element), _HEADINGS[tag])
        elif tag == "summary" or (tag == "p" and _is_bold_line(element)):
            self._heading(_text_of(element), MINOR_LEVEL)
        elif tag == "dt":
            self._term(_text_of(element))
        elif tag == "table" and _is_data(element):
            self._table(element)
        elif tag == "li" or (tag == "dd" and not self._is_answer()):
            self._item(element, self._depth + (tag == "dd"))
        elif tag in ("ul", "ol"):
            self._flush()
            self._depth += 1
            self._children(element)
            self._depth -= 1
        elif tag in _BLOCKS:
            self._flush()
            self._children(element)
            self._flush()
        else:
            self._children(element)

    def _children(self, element: HtmlElement) -> None:
        # White space of the source is one space; only `br` makes lines.
        self._text.append(_SPACES.sub(" ", element.text or ""))
        for child in element:
            self._walk(child)
            self._text.append(_SPACES.sub(" ", child.tail or ""))

    def _item(self, element: HtmlElement, depth: int) -> None:
        self._flush()
        outer = self._kind, self._depth
        self._kind, self._depth = "item", max(1, depth)
        self._children(element)
        self._flush()
        self._kind, self._depth = outer

    def _heading(self, text: str, level: int) -> None:
        self._flush()
        if text:
            self._blocks.append(Block("heading", text, level))

    def _term(self, text: str) -> None:
        """A question is a heading; any other term introduces what follows it."""
        self._flush()
        if text.endswith("?"):
            self._heading(text, MINOR_LEVEL)
        elif text:
            self._blocks.append(Block("text", f"{text.rstrip(':')}:"))

    def _is_answer(self) -> bool:
        return bool(self._blocks) and self._blocks[-1].kind == "heading"

    def _table(self, table: HtmlElement) -> None:
        self._flush()
        caption = one_line(" ".join(_text_of(part) for part in table.iter("caption")))
        if caption:
            self._blocks.append(Block("text", f"{caption.rstrip('.:')}:"))
        rows = [list(_cells(row)) for row in table.iter("tr")]
        names: list[str] = []
        for row, element in zip(rows, table.iter("tr"), strict=True):
            is_head = bool(row) and all(cell.tag == "th" for cell in element if cell.tag in ("td", "th"))
            if is_head and not names:
                names = row
                continue
            text = "; ".join(_named(cell, names[column] if column < len(names) else "") for column, cell in
                             enumerate(row) if cell)  # fmt: skip
            if text:
                self._blocks.append(Block("row", text))

    def _is_left_out(self, element: HtmlElement, tag: str) -> bool:
        if tag in _LEFT_OUT or (element.get("role") or "") in _LEFT_OUT_ROLES:
            return True
        if element.get("hidden") is not None or element.get("aria-hidden") == "true":
            return element.get("id") not in self._opened
        if tag == "form":  # some sites wrap the whole page in one
            return not element.xpath("boolean(.//h1|.//h2|.//h3)")
        # The banner of the site goes, the heading of an article stays.
        return tag == "header" and not element.xpath("boolean(ancestor::main|ancestor::article)")

    def _flush(self) -> None:
        """Ends the running paragraph; an empty line, made by two line breaks, ends one too."""
        joined = "".join(self._text)
        self._text = []
        for part in re.split(r"\n[ \n]*\n", joined):
            text = one_line(part)
            if text:
                self._blocks.append(Block(self._kind, text, self._depth if self._kind == "item" else 0))


def _is_bold_line(paragraph: HtmlElement) -> bool:
    text = _text_of(paragraph)
    bold = "".join(_text_of(child) for child in paragraph if child.tag in _BOLD)
    return 0 < len(text) <= _MAX_BOLD_HEADING and one_line(bold) == text and not text.endswith((".", ":", "!", ","))


def _is_data(table: HtmlElement) -> bool:
    """Tables within tables, and tables of one column, serve the layout."""
    return next(table.iterdescendants("table"), None) is None and any(
        sum(cell.tag in ("td", "th") for cell in row) > 1 for row in table.iter("tr")
    )


def _cells(row: HtmlElement) -> Iterator[str]:
    for cell in row:
        if cell.tag in ("td", "th"):
            yield _text_of(cell)
            # A cell over several columns stands in the first of them.
            yield from [""] * (
                min(int(cell.get("colspan") or 1), 50) - 1 if (cell.get("colspan") or "").isdigit() else 0
            )


def _named(cell: str, name: str) -> str:
    return f"{name.rstrip(':')}: {cell}" if name else cell


def _text_of(element: HtmlElement) -> str:
    return one_line("".join(_texts(element)))


def _texts(element: HtmlElement) -> Iterator[str]:
    """The text of a heading or a cell. A button counts here: it opens the part below a heading."""
    yield element.text or ""
    for child in element:
        if child.tag == "br":
            yield " "
        elif isinstance(child.tag, str) and (child.tag == "button" or child.tag not in _LEFT_OUT):
            yield from (" ", *_texts(child), " ") if child.tag in _BLOCKS else _texts(child)
        yield child.tail or ""
