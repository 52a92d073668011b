import datetime
from collections.abc import Callable
from pathlib import Path

import pytest
from fpdf import FPDF
from fpdf.enums import XPos, YPos

from shopllm_rasa.errors import KnowledgeError
from shopllm_rasa.retrieval.knowledge import Passage, passages_of
from shopllm_rasa.retrieval.pages import pdf as pdf_reader
from shopllm_rasa.retrieval.pages.pdf import read_pdf

Write = Callable[..., Path]


class Handbook(FPDF):
    """A document with a running title and page numbers."""

    def header(self) -> None:
        self.text_line("My shop's handbook", 8)

    def footer(self) -> None:
        self.set_y(-15)
        self.text_line(f"Page {self.page_no()} of 3", 8)

    def text_line(self, text: str, size: float, style: str = "") -> None:
        self.set_font("Helvetica", style, size)
        self.multi_cell(0, size * 0.5, text, new_x=XPos.LMARGIN, new_y=YPos.NEXT)


TEXT = (
    "Electronics can be returned within 30 days of delivery. They must come back in the original box with all cables, "
    "chargers and manuals. Phones and tablets must be reset to factory settings before they are returned."
)


@pytest.fixture
def handbook(tmp_path: Path) -> Path:
    document = Handbook()
    document.set_title("Handbook")
    document.set_creation_date(datetime.datetime(2026, 9, 1, tzinfo=datetime.timezone.utc))
    for chapter in ("Returns", "Shipping", "Warranty"):
        document.add_page()
        document.text_line(chapter, 20)
        document.text_line(f"{chapter} of electronics", 14)
        document.text_line(TEXT, 11)
        document.ln(4)
        document.text_line("Small print", 11, "B")
        document.text_line("Bring these:\n- the box\n- the cables", 11)
        document.ln(4)
        document.text_line(
            "The return label is valid for twenty-\none days and arrives by e-\nmail in a sepa-\nrate letter", 11
        )
    file = tmp_path / "handbook.pdf"
    document.output(str(file))
    return file


def passages(file: Path) -> list[Passage]:
    (page,) = read_pdf(file)
    return list(passages_of(page, file.name))


def test_headings_by_size_and_weight(handbook: Path) -> None:
    found = passages(handbook)
    assert [(item.page, item.section) for item in found[:3]] == [
        ("Handbook", "Returns > Returns of electronics"),
        ("Handbook", "Returns > Returns of electronics > Small print"),
        ("Handbook", "Shipping > Shipping of electronics"),
    ]
    assert found[0].text == TEXT
    assert found[0].date == "2026-09-01"


def test_lists_and_words_parted_at_the_line_s_end(handbook: Path) -> None:
    assert passages(handbook)[1].sentences[0] == "Bring these: the box; the cables."
    assert passages(handbook)[1].sentences[1].startswith("The return label is valid for twenty-one days")
    assert "in a separate letter" in passages(handbook)[1].text


def test_running_titles_and_page_numbers_are_left_out(handbook: Path) -> None:
    told = " ".join(item.source + item.text for item in passages(handbook))
    assert "handbook" not in told
    assert "Page" not in told


def test_a_sentence_goes_on_on_the_next_page(tmp_path: Path) -> None:
    document = FPDF()
    for text in ("It takes two days and is", "free of charge. Really."):
        document.add_page()
        document.set_font("Helvetica", size=11)
        document.multi_cell(0, 6, text)
    document.output(str(tmp_path / "a.pdf"))
    (passage,) = passages(tmp_path / "a.pdf")
    assert passage.sentences == ("It takes two days and is free of charge.", "Really.")
    assert (passage.page, passage.section) == ("A", "")


def test_bookmarks_are_headings_although_they_look_like_text(tmp_path: Path) -> None:
    document = FPDF()
    document.add_page()
    document.set_font("Helvetica", size=11)
    for title in ("Returns", "Shipping"):
        document.start_section(title)
        document.cell(0, 8, title, new_x=XPos.LMARGIN, new_y=YPos.NEXT)
        document.ln(6)
        document.multi_cell(0, 6, TEXT, new_x=XPos.LMARGIN, new_y=YPos.NEXT)
        document.ln(6)
    document.output(str(tmp_path / "a.pdf"))
    assert [item.section for item in passages(tmp_path / "a.pdf")] == ["Returns", "Shipping"]


class TestProblems:
    def problem(self, file: Path) -> str:
        with pytest.raises(KnowledgeError) as caught:
            read_pdf(file)
        assert str(caught.value).startswith(f"{file}: ")
        return str(caught.value).removeprefix(f"{file}: ")

    def encrypted(self, file: Path, **passwords: str) -> Path:
        document = FPDF()
        document.add_page()
        document.set_font("Helvetica", size=12)
        document.cell(0, 10, "Text.")
        document.set_encryption(owner_password="owner", **passwords)
        document.output(str(file))
        return file

    def test_a_password(self, tmp_path: Path) -> None:
        file = self.encrypted(tmp_path / "a.pdf", user_password="user")
        assert self.problem(file) == "the PDF is protected by a password. Save it without one."

    def test_one_that_only_restricts_printing_is_read(self, tmp_path: Path) -> None:
        assert passages(self.encrypted(tmp_path / "a.pdf"))[0].text == "Text."

    @pytest.mark.parametrize("content", [b"", b"hello", b"<html>"])
    def test_no_pdf(self, write: Write, content: bytes) -> None:
        assert self.problem(write("a.pdf", content)) == "this is no PDF, although its name says so."

    @pytest.mark.parametrize("cut", [20, 700, 2_000])
    def test_a_damaged_one(self, handbook: Path, write: Write, cut: int) -> None:
        assert "the PDF is damaged (" in self.problem(write("a.pdf", handbook.read_bytes()[:cut]))

    def test_pictures_alone(self, tmp_path: Path) -> None:
        document = FPDF()
        document.add_page()
        document.rect(10, 10, 50, 50)
        document.output(str(tmp_path / "a.pdf"))
        assert "has no text, perhaps only scanned pictures" in self.problem(tmp_path / "a.pdf")

    @pytest.mark.parametrize(
        ("limit", "value", "told"),
        [("MAX_PDF_PAGES", 2, "more than 2 pages"), ("MAX_PDF_CHARACTERS", 100, "more than 100 characters"),
         ("MAX_PDF_BYTES", 999, "more than 999 bytes")],
    )  # fmt: skip
    def test_too_much(self, handbook: Path, monkeypatch: pytest.MonkeyPatch, limit: str, value: int, told: str) -> None:
        monkeypatch.setattr(pdf_reader, limit, value)
        assert told in self.problem(handbook)
