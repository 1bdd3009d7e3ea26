"""What a customer forbids is forbidden at once, explained with their own words, and opens again."""

from __future__ import annotations

import re
import time

import pytest
from playwright.sync_api import expect

from tests.journeys.conftest import OpenInbox, TakePhone, Watcher
from tests.journeys.program import DemoProgram

_POST = """async ([conversation, body]) => {
  const response = await fetch(`/api/v1/conversations/${conversation}/messages`, {
    method: "POST",
    headers: {
      "Content-Type": "application/json",
      "X-CSRF-Token": document.querySelector("meta[name=csrf-token]").content,
    },
    body: JSON.stringify({ client_id: crypto.randomUUID(), ...body }),
  });
  return [response.status, (await response.json()).code];
}"""


@pytest.mark.parametrize(("kind", "label"), [("sms", "SMS"), ("whatsapp", "WhatsApp")])
def test_stop_closes_the_composer_and_start_opens_it(
    program: DemoProgram, open_inbox: OpenInbox, take_phone: TakePhone, kind: str, label: str
) -> None:
    customer = program.simulator.customer("Ada Quist")
    name = customer.number if kind == "sms" else customer.name
    first = customer.number if kind == "sms" else "Ada"
    inbox = open_inbox()
    phone = take_phone(kind, customer, beside=inbox.page)
    phone.types("When do you open?")
    inbox.page.bring_to_front()
    inbox.open(name)
    inbox.types("At nine, and on")
    phone.page.bring_to_front()
    phone.types("STOP")

    inbox.page.bring_to_front()
    expect(inbox.gate).to_contain_text(
        re.compile(rf"{re.escape(first)} stopped {label} today at \d\d:\d\d by writing “STOP”\.")
    )
    expect(inbox.gate).to_contain_text(f"start it again by writing START on {label}")
    expect(inbox.text).to_have_attribute("readonly", "")
    expect(inbox.text).to_have_value("At nine, and on")
    expect(inbox.page.locator("#composer-send")).to_be_disabled()
    # Question, STOP, and one confirmation, whoever gives it.
    expect(phone.bubbles).to_have_count(3)

    inbox.page.get_by_role("button", name="Why?").click()
    why = inbox.page.locator("#gate-why")
    expect(why).to_contain_text("a keyword we know")
    inbox.page.keyboard.press("Tab")
    inbox.page.keyboard.press("Escape")
    expect(why).to_be_hidden()
    # One step back, and not out of the conversation.
    inbox.page.get_by_role("button", name="Why?").click()
    why.get_by_role("button", name="Show the message").click()
    expect(why).to_be_hidden()
    expect(inbox.page.locator(".message--flash .bubble__text")).to_have_text("STOP")

    # WhatsApp's times are whole seconds, and of two in the same one the STOP holds.
    stopped = int(time.time())
    while int(time.time()) == stopped:
        inbox.page.wait_for_timeout(50)
    phone.page.bring_to_front()
    phone.types("START")
    inbox.page.bring_to_front()
    expect(inbox.text).not_to_have_attribute("readonly", "")
    expect(inbox.text).to_have_value("At nine, and on")
    inbox.types(" Sundays at ten.")
    inbox.page.keyboard.press("Enter")
    expect(phone.bubble("At nine, and on Sundays at ten.")).to_have_count(1)
    expect(phone.bubble("unsubscribed")).to_have_count(1)


def test_the_buttons_of_the_sms_phone_write_the_words_and_help_is_answered_once(
    program: DemoProgram, open_inbox: OpenInbox, take_phone: TakePhone
) -> None:
    customer = program.simulator.customer("Bo Hagen")
    phone = take_phone("sms", customer)
    phone.root.get_by_role("button", name="HELP").click()
    expect(phone.bubbles).to_have_count(2)
    phone.root.get_by_role("button", name="STOP").click()
    expect(phone.bubbles).to_have_count(4)
    expect(phone.root.locator(".screen__blocked")).to_be_visible()
    inbox = open_inbox()
    inbox.open(customer.number)
    expect(inbox.gate).to_contain_text(f"{customer.number} stopped SMS today")
    phone.root.get_by_role("button", name="START").click()
    expect(phone.root.locator(".screen__blocked")).to_be_hidden()
    expect(inbox.gate).to_contain_text("You may reply.")
    expect(phone.bubble("HELP").filter(has_not_text="Reply")).to_have_count(1)


def test_a_closed_window_is_said_and_nothing_can_be_typed(
    program: DemoProgram, open_inbox: OpenInbox
) -> None:
    inbox = open_inbox()
    inbox.open("Tom Whitaker")
    expect(inbox.gate).to_contain_text("Closed since")
    expect(inbox.gate).to_contain_text("24 hours after Tom last wrote")
    expect(inbox.text).to_have_attribute("readonly", "")
    inbox.text.click()
    inbox.page.keyboard.type("Hello Tom")
    expect(inbox.text).to_have_value("")
    inbox.page.get_by_role("button", name="Note", exact=True).click()
    inbox.says("Call him about the whistle.")
    expect(inbox.message("about the whistle")).to_have_attribute("data-direction", "note")


def test_a_promotion_without_consent_is_refused_in_the_pane_and_at_the_door(
    program: DemoProgram, open_inbox: OpenInbox, take_phone: TakePhone, watcher: Watcher
) -> None:
    watcher.expects("status of 403")
    customer = program.simulator.customer("Carla Reyes")
    inbox = open_inbox()
    phone = take_phone("whatsapp", customer)
    phone.types("Hello, a question")
    inbox.open(customer.name)
    promotions = inbox.page.locator("details.purpose", has_text="Promotions")
    promotions.click()
    expect(promotions).to_contain_text("No")
    expect(promotions).to_contain_text("A promotion needs consent, and none is on record.")

    conversation = inbox.page.url.rsplit("/", 1)[1]
    body = {"text": "Autumn sale", "purpose": "promotional"}
    assert inbox.page.evaluate(_POST, [conversation, body]) == [403, "consent_required"]
    inbox.says("What is it?")
    expect(phone.bubble("What is it?")).to_have_count(1)
    expect(phone.bubble("Autumn sale")).to_have_count(0)


def test_the_evidence_is_fetched_from_far_back(
    program: DemoProgram, open_inbox: OpenInbox, take_phone: TakePhone
) -> None:
    customer = program.simulator.customer("Odd Nilsen")
    phone = take_phone("whatsapp", customer)
    phone.types("STOP")
    expect(phone.bubble("unsubscribed")).to_have_count(1)
    for number in range(60):
        program.simulator.write("whatsapp", program.account("whatsapp"), customer, f"{number}!")
    inbox = open_inbox()
    inbox.open(customer.name)
    expect(inbox.message("59!")).to_have_count(1)
    inbox.page.locator("details.purpose", has_text="Promotions").click()
    inbox.page.locator("#contact").get_by_role("button", name="Show the message").click()
    expect(inbox.page.locator(".message--flash .bubble__text")).to_have_text("STOP")
    expect(inbox.page.locator(".message--flash")).to_be_in_viewport()


def test_hannahs_old_stop_is_shown_with_its_day(
    program: DemoProgram, open_inbox: OpenInbox
) -> None:
    inbox = open_inbox()
    inbox.open("Hannah Cole")
    expect(inbox.gate).to_contain_text("Hannah stopped SMS")
    inbox.gate.get_by_role("button", name="Show it").click()
    expect(inbox.page.locator(".message--flash .bubble__text")).to_have_text("STOP")
