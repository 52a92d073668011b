"""The words by which products are found: one form for what feeds and customers write in many."""

import re
from collections import Counter
from collections.abc import Container, Iterable, Iterator
from itertools import islice, pairwise

from shopllm_rasa.catalog import Product
from shopllm_rasa.catalog.product import joined
from shopllm_rasa.catalog.vocabulary import normal_word, normal_words
from shopllm_rasa.spelling.stems import stem

# How much a word counts by the field it stands in: the weighted term frequency of BM25F (Robertson, Zaragoza and
# Taylor, "Simple BM25 extension to multiple weighted fields", 2004). Chosen on the tuning queries of
# benchmarks/data/electronics_queries.jsonl.
FIELD_WEIGHTS = {"name": 6, "brand": 2, "categories": 4, "attributes": 4, "description": 1}
# A longer text says little more, and costs memory in each posting.
MAX_FIELD_WORDS = 2_000
MAX_FREQUENCY = 255
MAX_CODES = 50
_MIN_CODE_CHARACTERS, _MAX_CODE_CHARACTERS = 4, 64
# Of a code that has digits alone; a GTIN has 8 at least.
_MIN_DIGITS = 6

# Words that say nothing of a question's subject.
STOP_WORDS = frozenset(
    normal_words(
        "a an the i you we it is are am be been was do does did can could would will shall should may might must my"
        " your our me us they them he she his her to of in on at for from with by and or not no if how what when where"
        " which who why this that these those there have has had get got any some please hi hello hey so as about"
        " into out up off just also too want need like tell know thing long much many"
    )
)

_NUMBER = r"\d+(?:[.,]\d+)?"
# The one way in which a measure is written here, and the others: 55", 55-inch and 55 in. are "55inch".
_UNITS = {
    "inch": r"inch(?:es)?|in\.|''|[\"”″]",
    "ft": r"ft|foot|feet|['’′](?!\w)",
    "gb": r"gb|gigs?|gigabytes?",
    "tb": r"tb|terabytes?",
    "mb": r"mb|megabytes?",
    "mah": r"mah",
    "mp": r"mp|mpx|megapixels?",
    "watt": r"w|watts?",
    "volt": r"v|volts?",
    "mm": r"mm",
    "cm": r"cm",
    "oz": r"oz|ounces?",
    "qt": r"qts?|quarts?",
    "cuft": r"cu\.? ?(?:ft|feet)\.?",
    "lb": r"lbs?|pounds?",
    "kg": r"kgs?|kilos?",
    "hz": r"hz",
    "ghz": r"ghz",
    "pack": r"[- ]?packs?|pk",
}
_UNIT = "|".join(f"(?P<{name}>{forms})" for name, forms in _UNITS.items())
_MEASURE = re.compile(rf"(?<![\w.])(?P<number>{_NUMBER})[\s-]?(?:{_UNIT})(?!\w)", re.I)
# A word, or a code with its inner signs: "wh-1000xm2", "usb-c", "802.11ac".
_TOKEN = re.compile(r"[^\W_]+(?:[-./][^\W_]+)*(?:['’][^\W\d_]+)?", re.UNICODE)
_PIECE = re.compile(r"[^\W_]+(?:['’][^\W\d_]+)?", re.UNICODE)
_SIGNS = re.compile(r"[-./]")
# "Note5" is "Note 5", and "S 7" is "S7".
_NAME_AND_NUMBER = re.compile(r"([a-z]{3,})(\d+)")
# What tells one model from another: "7", "s7", "6s", "g5", but no measure such as "64gb".
_MODEL = re.compile(r"[a-z]{0,3}\d{1,4}[a-z]?")
# How forms of one stem end; what only looks alike has another stem.
_ENDINGS = ("", "e", "ing", "ed", "er", "ion", "ly", "ment", "able", "al", "ive")
_MIN_STEM_LETTERS = 3
_VARIANTS = frozenset(normal_words("plus pro max mini ultra lite xl edge active air prime play compact se ti"))


def search_words(text: str) -> Iterator[str]:
    """The words of a text as the lexical index has them.

    Measures get one form ("64 GB" and "64gb" are one word). A code that has digits is given whole, without its
    inner signs, and in pieces: "WH-1000XM2" gives wh1000xm2, wh and 1000xm2. So is a name with a number: "Note5" gives
    note5, note and 5. A letter and a number that stand apart are given together as well: "S 7" gives s, 7 and s7.
    """
    letter = ""
    for match in _TOKEN.finditer(_MEASURE.sub(_measure, text)):
        token = match.group()
        pieces = _PIECE.findall(token)
        if len(pieces) > 1 and any(sign.isdigit() for sign in token):
            yield _SIGNS.sub("", token).casefold()
        for piece in pieces:
            word = normal_word(piece)
            yield word
            if letter and word.isdecimal():
                yield letter + word
            if named := _NAME_AND_NUMBER.fullmatch(word):
                yield from named.groups()
            letter = word if len(word) == 1 and word.isalpha() else ""


def query_words(text: str, known: Container[str]) -> list[str]:
    """The words by which a query is looked up; words of models only where a product has them.

    Args:
        text: the query.
        known: the words of the products.
    """
    words = list(search_words(text))
    return [*words, *(word for word in model_words(words) if word in known)]


def other_forms(word: str, known: Container[str]) -> list[str]:
    """Forms of an English word that products have: "garden" and "gardener" of "gardening".

    Args:
        word: in the form of `search_words`.
        known: the words of the products.
    """
    root = stem(word)
    if len(root) < _MIN_STEM_LETTERS or not word.isalpha():
        return []
    roots = (root, root + root[-1], root.removesuffix("i") + "y")
    forms = dict.fromkeys(start + ending for start in roots for ending in _ENDINGS)
    return [form for form in forms if form != word and form in known and stem(form) == root]


def model_words(words: Iterable[str]) -> Iterator[str]:
    """For each number of a model a word that says whether a variant follows: "7+plus" for "iPhone 7 Plus", else "7=".

    All words of "iPhone 7" stand in the name of an iPhone 7 Plus; this one does not.

    Args:
        words: what `search_words` gave.
    """
    before = ""
    waiting = ""
    for word in words:
        if waiting:
            yield f"{waiting}+{word}" if word in _VARIANTS else f"{waiting}="
            waiting = ""
        # A number alone is a model's only behind a name: "iphone 7", but not "2 pack".
        if _MODEL.fullmatch(word) and (not word.isdecimal() or (len(before) > 1 and before.isalpha())):
            waiting = word
        before = word
    if waiting:
        yield f"{waiting}="


def _measure(match: "re.Match[str]") -> str:
    number = match["number"].replace(",", ".").replace(".", "p")
    return f" {number}{match.lastgroup if match.lastgroup != 'number' else ''} "


def product_words(product: Product) -> Counter[str]:
    """The words of a product with their frequencies, each weighted by its field, at most `MAX_FREQUENCY`.

    Identifiers are not among them: each would be a word of its own, and the product table finds them.
    """
    fields = {
        "name": product.name,
        "brand": product.brand,
        "categories": " ; ".join(product.categories),
        "attributes": " ; ".join(f"{name} {joined(value)}" for name, value in product.attributes.items()),
        "description": product.description,
    }
    counts: Counter[str] = Counter()
    for name, text in fields.items():
        weight = FIELD_WEIGHTS[name]
        words = list(islice(search_words(text), MAX_FIELD_WORDS))
        if name == "name":
            words += model_words(words)
        for word in words:
            counts[word] = min(counts[word] + weight, MAX_FREQUENCY)
    return counts


def product_codes(product: Product) -> list[str]:
    """The identifiers of a product and its variants, in the form in which they are compared."""
    codes = (product.id, *product.codes, *(variant.id for variant in product.variants))
    return list(dict.fromkeys(code for code in map(plain_code, codes) if code))


def plain_code(code: str) -> str:
    """An identifier without case, spaces and signs: "aud 1042" and "AUD-1042" are one."""
    return re.sub(r"[\W_]+", "", code).casefold()


def code_candidates(text: str) -> list[str]:
    """What in a text may be an identifier, at most `MAX_CODES`, in the form of `plain_code`.

    Pieces with a digit, alone or two together ("AUD 1042"). Digits alone have to be long, for "under 1000" names no
    product, unless they are all there is.
    """
    pieces = [plain_code(piece) for piece in text.split()]
    pairs = [first + second for first, second in pairwise(pieces)]
    found = [code for code in (*pieces, *pairs) if _may_be_code(code)]
    whole = plain_code(text)
    if any(sign.isdigit() for sign in whole):
        found.insert(0, whole)
    return list(dict.fromkeys(code for code in found if len(code) <= _MAX_CODE_CHARACTERS))[:MAX_CODES]


def _may_be_code(code: str) -> bool:
    if not any(sign.isdigit() for sign in code):
        return False
    return len(code) >= (_MIN_DIGITS if code.isdigit() else _MIN_CODE_CHARACTERS)
