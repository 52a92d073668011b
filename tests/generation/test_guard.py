import pytest
from hypothesis import given
from hypothesis import strategies as st

from shopllm_rasa.generation.guard import unsupported_claims

EVIDENCE = [
    "Returns > Electronics Within 30 days, deduction of up to 20%. Parcels cost €4.95, €1,250 or 1.000,50.",
    "Write to help@shop.example or see https://shop.example/returns. Open 9:00 to 17:30, for two weeks.",
]


@pytest.mark.parametrize(
    "reply",
    [
        "",
        "Certainly.",
        "Within 30 days.",
        "You have thirty days, with 20 percent off.",
        "It costs 4.95 or 4,95 EUR.",
        "It costs 1250 or 1,250.00 or 1.250,0 euros.",
        "It costs 1000.5 or 1,000.50 euros.",
        "Write to HELP@shop.example!",
        "See https://shop.example/returns.",
        "(https://shop.example/returns)",
        "Open from 9:00 to 17:30.",
        "For 2 weeks.",
        "This one is for you, and that one too.",
    ],
)
def test_what_stands_in_the_evidence(reply: str) -> None:
    assert unsupported_claims(reply, EVIDENCE) == []


@pytest.mark.parametrize(
    ("reply", "claims"),
    [
        ("Within 45 days.", ["45"]),
        ("Within 3 days.", ["3"]),
        ("Within 300 days.", ["300"]),
        ("It costs 4.96.", ["4.96"]),
        ("It costs 49.5.", ["49.5"]),
        ("It costs 125.", ["125"]),
        ("It costs 1.250.00 or 1,251.00.", ["1.250.00", "1251"]),
        ("Ninety days or fifteen.", ["90", "15"]),
        ("three weeks", ["3"]),
        ("Open until 18:30.", ["18:30"]),
        ("Write to boss@shop.example.", ["boss@shop.example"]),
        ("See https://shop.example/return.", ["https://shop.example/return"]),
        ("See http://shop.example/returns.", ["http://shop.example/returns"]),
        ("See www.evil.example now.", ["www.evil.example"]),
        ("First 30, then 31 and 32.", ["31", "32"]),
        ("€99 and $98", ["99", "98"]),
    ],
)
def test_what_does_not(reply: str, claims: list[str]) -> None:
    assert unsupported_claims(reply, EVIDENCE) == claims


def test_without_evidence_every_number_is_unsupported() -> None:
    assert unsupported_claims("It takes 3 days.", []) == ["3"]


def test_the_customer_s_own_words_are_evidence() -> None:
    assert unsupported_claims("Your order 17267 is safe.", ["Where is 17267?"]) == []


@pytest.mark.parametrize("piece", ["a", "a.", "1", "a@"])
def test_an_endless_reply_is_checked(piece: str) -> None:
    reply = piece * (1_000_000 // len(piece)) + " and 45 days"
    assert unsupported_claims(reply, [])[-1] == "45"


@given(st.text())
def test_every_text_supports_itself(text: str) -> None:
    assert unsupported_claims(text, [text]) == []


@given(st.text(), st.lists(st.text(), max_size=3))
def test_more_evidence_never_makes_a_claim_worse(reply: str, evidence: list[str]) -> None:
    assert set(unsupported_claims(reply, evidence)) <= set(unsupported_claims(reply, []))
    assert unsupported_claims(reply, [*evidence, reply]) == []


@given(st.integers(0, 10**9), st.lists(st.integers(0, 10**9), max_size=5))
def test_a_whole_number_needs_itself(number: int, others: list[int]) -> None:
    evidence = [f"It is {other} euros." for other in others]
    supported = unsupported_claims(f"It is {number} euros.", evidence) == []
    assert supported is (number in others)


@given(st.decimals(0, 9999, places=2))
def test_the_spelling_of_an_amount_does_not_matter(amount: object) -> None:
    text = f"{amount}"
    assert unsupported_claims(f"€{text.replace('.', ',')}", [f"It costs {text} EUR"]) == []
