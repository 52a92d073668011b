import pytest

from shopllm_rasa.retrieval.product_words import other_forms

KNOWN = {"garden", "gardener", "gardening", "gardenia", "run", "running", "charge", "charging", "battery", "sd", "ion"}


@pytest.mark.parametrize(
    ("word", "forms"),
    [
        ("gardening", {"garden", "gardener"}),
        ("garden", {"gardener", "gardening"}),
        ("run", {"running"}),
        ("charged", {"charge", "charging"}),
        ("battery", set()),
        ("gardens", {"garden", "gardener", "gardening"}),
        ("zebra", set()),
        ("s7", set()),
        ("sd", set()),
        ("", set()),
    ],
)
def test_other_forms_of_a_word_are_those_that_products_have(word: str, forms: set[str]) -> None:
    assert set(other_forms(word, KNOWN)) == forms
