"""One person on two channels: suggested, merged by hand, undone; and the page that finds them."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.journeys.access import inaccessible
from tests.journeys.conftest import OpenInbox
from tests.journeys.program import Customer, DemoProgram


def writes(program: DemoProgram, customer: Customer, *kinds: str) -> None:
    for kind in kinds:
        program.simulator.write(kind, program.account(kind), customer, f"Hello by {kind}")


def test_a_suggestion_is_merged_and_undone_and_nothing_is_reloaded(
    program: DemoProgram, open_inbox: OpenInbox
) -> None:
    customer = program.simulator.customer("Runa Dahl")
    writes(program, customer, "sms", "whatsapp")
    inbox = open_inbox()
    inbox.marks_this_document()
    inbox.open(customer.name)
    pane = inbox.page.locator("#contact")
    card = pane.get_by_role("region", name="Also on SMS?")
    expect(card).to_contain_text("The same number on SMS and WhatsApp: +1")
    expect(inbox.row(customer.number)).to_have_count(1)
    assert inaccessible(inbox.page) == []

    card.get_by_role("button", name="Merge").click()
    expect(card).to_have_count(0)
    expect(inbox.row(customer.number)).to_have_count(0)
    expect(inbox.row(customer.name)).to_have_count(2)
    expect(pane.locator(".identity")).to_have_count(2)
    expect(pane.locator(".merges__one")).to_contain_text("by Ana Silva")
    assert inaccessible(inbox.page) == []
    pane.locator(".threads__link", has_text="Hello by sms").click()
    expect(inbox.message("Hello by sms")).to_have_count(1)
    inbox.says("Good to hear from you here, too.")
    expect(inbox.message("here, too.")).to_have_attribute("data-direction", "outbound")

    pane.get_by_role("button", name=re.compile("Undo the merge")).click()
    expect(inbox.row(customer.number)).to_have_count(1)
    expect(pane.locator(".identity")).to_have_count(1)
    expect(pane.get_by_role("region", name="Also on WhatsApp?")).to_be_visible()
    pane.get_by_role("button", name="Not the same person").click()
    expect(pane.get_by_role("region", name="Also on WhatsApp?")).to_have_count(0)
    assert inbox.was_never_reloaded()


def test_a_merge_is_undone_from_the_toast(program: DemoProgram, open_inbox: OpenInbox) -> None:
    customer = program.simulator.customer("Tove Lind")
    writes(program, customer, "sms", "whatsapp")
    inbox = open_inbox()
    inbox.open(customer.name)
    inbox.page.locator("#contact").get_by_role("button", name="Merge").click()
    toast = inbox.page.locator(".toast")
    expect(toast).to_contain_text("Merged with")
    toast.get_by_role("button", name="Undo").click()
    expect(inbox.row(customer.number)).to_have_count(1)
    expect(inbox.page.locator("#contact .identity")).to_have_count(1)


def test_a_name_given_in_the_pane_is_in_the_list_at_once(
    program: DemoProgram, open_inbox: OpenInbox
) -> None:
    customer = program.simulator.customer("Nobody Yet")
    writes(program, customer, "sms")
    inbox = open_inbox()
    inbox.open(customer.number)
    pane = inbox.page.locator("#contact")
    pane.get_by_role("button", name="Edit the name").click()
    inbox.page.keyboard.type("Signe Moe")
    inbox.page.keyboard.press("Enter")
    expect(inbox.row("Signe Moe")).to_have_count(1)
    expect(inbox.page.locator("#header-name")).to_have_text("Signe Moe")
    expect(pane.get_by_role("button", name="Edit the name")).to_be_visible()


def test_an_agent_is_offered_no_block_and_a_manager_blocks_after_a_question(
    program: DemoProgram, open_inbox: OpenInbox
) -> None:
    customer = program.simulator.customer("Per Aas")
    writes(program, customer, "whatsapp")
    agents = open_inbox()
    agents.open(customer.name)
    expect(agents.page.locator("#contact .contact__note")).to_be_visible()
    expect(agents.page.get_by_role("button", name="Block this contact")).to_have_count(0)
    expect(agents.page.get_by_role("link", name="Download what is known")).to_have_count(0)

    managers = open_inbox("Malik Brown")
    managers.open(customer.name)
    managers.page.get_by_role("button", name="Block this contact").click()
    question = managers.page.get_by_role("dialog", name="Block Per Aas?")
    expect(question).to_contain_text("Nothing will be sent to them")
    assert inaccessible(managers.page) == []
    question.get_by_role("button", name="Block", exact=True).click()
    expect(managers.page.locator(".contact__blocked")).to_be_visible()
    expect(agents.page.locator(".contact__blocked")).to_be_visible()
    expect(agents.text).to_have_attribute("readonly", "")
    # Who did it by keyboard goes on from there.
    expect(managers.page.get_by_role("button", name="Unblock")).to_be_focused()
    with managers.page.expect_download() as download:
        managers.page.get_by_role("link", name="Download what is known").click()
    assert download.value.suggested_filename.endswith(".json")
    managers.page.get_by_role("button", name="Unblock").click()
    expect(agents.text).not_to_have_attribute("readonly", "")


@pytest.mark.parametrize(("width", "scheme"), [(1440, "light"), (390, "dark")])
def test_the_page_of_contacts_finds_who_has_only_a_handle_and_leads_to_them(
    program: DemoProgram, open_inbox: OpenInbox, width: int, scheme: str
) -> None:
    inbox = open_inbox(width=width, scheme=scheme)
    page = inbox.page
    page.get_by_role("link", name="Contacts").click()
    expect(page.locator(".listed").first).to_be_visible()
    assert inaccessible(page) == []
    page.get_by_label("Search contacts").fill("@mateo.brews")
    expect(page.locator(".listed")).to_have_count(1)
    page.locator(".listed").click()
    expect(page).to_have_url(re.compile(r"/contacts/con_"))
    detail = page.locator("#detail")
    expect(detail.get_by_role("heading", name="Mateo Silva")).to_be_visible()
    assert inaccessible(page) == []
    page.reload()
    detail.get_by_role("link", name="Reply").click()
    expect(page.locator("#header-name")).to_have_text("Mateo Silva")

    page.goto(f"{program.url}/contacts")
    page.get_by_label("Search contacts").fill("Nobody of that name")
    expect(page.locator("#empty")).to_contain_text("Nobody is called that")
    assert inaccessible(page) == []
