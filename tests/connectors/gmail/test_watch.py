"""Asking Gmail to tell when something comes: daily, where there is a topic to tell on."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from connectors.gmail import Gmail
from inbox.domain.channel import Channel
from tests.connectors.gmail.conftest import ME, NOW, PLACE, Edge, body, error
from tests.connectors.people import gmail_channel

TOPIC = "projects/demo-project/topics/gmail"


async def test_a_watch_is_renewed_daily(connector: Gmail, edge: Edge) -> None:
    channel = gmail_channel(topic=TOPIC)
    edge.gives_tokens()
    edge.answers("GET", "/history", *[body({"historyId": "9876000"})] * 3)
    edge.answers("POST", "/watch", *[body({"historyId": "1", "expiration": "1"})] * 2)
    cursor = PLACE
    for hours in (0, 23, 25):
        cursor = (await connector.pull(channel, cursor, NOW + timedelta(hours=hours))).cursor
    watches = [c for c in edge.provider.calls if c.path == ME + "/watch"]
    assert [json.loads(call.body) for call in watches] == [{"topicName": TOPIC}] * 2


async def test_without_a_topic_nobody_is_asked_to_tell(
    connector: Gmail, channel: Channel, edge: Edge
) -> None:
    edge.gives_tokens()
    edge.answers("GET", "/history", body({"historyId": "9876000"}))
    await connector.pull(channel, PLACE, NOW)
    assert "POST /watch" not in edge.asked()


@pytest.mark.parametrize(
    ("status", "reason"),
    [(400, "failedPrecondition"), (400, "invalidArgument"), (403, "forbidden"), (404, "notFound")],
)
async def test_a_topic_that_takes_nothing_does_not_stop_the_mail(
    connector: Gmail, edge: Edge, status: int, reason: str
) -> None:
    channel = gmail_channel(topic=TOPIC)
    edge.gives_tokens()
    edge.answers("POST", "/watch", *[error(status, reason)] * 3)
    edge.answers("GET", "/history", *[body({"historyId": "9876000"})] * 3)
    cursor = PLACE
    for minutes in (0, 30, 61):
        cursor = (await connector.pull(channel, cursor, NOW + timedelta(minutes=minutes))).cursor
    assert edge.asked("/watch") == ["POST /watch"] * 2
