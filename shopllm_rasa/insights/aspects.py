"""What customers praise and complain about, by aspect: battery, noise, comfort and the like."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from shopllm_rasa.catalog.vocabulary import normal_words
from shopllm_rasa.insights.reviews import Review, ReviewStore

# Words by which an aspect is spoken of, in wishes and in reviews alike.
_ASPECTS = {
    "battery": "battery batteries charge charging recharge runtime",
    "noise": "noise noisy loud quiet quieter silent silence hum humming rattle rattles squeak squeaks whine buzzing",
    "comfort": "comfort comfortable comfy uncomfortable hurt hurts ache aches sore pinch pinches blister blisters",
    "size": "fit fits fitting tight narrow wide roomy baggy sizing",
    "durability": "durable durability sturdy robust broke breaks broken cracked crack peeling worn tore ripped snapped"
    " lasting faulty dead died stopped",
    "picture": "picture photo image sharpness blurry grainy screen display",
    "sound": "sound audio bass tinny",
    "speed": "fast quick slow lag lags laggy freezes speed sluggish",
    "warmth": "warm warmth cold chilly insulation insulated",
    "water": "waterproof watertight leak leaks leaked leaking rain soaked wet",
    "cleaning": "clean cleaning washable wash washed washing dishwasher stain stains wipe",
    "assembly": "assemble assembly assembled assembling instructions screws holes",
    "connection": "app wifi wi-fi bluetooth connect connects connection connected disconnects pairing offline drops",
    "smell": "smell smells smelly scent odour stink stinks",
    "weight": "light lightweight heavy weight weighs bulky",
    "stability": "stable wobble wobbles wobbly tips rickety",
    "sharpness": "sharp blunt dull",
    "non-stick": "nonstick non-stick sticks sticking coating",
    "softness": "soft softness rough scratchy itchy itch itches",
}
_ASPECT_OF = {word: name for name, words in _ASPECTS.items() for word in normal_words(words)}
# A sentence of a poor review with one of these and none of the bad words praises.
_GOOD_WORDS = frozenset(
    normal_words(
        "good great excellent lovely nice love loved perfect brilliant superb fine well best fantastic amazing decent"
        " beautiful happy impressed pleased fab gorgeous outstanding solid nicely comfortable comfy quiet silent light"
        " lightweight fast quick sturdy durable robust stable waterproof"
    )
)
_BAD_WORDS = frozenset(
    normal_words(
        "not no never nothing bad poor poorly worse worst terrible awful horrible useless disappointing"
        " disappointed broke broken cracked crack slow loud noisy tinny blurry grainy leak leaks leaked"
        " leaking wobbly wobbles hurts uncomfortable blunt dull weak barely hardly only too stopped died dead"
        " faulty fails failed freezes laggy drops disconnects offline stinks itchy scratchy rough tight shame"
        " pity unfortunately annoying problem problems issue issues return returned sending wish sore"
    )
)
_SENTENCE = re.compile(r"[.!?;:\n]+|\bbut\b|\bthough\b|\bhowever\b", re.I)
_NEGATION = re.compile(r"n['’]t\b", re.I)
_POOR = 3
# Products whose reviews are kept sorted.
_CACHED = 20_000


@dataclass(frozen=True)
class Opinion:
    """How customers speak of one aspect of one product.

    Attributes:
        complaints: reviews that complain about it.
        praises: reviews that praise it.
    """

    complaints: int
    praises: int

    @property
    def complaint_share(self) -> float:
        """Share of complaints, 0 to 1, shrunk as if two more reviews had no complaint."""
        return self.complaints / (self.complaints + self.praises + 2)


def aspects_of(text: str) -> tuple[str, ...]:
    """The aspects that a text speaks of, each once."""
    return tuple(dict.fromkeys(_ASPECT_OF[word] for word in normal_words(text) if word in _ASPECT_OF))


class AspectOpinions:
    """Opinions of products by aspect, found by words when a product is first asked for.

    A review of three stars or fewer complains about the aspects of its sentences, except where a sentence only
    praises. One of four or five stars praises them, except where a sentence has a bad word or a negation ("no wet
    feet"), which then says nothing.
    """

    def __init__(self, reviews: ReviewStore) -> None:
        self._reviews = reviews
        self._cached = lru_cache(maxsize=_CACHED)(self._find)

    def of(self, product_id: str) -> Mapping[str, Opinion]:
        """Opinions of a product by the name of the aspect."""
        return self._cached(product_id)

    def _find(self, product_id: str) -> Mapping[str, Opinion]:
        return count_opinions(self._reviews.of(product_id))


def count_opinions(reviews: Iterable[Review]) -> dict[str, Opinion]:
    """Counts complaints and praises of some reviews by aspect; a review counts once for each aspect."""
    complaints: dict[str, int] = {}
    praises: dict[str, int] = {}
    for review in reviews:
        bad: set[str] = set()
        good: set[str] = set()
        for sentence in _SENTENCE.split(f"{review.title}. {review.text}"):
            words = frozenset(normal_words(sentence))
            clouded = bool(words & _BAD_WORDS) or bool(_NEGATION.search(sentence))
            if review.rating <= _POOR and (clouded or not words & _GOOD_WORDS):
                bad.update(aspects_of(sentence))
            elif not clouded:
                good.update(aspects_of(sentence))
        for aspect in bad:
            complaints[aspect] = complaints.get(aspect, 0) + 1
        for aspect in good - bad:
            praises[aspect] = praises.get(aspect, 0) + 1
    return {name: Opinion(complaints.get(name, 0), praises.get(name, 0)) for name in {**complaints, **praises}}
