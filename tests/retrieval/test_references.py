from collections.abc import Callable, Sequence
from decimal import Decimal

import pytest

from shopllm_rasa.catalog import Product
from shopllm_rasa.catalog.mentions import Mention, MentionFinder
from shopllm_rasa.catalog.vocabulary import Vocabulary
from shopllm_rasa.retrieval import ProductIndex
from shopllm_rasa.retrieval.references import MAX_PRODUCTS, ReferenceResolver

KETTLES = ("KIT-1310", "KIT-1327", "KIT-1364", "KIT-1391")
HEADPHONES = ("AUD-1187", "AUD-1216", "AUD-1301")
Resolve = Callable[..., list[str]]


@pytest.fixture(scope="module")
def resolve(product_index: ProductIndex, some_products: list[Product]) -> Resolve:
    """Gives the ids of the products that a message means."""
    finder = MentionFinder(Vocabulary.of(some_products))
    resolver = ReferenceResolver(product_index)

    def ids(text: str, shown: Sequence[str] = (), current: str | None = None) -> list[str]:
        return [product.id for product in resolver.resolve(text, finder.find(text), shown, current)]

    return ids


@pytest.fixture(scope="module")
def among_alike(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], list[str]]:
    """Gives the ids of the products that a text means, where many names have each of its words."""
    names = [f"{word} Unit {number}" for word in ("Moto", "Grand G4", "Play Box", "Wide") for number in range(10, 20)]
    names += ["Moto G4 Play", "Moto G4 Play Black"]
    names += [f"Wide Moto Box {number}" for number in range(10, 20)]
    products = [Product(id=name.replace(" ", "-"), name=name, price=Decimal(10), currency="EUR") for name in names]
    index = ProductIndex.build(products, tmp_path_factory.mktemp("alike") / "index")
    resolver, finder = ReferenceResolver(index), MentionFinder(Vocabulary.of([]))
    return lambda text: [product.id for product in resolver.resolve(text, finder.find(text))]


class TestNames:
    def test_a_whole_name(self, resolve: Resolve) -> None:
        assert resolve("how much is the Casaro Vetro Glass Kettle 1.5 L?") == ["KIT-1364"]

    def test_a_name_counts_more_than_what_was_shown(self, resolve: Resolve) -> None:
        assert resolve("and the Casaro Vetro Glass Kettle?", HEADPHONES, "AUD-1187") == ["KIT-1364"]

    def test_two_in_the_order_of_the_message(self, resolve: Resolve) -> None:
        text = "compare the Ohmlark Reference 60 with the Sonavale Drift Max"
        assert resolve(text) == ["AUD-1216", "AUD-1187"]

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("is the hush quiet boil one in stock", "KIT-1391"),
            ("tell me about the little ears headphones", "AUD-1377"),
            ("does the gooseneck kettle leak", "KIT-1310"),
            ("drift max, is it loud?", "AUD-1187"),
        ],
    )
    def test_a_name_in_part(self, resolve: Resolve, text: str, expected: str) -> None:
        assert resolve(text) == [expected]

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("how strong is the battery of the moto g4 play", ["Moto-G4-Play"]),
            ("battery of the moto g4 play in black", ["Moto-G4-Play-Black"]),
            ("is there a moto to play", []),
            ("a wide box for my moto", []),
        ],
    )
    def test_common_words_name_a_product_together(
        self, among_alike: Callable[[str], list[str]], text: str, expected: list[str]
    ) -> None:
        assert among_alike(text) == expected

    def test_of_names_that_begin_alike_the_shortest_is_meant(self, resolve: Resolve) -> None:
        assert resolve("the nordbyte skiff") == ["COM-1107"]

    @pytest.mark.parametrize("text", ["", "hello there", "headphones", "do you ship to Ireland", "x" * 20_000])
    def test_nothing_is_made_up(self, resolve: Resolve, text: str) -> None:
        assert resolve(text) == []

    def test_a_name_that_comes_with_its_id(self, product_index: ProductIndex) -> None:
        """As the button of a card sends it."""
        resolver = ReferenceResolver(product_index)
        for product_id, found in (("KIT-1364", ["KIT-1364"]), ("KIT-0000", [])):
            mention = Mention("product", product_id, 0, 0)
            assert [p.id for p in resolver.resolve("/ask_product_details", [mention])] == found


class TestPlaces:
    @pytest.mark.parametrize(
        ("text", "places"),
        [
            ("tell me about the first one", [1]),
            ("the 3rd please", [3]),
            ("number 2", [2]),
            ("the last one", [4]),
            ("compare 1 and 3", [1, 3]),
            ("compare the third and the first", [3, 1]),
            ("compare the first and the first", [1]),
        ],
    )
    def test_in_the_list(self, resolve: Resolve, text: str, places: list[int]) -> None:
        assert resolve(text, KETTLES) == [KETTLES[place - 1] for place in places]

    @pytest.mark.parametrize("text", ["number 7", "number 0", "the fifth one"])
    def test_outside_the_list(self, resolve: Resolve, text: str) -> None:
        assert resolve(text, KETTLES) == []

    def test_without_a_list(self, resolve: Resolve) -> None:
        assert resolve("the second one") == []

    def test_what_left_the_shop_is_no_product(self, resolve: Resolve) -> None:
        assert resolve("the first one", ["GONE-1"]) == []


class TestPicking:
    @pytest.mark.parametrize(
        ("text", "expected"),
        [("the Ohmlark one", ["AUD-1216"]), ("the Kesterwood", ["AUD-1301"]), ("the navy one", ["AUD-1301"])],
    )
    def test_by_what_only_one_has(self, resolve: Resolve, text: str, expected: list[str]) -> None:
        assert resolve(text, HEADPHONES) == expected

    @pytest.mark.parametrize("text", ["the black one", "the Brackenmill one"])
    def test_not_by_what_two_or_none_have(self, resolve: Resolve, text: str) -> None:
        assert resolve(text, HEADPHONES) == []

    def test_counts_more_than_the_product_spoken_of(self, resolve: Resolve) -> None:
        assert resolve("and the Ohmlark one?", HEADPHONES, "AUD-1187") == ["AUD-1216"]


class TestPointing:
    def test_it_is_the_product_spoken_of(self, resolve: Resolve) -> None:
        assert resolve("is it in stock?", KETTLES, "KIT-1327") == ["KIT-1327"]

    def test_or_the_only_one_shown(self, resolve: Resolve) -> None:
        assert resolve("is it in stock?", ["KIT-1327"]) == ["KIT-1327"]

    def test_of_several_nothing_is_guessed(self, resolve: Resolve) -> None:
        assert resolve("is it in stock?", KETTLES) == []

    @pytest.mark.parametrize("text", ["compare both", "which of them is better", "compare these two"])
    def test_both_of_two(self, resolve: Resolve, text: str) -> None:
        assert resolve(text, KETTLES[:2], "KIT-1310") == list(KETTLES[:2])

    def test_the_product_spoken_of_has_left_the_shop(self, resolve: Resolve) -> None:
        assert resolve("is it in stock?", (), "GONE-1") == []


def test_never_more_than_four(resolve: Resolve, some_products: list[Product]) -> None:
    shown = [product.id for product in some_products[:8]]
    assert resolve("the first, second, third, fourth, fifth and sixth", shown) == shown[:MAX_PRODUCTS]
