"""Numbers in words, currencies, units, and what may follow a number that stands alone."""

import re

_UNITS = {
    "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9,
}  # fmt: skip
_TEENS = {
    "ten": 10, "eleven": 11, "twelve": 12, "thirteen": 13, "fourteen": 14, "fifteen": 15, "sixteen": 16,
    "seventeen": 17, "eighteen": 18, "nineteen": 19,
}  # fmt: skip
_TENS = {
    "twenty": 20, "thirty": 30, "forty": 40, "fifty": 50, "sixty": 60, "seventy": 70, "eighty": 80, "ninety": 90,
}  # fmt: skip
SMALL_NUMBER_WORDS = {**_UNITS, "ten": 10}
_VALUES = {**_UNITS, **_TEENS, **_TENS, "a": 1, "hundred": 100, "thousand": 1000, "grand": 1000}

_unit, _teen, _ten = ("|".join(names) for names in (_UNITS, _TEENS, _TENS))
_below_hundred = rf"(?:(?:{_ten})(?:[\s-](?:{_unit}))?|{_teen}|{_unit})"
# Up to some thousands: "fifty", "a hundred", "two hundred and fifty", "twelve hundred", "a grand".
NUMBER_WORDS = (
    rf"(?:(?:(?:a|{_below_hundred})\s)?(?:hundred|thousand|grand)(?:\s(?:and\s)?{_below_hundred})?|{_below_hundred})"
)


def number_in_words(words: str) -> int:
    """The number that a match of `NUMBER_WORDS` says."""
    total = 0
    for word in re.findall(r"[a-z]+", words.casefold()):
        value = _VALUES.get(word, 0)  # "and" adds nothing
        total = max(total, 1) * value if value >= 100 else total + value
    return total


# A currency before an amount, and one behind it.
CURRENCY_SIGN = r"(?:(?:\b(?:us|ca?|au?|nz|hk))?\$|[€£¥₹]|\b(?:eur|usd|gbp|chf|cad|aud|sek|nok|dkk|pln|inr|jpy)\b\.?)"
CURRENCY = (
    r"(?:[€$£¥₹]|(?:eur(?:os?)?|dollars?|bucks?|usd|pounds?|quid|gbp|chf|francs?|cad|aud|sek|nok|dkk|kr|kronor|kroner"
    r"|pln|zł|inr|rupees?|jpy|yen)(?![^\W\d_]))"
)
# What makes a number behind "under" or "at least" no price. Currencies stand in CURRENCY.
UNIT = re.compile(
    r"\s{0,3}-?\s{0,3}(?:(?:[kcm]?g|kgs|kilos?|kilograms?|grams?|oz|ounces?|lbs?|stones?|[kcm]?m|mtrs?|met(?:er|re)s?"
    r"|centimet(?:er|re)s?|millimet(?:er|re)s?|miles?|ft|feet|foot|inch|inches|yards?|sq|sqm|square|m2|m²|[mcd]?l|lit(?:er|re)s?"
    r"|[km]?w|watts?|kwh|volts?|v|m?ah?|lumens?|lm|hz|khz|mhz|ghz|fps|rpm|dpi|ppi|db|[kmgt]b|[kmgt]bit|mp|megapixels?"
    r"|years?|yrs?|yo|months?|weeks?|(?:working|business|calendar)|days?|hours?|hrs?|h|min|mins|minutes?|sec|seconds?|s"
    r"|january|february|march|april|june|july|august|september|october|november|december|(?:jan|feb|mar|apr|jun|jul|aug|sept?"
    r"|oct|nov|dec)\b\.?|am|pm|o['’]?clock|times|people|persons?|adults?|kids|children|guests|users?|players?|seats?|seater|items?"
    r"|products?|pieces?|pcs|packs?|pairs?|units?|sets?|stars?|reviews?|ratings?|orders?|points?|percent|pct|degrees?"
    r"|tog|kcal|calories|pages?|characters?|digits?|layers?|colou?rs?|sizes?|options?|ports?|cores?)\b|[%\"″°]|[x×*]\s?\d)",
    re.I,
)
# What may follow a number or a size that stands for itself: the end, a sign, or a word that is no noun.
# "the 42 in black" and "a medium, please" stand alone; "a 12 pack" and "a large order" do not.
ALONE = re.compile(
    r"\s{0,3}(?:\Z|(?![%°'’\"″+#&@]|[-–.,:/]\s?\d|-\w)[^\w\s]"
    r"|(?:a|an|and|or|nor|n|but|if|then|than|so|because|since|in|on|at|for|from|to|with|without|by|as|vs|versus|is|are|was|were"
    r"|be|will|would|can|could|should|do|does|did|fit|fits|has|have|please|pls|plz|thanks|thank|thx|instead|too|also"
    r"|either|now|which|what|whats|how|when|where|who|not|any|it|its|i|im|we|you|they|he|she|this|that|there|here|left|remaining"
    r"|available|cost|costs|run|runs|side|better|only|again|maybe|next|until|weigh|weighs|come|comes|look|looks)\b)",
    re.I,
)
