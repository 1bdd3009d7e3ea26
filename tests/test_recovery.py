"""What webhooks did not bring is asked for afterwards: each message there once, in its place,
marked, and with no more rights than it would have had in time."""

from __future__ import annotations

import base64
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from connectors.simulator.pictures import draw
from inbox.domain.abilities import Pulls
from inbox.domain.errors import AccountTrouble, Temporary
from inbox.domain.message import Direction, Status
from tests.lines import ACCOUNTS, Lines
from tests.network import CREDENTIALS
from tests.office import until

LISTING = ["messenger", "instagram", "sms"]


def ago(minutes: float) -> str:
    return (datetime.now(UTC) - timedelta(minutes=minutes)).isoformat()


async def begun(lines: Lines, kind: str, minutes_ago: float = 65) -> str:
    """A cursor of somebody who last listed so long ago."""
    connector = lines.office.connectors[kind]
    assert isinstance(connector, Pulls)
    then = datetime.now(UTC) - timedelta(minutes=minutes_ago)
    return (await connector.pull(lines.office.channels[kind], None, then)).cursor


async def loses(lines: Lines, kind: str, text: str, minutes: float, **more: object) -> None:
    """A customer wrote so long ago, and no webhook told of it."""
    await lines.fault("message", lost=True)
    written = await lines.customer_writes(kind, text, at=ago(minutes), **more)
    assert written["status"] == "lost"


@pytest.mark.parametrize("kind", LISTING)
async def test_an_hour_without_webhooks_is_filled_in_order(lines: Lines, kind: str) -> None:
    cursor = await begun(lines, kind)
    await lines.customer_writes(kind, "Before", at=ago(62))
    await lines.has(kind, "Before")
    for number in range(3):
        await loses(lines, kind, f"Lost {number}", 50 - number)
    await lines.customer_writes(kind, "After", at=ago(1))
    await lines.has(kind, "Before", "After")
    await lines.pulls(kind, cursor)
    expected = ["Before", "Lost 0", "Lost 1", "Lost 2", "After"]
    if kind == "sms":  # whose webhooks give no time: they stand where they came
        expected = sorted(expected)
        assert sorted(await lines.texts(kind)) == expected
    else:
        assert await lines.texts(kind) == expected
    marked = [m.text for m in await lines.messages(kind) if (m.content or {}).get("recovered")]
    assert marked == ["Lost 0", "Lost 1", "Lost 2"]
    (conversation,) = await lines.of_kind(kind)
    assert conversation.inbound_seq == 5


@pytest.mark.parametrize("kind", LISTING)
async def test_what_is_listed_twice_is_there_once(lines: Lines, kind: str) -> None:
    cursor = await begun(lines, kind)
    await loses(lines, kind, "Lost", 5)
    once = await lines.pulls(kind, cursor)
    await lines.pulls(kind, cursor)
    await lines.pulls(kind, once)
    await lines.has(kind, "Lost")


@pytest.mark.parametrize("kind", LISTING)
async def test_a_first_look_brings_no_history(lines: Lines, kind: str) -> None:
    await loses(lines, kind, "From long ago", 30)
    cursor = await lines.pulls(kind, None)
    await loses(lines, kind, "Now", 0)
    await lines.pulls(kind, cursor, timedelta(minutes=2))
    await lines.has(kind, "Now")


@pytest.mark.parametrize("kind", LISTING)
async def test_what_is_older_than_the_channel_is_left_where_it_is(lines: Lines, kind: str) -> None:
    cursor = await begun(lines, kind, minutes_ago=9 * 24 * 60)
    await loses(lines, kind, "From before we were here", 8 * 24 * 60)
    await loses(lines, kind, "Since", 30)
    await lines.pulls(kind, cursor)
    await lines.has(kind, "Since")


@pytest.mark.parametrize("kind", LISTING)
async def test_more_than_a_page_is_listed_to_its_end(lines: Lines, kind: str) -> None:
    cursor = await begun(lines, kind)
    path = "/history"
    count = 20 if kind == "instagram" else 55
    old = {"direction": "inbound", "text": "Older", "at": ago(300)}
    said = [
        {"direction": "inbound", "text": f"{n:02}", "at": ago(50 - n / 2)} for n in range(count)
    ]
    body = {"kind": kind, "account": ACCOUNTS[kind], "customer_id": "maya"}
    await lines.control("POST", path, {**body, "messages": [*([old] * (count > 20)), *said]})
    for number in range(13):
        body["customer_id"] = f"guest{number}"
        person = {"name": f"Guest {number}", "phone": f"+1555012{number:02}"}
        await lines.control("PUT", f"/customers/guest{number}", person)
        hello = {"direction": "inbound", "text": "Hello", "at": ago(20 + number / 10)}
        await lines.control("POST", path, {**body, "messages": [hello]})
    await lines.pulls(kind, cursor)
    threads = [
        [one.text for one in await lines.office.thread(conversation)]
        for conversation in await lines.of_kind(kind)
    ]
    assert sorted(threads)[0] == [f"{n:02}" for n in range(count)]
    assert sorted(threads)[1:] == [["Hello"]] * 13


@pytest.mark.parametrize("kind", LISTING)
async def test_files_are_recovered_too(lines: Lines, kind: str) -> None:
    cursor = await begun(lines, kind)
    picture = base64.b64encode(draw("kettle")).decode()
    await loses(lines, kind, "", 5, image=picture)
    await lines.pulls(kind, cursor)

    async def fetched() -> bool:
        (message,) = await lines.messages(kind)
        return message.attachments[0].state == "ready"

    await until(fetched)


@pytest.mark.parametrize("kind", ["messenger", "instagram"])
async def test_what_was_written_in_the_providers_app_is_recovered_as_ours(
    lines: Lines, kind: str
) -> None:
    cursor = await begun(lines, kind)
    await lines.customer_writes(kind, "Hello?", at=ago(3))
    await lines.has(kind, "Hello?")
    await lines.fault("message", lost=True)
    path = f"/accounts/{kind}/{ACCOUNTS[kind]}/echo"
    await lines.control("POST", path, {"customer_id": "maya", "text": "From the app"})
    await lines.pulls(kind, cursor, timedelta(minutes=2))
    assert await lines.texts(kind, Direction.OUTBOUND) == ["From the app"]
    (conversation,) = await lines.of_kind(kind)
    assert conversation.inbound_seq == 1


async def test_a_status_that_no_webhook_told_is_listed(lines: Lines) -> None:
    cursor = await begun(lines, "sms")
    await lines.customer_writes("sms", "Hello?")
    await lines.has("sms", "Hello?")
    (conversation,) = await lines.of_kind("sms")
    await lines.fault("status", lost=True)
    message = await lines.office.accepts("On its way.", conversation)

    async def on_the_phone() -> bool:
        said = [one["status"] for one in await lines.on_phone("sms") if one["text"] == message.text]
        return said == ["delivered"]

    await until(on_the_phone)
    await lines.office.reaches(message, Status.SENT)
    await lines.pulls("sms", cursor)
    assert (await lines.office.again(message)).status is Status.DELIVERED
    assert await lines.texts("sms", Direction.OUTBOUND) == ["On its way."]


async def test_what_came_to_another_number_of_the_service_is_listed(lines: Lines) -> None:
    channel, service = lines.office.channels["sms"], "MG" + "0" * 31 + "2"
    config = {**channel.config, "messaging_service_sid": service}
    channel = replace(channel, config=config)
    lines.office.channels["sms"] = channel
    await lines.office.stores.channels.replace(channel, "connected")
    lines.context.directory.forget()
    await lines.open("sms", messaging_service_sid=service)
    for number, of_service in (("+15550109", service), ("+15550108", None)):
        body = {
            "webhook_url": lines.context.links.webhook(channel),
            "messaging_service_sid": of_service,
            **CREDENTIALS["sms"],
        }
        body.pop("number", None)
        await lines.control("PUT", f"/accounts/sms/{number}", body)
    cursor = await begun(lines, "sms")
    await loses(lines, "sms", "To our own", 5)
    for number, text in (("+15550109", "To the other"), ("+15550108", "Not of the service")):
        await lines.fault("message", lost=True)
        written = {"customer_id": "maya", "text": text, "at": ago(4)}
        await lines.control("POST", f"/accounts/sms/{number}/messages", written)
    await lines.pulls("sms", cursor)
    await lines.has("sms", "To our own", "To the other")


async def test_a_recovered_failure_says_why(lines: Lines) -> None:
    cursor = await begun(lines, "sms")
    await lines.customer_writes("sms", "Hello?")
    await lines.has("sms", "Hello?")
    (conversation,) = await lines.of_kind("sms")
    await lines.fault("status", lost=True, fail_code=30005)
    message = await lines.office.accepts("On its way.", conversation)
    await lines.office.reaches(message, Status.SENT)

    async def failed_there() -> bool:
        return any(one["status"] == "undelivered" for one in await lines.on_phone("sms"))

    await until(failed_there)
    await lines.pulls("sms", cursor)
    failed = await lines.office.again(message)
    assert failed.status is Status.FAILED
    assert failed.failure is not None
    assert failed.failure.code == "30005"


@pytest.mark.parametrize("kind", ["messenger", "instagram"])
async def test_an_old_message_opens_no_window(lines: Lines, kind: str) -> None:
    cursor = await begun(lines, kind, minutes_ago=40 * 60)
    await loses(lines, kind, "The day before yesterday", 30 * 60)
    await lines.pulls(kind, cursor)
    await lines.has(kind, "The day before yesterday")
    (conversation,) = await lines.of_kind(kind)
    assert conversation.last_inbound_at is not None
    assert datetime.now(UTC) - conversation.last_inbound_at > timedelta(hours=29)
    message = await lines.office.accepts("Too late", conversation)
    await lines.office.reaches(message, Status.FAILED)
    assert "Too late" not in [one["text"] for one in await lines.on_phone(kind)]


async def test_a_stop_that_no_webhook_told_holds_from_when_it_was_said(lines: Lines) -> None:
    cursor = await begun(lines, "sms")
    await lines.customer_writes("sms", "Hello", at=ago(40))
    await lines.has("sms", "Hello")
    await loses(lines, "sms", "STOP", 30)
    await lines.pulls("sms", cursor)
    (conversation,) = await lines.of_kind("sms")
    message = await lines.office.accepts("Autumn sale", conversation)
    await lines.office.reaches(message, Status.FAILED)


@pytest.mark.parametrize("kind", LISTING)
async def test_a_webhook_that_comes_after_all_changes_nothing(lines: Lines, kind: str) -> None:
    cursor = await begun(lines, kind)
    await lines.fault("message", late_s=0.5)
    await lines.customer_writes(kind, "Slow", at=ago(3))
    await lines.pulls(kind, cursor)
    await lines.has(kind, "Slow")

    async def came() -> bool:
        (message,) = await lines.on_phone(kind)
        return message["status"] == "delivered"

    await until(came)
    await lines.customer_writes(kind, "Next")
    await lines.has(kind, "Slow", "Next")


@pytest.mark.parametrize("kind", LISTING)
async def test_a_send_whose_answer_was_lost_is_found_and_not_sent_twice(
    lines: Lines, kind: str
) -> None:
    cursor = await begun(lines, kind)
    await lines.customer_writes(kind, "Hello")
    await lines.has(kind, "Hello")
    (conversation,) = await lines.of_kind(kind)
    await lines.fault("status", lost=True)
    await lines.fault("send", drop_answer_after_accepting=True)
    message = await lines.office.accepts("Only once", conversation)
    await lines.office.reaches(message, Status.UNKNOWN)
    await lines.pulls(kind, cursor)
    await lines.office.reaches(message, Status.SENT, Status.DELIVERED, Status.READ)
    assert await lines.texts(kind, Direction.OUTBOUND) == ["Only once"]
    assert await lines.sends(kind) == 1


@pytest.mark.parametrize("kind", LISTING)
async def test_listing_that_fails_loses_nothing(lines: Lines, kind: str) -> None:
    cursor = await begun(lines, kind)
    await loses(lines, kind, "Lost", 5)
    for fault, error in (
        ({"status": 429}, Temporary),
        ({"status": 500}, Temporary),
        ({"garbage": True}, Temporary),
        ({"reset": True}, Temporary),
        ({"revoked": True}, AccountTrouble),
    ):
        await lines.control("DELETE", "/faults")
        await lines.fault("lookup", 9, **fault)
        with pytest.raises(error):
            await lines.pulls(kind, cursor)
    await lines.control("DELETE", "/faults")
    await lines.pulls(kind, cursor)
    await lines.has(kind, "Lost")
