"""One customer's visit to the demo shop, against real Rasa and action servers."""

import re

import pytest

pytestmark = pytest.mark.e2e

SECRETS = ("DPD", "05326210035512", "168.95", "Sonavale Drift", "Anna", "25 November")


def prices(text: str) -> list[float]:
    return [float(price) for price in re.findall(r"(\d+\.\d\d) EUR", text)]


def test_a_visit_of_eighteen_turns(demo_shop):
    chat = demo_shop.conversation()

    assert re.search(r"hello|hi", chat.say("hi there"), re.I)

    reply = chat.say("What is the return policy for electronic products?")
    assert "30 days" in reply
    assert "Source: Returns > Returning electronics" in reply

    reply = chat.say("wireless headphones under 100 euros")
    names = re.findall(r"^\d\. (.+?) : ", reply, re.M)
    assert len(names) >= 3
    assert prices(reply)
    assert all(price <= 100 for price in prices(reply))

    reply = chat.say("the second one, is it in stock?")
    assert names[1] in reply
    assert "in stock" in reply.lower()
    assert names[0] not in reply

    reply = chat.say("compare the first and the third")
    assert names[0] in reply
    assert names[2] in reply
    assert names[1] not in reply
    assert "price:" in reply

    reply = chat.say("tell me about the first one")
    assert names[0] in reply
    assert "Battery" in reply or "Colour" in reply

    assert re.search(r"out of 5", chat.say("what do people say about it?"))

    reply = chat.say("can you recommend something for my dad who loves gardening?")
    assert "recommend" in reply
    assert re.search(r"Greenhollow|Thornbury", reply)

    assert "e-mail" in chat.say("Where is my order JV-20418?")

    reply = chat.say("somebody.else@example.com")
    assert "cannot find an order" in reply
    assert not [secret for secret in SECRETS if secret in reply]

    reply = chat.say("sorry, it is anna.keller@example.com")
    assert "JV-20418" in reply
    assert "DPD" in reply
    assert "25 November" in reply

    reply = chat.say("this is ridiculous, I have been waiting for weeks and nobody answers my emails!")
    assert "sorry" in reply.lower()
    assert "person" in reply

    reply = chat.say("who won the football world cup in 1998?")
    assert "do not know" in reply
    assert "Source:" not in reply

    reply = chat.say("do you match the prices of other stores?")
    assert "could not find an answer" in reply or "do not know" in reply
    assert "person" in reply

    reply = chat.say("yes please")
    assert re.search(r"reference is H-[0-9A-F]{6}", reply)
    assert "help@junipervale.example" in reply

    reply = chat.say("asdf jkl qwertz")
    assert "do not know" in reply
    assert "Source:" not in reply

    assert re.search(r"welcome|happy to help", chat.say("thanks a lot"), re.I)
    assert re.search(r"bye", chat.say("ok bye"), re.I)


def test_a_message_that_no_rule_expects_is_answered_once(demo_shop):
    """The core fallback: `provide_details` outside a form starts one, an attachment-like message does not."""
    chat = demo_shop.conversation()

    replies = chat.messages("/inform_nothing_known")

    assert len(replies) == 1
    assert "do not know" in replies[0]["text"]


def test_a_question_inside_the_order_form_is_answered_and_the_form_goes_on(demo_shop):
    chat = demo_shop.conversation()
    chat.say("where is my order")

    reply = chat.say("what does shipping to Germany cost?")

    assert "6.95" in reply
    assert "order number" in reply


def test_the_form_can_be_left(demo_shop):
    chat = demo_shop.conversation()
    chat.say("where is my order")

    assert "leave the order" in chat.say("no, forget it")


def test_after_three_wrong_addresses_the_order_stays_closed(demo_shop):
    chat = demo_shop.conversation()
    chat.say("track my order JV-20418")
    for number in range(3):
        assert "cannot find an order" in chat.say(f"guess{number}@example.com")

    reply = chat.say("anna.keller@example.com")

    assert "cannot look up any more orders" in reply
    assert not [secret for secret in SECRETS if secret in reply]


def test_conversations_do_not_mix(demo_shop):
    first, second = demo_shop.conversation(), demo_shop.conversation()
    first.say("show me kettles")

    reply = second.say("is the second one in stock?")

    assert "Which product do you mean" in reply


def test_the_web_channel_gets_cards_and_sources(demo_shop):
    chat = demo_shop.conversation("web")

    cards = [card for message in chat.messages("kettles under 80") for card in message.get("elements", [])]
    sources = [
        source
        for message in chat.messages("how long is the warranty on furniture?")
        for source in message.get("custom", {}).get("sources", [])
    ]

    assert cards
    assert all("Kettle" in card["title"] for card in cards)
    assert all(float(card["price"].split()[0]) <= 80 for card in cards)
    assert cards[0]["buttons"][0]["payload"].startswith("/ask_product_details")
    assert sources[0]["title"] == "Warranty and faulty items"


def test_the_button_of_a_card_describes_that_product(demo_shop):
    chat = demo_shop.conversation("web")
    cards = [card for message in chat.messages("show me backpacks") for card in message.get("elements", [])]

    reply = chat.say(cards[1]["buttons"][0]["payload"])

    assert cards[1]["title"] in reply
