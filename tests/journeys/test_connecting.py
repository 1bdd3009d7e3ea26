"""An admin connects channels by hand: copies credentials, pastes the webhook, tries it, answers."""

from __future__ import annotations

import re
import secrets
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.journeys.access import SIZES, inaccessible
from tests.journeys.conftest import NewPage, OpenInbox, Watcher
from tests.journeys.program import DemoProgram
from tests.journeys.screens import Inbox


class Desk:
    """The admin's tab with the settings in it, and the provider's console beside it."""

    def __init__(self, page: Page, program: DemoProgram, pictures: Path) -> None:
        self.page = page
        self.program = program
        self.pictures = pictures

    def chooses(self, kind: str) -> None:
        self.page.goto(f"{self.program.url}/app")
        self.page.get_by_role("link", name="Channels").click()
        self.page.get_by_role("link", name="Connect a channel").click()
        self.page.get_by_role("button", name=re.compile(f"^{kind}")).click()
        expect(self.page).to_have_url(re.compile("/set-up$"))
        self.page.get_by_role("button", name="I have these").click()

    def enters(self, name: str, text: str) -> None:
        self.page.locator(f"#field-{name}").fill(text)

    def verdict(self, name: str) -> Locator:
        return self.page.locator(f".credential[data-name={name}]")

    def finds(self, name: str, state: str) -> None:
        expect(self.verdict(name)).to_have_attribute("data-state", state)

    def copied(self, id_: str) -> str:
        return self.page.locator(f"#{id_}").input_value()

    def registers(self, kind: str, account: str, **body: Any) -> None:
        """What is set up at the provider."""
        self.program.simulator.call("PUT", f"/accounts/{kind}/{account}", body)

    def is_fit_to_be_seen(self, name: str) -> None:
        assert inaccessible(self.page) == []
        self.page.screenshot(path=self.pictures / f"connecting-{name}.png", full_page=True)


@pytest.fixture
def desk(program: DemoProgram, open_inbox: OpenInbox, pictures: Path) -> Desk:
    # The checker is injected, which the page's own policy would not allow.
    return Desk(open_inbox("Ada Lind", bypass_csp=True).page, program, pictures)


def test_an_sms_number_is_connected_by_hand(
    desk: Desk, program: DemoProgram, watcher: Watcher
) -> None:
    watcher.expects("status of 422")
    number, token = "+15550171", secrets.token_hex(16)
    sid = "AC" + secrets.token_hex(16)
    twilio = {"name": "Harbour Outlet", "account_sid": sid, "auth_token": token}
    desk.registers("sms", number, webhook_url="http://127.0.0.1:1/", **twilio)
    desk.chooses("SMS")
    desk.enters("account_sid", "not a sid")
    desk.finds("account_sid", "wrong")
    desk.enters("account_sid", sid)
    desk.enters("auth_token", "mistyped")
    desk.finds("auth_token", "wrong")
    desk.is_fit_to_be_seen("wrong")
    desk.enters("auth_token", token)
    desk.enters("number", "+15550170")
    desk.finds("auth_token", "ok")
    desk.finds("number", "wrong")
    desk.page.get_by_role("button", name="Connect", exact=True).click()
    expect(desk.verdict("number").locator("input")).to_be_focused()
    desk.enters("number", number)
    desk.finds("number", "ok")
    desk.page.get_by_role("button", name="Connect", exact=True).click()

    expect(desk.page.locator("#step-webhook")).to_have_attribute("data-state", "now")
    desk.is_fit_to_be_seen("paste")
    desk.registers("sms", number, webhook_url=desk.copied("webhook-url"), **twilio)
    desk.page.get_by_role("button", name="I have pasted it").click()
    expect(desk.page.locator("#heard")).to_contain_text("We are listening")
    desk.is_fit_to_be_seen("listening")
    customer = program.simulator.customer("Nina Falk")
    program.simulator.write("sms", number, customer, "Is this the new line?")
    expect(desk.page.locator("#trial-text")).to_have_text("Is this the new line?")
    desk.page.get_by_role("button", name="Send the answer").click()
    expect(desk.page.locator("#answered")).to_contain_text("This channel works")
    desk.is_fit_to_be_seen("works")
    desk.page.get_by_role("link", name="Go on in the inbox").click()
    expect(desk.page.locator("#header-name")).to_have_text(customer.number)


def test_a_whatsapp_number_is_connected_by_hand(desk: Desk, program: DemoProgram) -> None:
    number = "200000000000071"
    meta = {
        "name": "Harbour Outlet",
        "display_phone_number": "+1 555 0171",
        "business_account_id": "100000000000071",
        "access_token": secrets.token_hex(24),
        "app_secret": secrets.token_hex(16),
    }
    elsewhere = {"webhook_url": "http://127.0.0.1:1/", "verify_token": "none"}
    desk.registers("whatsapp", number, **meta, **elsewhere)
    desk.chooses("WhatsApp")
    desk.enters("phone_number_id", number)
    desk.enters("business_account_id", meta["business_account_id"])
    desk.enters("access_token", meta["access_token"])
    desk.finds("phone_number_id", "ok")
    expect(desk.verdict("phone_number_id")).to_contain_text("Harbour Outlet")
    desk.enters("app_secret", "f" * 32)
    desk.finds("app_secret", "wrong")
    desk.enters("app_secret", meta["app_secret"])
    desk.finds("app_secret", "ok")
    desk.is_fit_to_be_seen("whatsapp")
    desk.page.get_by_role("button", name="Connect", exact=True).click()
    expect(desk.page.locator("#handshake")).to_contain_text("Waiting for Meta")
    pasted = {
        "webhook_url": desk.copied("webhook-url"),
        "verify_token": desk.copied("verify-token"),
        "handshake": True,
    }
    desk.registers("whatsapp", number, **meta, **pasted)
    expect(desk.page.locator("#handshake")).to_contain_text("Meta reached this address")
    desk.is_fit_to_be_seen("handshake")
    desk.page.get_by_role("button", name="Go on").click()
    customer = program.simulator.customer("Ida Moen")
    program.simulator.write("whatsapp", number, customer, "Hello, is anybody there?")
    expect(desk.page.locator("#trial-who")).to_have_text("Ida Moen wrote:")
    desk.page.get_by_role("button", name="Send the answer").click()
    expect(desk.page.locator("#answered")).to_contain_text("This channel works")

    desk.page.get_by_role("link", name="All channels").click()
    works = desk.page.locator(".card", has_text="Harbour Outlet").filter(has_text="WhatsApp")
    expect(works).to_contain_text("Works")
    desk.is_fit_to_be_seen("list")
    works.get_by_role("link").click()
    expect(desk.page.locator("#health")).to_contain_text("Works")
    desk.is_fit_to_be_seen("channel")
    desk.page.get_by_role("button", name="Disconnect…").click()
    desk.page.get_by_role("button", name="Disconnect", exact=True).click()
    expect(desk.page.locator("#health")).to_contain_text("Disconnected")
    expect(desk.page.get_by_role("link", name="Connect again")).to_be_visible()


def test_a_broken_token_is_told_in_the_inbox_and_mended(
    desk: Desk, program: DemoProgram, watcher: Watcher
) -> None:
    watcher.expects("status of 422")
    account = program.account("messenger")
    known = program.demo["channels"]["messenger"]
    page, fresh = desk.page, secrets.token_hex(16)
    desk.registers(
        "messenger",
        account,
        name="Harbour Kettles",
        webhook_url=known["webhook_url"],
        verify_token=known["verify_token"],
        secret=known["secret"],
        access_token=fresh,
    )
    customer = program.simulator.customer("Per Dahl")
    program.simulator.write("messenger", account, customer, "Hello?")
    page.goto(f"{program.url}/app")
    page.locator(".row", has_text="Hello?").locator("a").click()
    expect(page.locator("#gate-bar")).to_contain_text("Free reply")
    Inbox(page).says("Good morning.")
    banner = page.locator("#channel-trouble")
    expect(banner).to_contain_text("needs you")
    desk.is_fit_to_be_seen("banner")
    banner.get_by_role("link", name="Mend it").click()
    expect(page.locator("#health")).to_contain_text("Needs you")
    desk.is_fit_to_be_seen("needs-you")
    page.get_by_role("link", name="Replace it").click()
    desk.enters("access_token", "still wrong")
    page.get_by_role("button", name="Check and save").click()
    desk.finds("access_token", "wrong")
    desk.enters("access_token", fresh)
    desk.finds("access_token", "ok")
    page.get_by_role("button", name="Check and save").click()
    expect(page.locator("#health")).not_to_contain_text("Needs you")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", SIZES)
def test_the_pages_are_accessible_at_every_size(
    program: DemoProgram, new_page: NewPage, pictures: Path, width: int, scheme: str
) -> None:
    page = new_page(width, SIZES[width], scheme=scheme, bypass_csp=True, reduced_motion="reduce")
    page.goto(f"{program.url}/login?next=/settings/channels")
    page.get_by_role("button", name="Ada Lind").click()
    desk = Desk(page, program, pictures)
    expect(page.get_by_role("heading", name="Channels")).to_be_visible()
    desk.is_fit_to_be_seen(f"list-{width}-{scheme}")
    page.get_by_role("link", name="Shop", exact=True).click()
    expect(page.locator("#health")).to_be_visible()
    desk.is_fit_to_be_seen(f"channel-{width}-{scheme}")
    page.goto(f"{program.url}/settings/channels/new")
    expect(page.locator(".tile").first).to_be_visible()
    desk.is_fit_to_be_seen(f"new-{width}-{scheme}")
    page.get_by_role("button", name=re.compile("^Instagram")).click()
    page.get_by_role("button", name="I have these").click()
    expect(page.locator("#field-account_id")).to_be_focused()
    desk.is_fit_to_be_seen(f"set-up-{width}-{scheme}")
    overflow = page.evaluate("document.documentElement.scrollWidth > innerWidth")
    assert not overflow
    page.get_by_role("button", name="Discard this one").click()
    expect(page).to_have_url(f"{program.url}/settings/channels")


def test_the_keyboard_is_enough(desk: Desk) -> None:
    page = desk.page
    page.goto(f"{desk.program.url}/settings/channels/new")
    expect(page.locator(".tile").first).to_be_enabled()
    page.locator(".tile").first.focus()
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("/set-up$"))
    expect(page.locator("#prepared")).to_be_enabled()
    page.locator("#prepared").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#credentials input").first).to_be_focused()
    page.keyboard.type("12345")
    page.keyboard.press("Tab")
    expect(page.locator("#credentials :focus")).to_have_count(1)


def test_agents_see_no_way_to_the_settings(program: DemoProgram, open_inbox: OpenInbox) -> None:
    inbox = open_inbox("Ana Silva")
    expect(inbox.page.locator("#rail-help")).to_be_visible()
    expect(inbox.page.get_by_role("link", name="Channels")).to_have_count(0)
