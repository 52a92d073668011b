"""Another shop's 3,291 products: search, recommend and describe work with no code changed."""

import re

import pytest

pytestmark = pytest.mark.e2e


def test_search_recommend_and_describe(electronics_shop):
    chat = electronics_shop.conversation()

    reply = chat.say("show me otterbox cases for the galaxy s7 under 60")
    names = re.findall(r"^\d\. (.+?) : ", reply, re.M)
    assert names
    assert all(float(price) <= 60 for price in re.findall(r"(\d+\.\d\d) EUR", reply))
    assert any("OtterBox" in name and "Galaxy S7" in name for name in names)

    reply = chat.say("tell me about the first one")
    assert names[0] in reply
    assert "EUR" in reply

    reply = chat.say("can you recommend a power bank for travelling?")
    assert "recommend" in reply
    assert re.search(r"mophie|battery|charger|power", reply, re.I)

    reply = chat.say("compare the first and the second")
    assert "price:" in reply


def test_a_shop_without_pages_declines_questions_and_offers_a_person(electronics_shop):
    reply = electronics_shop.conversation().say("What is the return policy for electronic products?")

    assert re.search(r"do not know|could not find", reply)
    assert "Juniper" not in reply
    assert "person" in reply
