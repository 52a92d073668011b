import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shopllm_rasa.generation.privacy import redact


@pytest.mark.parametrize(
    ("secret", "kind"),
    [
        ("jane.doe+shop@mail.example.com", "EMAIL"),
        ("josé@example.com", "EMAIL"),
        ("müller@schöner-laden.de", "EMAIL"),
        ("4111111111111111", "CARD"),
        ("4111 1111 1111 1111", "CARD"),
        ("4111-1111-1111-1111", "CARD"),
        ("4111  1111  1111  1111", "CARD"),
        ("4111.1111.1111.1111", "CARD"),
        ("IE29AIBK93115212345678", "IBAN"),
        ("IE29 AIBK 9311 5212 3456 78", "IBAN"),
        ("DE89 3704 0044 0532 0130 00", "IBAN"),
        ("JV-17267", "ORDER"),
        ("jv17267", "ORDER"),
        ("#172670", "ORDER"),
        ("+353 85 123 4567", "PHONE"),
        ("+353 (0)85 123 4567", "PHONE"),
        ("085-123-4567", "PHONE"),
        ("030.1234567", "PHONE"),
        ("17267", "NUMBER"),
    ],
)
@pytest.mark.parametrize("frame", ["{}", "I am {}, thanks", "({})", "my:{}!"])
def test_personal_data_becomes_a_placeholder(secret: str, kind: str, frame: str) -> None:
    redacted = redact(frame.format(secret))
    assert redacted.text == frame.format(f"[{kind}_1]")
    assert redacted.originals == {f"[{kind}_1]": secret}
    assert redacted.restore(f"About [{kind}_1]: yes.") == f"About {secret}: yes."


@pytest.mark.parametrize(
    "text",
    [
        "",
        "How long can I return shoes?",
        "2 kettles under 49.99 euros",
        "size 42, within 30 days",
        "the Drift 2 at 17:30",
        "1,299.00 €",
    ],
)
def test_ordinary_text_stays(text: str) -> None:
    assert redact(text).text == text
    assert redact(text).originals == {}


def test_the_same_value_has_the_same_placeholder() -> None:
    redacted = redact("a@b.ie and c@d.ie and a@b.ie, order JV-17267")
    assert redacted.text == "[EMAIL_1] and [EMAIL_2] and [EMAIL_1], order [ORDER_1]"


def test_a_number_glued_to_a_word_is_replaced_too() -> None:
    assert "4111111111111111" not in redact("card4111111111111111").text
    assert "1234567" not in redact("tel0851234567x").text


def test_what_looks_like_a_placeholder_is_not_taken_for_one() -> None:
    redacted = redact("Is [EMAIL_1] yours? Mine is a@b.ie")
    assert redacted.text == "Is [EMAIL_1] yours? Mine is [EMAIL_2]"
    assert redacted.restore("[EMAIL_1], [EMAIL_2]") == "[EMAIL_1], a@b.ie"


def test_a_placeholder_that_was_never_given_stays() -> None:
    assert redact("hello").restore("[EMAIL_1]") == "[EMAIL_1]"


PIECES = """
a@b.ie jane.doe@mail.example.com JV-17267 #172670 +353 85 123 4567 4111 1111 [EMAIL_1] [NUMBER_1] IE29 AIBK 9311 5212
3456 78 hello 17267 ( ) . - é@x.yz 0
"""
pieces = st.sampled_from(PIECES.split())
texts = st.text() | st.lists(pieces, max_size=14).map(" ".join) | st.lists(pieces, max_size=10).map("".join)


@given(texts)
def test_restoring_gives_the_text_back(text: str) -> None:
    redacted = redact(text)
    assert redacted.restore(redacted.text) == text


@given(texts)
def test_neither_address_nor_long_number_is_left(text: str) -> None:
    left = re.sub(r"\[[A-Z]+_\d+\]", " ", redact(text).text)
    assert not re.search(r"\d{5}", left)
    assert not re.search(r"\w@\w+\.\w", left)


card_signs = st.sampled_from(["", " ", "-", "  ", "."])


@given(st.text("0123456789", min_size=16, max_size=16), card_signs, st.sampled_from(["", "card ", "x", "é"]))
def test_no_card_number_passes(digits: str, sign: str, before: str) -> None:
    card = sign.join(digits[start : start + 4] for start in range(0, 16, 4))
    assert not re.search(r"\d{2}", re.sub(r"\[[A-Z]+_\d+\]", "", redact(f"{before}{card} please").text))


@given(
    st.text("abcdefgäéß.+-_0123", min_size=1, max_size=20),
    st.from_regex(r"[a-z]{1,9}(\.[a-z]{2,5}){1,2}", fullmatch=True),
)
def test_no_address_passes(name: str, host: str) -> None:
    assert "@" not in redact(f"mail {name}@{host} now").text
