import pytest
from hypothesis import given
from hypothesis import strategies as st

from shopllm_rasa.generation.claims import find_claims, stated_facts, supports


def found(text: str) -> list[tuple[str, str, str]]:
    return [(claim.kind, claim.value, claim.unit) for claim in find_claims(text)]


@pytest.mark.parametrize(
    ("text", "claims"),
    [
        ("within 30 days", [("number", "30", "day")]),
        ("a 30-day period", [("number", "30", "day")]),
        ("30 calendar days", [("number", "30", "day")]),
        ("thirty-five days, two weeks", [("number", "35", "day"), ("number", "14", "day")]),
        ("3 to 5 working days", [("number", "3", "working day"), ("number", "5", "working day")]),
        ("between 8 and 10 hours", [("number", "8", "hour"), ("number", "10", "hour")]),
        ("size 42 and one year", [("number", "42", ""), ("number", "12", "month")]),
        ("€4.95 or 4,95 EUR or 4.95 euros", [("number", "4.95", "EUR")] * 3),
        ("$10, £10, 10 dollars", [("number", "10", "USD"), ("number", "10", "GBP"), ("number", "10", "USD")]),
        ("€1,250 and 1.000,50 euros", [("number", "1250", "EUR"), ("number", "1000.5", "EUR")]),
        ("20% or 20 percent", [("number", "20", "%"), ("number", "20", "%")]),
        ("1.36 kg and 254 g", [("number", "1360", "g"), ("number", "254", "g")]),
        ("5 to 35 °C", [("number", "5", "°C"), ("number", "35", "°C")]),
        ("from 9:00 to 17:30 or 8 pm", [("time", "9:00", ""), ("time", "17:30", ""), ("time", "20:00", "")]),
        ("27 to 30 November", [("date", "27 november", ""), ("date", "30 november", "")]),
        ("January 31st, 2026-12-24", [("date", "31 january", ""), ("date", "24 december", "")]),
        ("on Sundays", [("weekday", "sunday", "")]),
        ("WELCOME10 is IP67", [("code", "welcome10", ""), ("code", "ip67", "")]),
        ("see https://a.example/x.", [("url", "https://a.example/x", "")]),
        ("see evil.example/x now", [("url", "evil.example/x", "")]),
        ("mail Help@a.example!", [("email", "help@a.example", "")]),
        ("free of charge, at no cost", [("free", "free", ""), ("free", "free", "")]),
        ("feel free to ask, sugar-free, this one, twice a year", [("number", "2", "")]),
        ("", []),
    ],
)
def test_what_a_text_claims(text: str, claims: list[tuple[str, str, str]]) -> None:
    assert found(text) == claims


@pytest.mark.parametrize(
    ("claim", "evidence", "supported"),
    [
        ("30 days", "within 30 days", True),
        ("30 days", "for 30 euros", False),
        ("30 days", "30 working days", False),
        ("30", "within 30 days", True),
        ("one year", "for 12 months", True),
        ("one hour", "€3.20 an hour", True),
        ("on Tuesday", "Monday to Friday", True),
        ("on Sunday", "Monday to Friday", False),
        ("on Sunday", "every day", True),
        ("until 8 pm", "until 20:00", True),
        ("it is free", "for €0", True),
        ("2 times a year", "twice a year", True),
        ("1.5 m", "150 cm", True),
    ],
)
def test_what_evidence_supports(claim: str, evidence: str, supported: bool) -> None:
    assert all(supports(item, stated_facts(evidence)) for item in find_claims(claim)) is supported


@given(st.text())
def test_every_text_supports_itself(text: str) -> None:
    assert all(supports(claim, stated_facts(text)) for claim in find_claims(text))


@given(st.decimals(0, 9999, places=2))
def test_the_spelling_of_an_amount_does_not_matter(amount: object) -> None:
    (claim,) = find_claims(f"€{amount}".replace(".", ","))
    assert supports(claim, stated_facts(f"It costs {amount} EUR"))


@given(st.integers(0, 10**9), st.lists(st.integers(0, 10**9), max_size=5))
def test_a_whole_number_needs_itself(number: int, others: list[int]) -> None:
    facts = stated_facts(". ".join(f"It is {other} euros" for other in others))
    assert all(supports(claim, facts) for claim in find_claims(f"It is {number} euros")) is (number in others)


@pytest.mark.parametrize("piece", ["a", "a.", "1", "a@", "1,", "/a", "A1-"])
def test_a_long_text_is_read_in_reasonable_time(piece: str) -> None:
    assert found(piece * (20_000 // len(piece)) + " and 45 days")[-1] == ("number", "45", "day")
