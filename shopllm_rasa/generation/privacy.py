"""Personal data is replaced before a text leaves the process, and put back in what returns."""

import re
from dataclasses import dataclass

_PATTERNS = (
    ("EMAIL", re.compile(r"[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+")),
    ("CARD", re.compile(r"\b\d(?:[ -]?\d){12,18}\b")),
    ("IBAN", re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){3,7}(?: ?[A-Z0-9]{1,3})?\b")),
    ("ORDER", re.compile(r"\b[A-Za-z]{2,3}-?\d{5,8}\b|#\d{5,12}\b")),
    ("PHONE", re.compile(r"(?<![\w.])(?:\+|00)?\d(?:[ ()/.-]{0,2}\d){6,14}(?!\w)")),
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
    """Replaces e-mail addresses, card, account, order and phone numbers; the same value gets the same placeholder."""
    originals: dict[str, str] = {}

    for kind, pattern in _PATTERNS:

        def replace(match: re.Match[str], kind: str = kind) -> str:
            for placeholder, original in originals.items():
                if original == match.group():
                    return placeholder
            placeholder = f"[{kind}_{sum(key.startswith(f'[{kind}_') for key in originals) + 1}]"
            originals[placeholder] = match.group()
            return placeholder

        text = pattern.sub(replace, text)
    return Redacted(text, originals)
