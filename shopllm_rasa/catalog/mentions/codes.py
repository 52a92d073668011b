"""Order numbers and e-mail addresses."""

import re

from shopllm_rasa.catalog.mentions.mention import Mention

# Letters of all scripts, as in internationalised addresses. The last label begins with a letter: "a@20.50" is a price.
_EMAIL = re.compile(r"(?<![\w.%+'-])[\w.%+'-]{1,64}@(?:[\w-]{1,63}\.){1,4}[^\W\d_][\w-]{1,62}")
_ORDER = re.compile(
    # Letters and digits apart are an order number only in capitals: "and 20000" is none, nor is an amount.
    r"\b(?:[A-Za-z]{2,3}-?|(?!EUR|USD|GBP|CHF)[A-Z]{2,3} )\d{5,8}\b"
    # Three groups, as marketplaces write them.
    r"|(?<![\w-])\d{3}-\d{7}-\d{7}(?![\w-])"
    # Digits alone are one behind "order" or #, or when they are the whole message, as in reply to the bot's question.
    # After "order number" a few digits will do; "order 1000" may be a wish for a thousand.
    r"|\border(?:\s(?:is|was)|:)?\s#?(?P<many>\d{5,12})\b"
    r"|\border\s?(?:number|no\b\.?|nr\b\.?|id|ref(?:erence)?)\s{0,2}(?:is|was|[:=])?\s{0,2}#?(?P<few>\d{3,12})\b"
    r"|(?<!\w)#\d{3,12}\b"
    r"|(?<!\S)(?<!.)\d{5,12}(?=\s{0,9}\Z)",
    re.A,
)


def find_codes(text: str) -> list[Mention]:
    """Finds addresses and order numbers; digits are expected as 0 to 9."""
    found = []
    for match in _EMAIL.finditer(text):
        found.append(Mention("email", match.group().lower(), *match.span()))
    for match in _ORDER.finditer(text):
        group = match.lastgroup or 0
        found.append(Mention("order_number", _order_number(match[group]), *match.span(group)))
    return found


def _order_number(written: str) -> str:
    """'jv20006' and 'JV 20006' both mean JV-20006."""
    value = written.upper().replace(" ", "-").lstrip("#")
    letters = re.match(r"[A-Z]+(?=\d)", value)
    return f"{letters.group()}-{value[letters.end() :]}" if letters else value
