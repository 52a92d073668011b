"""A question that leans on the one before is made to stand alone: "and for shoes?" """

import re
from collections.abc import Sequence

from shopllm_rasa.catalog.vocabulary import normal_word, normal_words, tokens
from shopllm_rasa.generation.backends import Exchange
from shopllm_rasa.generation.vectors import VectorCache
from shopllm_rasa.generation.wording import content_words, split_sentences

MAX_TURNS = 3
MAX_CHARACTERS = 400
_OPENER = re.compile(
    r"^\s*(?:ok(?:ay)?|thanks|thank you|great|cool|ah|oh|hm+)?[\s,.!]*"
    r"(?P<opener>and\b|but\b|or\b|also\b|(?:and |but )?(?:what|how) about\b|what if\b|same for\b|even\b)",
    re.I,
)
_POINTER = re.compile(
    r"\b(?:it|its|they|them|their|those|these|that|this|one|ones|there|then|too|as well|same|else|he|she|him|her)\b",
    re.I,
)
# "is there parking", "that I bought": these words point at nothing before.
_NO_POINTER = re.compile(r"\b(?:is|are|was) there (?:a|an|any|some)\b|\b(?:that|this) (?:i|you|we|the)\b", re.I)
# What stands around the new subject: "for the ... ?"
_FRAME = re.compile(r"^[\s,]*(?:for|to|in|on|at|with|from|by|the|an?)\b(?:\s+(?:the|an?)\b)?|[?!.\s]+$", re.I)
_PREPOSITION = re.compile(r"\b(?P<word>for|to|in|on|at|with|from|by)\b(?:\s+(?:the|an?|my|your)\b)?", re.I)
# What may close a question behind the phrase that a preposition opens: "what does delivery to Germany cost?"
_CLOSING_WORDS = frozenset(normal_words("cost costs take takes last lasts work works come arrive go"))
_CLAUSE = re.compile(r"(?:[,;.?!]|\b(?:and|but|or)\b)+", re.I)
# Own words from which a clause says itself what a pointer behind it stands for.
_OWN_SUBJECT_WORDS = 2
# Own words up to which a question with a pointer leans on the one before.
MAX_OWN_WORDS = 4
# Cosine from which the new subject takes the place of a word of the question before.
MIN_SIMILAR = 0.3


def leans(question: str) -> bool:
    """Whether a question cannot be understood without the turns before it."""
    own = content_words(question)
    if _OPENER.search(question) and len(own) <= 2 * MAX_OWN_WORDS:
        return True
    return len(own) <= MAX_OWN_WORDS and (_points_outside(question) or len(own) <= 1)


def _points_outside(question: str) -> bool:
    """Whether a pointer stands for something that is not in the question: "do you ship to France and is it fast?"."""
    told = 0
    for clause in _CLAUSE.split(question):
        if points_back(clause):
            return told < _OWN_SUBJECT_WORDS
        told = max(told, len(content_words(clause)))
    return False


def points_back(text: str) -> bool:
    """Whether a text has a word such as "it" or "there" that stands for something said before."""
    return bool(_POINTER.search(_NO_POINTER.sub(" ", text)))


def standing_alone(question: str, history: Sequence[Exchange], vectors: VectorCache) -> str:
    """Completes a question from the last three turns.

    A short follow-up that opens with "and" or "what about" swaps its subject for the most similar word of the question
    before ("and to France?" after a question on Ireland); one with a pronoun gets that question's words put before it.

    Args:
        question: what the customer wrote.
        history: the turns before, oldest first; the last three are read.
        vectors: gives the similarity of words.

    Returns:
        The question itself where it stands alone or nothing came before.
    """
    before = ""
    for exchange in history[-MAX_TURNS:]:
        before = _joined(exchange.customer[:MAX_CHARACTERS], before, vectors)
    return _joined(question, before, vectors)


def _joined(question: str, before: str, vectors: VectorCache) -> str:
    if not before or not leans(question):
        return question
    before = split_sentences(before)[-1] if split_sentences(before) else before
    opener = _OPENER.search(question)
    rest = question[opener.end() :] if opener else question
    own = [match.group() for match in tokens(rest) if content_words(match.group())]
    short = len(own) <= MAX_OWN_WORDS and not re.search(
        r"\b(?:who|what|when|where|why|how|which|does|do|did|is|are|can|could|will|would)\b", rest, re.I
    )
    if opener and short and own:
        return _swapped(rest, own, before, vectors)
    topic = " ".join(match.group() for match in tokens(before) if content_words(match.group()))
    return f"{topic}: {question.strip()}"


def _swapped(rest: str, own: Sequence[str], before: str, vectors: VectorCache) -> str:
    """The question before, with the new subject in the place of the word most similar to it."""
    places = [match for match in tokens(before) if content_words(match.group())]
    subject = _FRAME.sub("", rest).strip()
    kept = [match for match in places if normal_word(match.group()) not in {normal_word(word) for word in own}]
    if not kept or not subject:
        return f"{before} {rest.strip()}"
    cosines = vectors.encode([match.group().casefold() for match in kept]) @ vectors.encode([own[-1].casefold()])[0]
    best = int(cosines.argmax())
    if cosines[best] < MIN_SIMILAR:
        return f"{before.rstrip('?!. ')} {rest.strip()}"
    start, end = _phrase(kept[best], places, before, rest)
    return f"{before[:start]}{subject}{before[end:]}"


def _phrase(place: re.Match[str], places: Sequence[re.Match[str]], before: str, rest: str) -> tuple[int, int]:
    """What the new subject takes the place of: the word, or the whole of "for electronic products" for "for shoes".

    Args:
        place: the word most similar to the new subject.
        places: the words that carry meaning.
        before: the question before.
        rest: the follow-up, without its opener.
    """
    new = _PREPOSITION.match(rest.lstrip(" ,"))
    found = [(old, phrase) for old in _PREPOSITION.finditer(before) if (phrase := _words_behind(old, places, before))]
    same = [phrase for old, phrase in found if new is not None and old["word"].casefold() == new["word"].casefold()]
    closed = [phrase for _, phrase in found if phrase[-1].start() == place.start()]
    chosen = [*same, *closed, [place]][0]
    return chosen[0].start(), chosen[-1].end()


def _words_behind(preposition: re.Match[str], places: Sequence[re.Match[str]], text: str) -> list[re.Match[str]]:
    """The words with meaning that follow a preposition one upon the other."""
    phrase: list[re.Match[str]] = []
    reached = preposition.end()
    for word in places:
        if word.start() >= reached and not text[reached : word.start()].strip():
            phrase.append(word)
            reached = word.end()
    while len(phrase) > 1 and normal_word(phrase[-1].group()) in _CLOSING_WORDS:
        phrase.pop()
    return phrase
