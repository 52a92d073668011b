"""What a product must fulfil, besides being about what was asked."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from decimal import Decimal, InvalidOperation
from typing import Any

from shopllm_rasa.catalog import Product
from shopllm_rasa.catalog.product import AttributeValue, joined
from shopllm_rasa.catalog.vocabulary import SPOKEN_ATTRIBUTES, normal_words
from shopllm_rasa.errors import SearchError

# "no-contract", "non-stick", "without contract", "sugar-free"
_LACKED = re.compile(r"\b(?:no|non|without)[\s-]+\w+|\b\w+[\s-]free\b", re.I)
_FOR = re.compile(r"\b(?:for|fits|compatible with|works with)\b", re.I)
_EXCLUSIONS = ("exclude_brands", "exclude_categories", "exclude_words")
_TEXT_LISTS = ("brands", "categories", *_EXCLUSIONS)


@dataclass(frozen=True)
class Filters:
    """Conditions on products; each empty one allows all.

    Text is compared without case. A category fits when it is any step of a product's category path,
    an attribute when its words stand in one of the product's values ("oak" fits "solid oak, steel").
    Of a product with variants, price, stock and attributes have to be fulfilled by one and the same variant.

    Attributes:
        price_min: lowest price, inclusive.
        price_max: highest price, inclusive.
        currency: ISO 4217 code that prices have to be in; None compares amounts alone.
        brands: allowed brands.
        categories: allowed categories.
        attributes: name to required value; the name '' stands for any attribute.
        in_stock: True keeps only what is on hand.
        min_rating: lowest mean of the customers' stars; products without ratings do not fit.
        exclude_brands: brands that are not wanted, also where another sells the product: a phone "Boost Mobile -
            Samsung Galaxy J3" is a Samsung, a case "for Samsung" is not.
        exclude_categories: categories that are not wanted.
        exclude_words: words, or phrases of several, that stand in no name, brand, category or attribute of a
            result. Descriptions may have them: "no contract needed" is no reason against a phone without one, nor
            are names that say "no contract", "without contract" or "contract-free".
    """

    price_min: Decimal | None = None
    price_max: Decimal | None = None
    currency: str | None = None
    brands: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    attributes: Mapping[str, str] = field(default_factory=dict)
    in_stock: bool = False
    min_rating: float | None = None
    exclude_brands: tuple[str, ...] = ()
    exclude_categories: tuple[str, ...] = ()
    exclude_words: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not isinstance(self.attributes, Mapping) or not all(
            isinstance(value, str) for value in self.attributes.values()
        ):
            raise SearchError(f"'attributes' is {self.attributes}; expected names with a text each.")
        for name in ("price_min", "price_max"):
            object.__setattr__(self, name, _amount(name, getattr(self, name)))
        if self.price_min is not None and self.price_max is not None and self.price_min > self.price_max:
            raise SearchError(f"price_min {self.price_min} is above price_max {self.price_max}; no product can fit.")
        if self.currency is not None and not re.fullmatch(r"[A-Za-z]{3}", str(self.currency)):
            raise SearchError(f"'currency' is '{self.currency}'; expected a code of three letters such as EUR.")
        object.__setattr__(self, "min_rating", _stars(self.min_rating))
        both = folded(self.brands) & folded(self.exclude_brands) or folded(self.categories) & folded(
            self.exclude_categories
        )
        if both:
            raise SearchError(f"'{min(both)}' is both asked for and excluded; no product can fit.")

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Filters":
        """Makes filters of a mapping.

        Raises:
            SearchError: on an unknown field, naming the known ones.
        """
        known = [item.name for item in fields(cls)]
        unknown = [name for name in values if name not in known]
        if unknown:
            raise SearchError(f"Unknown filter '{unknown[0]}'. Known filters: {', '.join(known)}.")
        many = {name: _texts(name, values[name]) for name in _TEXT_LISTS if name in values}
        return cls(**{**values, **many})

    def allow(self, product: Product) -> bool:
        """Tells whether a product fulfils every condition."""
        if self.currency is not None and product.currency != self.currency.upper():
            return False
        if self.min_rating is not None and (product.rating is None or product.rating < self.min_rating):
            return False
        brand = product.brand.casefold()
        if (self.brands and brand not in folded(self.brands)) or brand in folded(self.exclude_brands):
            return False
        if self.exclude_brands:
            made_by = maker_words(product)
            if any(words and made_by.issuperset(words) for words in map(normal_words, self.exclude_brands)):
                return False
        steps = folded(product.categories)
        if (self.categories and not folded(self.categories) & steps) or folded(self.exclude_categories) & steps:
            return False
        if self.exclude_words:
            words = frozenset(identity_words(product))
            if any(phrase and words.issuperset(phrase) for phrase in map(normal_words, self.exclude_words)):
                return False
        return any(self._allows_offer(offer) for offer in offers(product))

    def _allows_offer(self, offer: "Offer") -> bool:
        if self.price_min is not None and offer.price < self.price_min:
            return False
        if self.price_max is not None and offer.price > self.price_max:
            return False
        if self.in_stock and offer.stock is not None and offer.stock <= 0:
            return False
        return all(
            any(has_attribute(name, value, wanted_name, wanted) for name, value in attribute_pairs(offer.attributes))
            for wanted_name, wanted in self.attributes.items()
        )

    def describe(self) -> list[str]:
        """The conditions in words, as shown with a search result."""
        words = [*self.categories, *self.brands]
        words += [f"{name}: {value}" if name else value for name, value in self.attributes.items()]
        if self.price_min is not None:
            words.append(f"from {self.price_min}")
        if self.price_max is not None:
            words.append(f"up to {self.price_max}")
        if self.currency is not None:
            words.append(f"in {self.currency}")
        if self.min_rating is not None:
            words.append(f"{self.min_rating:g} stars or more")
        if self.in_stock:
            words.append("in stock")
        words += [f"not {name}" for name in (*self.exclude_brands, *self.exclude_categories, *self.exclude_words)]
        return words

    def __bool__(self) -> bool:
        return self != _NOTHING

    def under(self, firm: "Filters") -> "Filters":
        """These conditions and firmer ones, which win where both speak of the same.

        Exclusions of both hold. A limit of these that contradicts the firm ones goes.
        """
        open_names = [item.name for item in fields(self) if getattr(firm, item.name) == getattr(_NOTHING, item.name)]
        mine = {name: getattr(self, name) for name in open_names}
        if "price_min" in mine and firm.price_max is not None and (self.price_min or 0) > firm.price_max:
            del mine["price_min"]
        if "price_max" in mine and firm.price_min is not None and (self.price_max or firm.price_min) < firm.price_min:
            del mine["price_max"]
        unwanted = {name: tuple(dict.fromkeys(getattr(firm, name) + getattr(self, name))) for name in _EXCLUSIONS}
        for wanted, name in (("brands", "exclude_brands"), ("categories", "exclude_categories")):
            asked = folded(getattr(firm, wanted))
            unwanted[name] = tuple(value for value in unwanted[name] if value.casefold() not in asked)
            gone = folded(getattr(firm, name))
            mine[wanted] = tuple(value for value in mine.get(wanted, ()) if value.casefold() not in gone)
            if not mine[wanted]:
                del mine[wanted]
        attributes = {**self.attributes, **firm.attributes}
        return replace(firm, **{**mine, **unwanted, "attributes": attributes})

    def relaxations(self, kept: "Filters | None" = None) -> list[tuple[str, "Filters"]]:
        """Ever wider filters, in the order in which conditions are given up.

        Attributes go first, then the rating, the brand, and the price. Category, stock and exclusions stay: a
        bed is no answer to someone who asked for a kettle, nor a pink one to someone who wants none.

        Args:
            kept: conditions that stay.

        Returns:
            Pairs of what was given up last and the filters that are left.
        """
        steps = []
        current = self
        stay = kept or _NOTHING
        for name, names in (
            ("attributes", ("attributes",)),
            ("rating", ("min_rating",)),
            ("brand", ("brands",)),
            ("price", ("price_min", "price_max")),
        ):
            wider = replace(current, **{part: getattr(stay, part) for part in names})
            if wider != current:
                current = wider
                steps.append((name, current))
        return steps


@dataclass(frozen=True)
class Offer:
    """What can be bought for one price: a product without variants, or one of its variants.

    Attributes:
        price: in the product's currency.
        stock: pieces on hand; None where unknown.
        attributes: of the variant, and those of the product in which its variants do not differ.
    """

    price: Decimal
    stock: int | None
    attributes: Mapping[str, AttributeValue]


def offers(product: Product) -> Iterator[Offer]:
    """The offers of a product, one at least."""
    if not product.variants:
        yield Offer(product.price, product.stock, product.attributes)
        return
    differing = {name for variant in product.variants for name in variant.attributes}
    common = {name: value for name, value in product.attributes.items() if name not in differing}
    for variant in product.variants:
        yield Offer(variant.price, variant.stock, {**common, **variant.attributes})


def attribute_pairs(attributes: Mapping[str, AttributeValue]) -> Iterator[tuple[str, str]]:
    """Each attribute's name with each of its values, in the form in which they are compared."""
    for name, values in attributes.items():
        for value in (values,) if isinstance(values, str) else values:
            yield attribute_name(name), spaced(value)


def has_attribute(name: str, value: str, wanted_name: str, wanted: str) -> bool:
    """Whether a pair of `attribute_pairs` fulfils what is wanted of an attribute, '' standing for any."""
    return (not wanted_name or name == attribute_name(wanted_name)) and spaced(wanted) in value


def attribute_name(name: str) -> str:
    """Names are compared without case, and 'color' is 'colour' as in the catalogue's vocabulary."""
    return SPOKEN_ATTRIBUTES.get(name.casefold(), name.casefold())


def spaced(text: str) -> str:
    """Words between single spaces: 'oak' is found in 'solid oak, steel', but not 'art' in 'smart' or '42' in '42.5'."""
    words = re.findall(r"\d+(?:[.,]\d+)+[^\W_]*|[^\W_]+", text.casefold())
    return f" {' '.join(words).replace(',', '.')} "


def identity_words(product: Product) -> tuple[str, ...]:
    """The words that say what a product is: all but its description's, and but those it says it is without."""
    values = (joined(value) for value in product.attributes.values())
    text = " ; ".join((product.name, product.brand, *product.categories, *values))
    return normal_words(_LACKED.sub(" ", text))


def maker_words(product: Product) -> frozenset[str]:
    """The words that may say who made a product: its brand's, and its name's up to what it is for."""
    return frozenset(normal_words(f"{product.brand} ; {_FOR.split(product.name, maxsplit=1)[0]}"))


def folded(values: Iterable[str]) -> set[str]:
    """Texts as they are compared."""
    return {value.casefold() for value in values}


def _amount(name: str, value: Any) -> Decimal | None:
    if value is None:
        return None
    try:
        amount = Decimal(str(value))
    except InvalidOperation:
        raise SearchError(f"'{name}' is '{value}'; expected an amount such as 49.99.") from None
    if not amount.is_finite() or amount < 0:
        raise SearchError(f"'{name}' is {value}; expected an amount from 0.")
    return amount


def _stars(value: Any) -> float | None:
    if value is None:
        return None
    try:
        stars = float(value)
    except (TypeError, ValueError):
        stars = -1.0
    if not 0 <= stars <= 5:
        raise SearchError(f"'min_rating' is '{value}'; expected stars from 0 to 5.")
    return stars


def _texts(name: str, value: Any) -> tuple[str, ...]:
    texts = (value,) if isinstance(value, str) else value
    if not isinstance(texts, list | tuple) or not all(isinstance(text, str) for text in texts):
        raise SearchError(f"'{name}' is {value}; expected a text or a list of texts.")
    return tuple(texts)


_NOTHING = Filters()
