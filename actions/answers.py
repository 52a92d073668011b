"""Actions that answer questions, take complaints and hand over to a person."""

import re

from actions.base import PERSON_BUTTON, Reply, ShopAction, Turn, sorry
from actions.products import ActionRecommend, found_reply
from shopllm_rasa.app import ShopApp
from shopllm_rasa.errors import SearchError
from shopllm_rasa.generation import Answer
from shopllm_rasa.generation.backends import LAST_RESORT

_QUESTION = re.compile(
    r"\?|^\s*(?:who|what|when|where|why|how|which|whose|do|does|did|can|could|is|are|am|was|were|will|would|should"
    r"|may|have|has)\b",
    re.I,
)
_SEEKS = re.compile(
    r"\b(?:(?P<advice>recommend|suggest)|looking for|show me|do you (?:have|sell|stock)|i (?:need|want|would like))\b",
    re.I,
)
MAX_SEARCH_WORDS = 8
# Cosine from which a product is surely about what was asked; off-topic wishes ("recommend a film") stay below.
STRONG_MATCH = 0.4
FALLBACK_INTENT = "nlu_fallback"
# Support below which a question is not even near one of the shop's pages.
_OFF_TOPIC = 0.2


class ActionAnswer(ShopAction):
    """Answers from the shop's pages; both of Rasa's fallback routes end here."""

    ends_turn = True

    def name(self) -> str:
        """The name in the domain."""
        return "action_answer"

    def reply(self, app: ShopApp, turn: Turn) -> Reply:
        """Answers, or shows products where only some were named, or says that it does not know."""
        if turn.sentiment == "negative" and turn.intent == FALLBACK_INTENT and not _QUESTION.search(turn.text):
            return complaint_reply()  # upset, and asking nothing: a quoted page would add insult
        answer = app.answerer.answer(
            turn.text,
            history=turn.history,
            products=app.references.resolve(turn.text, turn.mentions, turn.shown, turn.current),
            sentiment=turn.sentiment,
        )
        if answer.text:
            return _answered(answer, turn)
        return self._product_search(app, turn) or _declined(app, answer, turn)

    def _product_search(self, app: ShopApp, turn: Turn) -> Reply | None:
        """Finds what the customer seeks, where understanding missed that they seek something.

        That is the case when they say so and something fits well, or when a few words name a brand or category
        and ask nothing.
        """
        seeks = _SEEKS.search(turn.text)
        names_products = any(m.kind in ("brand", "category", "product") for m in turn.mentions)
        is_short = len(turn.text.split()) <= MAX_SEARCH_WORDS and not _QUESTION.search(turn.text)
        if not seeks and not (names_products and is_short):
            return None
        try:
            result = app.search(app.read_query(turn.text, turn.mentions))
        except SearchError:
            return None
        if not result.hits or (seeks and result.hits[0].score < STRONG_MATCH):
            return None
        if seeks and seeks["advice"]:
            return ActionRecommend().reply(app, turn)
        return found_reply(result, turn, "Are you looking for one of these?")


def _answered(answer: Answer, turn: Turn) -> Reply:
    # A generated reply finds its own words of regret.
    text = sorry(turn) + answer.text if answer.backend == LAST_RESORT else answer.text
    if answer.answered and not turn.on_web_page:
        named = "; ".join(source.place for source in answer.sources)
        text = f"{text}\nSource: {named}"
    sources = [
        {"title": s.title, "section": s.section, "url": s.url, "product_id": s.product_id} for s in answer.sources
    ]
    return Reply(text, custom={"sources": sources if answer.answered else [], "reply": answer.record})


def _declined(app: ShopApp, answer: Answer, turn: Turn) -> Reply:
    shop = app.settings.shop.name
    if answer.support < _OFF_TOPIC:
        text = (
            f"I do not know about that. I can help with products, orders and service of {shop}, "
            "or pass you to a person."
        )
    else:
        text = "I could not find an answer to that on our pages, and I do not want to guess."
        if answer.sources:
            text += f" The nearest I know is “{answer.sources[0].place}”."
        text += " Would you like to talk to a person?"
    return Reply(sorry(turn) + text, buttons=[PERSON_BUTTON], slots={"offer": "person"})


class ActionHandleComplaint(ShopAction):
    """Takes a complaint seriously: apologises and offers a person."""

    def name(self) -> str:
        """The name in the domain."""
        return "action_handle_complaint"

    def reply(self, app: ShopApp, turn: Turn) -> Reply:
        """Apologises and offers what can be done now."""
        return complaint_reply()


def complaint_reply() -> Reply:
    """Apologises and offers a person or a look at the order."""
    return Reply(
        "I am very sorry, that is not how it should be. I can pass you to a person right away, "
        "or look up your order if you tell me its number.",
        buttons=[PERSON_BUTTON, {"title": "Look up my order", "payload": "/order_status"}],
        slots={"offer": "person"},
    )


class ActionHandover(ShopAction):
    """Hands the conversation over to a person."""

    ends_turn = True

    def name(self) -> str:
        """The name in the domain."""
        return "action_handover"

    def reply(self, app: ShopApp, turn: Turn) -> Reply:
        """Notes the request and says how to reach a person."""
        reason = "complaint" if turn.sentiment == "negative" else "asked"
        reference = app.store.request_person(turn.conversation_id, reason)
        text = f"{sorry(turn)}I have asked a colleague to take over. Your reference is {reference}."
        shop = app.settings.shop
        ways = [f"write to {shop.email}" if shop.email else "", f"call {shop.phone}" if shop.phone else ""]
        ways = [way for way in ways if way]
        if ways:
            text += f" You can also {' or '.join(ways)}."
        return Reply(text)
