import pytest

from shopllm_rasa.catalog.mentions.codes import find_codes


def found(text: str, kind: str) -> list[str]:
    return [mention.value for mention in find_codes(text) if mention.kind == kind]


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("where is JV-17267?", "JV-17267"),
        ("where is jv17267", "JV-17267"),
        ("where is JV 17267", "JV-17267"),
        ("#JV-17267", "JV-17267"),
        ("my order 17267 is late", "17267"),
        ("order: 17267", "17267"),
        ("my order is 17267", "17267"),
        ("order number 1234", "1234"),
        ("my order no. is 555", "555"),
        ("order id #1001", "1001"),
        ("it is #172670", "172670"),
        ("it is #1001", "1001"),
        ("17267", "17267"),
        ("well\n17267 ", "17267"),
        ("order 100-2345678-1234567", "100-2345678-1234567"),
        ("(100-2345678-1234567)", "100-2345678-1234567"),
    ],
)
def test_order_numbers(text: str, number: str) -> None:
    assert found(text, "order_number") == [number]


@pytest.mark.parametrize(
    "text",
    [
        "and 20000",
        "to 20000",
        "EUR 20000",
        "2 orders",
        "in 2026",
        "iphone 15",
        "#3",
        "order 1000 pens",
        "order number 12",
        "087-1234567",
        "100-2345678-12345678",
        "1" * 100,
    ],
)
def test_numbers_that_are_no_orders(text: str) -> None:
    assert found(text, "order_number") == []


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("write to Jane.Doe+shop@Mail.example.com.", "jane.doe+shop@mail.example.com"),
        ("<o'neil@shop.example>", "o'neil@shop.example"),
        ("jürgen@müller.example", "jürgen@müller.example"),
        ("user@例え.jp", "user@例え.jp"),
        ("a@b.ie,c", "a@b.ie"),
    ],
)
def test_addresses(text: str, address: str) -> None:
    assert found(text, "email") == [address]


@pytest.mark.parametrize("text", ["a@b", "@shop.example", "4 kettles @ 20.50", "x@1.50", "a" * 65 + "@b.ie", "a@@b.ie"])
def test_what_is_no_address(text: str) -> None:
    assert found(text, "email") == []


def test_places() -> None:
    text = "order no. 4711, jo@shop.example"
    assert {text[mention.start : mention.end] for mention in find_codes(text)} == {"4711", "jo@shop.example"}
