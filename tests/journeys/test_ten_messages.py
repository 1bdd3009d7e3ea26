"""A conversation of ten mixed messages on each kind, written on the customer's phone and watched in
the browser as it happens: everything there once, in order, without a reload."""

from __future__ import annotations

import base64
import re
from typing import Any

import pytest
from playwright.sync_api import expect

from connectors.simulator.pictures import draw
from tests.journeys.conftest import OpenInbox
from tests.journeys.program import Customer, DemoProgram, wait_until
from tests.journeys.screens import Inbox

KINDS = ("whatsapp", "messenger", "instagram", "sms")


class Thread:
    """One customer's thread on one kind, from the customer's side."""

    def __init__(self, program: DemoProgram, kind: str, customer: Customer) -> None:
        self._simulator = program.simulator
        self._path = f"/accounts/{kind}/{program.account(kind)}"
        self._customer = customer.id
        (account,) = [
            one
            for one in self._simulator.call("GET", "/accounts")
            if (one["kind"], one["account"]) == (kind, program.account(kind))
        ]
        self.allows: frozenset[str] = frozenset(account["allows"])

    def does(self, **act: Any) -> str:
        """Something on the phone; the id of what it brings."""
        body = {"customer_id": self._customer, **act}
        written = self._simulator.call("POST", f"{self._path}/messages", body)
        assert written["status"] == "delivered", written
        provider_id: str = written["provider_id"]
        return provider_id

    def shop_writes_elsewhere(self, text: str) -> None:
        body = {"customer_id": self._customer, "text": text}
        self._simulator.call("POST", f"{self._path}/echo", body)

    def arrived(self, text: str) -> str | None:
        """The id of what the shop wrote, once it is on the phone."""
        thread = self._simulator.call("GET", f"{self._path}/threads/{self._customer}")
        found = [m["id"] for m in thread["messages"] if m["text"] == text]
        return found[0] if found else None


def on_screen(inbox: Inbox) -> list[str]:
    """The number word of each message from top to bottom, the last one where it quotes another."""
    words = [re.findall(r"\b([A-Z][a-z]+):", text) for text in inbox.messages.all_inner_texts()]
    return [found[-1] for found in words if found]


@pytest.mark.parametrize("kind", KINDS)
def test_ten_mixed_messages_come_live_once_and_in_order(
    program: DemoProgram, open_inbox: OpenInbox, kind: str
) -> None:
    customer = program.simulator.customer(f"Tess {kind.title()}")
    thread = Thread(program, kind, customer)
    inbox = open_inbox()
    inbox.marks_this_document()

    thread.does(text="One: good morning")
    inbox.open(customer.number if kind == "sms" else customer.name)
    thread.does(text="Two: I ordered a kettle 🫖")
    expect(inbox.message("Two: I ordered a kettle 🫖")).to_have_count(1)

    thread.does(text="Three: like this", image=base64.b64encode(draw("kettle")).decode())
    expect(inbox.page.locator(".message img").last).to_be_visible()

    inbox.says("Four: on its way.")
    answer = wait_until(lambda: thread.arrived("Four: on its way."))
    quote = {"reply_to": answer} if "reply_to" in thread.allows else {}
    thread.does(text="Five: this one?", **quote)
    expect(inbox.message("Five: this one?")).to_have_count(1)

    if "reaction" in thread.allows:
        thread.does(reaction={"to": answer, "emoji": "👍"})
        expect(inbox.message("Four: on its way.").locator(".reaction")).to_contain_text("👍")
    if "location" in thread.allows:
        place = {"latitude": 51.5, "longitude": -0.12, "name": "Six: kiosk", "address": "London"}
        thread.does(location=place)
    elif "sticker" in thread.allows:
        thread.does(sticker=True)
    else:
        thread.does(text="Six: " + "a long line " * 30)
    expect(inbox.messages).to_have_count(6)

    thread.does(text="Seven: wait")
    if "edit" in thread.allows:
        seventh = thread.does(text="Seven: never mind")
        thread.does(edit={"of": seventh, "text": "Seven: still waiting"})
        expect(inbox.message("Seven: still waiting")).to_contain_text("edited")
    if "unsend" in thread.allows:
        gone = thread.does(text="Eight: a secret")
        expect(inbox.message("Eight: a secret")).to_have_count(1)
        thread.does(unsend=gone)
        expect(inbox.message("took this message back")).to_have_count(1)
    else:
        thread.does(text="Eight: two\nlines")
    if "postback" in thread.allows:
        thread.does(postback={"title": "Nine: order status", "payload": "STATUS"})
    else:
        thread.does(text="Nine: <b>not bold</b>")
    expect(inbox.message("Nine: ")).to_have_count(1)
    if "echo" in thread.allows:
        thread.shop_writes_elsewhere("Ten: from the other app")
        expect(inbox.message("Ten: from the other app")).to_have_count(1)
    else:
        thread.does(text="Ten: مرحبا")
        expect(inbox.message("Ten: مرحبا")).to_have_count(1)

    numbers = ("One", "Two", "Three", "Four", "Five", "Seven", "Nine", "Ten")
    # The customer wrote some numbers twice.
    shown = [name for name in dict.fromkeys(on_screen(inbox)) if name in numbers]
    assert shown == list(numbers)
    assert inbox.messages.count() >= 10
    assert inbox.was_never_reloaded()
    before = inbox.messages.count()
    inbox.page.reload()
    expect(inbox.messages).to_have_count(before)
