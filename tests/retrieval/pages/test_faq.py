from collections.abc import Callable
from pathlib import Path

import pytest

from shopllm_rasa.errors import KnowledgeError
from shopllm_rasa.retrieval.knowledge import Passage, passages_of
from shopllm_rasa.retrieval.pages.faq import read_faq

Write = Callable[..., Path]


def passages(file: Path) -> list[Passage]:
    return [passage for page in read_faq(file) for passage in passages_of(page, file.name)]


def test_a_row_is_a_passage(write: Write) -> None:
    file = write(
        "faq.csv",
        "question,answer,category,url,date\n"
        'Can I pay with PayPal?,"Yes. It costs\nnothing, of course.",Payment,/help/payment,2026-11-02\n'
        "Is it free?,Above €50.,,,\n",
    )
    assert passages(file) == [
        Passage(
            "Payment", "Can I pay with PayPal?", ("Yes.", "It costs nothing, of course."), "faq.csv", "/help/payment",
            "2026-11-02",
        ),
        Passage("Faq", "Is it free?", ("Above €50.",), "faq.csv"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "text",
    [
        "Question;Answer\nFree?;Yes.\n",
        "\ufeffQUESTION\tANSWER\r\nFree?\tYes.\r\n",
        "answer|topic| question \nYes.||Free?",
        "\nquestion,answer,views\n\nFree?,Yes.,12\n,,\n",
    ],
)  # fmt: skip
def test_other_ways_to_write_it(write: Write, text: str) -> None:
    (passage,) = passages(write("faq.csv", text))
    assert (passage.section, passage.sentences) == ("Free?", ("Yes.",))


def test_answers_in_html(write: Write) -> None:
    file = write("faq.csv", 'question,answer\nHow?,"<p>Bring <b>back</b>:</p><ul><li>the box</li><li>cables</li></ul>"')
    assert passages(file)[0].sentences == ("Bring back: the box; cables.",)


def test_signs_that_are_no_html(write: Write) -> None:
    assert passages(write("faq.csv", "question,answer\nHow?,If 3 < 5 and 7 > 5."))[0].text == "If 3 < 5 and 7 > 5."


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", ": the file is empty; expected a header with the columns question, answer."),
        ("\n\n", ": the file is empty; expected a header with the columns question, answer."),
        (
            "q,a\nFree?,Yes.",
            ", line 1: the column 'question' is missing. Found: q, a. Known: question, answer, category, url, date.",
        ),
        (
            "question,reply\nFree?,Yes.",
            ", line 1: the column 'answer' is missing. Found: question, reply. "
            "Known: question, answer, category, url, date.",
        ),
        ("question,answer,answer\nFree?,Yes.,No.", ", line 1: there are two columns 'answer'."),
        ("question,answer\nFree?,\n", ", line 2: 'answer' is empty."),
        ('question,answer\nA?,"x\ny"\n ,Yes.\n', ", line 4: 'question' is empty."),
        ("question,answer\nFree?,Yes.,No.\n", ", line 2: 3 cells in this row, but 2 columns in the header."),
        ('question,answer\nFree?,"Yes', ", line 2: this is not valid CSV (unexpected end of data)."),
        ("question,answer,date\nFree?,Yes.,soon\n", ", line 2: 'date' is 'soon'; expected a date such as 2026-11-02."),
        (
            "question,answer,url\nFree?,Yes.,javascript:x\n",
            ", line 2: 'url' is 'javascript:x'; expected an address that begins with https://, http:// or /.",
        ),
        (f"question,answer\nFree?,{'x' * 50_001}\n", ", line 2: 'answer' has more than 50,000 characters."),
    ],
)
def test_problems(write: Write, text: str, told: str) -> None:
    file = write("faq.csv", text)
    with pytest.raises(KnowledgeError) as caught:
        read_faq(file)
    assert str(caught.value) == f"{file}{told}"


def test_another_encoding(write: Write) -> None:
    file = write("faq.csv", "question,answer\nCafé?,Ja".encode("latin-1"))
    with pytest.raises(KnowledgeError, match="byte 20 is not UTF-8"):
        read_faq(file)
