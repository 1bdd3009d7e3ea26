"""Google's side of mail, seen by the connector: history, pushes, sending, and trouble."""

from __future__ import annotations

import asyncio
import base64
import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from aiohttp import web

from connectors.simulator.pictures import draw
from inbox.domain.channel import Payload, WebhookRequest
from inbox.domain.errors import OutcomeUnknown, Permanent, Temporary
from inbox.domain.report import Media
from tests.connectors.people import permit_for

from .conftest import Inbox, Received, Simulator, until
from .mailbox import MAILBOX, Puller, about, happens, read

# -- mail in ---------------------------------------------------------------------------------------


async def test_what_a_customer_writes_is_brought_as_a_whole_mail(
    simulator: Simulator, puller: Puller
) -> None:
    assert await puller.pull() == []
    written = await simulator.texts(
        "gmail", "Is it blue? 👍", subject="Kettle", cc=["tom@example.com"], html="<b>Is it?</b>"
    )
    found = await puller.pull()
    assert about(found[0])["id"] == written["provider_id"]
    assert about(found[0])["labels"] == "INBOX,UNREAD"
    mail = read(found[0])
    assert (mail["Subject"], mail["Cc"]) == ("Kettle", "tom@example.com")
    assert mail["From"] == "Maya Ortiz <maya@example.com>"
    text, html = mail.get_body(("plain",)), mail.get_body(("html",))
    assert text is not None
    assert html is not None
    assert text.get_content().strip() == "Is it blue? 👍"
    assert html.get_content().strip() == "<b>Is it?</b>"
    assert await puller.pull() == []


async def test_an_answer_joins_the_thread_and_quotes(simulator: Simulator, puller: Puller) -> None:
    first = await simulator.texts("gmail", "Is it blue?", subject="Kettle")
    await simulator.texts("gmail", "Or green?", reply_to=first["provider_id"])
    await simulator.texts("gmail", "Another matter.", subject="Lids")
    found = await puller.pull()
    mails = {read(one)["Subject"]: read(one) for one in found}
    threads = {read(one)["Subject"]: about(one)["thread_id"] for one in found}
    assert set(mails) == {"Kettle", "Re: Kettle", "Lids"}
    assert mails["Re: Kettle"]["In-Reply-To"] == mails["Kettle"]["Message-ID"]
    assert "> Is it blue?" in mails["Re: Kettle"].get_content()
    assert threads["Kettle"] == threads["Re: Kettle"] != threads["Lids"]


async def test_files_are_brought_by_their_place_in_the_mail(
    simulator: Simulator, puller: Puller
) -> None:
    files = [
        {"name": "Grüße.pdf", "mime": "application/pdf", "content": "JVBERi0xLjQ="},
        {
            "name": "k.png",
            "mime": "image/png",
            "content": base64.b64encode(draw("kettle")).decode(),
        },
    ]
    await simulator.texts("gmail", "See both.", subject="Files", files=files)
    found = (await puller.pull())[0]
    names = [part.get_filename() for part in read(found).iter_attachments()]
    assert names == ["Grüße.pdf", "k.png"]
    refs = [f"{about(found)['id']} {number}" for number in (1, 2)]
    got = [
        await puller.connector.fetch(Media(ref=ref, kind="document"), puller.channel)
        for ref in (*refs, *refs)
    ]
    assert [one.content for one in got] == [b"%PDF-1.4", draw("kettle")] * 2
    counts = (await simulator.control("GET", "/log"))["counts"]
    assert counts["gmail.fetch.200"] == 2  # once for the pull, once for all four files


async def test_a_mail_as_it_is_keeps_its_bytes(simulator: Simulator, puller: Puller) -> None:
    raw = b"From: <maya@example.com>\r\nSubject: =?broken\r\n\r\n\xff\xfe plain\r\n"
    given = {"raw": base64.b64encode(raw).decode()}
    await happens(simulator, "mails", mails=[given])
    assert [one.body for one in await puller.pull()] == [raw]
    assert (await simulator.phone("gmail"))[0]["status"] == "delivered"


async def test_two_thousand_mails_of_the_past_are_brought_in_bounded_steps(
    simulator: Simulator, puller: Puller
) -> None:
    seeded = await happens(simulator, "seed", count=2000, customer_id="maya", days=10)
    puller.channel = replace(
        puller.channel, config={**puller.channel.config, "units_per_minute": "9999999"}
    )
    found = await puller.pull()
    assert {about(one)["id"] for one in found} == set(seeded["ids"])
    assert {about(one)["backfill"] for one in found} == {"1"}
    assert puller.steps > 80


async def test_what_is_older_than_the_look_back_stays(simulator: Simulator, puller: Puller) -> None:
    await happens(simulator, "seed", count=40, customer_id="maya", days=28)
    assert len(await puller.pull()) in (19, 20)


async def test_a_forgotten_history_brings_what_was_missed(
    simulator: Simulator, puller: Puller
) -> None:
    await puller.pull()
    written = await simulator.texts("gmail", "Missed?", subject="Kettle")
    await happens(simulator, "forget-history")
    found = await puller.pull()
    assert [about(one)["id"] for one in found] == [written["provider_id"]]
    assert about(found[0])["recovered"] == "1"
    await simulator.texts("gmail", "And now?", subject="Lids")
    assert [read(one)["Subject"] for one in await puller.pull()] == ["Lids"]


async def test_spam_is_brought_once_somebody_takes_it_out(
    simulator: Simulator, puller: Puller
) -> None:
    await puller.pull()
    raw = base64.b64encode(b"From: <maya@example.com>\r\nSubject: Hi\r\n\r\nHi\r\n").decode()
    ids = (await happens(simulator, "mails", mails=[{"raw": raw, "labels": ["SPAM"]}]))["ids"]
    assert await puller.pull() == []
    await happens(simulator, "labels", id=ids[0], add=["INBOX"], remove=["SPAM"])
    assert [about(one)["id"] for one in await puller.pull()] == ids
    await happens(simulator, "labels", id=ids[0], add=["STARRED"])
    assert await puller.pull() == []


async def test_a_mail_that_was_deleted_meanwhile_is_left(
    simulator: Simulator, puller: Puller
) -> None:
    await puller.pull()
    first = await simulator.texts("gmail", "Gone?", subject="Kettle")
    await simulator.texts("gmail", "Here.", subject="Lids")
    await happens(simulator, "delete", id=first["provider_id"])
    assert [read(one)["Subject"] for one in await puller.pull()] == ["Lids"]


# -- pushes ----------------------------------------------------------------------------------------


def call(inbox: Inbox, received: Received) -> WebhookRequest:
    return WebhookRequest(
        method="POST",
        url=inbox.url + received.path,
        query=b"",
        headers={name.lower(): value for name, value in received.headers.items()},
        body=received.body,
    )


async def test_a_watch_is_followed_by_a_push_that_is_believed(
    simulator: Simulator, inbox: Inbox, puller: Puller
) -> None:
    await puller.pull()
    received = (await until(lambda: inbox.at("/gmail")))[0]
    request = call(inbox, received)
    await puller.connector.fetch_keys(request)
    puller.connector.verify(request, [puller.channel])
    body = json.loads(received.body)
    told = json.loads(base64.urlsafe_b64decode(body["message"]["data"]))
    assert told["emailAddress"] == MAILBOX
    assert body["message"]["messageId"] == body["message"]["message_id"]


async def test_after_new_keys_pushes_are_still_believed(
    simulator: Simulator, inbox: Inbox, puller: Puller
) -> None:
    await happens(simulator, "replace-keys")
    await puller.pull()
    received = (await until(lambda: inbox.at("/gmail")))[-1]
    await puller.connector.fetch_keys(call(inbox, received))
    puller.connector.verify(call(inbox, received), [puller.channel])


async def test_without_a_watch_nobody_is_told(simulator: Simulator, inbox: Inbox) -> None:
    written = await simulator.texts("gmail", "Hello?", subject="Kettle")
    assert (written["status"], inbox.at("/gmail")) == ("waiting", [])


async def test_a_push_that_is_not_taken_comes_again(
    simulator: Simulator, inbox: Inbox, puller: Puller
) -> None:
    await puller.pull()
    await until(lambda: inbox.at("/gmail"))
    inbox.received.clear()
    inbox.answers = [web.Response(status=503), web.Response(status=204)]
    await simulator.texts("gmail", "Hello?", subject="Kettle")
    first, second = await until(lambda: inbox.at("/gmail")[1:2] and inbox.at("/gmail")[:2])
    assert first.body == second.body
    assert first.headers["Authorization"] != "" != second.headers["Authorization"]


async def test_pushes_are_doubled_and_lost_by_script_and_the_mail_is_there_all_the_same(
    simulator: Simulator, inbox: Inbox, puller: Puller
) -> None:
    await puller.pull()
    await until(lambda: inbox.at("/gmail"))
    inbox.received.clear()
    await simulator.fault("message", duplicate=2)
    await simulator.texts("gmail", "Thrice told.", subject="Kettle")
    assert len(inbox.at("/gmail")) == 3
    await simulator.fault("message", lost=True)
    await simulator.texts("gmail", "Not told.", subject="Lids")
    assert len(inbox.at("/gmail")) == 3
    assert len(await puller.pull()) == 2


async def test_a_mailbox_is_told_of_once_a_second_and_what_is_between_is_dropped(
    simulator: Simulator, inbox: Inbox, puller: Puller
) -> None:
    await simulator.connect_mailbox(inbox, push_every_s=3600)
    await puller.pull()
    await until(lambda: inbox.at("/gmail"))  # of the watch
    written = [await simulator.texts("gmail", text, subject=text) for text in ("One", "Two")]
    assert [one["status"] for one in written] == ["waiting", "waiting"]
    assert len(inbox.at("/gmail")) == 1
    # Once the time is over, one push tells of all; nothing is told later by itself.
    await simulator.connect_mailbox(inbox, push_every_s=0)
    assert (await simulator.texts("gmail", "Three", subject="Three"))["status"] == "delivered"
    told = [
        json.loads(base64.urlsafe_b64decode(json.loads(one.body)["message"]["data"]))
        for one in inbox.at("/gmail")
    ]
    assert len(told) == 2
    assert told[1]["historyId"] > told[0]["historyId"]
    assert [read(one)["Subject"] for one in await puller.pull()] == ["One", "Two", "Three"]


async def test_a_watch_on_another_topic_is_refused(puller: Puller) -> None:
    other = {**puller.channel.config, "topic": "projects/demo-project/topics/other"}
    puller.channel = replace(puller.channel, config=other)
    with pytest.raises(Permanent, match="Pub/Sub Publisher"):
        await puller.connector.check(puller.channel)
    assert await puller.pull() == []


# -- mail out --------------------------------------------------------------------------------------


async def test_a_mail_arrives_on_the_phone_and_comes_back_as_sent(
    simulator: Simulator, puller: Puller
) -> None:
    await puller.pull()
    sent = await puller.send("It is ready.", subject="Your kettle")
    shown = (await simulator.shown("gmail", 1))[0]
    assert (shown["text"], shown["details"]["subject"]) == ("It is ready.", "Your kettle")
    found = (await puller.pull())[0]
    assert (about(found)["id"], about(found)["labels"]) == (sent.provider_id, "SENT")
    assert read(found)["Message-ID"] == f"<{sent.mail_id}>"
    assert read(found)["From"] == "Harbour Kettles <support@example.com>"


async def asked(simulator: Simulator, puller: Puller) -> dict[str, Any]:
    """A mail of Maya's, and what an answer to it names."""
    await simulator.texts("gmail", "Is it blue?", subject="Kettle")
    found = (await puller.pull())[0]
    mail_id = str(read(found)["Message-ID"]).strip("<>")
    return {
        "subject": "Re: Kettle",
        "in_reply_to": mail_id,
        "references": [mail_id],
        "thread_id": about(found)["thread_id"],
    }


async def test_an_answer_with_all_three_joins_the_thread(
    simulator: Simulator, puller: Puller
) -> None:
    mail = await asked(simulator, puller)
    await puller.send("It is.", **mail)
    found = (await puller.pull())[0]
    assert about(found)["thread_id"] == mail["thread_id"]
    shown = await simulator.shown("gmail", 2)
    assert shown[1]["reply_to"] == shown[0]["id"]


@pytest.mark.parametrize("without", ["thread_id", "subject", "in_reply_to"])
async def test_without_one_of_them_it_is_a_thread_of_its_own(
    simulator: Simulator, puller: Puller, without: str
) -> None:
    mail = await asked(simulator, puller)
    changed = {"subject": "Lids"} if without == "subject" else {without: None}
    if without == "in_reply_to":
        changed["references"] = []
    await puller.send("It is.", **{**mail, **changed})
    assert about((await puller.pull())[0])["thread_id"] != mail["thread_id"]


async def test_an_address_that_nobody_has_comes_back_as_a_bounce(
    simulator: Simulator, puller: Puller
) -> None:
    await puller.pull()
    sent = await puller.send("Hello?", to="nobody0000@example.com")
    found: list[Payload] = []
    async with asyncio.timeout(5):
        while len(found) < 2:
            found += await puller.pull()
    bounce = next(read(one) for one in found if "SENT" not in about(one)["labels"])
    assert bounce.get_content_type() == "multipart/report"
    assert bounce["In-Reply-To"] == f"<{sent.mail_id}>"


async def test_a_send_whose_answer_is_lost_is_found_and_not_made_again(
    simulator: Simulator, puller: Puller
) -> None:
    await simulator.fault("send", drop_answer_after_accepting=True)
    sent = await puller.send("Once.")
    assert [one["id"] for one in await simulator.shown("gmail", 1)] == [sent.provider_id]
    await simulator.fault("send", reset=True)
    message = replace(puller.message("Never."), id="msg_01JD0000000000000000000002")
    with pytest.raises(OutcomeUnknown):
        await puller.connector.send(message, permit_for(message))
    assert len(await simulator.phone("gmail")) == 1


async def test_bursts_of_refusals_are_temporary(simulator: Simulator, puller: Puller) -> None:
    await simulator.fault("send", status=403, reason="userRateLimitExceeded")
    await simulator.fault("send", status=429, reason="rateLimitExceeded", retry_after=3)
    waits = []
    for _ in range(2):
        with pytest.raises(Temporary) as refusal:
            await puller.send("Wait.")
        waits.append(refusal.value.retry_after_s)
    assert waits == [None, 3.0]
    await simulator.fault("history", status=503)
    await puller.connector.pull(puller.channel, None, datetime.now(UTC))
    await puller.send("Now.")


async def test_a_burst_on_the_history_costs_nothing_but_time(
    simulator: Simulator, puller: Puller
) -> None:
    await puller.pull()
    await simulator.texts("gmail", "Here?", subject="Kettle")
    for fault in ({"status": 500}, {"status": 429}, {"garbage": True}):
        await simulator.fault("history", **fault)
        with pytest.raises(Temporary):
            await puller.pull()
    await simulator.fault("fetch", status=503)
    with pytest.raises(Temporary):
        await puller.pull()
    assert [read(one)["Subject"] for one in await puller.pull()] == ["Kettle"]
