"""Webhooks from strangers, from the right sender with the wrong bytes, and to the wrong address."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import hmac
import io
import json
import math
import secrets
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.system.demo import MARK, Answer, Demo
from tests.system.screen import Json
from tests.system.signing import (
    Call,
    signed_form,
    signed_json,
    sms_fields,
    whatsapp_body,
    whatsapp_text,
)
from tests.system.waiting import wait_for

_MIB = 1024 * 1024
both_kinds = pytest.mark.parametrize("kind", ["whatsapp", "sms"])
_SIGNED_BY = {"whatsapp": "X-Hub-Signature-256", "sms": "X-Twilio-Signature"}


async def lists_work(demo: Demo) -> list[Json]:
    """Every list and every thread of its first page can be read."""
    data: list[Json] = []
    for query in ({"limit": "100"}, {"status": "open"}, {"kind": "sms"}, {"kind": "whatsapp"}):
        data = (await demo.agent.get("/conversations", params=query))["data"]
        assert data
    for conversation in data[:5]:
        assert (await demo.agent.call("GET", f"/conversations/{conversation['id']}")).status == 200
        await demo.agent.thread(conversation["id"])
    return data


async def the_next_one_still_comes(demo: Demo, kind: str) -> None:
    """A good webhook after a bad one arrives, and all lists can be read."""
    maya = await demo.customer(kind)
    assert (await demo.takes(maya.signed(f"Still there? {MARK}"))).status == 200
    await demo.agent.finds(maya)
    await lists_work(demo)
    assert "Traceback" not in demo.program.log


# -- who is believed -------------------------------------------------------------------------------


@both_kinds
@pytest.mark.parametrize("signature", [None, "", "sha256=" + "0" * 64, "AAAA", "ä"])
async def test_w1_without_the_right_signature_nothing_is_stored(
    demo: Demo, kind: str, signature: str | None
) -> None:
    stranger = await demo.customer(kind)
    stored = await demo.metric("assent_webhooks_total", kind=kind, outcome="stored")
    refused = await demo.metric("assent_webhooks_total", kind=kind, outcome="untrusted")
    call = stranger.signed(f"Believe me {MARK}").with_header(_SIGNED_BY[kind], signature)

    answer = await demo.takes(call)

    assert answer.status in (401, 403)
    assert await demo.metric("assent_webhooks_total", kind=kind, outcome="stored") == stored
    assert await demo.metric("assent_webhooks_total", kind=kind, outcome="untrusted") == refused + 1
    assert not [c for c in await lists_work(demo) if stranger.has(c["contact"]["handle"])]


@both_kinds
async def test_w1_one_changed_byte_breaks_the_signature(demo: Demo, kind: str) -> None:
    maya = await demo.customer(kind)
    call = maya.signed(f"Pay 10 {MARK}")

    changed = Call(url=call.url, headers=call.headers, body=call.body.replace(b"10", b"99", 1))

    assert (await demo.takes(changed)).status in (401, 403)


async def test_w1_a_sha1_signature_alone_is_refused(demo: Demo) -> None:
    maya = await demo.customer()
    call = maya.signed(f"Hello {MARK}")
    secret = demo.channels["whatsapp"]["secret"].encode()
    old = hmac.new(secret, call.body, hashlib.sha1).hexdigest()
    call = call.with_header("X-Hub-Signature-256", None)

    assert (await demo.takes(call.with_header("X-Hub-Signature", f"sha1={old}"))).status == 403


async def test_w2_a_forwarded_host_does_not_change_what_twilio_signed(demo: Demo) -> None:
    maya = await demo.customer("sms")
    call = maya.signed(f"Hello {MARK}").with_header("X-Forwarded-Host", "evil.example.com")

    assert (await demo.takes(call)).status == 200


async def test_w4_the_challenge_is_answered_to_the_right_token_only(demo: Demo) -> None:
    channel = demo.channels["whatsapp"]
    query = {"hub.mode": "subscribe", "hub.challenge": "4711", "hub.verify_token": "wrong"}

    refused = await demo.call("GET", channel["webhook_url"], params=query)
    query["hub.verify_token"] = channel["verify_token"]
    answered = await demo.call("GET", channel["webhook_url"], params=query)

    assert refused.status == 403
    assert "4711" not in refused.text
    assert (answered.status, answered.text) == (200, "4711")
    assert answered.headers["content-type"].startswith("text/plain")


async def test_another_channels_secret_does_not_open_this_one(demo: Demo) -> None:
    whatsapp, sms = demo.channels["whatsapp"], demo.channels["sms"]
    body = whatsapp_body(whatsapp, whatsapp_text("+19895550199", "Eve", f"Hi {MARK}"))

    assert (
        await demo.takes(signed_json({**whatsapp, "secret": sms["secret"]}, body))
    ).status == 403


# -- where it goes ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    [
        "/webhooks/whatsapp/chn_01JD0000000000000000000000",
        "/webhooks/pigeon/chn_01JD0000000000000000000000",
        "/webhooks/sms/%00",
        "/webhooks/sms/" + "x" * 2000,
        "/webhooks/sms",
    ],
)
async def test_an_address_that_is_nobodys_is_404(demo: Demo, path: str) -> None:
    assert (await demo.call("POST", path, data=b"{}")).status == 404


async def test_a_channel_answers_under_its_own_kind_only(demo: Demo) -> None:
    path = f"/webhooks/sms/{demo.channels['whatsapp']['id']}"
    assert (await demo.call("POST", path, data=b"{}")).status == 404


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH"])
async def test_another_method_is_405(demo: Demo, method: str) -> None:
    answer = await demo.call(method, demo.channels["whatsapp"]["webhook_url"])
    assert answer.status == 405
    assert "POST" in answer.headers["allow"]


@pytest.mark.parametrize("host", ["evil.example.com", "127.0.0.1", "", "127.0.0.1:1"])
async def test_a11_another_host_is_421(demo: Demo, host: str) -> None:
    for path in ("/healthz", "/login", demo.channels["whatsapp"]["webhook_url"]):
        assert (await demo.call("GET", path, headers={"Host": host})).status == 421


# -- what is in it ---------------------------------------------------------------------------------


def _text_of(value: object) -> dict[str, Any]:
    return {**whatsapp_text("19895550198", "Eve", "x"), "text": {"body": value}}


def _malformed(channel: Json) -> dict[str, bytes]:
    """Bodies that Meta would never send, each with a name."""
    good = whatsapp_body(channel, whatsapp_text("+19895550197", "Eve", f"Hello {MARK}"))
    as_text = json.dumps(good)
    messages = {
        "operator as text": _text_of({"$gt": ""}),
        "list as text": _text_of(["a", "b"]),
        "number as text": _text_of(7),
        "operator as id": {**_text_of("x"), "id": {"$ne": None}},
        "operator as sender": {**_text_of("x"), "from": {"$regex": ".*"}},
        "dollar keys": {**_text_of("x"), "$where": "sleep(1000)", "a.b": 1},
        "huge timestamp": {**_text_of("x"), "timestamp": "9" * 400},
        "negative timestamp": {**_text_of("x"), "timestamp": "-99999999999999"},
        "number timestamp": {**_text_of("x"), "timestamp": 10**300},
        "NUL in text": _text_of(f"a\0b {MARK}"),
        "NUL in id": {**_text_of("x"), "id": "wamid.\0"},
        "long id": {**_text_of("x"), "id": "wamid." + "x" * 100_000},
        "unknown type": {**_text_of("x"), "type": "hologram", "hologram": {"z": 1}},
        "type of another type": {**_text_of("x"), "type": {"$in": []}},
        "no message": {"from": "1", "name": "x"},
    }
    bodies = {name: json.dumps(whatsapp_body(channel, m)).encode() for name, m in messages.items()}
    for name, text in (("a name of NUL", "\0"), ("a long name", "N" * 50_000)):
        message = whatsapp_text("+19895550196", text, f"Hello {MARK}")
        bodies[name] = json.dumps(whatsapp_body(channel, message)).encode()
    return bodies | {
        "no JSON": b"Hello",
        "nothing": b"",
        "broken UTF-8": b'{"object": "\xff\xfe"}',
        "UTF-16": as_text.encode("utf-16"),
        "a lone surrogate": as_text.replace("Hello", "\\ud800").encode(),
        "a lone surrogate as name": as_text.replace("Eve", "\\udfff").encode(),
        "not a number": json.dumps({"entry": math.nan}).encode(),
        "a number of a million digits": b'{"entry": ' + b"9" * 1_000_000 + b"}",
        "100k arrays": b"[" * 100_000 + b"]" * 100_000,
        "100k objects": b'{"entry":' * 100_000 + b"1" + b"}" * 100_000,
        "deep where a message is due": as_text.replace(
            f'"Hello {MARK}"', "[" * 100_000 + "]" * 100_000
        ).encode(),
        "a list": b"[]",
        "null": b"null",
        "entries that are none": b'{"entry": [1, null, "x", {"changes": 3}, {"changes": [[]]}]}',
        "a key twice": b'{"entry": [], "entry": {"$gt": 1}}',
        "an operator as entry": b'{"entry": {"$gt": ""}}',
        "another kind of change": b'{"entry": [{"changes": [{"field": "moon", "value": {}}]}]}',
        "another object": b'{"object": "page", "entry": [{"id": "1", "messaging": [{}]}]}',
    }


async def test_w9_no_signed_body_of_whatsapp_breaks_anything(demo: Demo) -> None:
    channel = demo.channels["whatsapp"]
    answers: dict[str, Answer] = {}
    for name, body in _malformed(channel).items():
        answers[name] = await demo.takes(signed_json(channel, body))

    assert {name: a.status for name, a in answers.items() if a.status != 200} == {}
    await the_next_one_still_comes(demo, "whatsapp")


@pytest.mark.parametrize(
    "changes",
    [
        {"Body": "\0"},
        {"Body": '{"$gt": ""}'},
        {"Body[$gt]": "1"},
        {"From": "$where"},
        {"From": ""},
        {"From": "+1\0"},
        {"From": "whatsapp:+19895550100"},
        {"To": "+19995550100"},
        {"MessageSid": "\0", "SmsSid": "", "SmsMessageSid": ""},
        {"MessageSid": "x" * 100_000},
        {"SmsStatus": "exploded"},
        {"NumMedia": "99999999999999999999", "MediaUrl0": "file:///etc/passwd"},
        {"NumMedia": "-1", "MediaUrl0": "http://169.254.169.254/latest"},
        {"Body": "\u202e\ufeff\U0010ffff"},
        {"Body": "a" * 500_000},
    ],
    ids=lambda changes: " ".join(f"{k}={v[:20]!r}" for k, v in changes.items()),
)
async def test_w9_no_signed_form_of_sms_breaks_anything(
    demo: Demo, changes: dict[str, str]
) -> None:
    channel = demo.channels["sms"]
    fields = {**sms_fields(channel, "+19895550195", f"Hello {MARK}"), **changes}

    assert (await demo.takes(signed_form(channel, fields))).status == 200

    await the_next_one_still_comes(demo, "sms")


@pytest.mark.parametrize("body", [b"\xff\xfe=%ff", b"%", b"&&&===", b"", b"AccountSid=%ud800"])
async def test_w9_bytes_that_are_no_form_are_refused(demo: Demo, body: bytes) -> None:
    channel = demo.channels["sms"]

    answer = await demo.takes(signed_form(channel, {}, body))

    assert 400 <= answer.status < 500
    await the_next_one_still_comes(demo, "sms")


async def test_w7_one_bad_message_does_not_lose_the_others(demo: Demo) -> None:
    maya, leo = await demo.customer(), await demo.customer()
    bad = {**whatsapp_text(maya.phone, "Eve", "x"), "id": {"$ne": 7}}
    body = whatsapp_body(
        demo.channels["whatsapp"],
        whatsapp_text(maya.phone, maya.name, f"First {MARK}"),
        bad,
        whatsapp_text(leo.phone, leo.name, f"Third {MARK}"),
    )

    assert (await demo.takes(signed_json(demo.channels["whatsapp"], body))).status == 200

    for customer, text in ((maya, "First"), (leo, "Third")):
        conversation = await demo.agent.finds(customer)
        texts = [m["text"] for m in await demo.agent.thread(conversation["id"])]
        assert texts == [f"{text} {MARK}"]


async def test_w7_a_message_of_an_unknown_type_is_shown_as_unsupported(demo: Demo) -> None:
    maya = await demo.customer()
    message = {**whatsapp_text(maya.phone, maya.name, "x"), "type": "hologram"}
    del message["text"]

    await demo.takes(
        signed_json(demo.channels["whatsapp"], whatsapp_body(demo.channels["whatsapp"], message))
    )

    conversation = await demo.agent.finds(maya)
    assert [m["type"] for m in await demo.agent.thread(conversation["id"])] == ["unsupported"]


async def test_w8_a_status_before_its_message_is_kept_and_none_goes_back(demo: Demo) -> None:
    maya = await demo.customer()
    await maya.writes(f"Hello {MARK}")
    conversation = await demo.agent.finds(maya)
    match = {"operation": "status", "kind": "whatsapp"}
    fault = {"statuses_before_answer": True, "reorder_statuses": True, "duplicate": 2}
    await demo.simulator("POST", "/faults", json={"match": match, "fault": fault})
    screen = await demo.agent.opens_screen()

    reply = await demo.agent.replies(conversation["id"], f"Quick {MARK}")

    await screen.gets("message.status_changed", id=reply["id"], status="read")
    await demo.takes(maya.signed(f"Thanks {MARK}"))
    await screen.gets("message.created", text=f"Thanks {MARK}")
    steps = [e["data"]["status"] for e in screen.all("message.status_changed", id=reply["id"])]
    assert steps[-1] == "read"
    order = ["sent", "failed", "delivered", "read"]
    assert steps == sorted(steps, key=order.index)
    thread = await demo.agent.thread(conversation["id"])
    assert next(m for m in thread if m["id"] == reply["id"])["status"] == "read"


# -- how much of it --------------------------------------------------------------------------------


@both_kinds
async def test_w10_three_mebibytes_are_stored(demo: Demo, kind: str) -> None:
    channel = demo.channels[kind]
    padding = "p" * (3 * _MIB)
    if kind == "sms":
        fields = sms_fields(channel, "+19895550194", f"Big {MARK}")
        call = signed_form(channel, {**fields, "Padding": padding})
    else:
        body = whatsapp_body(channel, whatsapp_text("+19895550194", "Big", f"Big {MARK}"))
        call = signed_json(channel, {**body, "padding": padding})

    assert (await demo.takes(call)).status == 200
    await the_next_one_still_comes(demo, kind)


@both_kinds
@pytest.mark.parametrize("chunked", [False, True], ids=["with a length", "chunked"])
async def test_w10_more_than_four_mebibytes_are_413(demo: Demo, kind: str, chunked: bool) -> None:
    channel = demo.channels[kind]
    body = b"x" * (4 * _MIB + 1)
    call = signed_json(channel, body) if kind == "whatsapp" else signed_form(channel, {}, body)

    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(body), 65536):
            yield body[start : start + 65536]

    data = pieces() if chunked else io.BytesIO(body)
    answer = await demo.call("POST", call.url, data=data, headers=call.headers)

    assert answer.status == 413
    await the_next_one_still_comes(demo, kind)


@pytest.mark.parametrize("encoding", ["gzip", "br", "identity, gzip"])
async def test_w10_a_compressed_body_is_refused(demo: Demo, encoding: str) -> None:
    maya = await demo.customer()
    plain = maya.signed(f"Hello {MARK}")
    call = signed_json(demo.channels["whatsapp"], gzip.compress(plain.body))

    answer = await demo.takes(call.with_header("Content-Encoding", encoding))

    assert answer.status == 415


async def test_a_caller_that_goes_away_in_the_middle_is_no_error(demo: Demo) -> None:
    host, _, port = demo.url.removeprefix("http://").partition(":")
    path = demo.channels["whatsapp"]["webhook_url"].removeprefix(demo.url)
    for _ in range(3):
        _, writer = await asyncio.open_connection(host, int(port))
        head = f"POST {path} HTTP/1.1\r\nHost: {host}:{port}\r\nContent-Length: 5000\r\n\r\n"
        writer.write(head.encode() + b'{"entry": ')
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    await the_next_one_still_comes(demo, "whatsapp")
    assert "ClientDisconnect" not in demo.program.log
    assert '"level": "error"' not in demo.program.log


async def test_a_status_of_nobodys_message_changes_nothing(demo: Demo) -> None:
    maya = await demo.customer("sms")
    await maya.writes(f"Hello {MARK}")
    conversation = await demo.agent.finds(maya)
    channel = demo.channels["sms"]
    fields = sms_fields(channel, maya.phone, "") | {"From": channel["account"], "To": maya.phone}
    fields |= {"MessageSid": "SM" + secrets.token_hex(16), "MessageStatus": "delivered"}
    del fields["SmsStatus"]

    assert (await demo.takes(signed_form(channel, fields))).status == 200

    await demo.takes(maya.signed(f"Again {MARK}"))

    async def came() -> bool:
        return len(await demo.agent.thread(conversation["id"])) == 2

    await wait_for(came)
