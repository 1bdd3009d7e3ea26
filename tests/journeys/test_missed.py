"""What came without its webhook is marked; where nobody can say what is missing, the time is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pymongo
import pytest
from playwright.sync_api import expect

from tests.journeys.access import SIZES, inaccessible, looked_at
from tests.journeys.conftest import OpenInbox
from tests.journeys.program import Customer, DemoProgram


def minutes_ago(minutes: float) -> datetime:
    return datetime.now(UTC) - timedelta(minutes=minutes)


@pytest.fixture(scope="module", autouse=True)
def away(program: DemoProgram) -> None:
    """The server has heard nothing for an hour, and is back."""
    since = minutes_ago(65)
    url = (program.data_dir / "db.url").read_text()
    with pymongo.MongoClient(url, retryWrites=False) as client:
        database = client["assent"]
        created = {"$set": {"created_at": since - timedelta(days=1)}}
        database["channels"].update_many({}, created)
        database["meta"].update_one({"_id": "alive"}, {"$set": {"at": since}})
    program.interrupt()
    program.start()


def writes(program: DemoProgram, kind: str, customer: Customer, text: str, minutes: float) -> None:
    at = minutes_ago(minutes).isoformat()
    program.simulator.write(kind, program.account(kind), customer, text, at=at)


def loses(program: DemoProgram, kind: str, customer: Customer, text: str, minutes: float) -> None:
    """Written, and told to nobody."""
    match = {"kind": kind, "operation": "message"}
    program.simulator.call("POST", "/faults", {"match": match, "fault": {"lost": True}})
    writes(program, kind, customer, text, minutes)


def test_an_admin_looks_for_what_was_missed_and_it_is_marked(
    program: DemoProgram, open_inbox: OpenInbox, pictures: Path
) -> None:
    customer = program.simulator.customer("Noor Haddad", picture=True)
    writes(program, "messenger", customer, "Are you open on Sunday?", 9)
    loses(program, "messenger", customer, "And on Monday?", 5)
    writes(program, "messenger", customer, "Hello?", 1)
    inbox = open_inbox("Ada Lind", bypass_csp=True)
    inbox.open(customer.name)
    expect(inbox.message("Hello?")).to_be_visible()
    expect(inbox.message("And on Monday?")).to_have_count(0)
    face = inbox.row(customer.name).locator("img")
    expect(face).not_to_have_js_property("naturalWidth", 0)

    settings = inbox.page.context.new_page()
    id_ = program.demo["channels"]["messenger"]["id"]
    settings.goto(f"{program.url}/settings/channels/{id_}")
    settings.get_by_role("button", name="Look for missed messages now").click()
    expect(settings.locator("#pull-status")).to_have_text("Done. What was missed is in the inbox.")
    assert inaccessible(settings) == []
    settings.screenshot(path=pictures / "missed-looked-for.png")

    found = inbox.message("And on Monday?")
    expect(found.get_by_text("Recovered at")).to_be_visible()
    order = [text.strip() for text in inbox.messages.locator(".bubble__text").all_inner_texts()]
    assert order[-3:] == ["Are you open on Sunday?", "And on Monday?", "Hello?"]
    # The list goes on showing what is last in the thread, and so does one that is fetched anew.
    inbox.page.bring_to_front()
    expect(inbox.row(customer.name)).to_contain_text("Hello?")
    inbox.page.screenshot(path=pictures / "missed-recovered.png")
    inbox.page.reload()
    expect(inbox.row(customer.name)).to_contain_text("Hello?")
    expect(inbox.row(customer.name).locator("img")).to_have_count(1)


def test_a_time_away_is_told_in_the_thread_and_on_the_channels_page(
    program: DemoProgram, open_inbox: OpenInbox, pictures: Path
) -> None:
    customer = program.simulator.customer("Sami Okoro")
    writes(program, "whatsapp", customer, "See you at five", 300)
    writes(program, "whatsapp", customer, "Are you there?", 0)
    inbox = open_inbox("Ada Lind", bypass_csp=True, reduced_motion="reduce")
    inbox.open(customer.name)
    told = inbox.page.locator("#thread-list").get_by_text("Not connected from")
    expect(told.last).to_contain_text("what it gave up is not here")
    assert looked_at(inbox.page, pictures, "missed-gap") == []

    id_ = program.demo["channels"]["whatsapp"]["id"]
    for width, height in SIZES.items():
        inbox.page.set_viewport_size({"width": width, "height": height})
        inbox.page.goto(f"{program.url}/settings/channels/{id_}")
        gaps = inbox.page.locator("#gaps li")
        expect(gaps.first).to_contain_text(" to ")
        expect(inbox.page.locator("#pull")).to_have_count(0)
        assert looked_at(inbox.page, pictures, f"missed-channel-{width}") == []
