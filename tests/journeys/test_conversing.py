"""A customer writes, an agent answers, and both see at once what became of it."""

from __future__ import annotations

import base64
import re

import pytest
from playwright.sync_api import expect

from tests.journeys.conftest import NewPage, OpenInbox, TakePhone, Watcher
from tests.journeys.program import DemoProgram
from tests.journeys.screens import PICTURE

STATUSES = ["queued", "sent", "delivered", "read"]


@pytest.mark.parametrize(("kind", "last"), [("whatsapp", "read"), ("sms", "delivered")])
def test_a_question_and_its_answer_cross_without_a_reload(
    program: DemoProgram, open_inbox: OpenInbox, take_phone: TakePhone, kind: str, last: str
) -> None:
    customer = program.simulator.customer("Jonas Falk")
    name = customer.number if kind == "sms" else customer.name
    inbox = open_inbox()
    inbox.marks_this_document()
    phone = take_phone(kind, customer, beside=inbox.page)
    phone.types("Is the blue one back?")

    expect(inbox.unread(name)).to_have_text("1")
    inbox.page.bring_to_front()
    inbox.open(name)
    expect(inbox.message("Is the blue one back?")).to_have_count(1)
    inbox.watches_ticks("It is, since Monday.")
    inbox.says("It is, since Monday.")

    expect(phone.bubble("It is, since Monday.")).to_have_count(1)
    expect(inbox.tick("It is, since Monday.")).to_have_attribute("data-status", last)
    seen = inbox.ticks()
    assert seen == sorted(seen, key=STATUSES.index), "a tick went backwards"
    assert seen[0] == "queued"
    assert seen[-1] == last
    expect(inbox.message("It is, since Monday.")).to_have_count(1)
    assert inbox.was_never_reloaded()


def test_unread_counts_go_up_and_down_the_same_in_two_tabs(
    program: DemoProgram, open_inbox: OpenInbox, take_phone: TakePhone
) -> None:
    customer = program.simulator.customer("Ines Duarte")
    inbox = open_inbox()
    other = open_inbox(beside=inbox.page)
    badge = inbox.page.locator("#rail-badge")
    before = int(badge.inner_text())
    phone = take_phone("whatsapp", customer, beside=inbox.page)
    phone.types("Hello")
    phone.types("Anybody there?")

    for tab in (inbox, other):
        expect(tab.unread(customer.name)).to_have_text("2")
        expect(tab.page.locator("#rail-badge")).to_have_text(str(before + 1))
        expect(tab.page).to_have_title(re.compile(rf"^\({before + 1}\)"))
    inbox.page.bring_to_front()
    inbox.open(customer.name)
    for tab in (inbox, other):
        expect(tab.unread(customer.name)).to_be_hidden()
        expect(tab.page).to_have_title(re.compile(rf"^\({before}\)"))


def test_pictures_cross_both_ways(
    program: DemoProgram, open_inbox: OpenInbox, take_phone: TakePhone
) -> None:
    customer = program.simulator.customer("Vera Lindqvist")
    inbox = open_inbox()
    phone = take_phone("whatsapp", customer, beside=inbox.page)
    phone.chooses_file(PICTURE)
    phone.types("This lid")
    inbox.page.bring_to_front()
    inbox.open(customer.name)
    theirs = inbox.message("This lid").locator("img")
    expect(theirs).to_have_js_property("naturalWidth", 480)

    inbox.chooses_file(PICTURE)
    expect(inbox.page.locator(".upload")).to_have_count(1)
    inbox.says("Like this one?")
    sent = phone.bubble("Like this one?").locator("img")
    expect(sent).to_have_js_property("naturalWidth", 480)
    inbox.message("Like this one?").locator(".picture").click()
    expect(inbox.page.locator("#lightbox-picture")).to_be_visible()
    inbox.page.keyboard.press("Escape")
    expect(inbox.page.locator("#lightbox-picture")).to_be_hidden()


def test_a_pasted_picture_is_sent_and_another_sort_of_file_explained(
    program: DemoProgram, open_inbox: OpenInbox, take_phone: TakePhone, watcher: Watcher
) -> None:
    watcher.expects("status of 422")
    customer = program.simulator.customer("Piet Bakker")
    inbox = open_inbox()
    phone = take_phone("whatsapp", customer, beside=inbox.page)
    phone.types("Show me the red one please")
    inbox.page.bring_to_front()
    inbox.open(customer.name)
    inbox.chooses_file({"name": "old.xyz", "mimeType": "application/x-none", "buffer": b"none"})
    expect(inbox.page.locator("#composer-hint")).to_contain_text("WhatsApp does not take")

    inbox.chooses_file({"name": "bad.png", "mimeType": "image/png", "buffer": b"<html></html>"})
    bad = inbox.page.locator(".upload--failed")
    expect(bad).to_contain_text("bad.png")
    expect(bad.locator("img")).to_be_hidden()
    expect(bad.get_by_role("button", name="Try again")).to_be_hidden()
    assert bad.evaluate("(row) => row.scrollHeight <= row.clientHeight"), "it overlaps"
    bad.get_by_role("button", name="Remove bad.png").click()

    inbox.page.evaluate(
        """async (content) => {
          const bytes = Uint8Array.from(atob(content), (letter) => letter.charCodeAt(0));
          const clipboardData = new DataTransfer();
          clipboardData.items.add(new File([bytes], "image.png", { type: "image/png" }));
          const paste = { clipboardData, bubbles: true, cancelable: true };
          const composer = document.querySelector("#composer-text");
          composer.dispatchEvent(new ClipboardEvent("paste", paste));
        }""",
        _base64(PICTURE.read_bytes()),
    )
    expect(inbox.page.locator(".upload")).to_have_count(1)
    inbox.says("The red one")
    expect(phone.bubble("The red one").locator("img")).to_have_js_property("naturalWidth", 480)


def test_resolved_can_be_undone_and_opens_again_when_the_customer_writes(
    program: DemoProgram, open_inbox: OpenInbox, take_phone: TakePhone
) -> None:
    customer = program.simulator.customer("Noor Aziz")
    inbox = open_inbox()
    phone = take_phone("whatsapp", customer, beside=inbox.page)
    phone.types("Thank you, all is well")
    inbox.page.bring_to_front()
    inbox.open(customer.name)

    inbox.resolve.click()
    expect(inbox.resolve).to_have_text("Reopen")
    inbox.page.get_by_role("button", name="Undo").click()
    expect(inbox.resolve).to_have_text("Resolve")
    inbox.resolve.click()
    expect(inbox.resolve).to_have_text("Reopen")
    inbox.page.locator("[data-status=resolved]").first.click()
    expect(inbox.row(customer.name)).to_be_visible()

    phone.page.bring_to_front()
    phone.types("One more thing")
    inbox.page.bring_to_front()
    expect(inbox.resolve).to_have_text("Resolve")
    inbox.page.locator("[data-status=open]").first.click()
    expect(inbox.row(customer.name)).to_contain_text("One more thing")


def test_a_note_is_for_colleagues_only(
    program: DemoProgram, open_inbox: OpenInbox, take_phone: TakePhone
) -> None:
    customer = program.simulator.customer("Olga Weiss")
    inbox = open_inbox()
    colleague = open_inbox("Malik Brown")
    phone = take_phone("whatsapp", customer, beside=inbox.page)
    phone.types("Can I still return it?")
    inbox.page.bring_to_front()
    for tab in (inbox, colleague):
        tab.open(customer.name)
    inbox.page.get_by_role("button", name="Note", exact=True).click()
    inbox.says("She is within the thirty days.")
    expect(colleague.message("within the thirty days")).to_have_attribute("data-direction", "note")
    inbox.page.get_by_role("button", name="Reply", exact=True).click()
    inbox.says("Of course you can.")

    expect(phone.bubble("Of course you can.")).to_have_count(1)
    expect(phone.bubble("thirty days")).to_have_count(0)


def test_a_whole_answer_is_possible_by_keyboard_alone(
    program: DemoProgram, open_inbox: OpenInbox, take_phone: TakePhone
) -> None:
    customer = program.simulator.customer("Kaja Berg")
    inbox = open_inbox()
    phone = take_phone("whatsapp", customer, beside=inbox.page)
    phone.types("By keyboard please")
    inbox.page.bring_to_front()
    expect(inbox.row(customer.name)).to_be_visible()
    press, name = inbox.page.keyboard.press, inbox.page.locator("#header-name")

    press("j")
    expect(name).to_have_text(customer.name)
    press("j")
    expect(name).not_to_have_text(customer.name)
    press("k")
    expect(name).to_have_text(customer.name)
    expect(inbox.gate).to_contain_text("Free reply")
    press("r")
    expect(inbox.text).to_be_focused()
    inbox.page.keyboard.type("Yes? No e or j acts here.")
    press("Enter")
    expect(phone.bubble("Yes? No e or j acts here.")).to_have_count(1)
    press("Escape")
    press("?")
    expect(inbox.page.get_by_role("dialog", name="Keyboard")).to_be_visible()
    press("Escape")
    press("e")
    expect(inbox.resolve).to_have_text("Reopen")
    press("Escape")
    expect(inbox.page.locator("#conversation-none")).to_be_visible()


def test_a_colleague_sees_the_answer_as_it_is_given(
    program: DemoProgram, open_inbox: OpenInbox, take_phone: TakePhone
) -> None:
    customer = program.simulator.customer("Timo Kallio")
    ana, malik = open_inbox(), open_inbox("Malik Brown")
    phone = take_phone("whatsapp", customer, beside=ana.page)
    phone.types("Who is there?")
    ana.open(customer.name)
    malik.open(customer.name)
    expect(ana.page.locator("#header-presence")).to_contain_text("Malik")
    malik.says("Malik here.")
    expect(ana.message("Malik here.")).to_have_count(1)
    malik.says("How can I help?")
    expect(ana.message("How can I help?")).to_have_count(1)
    ana.says("And Ana.")
    expect(malik.message("And Ana.")).to_have_count(1)
    for tab, name in ((ana, "Malik"), (malik, "Ana")):
        expect(tab.page.locator(".message__author:visible")).to_have_text([name])
    for text in ("Malik here.", "And Ana."):
        expect(phone.bubble(text)).to_have_count(1)


def test_an_answer_to_what_one_has_not_read_waits_until_one_has(
    program: DemoProgram, open_inbox: OpenInbox, take_phone: TakePhone, watcher: Watcher
) -> None:
    watcher.expects("409", "ERR_INTERNET_DISCONNECTED", "WebSocket connection .* failed")
    customer = program.simulator.customer("Rosa Marin")
    inbox = open_inbox()
    phone = take_phone("whatsapp", customer)
    phone.types("Thursday is fine")
    inbox.open(customer.name)
    expect(inbox.message("Thursday is fine")).to_have_count(1)

    inbox.page.context.set_offline(True)
    expect(inbox.banner).to_contain_text("Offline")
    phone.types("No, please cancel it")
    expect(phone.bubble("No, please cancel it")).to_contain_text("✓")
    inbox.says("Confirmed for Thursday.")
    expect(inbox.message("Confirmed for Thursday.")).to_contain_text("Not sent yet")
    inbox.page.context.set_offline(False)

    expect(inbox.gate).to_contain_text("One new message.")
    expect(inbox.gate.get_by_role("button", name="Read first")).to_be_visible()
    expect(inbox.text).to_have_value("Confirmed for Thursday.")
    expect(inbox.message("No, please cancel it")).to_be_visible()
    inbox.gate.get_by_role("button", name="Read first").click()
    inbox.text.fill("Cancelled, no problem.")
    inbox.page.keyboard.press("Enter")
    expect(phone.bubble("Cancelled, no problem.")).to_have_count(1)
    expect(phone.bubble("Confirmed for Thursday.")).to_have_count(0)


def test_a_failed_message_says_why_and_can_be_tried_again(
    program: DemoProgram, open_inbox: OpenInbox, take_phone: TakePhone
) -> None:
    customer = program.simulator.customer("Emil Novak")
    inbox = open_inbox()
    phone = take_phone("whatsapp", customer)
    phone.types("Hello again")
    inbox.open(customer.name)
    program.simulator.fail_next_send("whatsapp", 131026)
    inbox.says("Your parcel is here.")
    message = inbox.message("Your parcel is here.")
    expect(message.locator(".tick")).to_have_attribute("data-status", "failed")
    message.get_by_role("button", name="Try again").click()
    expect(message.locator(".tick")).to_have_attribute("data-status", "read")
    expect(message).to_have_count(1)


def test_the_phone_page_works_at_the_width_of_a_phone(
    program: DemoProgram, open_inbox: OpenInbox, take_phone: TakePhone, new_page: NewPage
) -> None:
    customer = program.simulator.customer("Lena Vogel")
    inbox = open_inbox(width=390, height=844)
    phone = take_phone("whatsapp", customer, width=390, height=844)
    phone.types("Small screens on both sides")
    inbox.open(customer.name)
    inbox.says("Works here too.")
    expect(phone.bubble("Works here too.")).to_be_visible()
    for page in (inbox.page, phone.page):
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
    inbox.page.go_back()
    expect(inbox.row(customer.name)).to_be_visible()


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode()
