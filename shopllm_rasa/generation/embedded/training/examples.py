"""Makes training examples of rendered pages: a question among sentences, and what should be done with it."""

import random
from collections.abc import Sequence
from dataclasses import dataclass

from shopllm_rasa.generation.embedded.training.grammar import Page, Statement, Topic, Turn, render_page
from shopllm_rasa.generation.embedded.training.slots import random_word
from shopllm_rasa.generation.embedded.units import split
from shopllm_rasa.spelling.english import common_words

SENTIMENTS = ("neutral", "negative", "positive")
_OPENERS = {"negative": "I am sorry for the trouble.", "positive": "Happy to help!"}
_COMPLAINTS = (
    "this is really annoying,", "i am very disappointed.", "unbelievable,", "i am fed up,", "what a mess,",
    "not happy at all:", "that's the third time,", "terrible service.", "i'm getting angry,", "so frustrating,",
)  # fmt: skip
_PRAISE = (
    "love your shop,", "great service so far!", "thanks a lot,", "you are great,", "super happy,", "perfect,",
)  # fmt: skip
_GREETINGS = ("hi,", "hello,", "hey", "good morning,", "hi there,", "excuse me,", "quick question:", "just wondering,")
_ENDINGS = ("please", "thanks", "thank you", "pls", "asap please", "many thanks")
_PREFACES = (
    "Please note that", "Good to know:", "As a rule,", "In general,", "For your convenience,", "Important:", "Usually,",
    "At the moment,", "In most cases,", "As always,",
)  # fmt: skip
_TAILS = (
    ", as described on our website", ", which our team is happy to explain", ", and we thank you for your patience",
    " as stated in our terms", ", unless the product page says otherwise", ", so that everybody is treated alike",
)  # fmt: skip
_GENERAL = (
    "what should i know about {}", "tell me about {}", "what are the rules for {}", "{}?", "info on {} please",
    "how does it work with {}",
)  # fmt: skip
_VAGUE = (
    "how long does it take", "how much is it", "what does it cost", "is it free", "how long is it valid",
    "how does it work", "can i change it", "when will it come", "do i have to pay", "is it possible",
    "can it be cancelled", "when does it end", "what are the conditions", "who do i contact about it",
    "i have a question", "can you help me", "how long", "how much", "i have a problem with it", "what about the costs",
    "until when", "what do i have to do", "how do i do that", "help",
)  # fmt: skip
_STORIES = (
    "I bought it last week.", "My sister gave it to me.", "I was in your shop yesterday.", "I am a bit confused.",
    "We are moving house next month.", "I ordered two days ago.", "My old one broke.", "I got it as a present.",
    "I have never done this before.", "It is for my daughter.", "I could not find it on the website.",
    "I already asked by phone.", "My friend told me to ask here.", "I am travelling just now.", "I have a problem.",
    "It came this morning.", "I have been a customer for years.", "It is rather urgent.",
)  # fmt: skip
# What is left out when somebody types keywords.
_SMALL_WORDS = frozenset((
    "a", "an", "the", "i", "you", "it", "is", "are", "do", "does", "can", "my", "your", "to", "of", "for", "in", "on",
    "with", "be", "have", "has", "what", "how", "if", "me", "some", "any",
))  # fmt: skip
# So many of the commonest words, "unless" and "between" among them, are never replaced by random ones.
_COMMON = 600
# So often a question that can be answered by yes or no is taken where there is one.
_VERDICTS = 0.7
# So often an answer stands beside a sentence that only comes along.
_SIDE_EVIDENCE = 0.2
_OFTEN = {"anything": 5, "facets": 14, "product facts": 5}
_ASKS = ("Do you mean {} or {}?", "Could you tell me a bit more? Do you mean {} or {}?", "Is this about {} or {}?")


@dataclass(frozen=True)
class Example:
    """One example.

    Attributes:
        kind: 'answer', 'yes', 'no', 'ask' or 'decline'.
        question: in a customer's words.
        passages: heading and sentences of each.
        evidence: (passage, sentence) of what the reply rests on; for 'ask' the passages, with sentence -1.
        reply: empty for 'decline'.
        sentiment: one of SENTIMENTS.
        facts: the values that the reply states.
    """

    kind: str
    question: str
    passages: tuple[tuple[str, tuple[str, ...]], ...]
    evidence: tuple[tuple[int, int], ...]
    reply: str
    sentiment: str
    facts: tuple[str, ...] = ()


class ExampleMaker:
    """Draws examples from a pool of pages.

    Args:
        topics: what the pages are about.
        rng: where all chance comes from.
        pages: rendered pages of each topic.
        keep: words that are never replaced by random ones.
    """

    def __init__(self, topics: Sequence[Topic], rng: random.Random, pages: int, keep: frozenset[str]) -> None:
        self._rng = rng
        self._keep = keep | common_words(_COMMON)
        self._pages = {
            topic.name: [self._varied(render_page(topic, rng, keep)) for _ in range(pages)] for topic in topics
        }
        # Pages about anything are drawn more often: each has other words.
        self._names = [name for name in self._pages for _ in range(_OFTEN.get(name, 1))]

    def draw(self) -> Example:
        """The next example."""
        chance = self._rng.random()
        if chance < 0.13:
            return self._decline()
        if chance < 0.16:
            return self._ask()
        if chance < 0.26:
            return self._two_parts()
        return self._answer()

    def _varied(self, page: Page) -> Page:
        statements = tuple(self._varied_statement(item) for item in page.statements)
        return Page(page.topic, page.heading, statements)

    def _varied_statement(self, item: Statement) -> Statement:
        rng = self._rng
        if rng.random() < 0.3:
            item = self._other_words(item)
        text = item.text
        if rng.random() < 0.1 and text[1:2].islower():
            text = f"{rng.choice(_PREFACES)} {text[0].lower()}{text[1:]}"
        if rng.random() < 0.08 and text.endswith("."):
            text = f"{text[:-1]}{rng.choice(_TAILS)}."
        return Statement(item.fact, text, item.turns, item.values)

    def _other_words(self, item: Statement) -> Statement:
        """Puts random words in place of some, in statement, questions and replies alike: they must be copied."""
        rng = self._rng
        words = sorted({u.key for u in split(item.text) if u.key.isalpha() and len(u.key) > 3} - self._keep)
        swaps = {word: random_word(rng) for word in rng.sample(words, min(len(words), rng.randint(1, 3)))}

        def swap(text: str) -> str:
            parts = []
            for unit in split(text):
                new = swaps.get(unit.key)
                if new and unit.text[0].isupper():
                    new = new.capitalize()
                parts.append(f"{' ' if unit.spaced else ''}{new or unit.text}")
            return "".join(parts).strip()

        turns = tuple(Turn(turn.kind, swap(turn.question), swap(turn.reply)) for turn in item.turns)
        return Statement(item.fact, swap(item.text), turns, frozenset(swap(value) for value in item.values))

    def _page(self, other_than: str | None = None) -> Page:
        name = self._rng.choice(self._names)
        while name == other_than:
            name = self._rng.choice(self._names)
        page = self._rng.choice(self._pages[name])
        return page if any(item.turns for item in page.statements) else self._page(other_than)

    def _answer(self) -> Example:
        page = self._page()
        target = self._rng.choice([item for item in page.statements if item.turns])
        verdicts = [item for item in target.turns if item.kind != "answer"]
        turn = self._rng.choice(verdicts if verdicts and self._rng.random() < _VERDICTS else target.turns)
        others = [item for item in page.statements if item is not target]
        if len(others) > 1 and turn.kind == "answer" and self._rng.random() < _SIDE_EVIDENCE:
            return self._with_side_evidence(page, target, turn, others)
        passages, places = self._passages(page, [target], turn.question, others)
        return self._finish(turn.kind, turn.question, passages, places, turn.reply, target.values)

    def _with_side_evidence(self, page: Page, target: Statement, turn: Turn, others: Sequence[Statement]) -> Example:
        """Evidence that holds the answer and another sentence, as the search finds it: the answer is said first."""
        side, *left = self._rng.sample(others, len(others))
        side = Statement(side.fact, side.text.rstrip(".") + ".", side.turns, side.values)
        passages, places = self._passages(page, [target, side], turn.question, left, whole=True)
        self._rng.shuffle(places)
        reply = f"{turn.reply} {side.text}"
        return self._finish("answer", turn.question, passages, places, reply, target.values | side.values)

    def _two_parts(self) -> Example:
        rng = self._rng
        page = self._page()
        targets = [item for item in page.statements if item.turns]
        if len(targets) < 2:
            return self._answer()
        first, second = rng.sample(targets, 2)
        turns = [
            rng.choice([t for t in item.turns if t.kind == "answer"] or item.turns[:1]) for item in (first, second)
        ]
        if any(turn.kind != "answer" for turn in turns):
            return self._answer()
        if rng.random() < 0.35:
            question = rng.choice(_GENERAL).format(page.heading.lower())
            others: list[Statement] = []
        else:
            joint = rng.choice((" and", " and", " and also", "? and", ", and"))
            question = f"{turns[0].question.rstrip('?')}{joint} {turns[1].question}"
            others = [item for item in page.statements if item not in (first, second)]
        passages, places = self._passages(page, [first, second], question, others)
        reply = f"{turns[0].reply} {turns[1].reply}"
        return self._finish("answer", question, passages, places, reply, first.values | second.values)

    def _decline(self) -> Example:
        """A question whose fact is missing; half the time the same fact of something else stands there."""
        rng = self._rng
        page = self._page()
        target = rng.choice([item for item in page.statements if item.turns])
        turn = rng.choice(target.turns)
        others = [item for item in page.statements if item is not target]
        contrasts = self._contrasts(page, target, turn.question) if rng.random() < 0.7 else []
        if not contrasts and rng.random() < 0.4:  # another shop's question altogether
            foreign = self._page(other_than=page.topic)
            turn = rng.choice(rng.choice([item for item in foreign.statements if item.turns]).turns)
        passages, _ = self._passages(page, contrasts[:1], turn.question, others)
        return self._finish("decline", turn.question, passages, [], "", frozenset())

    def _ask(self) -> Example:
        rng = self._rng
        names = rng.sample(list(self._pages), min(len(self._pages), rng.randint(2, 4)))
        pages = [rng.choice(self._pages[name]) for name in names]
        passages = [
            (page.heading, tuple(item.text for item in rng.sample(page.statements, min(2, len(page.statements)))))
            for page in pages
        ]
        chosen = sorted(rng.sample(range(len(pages)), 2))
        if any(len(pages[row].heading.split()) > 5 for row in chosen):
            return self._ask()
        first, second = (pages[row].heading for row in chosen)
        reply = rng.choice(_ASKS).format(first.lower(), second.lower())
        return self._finish("ask", rng.choice(_VAGUE), passages, [(row, -1) for row in chosen], reply, frozenset())

    def _passages(
        self, page: Page, targets: Sequence[Statement], question: str, others: Sequence[Statement], whole: bool = False
    ) -> tuple[list[tuple[str, tuple[str, ...]]], list[tuple[int, int]]]:
        """The page's section with the targets, other sections, other pages and near misses, in mixed order."""
        rng = self._rng
        section = [*targets, *rng.sample(others, min(len(others), rng.choice((0, 1, 2, 2, 3))))]
        rng.shuffle(section)
        spare = [item for item in others if item not in section]
        groups: list[tuple[str, list[Statement]]] = [(page.heading, section)]
        for target in targets:
            near = self._contrasts(page, target, question)
            if near and rng.random() < 0.75:
                found = near[: rng.randint(1, 2)]
                if rng.random() < 0.5:
                    section.extend(found)
                    rng.shuffle(section)
                else:
                    groups.append((page.heading, found))
        for _ in range(rng.choice((0, 0, 1, 1, 1))):
            foreign = self._page(other_than=page.topic)
            groups.append((foreign.heading, rng.sample(foreign.statements, min(len(foreign.statements), 2))))
        rng.shuffle(groups)
        passages = []
        places: dict[int, tuple[int, int]] = {}
        for number, (heading, items) in enumerate(group for group in groups if group[1]):
            title = rng.choice((heading, f"{heading} > {self._section(items[0])}"))
            passages.append((title, tuple(item.text if whole else self._text(item, spare) for item in items)))
            places |= {id(item): (number, row) for row, item in enumerate(items)}
        return passages, [places[id(target)] for target in targets]

    def _section(self, item: Statement) -> str:
        words = [unit.text for unit in split(item.text) if unit.text.isalpha() and len(unit.text) > 3]
        return " ".join(words[:3]).capitalize() or "More"

    def _text(self, item: Statement, others: Sequence[Statement]) -> str:
        """The statement, now and then in one sentence with another."""
        rng = self._rng
        if not others or rng.random() > 0.15 or not item.text.endswith("."):
            return item.text
        other = rng.choice(others).text
        if not other[1:2].islower():
            return item.text
        return (
            f"{item.text[:-1]}{rng.choice((', and', ' and', '; ', ', while', ', but'))} {other[0].lower()}{other[1:]}"
        )

    def _contrasts(self, page: Page, target: Statement, question: str) -> list[Statement]:
        """The same fact with other values, where the question names a value that only the target has."""
        named = [value for value in target.values if value.lower() in question.lower()]
        if not named:
            return []
        rng = self._rng
        pages = rng.sample(self._pages[page.topic], min(6, len(self._pages[page.topic])))
        found = [item for other in pages if other is not page for item in other.statements if item.fact == target.fact]
        return [
            item
            for item in found
            if not any(value.lower() in item.text.lower() for value in named)
            and not any(value.lower() in question.lower() for value in item.values)
        ]

    def _finish(
        self,
        kind: str,
        question: str,
        passages: Sequence[tuple[str, tuple[str, ...]]],
        evidence: Sequence[tuple[int, int]],
        reply: str,
        values: frozenset[str],
    ) -> Example:
        rng = self._rng
        sentiment = rng.choices(SENTIMENTS, (7, 2, 1))[0]
        if kind not in ("ask", "decline") and sentiment != "neutral":
            reply = f"{_OPENERS[sentiment]} {reply}"
        facts = tuple(sorted(value for value in values if value and value.lower() in reply.lower()))
        return Example(
            kind, self._styled(question, sentiment), tuple(passages), tuple(evidence), reply, sentiment, facts
        )

    def _styled(self, question: str, sentiment: str) -> str:
        rng = self._rng
        text = question.strip()
        if rng.random() < 0.08:
            text = _keywords(text, rng)
        if rng.random() < 0.22:
            text = _with_typo(text, rng)
        if rng.random() < 0.08:
            return f"{rng.choice(_STORIES)} {text[:1].upper()}{text[1:]}{'' if text.endswith('?') else '?'}"
        if sentiment == "negative" and rng.random() < 0.8:
            text = f"{rng.choice(_COMPLAINTS)} {text}"
        elif sentiment == "positive" and rng.random() < 0.8:
            text = f"{rng.choice(_PRAISE)} {text}"
        elif rng.random() < 0.12:
            text = f"{rng.choice(_GREETINGS)} {text}"
        if rng.random() < 0.08:
            text = f"{text.rstrip('?')} {rng.choice(_ENDINGS)}"
        if rng.random() < 0.6:
            text = text[:1].upper() + text[1:]
            if not text.endswith(("?", ".", "!")):
                text += "?"
        return text


def _keywords(text: str, rng: random.Random) -> str:
    """A question as it is typed into a search box."""
    words = [word.strip("?,.") for word in text.split() if word.strip("?,.").lower() not in _SMALL_WORDS]
    if len(words) < 2:
        return text
    if rng.random() < 0.4:
        at = rng.randrange(1, len(words))
        words = words[at:] + words[:at]
    return " ".join(words)


def _with_typo(text: str, rng: random.Random) -> str:
    words = text.split(" ")
    rows = [row for row, word in enumerate(words) if len(word) > 4 and word.isalpha()]
    if not rows:
        return text
    row = rng.choice(rows)
    word = words[row]
    at = rng.randrange(1, len(word) - 1)
    words[row] = rng.choice(
        (
            word[:at] + word[at + 1] + word[at] + word[at + 2 :],
            word[:at] + word[at + 1 :],
            word[:at] + word[at] + word[at:],
        )
    )
    return " ".join(words)
