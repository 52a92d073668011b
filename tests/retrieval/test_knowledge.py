from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shopllm_rasa.errors import KnowledgeError
from shopllm_rasa.retrieval.knowledge import (
    MAX_PASSAGE_CHARACTERS,
    MAX_SENTENCE_CHARACTERS,
    Passage,
    knowledge_files,
    read_knowledge,
)

WritePage = Callable[..., Path]


@pytest.fixture
def page(tmp_path: Path) -> WritePage:
    """Writes a page, gives its folder."""

    def write(text: str | bytes, name: str = "returns.md") -> Path:
        file = tmp_path / "pages" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text.encode() if isinstance(text, str) else text)
        return tmp_path / "pages"

    return write


def one(folder: Path) -> Passage:
    (passage,) = read_knowledge(folder)
    return passage


class TestPages:
    def test_a_page_with_everything(self, page: WritePage) -> None:
        folder = page(
            "---\ntitle: Returns\nurl: /help/returns\n---\n\n# Returns and refunds\n\nWe are kind.\n\n"
            "## Electronics ##\n\nWithin 30 days. In the box.\n\n### Phones\n\n- Reset it.\n* Sign out\n1. Pack it.\n"
        )
        assert read_knowledge(folder) == [
            Passage("Returns", "", ("We are kind.",), "returns.md", "/help/returns"),
            Passage("Returns", "Electronics", ("Within 30 days.", "In the box."), "returns.md", "/help/returns"),
            Passage(
                "Returns", "Electronics > Phones", ("Reset it.", "Sign out", "Pack it."), "returns.md", "/help/returns"
            ),
        ]

    def test_without_front_matter_the_first_heading_is_the_title(self, page: WritePage) -> None:
        passage = one(page("# Our returns\n\n## Shoes\n\nWithin 60 days.\n"))
        assert (passage.page, passage.section, passage.url) == ("Our returns", "Shoes", None)
        assert passage.source == "Our returns > Shoes"

    def test_a_page_without_heading_is_named_by_its_file(self, page: WritePage) -> None:
        passage = one(page("Within 30 days.\n", "return-policy.md"))
        assert passage == Passage("Return Policy", "", ("Within 30 days.",), "return-policy.md")
        assert passage.source == "Return Policy"

    def test_only_the_heading_that_names_the_page_is_no_section(self, page: WritePage) -> None:
        folder = page("---\ntitle: Handbook\n---\n# Returns\n\nTwo weeks.\n\n# Shipping\n\nThree days.\n")
        assert [passage.source for passage in read_knowledge(folder)] == ["Handbook > Returns", "Handbook > Shipping"]

    def test_pages_of_sub_folders_in_order_and_nothing_else(self, page: WritePage) -> None:
        page("B.", "b.md")
        page("A.", "a.md")
        page("C.", "more/c.md")
        page("<p>D.", "D.HTM")
        page("question,answer\nE?,Yes.", "faq.csv")
        page("No.", ".hidden/a.md")
        page("No.", ".a.md")
        folder = page("No.", "d.txt")
        paths = ["D.HTM", "a.md", "b.md", "faq.csv", "more/c.md"]
        assert [passage.path for passage in read_knowledge(folder)] == paths
        assert [file.relative_to(folder).as_posix() for file in knowledge_files(folder)] == paths

    @pytest.mark.parametrize(
        "text", ["", "\n \n", "# Title\n\n## Section\n", "---\ntitle: Returns\n---\n", "---\ntitle: Returns\n---"]
    )
    def test_pages_without_text_give_nothing(self, page: WritePage, text: str) -> None:
        assert read_knowledge(page(text)) == []

    @pytest.mark.parametrize("ends", ["\n", "\r\n"])
    def test_line_ends_and_byte_order_mark(self, page: WritePage, ends: str) -> None:
        text = "\ufeff---\ntitle: Returns\n---\n## Shoes\n\nWithin\n60 days.\n".replace("\n", ends)
        assert one(page(text)) == Passage("Returns", "Shoes", ("Within 60 days.",), "returns.md")

    def test_empty_front_matter(self, page: WritePage) -> None:
        assert one(page("---\n---\n# Returns\n\nWithin 30 days.\n")).sentences == ("Within 30 days.",)

    @pytest.mark.parametrize("rule", ["---", "***", "___", "- - -", "-----"])
    def test_a_ruled_line_is_no_sentence(self, page: WritePage, rule: str) -> None:
        assert one(page(f"# T\n\nOne.\n\n{rule}\n\nTwo.\n")).sentences == ("One.", "Two.")

    def test_a_page_that_opens_with_a_rule_keeps_its_text(self, page: WritePage) -> None:
        assert one(page("---\n\nWithin 30 days.\n")).sentences == ("Within 30 days.",)


class TestSentences:
    @pytest.mark.parametrize(
        ("text", "sentences"),
        [
            ("One. Two! Three? Four", ["One.", "Two!", "Three?", "Four"]),
            ("Use a card, e.g. Visa. Then pay.", ["Use a card, e.g. Visa.", "Then pay."]),
            ("The best, i.e. Ohmlark. Yes.", ["The best, i.e. Ohmlark.", "Yes."]),
            ("Is it free? No. It costs 5.", ["Is it free?", "No.", "It costs 5."]),
            ("See No. 5. Then call.", ["See No. 5.", "Then call."]),
            ("It takes approx. 3 days. Fine.", ["It takes approx. 3 days.", "Fine."]),
            ("Ask J. Smith. He helps.", ["Ask J. Smith.", "He helps."]),
            ("It costs €4.95. Free above 50.", ["It costs €4.95.", "Free above 50."]),
            ("Open 9.00 to 17.30. Closed on Sunday.", ["Open 9.00 to 17.30.", "Closed on Sunday."]),
            ("Read www.shop.example. Then (maybe) ask.", ["Read www.shop.example.", "Then (maybe) ask."]),
            ('He said no. "Why?" (Because.) 30 days.', ["He said no.", '"Why?" (Because.) 30 days.']),
            ("lower case. goes on. here", ["lower case. goes on. here"]),
        ],
    )
    def test_where_a_sentence_ends(self, page: WritePage, text: str, sentences: list[str]) -> None:
        assert list(one(page(text)).sentences) == sentences

    def test_lines_of_a_paragraph_belong_together(self, page: WritePage) -> None:
        text = "Within\n  thirty\ndays. Not\nlater.\n\nReally.\n- First\n  point\n- Second"
        assert one(page(text)).sentences == ("Within thirty days.", "Not later.", "Really.", "First point", "Second")

    def test_a_list_behind_a_colon_is_one_sentence(self, page: WritePage) -> None:
        text = "We take:\n\n- PayPal\n- Visa and Mastercard.\n\nNo cash."
        first, second = one(page(text)).sentences
        assert "We take: PayPal; Visa and Mastercard" in first
        assert second == "No cash."

    @pytest.mark.parametrize(
        ("text", "plain"),
        [
            ("**Within** *30* `days`, __really__ _so_.", "Within 30 days, really so."),
            ("***Now*** see [our page](https://shop.example/a_b) first.", "Now see our page first."),
            ("Write to first_last_x@shop.example now.", "Write to first_last_x@shop.example now."),
            ("A case of 2*3*4 cm.", "A case of 2*3*4 cm."),
            ("From 5 * 3 to 4 * 2.", "From 5 * 3 to 4 * 2."),
        ],
    )
    def test_markup_goes_and_facts_stay(self, page: WritePage, text: str, plain: str) -> None:
        assert one(page(text)).text == plain

    @pytest.mark.parametrize("text", ["word " * 2_000, "some words, " * 1_000, "x" * 5_000, "One more. " * 900])
    def test_an_endless_sentence_is_parted_and_nothing_is_lost(self, page: WritePage, text: str) -> None:
        passages = read_knowledge(page(f"- {text}"))
        assert "".join(passage.text for passage in passages).replace(" ", "") == text.replace(" ", "")
        for passage in passages:
            assert len(passage.text) <= MAX_PASSAGE_CHARACTERS
            assert all(len(sentence) <= MAX_SENTENCE_CHARACTERS for sentence in passage.sentences)

    def test_a_long_section_becomes_several_passages_of_whole_sentences(self, page: WritePage) -> None:
        sentences = [f"Sentence number {number} says something of its own." for number in range(60)]
        passages = read_knowledge(page("# T\n\n## Long\n\n" + " ".join(sentences)))
        assert len(passages) == 3
        assert [sentence for passage in passages for sentence in passage.sentences] == sentences
        assert {passage.source for passage in passages} == {"T > Long"}
        lengths = [len(passage.text) for passage in passages]
        assert max(lengths) - min(lengths) < 150

    def test_a_long_list_repeats_its_introduction(self, page: WritePage) -> None:
        items = [f"item number {number} of the list" for number in range(60)]
        passages = read_knowledge(page("We take:\n\n" + "\n".join(f"- {item}" for item in items)))
        sentences = [sentence for passage in passages for sentence in passage.sentences]
        assert len(sentences) > 2
        assert all(sentence.startswith("We take: item") for sentence in sentences)
        assert all(any(item in sentence for sentence in sentences) for item in items)


class TestProblems:
    def test_missing_folder(self, tmp_path: Path) -> None:
        with pytest.raises(KnowledgeError) as caught:
            read_knowledge(tmp_path / "nowhere")
        assert str(caught.value) == f"The folder of knowledge pages '{tmp_path / 'nowhere'}' does not exist."

    def test_a_file_is_no_folder(self, page: WritePage) -> None:
        with pytest.raises(KnowledgeError, match="does not exist"):
            read_knowledge(page("Text.") / "returns.md")

    @pytest.mark.parametrize(
        ("content", "byte"), [("Café".encode("latin-1"), 4), ("# T\n".encode("utf-16"), 1), (b"\x89PNG", 1)]
    )
    def test_another_encoding(self, page: WritePage, content: bytes, byte: int) -> None:
        folder = page(content)
        with pytest.raises(KnowledgeError) as caught:
            read_knowledge(folder)
        assert str(caught.value) == f"{folder / 'returns.md'}: byte {byte} is not UTF-8. Save the page as UTF-8."

    @pytest.mark.parametrize(
        "front", ["title: [", "title: a: b", "\ttitle: x", "updated: 2026-02-30", "a: !!python/object:x y"]
    )
    def test_bad_front_matter(self, page: WritePage, front: str) -> None:
        folder = page(f"---\n{front}\n---\n# T\n\nText.\n")
        with pytest.raises(KnowledgeError) as caught:
            read_knowledge(folder)
        assert str(caught.value) == (
            f"{folder / 'returns.md'}: the front matter between the --- lines is not valid YAML."
        )

    def test_a_page_that_is_too_long(self, page: WritePage) -> None:
        folder = page("x" * 1_000_001)
        with pytest.raises(KnowledgeError) as caught:
            read_knowledge(folder)
        assert str(caught.value) == f"{folder / 'returns.md'}: the page has more than 1,000,000 bytes."


def test_the_demo_shop_s_pages(data_dir: Path) -> None:
    passages = read_knowledge(data_dir / "knowledge")
    assert len({passage.path for passage in passages}) == len(list((data_dir / "knowledge").glob("*.md")))
    (electronics,) = [p for p in passages if p.source == "Returns > Returning electronics"]
    assert electronics.sentences[0].startswith("Electronics can be returned within 30 days of delivery")
    assert electronics.url == "/help/returns"


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.text()
    | st.lists(
        st.sampled_from(["---", "# A", "## B", "- c", "d.", "e:", "", "title: x", "**f**", "1. g", "|h|", "_i"]),
        max_size=12,
    ).map("\n".join)
)
def test_any_page_is_read_or_refused(page: WritePage, text: str) -> None:
    folder = page(text.encode("utf-8", "replace"))
    try:
        passages = read_knowledge(folder)
    except KnowledgeError as error:
        assert "returns.md" in str(error)  # noqa: PT017
        return
    for passage in passages:
        assert passage.page
        assert passage.sentences
        assert all(0 < len(sentence) <= MAX_SENTENCE_CHARACTERS for sentence in passage.sentences)
