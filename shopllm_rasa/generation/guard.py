"""Checks that what a text states stands in the evidence it was made from."""

import re
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from shopllm_rasa.catalog.vocabulary import normal_word, normal_words, tokens
from shopllm_rasa.encoders import SentenceEncoder
from shopllm_rasa.generation.claims import Claim, find_claims, stated_facts, supports
from shopllm_rasa.generation.polarity import contradicts
from shopllm_rasa.generation.vectors import VectorCache
from shopllm_rasa.generation.wording import content_words, is_courtesy, split_sentences
from shopllm_rasa.spelling.english import english_words

# Chosen on the `tune` half of benchmarks/data/guard_cases.jsonl by benchmarks/generation_guard.py.
MIN_COSINE = 0.5
MIN_COVERAGE = 0.5
CONFLICT_MARGIN = 0.12
# How far below the nearest line of the evidence another may lie and still count as near.
CLOSE = 0.1
CACHED_VECTORS = 4_000
MAX_CHARACTERS = 20_000
# Capitalised without being a name.
_PLAIN_CAPITALS = frozenset(
    normal_words(
        "i i'm i'll i've i'd ok yes no english faq pdf vat id eu uk us usa tv pc usb led lcd hd ip pin sms url mr mrs"
        " ms dr"
    )
)
_NEVER_FREE = re.compile(r"\b(?:never|not|no longer)(?: be)? free\b", re.I)
_DURATIONS = frozenset(("second", "minute", "hour", "day", "working day", "month"))
_PART_END = re.compile(r"[,;]\s(?:and\s)?|\s(?:and|but|while|or)\s(?!\d)")
# What the bot itself cannot have done or promise, whatever the pages say.
_PROMISE = re.compile(
    r"\b(?:i(?:'ve|’ve|'ll|’ll| have| will| can| could| am going to)?|we(?:'ve|’ve| have)) "
    r"(?:just |already |now |gladly |also )*"
    r"(?:refund|cancell?|grant|waiv|appl(?:y|ied)|upgrad|issu|credit|reserv|discount|approv|extend|book)(?:ed|ing|e)?"
    r"\b(?! (?:it|them)? ?(?:in|under|at|by|through|via) )",
    re.I,
)

# What binds the shop; only its own pages may say so.
_COMMITMENT = re.compile(r"\b(?:legally|binding|for ?ever|forever|unlimited|lifelong|lifetime|guaranteed)\b", re.I)
# A model that is stuck, or was told to say a word for ever.
_STUCK = re.compile(r"\b(\w+)(?:\W+\1\b){4,}", re.I)


@dataclass(frozen=True)
class Problem:
    """One thing that keeps a text from being sent.

    Attributes:
        kind: number, time, date, weekday, code, email, url, free, name, contradiction, conflict, promise, or statement
            for a sentence that the evidence does not say.
        text: the words of the text that are meant.
    """

    kind: str
    text: str


@dataclass(frozen=True)
class Verdict:
    """What the guard says of a text.

    Attributes:
        problems: what the evidence does not support, in the order of the text.
        sentences: how many sentences were checked.
    """

    problems: tuple[Problem, ...] = ()
    sentences: int = 0

    @property
    def supported(self) -> bool:
        """Whether the text may be sent."""
        return not self.problems


@dataclass(frozen=True)
class _Line:
    """One sentence of the evidence."""

    text: str
    facts: frozenset[tuple[str, str, str]]
    words: frozenset[str]

    @property
    def numbers(self) -> frozenset[str]:
        """Numbers without a unit."""
        return frozenset(value for kind, value, unit in self.facts if kind == "number" and not unit)


@dataclass
class GroundingGuard:
    """Checks a text against the evidence it was made from. One check for replies, descriptions and rephrasings.

    - To the letter: numbers with their unit or currency, percentages, durations, dates, weekdays, times, codes,
      links, e-mail addresses, "free", names.
    - Each value has to stand where the evidence speaks of the same thing.
    - No sentence may deny what the evidence affirms, or the other way round.
    - With an encoder: each sentence has to say what some sentence of the evidence says.

    Args:
        encoder: the sentence encoder; without it the last check is left out.
        names: brands and product names of the shop; one of them in a text must be in its evidence.
        allowed: words that are no claim wherever they stand, such as the shop's name.
    """

    encoder: SentenceEncoder | None = None
    names: Collection[str] = ()
    allowed: Collection[str] = ()

    def __post_init__(self) -> None:
        self._vectors = VectorCache(self.encoder, CACHED_VECTORS) if self.encoder is not None else None
        self._names = {tuple(_words(name)): name for name in self.names if name.strip()}
        self._longest = min(6, max((len(name) for name in self._names), default=0))
        self._allowed = frozenset(word for text in self.allowed for word in _words(text))
        self._english = frozenset(english_words())

    def check(self, text: str, evidence: Iterable[str]) -> Verdict:
        """Finds what a text claims and the evidence does not say.

        Args:
            text: the reply or description; what is beyond 20,000 characters counts as unsupported.
            evidence: the sentences, product facts and template texts it may rest on, and what the customer said of
                themselves (order number, e-mail address). A sentence may open with its source and a colon.
        """
        if len(text) > MAX_CHARACTERS or _STUCK.search(text):
            return Verdict((Problem("statement", text[:80]),))
        lines = [
            _Line(sentence, stated_facts(sentence), frozenset(content_words(sentence)))
            for piece in dict.fromkeys(evidence)
            for sentence in split_sentences(piece)
        ]
        facts = frozenset(fact for line in lines for fact in line.facts)
        said = frozenset(word for line in lines for word in _words(line.text))
        verbatim = " ".join(line.text for line in lines)
        problems: list[Problem] = []
        sentences = split_sentences(text)
        checked = [sentence for sentence in sentences if sentence.rstrip(".!") not in verbatim]
        cosines = self._cosines(checked, lines)
        for sentence, near in zip(checked, cosines, strict=True):
            problems += self._check_sentence(sentence, lines, near, facts, said)
        return Verdict(tuple(problems), len(sentences))

    def _check_sentence(
        self,
        sentence: str,
        lines: Sequence[_Line],
        near: np.ndarray | None,
        facts: frozenset[tuple[str, str, str]],
        said: frozenset[str],
    ) -> list[Problem]:
        claims = find_claims(sentence)
        problems = [
            Problem(claim.kind, claim.text)
            for claim in claims
            if not supports(claim, facts) and not (claim.kind == "code" and claim.value in said)
        ]
        problems += [Problem("name", name) for name in self._strange_names(sentence, claims, said)]
        promise = _PROMISE.search(sentence)
        if promise and not any(_PROMISE.search(line.text) for line in lines):
            problems.append(Problem("promise", promise.group()))
        problems += [
            Problem("promise", match.group())
            for match in _COMMITMENT.finditer(sentence)
            if not all(word in said for word in _words(match.group()))
        ]
        words = content_words(_without(sentence, claims))
        if problems or not lines or is_courtesy(sentence) or not (words or claims):
            return problems
        anchors = _anchors(sentence, claims)
        affinity = _affinity(words | anchors, lines, near)
        problems += [
            Problem("conflict", claim.text)
            for claim in claims
            if _elsewhere(claim, words, anchors, claims, lines, affinity)
        ]
        close = [lines[row].text for row in np.argsort(-affinity)[:3] if affinity[row] >= affinity.max() - CLOSE]
        # That something costs is said in one line, that something else does not in many: all of them are asked.
        never_free = [line.text for line in lines if _NEVER_FREE.search(line.text) and words <= line.words]
        denied = bool(never_free) and any(claim.kind == "free" for claim in claims) and not _NEVER_FREE.search(sentence)
        if denied or contradicts(sentence, close):
            problems.append(Problem("contradiction", sentence))
        if near is not None and near.max() < MIN_COSINE:
            known = frozenset(word for line in lines for word in line.words)
            if (len(words & known) + len(claims)) / (len(words) + len(claims)) < MIN_COVERAGE:
                problems.append(Problem("statement", sentence))
        return problems

    def _strange_names(self, sentence: str, claims: Sequence[Claim], said: frozenset[str]) -> list[str]:
        """Names that the evidence does not have: the shop's own, and whatever is capitalised within a sentence."""
        found = []
        matches = tokens(sentence)
        words = [match.group().casefold().replace("’", "'").removesuffix("'s") for match in matches]
        for start in range(len(words)):
            for length in range(min(self._longest, len(words) - start), 0, -1):
                if tuple(words[start : start + length]) in self._names:
                    surface = sentence[matches[start].start() : matches[start + length - 1].end()]
                    ordinary = (
                        length == 1 and (not surface[0].isupper() or start == 0) and words[start] in self._english
                    )
                    if not ordinary and not all(word in said for word in words[start : start + length]):
                        found.append(surface)
                    break
        inside = {claim.start + at for claim in claims for at in range(len(claim.text))}
        for position, match in enumerate(matches):
            word, plain = match.group(), words[position]
            if not word[0].isupper() or match.start() in inside or plain in _PLAIN_CAPITALS or plain in self._allowed:
                continue
            known = plain in said or normal_word(plain) in said or not content_words(plain)
            opens = position == 0 or sentence[: match.start()].rstrip()[-1:] in ':“"(–'
            if not known and not (opens and plain in self._english) and word not in found:
                found.append(word)
        return found

    def _cosines(self, sentences: Sequence[str], lines: Sequence[_Line]) -> list[np.ndarray | None]:
        if self._vectors is None or not sentences or not lines:
            return [None] * len(sentences)
        texts = [line.text for line in lines]
        vectors = self._vectors.encode([*sentences, *texts])
        return list(vectors[: len(sentences)] @ vectors[len(sentences) :].T)


def _words(text: str) -> list[str]:
    return [match.group().casefold().replace("’", "'").removesuffix("'s") for match in tokens(text)]


def _without(sentence: str, claims: Sequence[Claim]) -> str:
    """A sentence without its numbers and their units: those are checked to the letter."""
    for claim in claims:
        if claim.kind in ("number", "time", "date"):
            sentence = sentence.replace(claim.text, " ", 1)
    return sentence


def _anchors(sentence: str, claims: Sequence[Claim]) -> frozenset[str]:
    """What names a thing: words with a capital within the sentence, and numbers without a unit, as in "Drift 2"."""
    inside = {claim.start + at for claim in claims for at in range(len(claim.text))}
    named = [match.group() for match in tokens(sentence)[1:] if match.start() not in inside]
    numbers = {claim.value for claim in claims if claim.kind == "number" and not claim.unit}
    return frozenset(numbers.union(*(content_words(word) for word in named if word[0].isupper())))


def _affinity(words: frozenset[str], lines: Sequence[_Line], near: np.ndarray | None) -> np.ndarray:
    """How much each line of the evidence speaks of the same: shared words, rare ones more, and meaning."""
    sets = [line.words | line.numbers for line in lines]
    frequency = Counter(word for each in sets for word in each)
    weight = {word: 1 / frequency[word] for word in words if word in frequency}
    total = sum(weight.values()) or 1.0
    shared = np.array([sum(weight.get(word, 0.0) for word in each) / total for each in sets], dtype=np.float32)
    return shared if near is None else (shared + near) / 2


def _elsewhere(
    claim: Claim,
    words: frozenset[str],
    anchors: frozenset[str],
    claims: Sequence[Claim],
    lines: Sequence[_Line],
    affinity: np.ndarray,
) -> bool:
    """Whether a value stands in the evidence, but where that speaks of something else.

    That is so when no line that calls something free names half of what the sentence names; when a line with another
    value of the same kind names more of what the sentence names, or is clearly nearer to it, than every line with this
    value; or when, in the line that has both, the words beside the other value are those of the sentence.
    """
    if claim.kind not in ("number", "time", "date", "free"):
        return False
    if sum(_same_kind(other.kind, other.unit, claim) for other in claims) > (2 if claim.kind == "time" else 1):
        return False
    holds = np.array([supports(claim, line.facts) for line in lines])
    if claim.kind == "free" and words and not any(_names_half(words, lines[row]) for row in np.flatnonzero(holds)):
        return True
    rival = np.array([any(_same_kind(kind, unit, claim) for kind, _, unit in line.facts) for line in lines]) & ~holds
    if rival.any() and holds.any():
        named = np.array([len(anchors & (line.words | line.numbers)) for line in lines])
        if named[rival].max() > named[holds].max():
            return True
        if float(affinity[rival].max()) - float(affinity[holds].max()) > CONFLICT_MARGIN:
            return True
    days = {other.value for other in claims if other.kind == "weekday"}
    if claim.kind == "time" and days:
        dated = [line for line in lines if all(("weekday", day, "") in line.facts for day in days)]
        if any(any(kind == "time" for kind, _, _ in line.facts) for line in dated):
            return not any(supports(claim, line.facts) for line in dated)
    best = lines[int(np.argmax(np.where(holds, affinity, -1)))]
    return bool(holds.any()) and _beside_another(claim, words, best.text)


def _names_half(words: frozenset[str], line: _Line) -> bool:
    """Whether a line has half of the words: what is free binds the shop, so it has to be the thing that is meant."""
    return 2 * len(words & line.words) >= len(words)


def _same_kind(kind: str, unit: str, claim: Claim) -> bool:
    if claim.kind == "free":
        return kind == "number" and unit == "EUR"
    return kind == claim.kind and (unit == claim.unit or {unit, claim.unit} <= _DURATIONS)


def _beside_another(claim: Claim, words: frozenset[str], line: str) -> bool:
    """Whether the line gives this value for one thing, another for another, and the sentence speaks of the other.

    In "€35 in Ireland and €69 in other countries", the words of each part that the other lacks tell them apart.
    """
    parts = [part for part in _PART_END.split(line) if part]
    valued = [(part, [item for item in find_claims(part) if _same_kind(item.kind, item.unit, claim)]) for part in parts]
    mine = [part for part, items in valued if any(item.value == claim.value for item in items)]
    others = [(part, items[0]) for part, items in valued if items and part not in mine]
    if len(mine) != 1 or not others:
        return False
    own = content_words(mine[0])
    head = content_words(line[: next((item.start for item in find_claims(line)), 0)])
    for part, _ in others:
        its = content_words(part)
        # Where one part opens with its value, both share the words before the first value: they tell nothing.
        shared_head = head if _opens_with_value(mine[0]) or _opens_with_value(part) else frozenset()
        if words & (its - own - shared_head) and not words & (own - its - shared_head):
            return True
    return False


def _opens_with_value(part: str) -> bool:
    claims = find_claims(part)
    return bool(claims) and not content_words(part[: claims[0].start])
