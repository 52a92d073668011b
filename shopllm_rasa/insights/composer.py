"""Describes a product without a model: the feed's own sentences, and its attributes as sentences.

Nothing is added that the product's data do not say. A tone changes how the text opens and in what order it goes on,
never what it claims: no "exquisite" where the feed has no such word. Price and stock are left out, for they change and
a description is kept.
"""

import html
import re
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from shopllm_rasa.catalog import Product
from shopllm_rasa.catalog.product import AttributeValue, joined
from shopllm_rasa.instructions import before_instructions, speaks_to_a_model

Tone = Literal["plain", "friendly", "luxury", "technical"]
Length = Literal["short", "medium", "long"]
TONES: tuple[Tone, ...] = get_args(Tone)
LENGTHS: tuple[Length, ...] = get_args(Length)

MAX_SEO_TITLE = 60
MIN_SEO_TITLE = 25
MAX_SEO_DESCRIPTION = 155
MAX_BULLET = 160


@dataclass(frozen=True)
class Size:
    """How much a length holds.

    Attributes:
        sentences: of the feed's own text.
        bullets: attributes as a list.
        attributes: told in sentences: those that follow the ones in the list, or the first if the feed has no text.
    """

    sentences: int
    bullets: int
    attributes: int


SIZES: dict[Length, Size] = {"short": Size(1, 3, 0), "medium": Size(2, 5, 0), "long": Size(12, 8, 8)}

# One of them is picked by the product's id, so that the pages of a catalogue do not all begin alike.
_OPENINGS: dict[Tone, tuple[str, ...]] = {
    "plain": (),
    "friendly": ("Meet the {name}.", "Say hello to the {name}.", "Take a look at the {name}."),
    "luxury": ("Introducing the {name}.", "Presenting the {name}.", "The {name}, in detail."),
    "technical": ("Technical data: {name}.", "Specification: {name}."),
}
_CLOSINGS: dict[Tone, tuple[str, ...]] = {
    "plain": (),
    "friendly": ("Any questions? Just ask us.", "Want to know more? We are happy to help."),
    "luxury": ("We are at your service for any question.",),
    "technical": (),
}

_YES, _NO = ("yes",), ("no", "none")
_MATERIALS = ("material", "materials")
_CONTENTS = ("includes", "included", "contents", "in the box")
# Attributes that read well as "a weight of 254 g".
_MEASURES = frozenset(
    (
        "battery life", "burn time", "capacity", "depth", "diameter", "height", "length", "load", "maximum height",
        "maximum load", "playing time", "resolution", "running time", "screen size", "tank", "thickness", "volume",
        "warranty", "weight", "width",
    )
)  # fmt: skip
_AMOUNT = re.compile(r"(?:about |up to )?\d[\d.,]* ?[^\d,;()]{0,12}")
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+(?=[A-Z0-9“\"<])")
_TAG = re.compile(r"<[^<>]{1,200}>")


@dataclass(frozen=True)
class Copy:
    """The texts of a product page.

    Attributes:
        title: the heading.
        text: the description, one or more paragraphs.
        bullets: the product's main facts.
        seo_title: for a search engine's result, at most 60 characters.
        seo_description: likewise, at most 155 characters.
    """

    title: str
    text: str
    bullets: tuple[str, ...]
    seo_title: str
    seo_description: str

    @property
    def whole(self) -> str:
        """All of it, as one text to check."""
        return "\n".join((self.title, self.text, *self.bullets, self.seo_title, self.seo_description))


def compose(product: Product, tone: Tone = "plain", length: Length = "medium") -> Copy:
    """Writes a product's texts from its own data.

    Args:
        product: what is described.
        tone: how it opens and what comes first.
        length: how much of the data is told.
    """
    size = SIZES[length]
    own = sentences_of(product)
    attributes = attributes_of(product)
    first_told = size.bullets if own else 0
    told = [*_attribute_sentences(attributes[first_told : first_told + size.attributes])]
    opening = [_pick(_OPENINGS[tone], product.id).format(name=product.name)] if _OPENINGS[tone] else []
    closing = [_pick(_CLOSINGS[tone], product.id)] if _CLOSINGS[tone] and length != "short" else []
    body = [" ".join(own[: size.sentences]), " ".join(told)]
    if tone == "technical":
        body.reverse()
    if not any(body):
        body = [_bare(product)]
    first, *rest = [paragraph for paragraph in body if paragraph]
    paragraphs = [" ".join([*opening, first]), *rest]
    if closing:
        paragraphs[-1] += f" {closing[0]}"
    bullets = tuple(bullet for bullet in map(_bullet, attributes) if len(bullet) <= MAX_BULLET)
    return Copy(
        _title(product), "\n\n".join(paragraphs), bullets[: size.bullets], _seo_title(product), _seo(product, own)
    )


def facts_of(product: Product) -> str:
    """Everything a description may rest on, a line each. Price and stock are none of it."""
    lines = [f"Name: {product.name}"]
    if product.brand:
        lines.append(f"Brand: {product.brand}")
    if product.categories:
        lines.append(f"Category: {' > '.join(product.categories)}")
    lines += [_bullet(attribute) for attribute in attributes_of(product)]
    if own := " ".join(sentences_of(product)):
        lines.append(f"Text: {own}")
    return "\n".join(lines)


def sentences_of(product: Product) -> list[str]:
    """The feed's own sentences, without markup, up to the first that speaks to a language model."""
    raw = _SENTENCE_END.split(" ".join(html.unescape(product.description).split()))
    plain = (" ".join(_TAG.sub(" ", sentence).split()) for sentence in before_instructions(raw))
    return [sentence for sentence in plain if sentence]


def attributes_of(product: Product) -> list[tuple[str, AttributeValue]]:
    """Names and values, without those that speak to a language model."""
    return [
        (name, value)
        for name, value in product.attributes.items()
        if not speaks_to_a_model(name) and not speaks_to_a_model(joined(value))
    ]


def _pick(choices: Sequence[str], key: str) -> str:
    return choices[zlib.crc32(key.encode()) % len(choices)]


def _title(product: Product) -> str:
    if product.brand and product.brand.casefold() not in product.name.casefold():
        return f"{product.name} by {product.brand}"
    return product.name


def _bare(product: Product) -> str:
    return f"{_title(product)}: {product.categories[-1]}." if product.categories else f"{_title(product)}."


def _bullet(attribute: tuple[str, AttributeValue]) -> str:
    name, value = attribute
    return f"{_capital(name)}: {joined(value)}"


def _attribute_sentences(attributes: Sequence[tuple[str, AttributeValue]]) -> Iterator[str]:
    """Amounts share one sentence; what is there or is not shares another; the rest has one each."""
    amounts, had, lacked, others = [], [], [], []
    for name, value in attributes:
        text = joined(value)
        if name in _MEASURES and _AMOUNT.fullmatch(text):
            amounts.append(f"a {name} of {text}")
        elif name in _MATERIALS:
            others.append(f"Made of {_series(value)}.")
        elif name in _CONTENTS:
            others.append(f"Included: {_series(value)}.")
        elif name.startswith("compatible"):
            others.append(f"{_capital(name)} {_series(value)}.")
        elif text in _YES and not _is_quality(name):
            had.append(name)
        elif text in _NO and not _is_quality(name):
            lacked.append(name)
        else:
            others.append(f"{_capital(name)}: {_series(value)}.")
    if amounts:
        yield f"With {_listed(amounts)}."
    if had:
        yield f"With {_listed(had)}."
    if lacked:
        yield f"Without {_listed(lacked)}."
    yield from others


def _is_quality(name: str) -> bool:
    """Whether an attribute is something a product is, not something it has: "vegan", "dishwasher safe"."""
    return " " not in name or name.endswith(("safe", "proof", "resistant", "free"))


def _series(value: AttributeValue) -> str:
    return value if isinstance(value, str) else _listed(list(value))


def _listed(items: Sequence[str]) -> str:
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} and {items[-1]}"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _seo_title(product: Product) -> str:
    """The longest title that fits; a name that is too long loses its last parts."""
    for text in (_title(product), product.name):
        if len(text) <= MAX_SEO_TITLE:
            return text
    name = product.name
    for separator in (", ", " - ", " ("):
        while separator in name and len(name) > MAX_SEO_TITLE:
            name = name.rsplit(separator, 1)[0]
    return name if MIN_SEO_TITLE <= len(name) <= MAX_SEO_TITLE else shortened(product.name, MAX_SEO_TITLE)


def _seo(product: Product, own: Sequence[str]) -> str:
    """Whole sentences in their order while they fit, then attributes."""
    text = ""
    bullets = [f"{bullet}." for bullet in map(_bullet, attributes_of(product))]
    for pieces in (own, bullets):
        for piece in pieces:
            longer = f"{text} {piece}".strip()
            if len(longer) > MAX_SEO_DESCRIPTION:
                break
            text = longer
    return text or shortened((own or [_bare(product)])[0], MAX_SEO_DESCRIPTION)


def shortened(text: str, limit: int) -> str:
    """Cuts a text between words; the result, its "..." included, has at most `limit` characters."""
    if len(text) <= limit:
        return text
    whole_words = text[: limit - 2].rsplit(" ", 1)[0][: limit - 3]
    return f"{whole_words.rstrip(' ,;:-')}..."
