"""More than words: a template after the window, buttons that are pressed, reactions, places."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

from playwright.sync_api import expect

from tests.journeys.access import looked_at
from tests.journeys.conftest import OpenInbox, TakePhone
from tests.journeys.program import Customer, DemoProgram
from tests.journeys.screens import Inbox


def wrote_long_ago(program: DemoProgram, customer: Customer, text: str) -> None:
    at = (datetime.now(UTC) - timedelta(days=3)).isoformat()
    program.simulator.write("whatsapp", program.account("whatsapp"), customer, text, at=at)


def chooses_template(inbox: Inbox, name: str) -> None:
    inbox.page.locator("#templates").get_by_role("button", name=re.compile(name)).first.click()


def test_a_template_opens_what_was_closed_and_a_press_and_a_reaction_follow(
    program: DemoProgram, open_inbox: OpenInbox, take_phone: TakePhone
) -> None:
    customer = program.simulator.customer("Elin Dahl")
    wrote_long_ago(program, customer, "Is the copper one still there?")
    inbox = open_inbox()
    inbox.open(customer.name)
    expect(inbox.gate).to_contain_text("Closed since")

    inbox.gate.get_by_role("button", name="Use a template").click()
    picker = inbox.page.locator("#templates")
    expect(picker.locator(".pick").first).to_be_visible()
    picker.get_by_label("Search templates").fill("interested")
    expect(picker.locator(".pick")).to_have_count(1)
    chooses_template(inbox, "Still interested")
    send = picker.get_by_role("button", name="Send this template")
    expect(send).to_be_disabled()
    picker.get_by_label("Blank 1").fill("Elin")
    expect(picker.locator(".templates__preview")).to_contain_text("Hello Elin, you asked us")
    send.click()

    message = inbox.message("Hello Elin, you asked us something.")
    expect(message).to_contain_text("Yes, please")
    phone = take_phone("whatsapp", customer, beside=inbox.page)
    shown = phone.bubble("Hello Elin, you asked us something.")
    expect(shown).to_contain_text("Your question")
    shown.get_by_role("button", name="Yes, please").click()
    inbox.page.bring_to_front()
    answer = inbox.messages.filter(has_text="pressed:")
    expect(answer).to_contain_text("Yes, please")
    expect(inbox.gate).to_contain_text("Free reply")

    answer.hover()
    answer.get_by_role("button", name="React").click()
    inbox.page.get_by_role("button", name="React with ❤️").click()
    expect(answer.locator(".reaction")).to_contain_text("❤️")
    expect(phone.root.locator(".bubble__reactions")).to_contain_text("❤️")
    answer.get_by_role("button", name="React").click()
    inbox.page.get_by_role("button", name="Take ❤️ back").click()
    expect(answer.locator(".reaction")).to_have_count(0)


def test_buttons_a_list_and_a_place_are_sent_and_answered(
    program: DemoProgram, open_inbox: OpenInbox, take_phone: TakePhone
) -> None:
    customer = program.simulator.customer("Tove Berg")
    inbox = open_inbox()
    phone = take_phone("whatsapp", customer, beside=inbox.page)
    phone.types("How do I get it?")
    inbox.page.bring_to_front()
    inbox.open(customer.name)
    inbox.types("How shall we do it?")
    inbox.page.get_by_role("button", name="Send something else").click()
    inbox.page.get_by_role("button", name="Buttons…").click()
    form = inbox.page.locator("#offer")
    expect(form.get_by_label("Words")).to_have_value("How shall we do it?")
    form.get_by_label("Button 1").fill("Collect it")
    form.get_by_label("Button 2").fill("Collect it")
    expect(form.get_by_role("alert")).to_have_text("Two of them are the same.")
    form.get_by_label("Button 2").fill("Send it")
    form.get_by_role("button", name="Send", exact=True).click()
    expect(inbox.text).to_have_value("")
    expect(inbox.message("How shall we do it?")).to_contain_text("Collect it")
    phone.bubble("How shall we do it?").get_by_role("button", name="Collect it").click()
    expect(inbox.messages.filter(has_text="pressed:")).to_contain_text("Collect it")

    inbox.page.get_by_role("button", name="Send something else").click()
    inbox.page.get_by_role("button", name="Location…").click()
    form.get_by_label("Name").fill("The shop")
    form.get_by_label("Coordinates").fill("https://www.openstreetmap.org/#map=17/53.80000/-1.55000")
    form.get_by_role("button", name="Send", exact=True).click()
    expect(phone.bubble("The shop")).to_have_count(1)
    expect(inbox.message("The shop")).to_contain_text("53.80000, -1.55000")


def test_an_answer_quotes_and_the_phone_shows_what(
    program: DemoProgram, open_inbox: OpenInbox, take_phone: TakePhone
) -> None:
    customer = program.simulator.customer("Sanne Vos")
    inbox = open_inbox()
    phone = take_phone("whatsapp", customer, beside=inbox.page)
    phone.types("First question")
    phone.types("Second question")
    inbox.page.bring_to_front()
    inbox.open(customer.name)
    first = inbox.message("First question")
    first.hover()
    first.get_by_role("button", name="Reply to this").click()
    expect(inbox.page.locator("#composer-quote")).to_contain_text("First question")
    inbox.says("To the first: yes.")
    expect(inbox.page.locator("#composer-quote")).to_be_hidden()
    expect(inbox.message("To the first: yes.").locator(".bubble__quote")).to_contain_text("First")
    expect(phone.bubble("To the first: yes.")).to_contain_text("↩ First question")
    expect(phone.bubble("Second question")).to_contain_text("Read")


def test_a_channel_without_such_things_offers_none(
    program: DemoProgram, open_inbox: OpenInbox, take_phone: TakePhone
) -> None:
    customer = program.simulator.customer("Arne Holm")
    inbox = open_inbox()
    phone = take_phone("sms", customer, beside=inbox.page)
    phone.types("By text message")
    inbox.page.bring_to_front()
    inbox.open(customer.number)
    expect(inbox.message("By text message")).to_have_count(1)
    expect(inbox.page.locator("#composer-more")).to_be_hidden()
    expect(inbox.message("By text message").locator(".act")).to_have_count(0)


def test_messenger_shows_quick_replies_and_takes_reactions(
    program: DemoProgram, open_inbox: OpenInbox, take_phone: TakePhone
) -> None:
    customer = program.simulator.customer("Mira Sand")
    inbox = open_inbox()
    phone = take_phone("messenger", customer, beside=inbox.page)
    phone.types("Do you mend handles?")
    inbox.page.bring_to_front()
    inbox.open(customer.name)
    inbox.types("Which sort?")
    inbox.page.get_by_role("button", name="Send something else").click()
    inbox.page.get_by_role("button", name="Buttons…").click()
    form = inbox.page.locator("#offer")
    form.get_by_label("Button 1").fill("Wood")
    form.get_by_role("button", name="Send", exact=True).click()
    phone.bubble("Which sort?").get_by_role("button", name="Wood").click()
    expect(inbox.messages.filter(has_text="pressed:")).to_contain_text("Wood")
    question = inbox.message("Do you mend handles?")
    question.hover()
    question.get_by_role("button", name="React").click()
    inbox.page.get_by_role("button", name="React with 👍").click()
    expect(phone.bubble("Do you mend handles?").locator(".bubble__reactions")).to_contain_text("👍")


def test_templates_can_be_chosen_at_the_width_of_a_phone(
    program: DemoProgram, open_inbox: OpenInbox
) -> None:
    customer = program.simulator.customer("Noa Stern")
    wrote_long_ago(program, customer, "And in a small window?")
    inbox = open_inbox(width=390, height=844)
    inbox.open(customer.name)
    inbox.gate.get_by_role("button", name="Use a template").click()
    picker = inbox.page.locator("#templates")
    chooses_template(inbox, "Order update")
    expect(picker.get_by_label("Blank 1")).to_be_visible()
    assert inbox.page.evaluate("document.documentElement.scrollWidth") <= 390
    picker.get_by_role("button", name="Back to the list").click()
    expect(picker.locator(".pick").first).to_be_visible()
    inbox.page.keyboard.press("Escape")
    # What is done to a message is out of sight here, and found by keyboard all the same.
    inbox.page.locator("#thread-scroll").focus()
    inbox.page.keyboard.press("Tab")
    react = inbox.message("And in a small window?").get_by_role("button", name="React")
    expect(react).to_be_focused()
    inbox.page.keyboard.press("Enter")
    expect(inbox.page.locator("#reactions")).to_be_in_viewport(ratio=1)


def test_all_of_it_is_accessible(
    program: DemoProgram, open_inbox: OpenInbox, pictures: Path
) -> None:
    customer = program.simulator.customer("Ida Roos")
    wrote_long_ago(program, customer, "May I look at everything?")
    inbox = open_inbox(reduced_motion="reduce")
    inbox.open(customer.name)
    found: dict[str, list[str]] = {}

    def looks(state: str) -> None:
        name = re.sub(r"\W+", "-", f"beyond words {state}").lower()
        found[state] = looked_at(inbox.page, pictures, name)

    inbox.gate.get_by_role("button", name="Use a template").click()
    chooses_template(inbox, "Order update")
    looks("list")
    inbox.page.get_by_label("Search templates").fill("autumn")
    chooses_template(inbox, "Autumn sale")
    looks("refused")
    inbox.page.get_by_label("Search templates").fill("visit")
    chooses_template(inbox, "Visit us")
    looks("place")
    inbox.page.keyboard.press("Escape")
    program.simulator.write("whatsapp", program.account("whatsapp"), customer, "And now?")
    expect(inbox.gate).to_contain_text("Free reply")
    for name in ("Buttons…", "List…", "Link button…", "Location…"):
        inbox.page.get_by_role("button", name="Send something else").click()
        looks(f"menu {name}")
        inbox.page.get_by_role("button", name=name).click()
        looks(name)
        inbox.page.keyboard.press("Escape")
    message = inbox.message("And now?")
    message.hover()
    message.get_by_role("button", name="React").click()
    looks("reactions")
    assert {state: wrong for state, wrong in found.items() if wrong} == {}
