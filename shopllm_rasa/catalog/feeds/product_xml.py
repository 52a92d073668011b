"""Items of an RSS or Atom feed with Google's elements, one at a time, from XML that is not trusted."""

import re
from collections import deque
from collections.abc import Iterator
from typing import Any
from xml.sax import SAXException, SAXParseException, handler

import defusedxml.sax
from defusedxml import DefusedXmlException

from shopllm_rasa.catalog.feeds.records import BadRowError
from shopllm_rasa.catalog.feeds.source import MAX_LINE_CHARACTERS, Feed
from shopllm_rasa.errors import CatalogError

GOOGLE = "http://base.google.com/ns/1.0"
ATOM = "http://www.w3.org/2005/Atom"

MAX_FIELDS = 1_000

_CHUNK = 1 << 16
_ITEMS = {(None, "item"), (ATOM, "entry"), (None, "entry"), ("http://purl.org/rss/1.0/", "item")}
_OF_RSS = frozenset({"title", "link", "description", "summary", "content", "id", "guid"})
_INSTEAD = {"summary": "description", "content": "description", "guid": "id"}

Item = dict[str, list[str]]


def read_items(feed: Feed) -> Iterator[tuple[int, Item | BadRowError]]:
    """The items of a feed: the line each begins in, and its texts by name.

    A field in Google's namespace goes before one of the same name that RSS or Atom has. What a nested field has,
    such as the price of a `g:shipping`, is left out, except for `g:product_detail`, which becomes `section:name:value`.

    Raises:
        CatalogError: if this is no XML, or XML that declares entities or refers to other files.
    """
    collector = _Collector()
    parser = defusedxml.sax.make_parser()
    parser.setFeature(handler.feature_namespaces, True)
    parser.setContentHandler(collector)
    collector.setDocumentLocator(parser)  # which the parser itself does only for whole files
    with feed.binary(progress=True) as stream:
        try:
            while True:
                chunk = stream.read(_CHUNK)
                if chunk:
                    parser.feed(chunk)
                else:
                    parser.close()
                while collector.done:
                    yield collector.done.popleft()
                if not chunk:
                    return
        except DefusedXmlException:
            reason = "the XML declares entities or refers to other files, which is not read for safety"
            raise CatalogError(f"{feed.path}: {reason}. Save it without a DOCTYPE.") from None
        except SAXParseException as error:
            where = f"{feed.path}, line {error.getLineNumber()}"
            raise CatalogError(f"{where}: this is not valid XML ({error.getMessage()}).") from None
        except (SAXException, ValueError, LookupError) as error:  # an encoding that does not exist
            raise CatalogError(f"{feed.path}: this is not valid XML ({error}).") from None


class _Collector(handler.ContentHandler):
    """Gathers finished items; holds no more than the one that is being read and those of one chunk."""

    def __init__(self) -> None:
        super().__init__()
        self._locator: Any
        self.done: deque[tuple[int, Item | BadRowError]] = deque()
        self._line = 0
        self._depth = 0
        self._path: list[str] = []
        self._texts: list[str] = []
        self._characters = 0
        self._fields: dict[str, list[str]] | None = None
        self._plain: dict[str, list[str]] = {}
        self._detail: dict[str, str] = {}
        self._count = 0
        self._problem: BadRowError | None = None
        self._of_google = False

    def startElementNS(self, name: Any, qname: str | None, attrs: Any) -> None:
        if self._fields is None:
            if tuple(name) in _ITEMS:
                self._line = self._locator.getLineNumber()
                self._fields, self._plain, self._path, self._problem = {}, {}, [], None
                self._characters = self._count = 0
            return
        self._path.append(name[1])
        if len(self._path) == 1:
            self._texts, self._detail = [], {}
            self._of_google = name[0] == GOOGLE
            link = attrs.get((None, "href")) if name[1] == "link" else None
            if link and attrs.get((None, "rel"), "alternate") == "alternate":
                self._texts.append(link)
        elif len(self._path) == 2 and self._path[0] == "product_detail":
            self._texts = []

    def characters(self, content: str) -> None:
        if self._fields is None or not self._path:
            return
        self._characters += len(content)
        if self._characters > MAX_LINE_CHARACTERS:
            limit = f"the item has more than the {MAX_LINE_CHARACTERS:,} characters that are allowed"
            self._problem = BadRowError(limit, "too long")
        elif len(self._path) == 1 or self._path[0] == "product_detail":
            self._texts.append(content)

    def endElementNS(self, name: Any, qname: str | None) -> None:
        if self._fields is None:
            return
        if not self._path:
            self._end_item()
            return
        depth, field = len(self._path), self._path[0]
        self._path.pop()
        if depth == 2 and field == "product_detail":
            self._detail[name[1]] = "".join(self._texts).strip()
        elif depth == 1:
            self._end_field(field)

    def _end_field(self, field: str) -> None:
        text = "".join(self._texts).strip()
        self._texts = []
        if self._detail:
            parts = (self._detail.get(name, "") for name in ("section_name", "attribute_name", "attribute_value"))
            text = ":".join(re.sub(r"\s+", " ", part.replace(":", " ")) for part in parts)
        self._count += 1
        if self._count > MAX_FIELDS:
            self._problem = BadRowError(
                f"the item has more than the {MAX_FIELDS:,} fields that are allowed", "too long"
            )
        elif text and self._of_google:
            assert self._fields is not None  # noqa: S101 - for the type checker
            self._fields.setdefault(field, []).append(text)
        elif text and field in _OF_RSS:
            self._plain.setdefault(_INSTEAD.get(field, field), []).append(text)

    def _end_item(self) -> None:
        fields = {**self._plain, **(self._fields or {})}
        self.done.append((self._line, self._problem or fields))
        self._fields = None
