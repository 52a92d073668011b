import json
import logging
import re
import sqlite3
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml
from rasa_sdk import Tracker
from rasa_sdk.executor import ActionExecutor

from actions.base import Reply, ShopAction, Turn, read_turn
from actions.cards import product_cards
from shopllm_rasa.app import ShopApp
from shopllm_rasa.catalog import Product
from shopllm_rasa.retrieval import ProductIndex

# Orders of the demo shop and the addresses they were placed with.
ORDER, EMAIL = "JV-20418", "anna.keller@example.com"
OTHERS_ORDER, OTHERS_EMAIL = "JV-19387", "e.whitfield@example.net"
REFUSAL = (
    "I cannot find an order with this number and e-mail address together. "
    "Please check both and send me the number or the address again."
)
APOLOGY = "Sorry, something is not working on our side right now."
PERSON = "/talk_to_human"
KETTLES = ["KIT-1310", "KIT-1327", "KIT-1364", "KIT-1391"]
ALL_ACTIONS = [
    "action_answer",
    "action_check_availability",
    "action_compare_products",
    "action_describe_product",
    "action_handle_complaint",
    "action_handover",
    "action_order_status",
    "action_product_price",
    "action_product_reviews",
    "action_recommend",
    "action_search_products",
]


class TestSearch:
    def test_shows_what_fits(self, talk) -> None:
        text = talk.say("action_search_products", "kettles under 60 euros")
        assert text == "Here is what I found:"
        assert sorted(talk.slots["shown_products"]) == ["KIT-1327", "KIT-1328", "KIT-1364"]
        assert talk.slots["current_product"] is None
        assert len(talk.titles) == 3

    def test_one_product_is_the_one_spoken_of(self, talk) -> None:
        assert talk.say("action_search_products", "kettles under 50 euros") == "I found one product:"
        assert talk.slots["current_product"] == "KIT-1364"
        assert talk.slots["shown_products"] == ["KIT-1364"]

    @pytest.mark.parametrize(
        ("text", "words"),
        [
            ("a pink kettle", None),
            ("a Sonavale kettle", "I found nothing with that brand, but this comes close:"),
            ("a kettle under 10 euros", "I found nothing with that price, but this comes close:"),
            ("a beige kettle", "I found nothing with all of those details, but this comes close:"),
        ],
    )
    def test_says_what_had_to_be_given_up(self, talk, text: str, words: str | None) -> None:
        said = talk.say("action_search_products", text)
        assert talk.titles
        if words:
            assert said == words

    def test_an_order(self, talk, product_index: ProductIndex) -> None:
        assert talk.say("action_search_products", "the cheapest kettles") == "The cheapest first:"
        prices = [product_index.get(item).price for item in talk.slots["shown_products"]]
        assert prices == sorted(prices)
        assert talk.say("action_search_products", "best rated kettles") == "The best rated first:"
        stars = [product_index.get(item).rating for item in talk.slots["shown_products"]]
        assert stars == sorted(stars, reverse=True)

    def test_what_is_not_wanted(self, talk, product_index: ProductIndex) -> None:
        talk.say("action_search_products", "kettles, but not from Casaro and no gooseneck")
        found = [product_index.get(item) for item in talk.slots["shown_products"]]
        assert found
        assert not any(product.brand == "Casaro" or "Gooseneck" in product.name for product in found)

    def test_nothing_found(self, talk) -> None:
        talk.slots |= {"shown_products": KETTLES, "current_product": "KIT-1310"}
        said = talk.say("action_search_products", "qqqq zzzz wwww")
        assert said == "I found nothing like that in our shop. Could you describe it in other words?"
        assert talk.titles == []
        assert (talk.slots["shown_products"], talk.slots["current_product"]) == ([], None)

    @pytest.mark.parametrize("text", ["kettles over 50 and under 20", ""])
    def test_what_cannot_be_searched(self, talk, text: str) -> None:
        assert talk.say("action_search_products", text).startswith("I cannot search for that: ")
        assert talk.titles == []

    def test_an_upset_customer(self, talk) -> None:
        said = talk.say("action_search_products", "kettle", sentiment="negative")
        assert said == "I am sorry about the trouble. Here is what I found:"


class TestCards:
    def test_on_the_web_page(self, web, product_index: ProductIndex) -> None:
        web.say("action_search_products", "kettles under 60 euros")
        cards = web.message["elements"]
        for card, product_id in zip(cards, web.slots["shown_products"], strict=True):
            product = product_index.get(product_id)
            assert product is not None
            assert card["title"] == product.name
            assert card["price"] == product.price_text
            assert (card["rating"], card["rating_count"]) == (product.rating, product.rating_count)
            assert card["in_stock"] is True
            assert card["subtitle"].removesuffix(" ...") in product.description
            (button,) = card["buttons"]
            assert button["payload"] == f'/ask_product_details{{"product": "{product_id}"}}'

    @pytest.mark.parametrize("channel", ["rest", "facebook", "telegram", ""])
    def test_on_other_channels(self, talk, channel: str, product_index: ProductIndex) -> None:
        talk.channel = channel
        talk.say("action_search_products", "kettles under 60 euros")
        cards = talk.message["elements"]
        assert cards
        for number, (card, product_id) in enumerate(zip(cards, talk.slots["shown_products"], strict=True), start=1):
            product = product_index.get(product_id)
            assert product is not None
            assert set(card) <= {"title", "subtitle", "image_url", "buttons"}
            assert card["title"] == f"{number}. {product.name}"
            assert card["subtitle"].startswith(f"{product.price_text}, ")
            assert "in stock" in card["subtitle"]
            assert set(card["buttons"][0]) == {"type", "title", "payload"}
        assert talk.message["custom"] == {}

    def test_a_button_leads_to_its_product(self, talk, product_index: ProductIndex) -> None:
        talk.say("action_search_products", "kettles under 60 euros")
        payload = talk.message["elements"][1]["buttons"][0]["payload"]
        values = json.loads(payload.removeprefix("/ask_product_details"))
        entities = [{"entity": name, "value": value, "start": 0, "end": 5} for name, value in values.items()]
        said = talk.say("action_describe_product", payload, entities=entities)
        product = product_index.get(talk.slots["shown_products"][1])
        assert product is not None
        assert said.startswith(product.name)

    @pytest.mark.parametrize(("stock", "word"), [(0, "out of stock"), (2, "in stock"), (None, None)])
    def test_stock(self, talk, web, stock: int | None, word: str | None) -> None:
        product = Product(id="K", name="Kettle", price=Decimal(5), stock=stock, image="https://shop.example/k.jpg")
        for channel in ("web", "rest"):
            events = [{"event": "user", "input_channel": channel}]
            turn = read_turn(Tracker("me", {}, {}, events, False, None, {}, None))
            (card,) = product_cards([(product, "")], turn)
            assert card["image_url"] == "https://shop.example/k.jpg"
            if channel == "web":
                assert card["in_stock"] == (None if stock is None else stock > 0)
            else:
                assert card["subtitle"] == ("5.00 EUR" if word is None else f"5.00 EUR, {word}")


class TestReferences:
    """'The second one', 'it' and names, in the actions that speak about products."""

    def test_a_place_in_the_list(self, talk, product_index: ProductIndex) -> None:
        talk.say("action_search_products", "kettles under 60 euros")
        second = product_index.get(talk.slots["shown_products"][1])
        assert second is not None
        assert talk.say("action_product_price", "how much is the second one?") == f"{second.name}: {second.price_text}."
        assert talk.slots["current_product"] == second.id
        assert talk.say("action_check_availability", "is it in stock?").endswith(f"{second.name}.")

    def test_two_places(self, talk) -> None:
        talk.slots["shown_products"] = KETTLES
        said = talk.say("action_check_availability", "are the first and the last one in stock?")
        assert said.splitlines() == [
            "In stock (17 pieces): Brackenmill Gooseneck Kettle 0.8 L.",
            "Out of stock at the moment: Casaro Hush Quiet Boil Kettle 1.5 L.",
        ]

    def test_a_name(self, talk) -> None:
        said = talk.say("action_describe_product", "tell me about the Casaro Vetro Glass Kettle")
        assert said.startswith("Casaro Vetro Glass Kettle 1.5 L, 49.50 EUR\n")
        assert "156 customers rate it 4.0 out of 5. In stock (22 pieces)." in said

    @pytest.mark.parametrize(
        "action",
        [
            "action_describe_product",
            "action_check_availability",
            "action_product_price",
            "action_product_reviews",
        ],
    )
    def test_asks_when_nothing_is_meant(self, talk, action: str) -> None:
        said = talk.say(action, "tell me about it")
        assert said == "Which product do you mean? Tell me its name, or its number in the list."
        assert talk.slots["current_product"] is None

    def test_shows_a_choice_when_a_kind_is_named(self, talk) -> None:
        assert talk.say("action_product_price", "what does a Casaro cost?") == "Which of these do you mean?"
        assert sorted(talk.slots["shown_products"]) == ["KIT-1364", "KIT-1391"]

    def test_a_place_that_the_list_does_not_have(self, talk) -> None:
        talk.slots["shown_products"] = KETTLES
        assert talk.say("action_product_price", "how much is number 9?").startswith("Which product do you mean?")

    def test_reviews(self, talk) -> None:
        said = talk.say("action_product_reviews", "what do people say about the Casaro Vetro Glass Kettle")
        assert said.startswith("Casaro Vetro Glass Kettle 1.5 L: 156 customers rate it 4.0 out of 5.\n")
        assert re.search(r"A customer who likes it \(\d stars\): “.+”", said)


class TestComparison:
    def test_two_of_the_list(self, talk) -> None:
        talk.slots["shown_products"] = KETTLES
        said = talk.say("action_compare_products", "compare the first and the third")
        first, price, *_ = said.splitlines()
        assert first == "Brackenmill Gooseneck Kettle 0.8 L vs Casaro Vetro Glass Kettle 1.5 L"
        assert price == "- price: 89.00 EUR | 49.50 EUR"
        assert said.endswith("Cheapest, by 39.50 EUR: Casaro Vetro Glass Kettle 1.5 L.")

    def test_two_names(self, talk) -> None:
        said = talk.say("action_compare_products", "Sonavale Drift Max or Ohmlark Reference 60?")
        assert said.startswith("Sonavale Drift Max Noise-Cancelling Headphones vs Ohmlark Reference 60 Open-Back")

    def test_one_name_and_the_product_spoken_of(self, talk) -> None:
        talk.slots["current_product"] = "KIT-1391"
        said = talk.say("action_compare_products", "compare it with the Casaro Vetro Glass Kettle")
        assert said.startswith("Casaro Hush Quiet Boil Kettle 1.5 L vs Casaro Vetro Glass Kettle 1.5 L\n")

    def test_the_first_two_where_none_is_named(self, talk) -> None:
        talk.slots["shown_products"] = KETTLES
        said = talk.say("action_compare_products", "which one is better?")
        assert said.startswith("Brackenmill Gooseneck Kettle 0.8 L vs Brackenmill Dome Kettle 1.7 L, Sage Green\n")

    @pytest.mark.parametrize("shown", [None, [], ["KIT-1310"], ["GONE-1", "GONE-2"]])
    def test_asks_when_there_are_no_two(self, talk, shown: Any) -> None:
        talk.slots["shown_products"] = shown
        said = talk.say("action_compare_products", "compare them")
        assert said == "Which two shall I compare? You can say “compare the first and the second”."

    def test_a_place_that_the_list_does_not_have(self, talk) -> None:
        talk.slots["shown_products"] = KETTLES
        assert talk.say("action_compare_products", "compare 1 and 9").startswith("Which two shall I compare?")


class TestRecommendation:
    def test_a_wish(self, talk) -> None:
        assert talk.say("action_recommend", "recommend me a kettle for tea") == "These I would recommend:"
        assert talk.slots["shown_products"]
        assert all(item.startswith("KIT-") for item in talk.slots["shown_products"])

    def test_like_what_was_looked_at(self, talk) -> None:
        talk.slots["current_product"] = "SHO-3310"
        said = talk.say("action_recommend", "recommend something similar")
        assert said == "Like Stridewell Tempo Running Shoes, Women's:"
        assert "SHO-3310" not in talk.slots["shown_products"]
        assert "also Running Shoes, same brand" in talk.message["elements"][0]["subtitle"]

    def test_something_like_it_within_a_limit(self, talk) -> None:
        talk.slots["current_product"] = "KIT-1327"
        talk.say("action_recommend", "something similar under 50 euros")
        assert talk.slots["shown_products"]
        assert all(card["subtitle"].split(" EUR")[0] < "50" for card in talk.message["elements"])

    def test_what_goes_with_it(self, talk) -> None:
        talk.slots["current_product"] = "KIT-1327"
        said = talk.say("action_recommend", "what goes with this?")
        assert said == "To go with Brackenmill Dome Kettle 1.7 L, Sage Green:"
        assert talk.slots["shown_products"][0] == "AUD-1042"
        assert "often bought with Brackenmill Dome Kettle 1.7 L, Sage Green" in talk.message["elements"][0]["subtitle"]

    def test_what_goes_with_a_kind(self, talk) -> None:
        said = talk.say("action_recommend", "what goes well with kettles?")
        assert said == "These go well with it:"
        assert "customers who buy Kettles often buy Headphones, too" in talk.message["elements"][0]["subtitle"]

    def test_what_goes_with_nothing_named_is_advice(self, talk) -> None:
        assert talk.say("action_recommend", "what goes with this?") == "These I would recommend:"

    def test_what_a_verified_customer_bought(self, talk) -> None:
        talk.slots |= {"verified_order": ORDER, "email": EMAIL}
        talk.say("action_recommend", "recommend me something based on what I bought")
        assert "AUD-1042" not in talk.slots["shown_products"]
        reasons = " ".join(card["subtitle"] for card in talk.message["elements"])
        assert "because you bought Sonavale Drift 2 Wireless Headphones, Graphite" in reasons

    @pytest.mark.parametrize("slots", [{"order_number": ORDER}, {"email": EMAIL}, {"verified_order": ORDER}])
    def test_nothing_of_purchases_for_anybody_else(self, talk, slots: dict[str, Any]) -> None:
        talk.slots |= slots
        talk.say("action_recommend", "recommend me something based on what I bought")
        assert "you bought" not in json.dumps(talk.message)

    def test_limits_that_nothing_fulfils(self, talk) -> None:
        said = talk.say("action_recommend", "recommend a laptop under 5 euros")
        assert said == "I have nothing that fits those limits. Shall I look with a higher price?"
        assert talk.titles == []


class TestOrder:
    def ask(self, talk: Any, number: str, email: str) -> str:
        return str(talk.say("action_order_status", f"order {number}, {email}"))

    def test_number_and_address_together_tell(self, talk) -> None:
        said = self.ask(talk, ORDER, EMAIL)
        assert said.startswith(f"Order {ORDER} of ")
        assert "it is on its way" in said
        assert "Sonavale Drift 2 Wireless Headphones, Graphite" in said
        assert "05326210035512" in said
        assert talk.slots["verified_order"] == ORDER
        assert not talk.slots["failed_lookups"]

    @pytest.mark.parametrize(
        ("number", "email"),
        [
            ("JV-99999", EMAIL),  # no such order
            ("JV-99999", "nobody@example.com"),
            (ORDER, "nobody@example.com"),  # nobody's address
            (ORDER, OTHERS_EMAIL),  # another customer's address
            (OTHERS_ORDER, EMAIL),  # another customer's order
            (ORDER, "anna.keller@example.co"),
        ],
    )
    def test_a_refusal_is_always_the_same(self, talk, number: str, email: str) -> None:
        assert self.ask(talk, number, email) == REFUSAL
        told = json.dumps([talk.message, talk.events], ensure_ascii=False)
        for secret in ("Anna", "Keller", "Sonavale", "DHL", "05326210035512", "shipped", "on its way", "249", "@"):
            assert secret not in told
        assert talk.payloads == [PERSON]
        assert talk.message["elements"] == []
        # The events, too, say nothing of which of the two was wrong.
        assert [(event["name"], event["value"]) for event in talk.events] == [
            ("offer", None),
            ("email", None),
            ("verified_order", None),
            ("failed_lookups", 1),
        ]

    def test_what_is_missing(self, talk) -> None:
        assert talk.say("action_order_status", "where is my order?") == REFUSAL

    def test_the_third_failure_locks(self, talk) -> None:
        for failures in (1, 2, 3):
            assert self.ask(talk, ORDER, f"guess{failures}@example.com") == REFUSAL
            assert talk.slots["failed_lookups"] == failures
        said = self.ask(talk, ORDER, EMAIL)
        assert said == "I cannot look up any more orders in this conversation. A colleague can help you."
        assert talk.payloads == [PERSON]
        assert talk.slots["offer"] == "person"
        assert (talk.slots["email"], talk.slots["order_number"], talk.slots["verified_order"]) == (None, None, None)
        assert self.ask(talk, OTHERS_ORDER, OTHERS_EMAIL) == said

    def test_after_two_failures_the_right_address_still_tells(self, talk) -> None:
        for number in (1, 2):
            self.ask(talk, ORDER, f"guess{number}@example.com")
        assert self.ask(talk, ORDER, EMAIL).startswith(f"Order {ORDER}")

    def test_a_failure_takes_back_what_was_verified(self, talk) -> None:
        self.ask(talk, ORDER, EMAIL)
        assert self.ask(talk, OTHERS_ORDER, EMAIL) == REFUSAL
        assert talk.slots["verified_order"] is None

    def test_own_orders_do_not_buy_more_guesses(self, talk) -> None:
        for number in range(5):
            self.ask(talk, OTHERS_ORDER, f"guess{number}@example.com")
            self.ask(talk, ORDER, EMAIL)
        assert self.ask(talk, OTHERS_ORDER, OTHERS_EMAIL).startswith("I cannot look up any more orders")

    @pytest.mark.parametrize("value", [20418, ["JV-20418"], {"number": "JV-20418"}, True, "\ud800", "x" * 100_000])
    @pytest.mark.parametrize("slot", ["order_number", "email"])
    def test_values_that_are_no_text(self, talk, slot: str, value: Any) -> None:
        """A customer can type `/order_status{"email": 7}`."""
        talk.slots |= {"order_number": ORDER, "email": EMAIL, slot: value}
        assert talk.say("action_order_status", "/order_status", entities=[]) == REFUSAL

    def test_nothing_of_the_order_is_logged(self, talk, caplog: pytest.LogCaptureFixture) -> None:
        with caplog.at_level(logging.DEBUG):
            self.ask(talk, ORDER, EMAIL)
            self.ask(talk, ORDER, "nobody@example.com")
        for secret in (EMAIL, "nobody@example.com", ORDER, "05326210035512"):
            assert secret not in caplog.text


class TestAnswer:
    QUESTION = "What is the return policy for electronic products?"

    def test_names_its_source(self, talk) -> None:
        said = talk.say("action_answer", self.QUESTION, intent="ask_return_policy")
        assert "30 days" in said
        assert said.endswith("\nSource: Returns > Returning electronics")
        assert talk.message["custom"] == {}
        assert talk.slots["offer"] is None

    def test_on_the_web_page_sources_go_beside_the_text(self, web) -> None:
        said = web.say("action_answer", self.QUESTION, intent="ask_return_policy")
        assert "30 days" in said
        assert "Source:" not in said
        (source,) = web.message["custom"]["sources"]
        assert (source["title"], source["section"]) == ("Returns", "Returning electronics")

    def test_an_upset_customer(self, talk) -> None:
        said = talk.say("action_answer", self.QUESTION, sentiment="negative", intent="ask_return_policy")
        assert said.startswith("I am sorry ")

    def test_a_wish_that_understanding_missed_is_searched_for(self, talk) -> None:
        said = talk.say("action_answer", "can you recommend a good kettle?", intent="nlu_fallback")
        assert "recommend" in said
        assert any("Kettle" in title for title in talk.titles)

    def test_a_wish_for_what_no_shop_sells_is_declined(self, talk) -> None:
        said = talk.say("action_answer", "can you recommend a good film on Netflix?", intent="nlu_fallback")
        assert "do not know" in said
        assert not talk.message["elements"]

    @pytest.mark.parametrize("intent", ["nlu_fallback", "ask_store"])
    def test_what_it_does_not_know_it_does_not_answer(self, talk, intent: str) -> None:
        said = talk.say("action_answer", "Who won the football world cup in 1998?", intent=intent)
        assert said == (
            "I do not know about that. I can help with products, orders and service of Juniper & Vale, "
            "or pass you to a person."
        )
        assert talk.payloads == [PERSON]
        assert talk.slots["offer"] == "person"
        assert "Source" not in said

    @pytest.mark.parametrize("text", ["", " ", "?", "asdf qwer", "x" * 5_000, "\ud800"])
    def test_gibberish(self, talk, text: str) -> None:
        talk.say("action_answer", text, intent="nlu_fallback")
        assert talk.payloads == [PERSON]
        assert talk.slots["offer"] == "person"

    def test_a_few_words_that_name_products_are_a_search(self, talk) -> None:
        assert talk.say("action_answer", "Brackenmill", intent="nlu_fallback") == "Are you looking for one of these?"
        assert sorted(talk.slots["shown_products"]) == ["KIT-1310", "KIT-1327", "KIT-1328"]

    def test_anger_that_asks_nothing_is_a_complaint(self, talk) -> None:
        said = talk.say("action_answer", "this is a disgrace", sentiment="negative", intent="nlu_fallback")
        assert said.startswith("I am very sorry")
        assert talk.slots["offer"] == "person"


class TestPeople:
    def test_a_complaint(self, talk) -> None:
        said = talk.say("action_handle_complaint", "my kettle arrived broken!", sentiment="negative")
        assert said.startswith("I am very sorry, that is not how it should be.")
        assert talk.payloads == [PERSON, "/order_status"]
        assert talk.slots["offer"] == "person"

    @pytest.mark.parametrize(("sentiment", "reason"), [("neutral", "asked"), ("negative", "complaint")])
    def test_a_handover_is_noted_and_has_a_reference(
        self, talk, settings_file: Path, sentiment: str, reason: str
    ) -> None:
        said = talk.say("action_handover", "let me talk to a person", sentiment=sentiment)
        match = re.search(r"Your reference is (H-[0-9A-F]{6})\.", said)
        assert match
        assert said.endswith("You can also write to help@junipervale.example or call +353 1 555 0142.")
        with sqlite3.connect(settings_file.parent / "shop.sqlite") as database:
            query = "SELECT conversation_id, reason FROM handovers WHERE reference = ?"
            assert database.execute(query, match.groups()).fetchall() == [("talk-1", reason)]

    def test_an_offer_is_good_for_one_message(self, talk) -> None:
        talk.say("action_handle_complaint", "broken!")
        assert talk.slots["offer"] == "person"
        talk.say("action_search_products", "kettle")
        assert talk.slots["offer"] is None


class TestEndOfTurn:
    @pytest.mark.parametrize("action", ["action_answer", "action_handover"])
    def test_the_bot_listens(self, talk, action: str) -> None:
        talk.say(action, "What is the return policy for electronic products?")
        assert talk.followups == ["action_listen"]

    @pytest.mark.parametrize("action", ["action_answer", "action_handover"])
    def test_or_asks_on_in_its_form(self, talk, action: str) -> None:
        talk.active_loop = {"name": "order_status_form"}
        talk.say(action, "how long does delivery take?")
        assert talk.followups == ["order_status_form"]

    @pytest.mark.parametrize("loop", [None, {}, {"name": None}])
    def test_without_a_form(self, talk, loop: Any) -> None:
        talk.active_loop = loop
        talk.say("action_answer", "how long does delivery take?")
        assert talk.followups == ["action_listen"]

    @pytest.mark.parametrize(
        "action", [name for name in ALL_ACTIONS if name not in ("action_answer", "action_handover")]
    )
    def test_the_rules_decide_after_all_others(self, talk, action: str) -> None:
        talk.say(action, "kettle")
        assert talk.followups == []


class TestFailure:
    @pytest.mark.parametrize("action", ALL_ACTIONS)
    def test_no_index(self, broken, caplog: pytest.LogCaptureFixture, action: str) -> None:
        talk = broken("paths: {index: nowhere, database: 'sqlite:///shop.sqlite'}")
        said = talk.say(action, "my secret is 4711, kettle")
        assert said == f"{APOLOGY} Please try again in a moment, or talk to one of my colleagues."
        assert talk.payloads == [PERSON]
        assert talk.slots["offer"] == "person"
        assert talk.titles == []
        assert f"{action} failed: IndexUnusableError" in caplog.text
        assert "4711" not in caplog.text
        assert "Traceback" not in caplog.text

    def test_a_mistake_of_our_own(self, talk, caplog: pytest.LogCaptureFixture) -> None:
        class Mistaken(ShopAction):
            def name(self) -> str:
                return "action_mistaken"

            def reply(self, app: ShopApp, turn: Turn) -> Reply:
                raise LookupError(f"cannot handle '{turn.text}'")

        talk.actions["action_mistaken"] = Mistaken()
        assert talk.say("action_mistaken", "my secret is 4711").startswith(APOLOGY)
        assert re.search(r"action_mistaken failed: LookupError in .*test_actions.py:\d+", caplog.text)
        assert "4711" not in caplog.text
        assert "Traceback" not in caplog.text

    @pytest.mark.parametrize(
        "name",
        [
            "vectors.safetensors",
            "products.sqlite",
            "passages.jsonl",
            "weights.safetensors",
            "manifest.json",
        ],
    )
    def test_a_damaged_index(self, broken, index_copy: Path, caplog: pytest.LogCaptureFixture, name: str) -> None:
        files = list(index_copy.rglob(name))
        assert files
        for file in files:
            content = file.read_bytes()
            file.unlink()  # the weights are a link to those of other tests
            file.write_bytes(content[: len(content) // 2])
        talk = broken(f"paths: {{index: {index_copy}, database: 'sqlite:///shop.sqlite'}}")
        assert talk.say("action_answer", "my secret is 4711").startswith(APOLOGY)
        assert talk.followups == ["action_listen"]
        assert "4711" not in caplog.text
        assert "Traceback" not in caplog.text

    @pytest.mark.parametrize(
        "settings",
        [
            "paths: [",
            "unknown: key",
            "paths: {index: INDEX, database: 'nodatabase://user:hush@host/shop'}",
            "paths: {index: INDEX, reviews: nowhere.jsonl, database: 'sqlite:///shop.sqlite'}",
        ],
        ids=["yaml", "key", "database", "reviews"],
    )
    def test_wrong_settings(self, broken, index_dir: Path, caplog: pytest.LogCaptureFixture, settings: str) -> None:
        talk = broken(settings.replace("INDEX", str(index_dir)))
        assert talk.say("action_search_products", "kettle").startswith(APOLOGY)
        assert "hush" not in caplog.text

    def test_a_database_that_fails(self, broken, index_dir: Path, tmp_path: Path) -> None:
        talk = broken(f"paths: {{index: {index_dir}, database: 'sqlite:///shop.sqlite'}}")
        assert talk.say("action_search_products", "kettle") == "Here is what I found:"
        with sqlite3.connect(tmp_path / "shop.sqlite") as database:
            database.execute("DROP TABLE order_items")
            database.execute("DROP TABLE orders")
            database.execute("DROP TABLE handovers")
        assert talk.say("action_order_status", f"{ORDER}, {EMAIL}").startswith(APOLOGY)
        assert talk.slots["verified_order"] is None
        assert talk.say("action_handover", "a person please").startswith(APOLOGY)
        assert talk.say("action_search_products", "kettle") == "Here is what I found:"

    def test_it_recovers_when_the_index_comes_back(self, broken, index_dir: Path, tmp_path: Path) -> None:
        talk = broken("paths: {index: soon, database: 'sqlite:///shop.sqlite'}")
        assert talk.say("action_search_products", "kettle").startswith(APOLOGY)
        (tmp_path / "soon").symlink_to(index_dir)
        assert talk.say("action_search_products", "kettle") == "Here is what I found:"

    @pytest.mark.parametrize(
        ("action", "entity"),
        [
            ("action_search_products", {"entity": "price_max", "value": "cheap"}),
            ("action_search_products", {"entity": "price_max", "value": {"a": 1}}),
            ("action_recommend", {"entity": "price_min", "value": "NaN"}),
            ("action_compare_products", {"entity": "ordinal", "value": "x"}),
            ("action_product_price", {"entity": "ordinal", "value": None}),
            ("action_describe_product", {"entity": "product", "value": ["KIT-1364"]}),
            ("action_search_products", {"entity": "sentiment", "value": 7}),
            ("action_answer", {"entity": "unheard_of", "value": "x"}),
        ],
        ids=str,
    )
    def test_entities_that_make_no_sense_still_get_a_reply(self, talk, action: str, entity: dict[str, Any]) -> None:
        """A customer can type `/search_product{"price_max": "cheap"}`."""
        assert talk.say(action, "/search_product", entities=[entity])


class TestActionServer:
    def test_finds_all_actions_that_the_domain_names(self) -> None:
        executor = ActionExecutor()
        executor.register_package("actions")
        domain = Path(__file__).parents[2] / "domain"
        named: set[str] = set()
        for file in domain.glob("*.yml"):
            named |= set(yaml.safe_load(file.read_text(encoding="utf-8")).get("actions", []))
        # The executor finds the actions that this file defines, too.
        found = {name for name, run in executor.actions.items() if run.__module__ == "actions.base"}
        assert found - {"action_mistaken"} == named == set(ALL_ACTIONS)
