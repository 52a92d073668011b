"""Values for the slots of the training texts: durations, prices, names and things, many of them made up."""

import random
from collections.abc import Callable
from pathlib import Path

from shopllm_rasa.spelling.english import english_words

VALUES = Path(__file__).with_name("values.txt")


def _read_values() -> dict[str, tuple[str, ...]]:
    lines = [line for line in VALUES.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    text = "\n".join(lines).replace("\n  ", " ")
    rows = (line.split(": ", 1) for line in text.splitlines())
    return {name: tuple(values.split(", ")) for name, values in rows}


_VALUES = _read_values()


def made_up_name(rng: random.Random) -> str:
    """A brand's or firm's name of two or three syllables."""
    name = "".join(rng.choices(_VALUES["syllables"], k=rng.choice((2, 2, 3)))).capitalize()
    return (
        f"{name} {rng.choice(('Home', 'Plus', 'Pro', 'One', 'Works', 'Group', 'X'))}" if rng.random() < 0.25 else name
    )


def random_word(rng: random.Random) -> str:
    """An ordinary English word, neither among the commonest nor among the rarest."""
    words = english_words()
    while True:
        word = words[rng.randrange(900, 12_000)]
        if len(word) > 3 and not word.endswith(("ed", "ing", "ly")):
            return word


def _things(rng: random.Random) -> str:
    draw = rng.random()
    if draw < 0.62:
        return rng.choice(_VALUES["things"])
    if draw < 0.78:
        return f"{random_word(rng)} {rng.choice(_VALUES['things'])}"
    if draw < 0.86:
        return f"{rng.choice(_VALUES['things'])} and {rng.choice(_VALUES['things'])}"
    return _plural(random_word(rng))


def _plural(word: str) -> str:
    return word if word.endswith("s") else f"{word}s"


def _count(unit: str, values: tuple[int, ...], rng: random.Random) -> str:
    value = rng.choice(values)
    return f"{value} {unit}" + ("" if value == 1 else "s")


def _range(unit: str, rng: random.Random) -> str:
    low = rng.randint(1, 9)
    joint = rng.choice(("to", "to", "-"))
    high = low + rng.randint(1, 6)
    return f"{low} {joint} {high} {unit}" if joint == "to" else f"{low}-{high} {unit}"


def _working_days(rng: random.Random) -> str:
    unit = rng.choice(("working days", "working days", "business days", "days"))
    return _range(unit, rng) if rng.random() < 0.7 else f"{rng.randint(2, 14)} {unit}"


def _money(rng: random.Random, currency: str, low: float, high: float) -> str:
    value = rng.uniform(low, high)
    text = (
        f"{round(value)}" if rng.random() < 0.5 else f"{int(value)}.{rng.choice(('50', '95', '99', '90', '49', '20'))}"
    )
    return f"{currency}{text}" if len(currency) == 1 else f"{text} {currency}"


def _time(rng: random.Random, low: int, high: int) -> str:
    hour = rng.randint(low, high)
    draw = rng.random()
    if draw < 0.6:
        return f"{hour}:{rng.choice(('00', '30', '15', '45'))}"
    return f"{hour if hour <= 12 else hour - 12} {'am' if hour < 12 else 'pm'}"


def _phone(rng: random.Random) -> str:
    digits = rng.randint
    if rng.random() < 0.5:
        return f"+{digits(20, 99)} {digits(1, 99)} {digits(100, 999)} {digits(1000, 9999)}"
    return f"0{digits(100, 899)} {digits(100000, 999999)}"


def _email(rng: random.Random) -> str:
    firm = made_up_name(rng).split()[0].lower()
    return f"{rng.choice(('help', 'service', 'info', 'hello', 'team', 'care'))}@{firm}.example"


def _date(rng: random.Random) -> str:
    return f"{rng.randint(1, 28)} {rng.choice(_VALUES['months'])}"


def _day_range(rng: random.Random) -> str:
    return rng.choice(
        ("Monday to Friday", "Monday to Saturday", "Tuesday to Sunday", "Thursday to Saturday", "Friday to Sunday")
    )


def _value(rng: random.Random) -> str:
    units = ("inches", "GB", "watts", "dB", "metres", "litres", "km/h", "bar", "lumens")
    return f"{rng.randint(2, 900)} {rng.choice(units)}"


class Slots:
    """Draws the values of one page's slots; the currency is one for the whole page."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._currency = rng.choice(("€", "€", "£", "$", "EUR", "CHF", "€"))

    def draw(self, key: str) -> str | None:
        """A value for a slot such as `days` or `days2`; None for a name that is no slot."""
        for name in (key, key.rstrip("0123456789")):
            if name in _LISTED:
                return self._rng.choice(_VALUES[_LISTED[name]])
            if name in _MADE:
                return _MADE[name](self._rng)
            if name in _MONEY:
                return _money(self._rng, self._currency, *_MONEY[name])
        return None


def _either(share: float, values: tuple[str, ...], rng: random.Random) -> str:
    return rng.choice(values) if rng.random() < share else made_up_name(rng)


def _measure(rng: random.Random) -> str:
    low = rng.randint(20, 120)
    return f"{low} to {low + rng.randint(2, 9)}" if rng.random() < 0.6 else str(low)


def _address(rng: random.Random) -> str:
    return f"{rng.randint(1, 180)} {random_word(rng).capitalize()} {rng.choice(('Street', 'Road', 'Lane', 'Square'))}"


def _programme(rng: random.Random) -> str:
    return f"{made_up_name(rng).split()[0]} {rng.choice(('Club', 'Circle', 'Plus', 'Rewards', 'Card'))}"


def _product(rng: random.Random) -> str:
    model = f"{random_word(rng).capitalize()} " if rng.random() < 0.4 else ""
    return f"{made_up_name(rng)} {model}{rng.choice(_VALUES['devices'])}"


def _subject(rng: random.Random) -> str:
    """A plural noun phrase of random words."""
    noun = _plural(random_word(rng)) if rng.random() < 0.6 else rng.choice(_VALUES["things"])
    draw = rng.random()
    if draw < 0.25:
        return f"{rng.choice(_VALUES['adjectives'])} {noun}"
    if draw < 0.45:
        return f"{random_word(rng)} {noun}"
    if draw < 0.55:
        return f"{noun} from {rng.choice(_VALUES['countries'])}"
    if draw < 0.65:
        return f"{noun} for {_plural(random_word(rng))}"
    return noun


_MONEY = {"m": (2, 90), "m9": (100, 3000)}
_LISTED = {
    "city": "cities", "col": "colours", "country": "countries", "day": "days", "dev": "devices", "mat": "materials",
    "ra": "adjectives", "rv": "participles", "vb": "verbs",
}  # fmt: skip
_MADE: dict[str, Callable[[random.Random], str]] = {
    "t": _things,
    "days": lambda rng: _count("day", (3, 5, 7, 10, 14, 15, 20, 21, 28, 30, 45, 60, 90, 100), rng),
    "wd": _working_days,
    "hours": lambda rng: _count("hour", (2, 3, 4, 6, 8, 12, 24, 36, 48, 72), rng),
    "mins": lambda rng: _count("minute", (5, 10, 15, 20, 30, 45, 60, 90), rng),
    "weeks": lambda rng: _range("weeks", rng),
    "months": lambda rng: _count("month", (1, 3, 6, 9, 12, 18, 24), rng),
    "years": lambda rng: _count("year", (1, 2, 3, 4, 5, 7, 10, 15, 25), rng),
    "p": lambda rng: f"{rng.choice((5, 8, 10, 12, 15, 20, 25, 30, 40, 50))}%",
    "n": lambda rng: str(rng.randint(2, 60)),
    "n9": lambda rng: str(rng.randint(2, 5)),
    "n8": lambda rng: str(rng.randint(1, 9)),
    "cm": _measure,
    "pay": lambda rng: _either(0.85, _VALUES["payments"], rng),
    "carrier": lambda rng: _either(0.7, _VALUES["carriers"], rng),
    "time": lambda rng: _time(rng, 7, 14),
    "time2": lambda rng: _time(rng, 15, 22),
    "dayr": _day_range,
    "date": _date,
    "email": _email,
    "phone": _phone,
    "url": lambda rng: f"/{rng.choice(('help', 'service', 'info'))}/{random_word(rng)}",
    "addr": _address,
    "name": made_up_name,
    "prog": _programme,
    "code": lambda rng: f"{random_word(rng).upper()[:7]}{rng.choice((5, 10, 15, 20, 25))}",
    "lang": lambda rng: rng.choice(("English", "English and French", "German", "Spanish", "sign language")),
    "sz": lambda rng: rng.choice(("XS", "S", "M", "L", "XL", "36", "38", "40", "42", "44", "12", "14")),
    "deg": lambda rng: f"{rng.choice((20, 30, 40, 60, 95))} {rng.choice(('degrees', '°C'))}",
    "kg": lambda rng: f"{rng.randint(1, 900)} {rng.choice(('kg', 'g'))}",
    "val": _value,
    "prod": _product,
    "rw": lambda rng: _plural(random_word(rng)) if rng.random() < 0.7 else rng.choice(_VALUES["things"]),
    "rs": random_word,
    "subj": _subject,
}
