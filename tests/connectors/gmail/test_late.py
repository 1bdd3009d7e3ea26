"""Mails that Gmail fails to give: they hold up nobody for long, and are never lost in silence."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime, timedelta

import pytest

from connectors.gmail import Gmail
from connectors.gmail.history import read_cursor
from inbox.domain.abilities import Pulled
from inbox.domain.channel import Channel
from inbox.domain.errors import Temporary
from inbox.domain.report import Ignored, MessageReceived
from tests.connectors.conftest import Reply
from tests.connectors.gmail.conftest import NOW, Edge, body, error, letter, raw, token
from tests.connectors.gmail.test_history import PLACE, about, added, ids, metadata, through

SOON = timedelta(minutes=10)


async def waits(connector: Gmail, channel: Channel) -> None:
    """Twice for a mail, with all that came after it."""
    for _ in range(2):
        with pytest.raises(Temporary):
            await connector.pull(channel, PLACE, NOW)


async def retried(
    connector: Gmail, channel: Channel, edge: Edge, reply: Reply, now: datetime
) -> list[Pulled]:
    """A mail that Gmail fails to give, asked for until it is given up or `now` is a week later; a
    healthy one beside it has come at once."""
    edge.gives_tokens(*[token()] * 200)
    page = body({"history": added("m1", "m2"), "historyId": "9876999"})
    edge.answers("GET", "/history", page, page, page)
    edge.answers("GET", "/history", *[body({"historyId": "9876999"})] * 400)
    edge.answers("GET", "/messages/m1", *[reply] * 400)
    edge.answers("GET", "/messages/m2", *[raw(letter(), "m2")] * 3)
    await waits(connector, channel)
    steps, cursor = await through(connector, channel, PLACE, now)
    assert [ids(step) for step in steps] == [["m2"]]
    until = now + timedelta(days=7)
    while steps[-1].again_s is not None and now < until:
        now += timedelta(seconds=steps[-1].again_s)
        more, cursor = await through(connector, channel, cursor, now)
        steps += more
    return steps


FAULTS = [
    Reply(status=500),
    error(503, "backendError"),
    Reply(body=b"<html>oops"),
]


async def test_after_news_it_is_looked_again_soon_since_gmail_tells_once_a_second(
    connector: Gmail, channel: Channel, edge: Edge
) -> None:
    edge.gives_tokens()
    edge.answers("GET", "/history", body({"history": added("m1"), "historyId": "9876200"}))
    edge.answers("GET", "/history", body({"historyId": "9876200"}))
    edge.answers("GET", "/messages/m1", raw(letter(), "m1"))
    step = await connector.pull(channel, PLACE, NOW)
    assert (ids(step), step.again_s) == (["m1"], 2)
    assert (await connector.pull(channel, step.cursor, NOW)).again_s is None


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_mail_that_gmail_has_a_fault_with_holds_up_nobody_and_comes_when_it_can(
    connector: Gmail, channel: Channel, edge: Edge, fault: Reply
) -> None:
    edge.gives_tokens()
    page = body({"history": added("m1", "m2"), "historyId": "9876999"})
    edge.answers("GET", "/history", page, page, page)
    edge.answers("GET", "/history", *[body({"historyId": "9876999"})] * 9)
    edge.answers("GET", "/messages/m1", *[fault] * 4, raw(letter(), "m1"))
    edge.answers("GET", "/messages/m2", *[raw(letter(), "m2")] * 3)
    await waits(connector, channel)
    steps, cursor = await through(connector, channel, PLACE)
    assert [ids(step) for step in steps] == [["m2"]]
    assert steps[-1].again_s == 2
    steps, cursor = await through(connector, channel, cursor, NOW)
    assert [ids(step) for step in steps] == [[]]  # not before it is due
    steps, cursor = await through(connector, channel, cursor, NOW + SOON)
    assert steps[-1].again_s == 4
    steps, cursor = await through(connector, channel, cursor, NOW + 2 * SOON)
    assert [one for step in steps for one in ids(step)] == ["m1"]
    assert steps[0].payloads[0].content_type == "message/rfc822"
    assert about(steps[0].payloads[0])["recovered"] == "1"  # it takes its place by its time
    assert (steps[-1].again_s, read_cursor(cursor).late) == (None, ())


async def test_a_mail_that_never_comes_is_told_of_by_its_headers(
    connector: Gmail, channel: Channel, edge: Edge
) -> None:
    edge.answers("GET", "/messages/m1", *[Reply(status=500)] * 12)
    edge.answers("GET", "/messages/m1", metadata("m1", From="Maya Ortiz <maya@example.com>"))
    steps = await retried(connector, channel, edge, Reply(status=500), NOW)
    [payload] = [one for step in steps[1:] for one in step.payloads]
    [report] = connector.parse(payload, NOW)
    assert isinstance(report, MessageReceived)
    assert (report.type, report.provider_id) == ("unsupported", "m1")
    assert report.sender.address == "maya@example.com"
    assert [one for step in steps for one in step.lost] == []
    assert len(edge.asked("/messages/m1")) == 13


async def test_a_mail_of_which_nothing_can_be_had_is_told_of_as_lost_after_a_day(
    connector: Gmail, channel: Channel, edge: Edge
) -> None:
    steps = await retried(connector, channel, edge, Reply(status=500), NOW)
    [payload] = [one for step in steps[1:] for one in step.payloads]
    assert connector.parse(payload, NOW) == [
        Ignored(reason="unreadable_mail", account=channel.account)
    ]
    assert [one for step in steps for one in step.lost] == [NOW]
    assert steps[-1].again_s is None
    assert len(edge.asked("/messages/m1")) < 400


async def test_a_mailbox_that_gives_no_mails_waits_as_a_whole(
    connector: Gmail, channel: Channel, edge: Edge
) -> None:
    many = [f"m{n}" for n in range(60)]
    edge.gives_tokens()
    edge.answers("GET", "/history", *[body({"history": added(*many), "historyId": "9876999"})] * 9)
    for one in many:
        edge.answers("GET", f"/messages/{one}", *[Reply(status=503)] * 9)
    cursor = PLACE
    for _ in range(9):
        with suppress(Temporary):
            cursor = (await connector.pull(channel, cursor, NOW)).cursor
    assert len(read_cursor(cursor).late) == 50
    assert len(read_cursor(cursor).todo) == 10
