"""Personal data is replaced before a text leaves the process, and put back in what returns."""

import itertools
import re
from dataclasses import dataclass

_PATTERNS = (
    ("EMAIL", re.compile(r"[\w.%+-]+@[\w-]+(?:\.[\w-]+)+")),
    ("IBAN", re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){3,7}(?: ?[A-Z0-9]{1,3})?\b")),
    ("CARD", re.compile(r"(?<!\d)\d(?:[\s./-]{0,2}\d){12,18}(?!\d)")),
    ("ORDER", re.compile(r"\b[A-Za-z]{2,3}-?\d{5,8}\b|#\d{5,12}\b")),
    ("PHONE", re.compile(r"(?<!\d)(?:\+|00)?\d(?:[\s()/.-]{0,2}\d){6,14}(?!\d)")),
    # Any other long run of digits: an order number without letters, a postcode, a customer number.
    ("NUMBER", re.compile(r"\d{5,}")),
)


@dataclass(frozen=True)
class Redacted:
    """A text without personal data.

    Attributes:
        text: the text with placeholders such as `[EMAIL_1]`.
        originals: placeholder to what it stands for.
    """

    text: str
    originals: dict[str, str]

    def restore(self, text: str) -> str:
        """Puts the originals back in place of their placeholders."""
        for placeholder, original in self.originals.items():
            text = text.replace(placeholder, original)
        return text


def redact(text: str) -> Redacted:
    """Replaces e-mail addresses and card, account, order, phone and other long numbers.

    The same value gets the same placeholder; one that the text itself has is not used.
    """
    originals: dict[str, str] = {}
    given = text

    for kind, pattern in _PATTERNS:

        def replace(match: re.Match[str], kind: str = kind) -> str:
            for placeholder, original in originals.items():
                if original == match.group():
                    return placeholder
            names = (f"[{kind}_{number}]" for number in itertools.count(1))
            placeholder = next(name for name in names if name not in originals and name not in given)
            originals[placeholder] = match.group()
            return placeholder

        text = pattern.sub(replace, text)
    return Redacted(text, originals)
