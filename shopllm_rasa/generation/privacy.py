"""Personal data is replaced before a text leaves the process, and put back in what returns."""

import functools
import itertools
import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from shopllm_rasa.generation.backends import Exchange, GenerationRequest

_CAPITALISED = r"[A-ZÀ-ÖØ-Þ][\w'’-]*"
_NAME = rf"{_CAPITALISED}(?:\s+(?:(?:van|von|de|der|den|del|la|le|di|da|dos|bin|al|O['’])\s+)*{_CAPITALISED}){{0,3}}"
# After words that announce a name, one in lower case counts, too.
_ANY_NAME = (
    r"(?:(?!(?:and|but|or|from|with|my|i|the|on|is|order|email|e-mail|phone|at|in|calling|speaking|here|please)\b)"
    r"[^\W\d_][\w'’.-]*)(?:\s+(?!(?:and|but|or|from|with|my|i|the|on|is|order|email|e-mail|phone|at|in|calling"
    r"|speaking|here|please)\b)[^\W\d_][\w'’-]*){0,3}"
)
_STREET = (
    r"(?:street|st|road|rd|avenue|ave|lane|ln|row|drive|dr|court|ct|place|pl|square|sq|terrace|tce|way|close|gardens"
    r"|crescent|cres|hill|park|quay|boulevard|blvd|mews|grove|view|heights|parade|walk|green)"
)
# What a group named `data` matches is replaced; without one, the whole match.
_PATTERNS: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("EMAIL", re.compile(r"[\w.%+-]+\s?(?:@|\[at\]|\(at\))\s?[\w-]+(?:\.[\w-]+)+", re.I)),
    ("IBAN", re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){3,7}(?: ?[A-Z0-9]{1,3})?\b", re.I)),
    ("CARD", re.compile(r"(?<!\d)\d(?:[\s./-]{0,2}\d){12,18}(?!\d)")),
    ("IP", re.compile(r"(?<![\d.])(?:\d{1,3}\.){3}\d{1,3}(?![\d.])")),
    ("SECRET", re.compile(
        r"\b(?:cvv|cvc|pin|passcode|password)\b(?: (?:is|code|number))*[\s:=]+(?P<data>\S*\d\S*)", re.I
    )),
    ("BIRTHDAY", re.compile(
        r"\b(?:born|birth(?:day|date)?|dob)\b[^\d\n]{0,20}(?P<data>\d{1,4}[\s./-]+\w+[\s./-]+\d{2,4})", re.I
    )),
    ("ADDRESS", re.compile(
        r"\b(?:(?:my|our|the|new|old|delivery|shipping|postal|home|billing)\s+){1,3}address(?:\s+is|\s+to|:)\s+"
        r"(?P<data>(?![^\n]{0,6}(?:wrong|not|correct|missing))[^\n.!?]{4,120})"
        r"|\b(?:i|we) live (?:at|on)\s+(?P<data2>[^\n.!?]{4,120})", re.I
    )),
    ("ADDRESS", re.compile(
        rf"\b\d{{1,5}}\s?[a-z]?,?\s+(?:[\w'’.-]+\s+){{1,4}}{_STREET}\b\.?"
        rf"(?:,\s*(?:apt|apartment|flat|unit)\.?\s*\w+)?(?:,\s*[^\W\d_][\w '’-]{{1,40}}){{0,2}}", re.I
    )),
    ("ADDRESS", re.compile(
        r"\b[^\W\d_][\w-]*(?:straße|strasse|str\.|weg|platz|allee|gasse|ring|damm|straat|laan|plein|gracht)\s+\d{1,4}"
        r"\s?[a-z]?\b(?:,\s*(?:\d{4,5}\s+)?[^\W\d_][\w-]*)?"
        r"|\b\d{1,4}\s?(?:bis|ter)?,?\s+(?:rue|avenue|boulevard|place|chemin|allée|quai)\s+[\w'’ -]{2,40}"
        r"|\b(?:calle|avenida|plaza|via|viale|piazza|corso|rua|ulica|ul\.)\s+[\w'’ .-]{2,30},?\s+\d{1,4}\b"
        r"|\bp\.?\s?o\.?\s+box\s+\d+|\b(?:apt|apartment|flat|unit)\.?\s+\d+\w?\b", re.I
    )),
    ("POSTCODE", re.compile(
        r"\b[A-Z]{1,2}\d[A-Z\d]?\s\d[A-Z]{2}\b|\b[ACDEFHKNPRTVWXY]\d[\dW]\s?[A-Z0-9]{4}\b|\b\d{4}\s[A-Z]{2}\b"
        r"|\b[A-Z]{2}\s\d{5}(?:-\d{4})?\b"
    )),
    ("ORDER", re.compile(
        r"\b(?:order|tracking|invoice|customer|reference|ref|booking|parcel|account|membership|return|claim)\b"
        r"(?:\s+(?:number|no|nr|num|id|code|ref)\b\.?)?(?:\s+(?:is|was)\b|\s*[:#=])*\s*"
        r"(?P<data>(?=[A-Z-]*\d)[A-Z0-9][A-Z0-9-]{3,24})\b(?!\s*(?:days|hours|euros?|eur)\b)", re.I
    )),
    ("ORDER", re.compile(r"\b[A-Za-z]{2,3}-?\d{5,8}\b|#\d{5,12}\b")),
    ("PHONE", re.compile(r"(?<!\d)(?:\+|00)?\d(?:[\s()/.-]{0,2}\d){6,14}(?!\d)")),
    # Any other long run of digits: an order number without letters, a postcode, a customer number.
    ("NUMBER", re.compile(r"\d{5,}")),
    ("NAME", re.compile(
        rf"\b(?i:(?:my|her|his|our|the|full|last|first|sur|customer)\s?-?name(?:\s+(?:is|was)|['’]s|:)\s+"
        rf"(?P<data>{_ANY_NAME}))"
        rf"|\b(?i:name:|call me|regards|cheers|sincerely|yours|on behalf of|i am called|signed)[,:]?\s+"
        rf"(?P<data2>{_NAME})"
        rf"|\b(?i:mr|mrs|ms|miss|dr|herr|frau|mme|señora?|madame|monsieur)\b\.?\s+(?P<data3>{_NAME})"
    )),
    ("NAME", re.compile(
        rf"\b(?:[Ii]['’]?m|[Ii] am|[Tt]his is|[Tt]his['’]s|[Ii]t['’]s|[Hh]ere is)\s+(?P<data>{_NAME})"
    )),
    ("NAME", re.compile(
        rf"(?:^|\n|[.!?,-]\s)\s*(?:[Tt]hanks?|[Tt]hank you|[Bb]est|[Rr]egards)[,!]?\s+(?P<data>{_NAME})\s*[.!]?\s*$"
    )),
)  # fmt: skip
# Capitalised behind "I am" or "this is", and no name.
_NO_NAMES = frozenset((
    "german", "french", "english", "irish", "spanish", "italian", "polish", "dutch", "british", "american", "european",
    "austrian", "belgian", "portuguese", "swedish", "danish", "finnish", "greek", "i", "a", "an", "the", "not", "very",
    "so", "in", "at", "on", "from", "looking", "trying", "sorry", "happy", "new", "here", "there", "interested",
    "going", "unable", "having", "waiting", "afraid", "ok", "okay", "vegan", "vegetarian", "urgent", "ridiculous",
    "about", "it", "that", "what", "how", "why", "where", "when", "which", "who", "monday", "tuesday", "wednesday",
    "thursday", "friday", "saturday", "sunday", "today",
))  # fmt: skip


_PLACEHOLDER = re.compile(r"\[[A-Z]+_\d+\]")


@dataclass
class Redaction:
    """The replacements made for one request: the same value has the same placeholder in all its texts.

    Attributes:
        originals: placeholder, such as `[EMAIL_1]`, to what it stands for.
    """

    redactor: "Redactor"
    originals: dict[str, str] = field(default_factory=dict)

    def hide(self, text: str) -> str:
        """Replaces personal data; a placeholder that the text itself has is not used."""
        given = text
        for kind, pattern in self.redactor.patterns:
            text = pattern.sub(functools.partial(self._replaced, kind=kind, given=given), text)
        return text

    def restore(self, text: str) -> str:
        """Puts the originals back in place of their placeholders."""
        for placeholder, original in self.originals.items():
            text = text.replace(placeholder, original)
        return text

    def request(self, request: GenerationRequest) -> GenerationRequest:
        """A request whose question and earlier turns hold no personal data. Pages and products are the shop's own."""
        turns = tuple(Exchange(self.hide(turn.customer), self.hide(turn.bot)) for turn in request.history)
        return replace(request, question=self.hide(request.question), history=turns)

    def _replaced(self, match: re.Match[str], kind: str, given: str) -> str:
        group = next((name for name, value in match.groupdict().items() if value), None)
        data = match[group] if group else match.group()
        if not self._is_personal(kind, data):
            return match.group()
        placeholder = self._placeholder(kind, data, given)
        if not group:
            return placeholder
        start, end = match.span(group)
        return match.group()[: start - match.start()] + placeholder + match.group()[end - match.start() :]

    def _is_personal(self, kind: str, data: str) -> bool:
        if data.casefold() in self.redactor.public or _PLACEHOLDER.search(data):
            return False  # the shop's own, or replaced already
        return kind != "NAME" or data.split()[0].casefold() not in _NO_NAMES

    def _placeholder(self, kind: str, data: str, given: str) -> str:
        for placeholder, original in self.originals.items():
            if original == data:
                return placeholder
        names = (f"[{kind}_{number}]" for number in itertools.count(1))
        placeholder = next(name for name in names if name not in self.originals and name not in given)
        self.originals[placeholder] = data
        return placeholder


class Redactor:
    """Finds e-mail and postal addresses, phone, card, account, order and other long numbers, and names.

    Args:
        public: what is no secret though it looks like one: the shop's own address and phone number.
        names: names of known customers, replaced wherever they stand.
    """

    def __init__(self, public: Iterable[str | None] = (), names: Iterable[str] = ()) -> None:
        self.public = frozenset(text.casefold() for text in public if text)
        known = sorted({name.strip() for name in names if len(name.strip()) > 2}, key=len, reverse=True)
        own = [("NAME", re.compile(rf"\b(?:{'|'.join(map(re.escape, known))})\b", re.I))] if known else []
        self.patterns = (*own, *_PATTERNS)

    def begin(self) -> Redaction:
        """Starts the replacements of one request."""
        return Redaction(self)


@dataclass(frozen=True)
class Redacted:
    """A text without personal data, and what its placeholders stand for."""

    text: str
    originals: dict[str, str]

    def restore(self, text: str) -> str:
        """Puts the originals back in place of their placeholders."""
        for placeholder, original in self.originals.items():
            text = text.replace(placeholder, original)
        return text


_DEFAULT = Redactor()


def redact(text: str) -> Redacted:
    """Replaces the personal data in one text."""
    redaction = _DEFAULT.begin()
    return Redacted(redaction.hide(text), redaction.originals)
