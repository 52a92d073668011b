"""What a message says of order, stars, stock and things not wanted; prices, sizes and names are `catalog.mentions`."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

# Stars are given from 1 to 5.
_NUMBERS = {"one": 1, "two": 2, "three": 3, "four": 4, "five": 5}
_STARS = rf"(?P<%s>[1-5](?:[.,]\d)?|{'|'.join(_NUMBERS)})"
_STAR = r"(?:[\s-]?(?:stars?\b|★))"
_OR_MORE = r"(?:\s?\+|\s(?:or|and)\s(?:more|up|above|over|higher|better|upwards?)\b)"
_AT_LEAST = r"(?:\b(?:at\sleast|min(?:imum)?(?:\sof)?|over|above|more\sthan|from)|>=?)"
_RATING = re.compile(
    rf"\b(?:rated|ratings?(?:\sof)?)\s(?:(?:at\sleast|above|over|of)\s)?{_STARS % 'rated'}(?![.,]?\d)"
    rf"{_STAR}?{_OR_MORE}?"
    rf"|(?:\bwith\s)?{_AT_LEAST}\s?{_STARS % 'least'}{_STAR}"
    rf"|(?:\bwith\s)?\b{_STARS % 'more'}(?:{_STAR}{_OR_MORE}|\s?\+{_STAR})",
    re.I,
)
_ORDERS = tuple(
    (sort, re.compile(rf"\b(?:the\s)?(?:{pattern})(?!\w)", re.I))
    for sort, pattern in (
        (
            "-price",
            r"most\sexpensive|priciest|dearest|highest[\s-]?priced?|(?:prices?\s)?high(?:est)?\sto\slow(?:est)?",
        ),
        (
            "price",
            r"cheapest(?:\sfirst)?|lowest[\s-]?priced?(?:\sfirst)?|least\sexpensive|most\saffordable|most\sinexpensive"
            r"|(?:prices?\s)?low(?:est)?\sto\shigh(?:est)?|sort(?:ed)?\sby\sprices?",
        ),
        (
            "rating",
            r"(?:best|highest|top)[\s-]rated|best[\s-]reviewed|highly[\s-]rated|sort(?:ed)?\sby\s(?:ratings?|stars)"
            r"|(?:with\s(?:the\s)?)?(?:best|highest)\s(?:ratings?|reviews?)",
        ),
        (
            "popularity",
            r"(?:most\s)?popular|best[\s-]?sell(?:ing|ers?)|top[\s-]?sell(?:ing|ers?)|most\s(?:bought|sold|wanted)"
            r"|sort(?:ed)?\sby\spopularity",
        ),
    )
)
_IN_STOCK = re.compile(
    r"\b(?:(?:that\s(?:is|are)\s)?(?:currently\s|still\s)?in\sstock|not\s(?:out\sof\sstock|sold\sout)"
    r"|available\s(?:now|today|right\snow)|on\shand)\b",
    re.I,
)
_NO = re.compile(
    r"(?<![\w-])(?:(?:but|and|just|also)\s)?(?:"
    r"(?:anything|everything|all)\s(?:but|except)|except(?:\sfor)?|excluding|exclude|other\sthan|apart\sfrom"
    r"|(?:i\s)?(?:do|does|would)\s?(?:n['’o]?t|not)\s(?:want|like|need|include|have)|dont\s(?:want|like|need)"
    r"|nothing|avoid(?:ing)?|without|w/o|non|not|no"
    r")(?:\s|-)(?:(?:any|an?|the|in|from|by|of|made|with|from)\s){0,3}",
    re.I,
)
# "I'd like it in black or red, not pink or purple": what joins one unwanted thing to the next.
_NEXT = re.compile(
    r"\s*(?:,\s*)?(?:(?:and|or|nor)\s|,\s*|/\s*)(?P<no>(?:no|not|nor|without)\s)?(?:(?:any|an?|the|by|from)\s)*", re.I
)
_TERM_WORD = re.compile(r"[^\W_][^\s,.;:!?()/]*")
_MAX_TERM_WORDS = 3
_MAX_EXCLUSIONS = 8

# How a wish is asked for: what may stand before the thing itself, step by step.
_GREETING = re.compile(r"(?:(?:hi|hello|hey|ok|okay|so|well|please)\b[\s,.!]+){1,3}", re.I)
_ASKING = re.compile(
    r"(?:(?:please|what|which)\s)?(?:can|could|would|will|do|should)\s(?:you|i|we)\s(?:please\s|maybe\s|kindly\s)?"
    r"(?:recommend|suggest|show|find|get|give|buy|help|have|sell|stock|carry)\b(?:\s(?:me|us))?"
    r"(?:\s(?:with|to\sfind|to\schoose|find|choose|pick)\b)?"
    r"|(?:please\s)?(?:(?:find|give|get|help)\s(?:me|us)|(?:show|recommend|suggest)(?:\s(?:me|us))?)\b"
    r"(?:\s(?:with|to\sfind|to\schoose|find|choose|pick)\b)?"
    r"|(?:i\sam|i['’]?m|we\sare|we['’]?re)\s(?:(?:also|just|currently|still)\s)?"
    r"(?:(?:looking|searching|shopping|hunting)\sfor|after|in\sneed\sof)\b"
    r"|(?:i|we)(?:['’]d|\swould)?\s(?:really\s)?(?:like|love|need|want)\b(?:\sto\s(?:buy|get|see|find|have|order)\b)?"
    r"|have\syou\sgot\b|(?:is|are)\sthere\b",
    re.I,
)
# "for my dad who loves": whom it is for says nothing of it, unless it is a child.
_RECIPIENT = re.compile(
    r"for\s(?!(?:[\w'’-]+\s){0,4}?(?:\w*year|toddler|bab(?:y|ies)|kid|child(?:ren)?|sons?|daughters?|boys?|girls?)\b)"
    r"(?:[\w'’-]+\s){1,4}?(?:who|that)(?:['’]s\b|\s(?:is|are)\b)?(?:\s(?:really|always|just|also|absolutely|very|so)\b)*"
    r"(?:\s(?:loves?|likes?|enjoys?|adores?|into|fond\sof|keen\son|crazy\sabout|(?:a\s)?(?:big\s)?fan\sof|interested\sin)\b)?"
    r"(?:\sto\b)?",
    re.I,
)
_SOMETHING = re.compile(
    r"(?:something|anything)(?:\s(?:nice|good|great|special))?(?=\s(?:for|to|that|which|with)\b)", re.I
)
_GIFT = re.compile(
    rf"(?:(?:a|an|some|any|the)\s)?(?:[\w-]+\s){{0,3}}?(?:gift|present)s?(?:\sideas?)?(?=\s{_RECIPIENT.pattern})", re.I
)
_LINK = re.compile(r"(?:(?:for|to|that|which)\b)(?:\s(?:helps?)\s(?:me|us)\b(?:\sto\b)?)?", re.I)
_CLOSING = re.compile(
    r"[\s,]+(?:please|pls|plz|thanks|thank\syou|thx|if\spossible|any\s(?:ideas?|suggestions?|recommendations?|tips))"
    r"(?:\s(?:so|very)\smuch|\sa\slot)?$",
    re.I,
)
_LAST_SIGNS = " \t\n?!.,"
# The longest part of a message in which a closing is looked for.
_CLOSING_CHARACTERS = 60


def _words(text: str) -> frozenset[str]:
    return frozenset(re.findall(r"\S+", text))


# Where an unwanted thing ends: words that begin something else.
_ENDS = _words(
    "for under below beneath over above between around about up less more cheaper max maximum min minimum at from to"
    " with without in on of that which who and or nor but except please pls thanks thank not no nothing if because as"
    " so is are was be i im i'm you my me it its it's this these those than then only just too very really also can"
    " could should would do does did have has want need like looking show give find"
)
# Words behind "not" and "no" that make another sense of it: "not sure", "no problem", "no more than".
_OTHER_SENSE = _words(
    "sure only just too so very really that necessarily always yet even quite much many more less over under above"
    " below problem idea thanks thank matter need longer one doubt way worries rush working work fit fits good bad"
    " enough at out available sold stock spend spending pay paying go going exceed exceeding be being a the any all"
    " required least most"
)
# What says nothing of the thing itself: "no Apple products", "not the pink one".
_EMPTY_TAIL = _words(
    "one ones product products item items thing things stuff brand brands model models coloured colored colour color"
    " colours colors"
)


@dataclass(frozen=True)
class Exclusion:
    """Something a message does not want.

    Attributes:
        terms: the places of what is not wanted, each a stretch of words.
        start: where the words for it begin.
        ends: for each term the end of the words that belong to it but say nothing: "products" in "no Apple products".
        joins: for each term whether "or" or a "not" of its own ties it to the first, so that no name need prove it.
    """

    terms: tuple[tuple[int, int], ...]
    ends: tuple[int, ...]
    joins: tuple[bool, ...]
    start: int


def find_sort(text: str) -> tuple[str, int, int] | None:
    """The order a message asks for, a key of `fusion.SORTS`, and the place of its words."""
    for sort, pattern in _ORDERS:
        if match := pattern.search(text):
            return sort, *match.span()
    return None


def find_min_rating(text: str) -> tuple[float, int, int] | None:
    """The fewest stars a message asks for, and the place of its words."""
    match = _RATING.search(text)
    if match is None:
        return None
    written = next(value for value in match.groupdict().values() if value)
    return float(_NUMBERS.get(written.casefold(), 0) or written.replace(",", ".")), *match.span()


def find_in_stock(text: str) -> list[tuple[int, int]]:
    """The places of words that ask for what is on hand."""
    return [match.span() for match in _IN_STOCK.finditer(text)]


def subject(text: str) -> str:
    """What is wanted, without the words by which it is asked for and whom it is for; may be nothing.

    "Can you recommend something for my dad who loves gardening?" is about gardening.
    """
    text = text.rstrip(_LAST_SIGNS)
    head, tail = text[:-_CLOSING_CHARACTERS], text[-_CLOSING_CHARACTERS:]
    rest = (head + _CLOSING.sub("", tail)).rstrip(_LAST_SIGNS)
    rest, _ = _behind(_GREETING, rest)
    rest, asked = _behind(_ASKING, rest)
    for pattern in (_SOMETHING, _GIFT, _RECIPIENT):
        rest, found = _behind(pattern, rest)
        asked = asked or found
    return _behind(_LINK, rest)[0] if asked else rest


def _behind(pattern: "re.Pattern[str]", text: str) -> tuple[str, bool]:
    """What follows a pattern that a text begins with, and whether it does."""
    match = pattern.match(text)
    return (text[match.end() :].lstrip(" ,:"), True) if match else (text, False)


def find_exclusions(text: str) -> Iterator[Exclusion]:
    """What a message does not want, in the order of the text; the caller tells what is known of the shop."""
    position = found = 0
    while found < _MAX_EXCLUSIONS and (match := _NO.search(text, position)):
        first = _term(text, match.end())
        position = match.end()
        if first is None:
            continue
        terms, joins = [first], [True]
        while len(terms) < _MAX_EXCLUSIONS and (joiner := _NEXT.match(text, terms[-1][2])):
            following = _term(text, joiner.end())
            if following is None:
                break
            terms.append(following)
            joins.append(bool(joiner["no"]) or re.search(r"\bn?or\b", joiner.group(), re.I) is not None)
        yield Exclusion(
            tuple((start, end) for start, end, _ in terms), tuple(end for *_, end in terms), tuple(joins), match.start()
        )
        position = first[1]
        found += 1


def _term(text: str, start: int) -> tuple[int, int, int] | None:
    """The words from here that name one thing: their start, their end, and the end of an empty tail; None without."""
    words: list[re.Match[str]] = []
    position = start
    while len(words) < _MAX_TERM_WORDS and (match := _TERM_WORD.match(text, position)):
        word = match.group().casefold()
        if word in _ENDS or (not words and word in _OTHER_SENSE) or (word[0].isdigit() and not words):
            break
        words.append(match)
        position = match.end() + 1 if text[match.end() : match.end() + 1] == " " else len(text)
    if not words or words[0].group().casefold() in _EMPTY_TAIL:
        return None
    end = words[-1].end()
    while words[-1].group().casefold() in _EMPTY_TAIL:
        words.pop()
    return words[0].start(), words[-1].end(), end
