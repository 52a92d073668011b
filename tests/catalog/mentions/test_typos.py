import pytest

from shopllm_rasa.catalog.mentions.typos import MAX_LOOKUPS, TypoMender
from shopllm_rasa.catalog.vocabulary import normal_word

NAMES = {"sonavale": "sonavale", "kettles": "kettle", "kettle": "kettle", "lamps": "lamp", "white": "white"}
NAMES |= {"dress": "dress", "tablet": "tablet", "camel": "camel"}
MENDER = TypoMender(NAMES, ["tabella", "table"])


def mend(text: str) -> str:
    written = text.casefold().split()
    return " ".join(MENDER.mend(written, [normal_word(word) for word in written]))


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("sonavle", "sonavale"),
        ("a ketttle", "a kettle"),
        ("ketttles", "kettle"),
        ("lapms", "lamp"),
        ("kettel's", "kettle"),
        ("tabletts", "tablet"),
    ],
)
def test_typos_of_names(typed: str, meant: str) -> None:
    assert mend(typed) == meant


@pytest.mark.parametrize(
    "text",
    [
        "while",
        "dressing",
        "adress",
        "canel",
        "tabela",
        "table",
        "kettle",
        "lamb",
        "whit",
        "wh1te",
        "42",
        "ö",
        "kettl3s",
    ],
)
def test_what_stays(text: str) -> None:
    assert mend(text) == normal_word(text)


def test_only_so_many_words_are_looked_up() -> None:
    unknown = [f"qqq{letter}zzz" for letter in "abcdefghijklmnop"]
    assert len(unknown) > MAX_LOOKUPS
    words = [*unknown, "sonavle"]
    assert MENDER.mend(words, words) == words
    # The same word again costs nothing.
    words = [*unknown[:1] * 50, "sonavle"]
    assert MENDER.mend(words, words)[-1] == "sonavale"
