"""An admin connects a mailbox by signing in at Google's page, which the simulator stands in for."""

from __future__ import annotations

import re
import secrets
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.journeys.conftest import OpenInbox, Watcher
from tests.journeys.program import DemoProgram
from tests.journeys.test_connecting import Desk


@pytest.fixture
def desk(program: DemoProgram, open_inbox: OpenInbox, pictures: Path) -> Desk:
    # The checker is injected, which the page's own policy would not allow.
    return Desk(open_inbox("Ada Lind", bypass_csp=True).page, program, pictures)


def signs_in(desk: Desk, mailbox: str) -> None:
    """As far as Google's page."""
    desk.chooses("Gmail")
    desk.enters("client_id", f"{secrets.token_hex(6)}.apps.googleusercontent.com")
    desk.enters("client_secret", secrets.token_hex(12))
    desk.page.locator("#field-client_secret").press("Enter")
    title = desk.page.get_by_role("heading", name="Sign in with a simulated mailbox")
    expect(title).to_be_visible()
    desk.page.get_by_label("Mailbox").fill(mailbox)


def test_a_mailbox_is_connected_and_its_first_mail_is_answered(
    desk: Desk, program: DemoProgram
) -> None:
    mailbox = f"outlet-{secrets.token_hex(3)}@harbour.example"
    signs_in(desk, mailbox)
    desk.page.get_by_role("button", name="Continue").click()
    page = desk.page
    expect(page).to_have_url(re.compile(r"/settings/channels/chn_\w+"))
    expect(page.locator("body")).to_contain_text(mailbox)
    desk.is_fit_to_be_seen("mailbox")
    expect(page.locator("#heard")).to_contain_text("We are listening")
    body = {"name": "Nina Falk", "email": "nina.falk@example.com"}
    program.simulator.call("PUT", "/customers/nina-falk", body)
    letter = {"customer_id": "nina-falk", "text": "Anybody there?", "subject": "Hello"}
    program.simulator.call("POST", f"/accounts/gmail/{mailbox}/messages", letter)
    # Without a topic nobody tells us of it: while somebody waits for it, the page asks.
    expect(page.locator("#trial-text")).to_have_text("Anybody there?", timeout=30_000)
    page.get_by_role("button", name="Send the answer").click()
    expect(page.locator("#answered")).to_contain_text("This channel works")
    desk.is_fit_to_be_seen("mailbox-works")


@pytest.mark.parametrize("why", ["a permission is missing", "it was not allowed"])
def test_a_sign_in_that_was_not_given_says_so(desk: Desk, watcher: Watcher, why: str) -> None:
    watcher.expects("status of 400")
    mailbox = f"outlet-{secrets.token_hex(3)}@harbour.example"
    signs_in(desk, mailbox)
    page = desk.page
    if why == "it was not allowed":
        page.get_by_role("button", name="Cancel").click()
        expect(page.locator("main")).to_contain_text("somebody chose not to allow it")
    else:
        page.get_by_label("Read, compose and send").uncheck()
        page.get_by_role("button", name="Continue").click()
        expect(page.locator("main")).to_contain_text("Read, compose and send")
    desk.is_fit_to_be_seen("sign-in-failed")
    page.get_by_role("link", name="Back to the channel").click()
    expect(page.get_by_role("heading", name="Connect Gmail")).to_be_visible()
    # What was typed is kept, so that the second try is one click.
    page.get_by_role("button", name="Sign in with Google").click()
    page.get_by_label("Mailbox").fill(mailbox)
    page.get_by_role("button", name="Continue").click()
    expect(page.locator("#heard")).to_contain_text("We are listening")


def test_after_a_revoked_sign_in_an_admin_signs_in_again_and_the_mail_comes(
    desk: Desk, program: DemoProgram
) -> None:
    mailbox = program.account("gmail")
    body = {"name": "Per Moen", "email": "per.moen@example.com"}
    program.simulator.call("PUT", "/customers/per-moen", body)
    letter = {"customer_id": "per-moen", "text": "Is it still open?", "subject": "Opening hours"}
    program.simulator.call("POST", f"/gmail/{mailbox}/revoke", {})
    program.simulator.call("POST", f"/accounts/gmail/{mailbox}/messages", letter)
    page = desk.page
    page.goto(f"{program.url}/settings/channels/{program.demo['channels']['gmail']['id']}")
    expect(page.locator("#health")).to_contain_text("Needs you")
    desk.is_fit_to_be_seen("mailbox-needs-you")
    page.get_by_role("link", name="Sign in again").first.click()
    expect(page.get_by_label("Mailbox")).to_have_value(mailbox)
    page.get_by_role("button", name="Continue").click()
    expect(page.locator("#health")).not_to_contain_text("Needs you")
    page.goto(f"{program.url}/app")
    expect(page.locator(".row", has_text="Is it still open?")).to_be_visible()
