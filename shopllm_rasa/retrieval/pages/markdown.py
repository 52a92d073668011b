"""Reads a markdown page: CommonMark with tables, and front matter."""

import re
from pathlib import Path
from typing import Any

import yaml
from markdown_it import MarkdownIt

from shopllm_rasa.errors import KnowledgeError
from shopllm_rasa.retrieval.pages.html import blocks_of
from shopllm_rasa.retrieval.pages.page import Page, checked_address, checked_date, decode, one_line, read_bytes

MAX_MARKDOWN_BYTES = 1_000_000

_FRONT_MATTER = re.compile(r"\A---[ \t]*\r?\n(.*?)^---[ \t]*(?:\r?\n|\Z)", re.DOTALL | re.MULTILINE)
# "2*3*4 cm" is no emphasis.
_TIMES = re.compile(r"(?<=\d)\*(?=\d)")
_PARSER = MarkdownIt("commonmark").enable("table")


def read_markdown(file: Path) -> list[Page]:
    """Reads a page; `title`, `url` and `updated` or `date` may stand in its front matter.

    Raises:
        KnowledgeError: if it cannot be read or its front matter is wrong.
    """
    text = decode(read_bytes(file, MAX_MARKDOWN_BYTES), file)
    front = _front_matter(text, file)
    where = f"{file}, front matter"
    dated = next((name for name in ("updated", "date") if front.get(name)), "date")
    body = _TIMES.sub(r"\\*", _FRONT_MATTER.sub("", text, count=1))
    return [
        Page(
            one_line(str(front.get("title") or "")),
            blocks_of(_PARSER.render(body)),
            checked_address(front.get("url"), where),
            checked_date(front.get(dated), dated, where),
        )
    ]


def _front_matter(text: str, file: Path) -> dict[str, Any]:
    match = _FRONT_MATTER.match(text)
    if not match:
        return {}
    try:
        values = yaml.safe_load(match.group(1))
    except (yaml.YAMLError, ValueError):  # ValueError: a date that does not exist
        raise KnowledgeError(f"{file}: the front matter between the --- lines is not valid YAML.") from None
    return values if isinstance(values, dict) else {}
