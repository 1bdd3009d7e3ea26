"""What an agent sees when something went wrong on the way, and when more goes than one message
holds; and how a person makes it go wrong."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pymongo
from playwright.sync_api import FilePayload, expect

from tests.journeys.conftest import OpenInbox, TakePhone
from tests.journeys.program import DemoProgram
from tests.journeys.screens import PICTURE


def a_picture(name: str) -> FilePayload:
    return FilePayload(name=name, mimeType="image/png", buffer=PICTURE.read_bytes())


def test_several_files_go_one_after_the_other_where_a_message_holds_one(
    program: DemoProgram, open_inbox: OpenInbox, take_phone: TakePhone, pictures: Path
) -> None:
    customer = program.simulator.customer("Petra Novak")
    inbox = open_inbox()
    phone = take_phone("messenger", customer, beside=inbox.page)
    phone.types("Could you send pictures?")
    inbox.page.bring_to_front()
    inbox.open(customer.name)
    before = phone.bubbles.count()
    files = [a_picture(f"{name}.png") for name in ("one", "two", "three")]
    inbox.page.locator("#composer-file").set_input_files(files)
    expect(inbox.page.locator(".upload")).to_have_count(3)
    inbox.types("Here they are")
    expect(inbox.page.locator("#composer-hint")).to_have_text(
        "Goes out as 4 messages, one after the other."
    )
    inbox.page.screenshot(path=pictures / "several-files.png")
    expect(inbox.page.locator("#composer-send")).to_be_enabled()
    inbox.page.keyboard.press("Enter")
    expect(phone.bubbles).to_have_count(before + 4)
    expect(phone.bubbles.nth(before)).to_contain_text("Here they are")
    for number in (1, 2, 3):
        expect(phone.bubbles.nth(before + number).locator("img")).to_have_count(1)
    last = inbox.messages.locator("img[alt^='Picture: ']")
    expect(last.nth(-1)).to_have_attribute("alt", "Picture: three.png")
    assert [last.nth(n).get_attribute("alt") for n in (-3, -2, -1)] == [
        "Picture: one.png",
        "Picture: two.png",
        "Picture: three.png",
    ]


def test_text_goes_with_the_first_file_where_captions_exist(
    program: DemoProgram, open_inbox: OpenInbox, take_phone: TakePhone
) -> None:
    customer = program.simulator.customer("Ines Duarte")
    inbox = open_inbox()
    phone = take_phone("whatsapp", customer, beside=inbox.page)
    phone.types("And here?")
    inbox.page.bring_to_front()
    inbox.open(customer.name)
    before = phone.bubbles.count()
    inbox.page.locator("#composer-file").set_input_files([a_picture("a.png"), a_picture("b.png")])
    expect(inbox.page.locator(".upload")).to_have_count(2)
    inbox.says("Both of them")
    expect(phone.bubbles).to_have_count(before + 2)
    expect(phone.bubbles.nth(before)).to_contain_text("Both of them")
    expect(phone.bubbles.nth(before + 1)).not_to_contain_text("Both of them")


def test_a_lost_webhook_is_made_with_two_clicks(
    program: DemoProgram, take_phone: TakePhone, pictures: Path
) -> None:
    customer = program.simulator.customer("Ines Duarte")
    phone = take_phone("sms", customer)
    phone.page.get_by_text("Make something go wrong").click()
    phone.page.get_by_label("Where").select_option("sms")
    phone.page.get_by_role("button", name="Do it").click()
    listed = phone.page.locator(".faults__item")
    expect(listed).to_have_text("The next message's webhook is lost, on SMS")
    phone.page.screenshot(path=pictures / "fault-panel.png")
    phone.types("Nobody hears this")
    expect(phone.root).to_contain_text("The webhook was lost")
    expect(listed).to_have_count(0)
    phone.page.locator("select[name=fault]").select_option(
        label="The access token is revoked, until you end it"
    )
    phone.page.get_by_role("button", name="Do it").click()
    expect(listed).to_have_count(1)
    phone.page.get_by_role("button", name="All is well again").click()
    expect(listed).to_have_count(0)


def test_a_time_without_a_connection_is_told_where_it_lies(
    program: DemoProgram, open_inbox: OpenInbox, pictures: Path
) -> None:
    url = (program.data_dir / "db.url").read_text()
    with pymongo.MongoClient(url, tz_aware=True) as client:
        database = client["assent"]
        channel = database["channels"].find_one({"kind": "whatsapp"})
        conversation = database["conversations"].find_one({"channel_id": channel["_id"]})
        messages = database["messages"].find({"conversation_id": conversation["_id"]})
        times = sorted(one["sent_at"] for one in messages)
        # After the first of them and before the last.
        since = times[0] + timedelta(seconds=20)
        gap = {"workspace_id": channel["workspace_id"], "channel_id": channel["_id"]}
        gap |= {"since": since, "until": since + timedelta(minutes=40)}
        database["gaps"].insert_one({"_id": "a gap", **gap})
        try:
            inbox = open_inbox()
            inbox.page.goto(f"{program.url}/app/c/{conversation['_id']}")
            line = inbox.page.locator(".gap")
            expect(line).to_have_count(1)
            expect(line).to_contain_text("Not connected from")
            expect(line).to_contain_text("WhatsApp repeats what it could not deliver")
            line.scroll_into_view_if_needed()
            inbox.page.screenshot(path=pictures / "gap.png")
        finally:
            database["gaps"].delete_one({"_id": "a gap"})


def test_what_was_recovered_says_so(open_inbox: OpenInbox, pictures: Path) -> None:
    inbox = open_inbox()
    inbox.row("Annika Holm").locator("a").click()
    expect(inbox.messages.first).to_be_visible()
    below = inbox.page.evaluate(
        """async () => {
          const { createMessage, drawMessage } = await import("/static/js/views/message.js");
          const at = new Date().toISOString();
          const message = {
            id: "msg_1", direction: "inbound", type: "text", text: "Are you there?",
            attachments: [],
            status: "received", status_at: {}, author: null, reply_to: null, reactions: [],
            content: { recovered: true }, sent_at: at, received_at: at,
          };
          const element = createMessage();
          const me = { id: "agt_1" };
          const can = { reactions: [], quotes: false };
          const context = { name: "Annika", me, can, quoted: () => null, intentions: {} };
          drawMessage(element, { message, first: true, last: true }, context);
          document.querySelector("#thread-list").append(element);
          element.scrollIntoView();
          return element.querySelector(".message__below").textContent;
        }"""
    )
    assert below.startswith("Recovered at ")
    assert below.endswith(": no webhook told us in time.")
    inbox.page.screenshot(path=pictures / "recovered.png")
