import pytest

from shopllm_rasa.catalog.mentions.mention import Mention
from shopllm_rasa.catalog.mentions.names import LOOSE_CONFIDENCE, NameFinder
from shopllm_rasa.catalog.vocabulary import Vocabulary

FINDER = NameFinder(
    Vocabulary(
        brands=["Sonavale", "Pottinger & Wren", "Sony Electronics", "Apple", "Next", "On", "3", "Little Otter"],
        categories=[
            "Headphones",
            "Earbuds",
            "Bluetooth Speakers",
            "Tablets",
            "Dining Tables",
            "Kettles",
            "Dresses",
            "Desks",
            "Lamps",
            "Power Banks",
            "Mice",
            "Toys & Games",
            "Phones",
        ],
        attributes={"colour": ["dark green", "green", "red", "purple"], "material": ["oak", "leather", "glass"]},
        products={
            "A-1": "Sonavale Drift 2 Headphones",
            "A-2": "Sonavale Reef Speaker",
            "A-3": "Sonavale Reef Speaker Mini",
            "A-4": "Glass Carafe",
            "A-5": "Round Oak Table",
            "A-6": "Sonavale Twin Lamp",
            "A-7": "Sonavale Twin Lamp",
        },
        words=["table", "green", "speaker", "heading"],
    )
)


def found(text: str, *kinds: str) -> list[tuple[str, str]]:
    return [(m.kind, m.value) for m in FINDER.find(text) if not kinds or m.kind in kinds]


def one(text: str, kind: str) -> Mention:
    (mention,) = [mention for mention in FINDER.find(text) if mention.kind == kind]
    return mention


@pytest.mark.parametrize(
    ("text", "category"),
    [
        ("headphones", "Headphones"),
        ("a headphone", "Headphones"),
        ("HEADPHONES!", "Headphones"),
        ("head phones", "Headphones"),
        ("ear buds", "Earbuds"),
        ("dining table", "Dining Tables"),
        ("a dress", "Dresses"),
        ("mouse", "Mice"),
        ("mice", "Mice"),
        ("powerbank", "Power Banks"),
        ("games", "Toys & Games"),
        ("toys and games", "Toys & Games"),
        ("bluetooth speaker", "Bluetooth Speakers"),
        ("speakers", "Bluetooth Speakers"),
        ("desk lamps", "Lamps"),
    ],
)
def test_categories(text: str, category: str) -> None:
    assert found(text) == [("category", category)]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("headphnoes", "Headphones"),
        ("hedphones", "Headphones"),
        ("headfones", "Headphones"),
        ("eadphones", "Headphones"),
        ("ketttles", "Kettles"),
        ("lapms", "Lamps"),
        ("powrbank", "Power Banks"),
        ("blutooth speaker", "Bluetooth Speakers"),
        ("bluetoth speekers", "Bluetooth Speakers"),
        ("sonavle", "Sonavale"),
        ("sonnavale", "Sonavale"),
        ("sony electroncs", "Sony Electronics"),
        ("potinger and wren", "Pottinger & Wren"),
        ("purpel", "purple"),
        ("lether", "leather"),
    ],
)
def test_typos(text: str, name: str) -> None:
    (mention,) = FINDER.find(text)
    assert mention.value == name
    assert 0.7 < mention.confidence < 1


@pytest.mark.parametrize("text", ["sonavale", "Sonavale's", "SONAVALE,", "pottinger & wren", "pottinger and wren"])
def test_brands(text: str) -> None:
    (mention,) = FINDER.find(text)
    assert mention.kind == "brand"
    assert mention.confidence == 1


def test_a_brand_of_several_words_is_one_mention() -> None:
    text = "anything by Pottinger & Wren?"
    mention = one(text, "brand")
    assert text[mention.start : mention.end] == "Pottinger & Wren"


@pytest.mark.parametrize(
    ("text", "brands"),
    [
        ("an apple phone", ["Apple"]),
        ("a lamp by Next", ["Next"]),
        ("Next", ["Next"]),
        ("shoes from On", ["On"]),
        ("the next one", []),
        ("Next week", []),
        ("it is on. On sale?", []),
        ("3 kettles", []),
    ],
)
def test_a_brand_with_a_common_name_needs_its_capital(text: str, brands: list[str]) -> None:
    assert [value for _, value in found(text, "brand")] == brands


@pytest.mark.parametrize(
    "text",
    [
        "a table",
        "heading",
        "able",
        "tale",
        "speaker",
        "while",
        "adress",
        "dressing",
        "the phone number",
        "can I order by phone",
        "two glasses",
        "in a box",
        "",
    ],
)
def test_words_that_mean_something_else(text: str) -> None:
    assert found(text) == []


def test_a_part_of_a_name_is_only_likely() -> None:
    assert one("speakers", "category").confidence == LOOSE_CONFIDENCE


def test_the_longest_name_wins() -> None:
    assert found("dark green kettle") == [("attribute", "dark green"), ("category", "Kettles")]
    mention = one("in oak", "attribute")
    assert (mention.value, mention.role) == ("oak", "material")


@pytest.mark.parametrize(
    ("text", "product_id", "words"),
    [
        ("the sonavale drift 2 headphones", "A-1", "sonavale drift 2 headphones"),
        ("is the Sonavale Drift in stock", "A-1", "Sonavale Drift"),
        ("is the Sonavale Drift 2 in stock", "A-1", "Sonavale Drift 2"),
        ("the sonvale drift", "A-1", "sonvale drift"),
        ("Sonavale Reef Speaker", "A-2", "Sonavale Reef Speaker"),
        ("Sonavale Reef Speaker Mini", "A-3", "Sonavale Reef Speaker Mini"),
        ("the round oak table", "A-5", "round oak table"),
    ],
)
def test_products_by_the_shortest_clear_name(text: str, product_id: str, words: str) -> None:
    mention = one(text, "product")
    assert mention.product_id == product_id
    assert text[mention.start : mention.end] == words


@pytest.mark.parametrize("text", ["the sonavale reef", "sonavale twin lamp", "glass carafe", "sonavale"])
def test_a_name_that_is_none_products_own(text: str) -> None:
    assert found(text, "product") == []


def test_an_empty_vocabulary() -> None:
    assert NameFinder(Vocabulary()).find("a red kettel") == []
