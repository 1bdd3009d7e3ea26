"""What messages carry besides words, and what becomes of them later, as the agent sees it happen.

The provider's own bodies are posted to the channel's webhook, about a customer of this test.
"""

from __future__ import annotations

import hmac
import json
import re
import secrets
import time
import urllib.request
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.journeys.conftest import OpenInbox
from tests.journeys.program import Customer, DemoProgram
from tests.journeys.screens import Inbox

_PAYLOADS = Path(__file__).parents[1] / "connectors" / "payloads" / "whatsapp"
# One conversation a test, which is found by the name.
_FAMILIES = iter(("Marin", "Costa", "Leal", "Prado", "Nunes"))
_ITEMS = ("messages", "message_echoes")
_NAMES_ANOTHER = {"reaction": "message_id", "edit": "original_message_id"}
_NAMES_ANOTHER["revoke"] = "original_message_id"


class Line:
    """WhatsApp, telling the demo what happens between it and one customer."""

    def __init__(self, program: DemoProgram, customer: Customer) -> None:
        self._channel = program.demo["channels"]["whatsapp"]
        self._customer = customer

    def tells(self, name: str, about: str | None = None, words: str | None = None) -> str:
        """Post what is in payloads/whatsapp/`name`.json as if it happened now, to the message
        `about` where it is of one, with `words` for its text; the id of what it brings."""
        body = json.loads((_PAYLOADS / f"{name}.json").read_text())
        new_id = ""
        for change in body["entry"][0]["changes"]:
            value = change["value"]
            value["metadata"]["phone_number_id"] = self._channel["account"]
            for person in value["contacts"]:
                person["profile"] = {"name": self._customer.name}
                person |= self._ids("wa_id", "user_id")
            for key in _ITEMS:
                for item in value.get(key, []):
                    new_id = self._is_theirs_and_new(item, about, echo=key == "message_echoes")
                    if words is not None:
                        item["text"]["body"] = words
        self._post(json.dumps(body, separators=(",", ":")).encode())
        return new_id

    # Any: an item of the provider's JSON.
    def _is_theirs_and_new(self, item: dict[str, Any], about: str | None, *, echo: bool) -> str:
        new_id = f"wamid.{secrets.token_hex(16)}"
        item |= {"id": new_id, "timestamp": str(int(time.time()))}
        item |= self._ids("to", "to_user_id") if echo else self._ids("from", "from_user_id")
        if about is not None:
            item[item["type"]][_NAMES_ANOTHER[item["type"]]] = about
        return new_id

    def _ids(self, number: str, user_id: str) -> dict[str, str]:
        digits = self._customer.phone.removeprefix("+")
        return {number: digits, user_id: f"US.{digits}"}

    def _post(self, body: bytes) -> None:
        signature = hmac.new(self._channel["secret"].encode(), body, sha256).hexdigest()
        request = urllib.request.Request(  # noqa: S310, our own loopback address
            self._channel["webhook_url"],
            data=body,
            headers={
                "Content-Type": "application/json",
                "X-Hub-Signature-256": f"sha256={signature}",
            },
        )
        with urllib.request.urlopen(request, timeout=10) as response:  # noqa: S310
            assert response.status == 200


@pytest.fixture
def customer(program: DemoProgram) -> Customer:
    return program.simulator.customer(f"Rosa {next(_FAMILIES)}")


@pytest.fixture
def line(program: DemoProgram, customer: Customer) -> Line:
    return Line(program, customer)


@pytest.fixture
def inbox(open_inbox: OpenInbox, line: Line, customer: Customer) -> Inbox:
    """The inbox with a conversation open that began with the words of text_frequently_forwarded."""
    inbox = open_inbox()
    inbox.marks_this_document()
    line.tells("text_frequently_forwarded")
    inbox.open(customer.name)
    expect(inbox.message("Forwarded chain text")).to_contain_text("Forwarded many times")
    return inbox


def test_reactions_and_edits_show_on_the_message_they_are_of(
    inbox: Inbox, line: Line, customer: Customer
) -> None:
    asked = line.tells("text")
    message = inbox.message("Hi, is the blue kettle in stock?")
    expect(message).to_have_count(1)
    expect(message.locator(".reaction")).to_have_count(0)

    line.tells("reaction_added", about=asked)
    expect(message.locator(".reaction")).to_contain_text("❤️")
    title = re.compile(f"^{customer.name}, ")
    expect(message.locator(".reaction")).to_have_attribute("title", title)

    line.tells("message_edit", about=asked)
    edited = inbox.message("Hi, is the RED kettle in stock?")
    expect(edited.get_by_text("edited", exact=True)).to_be_visible()
    expect(edited.locator(".reaction")).to_be_visible()
    expect(message).to_have_count(0)
    expect(inbox.row(customer.name).locator(".row__text")).to_contain_text("RED kettle")

    line.tells("reaction_removed", about=asked)
    expect(edited.locator(".reaction")).to_have_count(0)
    assert inbox.was_never_reloaded()


def test_a_message_taken_back_leaves_its_place_and_nothing_of_what_it_said(
    inbox: Inbox, line: Line, customer: Customer
) -> None:
    asked = line.tells("text")
    expect(inbox.message("Hi, is the blue kettle in stock?")).to_have_count(1)
    line.tells("reaction_added", about=asked)
    expect(inbox.page.locator(".reaction")).to_have_count(1)
    before = inbox.messages.count()

    line.tells("message_revoke", about=asked)
    expect(inbox.message("Rosa took this message back")).to_have_count(1)
    expect(inbox.row(customer.name)).to_contain_text("Rosa took this message back")
    expect(inbox.page.get_by_text("blue kettle")).to_have_count(0)
    expect(inbox.page.locator(".reaction")).to_have_count(0)
    expect(inbox.messages).to_have_count(before)
    assert inbox.was_never_reloaded()
    inbox.page.reload()
    expect(inbox.row(customer.name)).to_contain_text("Rosa took this message back")


def test_a_message_without_words_says_so_and_was_not_taken_back(
    inbox: Inbox, line: Line, customer: Customer
) -> None:
    line.tells("text", words="")
    expect(inbox.message("Empty message")).to_have_count(1)
    expect(inbox.row(customer.name)).to_contain_text("Empty message")
    assert inbox.was_never_reloaded()
    inbox.page.reload()
    expect(inbox.row(customer.name)).to_contain_text("Empty message")
    expect(inbox.message("Empty message")).to_have_count(1)


def test_places_people_orders_and_answers_are_cards(inbox: Inbox, line: Line) -> None:
    line.tells("location_named")
    place = inbox.message("Riverside Kiosk")
    expect(place.locator(".card--place")).to_contain_text("1 Example Walk, London")
    way = place.get_by_role("link", name="Open in maps")
    address = "https://www.openstreetmap.org/?mlat=51.50330&mlon=-0.11950"
    expect(way).to_have_attribute("href", address)
    expect(way).to_have_attribute("rel", re.compile("noopener"))

    line.tells("contacts_phone_shared")
    card = inbox.page.locator(".card--contact")
    expect(card).to_contain_text("+447700900123")
    expect(card.get_by_role("button", name="Copy +447700900123")).to_be_visible()

    line.tells("order_with_referral_ad")
    order = inbox.messages.filter(has=inbox.page.locator(".card--order"))
    expect(order).to_contain_text("2 ×kettle-blue£19.50")
    expect(order).to_contain_text("Together£39.00")
    expect(order).to_contain_text("Came from the ad “Kettle week”")

    line.tells("interactive_button_reply")
    expect(inbox.page.locator(".choice")).to_have_text("pressed: Yes, confirm")
    line.tells("interactive_flow_reply")
    expect(inbox.page.get_by_role("row", name="rating 4")).to_be_visible()
    line.tells("unsupported_poll")
    expect(inbox.message("Rosa sent a poll, which cannot be shown here.")).to_be_visible()
    assert inbox.was_never_reloaded()


def test_what_the_shop_wrote_elsewhere_stands_with_ours_under_nobodys_name(
    inbox: Inbox, line: Line
) -> None:
    words = "Sent from the phone app by the shop owner"
    written = line.tells("smb_message_echo")
    message = inbox.message(words)
    expect(message).to_have_attribute("data-direction", "outbound")
    expect(message.locator(".bubble")).to_have_attribute("title", "Sent from another app")

    line.tells("reaction_added", about=written)
    expect(message.locator(".reaction")).to_contain_text("❤️")
    inbox.says("And this is Ana.")
    own = inbox.message("And this is Ana.").locator(".bubble")
    expect(own).to_have_attribute("title", "Ana Silva")
    assert inbox.was_never_reloaded()
