"""Actions about orders."""

from actions.base import PERSON_BUTTON, Reply, ShopAction, Turn, sorry
from shopllm_rasa.app import ShopApp
from shopllm_rasa.shop.wording import order_text

# Guessing at addresses ends here; a person can still help.
MAX_FAILED_LOOKUPS = 3


class ActionOrderStatus(ShopAction):
    """Tells the state of an order to who knows its number and its e-mail address."""

    def name(self) -> str:
        """The name in the domain."""
        return "action_order_status"

    def reply(self, app: ShopApp, turn: Turn) -> Reply:
        """Looks the order up; a refusal never tells which of the two was wrong."""
        failures = int(turn.slots.get("failed_lookups") or 0)
        if failures >= MAX_FAILED_LOOKUPS:
            return Reply(
                "I cannot look up any more orders in this conversation. A colleague can help you.",
                buttons=[PERSON_BUTTON],
                slots={"offer": "person", "email": None, "order_number": None},
            )
        number, email = (str(turn.slots.get(name) or "") for name in ("order_number", "email"))
        order = app.store.find_order(number, email)
        if order is None:
            return Reply(
                "I cannot find an order with this number and e-mail address together. "
                "Please check both and send me the number or the address again.",
                buttons=[PERSON_BUTTON],
                slots={"email": None, "verified_order": None, "failed_lookups": failures + 1},
            )
        # Failures stay counted: who owns an order could otherwise guess at others for ever.
        return Reply(sorry(turn) + order_text(order), slots={"verified_order": order.number})
