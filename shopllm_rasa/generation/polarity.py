"""Whether a sentence denies what another affirms."""

import re
from collections.abc import Sequence

from shopllm_rasa.generation.wording import content_words

_NEGATION = re.compile(
    r"\b(?:not|never|no|none|nobody|nothing|neither|nor|cannot|unable|impossible|\w+n['’]t|non"
    r"|excluded?|excludes|except|isnt|dont|cant|wont|doesnt)\b(?![ -](?:only|more than|later than))",
    re.I,
)
_CONDITION = re.compile(r"\b(?:unless|only|except|if|until|but|however|although)\b", re.I)
_CLAUSE_END = re.compile(
    r"[,;:—–]\s+(?:and |but |or |so |while |because )?|\s(?:but|while|whereas|because|although|and then)\s"
    r"|\sand\s(?=(?:is|are|can|cannot|has|have|will|must|does|do|may|never|not|free)\b)",
    re.I,
)
_SUBORDINATE = re.compile(r"\s*(?:once|if|when|while|after|before|as soon as|as long as|unless|until|since)\b", re.I)
# Share of a clause's words that another has to have to speak of the same.
MIN_SHARED = 0.5
_OPPOSITES = (
    ("include", "exclude"), ("included", "excluded"), ("included", "not included"), ("before", "after"),
    ("always", "never"), ("open", "closed"), ("opened", "unopened"), ("accept", "refuse"), ("accepted", "refused"),
    ("available", "unavailable"), ("in stock", "out of stock"), ("in stock", "sold out"), ("possible", "impossible"),
    ("allowed", "forbidden"), ("allowed", "prohibited"), ("at least", "at most"), ("minimum", "maximum"),
    ("more than", "less than"), ("more than", "under"), ("over", "under"), ("above", "below"), ("taller", "shorter"),
    ("at least", "up to"), ("at least", "no more than"), ("refundable", "non-refundable"),
    ("online only", "in store only"),
    ("safe", "unsafe"), ("worn", "unworn"), ("washed", "unwashed"), ("used", "unused"),
    ("wired", "wireless"), ("indoors", "outdoors"), ("heavier", "lighter"), ("earlier", "later"), ("larger", "smaller"),
    ("first", "last"), ("increase", "decrease"), ("suitable", "unsuitable"), ("damaged", "undamaged"),
    ("sooner", "later"), ("longer", "shorter"), ("cheaper", "dearer"), ("by hand", "dishwasher"),
    ("must", "need not"), ("optional", "required"), ("optional", "must"), ("complete", "incomplete"),
    ("seller", "buyer"), ("before", "once"),
)  # fmt: skip


def contradicts(sentence: str, evidence: Sequence[str]) -> bool:
    """Whether a sentence says the opposite of the evidence.

    Args:
        sentence: one sentence of a reply.
        evidence: the sentences near to it in meaning. The one with the most of its words decides.
    """
    verdicts: list[tuple[float, bool]] = []
    words = content_words(sentence)
    for other in evidence:
        agrees = False if _opposite_words(sentence, other) else _same_negation(sentence, other)
        if agrees is not None:
            verdicts.append((_shared(words, content_words(other)), agrees))
    most = max((share for share, _ in verdicts), default=0.0)
    return any(not agrees for share, agrees in verdicts if share == most)


def _opposite_words(sentence: str, other: str) -> bool:
    for pair in _OPPOSITES:
        for one, opposite in (pair, pair[::-1]):
            if _has(one, sentence) and not _has(opposite, sentence) and _has(opposite, other) and not _has(one, other):
                return True
    return any(_has(f"with {word}", sentence) for word in re.findall(r"\bwithout (\w+)", other)) or any(
        _has(f"without {word}", sentence) for word in re.findall(r"\bwith (\w+)", other)
    )


def _has(phrase: str, text: str) -> bool:
    return bool(re.search(rf"(?<![\w-]){re.escape(phrase)}(?![\w-])", text, re.I))


def _same_negation(sentence: str, other: str) -> bool | None:
    """Compares how the clauses that share the most words are negated; None where they speak of different things."""
    verdicts = []
    clauses = [clause for clause in _clauses(sentence) if not _SUBORDINATE.match(clause)]
    for clause in clauses:
        words = content_words(clause)
        best = max(_clauses(other), key=lambda item: _shared(words, content_words(item)), default="")
        if _shared(words, content_words(best)) < MIN_SHARED or len(words & content_words(best)) < min(2, len(words)):
            continue
        different = _conditions(clause) != _conditions(best)
        if different and _conditions(clause) and _conditions(best):
            return True  # "cannot, unless" and "can only if" are the same
        verdicts.append(_negated(clause) == _negated(best) and not _drops_negation(clause, words, other))
    return all(verdicts) if verdicts else None


def _drops_negation(clause: str, words: frozenset[str], other: str) -> bool:
    """Whether a clause affirms what a short clause of the other denies: "are a defect" of "and are not a defect"."""
    return not _negated(clause) and any(_negated(item) and content_words(item) <= words for item in _clauses(other))


def _negated(clause: str) -> bool:
    return len(_NEGATION.findall(clause)) % 2 == 1


def _conditions(clause: str) -> frozenset[str]:
    return frozenset(word.casefold() for word in _CONDITION.findall(clause))


def _clauses(text: str) -> list[str]:
    return [piece for piece in _CLAUSE_END.split(text) if piece and content_words(piece)]


def _shared(words: frozenset[str], others: frozenset[str]) -> float:
    return len(words & others) / len(words) if words else 0.0
