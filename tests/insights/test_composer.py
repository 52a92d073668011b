"""Descriptions without a model: true, of the right size, and different in tone."""

from decimal import Decimal

import pytest

from shopllm_rasa.catalog import Product
from shopllm_rasa.generation.guard import GroundingGuard
from shopllm_rasa.insights.composer import (
    LENGTHS,
    MAX_SEO_DESCRIPTION,
    MAX_SEO_TITLE,
    SIZES,
    TONES,
    Length,
    Tone,
    compose,
    facts_of,
    sentences_of,
    shortened,
)


def kettle(**values: object) -> Product:
    return Product(**{"id": "K-1", "name": "Dome Kettle", "price": Decimal("59.90"), **values})  # type: ignore[arg-type]


class TestCompose:
    @pytest.mark.parametrize("tone", TONES)
    @pytest.mark.parametrize("length", LENGTHS)
    def test_says_only_what_the_data_say(self, demo_catalog: list[Product], tone: Tone, length: Length) -> None:
        guard = GroundingGuard()
        for product in demo_catalog:
            copy = compose(product, tone, length)
            assert guard.check(copy.whole, [facts_of(product)]).problems == ()
            assert product.price_text not in copy.whole
            assert 0 < len(copy.seo_title) <= MAX_SEO_TITLE
            assert 0 < len(copy.seo_description) <= MAX_SEO_DESCRIPTION
            assert len(copy.bullets) <= SIZES[length].bullets
            assert "None" not in copy.whole

    def test_lengths_grow(self, demo_catalog: list[Product]) -> None:
        short, medium, long = (
            sum(len(compose(product, length=length).whole) for product in demo_catalog) for length in LENGTHS
        )
        assert short < medium < long

    def test_tones_differ_in_words_but_not_in_facts(self, demo_catalog: list[Product]) -> None:
        texts = {tone: compose(demo_catalog[0], tone, "long").text for tone in TONES}
        assert len(set(texts.values())) == len(TONES)
        for text in texts.values():
            for sentence in sentences_of(demo_catalog[0]):
                assert sentence in text

    def test_pages_do_not_all_open_alike(self, demo_catalog: list[Product]) -> None:
        openings = {compose(product, "friendly").text[:8] for product in demo_catalog}
        assert len(openings) == 3

    def test_a_product_without_text_tells_its_attributes(self) -> None:
        product = kettle(
            attributes={
                "colour": "cream",
                "weight": "900 g",
                "capacity": "1.7 litres",
                "materials": ("steel", "beech", "glass"),
                "keep warm": "no",
                "whistle function": "yes",
                "dishwasher safe": "no",
                "includes": ("filter", "lid"),
            }
        )
        assert compose(product, length="long").text == (
            "With a weight of 900 g and a capacity of 1.7 litres. With whistle function. Without keep warm. "
            "Colour: cream. Made of steel, beech and glass. Dishwasher safe: no. Included: filter and lid."
        )

    def test_a_bare_product(self) -> None:
        copy = compose(kettle(brand="Brackenmill", categories=("Kitchen", "Kettles")))
        assert copy.title == "Dome Kettle by Brackenmill"
        assert copy.text == copy.seo_description == "Dome Kettle by Brackenmill: Kettles."
        assert copy.bullets == ()
        assert compose(kettle()).text == "Dome Kettle."

    def test_markup_of_the_feed_is_not_shown(self) -> None:
        copy = compose(kettle(description="<p>Boils <b>water</b>&#8482; fast.</p><script>x</script>"))
        assert copy.text == "Boils water ™ fast. x"


class TestSeo:
    @pytest.mark.parametrize(
        ("name", "title"),
        [
            ("Dome Kettle", "Dome Kettle by Brackenmill"),
            ("Dome Kettle with Temperature Control and a Filter, Cream", None),
            (
                "Dome Kettle with Temperature Control, Steel Filter, Cream, 1.7 L",
                "Dome Kettle with Temperature Control",
            ),
            ("x" * 80, f"{'x' * 57}..."),
        ],
    )
    def test_title(self, name: str, title: str | None) -> None:
        made = compose(kettle(name=name, brand="Brackenmill")).seo_title
        assert made.startswith(title or name)
        assert len(made) <= MAX_SEO_TITLE

    def test_a_sentence_that_is_too_long_is_cut_between_words(self) -> None:
        copy = compose(kettle(description="Boils " + "very " * 60 + "fast."))
        assert copy.seo_description.endswith("very...")
        assert len(copy.seo_description) <= MAX_SEO_DESCRIPTION

    def test_room_that_is_left_holds_attributes(self) -> None:
        copy = compose(kettle(description="Boils water.", attributes={"weight": "900 g"}))
        assert copy.seo_description == "Boils water. Weight: 900 g."


@pytest.mark.parametrize(
    ("text", "limit", "result"),
    [("short", 10, "short"), ("one two three", 10, "one two..."), ("one two, three", 12, "one two...")],
)
def test_shortened(text: str, limit: int, result: str) -> None:
    assert shortened(text, limit) == result
