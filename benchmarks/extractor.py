"""Measures `CatalogEntityExtractor`'s finder with 50,000 names: `.venv/bin/python benchmarks/extractor.py`.

The names are made up, and the same in every run: 12,000 brands, 2,500 categories and 35,500 products. So are the
messages; a third of their longer words is mistyped.
"""

import random
import time
import tracemalloc
from collections.abc import Callable, Iterator
from itertools import count, islice
from statistics import quantiles

from shopllm_rasa.catalog.mentions import MAX_TEXT_CHARACTERS, MentionFinder
from shopllm_rasa.catalog.vocabulary import Vocabulary, normal_words
from shopllm_rasa.spelling.english import common_words

BRANDS, CATEGORIES, PRODUCTS = 12_000, 2_500, 35_500
MESSAGES, LONG_MESSAGES, TYPOS = 1_000, 100, 2_000
MIN_MISTYPED_LETTERS = 5

SYLLABLES = (
    "ba be bo bra bri ca cel co cra da den dor dra el en fa fen fi for fra ga gar glo gra ha hel hor in ka kel kin ko"
    " la len li lor lu ma mar mel mi mon na nel ni nor o or pa pel pi por qua ra ren ri ro sa sel si sol sta ta tel ti"
    " tor tri u ul va vel vi vor wa wel wi ya zen zo"
)
QUALITIES = (
    "wireless portable electric compact folding outdoor waterproof cordless digital smart mini professional vintage"
    " wooden stainless ceramic leather cotton heavy lightweight adjustable rechargeable silent garden kitchen travel"
    " gaming bluetooth solar magnetic insulated stackable ergonomic inflatable handmade organic running hiking"
    " industrial ultrasonic reversible thermal bamboo crystal marble velvet nordic classic modern rustic"
)
THINGS = (
    "headphones speakers kettles toasters blenders lamps chairs tables sofas desks shelves mattresses pillows blankets"
    " curtains rugs mirrors clocks backpacks suitcases wallets jackets trousers sweaters sandals sneakers boots gloves"
    " scarves watches bracelets earrings keyboards monitors printers routers chargers cables tripods cameras tents"
    " bicycles helmets skateboards dumbbells racquets puzzles notebooks candles vases"
)
COLOURS = "black white silver graphite burgundy turquoise lavender emerald ivory charcoal crimson olive"
MESSAGE_FORMS = (
    "hello i am looking for {brand} {category} under {amount} euros please",
    "do you have any {category} by {brand} in {colour}, size 42, between {amount} and 400",
    "my sister recommended the {product} but i would rather get something cheaper than {amount}",
    "which of the {category} is better, the second one or the last one, and is it in stock",
    "can you tell me whether {brand} makes {colour} {category} that cost around {amount} dollars",
    "where is my order #10234, i ordered the {product} two weeks ago and my email is jo@shop.example",
    "show me {category}",
    "what is the difference between the {product} and the {product}?",
)


def vocabulary() -> Vocabulary:
    """50,000 names."""
    chance = random.Random(7)
    brands = _different(BRANDS, lambda: _brand(chance))
    categories = _different(CATEGORIES, lambda: _category(chance))
    products = _different(PRODUCTS, lambda: _product(chance, brands))
    words = {word for name in [*brands, *categories, *products] for word in normal_words(name)}
    return Vocabulary(
        brands=brands,
        categories=categories,
        attributes={"colour": COLOURS.split()},
        products={f"P-{number}": name for number, name in enumerate(products)},
        words=sorted(words),
        sizes=[str(size) for size in range(36, 47)],
    )


def _different(number: int, make: Callable[[], str]) -> list[str]:
    found: dict[str, None] = {}
    while len(found) < number:
        found[make()] = None
    return list(found)


def _brand(chance: random.Random) -> str:
    name = _invented(chance, chance.choice((2, 3, 3, 4)))
    return f"{name} {chance.choice((QUALITIES + THINGS).split())}".title() if chance.random() < 0.3 else name


def _category(chance: random.Random) -> str:
    qualities = chance.sample(QUALITIES.split(), chance.choice((1, 2)))
    return " ".join([*qualities, chance.choice(THINGS.split())]).title()


def _product(chance: random.Random, brands: list[str]) -> str:
    thing = f"{chance.choice(QUALITIES.split())} {chance.choice(THINGS.split()).removesuffix('s')}".title()
    colour = chance.choice(COLOURS.split()).title()
    return f"{chance.choice(brands)} {_invented(chance, 2)} {chance.randrange(1, 99)} {thing}, {colour}"


def _invented(chance: random.Random, syllables: int) -> str:
    return "".join(chance.choices(SYLLABLES.split(), k=syllables)).title()


def messages(words: Vocabulary) -> Iterator[str]:
    """Messages of 3 to 25 words, without end."""
    chance = random.Random(11)
    products = list(words.products.values())
    for number in count():
        text = MESSAGE_FORMS[number % len(MESSAGE_FORMS)].format(
            brand=chance.choice(words.brands).lower(),
            category=chance.choice(words.categories).lower(),
            product=chance.choice(products),
            colour=chance.choice(COLOURS.split()),
            amount=chance.randrange(20, 300),
        )
        yield " ".join(
            mistyped(word, chance) if can_be_mistyped(word) and chance.random() < 1 / 3 else word
            for word in text.split(" ")
        )


def long_messages() -> Iterator[str]:
    """Messages as long as one is read, of words that nobody knows: the dearest there are."""
    chance = random.Random(13)
    while True:
        words = ["".join(chance.choices("abcdefghiklmnoprstuvwy", k=chance.randrange(5, 11))) for _ in range(400)]
        yield " ".join(words)[:MAX_TEXT_CHARACTERS]


def can_be_mistyped(word: str) -> bool:
    """Whether the typo of a word can be told, by the same rule as in the finder."""
    return len(word) >= MIN_MISTYPED_LETTERS and word.isalpha()


def mistyped(word: str, chance: random.Random) -> str:
    """A word with one letter, not the first, missing, doubled, swapped or wrong."""
    place = chance.randrange(1, len(word) - 1)
    head, letter, tail = word[:place], word[place], word[place + 1 :]
    typos = (head + tail, head + letter + letter + tail, head + tail[0] + letter + tail[1:], head + "e" + tail)
    return chance.choice([typo for typo in typos if typo != word])


def extractor_figures() -> dict[str, float]:
    """Everything measured, by a name that says its unit."""
    words = vocabulary()
    MentionFinder(Vocabulary())  # reads what is read once a process
    started = time.perf_counter()
    finder = MentionFinder(words)
    seconds = time.perf_counter() - started
    usual = _percentiles(finder, islice(messages(words), MESSAGES))
    long = _percentiles(finder, islice(long_messages(), LONG_MESSAGES))
    found, other = _mistyped_names(finder, words)
    return {
        "names": BRANDS + CATEGORIES + PRODUCTS,
        "prepare_s": seconds,
        "memory_mib": _mebibytes(words),
        "p50_ms": usual[49],
        "p95_ms": usual[94],
        "p99_ms": usual[98],
        "long_p50_ms": long[49],
        "long_p95_ms": long[94],
        "mistyped_found": found,
        "mistyped_other": other,
        "ordinary_taken_for_name": _ordinary_taken_for_name(finder),
    }


def _percentiles(finder: MentionFinder, texts: Iterator[str]) -> list[float]:
    times = []
    for text in texts:
        started = time.perf_counter()
        finder.find(text)
        times.append((time.perf_counter() - started) * 1000)
    return quantiles(times, n=100)


def _mebibytes(words: Vocabulary) -> float:
    tracemalloc.start()
    finder = MentionFinder(words)
    size, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    del finder
    return size / 2**20


def _mistyped_names(finder: MentionFinder, words: Vocabulary) -> tuple[float, float]:
    """Of brands and categories with one typo, the share that is found and the share taken for another name."""
    chance = random.Random(17)
    names = [name for name in [*words.brands, *words.categories] if any(map(can_be_mistyped, name.split()))]
    found = other = 0
    for name in chance.choices(names, k=TYPOS):
        parts = name.lower().split()
        place = chance.choice([row for row, part in enumerate(parts) if can_be_mistyped(part)])
        parts[place] = mistyped(parts[place], chance)
        mentions = finder.find(f"i want a {' '.join(parts)} please")
        values = {mention.value for mention in mentions if mention.kind in ("brand", "category")}
        found += name in values
        other += bool(values - {name})
    return found / TYPOS, other / TYPOS


def _ordinary_taken_for_name(finder: MentionFinder) -> float:
    """Of common English words with one typo, the share in which a name is found."""
    chance = random.Random(19)
    words = sorted(word for word in common_words(4_000) if can_be_mistyped(word) and not finder.find(f"hello {word}"))
    return sum(bool(finder.find(f"hello {mistyped(word, chance)}")) for word in words) / len(words)


def table(figures: dict[str, float]) -> list[str]:
    """The figures as a table in Markdown."""
    return [
        f"| {figures['names']:,} names | figure |",
        "|---|---:|",
        f"| a usual message (3 to 25 words), median | {figures['p50_ms']:.1f} ms |",
        f"| a usual message, 95 of 100 within | {figures['p95_ms']:.1f} ms |",
        f"| a usual message, 99 of 100 within | {figures['p99_ms']:.1f} ms |",
        f"| 2,000 characters of unknown words, median | {figures['long_p50_ms']:.1f} ms |",
        f"| 2,000 characters of unknown words, 95 of 100 within | {figures['long_p95_ms']:.1f} ms |",
        f"| preparing the finder | {figures['prepare_s']:.1f} s |",
        f"| memory of the finder | {figures['memory_mib']:.0f} MiB |",
        f"| brands and categories with one typo that are found | {figures['mistyped_found']:.1%} |",
        f"| brands and categories with one typo that give another name | {figures['mistyped_other']:.1%} |",
        f"| common English words with one typo that give a name | {figures['ordinary_taken_for_name']:.1%} |",
    ]


if __name__ == "__main__":
    print("\n".join(table(extractor_figures())))
