"""Reads the training topics and renders pages from them: statements, questions and replies with the same values."""

import random
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from shopllm_rasa.errors import TrainingDataError
from shopllm_rasa.generation.embedded.training.slots import Slots
from shopllm_rasa.generation.embedded.units import split

TOPICS = Path(__file__).with_name("topics")
_KINDS = {"?": "answer", "y": "yes", "n": "no"}
_SLOT = re.compile(r"\{([A-Za-z]+\d?)(?::((?:[^{}]|\{[^{}]*\})*))?\}")
# What one page has only once.
PAGE_SLOTS = frozenset({"prod", "prog", "subj"})
# A reply that is the statement itself.
_STATEMENT = "*"
# A statement that begins so goes on in small letters behind "Yes," or "No,".
_OPENINGS = frozenset(("the", "a", "an", "it", "you", "we", "our", "in", "on", "if", "for", "with", "to", "up", "from"))
_VERDICTS = {"answer": "", "yes": "Yes, ", "no": "No, "}
# So often a statement itself is the reply, although there are others: what stands on a page is good enough to say.
_VERBATIM = 0.35
# "Weight: 3 kg." is no reply where there is another.
_FIELD = re.compile(r"[^.:,]{2,30}: ")
# What makes a statement longer.
_EXTRAS = (
    ", including {rw}, {rw2} and {rw3}",
    " for all {rw} who {vb} {rw2}", ", even on {day8}",
    " and can be {rv8} in {city8}",
    ", and the {rs8} is {ra8}", " with the {ra8} {rs8}", " as long as the {rs8} is {ra8}",
    ", which is {rv8} by {name8}",
    " in {country8} and {country9}", " or when the {rs8} is {rv8}", ", but not with {rw8}", " (see {url})",
    " without a {rs8} or {rs9}", " in the {rs8} and online", ", so that the {rw8} stay {ra8}", " except for {rw8}",
)  # fmt: skip
_EXTRA = 0.3


@dataclass(frozen=True)
class Exchange:
    """Questions of one kind, and the replies that fit each of them."""

    kind: str
    questions: tuple[str, ...]
    replies: tuple[str, ...]


@dataclass(frozen=True)
class Fact:
    """One thing a page may state, in several wordings."""

    statements: tuple[str, ...]
    exchanges: tuple[Exchange, ...]
    choices: dict[str, tuple[str, ...]]


@dataclass(frozen=True)
class Topic:
    """A kind of page.

    Attributes:
        name: unique.
        headings: what such a page may be called.
        facts: what it may state.
        held_out: whether it is kept for validation.
    """

    name: str
    headings: tuple[str, ...]
    facts: tuple[Fact, ...]
    held_out: bool


@dataclass(frozen=True)
class Turn:
    """A question with its reply, both rendered."""

    kind: str
    question: str
    reply: str


@dataclass(frozen=True)
class Statement:
    """A rendered fact: the sentence, the turns about it, and the values in it."""

    fact: int
    text: str
    turns: tuple[Turn, ...]
    values: frozenset[str] = field(repr=False)


@dataclass(frozen=True)
class Page:
    """A rendered topic: its heading and a statement for each fact."""

    topic: str
    heading: str
    statements: tuple[Statement, ...]


def read_topics(folder: Path = TOPICS) -> list[Topic]:
    """Reads the topics of a folder.

    Raises:
        TrainingDataError: with file and line, if a line has another form than those described in the files.
    """
    topics = [topic for file in sorted(folder.glob("*.txt")) for topic in _read(file)]
    names = [topic.name for topic in topics]
    if len(set(names)) < len(names):
        raise TrainingDataError(f"{folder}: a topic's name is used twice.")
    return topics


def _read(file: Path) -> Iterator[Topic]:
    title: tuple[str, tuple[str, ...], bool] | None = None
    facts: list[list[str]] = []
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
        mark, rest = line[:1], line[1:].strip()
        if not line.strip() or mark == "#":
            continue
        if mark == "@" and "|" in rest:
            if title:
                yield Topic(title[0], title[1], tuple(_fact(lines) for lines in facts), title[2])
            name, headings = rest.split("|", 1)
            parts = tuple(part.strip() for part in headings.split(";"))
            title, facts = (name.strip().rstrip("*"), parts, name.strip().endswith("*")), []
        elif mark == ">" and title:
            facts.append([line])
        elif mark in "?yn=" and line[1:2] == " " and facts:
            facts[-1].append(line)
        else:
            raise TrainingDataError(f"{file}:{number}: a line begins with '@', '>', '?', 'y', 'n' or '=' and a space.")
    if title:
        yield Topic(title[0], title[1], tuple(_fact(lines) for lines in facts), title[2])


def _fact(lines: list[str]) -> Fact:
    statements: tuple[str, ...] = ()
    exchanges: list[Exchange] = []
    asked: list[tuple[str, tuple[str, ...]]] = []
    for line in lines:
        parts = tuple(part.strip() for part in line[2:].split(" / "))
        if line[0] == ">":
            statements = parts
        elif line[0] == "=":
            exchanges += [Exchange(kind, questions, parts) for kind, questions in asked]
            asked = []
        else:
            asked.append((_KINDS[line[0]], parts))
    choices: dict[str, tuple[str, ...]] = {}
    for line in lines:
        _collect(line, choices)
    return Fact(statements, tuple(exchanges), choices)


def _collect(text: str, choices: dict[str, tuple[str, ...]]) -> None:
    """Notes the alternatives of a text's slots, and those inside of them."""
    for match in _SLOT.finditer(text):
        if match[2] is None:
            continue
        options = tuple(_options(match[2]))
        for option in options:
            _collect(option, choices)
        if match[1][0].isupper():
            options = tuple(option[:1].lower() + option[1:] for option in options)
        choices.setdefault(match[1].lower(), options)


def _options(text: str) -> list[str]:
    """Cuts at each `|` that stands in no braces."""
    options = [""]
    depth = 0
    for character in text:
        depth += {"{": 1, "}": -1}.get(character, 0)
        if character == "|" and not depth:
            options.append("")
        else:
            options[-1] += character
    return options


def render_page(topic: Topic, rng: random.Random, listed: Collection[str] = ()) -> Page:
    """Renders a topic with fresh values.

    Args:
        topic: what the page is about.
        rng: where all chance comes from.
        listed: the closed list. Only replies are taken whose units are in it, in the statement or in the question; a
            turn without one is left out. Without a list any reply will do.
    """
    slots = Slots(rng)
    shared: dict[str, str] = {}
    statements = []
    for number, fact in enumerate(topic.facts):
        values = {key: value for key, value in shared.items() if key in PAGE_SLOTS}
        values |= _choose(fact, rng)
        text = _capital(_render(rng.choice(fact.statements), values, slots))
        longer = text.endswith(".") and not _FIELD.match(text) and rng.random() < _EXTRA
        if longer:
            text = f"{text[:-1]}{_fill(rng.choice(_EXTRAS), dict(values), slots)}."
        turns = []
        for exchange in fact.exchanges:
            for template in rng.sample(exchange.questions, min(2, len(exchange.questions))):
                question = _render(template, values, slots)
                replies = _replies(exchange, text, values, slots, rng, longer)
                known = {*listed, *(unit.key for known in (text, question) for unit in split(known))}
                fitting = [item for item in replies if not listed or {unit.key for unit in split(item)} <= known]
                turns += [Turn(exchange.kind, question, reply) for reply in fitting[:1]]
        shared |= {key: values[key] for key in values.keys() & PAGE_SLOTS}
        statements.append(Statement(number, text, tuple(turns), frozenset(values.values())))
    heading = _render(rng.choice(topic.headings), shared, slots)
    return Page(topic.name, heading, tuple(statements))


def _replies(
    exchange: Exchange, statement: str, values: dict[str, str], slots: Slots, rng: random.Random, longer: bool
) -> list[str]:
    """An exchange's replies in mixed order, the statement itself often the first of them.

    Of a statement that was made longer it is the only one, so that no condition is left out.
    """
    written = [reply for reply in exchange.replies if reply != _STATEMENT]
    replies = [_render(reply, values, slots) for reply in rng.sample(written, len(written))]
    verdict = _VERDICTS[exchange.kind]
    plain = statement
    if verdict and statement.split(" ")[0].lower() in _OPENINGS:
        plain = statement[0].lower() + statement[1:]
    first = longer or not written or (rng.random() < _VERBATIM and not _FIELD.match(statement))
    return [verdict + plain, *replies] if first else [*replies, verdict + plain]


def _choose(fact: Fact, rng: random.Random) -> dict[str, str]:
    """Chooses among a fact's own alternatives; those of `w` and `w2` go together."""
    shortest: dict[str, int] = {}
    for key, options in fact.choices.items():
        stem = key.rstrip("0123456789")
        shortest[stem] = min(len(options), shortest.get(stem, len(options)))
    rows = {stem: rng.randrange(count) for stem, count in shortest.items()}
    return {key: options[rows[key.rstrip("0123456789")]] for key, options in fact.choices.items()}


def _render(template: str, values: dict[str, str], slots: Slots) -> str:
    return re.sub(r"\s+", " ", _fill(template, values, slots)).strip()


def _fill(template: str, values: dict[str, str], slots: Slots) -> str:
    def replace(match: re.Match[str]) -> str:
        key = match[1].lower()
        if key not in values:
            value = slots.draw(key)
            for _ in range(20):  # days and days2 differ
                if value not in values.values():
                    break
                value = slots.draw(key)
            if value is None:
                raise TrainingDataError(f"'{{{match[1]}}}' in '{template}' is no slot.")
            values[key] = value
        value = _fill(values[key], values, slots) if "{" in values[key] else values[key]
        values[key] = value
        return _capital(value) if match[1][0].isupper() else value

    return _SLOT.sub(replace, template)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
