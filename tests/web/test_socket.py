"""The websocket: who may open it, what it brings, and what ends it."""

from __future__ import annotations

import asyncio
import json
import re
import secrets
import socket
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import pytest
import websockets

from tests.system.demo import MARK, Demo
from tests.system.screen import Screen

# -- who may open it (V1) --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer wrong"},
        {"Authorization": "Bearer "},
        {"Authorization": "Bearer {token}", "Origin": "http://evil.example.com"},
        {"Authorization": "Bearer {token}", "Origin": "null"},
        {"Origin": "{ours}"},
        {"Origin": "{ours}", "Cookie": "session=wrong"},
    ],
    ids=lambda headers: " ".join(headers.values()) or "nothing",
)
async def test_v1_a_stranger_gets_403(demo: Demo, headers: dict[str, str]) -> None:
    token = demo.logins["agent"]["api_token"]
    filled = {k: v.format(token=token, ours=demo.url) for k, v in headers.items()}

    with pytest.raises(websockets.InvalidStatus) as refused:
        await Screen.open(demo.url, filled)

    assert refused.value.response.status_code == 403


async def test_v1_a_token_may_come_with_our_origin(demo: Demo) -> None:
    screen = await Screen.open(demo.url, {**demo.agent.headers, "Origin": demo.url})

    welcome = await screen.hello()

    await screen.close()
    assert welcome["agent"]["role"] == "agent"


async def test_v1_a_cookie_needs_our_origin(demo: Demo) -> None:
    from tests.web.test_signin import Browser

    browser = Browser(demo)
    await browser.signs_in()
    await browser.session.close()
    cookie = {"Cookie": f"session={browser.cookies['session']}"}
    for origin in ({}, {"Origin": demo.url + ".evil.example.com"}, {"Origin": demo.url + "/"}):
        with pytest.raises(websockets.InvalidStatus):
            await Screen.open(demo.url, {**cookie, **origin})

    screen = await Screen.open(demo.url, {**cookie, "Origin": demo.url})
    assert (await screen.hello())["agent"]["name"]
    await screen.close()


async def test_the_subprotocol_is_ours_or_none(demo: Demo) -> None:
    ours = await Screen.open(demo.url, demo.agent.headers)
    none = await Screen.open(demo.url, demo.agent.headers, subprotocols=None)

    assert (ours.connection.subprotocol, none.connection.subprotocol) == ("assent.v1", None)
    await none.hello()
    await ours.close()
    await none.close()


# -- what it brings --------------------------------------------------------------------------------


async def test_hello_is_answered_with_who_and_where_we_are(demo: Demo) -> None:
    screen = await demo.agent.opens_screen(greet=False)

    welcome = await screen.hello()

    me = await demo.agent.get("/me")
    assert welcome["agent"] == {key: me[key] for key in ("id", "name", "role")}
    assert welcome["resumed"] is False
    assert welcome["cursor"]
    assert welcome["server_time"].endswith("Z")


async def test_a_ping_is_answered(demo: Demo) -> None:
    screen = await demo.agent.opens_screen()
    await screen.send(type="ping")
    await screen.gets("pong")


async def test_a_page_hears_again_what_was_told_just_before_it_was_made(demo: Demo) -> None:
    """Its list may be a moment older than that."""
    from tests.web.test_signin import Browser

    maya = await demo.customer()
    screen = await demo.agent.opens_screen()
    await maya.writes(f"Just before {MARK}")
    await screen.gets("message.created", text=f"Just before {MARK}")
    await screen.close()
    browser = Browser(demo)
    await browser.signs_in()
    page = (await browser.call("GET", "/app")).text
    await browser.session.close()
    found = re.search(r'<script type="application/json" id="boot">(.*?)</script>', page, re.DOTALL)
    assert found

    opened = await demo.agent.opens_screen(json.loads(found[1])["cursor"])

    await opened.gets("message.created", text=f"Just before {MARK}")
    await opened.close()


async def test_v4_a_cursor_brings_exactly_what_was_missed(demo: Demo) -> None:
    maya = await demo.customer()
    await maya.writes(f"Before {MARK}")
    await demo.agent.finds(maya)
    screen = await demo.agent.opens_screen()
    await screen.close()

    await maya.writes(f"Meanwhile {MARK}")
    again = await demo.agent.opens_screen(screen.cursor)

    await again.gets("message.created", text=f"Meanwhile {MARK}")
    assert again.frames[0]["type"] == "welcome"
    assert again.frames[0]["resumed"] is True
    assert not again.all("message.created", text=f"Before {MARK}")


async def test_v4_coming_back_often_while_events_flow_misses_and_repeats_nothing(
    demo: Demo,
) -> None:
    people = [await demo.customer("sms") for _ in range(4)]
    texts = [f"Flow {n} {MARK}" for n in range(80)]
    screen = await demo.agent.opens_screen()
    cursor, came = screen.cursor, []

    async def write() -> None:
        for start in range(0, 80, 4):
            batch = zip(people, texts[start : start + 4], strict=True)
            await asyncio.gather(*(demo.takes(who.signed(text)) for who, text in batch))

    writing = asyncio.create_task(write())
    await screen.close()
    while True:
        over = writing.done() and len(came) >= len(texts)
        screen = await demo.agent.opens_screen(cursor)
        assert screen.frames[0]["resumed"] is True
        await screen.passes()
        await screen.close()
        events = [f for f in screen.frames if f.get("cursor") and f["type"] != "welcome"]
        came += [
            f["data"]["text"]
            for f in events
            if f["type"] == "message.created" and f["data"]["text"].startswith("Flow ")
        ]
        cursor = events[-1]["cursor"] if events else cursor
        if over:
            break
    await writing

    assert sorted(came) == sorted(texts)


@pytest.mark.parametrize("cursor", ["", "x", "0-0", "$ne", "\0", "01JD0000000000000000000000-5"])
async def test_v4_a_cursor_of_somebody_else_says_resync(demo: Demo, cursor: str) -> None:
    screen = await demo.agent.opens_screen(greet=False)

    welcome = await screen.hello(cursor)

    resync = await screen.gets("resync")
    assert welcome["resumed"] is False
    assert resync["reason"]
    maya = await demo.customer()
    await maya.writes(f"Live all the same {MARK}")
    await screen.gets("message.created", text=f"Live all the same {MARK}")


async def test_typing_and_looking_reach_the_other_screens(demo: Demo) -> None:
    maya = await demo.customer()
    await maya.writes(f"Hello {MARK}")
    id_ = (await demo.agent.finds(maya))["id"]
    ana, malik = await demo.agent.opens_screen(), await demo.manager.opens_screen()

    await ana.send(type="viewing", conversation_id=id_)
    await ana.send(type="typing", conversation_id=id_, on=True)
    await ana.send(type="typing", conversation_id=id_, on=False)
    await ana.send(type="viewing", conversation_id=None)

    await malik.gets("viewers.changed", conversation_id=id_, on=False)
    told = [(f["type"], f["data"]["on"]) for f in malik.frames if f["type"] != "welcome"]
    assert told == [
        ("viewers.changed", True),
        ("typing.changed", True),
        ("typing.changed", False),
        ("viewers.changed", False),
    ]
    signal = malik.all("typing.changed")[0]
    assert signal["data"]["agent"]["id"] == (await demo.agent.get("/me"))["id"]
    assert "cursor" not in signal


async def test_reading_on_one_screen_shows_on_the_same_persons_others_only(demo: Demo) -> None:
    maya = await demo.customer()
    await maya.writes(f"Hello {MARK}")
    conversation = await demo.agent.finds(maya)
    assert conversation["unread"] == 1
    one, two = await demo.agent.opens_screen(), await demo.agent.opens_screen()
    malik = await demo.manager.opens_screen()
    through = conversation["last_message"]["id"]

    await one.send(type="read", conversation_id=conversation["id"], through=through)

    event = await two.gets("conversation.updated", id=conversation["id"])
    assert event["data"]["unread"] == 0
    await malik.passes()
    assert not malik.all("conversation.updated", id=conversation["id"])
    assert (await demo.manager.finds(maya))["unread"] == 1
    assert (await demo.agent.finds(maya))["unread"] == 0


@pytest.mark.parametrize(
    "operation",
    [
        {"type": "typing", "conversation_id": "cnv_nobodys", "on": True},
        {"type": "viewing", "conversation_id": "$ne"},
        {"type": "read", "conversation_id": "cnv_nobodys", "through": "msg_1"},
    ],
)
async def test_v2_an_operation_on_what_one_may_not_see_is_an_error(
    demo: Demo, operation: dict[str, Any]
) -> None:
    screen = await demo.agent.opens_screen()

    await screen.send(**operation)

    assert (await screen.gets("error"))["code"] == "not_found"
    await screen.passes()


# -- what ends it (V5) -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "frame",
    [
        "no JSON",
        "",
        "[]",
        "null",
        '{"type": "unknown"}',
        '{"type": {"$ne": 1}}',
        '{"type": "hello"}',
        '{"type": "typing", "conversation_id": "cnv_1"}',
        '{"type": "typing", "conversation_id": {"$gt": ""}, "on": true}',
        '{"type": "typing", "conversation_id": "' + "c" * 65 + '", "on": true}',
        '{"type": "typing", "conversation_id": "\\ud800", "on": true}',
        "[" * 30_000,
        b'{"type": "ping"}',
        b"\xff",
    ],
    ids=lambda frame: repr(frame)[:50],
)
async def test_v5_what_is_not_understood_closes_with_4000(demo: Demo, frame: str | bytes) -> None:
    screen = await demo.agent.opens_screen()
    other = await demo.agent.opens_screen()

    await screen.connection.send(frame)

    assert (await screen.gets_closed())[0] == 4000
    await other.passes()


async def test_v5_nothing_may_come_before_hello(demo: Demo) -> None:
    screen = await demo.agent.opens_screen(greet=False)
    await screen.send(type="ping")
    assert (await screen.gets_closed())[0] == 4000


async def test_v5_a_frame_above_64_kib_closes_with_1009(demo: Demo) -> None:
    screen = await demo.agent.opens_screen()
    await screen.connection.send('{"type": "ping", "x": "' + "x" * 65_536 + '"}')
    assert (await screen.gets_closed())[0] == 1009


async def test_v5_a_frame_of_endless_pieces_is_cut_off(demo: Demo) -> None:
    screen, other = await demo.agent.opens_screen(), await demo.agent.opens_screen()
    sent = 0

    async def pieces() -> AsyncIterator[str]:
        nonlocal sent
        while screen.closed is None:
            sent += 1024
            yield "x" * 1024

    with suppress(websockets.ConnectionClosed):
        await screen.connection.send(pieces())

    # 1009, unless the connection was gone before we could read why.
    assert (await screen.gets_closed())[0] in (1009, 1006)
    assert sent < 16 * 1024 * 1024
    await other.passes()


async def test_v5_a_flood_closes_with_4029(demo: Demo) -> None:
    screen, other = await demo.agent.opens_screen(), await demo.agent.opens_screen()
    sent = 0
    while screen.closed is None and sent < 500:
        try:
            await screen.send(type="ping")
        except websockets.ConnectionClosed:
            break
        sent += 1

    assert (await screen.gets_closed())[0] == 4029
    assert len(screen.all("pong")) >= 39
    await other.passes()


async def test_v5_who_reads_nothing_is_closed_with_4008_and_others_are_undisturbed(
    demo: Demo,
) -> None:
    maya = await demo.customer()
    await maya.writes(f"Hello {MARK}")
    id_ = (await demo.agent.finds(maya))["id"]
    host, _, port = demo.url.removeprefix("http://").partition(":")
    line = socket.socket()
    line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    line.setblocking(False)
    await asyncio.get_running_loop().sock_connect(line, (host, int(port)))
    url = demo.url.replace("http", "ws", 1) + "/ws"
    stuck = await websockets.connect(
        url, sock=line, additional_headers=demo.agent.headers, proxy=None, max_queue=1
    )
    await stuck.send('{"type": "hello"}')
    other = await demo.manager.opens_screen()
    closed = await demo.metric("assent_sockets_closed_total", code="4008")

    path = f"/conversations/{id_}/messages"
    for _ in range(120):
        body = {"client_id": secrets.token_hex(8), "text": "n" * 60_000, "note": True}
        await demo.agent.post(path, body, status=202)
        await other.gets("message.created", limit_s=2.0, client_id=body["client_id"])
        other.frames.clear()
    with suppress(websockets.ConnectionClosed):
        while True:  # now it reads: what was on its way, then the end
            await stuck.recv()

    assert stuck.close_code == 4008
    assert await demo.metric("assent_sockets_closed_total", code="4008") == closed + 1
    await other.passes()
