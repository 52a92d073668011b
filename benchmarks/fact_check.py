"""Finds facts of a reply that its cited sources do not state, by other means than the guard.

The guard compares a reply with the passages it was given, and is part of what is measured. This check reads the cited
pages and the feed themselves, whole, and knows nothing of passages: each number with the word it counts, each amount,
time, code, link, address and name of the reply must stand there. It is stricter about units than about sense: "5 days"
is not supported by "5 working days".
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path

_WORDS = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
    "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen", "twenty",
)  # fmt: skip
# "one" is a pronoun more often than a number.
_NUMBERS = {word: str(number) for number, word in enumerate(_WORDS) if word != "one"}
_NUMBER = r"\d+(?:[.:]\d+)*"
_ADDRESS = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+|(?:https?://|www\.)[^\s,;)]+|(?<!\w)/[a-z][\w/-]+")
_PAIR = re.compile(
    rf"(?P<sign>[€$£]?)(?P<number>{_NUMBER})(?P<glued>[a-z%°]*)(?:\s*(?:x|to|and|or|-)\s*[€$£]?{_NUMBER})*\s*(?P<unit>[a-z%°]+)?"
)
_RANGE = re.compile(rf"(?P<first>{_NUMBER})\s*(?:to|and|or|-)\s*(?={_NUMBER})")
_NAME = re.compile(r"(?<![.!?:“\"\n] )(?<!^)\b[A-ZÀ-Þ][\w&'-]*\w\b")
# Words behind a number that do not say what it counts.
_NO_UNIT = frozenset(
    (
        "and", "or", "to", "is", "are", "of", "in", "on", "at", "for", "from", "with", "if", "when", "the", "a", "an",
        "it", "you", "we", "as", "by", "per", "each", "that",
    )
)  # fmt: skip
_PLAIN_NAMES = frozenset(
    ("i", "i'm", "eur", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
)  # fmt: skip


def unsupported_facts(reply: str, sources: str, question: str = "") -> list[str]:
    """Lists the facts of a reply that the sources do not state.

    Args:
        reply: what was sent.
        sources: the whole text of what it cites.
        question: the customer's own words; names in them are no claim of the reply, numbers are.
    """
    said, known = _plain(reply), _plain(sources)
    missing = [match.group() for match in _ADDRESS.finditer(said) if match.group().rstrip(".") not in known]
    stated = set(_pairs(_ADDRESS.sub(" ", known)))
    numbers = {number for number, _ in stated}
    for number, unit in _pairs(_ADDRESS.sub(" ", said)):
        if number not in numbers or (unit and (number, unit) not in stated):
            missing.append(f"{number} {unit}".strip())
    words = set(re.findall(r"[\w&'-]+", f"{known} {sources.casefold()} {question.casefold()}"))
    for name in _NAME.findall(_ADDRESS.sub(" ", reply)):
        plain = name.casefold()
        if not {plain, plain.removesuffix("'s")} & words and plain not in _PLAIN_NAMES | _NUMBERS.keys():
            missing.append(name)
    return list(dict.fromkeys(missing))


def source_text(path: str, title: str, knowledge: Path, products: dict[str, str]) -> str:
    """The whole text behind a cited source: a page's file, or a product of the feed by its name."""
    file = knowledge / path
    if path and file.is_file() and file.resolve().is_relative_to(knowledge.resolve()):
        return file.read_text(encoding="utf-8")
    return products.get(title, "")


def product_texts(catalog: Path, currency: str = "EUR") -> dict[str, str]:
    """The text of each product of a feed, by name; products of one name are read together.

    Args:
        catalog: the feed, JSONL.
        currency: of products that name none.
    """
    texts: dict[str, str] = {}
    for line in catalog.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        price = f"{float(row['price']):.2f} {row.get('currency') or currency}"
        attributes = ". ".join(f"{name}: {_joined(value)}" for name, value in (row.get("attributes") or {}).items())
        parts = [row["name"], row.get("brand", ""), " > ".join(row.get("categories", ())), price, attributes]
        parts += [row.get("description", ""), f"{row.get('rating')} out of 5 from {row.get('rating_count')} customers"]
        parts.append(f"{row.get('rating_count')} customers rate it {row.get('rating')}, {row.get('stock')} pieces left")
        texts[row["name"]] = f"{texts.get(row['name'], '')} {'. '.join(str(part) for part in parts)}."
    return texts


def _joined(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _pairs(text: str) -> Iterator[tuple[str, str]]:
    """Each number with what it counts; all numbers of a range count what the last does."""
    for match in _PAIR.finditer(text):
        unit = match["sign"] or match["glued"] or match["unit"] or ""
        unit = "" if unit in _NO_UNIT else unit.rstrip("s")
        yield _canonical(match["number"]), unit
        for first in _RANGE.finditer(match.group()):
            yield _canonical(first["first"]), unit
        for number in re.findall(_NUMBER, match.group()):
            yield _canonical(number), unit


def _canonical(number: str) -> str:
    return number.rstrip("0").rstrip(".") if "." in number and number.count(".") == 1 else number


def _plain(text: str) -> str:
    text = re.sub(r"\s+", " ", text.casefold().replace("–", "-").replace("’", "'"))
    text = re.sub(r"(?<=\d),(?=\d{3}\b)", "", text)
    text = re.sub(r"(\d+(?:\.\d+)?)\s*(?:eur|euros?)\b", r"€\1", text)
    text = re.sub(rf"\b({'|'.join(_NUMBERS)})\b", lambda word: _NUMBERS[word.group()], text)
    return re.sub(r"(?<=\d)-(?=[a-z])", " ", text)
