import pytest

from shopllm_rasa.recommendation import asked_kind, names_a_wish


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


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("what goes with this?", "goes_with"),
        ("what goes well with a grey sofa", "goes_with"),
        ("anything that pairs nicely with it", "goes_with"),
        ("what do other people buy with this", "goes_with"),
        ("what do you suggest to go with my navy jumper", "goes_with"),
        ("do I need accessories for the camera", "goes_with"),
        ("which products are often bought together with that one", "goes_with"),
        ("something similar please", "similar"),
        ("more like this", "similar"),
        ("have you got an alternative to the second one", "similar"),
        ("something like it but cheaper", "similar"),
        ("what do you recommend for me", "personal"),
        ("a gift for my dad who loves gardening", "personal"),
        ("what would you go for with a budget of 50 euros", "personal"),
        ("I like this shop, what is popular?", "personal"),
        ("", "personal"),
    ],
)
def test_asked_kind(text: str, kind: str) -> None:
    assert asked_kind(text) == kind
