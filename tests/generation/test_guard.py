import pytest

from shopllm_rasa.generation.guard import MAX_CHARACTERS, GroundingGuard
from shopllm_rasa.retrieval import ProductIndex

EVIDENCE = [
    "Returns > Electronics: Electronics can be returned within 30 days of delivery, even if they were opened.",
    "Returns > Electronics: Clear signs of use lead to a deduction of up to 20%.",
    "Returns > Hygiene: Opened in-ear headphones cannot be returned unless they are faulty.",
    "Returns > Costs: A parcel return from the UK costs €4.95 and one from any other EU country costs €5.95.",
    "Returns > Costs: Returns by parcel are free in Ireland.",
    "Contact > Phone: Customer care is there from Monday to Friday between 8:00 and 20:00.",
    "Contact > Mail: Write to help@shop.example or see https://shop.example/returns.",
    "Sonavale Drift 2 Headphones: Battery life: 40 hours.",
    "Sonavale Drift Max Headphones: Battery life: 60 hours.",
]


@pytest.fixture(scope="module")
def guard(product_index: ProductIndex) -> GroundingGuard:
    return GroundingGuard(product_index.encoder, ["Sonavale", "Fern", "nordbyte"], ["Vale & Sons"])


@pytest.mark.parametrize(
    "reply",
    [
        "",
        "Certainly.",
        "I am sorry about the trouble. How can I help?",
        "You have thirty days to return electronics.",
        "Electronics can be sent back within 30 days of delivery.",
        "We deduct up to 20 percent for clear signs of use.",
        "A return from the UK costs 4.95 EUR.",
        "In Ireland returns by parcel are free.",
        "In-ear headphones can only be returned if they are faulty.",
        "You reach customer care on Tuesday until 8 pm.",
        "Write to HELP@shop.example! (https://shop.example/returns)",
        "The Drift Max runs for 60 hours.",
        "Vale & Sons takes electronics back within 30 days.",
    ],
)
def test_what_the_evidence_says(guard: GroundingGuard, reply: str) -> None:
    assert guard.check(reply, EVIDENCE).problems == ()


@pytest.mark.parametrize(
    ("reply", "kind", "text"),
    [
        ("You have 45 days to return electronics.", "number", "45 days"),
        ("You have 30 weeks to return electronics.", "number", "30 weeks"),
        ("We deduct up to 20 euros.", "number", "20 euros"),
        ("A return from the UK costs £4.95.", "number", "4.95"),
        ("Customer care is there on Sunday.", "weekday", "Sunday"),
        ("Customer care is there until 9 pm.", "time", "9 pm"),
        ("Write to boss@shop.example.", "email", "boss@shop.example"),
        ("See https://shop.example/return for it.", "url", "https://shop.example/return"),
        ("See www.evil.example now.", "url", "www.evil.example"),
        ("Use the code SAVE50 for it.", "code", "SAVE50"),
        ("The Fern headphones run for 40 hours.", "name", "Fern"),
        ("The nordbyte runs for 40 hours.", "name", "nordbyte"),
        ("The Sonavale Ultra runs for 40 hours.", "name", "Ultra"),
        ("The Drift Max runs for 40 hours.", "conflict", "40 hours"),
        ("A return from the UK costs €5.95.", "conflict", "5.95"),
        ("Express shipping is free for you.", "conflict", "free"),
        ("Electronics cannot be returned within 30 days of delivery.", "contradiction", ""),
        ("Opened in-ear headphones can be returned.", "contradiction", ""),
        ("I have refunded you.", "promise", "I have refunded"),
        ("Our chef cooks fresh pasta at noon and serves it with basil.", "statement", ""),
    ],
)
def test_what_it_does_not(guard: GroundingGuard, reply: str, kind: str, text: str) -> None:
    (problem,) = guard.check(reply, EVIDENCE).problems
    assert problem.kind == kind
    assert problem.text.lstrip("€£") == (text or reply)


def test_without_evidence_nothing_can_be_stated(guard: GroundingGuard) -> None:
    assert not guard.check("It takes 3 days.", []).supported
    assert guard.check("Sorry about that.", []).supported


def test_the_customers_own_words_may_come_back(guard: GroundingGuard) -> None:
    assert guard.check("Your order JV-17267 is safe.", ["JV-17267", "order safe"]).supported


def test_a_quoted_sentence_passes(guard: GroundingGuard) -> None:
    quote = EVIDENCE[2].split(": ")[1]
    assert guard.check(quote, EVIDENCE).supported


def test_without_an_encoder_the_letter_is_checked(product_index: ProductIndex) -> None:
    assert GroundingGuard().check("You have thirty days to return electronics.", EVIDENCE).supported
    assert not GroundingGuard().check("You have 31 days to return electronics.", EVIDENCE).supported


def test_an_endless_reply_is_refused(guard: GroundingGuard) -> None:
    assert not guard.check("a " * MAX_CHARACTERS, EVIDENCE).supported
