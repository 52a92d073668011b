import pytest

from shopllm_rasa.recommendation import names_a_wish


@pytest.mark.parametrize(
    "text",
    [
        "a gift for my dad who loves gardening",
        "recommend me a kettle",
        "something for camping",
        "what laptop would you suggest?",
        "Geschenk",
        "any good HEADPHONES?",
    ],
)
def test_says_what_is_wanted(text: str) -> None:
    assert names_a_wish(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "?!",
        "recommend me something",
        "What would you recommend?",
        "any suggestions?",
        "show me your best sellers",
        "what's popular today?",
        "Surprise me!",
        "something similar please",
        "anything else like the second one",
        "the 2nd one, 3 of 5",
        "what do other people buy",
        "based on what I bought last",
    ],
)
def test_asks_for_advice_alone(text: str) -> None:
    assert not names_a_wish(text)
