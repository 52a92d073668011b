"""Cuts the shop's pages into passages that can be cited."""

import logging
import os
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from shopllm_rasa.errors import KnowledgeError
from shopllm_rasa.instructions import before_instructions, speaks_to_a_model
from shopllm_rasa.retrieval.pages.page import Block, Page

logger = logging.getLogger(__name__)

MAX_SENTENCE_CHARACTERS = 600
# A longer section becomes several passages: what a passage says must fit a prompt, and be about one thing.
MAX_PASSAGE_CHARACTERS = 1_200
MAX_HEADING_CHARACTERS = 200
MAX_FILES = 20_000
MAX_PASSAGES = 200_000

# A sentence ends at . ! or ? before a space and a capital, but not behind an abbreviation or an initial.
_SENTENCE_END = re.compile(
    r"(?<!\be\.g\.)(?<!\bi\.e\.)(?<!\bNo\.(?=\s\d))(?<!\bapprox\.)(?<!\b[A-Z]\.)(?<!\b(?:Mr|Dr|St|vs)\.)(?<!\bMrs\.)"
    r"(?<=[.!?])\s+(?=[A-Z0-9\"“'(¿¡À-ÖØ-Þ])"
)


@dataclass(frozen=True)
class Passage:
    """A section of a page, or a part of a long one.

    Attributes:
        page: the page's title.
        section: the section's heading, behind those it stands under ("Returns > Phones"); an empty string for text
            before the first one.
        sentences: the section's text, a sentence, list item or table row each.
        path: the file, relative to the folder of pages.
        url: the page's address, where the file names one.
        date: when the page was last changed, ISO 8601, where the file says so.
    """

    page: str
    section: str
    sentences: tuple[str, ...]
    path: str
    url: str | None = None
    date: str | None = None

    @property
    def text(self) -> str:
        """The section's text."""
        return " ".join(self.sentences)

    @property
    def source(self) -> str:
        """How the passage is cited: `Returns > Electronics`."""
        return f"{self.page} > {self.section}" if self.section else self.page


def _markdown(file: Path) -> list[Page]:
    from shopllm_rasa.retrieval.pages.markdown import read_markdown

    return read_markdown(file)


def _html(file: Path) -> list[Page]:
    from shopllm_rasa.retrieval.pages.html import read_html

    return read_html(file)


def _pdf(file: Path) -> list[Page]:
    from shopllm_rasa.retrieval.pages.pdf import read_pdf

    return read_pdf(file)


def _faq(file: Path) -> list[Page]:
    from shopllm_rasa.retrieval.pages.faq import read_faq

    return read_faq(file)


# The readers are imported when a file needs them: search needs none. A new kind of file is a module and a line.
READERS: dict[str, Callable[[Path], list[Page]]] = {
    ".md": _markdown, ".markdown": _markdown, ".html": _html, ".htm": _html, ".pdf": _pdf, ".csv": _faq,
}  # fmt: skip


def knowledge_files(folder: str | Path) -> list[Path]:
    """The pages below a folder, in the order of their names; hidden files and other kinds are passed over.

    Raises:
        KnowledgeError: if there is no such folder, or far more pages than a shop has.
    """
    root = Path(folder)
    if not root.is_dir():
        raise KnowledgeError(f"The folder of knowledge pages '{root}' does not exist.")
    found: list[Path] = []
    for place, folders, names in os.walk(root):
        folders[:] = [name for name in folders if not name.startswith(".")]
        found += [Path(place, name) for name in names if not name.startswith(".") and _reader(Path(name))]
        if len(found) > MAX_FILES:
            raise KnowledgeError(f"The folder of knowledge pages '{root}' has more than {MAX_FILES:,} pages.")
    return sorted(found)


def read_knowledge(folder: str | Path) -> list[Passage]:
    """Reads all pages below a folder: markdown, HTML, PDF, and CSV with questions and answers.

    The title of a page is the one its file names (front matter, metadata), else its first heading, else the file's
    name.

    Returns:
        The passages, pages in order of their file names.

    Raises:
        KnowledgeError: if the folder or a page cannot be read.
    """
    root = Path(folder)
    passages: list[Passage] = []
    for file in knowledge_files(root):
        read = _reader(file)
        assert read is not None  # noqa: S101 - knowledge_files gives no others
        for page in read(file):
            passages += passages_of(page, file.relative_to(root).as_posix())
        if len(passages) > MAX_PASSAGES:
            raise KnowledgeError(f"{file}: with this page there are more than {MAX_PASSAGES:,} passages.")
    return passages


def _reader(file: Path) -> Callable[[Path], list[Page]] | None:
    return READERS.get(file.suffix.casefold())


def passages_of(page: Page, path: str) -> Iterator[Passage]:
    """Cuts a page at its headings, and sections of many words between sentences.

    Args:
        page: what a reader made of a file.
        path: how the file is cited.
    """
    heading = _title_heading(page)
    title = _short(page.title or (heading.text if heading else "") or _name_of(path))
    left_out = 0
    for trail, blocks in _sections(page.blocks):
        named = [part.text for part in trail if part is not heading and not speaks_to_a_model(part.text)]
        said = list(_sentences(blocks))
        kept = before_instructions(said)
        left_out += len(said) - len(kept)
        section = " > ".join(map(_short, named))
        for sentences in _bounded(kept):
            yield Passage(title, section, sentences, path, page.url, page.date)
    if left_out:
        logger.warning(
            "%s: %d sentences are left out, for they speak to a language model or follow one that does.", path, left_out
        )


def _title_heading(page: Page) -> Block | None:
    """The heading that is the page's title: its only one of the first level, or the first where nothing else is."""
    widest = [block for block in page.blocks if block.kind == "heading" and block.level == 1]
    return widest[0] if widest and (len(widest) == 1 or page.title in ("", widest[0].text)) else None


def _sections(blocks: Sequence[Block]) -> Iterator[tuple[list[Block], list[Block]]]:
    """The headings a section stands under, itself the last, and what it holds."""
    trail: list[Block] = []
    held: list[Block] = []
    for block in blocks:
        if block.kind == "heading":
            yield trail, held
            trail = [heading for heading in trail if heading.level < block.level] + [block]
            held = []
        else:
            held.append(block)
    yield trail, held


def _bounded(sentences: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """Parts sentences into runs of at most `MAX_PASSAGE_CHARACTERS` and of about the same length."""
    if not sentences:
        return
    total = sum(len(sentence) + 1 for sentence in sentences)
    fair = total / -(-total // MAX_PASSAGE_CHARACTERS)
    run: list[str] = []
    length = 0
    for sentence in sentences:
        if run and (length >= fair or length + len(sentence) > MAX_PASSAGE_CHARACTERS):
            yield tuple(run)
            run, length = [], 0
        run.append(sentence)
        length += len(sentence) + 1
    yield tuple(run)


def _sentences(blocks: Sequence[Block]) -> Iterator[str]:
    """Cuts paragraphs at sentence ends; list items and table rows stay whole.

    What introduces a list or a table by a colon stands before each of its parts: "PayPal" alone would say nothing
    when it is quoted. Items of one list share a sentence while they fit.
    """
    introduction = ""
    depth = 0
    items: list[str] = []
    for block in blocks:
        if introduction and block.kind == "item" and block.level > depth:
            if items and len(_listed(introduction, [*items, block.text])) > MAX_SENTENCE_CHARACTERS:
                yield from _pieces(_listed(introduction, items))
                items = []
            items.append(block.text)
            continue
        if introduction and block.kind == "row":
            yield from _pieces(f"{introduction} {block.text}{'' if block.text.endswith('.') else '.'}")
            items = [""]  # the introduction is told
            continue
        if introduction:
            yield from _pieces(_listed(introduction, items)) if items != [""] else ()
            introduction, items = "", []
        sentences = [block.text] if block.kind in ("item", "row") else _SENTENCE_END.split(block.text)
        if sentences[-1].endswith(":"):
            introduction, depth = sentences.pop(), block.level
        for sentence in sentences:
            yield from _pieces(sentence)
    if introduction and items != [""]:
        yield from _pieces(_listed(introduction, items))


def _listed(introduction: str, items: Sequence[str]) -> str:
    text = introduction
    for item in items:
        text += f"{' ' if text.endswith(':') else '; '}{item if item.endswith(':') else item.rstrip('.;,')}"
    return f"{text.rstrip(':')}."


def _pieces(sentence: str) -> Iterator[str]:
    """A sentence, in pieces where it is endless: at a sentence end inside it, else at a comma, else at a space."""
    rest = sentence.strip()
    while len(rest) > MAX_SENTENCE_CHARACTERS:
        head = rest[: MAX_SENTENCE_CHARACTERS + 1]
        ends = [match.start() for match in _SENTENCE_END.finditer(head)]
        commas = [match.end() for match in re.finditer(r"[;,]\s", head)]
        place = max((ends or commas or [0])[-1], head.rfind(" ") if not (ends or commas) else 0)
        place = place or MAX_SENTENCE_CHARACTERS
        yield rest[:place].strip()
        rest = rest[place:].strip()
    if rest:
        yield rest


def _short(heading: str) -> str:
    return heading if len(heading) <= MAX_HEADING_CHARACTERS else f"{heading[: MAX_HEADING_CHARACTERS - 1].rstrip()}…"


def _name_of(path: str) -> str:
    return Path(path).stem.replace("-", " ").replace("_", " ").strip().title() or path
