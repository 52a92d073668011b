import pytest

from shopllm_rasa.generation.embedded.polarity import contradicts


@pytest.mark.parametrize(
    ("reply", "evidence"),
    [
        ("No, we do not ship to Malta.", "We ship to Malta for €9."),
        ("You cannot return shoes.", "Shoes can be returned."),
        ("Yes, you can return swimwear.", "Swimwear cannot be returned."),
    ],
)
def test_a_reply_that_turns_its_evidence_round(reply: str, evidence: str) -> None:
    assert contradicts(reply, [evidence])


@pytest.mark.parametrize(
    ("reply", "evidence"),
    [
        ("No, we do not ship to Malta.", "Malta is excluded from delivery."),
        ("No, shoes cannot be returned once worn.", "Worn shoes cannot be returned."),
        ("Yes, you can return shoes.", "Shoes can be returned."),
        ("The fee is €5.", "The fee is €5 and is not refunded."),
    ],
)
def test_a_reply_that_keeps_its_sense(reply: str, evidence: str) -> None:
    assert not contradicts(reply, [evidence])
