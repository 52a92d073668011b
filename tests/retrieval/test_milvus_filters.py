import re
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from shopllm_rasa.catalog import Product, Variant
from shopllm_rasa.retrieval.filters import Filters
from shopllm_rasa.retrieval.milvus_filters import MAX_TERMS, expression, fields_of, term

texts = st.text(max_size=12) | st.sampled_from(
    ['"', "' or 1 == 1 or '", "\\", "a] or key > 0", "größe", "日本", "\x00"]
)
filters_of_texts = st.builds(
    lambda **values: Filters.from_dict(values),
    brands=st.lists(texts, max_size=2),
    categories=st.lists(texts, max_size=2),
    attributes=st.dictionaries(texts, texts, max_size=2),
    exclude_words=st.lists(texts, max_size=2),
    price_min=st.none() | st.decimals("0", "9", places=5),
    min_rating=st.none() | st.floats(0, 5),
)
# What an expression may consist of: our own fields and operators, and numbers.
SAFE = re.compile(
    r"(?:\b(?:price_low|price_high|currency|rating|available|brand|categories|attributes|words|complete|true|false"
    r"|in|not|and|or|array_contains_any|array_contains_all)\b|[0-9.]+|[\s\[\](),<>=])*"
)


@given(filters=filters_of_texts, with_not=st.booleans())
def test_no_text_gets_into_an_expression(filters: Filters, with_not: bool) -> None:
    assert SAFE.fullmatch(expression(filters, with_not=with_not))


@given(texts)
def test_terms_are_numbers_that_milvus_holds(text: str) -> None:
    assert 0 <= term("word", text) < 2**63
    assert term("word", text) == term("word", text)
    assert term("word", text) != term("brand", text)


def test_no_filters() -> None:
    assert expression(Filters()) == ""


def test_every_condition() -> None:
    filters = Filters(
        price_min=Decimal("10.00001"),
        price_max=Decimal("20.99999"),
        currency="eur",
        brands=("Fell",),
        categories=("Shoes",),
        attributes={"": "blue", "material": "solid oak"},
        in_stock=True,
        min_rating=4.1,
        exclude_brands=("Casaro",),
        exclude_categories=("Boots",),
        exclude_words=("pink", "faux fur"),
    )
    said = expression(filters)
    assert "(price_high >= 100001)" in said
    assert "(price_low <= 209999)" in said
    assert f"(currency == {term('currency', 'EUR')})" in said
    assert f"(brand in [{term('brand', 'fell')}])" in said
    assert f"(brand not in [{term('brand', 'casaro')}])" in said
    assert f"array_contains_any(categories, [{term('category', 'shoes')}])" in said
    assert f"array_contains_all(attributes, [{term('attribute', '', 'blue')}])" in said
    assert "(available == true)" in said
    assert "(rating >= 4.0999999999999" in said
    assert said.count("not array_contains") == 3
    assert "not array_contains" not in expression(filters, with_not=False)


def test_fields_of_a_product_with_variants() -> None:
    product = Product(
        "S",
        "Shirt",
        Decimal(9),
        stock=3,
        variants=(
            Variant("S-M", Decimal(12), 0, {"size": "M"}),
            Variant("S-L", Decimal("9.5"), 3, {"size": "L"}),
        ),
    )
    fields = fields_of(product)
    assert (fields["price_low"], fields["price_high"]) == (95_000, 120_000)
    assert (fields["available"], fields["complete"], fields["rating"]) == (True, True, -1.0)
    assert {term("attribute", "sizes", "m"), term("attribute", "", "l")} <= set(fields["attributes"])


def test_more_words_than_milvus_holds() -> None:
    product = Product("A", " ".join(f"w{number}" for number in range(MAX_TERMS + 10)), Decimal(1))
    fields = fields_of(product)
    assert len(fields["words"]) == MAX_TERMS
    assert not fields["complete"]
