"""Text of HTML, as descriptions in shop systems hold it."""

import html
import re

from lxml import etree
from lxml import html as lxml_html

_TAG = r"<(?:/?[a-zA-Z][\w:-]*(?:\s[^<>]*)?/?|!--[^<]*--|![a-zA-Z][^<>]*)>"
_MARKUP = re.compile(rf"{_TAG}|&(?:[a-zA-Z][a-zA-Z0-9]{{1,30}}|#\d{{1,7}}|#[xX][0-9a-fA-F]{{1,6}});")
_STRAY = re.compile(rf"<(?!{_TAG[1:]})")
_DROPPED = frozenset({"script", "style", "head", "noscript", "iframe", "object", "svg", "template", "title"})
_HEADINGS = frozenset({"h1", "h2", "h3", "h4", "h5", "h6", "dt", "th"})
_BLOCKS = _HEADINGS | {"address", "article", "blockquote", "caption", "dd", "div", "dl", "figcaption", "figure",
                       "footer", "header", "hr", "li", "main", "nav", "ol", "p", "pre", "section", "table", "td",
                       "tr", "ul"}  # fmt: skip
_ENDS = (".", "!", "?", ":", ";", ",", "…", "-", "–")


def has_markup(text: str) -> bool:
    """Whether a text has tags or entities. A bare `<`, as in "< 5 kg", is none."""
    return ("<" in text or "&" in text) and bool(_MARKUP.search(text))


def html_to_text(text: str) -> str:
    """The readable text of HTML in one line; a text without markup stays as it is.

    Scripts, styles and comments are dropped, entities resolved. A heading ends with a colon, each other block (a
    paragraph, a list item, a table cell) as a sentence does, so that blocks do not run into each other.

    Example:
        >>> html_to_text("<h3>Features</h3><ul><li>Light</li><li>Waterproof</li></ul>")
        'Features: Light. Waterproof.'
    """
    if not has_markup(text):
        return text
    if "<" not in text:
        return html.unescape(text)
    stray_free = _STRAY.sub("&lt;", text).replace("\x00", "")
    try:
        root = lxml_html.fragment_fromstring(stray_free, create_parent="div")
    except (etree.ParserError, ValueError):  # a comment alone; characters that XML does not know
        return html.unescape(re.sub(_TAG, " ", stray_free))
    return _blocks_of(root)


def _blocks_of(root: "etree._Element") -> str:
    blocks: list[str] = []
    words: list[str] = []

    def end_block(heading: bool) -> None:
        block = " ".join("".join(words).split())
        words.clear()
        if block:
            blocks.append(block if block.endswith(_ENDS) else f"{block}:" if heading else f"{block}.")

    dropped = 0
    for event, element in etree.iterwalk(root, events=("start", "end", "comment", "pi")):
        tag = element.tag if isinstance(element.tag, str) and element is not root else ""
        if event == "start":
            dropped += tag in _DROPPED
            if tag in _BLOCKS and not dropped:
                end_block(heading=False)
            elif tag == "br":
                words.append(" ")
            if not dropped:
                words.append(element.text or "")
            continue
        if event == "end":
            if tag in _BLOCKS and not dropped:
                end_block(heading=tag in _HEADINGS)
            dropped -= tag in _DROPPED
        if not dropped and element is not root:
            words.append(element.tail or "")
    if not blocks:
        return " ".join("".join(words).split())
    end_block(heading=False)
    return " ".join(blocks)
