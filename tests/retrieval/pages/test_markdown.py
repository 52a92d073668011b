from collections.abc import Callable
from pathlib import Path

import pytest

from shopllm_rasa.errors import KnowledgeError
from shopllm_rasa.retrieval.knowledge import passages_of
from shopllm_rasa.retrieval.pages.markdown import read_markdown

Write = Callable[..., Path]


def told(file: Path) -> dict[str, tuple[str, ...]]:
    (page,) = read_markdown(file)
    return {passage.section: passage.sentences for passage in passages_of(page, file.name)}


def test_front_matter(write: Write) -> None:
    (page,) = read_markdown(write("a.md", "---\ntitle: Returns\nurl: /returns\nupdated: 2026-10-26\n---\nText.\n"))
    assert (page.title, page.url, page.date) == ("Returns", "/returns", "2026-10-26")


def test_a_table_names_its_columns(write: Write) -> None:
    text = (
        "## Shipping\n\nTo other countries:\n\n| Country | Price |\n|---|--:|\n| Spain | **€8.95** |\n| UK | €7.95 |\n"
    )
    assert told(write("a.md", text)) == {
        "Shipping": (
            "To other countries: Country: Spain; Price: €8.95.", "To other countries: Country: UK; Price: €7.95.",
        )
    }  # fmt: skip


def test_nested_lists_and_headings_with_underlines(write: Write) -> None:
    text = "Returns\n=======\n\nShoes\n-----\n\nBring:\n\n1. the box:\n   - lid\n2. labels\n\n> A quote.\n\n    code\n"
    assert told(write("a.md", text)) == {"Shoes": ("Bring: the box: lid; labels.", "A quote.", "code")}


def test_html_in_a_page_is_no_code(write: Write) -> None:
    text = "Text <b>in</b> bold.\n\n<script>alert('x')</script>\n\n<!-- a note -->\n\n<p>More.</p>\n"
    assert told(write("a.md", text)) == {"": ("Text in bold.", "More.")}


@pytest.mark.parametrize(
    ("front", "problem"),
    [
        ("url: javascript:alert(1)", "'url' is 'javascript:alert(1)'; expected an address that begins with https://"),
        ("updated: last week", "'updated' is 'last week'; expected a date such as 2026-11-02."),
    ],
)
def test_front_matter_that_cannot_be_cited(write: Write, front: str, problem: str) -> None:
    file = write("a.md", f"---\n{front}\n---\nText.\n")
    with pytest.raises(KnowledgeError) as caught:
        read_markdown(file)
    assert str(caught.value).startswith(f"{file}, front matter: {problem}")
