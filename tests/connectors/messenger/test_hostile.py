"""Bodies that are not as documented: nothing in one of them breaks the rest, or leads anywhere."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connectors.http import Http
from connectors.messenger import Messenger
from inbox.domain.errors import MalformedPayload
from inbox.domain.report import MessageReceived
from tests.connectors.contract import API
from tests.connectors.messaging import Reader, wire, word
from tests.connectors.people import RECEIVED_AT, payload

read = Reader(Messenger(Http(), API))


def test_a_time_is_in_milliseconds_unless_it_is_too_small() -> None:
    for given in (1794000012000, 1794000012, "1794000012", "1794000012000"):
        (report,) = read.event(timestamp=given)
        assert isinstance(report, MessageReceived)
        assert report.sent_at == datetime.fromtimestamp(1794000012, UTC), given


@pytest.mark.parametrize(
    "timestamp",
    [
        *["NaN", "x", "", -1, 0, 10**18, 10**30, [1], {"$gt": 1}, True, "1e400"],
        *["2026-11-06T12:00:00", "99999-01-01T00:00:00Z"],
        int((RECEIVED_AT + timedelta(days=2)).timestamp() * 1000),
    ],
)
def test_a_time_that_cannot_be_is_left_out(timestamp: object) -> None:
    (report,) = read.event(timestamp=timestamp)
    assert isinstance(report, MessageReceived)
    assert report.sent_at is None


HOSTILE: list[Any] = [None, 7, "text", [], {}, {"$gt": ""}, [[]], True, "\ud800", 1e400]


@pytest.mark.parametrize("value", HOSTILE)
@pytest.mark.parametrize(
    "key",
    [
        *["sender", "recipient", "timestamp", "message", "postback", "reaction", "read"],
        *["delivery", "message_edit", "optin", "policy_enforcement", "referral"],
    ],
)
def test_a_hostile_event_breaks_nothing(key: str, value: Any) -> None:
    document = payload("messenger", "text")
    event = document["entry"][0]["messaging"][0]
    if key not in ("sender", "recipient", "timestamp"):
        event.pop("message")
    event[key] = value
    assert len(read.parse(document)) == 1


@pytest.mark.parametrize("value", HOSTILE)
@pytest.mark.parametrize(
    "key",
    ["mid", "text", "attachments", "quick_reply", "reply_to", "referral", "is_echo", "metadata"],
)
def test_a_hostile_message_breaks_nothing(key: str, value: Any) -> None:
    document = payload("messenger", "text")
    document["entry"][0]["messaging"][0]["message"][key] = value
    assert len(read.parse(document)) == 1


@pytest.mark.parametrize("value", HOSTILE)
@pytest.mark.parametrize("key", ["type", "payload", "url", "title"])
def test_a_hostile_attachment_breaks_nothing(key: str, value: Any) -> None:
    for kind in ("image", "fallback", "template", "location", "sticker", "story_mention", "file"):
        attachment = {"type": kind, "payload": {"url": value, "sticker_id": value}, key: value}
        assert read.holding(attachment).media == ()


@pytest.mark.parametrize(
    "url",
    ["javascript:alert(1)", "data:text/html,x", "//example.com/x", "https://", "http://[::1/x"],
)
def test_no_link_has_another_scheme_or_no_host(url: str) -> None:
    for kind in ("fallback", "ig_post", "image", "file", "story_mention"):
        message = read.holding({"type": kind, "payload": {"url": url, "title": "t"}})
        assert url not in repr(message)


def test_a_place_is_shown_where_it_is_on_earth() -> None:
    def place(latitude: object) -> MessageReceived:
        point = {"lat": latitude, "long": -0.1195}
        return read.holding({"type": "location", "payload": {"coordinates": point}})

    assert place(51.5033).text == "Location: 51.5033, -0.1195"
    assert place(51.5033).content == {"location": {"latitude": 51.5033, "longitude": -0.1195}}
    assert place(151).type == "unsupported"
    point = {"coordinates": {"lat": 51.5033, "long": -0.1195}}
    named = read.holding({"type": "location", "title": "The harbour", "payload": point})
    assert named.text == "Location: The harbour (51.5033, -0.1195)"


def test_an_entry_that_does_not_say_whose_it_is_is_the_recipients() -> None:
    document = payload("messenger", "text")
    del document["entry"][0]["id"]
    (report,) = read.parse(document)
    assert isinstance(report, MessageReceived)
    assert (report.account, report.direction) == ("300000000000001", "inbound")
    event = document["entry"][0]["messaging"][0]
    event["sender"], event["recipient"] = event["recipient"], event["sender"]
    event["message"]["is_echo"] = True
    (report,) = read.parse(document)
    assert isinstance(report, MessageReceived)
    assert (report.account, report.direction) == ("300000000000001", "outbound")


def test_a_bad_item_does_not_hide_the_others() -> None:
    document = payload("messenger", "text")
    messaging = document["entry"][0]["messaging"]
    document["entry"][0]["messaging"] = [None, 7, "text", [], {}, *messaging]
    document["entry"].insert(0, "no entry")
    words = [word(report) for report in read.parse(document)]
    assert words == ["(malformed_item)"] * 6 + ["text"]


def test_a_text_loses_what_no_database_can_hold() -> None:
    (report,) = read.message(text="a\0b\ud800c")
    assert isinstance(report, MessageReceived)
    assert report.text == "abc"


@pytest.mark.parametrize("body", [b"", b"[]", b"[{}, {}]", b'{"object": "page"}', b"null"])
def test_what_is_no_envelope_is_malformed(body: bytes) -> None:
    with pytest.raises(MalformedPayload):
        read.parse(body)


def test_a_thousand_messages_are_read_without_holding_others_up() -> None:
    document = payload("messenger", "text")
    (event,) = document["entry"][0]["messaging"]
    message = event["message"]
    document["entry"][0]["messaging"] = [
        {**event, "message": {**message, "mid": f"m_{n}"}} for n in range(1000)
    ]
    body = wire(document)
    began = time.process_time()
    reports = read.parse(body)
    assert time.process_time() - began < 0.5
    assert len({r.provider_id for r in reports if isinstance(r, MessageReceived)}) == 1000
