"""The web page in a real browser."""

import os
import shutil
from pathlib import Path

import pytest

pytestmark = [pytest.mark.e2e, pytest.mark.browser]

CHROMIUM = next(
    (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None
)
ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
WAIT_MILLISECONDS = 60_000


@pytest.fixture
def page(demo_shop):
    if CHROMIUM is None:
        pytest.skip("no Chromium is installed (scripts/install-chromium)")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        tab = browser.new_page(viewport={"width": 1280, "height": 860})
        tab.set_default_timeout(WAIT_MILLISECONDS)
        tab.goto(demo_shop.web_url)
        yield tab
        browser.close()


def say(page, text):
    before = page.get_by_test_id("bot-message").count()
    page.get_by_test_id("chat-input").fill(text)
    page.get_by_test_id("chat-send").click()
    page.wait_for_function("count => document.querySelectorAll('[data-testid=bot-message]').length > count", arg=before)


def test_a_customer_asks_and_sees_a_reply_with_its_source_and_product_cards(page):
    say(page, "What is the return policy for electronic products?")
    assert "30 days" in page.get_by_test_id("bot-message").last.inner_text()
    assert "Returning electronics" in page.get_by_test_id("source-chip").first.inner_text()

    say(page, "wireless headphones under 100 euros")
    card = page.get_by_test_id("product-card").first
    card.wait_for()
    assert "EUR" in card.inner_text() or "€" in card.inner_text()
    assert page.get_by_test_id("product-card").count() >= 3

    target = os.environ.get("SHOPLLM_SCREENSHOT")  # docs/images/chat.png is made this way
    if target:
        page.wait_for_timeout(500)
        page.screenshot(path=Path(target))


def test_what_a_customer_types_is_shown_as_text(page):
    say(page, "<img src=x onerror=\"document.title='broken'\"> kettles?")

    assert "<img" in page.get_by_test_id("user-message").last.inner_text()
    assert page.title() != "broken"
