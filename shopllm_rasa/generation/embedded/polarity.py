"""Whether a reply says no where its evidence does not, or the other way round."""

import re
from collections.abc import Iterable

_NEGATION = re.compile(
    r"\b(?:not|no|never|cannot|can't|don't|doesn't|isn't|aren't|won't|nothing|nobody|none|neither|nor|without|excluded?|"
    r"excludes|except|unfortunately|impossible|unavailable|only|closed|prohibited|forbidden|unless)\b",
    re.I,
)
_PLAIN_NO = re.compile(r"\b(?:not|no|never|cannot|can't|don't|doesn't|isn't|aren't|won't)\b", re.I)


def contradicts(reply: str, evidence: Iterable[str]) -> bool:
    """Compares the negations of a reply with those of the sentences it rests on.

    A reply may leave out a clause that has a negation; one that says "no" or "not" needs a negation in its evidence,
    and one that says "yes" must keep it.
    """
    text = " ".join(evidence)
    if _PLAIN_NO.search(reply):
        return not _NEGATION.search(text)
    said_yes = re.search(r"\byes\b", reply, re.I) is not None
    return said_yes and _PLAIN_NO.search(text) is not None
