import pytest
from hypothesis import given
from hypothesis import strategies as st

from shopllm_rasa.spelling import SpellingMender
from shopllm_rasa.spelling.similar_words import MAX_LOOKUPS

EXAMPLES = [
    "where is my parcel", "i want to cancel my order", "what is the price of a mattress", "can i return this",
    "how long does delivery take", "do you ship to Ireland", "I would like a refund", "talk to an agent",
]  # fmt: skip


@pytest.fixture(scope="module")
def mender() -> SpellingMender:
    return SpellingMender.of_examples(EXAMPLES)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("cancle my delievry!", "cancel my delivery!"),
        ("PRICE OF MATRESS?", "PRICE OF mattress?"),
        ("warrenty,\nplease", "warranty,\nplease"),
        ("were is my pracel", "were is my parcel"),
    ],
)
def test_typos_are_mended_and_all_else_stays(mender: SpellingMender, written: str, meant: str) -> None:
    assert mender.mend(written) == meant


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   ",
        "where is my parcel",
        "refunding, swapping, charged, mattresses and shipped",  # forms of what is known
        "SKU-10A42 for jo@shop.example",
        "Sonavale Brackenmill",  # names are like no word
        "wer ist da",
        "где моя посылка",
        "👍👍👍",
    ],
)
def test_what_is_no_typo_stays(mender: SpellingMender, text: str) -> None:
    assert mender.mend(text) == text


def test_words_of_the_examples_are_known() -> None:
    assert SpellingMender.of_examples([*EXAMPLES, "is the Xperiaa in stock"]).mend("my xperiaa") == "my xperiaa"
    assert SpellingMender.of_examples([*EXAMPLES, "is the Xperiaa in stock"]).mend("my xperiiaa") == "my xperiaa"


def test_nothing_is_mended_where_the_examples_are_of_another_language() -> None:
    german = ["wo bleibt meine Bestellung", "ich möchte meine Lieferung zurückgeben", "wann kommt das Paket"]

    assert SpellingMender.of_examples(german).mend("kommt meine lieferungg") == "kommt meine lieferungg"
    assert SpellingMender.of_examples([]).mend("cancle my delievry") == "cancle my delievry"


def test_a_message_looks_up_a_bounded_number_of_words(mender: SpellingMender) -> None:
    typos = ["delievry", "matress", "warrenty", "shiping", "retrun", "refnud", "cancle", "pracel"]
    unknown = [f"qzxvk{letter}w" for letter in "abcdefghijkl"]

    mended = mender.mend(" ".join([*unknown, *typos]))

    assert len(unknown) == MAX_LOOKUPS
    assert mended.split()[-1] == "pracel"


@given(st.text(max_size=200))
def test_any_text_keeps_its_signs(mender: SpellingMender, text: str) -> None:
    mended = mender.mend(text)

    assert [sign for sign in mended if not sign.isalpha()] == [sign for sign in text if not sign.isalpha()]


class TestWordsOfAShop:
    """A mender of some texts' words, as pages and products use it."""

    @pytest.fixture(scope="class")
    def words(self) -> SpellingMender:
        own = (
            "return",
            "returns",
            "policy",
            "electronics",
            "delivery",
            "warranty",
            "send",
            "gift",
            "stick",
            "protector",
        )
        known = {"repair", "deliver", "police", "protect"}
        return SpellingMender(own, known.__contains__, min_letters=4, knows_forms=False)

    @pytest.mark.parametrize(
        ("text", "mended"),
        [
            ("retrun", "return"),
            ("plicy?", "policy?"),
            ("the Warrenty", "the warranty"),
            ("Electronics delivrey!", "Electronics delivery!"),
            ("elektronicks", "electronics"),
            ("a selfie stik", "a selfie stick"),
            ("protecter", "protector"),
        ],
    )
    def test_typos(self, words: SpellingMender, text: str, mended: str) -> None:
        assert words.mend(text) == mended

    @pytest.mark.parametrize(
        "text",
        ["RETURN Policy", "repair", "police", "sned", "gitf", "retxxn", "ret1rn", "HLCRIO124", "JV-17267", "", "  \n"],
    )
    def test_all_else_stays(self, words: SpellingMender, text: str) -> None:
        assert words.mend(text) == text

    @given(st.text())
    def test_without_words_nothing_changes(self, text: str) -> None:
        assert SpellingMender((), lambda word: False).mend(text) == text
