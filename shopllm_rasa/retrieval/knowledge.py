"""Cuts the shop's markdown pages into passages that can be cited."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml

from shopllm_rasa.errors import KnowledgeError

MAX_PAGE_BYTES = 1_000_000
MAX_SENTENCE_CHARACTERS = 600

_HEADING = re.compile(r"^(#{1,6})\s+(.*?)\s*#*$")
_FRONT_MATTER = re.compile(r"\A---[ \t]*\r?\n(.*?)^---[ \t]*(?:\r?\n|\Z)", re.DOTALL | re.MULTILINE)
_RULE = re.compile(r"^\s*([-*_])(?:\s*\1){2,}\s*$")
_BULLET = re.compile(r"^\s*(?:[-*+]|\d+[.)])\s+")
# A sentence ends at . ! or ? before a space and a capital, but not behind an abbreviation or an initial.
_SENTENCE_END = re.compile(
    r"(?<!\be\.g\.)(?<!\bi\.e\.)(?<!\bNo\.(?=\s\d))(?<!\bapprox\.)(?<!\b[A-Z]\.)(?<=[.!?])\s+(?=[A-Z0-9\"“'(])"
)
# Signs inside a word are no markup: first_last@shop.example, 2*3.
_MARKUP = re.compile(r"(?<!\w)(\*{1,3}|_{1,3}|`{1,3})(?=\S)(.+?)(?<=\S)\1(?!\w)")


@dataclass(frozen=True)
class Passage:
    """A section of a page.

    Attributes:
        page: the page's title.
        section: the section's heading; an empty string for text before the first one.
        sentences: the section's text, a sentence or bullet each.
        path: the file, relative to the folder of pages.
        url: the page's address, where its front matter gives one.
    """

    page: str
    section: str
    sentences: tuple[str, ...]
    path: str
    url: str | None = None

    @property
    def text(self) -> str:
        """The section's text."""
        return " ".join(self.sentences)

    @property
    def source(self) -> str:
        """How the passage is cited: `Returns > Electronics`."""
        return f"{self.page} > {self.section}" if self.section else self.page


def read_knowledge(folder: str | Path) -> list[Passage]:
    """Reads all markdown pages below a folder.

    A page may open with front matter that has `title` and `url`; else its first heading is its title.

    Returns:
        The passages, pages in order of their file names.

    Raises:
        KnowledgeError: if the folder or a page cannot be read.
    """
    root = Path(folder)
    if not root.is_dir():
        raise KnowledgeError(f"The folder of knowledge pages '{root}' does not exist.")
    return [
        passage
        for file in sorted(root.rglob("*.md"))
        for passage in _read_page(file, file.relative_to(root).as_posix())
    ]


def _read_page(file: Path, path: str) -> Iterator[Passage]:
    if file.stat().st_size > MAX_PAGE_BYTES:
        raise KnowledgeError(f"{file}: the page has more than {MAX_PAGE_BYTES:,} bytes.")
    try:
        text = file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise KnowledgeError(f"{file}: byte {error.start + 1} is not UTF-8. Save the page as UTF-8.") from None
    front = _front_matter(text, file)
    body = _FRONT_MATTER.sub("", text, count=1)
    title = str(front.get("title") or "")
    url = str(front["url"]) if front.get("url") else None
    for heading, lines in _sections(body):
        level, name = heading
        if level == 1:
            title = title or name
            name = ""
        sentences = tuple(_sentences(lines))
        if sentences:
            yield Passage(title or file.stem.replace("-", " ").title(), name, sentences, path, url)


def _front_matter(text: str, file: Path) -> dict[str, object]:
    match = _FRONT_MATTER.match(text)
    if not match:
        return {}
    try:
        values = yaml.safe_load(match.group(1))
    except (yaml.YAMLError, ValueError):  # ValueError: a date that does not exist
        raise KnowledgeError(f"{file}: the front matter between the --- lines is not valid YAML.") from None
    return values if isinstance(values, dict) else {}


def _sections(body: str) -> Iterator[tuple[tuple[int, str], list[str]]]:
    heading = (1, "")
    lines: list[str] = []
    for line in body.splitlines():
        match = _HEADING.match(line)
        if match:
            yield heading, lines
            heading, lines = (len(match.group(1)), match.group(2)), []
        else:
            lines.append(line)
    yield heading, lines


def _sentences(lines: list[str]) -> Iterator[str]:
    """Cuts paragraphs at sentence ends; bullets stay whole.

    A list that is introduced by a colon becomes one sentence with its introduction: "PayPal" alone would
    say nothing when it is quoted.
    """
    introduction = ""
    for is_bullet, block in _blocks(lines):
        if is_bullet and introduction:
            joined = f"{introduction}{'' if introduction.endswith(':') else ';'} {block.rstrip('.;,')}"
            if len(joined) <= MAX_SENTENCE_CHARACTERS:
                introduction = joined
                continue
        if introduction:
            yield f"{introduction.rstrip(':')}."
            introduction = ""
        sentences = list(_cut(block))
        if not is_bullet and sentences and sentences[-1].endswith(":"):
            introduction = sentences.pop()
        yield from sentences
    if introduction:
        yield f"{introduction.rstrip(':')}."


def _blocks(lines: list[str]) -> Iterator[tuple[bool, str]]:
    """Paragraphs and bullets, each with its lines joined, and whether it is a bullet."""
    block: list[str] = []
    is_bullet = False
    for line in [*("" if _RULE.match(line) else line for line in lines), ""]:
        bullet = _BULLET.match(line)
        if block and (bullet or not line.strip()):
            yield is_bullet, " ".join(block)
            block = []
        if bullet:
            is_bullet, block = True, [line[bullet.end() :].strip()]
        elif line.strip():
            is_bullet = is_bullet if block else False
            block.append(line.strip())


def _cut(paragraph: str) -> Iterator[str]:
    plain = _MARKUP.sub(r"\2", paragraph)
    plain = re.sub(r"\[([^\]]+)\]\([^)]*\)", r"\1", plain)
    for sentence in _SENTENCE_END.split(plain):
        if sentence.strip():
            yield sentence.strip()[:MAX_SENTENCE_CHARACTERS]
