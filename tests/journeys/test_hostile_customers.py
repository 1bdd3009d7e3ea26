"""Customers who write code, tricks and floods see them shown as what they are: text."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.journeys.conftest import OpenInbox, TakePhone
from tests.journeys.program import DemoProgram

MARKUP = "<img src=x onerror=\"window.hacked='img'\"><script>window.hacked='script'</script>"
TEMPLATE = "{{ 7 * 7 }} ${7*7} <%= 7*7 %> {% raw %} </template><template>"
OVERRIDE = "invoice\u202egnp.exe \u2066hidden\u2069"
BIDI = re.compile("[\u202a-\u202e\u2066-\u2069]")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ('<b>Zed</b> <img src=x onerror="window.hacked=1">', MARKUP),
        ("{{ constructor.constructor('window.hacked=1')() }}", TEMPLATE),
        ('Eve \u202eretsam\u202c O\'Neil "&amp;" </script>', OVERRIDE),
    ],
    ids=["markup", "templates", "bidi"],
)
def test_names_and_texts_are_shown_and_never_run(
    program: DemoProgram, open_inbox: OpenInbox, take_phone: TakePhone, name: str, text: str
) -> None:
    customer = program.simulator.customer(name)
    shown = BIDI.sub("", name)
    inbox = open_inbox()
    phone = take_phone("whatsapp", customer, beside=inbox.page)
    phone.types(text)
    inbox.page.bring_to_front()
    row = inbox.page.locator(".row").first
    expect(row.locator(".row__name")).to_have_js_property("textContent", shown)
    row.locator("a").click()
    expect(inbox.page.locator("#header-name")).to_have_js_property("textContent", shown)
    expect(inbox.page.locator(".contact__name")).to_have_js_property("textContent", shown)
    bubble = inbox.messages.last.locator(".bubble__text")
    expect(bubble).to_have_js_property("textContent", text)
    expect(bubble.locator("*")).to_have_count(0)
    expect(phone.bubbles.last.locator(".bubble__text")).to_have_js_property("textContent", text)

    inbox.says("We read it as it is.")
    expect(phone.bubble("We read it as it is.")).to_have_count(1)
    inbox.page.reload()
    expect(inbox.message("We read it as it is.")).to_have_count(1)
    expect(bubble.first).to_be_visible()
    for page in (inbox.page, phone.page):
        assert page.evaluate("window.hacked") is None


def test_only_web_addresses_become_links_and_they_tell_nothing_of_us(
    program: DemoProgram, open_inbox: OpenInbox, take_phone: TakePhone
) -> None:
    customer = program.simulator.customer("Lina Lind")
    inbox = open_inbox()
    phone = take_phone("whatsapp", customer)
    phone.types("javascript:alert(1) data:text/html,x https://example.com/a?b=c&d=e. Right?")
    inbox.open(customer.name)
    links = inbox.messages.last.locator("a[href^='http'], a[href^='javascript'], a[href^='data']")
    expect(links).to_have_count(1)
    expect(links).to_have_attribute("href", "https://example.com/a?b=c&d=e")
    expect(links).to_have_attribute("rel", "noopener noreferrer nofollow")


def test_a_flood_of_text_neither_breaks_the_page_nor_leaves_the_composer(
    program: DemoProgram, open_inbox: OpenInbox, take_phone: TakePhone
) -> None:
    customer = program.simulator.customer("Max " + "W" * 300)
    inbox = open_inbox()
    phone = take_phone("whatsapp", customer)
    phone.types("First")
    # What is written in the same second stands in the order in which it arrives.
    row = inbox.page.locator(".row", has_text="Max WWW")
    expect(row).to_contain_text("First")
    program.simulator.write("whatsapp", program.account("whatsapp"), customer, "x" * 65_000)
    row.locator("a").click()
    expect(inbox.messages).to_have_count(2)
    flood = inbox.messages.last.locator(".bubble__text")
    assert len(flood.text_content() or "") >= 4096
    assert inbox.page.evaluate("document.documentElement.scrollWidth") <= 1440
    folded = flood.evaluate("(text) => text.clientHeight")
    inbox.messages.last.get_by_role("button", name="Show all").click()
    assert flood.evaluate("(text) => text.clientHeight") > 3 * folded
    assert flood.evaluate("(text) => text.getBoundingClientRect().top") > 0, "its beginning left"
    expect(inbox.page.get_by_role("button", name="Show all")).to_be_hidden()

    inbox.text.fill("y" * 65_000)
    expect(inbox.page.locator("#composer-hint")).to_contain_text("WhatsApp takes 4096 characters")
    expect(inbox.page.locator("#composer-send")).to_be_disabled()
    inbox.text.fill("Could you say that in one sentence?")
    inbox.text.press("Enter")
    expect(phone.bubble("in one sentence?")).to_have_count(1)
