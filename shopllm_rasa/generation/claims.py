"""What a text claims that can be checked to the letter: amounts with their units, dates, times, names, addresses."""

import re
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

_ONES = {
    "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10,
    "eleven": 11, "twelve": 12, "thirteen": 13, "fourteen": 14, "fifteen": 15, "sixteen": 16, "seventeen": 17,
    "eighteen": 18, "nineteen": 19,
}  # fmt: skip
_TENS = {word: 10 * value for value, word in enumerate(
    ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"], start=2
)}  # fmt: skip
_NUMBER_WORDS = {**_ONES, **_TENS, "dozen": 12, "hundred": 100, "thousand": 1000, "once": 1, "twice": 2}
_SPELLED = rf"(?:(?:{'|'.join(_TENS)})[- ](?:{'|'.join(list(_ONES)[:9])})|{'|'.join(_NUMBER_WORDS)})"
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_MONTHS = (
    "january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november",
    "december",
)  # fmt: skip

# A unit's words, the one name it goes by, and what it is multiplied with to be expressed in that.
_UNITS: tuple[tuple[str, str, int], ...] = (
    (r"€|euros?|eur", "EUR", 1),
    (r"\$|dollars?|usd|bucks", "USD", 1),
    (r"£|pounds?|gbp|quid", "GBP", 1),
    (r"francs?|chf", "CHF", 1),
    (r"¥|yen|jpy", "JPY", 1),
    (r"cents?", "cent", 1),
    (r"%|per ?cent|percentage points?", "%", 1),
    (r"seconds?|secs?", "second", 1),
    (r"minutes?|mins?", "minute", 1),
    (r"hours?|hrs?|(?-i:h)", "hour", 1),
    (r"(?:working|business) ?days?|weekdays?|workdays?", "working day", 1),
    (r"days?", "day", 1),
    (r"weeks?", "day", 7),
    (r"months?", "month", 1),
    (r"years?|yrs?", "month", 12),
    (r"kilograms?|kilos?|kg", "g", 1000),
    (r"grams?|(?-i:g)", "g", 1),
    (r"lbs?", "lb", 1),
    (r"ounces?|oz", "oz", 1),
    (r"kilomet(?:re|er)s?|km", "mm", 1_000_000),
    (r"millimet(?:re|er)s?|mm", "mm", 1),
    (r"centimet(?:re|er)s?|cm", "mm", 10),
    (r"met(?:re|er)s?|(?-i:m)", "mm", 1000),
    (r"inch(?:es)?|\"|”|″", "inch", 1),
    (r"feet|foot|ft", "foot", 1),
    (r"millilit(?:re|er)s?|ml", "ml", 1),
    (r"lit(?:re|er)s?|l", "ml", 1000),
    (r"milliamp(?:ere)?[- ]?hours?|mah", "mAh", 1),
    (r"kilowatt[- ]?hours?|kwh", "Wh", 1000),
    (r"watt[- ]?hours?|wh", "Wh", 1),
    (r"kilowatts?|kw", "W", 1000),
    (r"watts?|(?-i:W)", "W", 1),
    (r"volts?|(?-i:V)", "V", 1),
    (r"amps?|amperes?|(?-i:A)", "A", 1),
    (r"ghz|gigahertz", "Hz", 1_000_000_000),
    (r"mhz|megahertz", "Hz", 1_000_000),
    (r"khz|kilohertz", "Hz", 1000),
    (r"hz|hertz", "Hz", 1),
    (r"terabytes?|tb", "MB", 1024 * 1024),
    (r"gigabytes?|gb", "MB", 1024),
    (r"megabytes?|mb", "MB", 1),
    (r"megapixels?|mp", "MP", 1),
    (r"°\s?c|degrees celsius|celsius", "°C", 1),
    (r"°\s?f|degrees fahrenheit|fahrenheit", "°F", 1),
    (r"points?", "point", 1),
    (r"stars?", "star", 1),
    (r"times", "time", 1),
)
_UNIT = re.compile(
    "|".join(f"(?P<u{row}>(?:{words})(?![^\\W_]))" for row, (words, _, _) in enumerate(_UNITS)), re.IGNORECASE
)
# What may stand between a number and its unit: "30 calendar days", "a 2-year", "5 more minutes".
_GAP = re.compile(r"[\s-]?(?:(?:calendar|full|whole|consecutive|more|further|additional|extra|equal|short)\s)?", re.I)
_CURRENCY_BEFORE = re.compile(r"(€|\$|£|¥|\b(?:EUR|USD|GBP|CHF|JPY))\s?$", re.I)
_NOT_AFTER_WORD = r"(?<![\w.])"
_NUMBER = rf"{_NOT_AFTER_WORD}\d+(?:[.,]\d+)*|\b{_SPELLED}\b"
_RANGE = re.compile(r"\s?(?:-|–|—|to|or)\s?(?:[€$£]\s?)?", re.I)
_BETWEEN = re.compile(r"\bbetween\s[€$£]?$", re.I)
_TOKEN = re.compile(
    "|".join(
        (
            r"(?P<url>(?:https?://|www\.)[^\s<>\"”“’']+|(?<![\w/.:])/[a-z][\w-]*(?:/[\w.-]+)*"
            r"|(?<![\w@.-])(?:[\w-]+\.)+(?:com|net|org|io|shop|store|example|eu|de|ie|uk|fr)\b(?:/[^\s<>\"]*)?)",
            r"(?P<email>(?<![\w.+-])[\w.+-]+@[\w-]+(?:\.[\w-]+)+)",
            r"(?P<iso>(?<![\w.])\d{4}-\d{2}-\d{2}(?!\w))",
            r"(?P<time>(?<![\w.])\d{1,2}(?:[:.]\d{2})?\s?(?:[ap]\.?m\.?)(?!\w)|(?<![\w.])\d{1,2}:\d{2}(?!\w))",
            rf"(?P<number>{_NUMBER})(?P<ordinal>(?:st|nd|rd|th)\b)?",
            rf"(?P<weekday>\b(?:{'|'.join(day.capitalize() for day in WEEKDAYS)})s?\b)",
        )
    ),
    re.IGNORECASE,
)
_CODE = re.compile(r"(?<![\w@./-])(?=[\w-]*\d)(?=[\w-]*[^\W\d_])[^\W_]+(?:-[^\W_]+)*(?!\w|@|/)")
_MONTH = rf"(?:{'|'.join(f'{name[:3]}(?:{name[3:]})?' if name != 'may' else 'may' for name in _MONTHS)})"
_DATE = re.compile(
    rf"\b(?P<d1>\d{{1,2}})(?:st|nd|rd|th)?(?:\s?(?:to|-|–|and)\s?(?P<d2>\d{{1,2}})(?:st|nd|rd|th)?)?"
    rf"\s(?:of\s)?(?P<m1>{_MONTH})\b|\b(?P<m2>{_MONTH})\s(?P<d3>\d{{1,2}})(?:st|nd|rd|th)?\b",
    re.I,
)
_FREE = re.compile(
    r"(?<!feel )(?<!-)\b(?:free(?! (?:to|from|up|trial|time))(?!-)|complimentary|gratis"
    r"|(?:no|without|at no|without any) (?:extra |additional )?(?:charge|cost|fee)s?)\b|€\s?0(?![.,\d])",
    re.I,
)
_A_UNIT = re.compile(r"\b(?:an?|per|each|one)\s(minute|hour|day|week|month|year)\b", re.I)
_DAILY = re.compile(r"\b(?:every day|daily|each day|seven days a week)\b", re.I)
_DAY_RANGE = re.compile(rf"\b({'|'.join(WEEKDAYS)})s?\s?(?:to|-|–|through|until)\s?({'|'.join(WEEKDAYS)})s?\b", re.I)


@dataclass(frozen=True)
class Claim:
    """One thing a text states.

    Attributes:
        kind: number, time, date, weekday, code, email, url or free.
        value: the canonical form: `30`, `17:30`, `31 january`, `help@shop.example`.
        unit: of a number: `EUR`, `%`, `day`, `g`; empty where it has none that is known.
        text: as it stands in the text.
        start: where it stands.
    """

    kind: str
    value: str
    unit: str
    text: str
    start: int


def find_claims(text: str) -> list[Claim]:
    """Lists what a text states, in its order."""
    found: list[Claim] = []
    covered: list[tuple[int, int]] = []
    for match in _DATE.finditer(text):
        month = next(name for name in _MONTHS if name.startswith((match["m1"] or match["m2"]).lower()[:3]))
        days = [match[name] for name in ("d1", "d2", "d3") if match[name]]
        found += [Claim("date", f"{int(day)} {month}", "", match.group(), match.start()) for day in days]
        covered.append(match.span())
    for match in _TOKEN.finditer(text):
        if any(start <= match.start() < end for start, end in covered):
            continue
        found += _claim(match, text)
    for match in _CODE.finditer(text):
        word = match.group()
        # "30-day" and "2nd" are numbers with a unit; "WELCOME10", "IP67" and "USB-C3" are names.
        if not re.match(r"\d+(?:[.,]\d+)?-?(?:[^\W\d_]+(?:-[^\W\d_]+)*)$", word) or _model_like(word):
            found.append(Claim("code", word.casefold(), "", word, match.start()))
    found += [Claim("free", "free", "", match.group(), match.start()) for match in _FREE.finditer(text)]
    return sorted(_with_ranges(found, text), key=lambda claim: claim.start)


def stated_facts(text: str) -> frozenset[tuple[str, str, str]]:
    """What a piece of evidence states, as (kind, value, unit), with what follows from it.

    "Monday to Friday" states five weekdays, and "a year" is one year.
    """
    facts = {(claim.kind, claim.value, claim.unit) for claim in find_claims(text)}
    for match in _A_UNIT.finditer(text):
        unit = _unit_of(match[1])
        if unit:
            facts.add(("number", str(unit[1]), unit[0]))
    for match in _DAY_RANGE.finditer(text):
        first, last = (WEEKDAYS.index(match[number].lower()) for number in (1, 2))
        facts |= {("weekday", WEEKDAYS[day % 7], "") for day in range(first, last + 1 + (7 if last < first else 0))}
    if _DAILY.search(text):
        facts |= {("weekday", day, "") for day in WEEKDAYS}
    return frozenset(facts)


def supports(claim: Claim, facts: frozenset[tuple[str, str, str]]) -> bool:
    """Whether facts state a claim: a number needs its unit, a number without one needs itself."""
    if (claim.kind, claim.value, claim.unit) in facts:
        return True
    if claim.kind == "number" and not claim.unit:
        return any(kind == "number" and value == claim.value for kind, value, _ in facts)
    if claim.kind == "time":  # "until 8 pm" of "20:00"; a bare hour of the evidence is one, too
        return ("number", claim.value.removesuffix(":00"), "") in facts
    if claim.kind == "number" and claim.unit == "time":
        return ("number", claim.value, "") in facts
    if claim.kind == "code":  # "USB-C" needs no digits of its own; "A54" of "Galaxy A54-G" does not count
        return False
    if claim.kind == "free":
        return ("number", "0", "EUR") in facts
    return False


def _claim(match: re.Match[str], text: str) -> list[Claim]:
    kind = match.lastgroup if match.lastgroup != "ordinal" else "number"
    surface = match.group()
    if kind in ("url", "email"):
        return [Claim(kind, surface.rstrip(".,;:!?)”’").casefold(), "", surface, match.start())]
    if kind == "iso":
        _, month, day = surface.split("-")
        name = _MONTHS[int(month) - 1] if 1 <= int(month) <= 12 else month
        return [Claim("date", f"{int(day)} {name}", "", surface, match.start())]
    if kind == "time":
        return [Claim("time", _clock(surface), "", surface.rstrip("."), match.start())]
    if kind == "weekday":
        return [Claim("weekday", surface.casefold().removesuffix("s"), "", surface, match.start())]
    value = _number(match["number"])
    before = _CURRENCY_BEFORE.search(text[max(0, match.start() - 5) : match.start()])
    unit = _unit_of(before[1]) if before else None
    end = match.end()
    if unit is None and not match["ordinal"]:
        gap = _GAP.match(text, end)
        found = _UNIT.match(text, gap.end() if gap else end)
        # A single letter is a unit only where it is glued to the number or behind one space, as in "254 g".
        if found:
            unit, end = _by_group(found), found.end()
    if unit is None and match["number"].casefold() in ("one", "once"):
        return []  # "this one", "once it is paid": no quantity
    name, factor = unit or ("", 1)
    return [Claim("number", _multiplied(value, factor), name, text[match.start() : end], match.start())]


def _with_ranges(claims: list[Claim], text: str) -> list[Claim]:
    """Gives the first number of "3 to 5 working days" the unit of the second."""
    done: list[Claim] = []
    following: Claim | None = None
    for claim in sorted(claims, key=lambda item: -item.start):
        if claim.kind == "number" and not claim.unit and following is not None and following.unit:
            between = text[claim.start + len(claim.text) : following.start]
            is_pair = between == " and " and _BETWEEN.search(text[max(0, claim.start - 10) : claim.start])
            if is_pair or _RANGE.fullmatch(between):
                factor = next((f for w, u, f in _UNITS if u == following.unit and _unit_in(w, following.text)), 1)
                claim = Claim("number", _multiplied(claim.value, factor), following.unit, claim.text, claim.start)
        done.append(claim)
        following = claim if claim.kind == "number" else None
    return done


def _unit_in(words: str, text: str) -> bool:
    return bool(re.search(rf"(?:{words})$", text, re.I))


def _unit_of(word: str) -> tuple[str, int] | None:
    found = _UNIT.match(word)
    return _by_group(found) if found else None


def _by_group(match: re.Match[str]) -> tuple[str, int]:
    _, name, factor = _UNITS[int((match.lastgroup or "u0")[1:])]
    return name, factor


def _multiplied(value: str, factor: int) -> str:
    if factor == 1:
        return value
    try:
        return _plain(Decimal(value) * factor)
    except InvalidOperation:
        return value


def _number(surface: str) -> str:
    """`49,90` and `49.9` are one number; `1,000`, `1000` and `1.000,00` are one; `thirty-five` is 35."""
    words = re.split(r"[- ]", surface.casefold())
    if all(word in _NUMBER_WORDS for word in words):
        return str(sum(_NUMBER_WORDS[word] for word in words))
    if re.fullmatch(r"\d{1,3}(?:[.,]\d{3})+", surface):
        return str(int(re.sub(r"[.,]", "", surface)))
    grouped = re.fullmatch(r"(\d{1,3}(?:([.,])\d{3})+)(?!\2)[.,](\d+)", surface)
    if grouped:
        surface = f"{re.sub('[.,]', '', grouped[1])}.{grouped[3]}"
    number = surface.replace(",", ".")
    if number.count(".") > 1:
        return number
    return _plain(Decimal(number))


def _plain(number: Decimal) -> str:
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _clock(surface: str) -> str:
    digits = re.match(r"(\d{1,2})(?:[:.](\d{2}))?", surface)
    hour, minute = (int(digits[1]), digits[2] or "00") if digits else (0, "00")
    letters = re.sub(r"[^apm]", "", surface.casefold())
    if letters == "pm" and hour < 12:
        hour += 12
    if letters == "am" and hour == 12:
        hour = 0
    return f"{hour}:{minute}"


def _model_like(word: str) -> bool:
    """ "5G", "4K" and "16GB" in upper case glued together: the first two are names, the third has a unit."""
    return bool(re.fullmatch(r"\d+[A-Z]{1,3}\d*", word)) and not _UNIT.match(re.sub(r"^\d+", "", word))
