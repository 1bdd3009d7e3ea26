"""The API with what it does not expect: wrong shapes, wrong ids, too much."""

from __future__ import annotations

import asyncio
import base64
import gzip
import io
import json
import secrets
from typing import Any

import aiohttp
import pytest

from tests.system.demo import MARK, Demo, draw
from tests.system.waiting import wait_for

_NOBODYS = "01JD0000000000000000000000"


@pytest.fixture
async def thread(demo: Demo) -> str:
    """The path of a conversation of the test's own."""
    maya = await demo.customer()
    await maya.writes(f"Hello {MARK}")
    return f"/conversations/{(await demo.agent.finds(maya))['id']}"


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"text": "x"},
        {"client_id": "", "text": "x"},
        {"client_id": "a" * 101, "text": "x"},
        {"client_id": {"$gt": ""}, "text": "x"},
        {"client_id": ["a"], "text": "x"},
        {"client_id": 1, "text": "x"},
        {"client_id": "a", "text": {"$gt": ""}},
        {"client_id": "a", "text": None},
        {"client_id": "a", "text": ""},
        {"client_id": "a", "text": " \n "},
        {"client_id": "a", "text": " ", "note": True},
        {"client_id": "a", "text": "x", "unknown": 1},
        {"client_id": "a", "text": "x", "status": "read"},
        {"client_id": "a", "text": "x", "direction": "inbound"},
        {"client_id": "a", "text": "x", "author": {"type": "agent"}},
        {"client_id": "a", "text": "x", "purpose": "anything"},
        {"client_id": "a", "text": "x", "note": "yes"},
        {"client_id": "a", "text": "x", "attachments": "att_1"},
        {"client_id": "a", "text": "x", "attachments": ["att_nobodys"]},
        {"client_id": "a", "text": "x", "attachments": [{"$ne": 1}]},
        {"client_id": "a", "text": "x", "attachments": ["att"] * 11},
        {"client_id": "a", "text": "x", "seen_through": "msg_nobodys"},
        {"client_id": "a", "text": "x" * 4097},
        {"client_id": "a", "text": "x" * 100_000},
        {"client_id": "a", "text": "x" * 1_040_000},
    ],
    ids=lambda body: json.dumps(body)[:60],
)
async def test_i1_a_message_of_another_shape_is_422(
    demo: Demo, thread: str, body: dict[str, Any]
) -> None:
    answer = await demo.agent.call("POST", f"{thread}/messages", json=body)

    assert answer.status == 422, answer
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json
    assert (problem["status"], problem["type"]) == (422, "about:blank")
    assert problem["detail"]
    assert problem["request_id"].startswith("req_")
    assert len(await demo.agent.thread(thread.rpartition("/")[2])) == 1


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"no JSON",
        b"null",
        b"[]",
        b"[" * 100_000,
        b'{"client_id": "a", "text": ' + b"[" * 100_000 + b"}",
        b'{"client_id": "a", "text": "\\ud800"}',
        b'{"client_id": "\\udfff", "text": "x"}',
        b'{"client_id": "a", "text": "\xff"}',
        b'{"client_id": "a", "text": "x"} {}',
        b'{"client_id": "a", "text": NaN}',
    ],
    ids=lambda raw: repr(raw[:40]),
)
async def test_i1_a_body_that_is_no_good_json_is_422(demo: Demo, thread: str, raw: bytes) -> None:
    answer = await demo.agent.call(
        "POST", f"{thread}/messages", data=raw, headers={"Content-Type": "application/json"}
    )

    assert answer.status == 422, answer


async def test_a_body_of_more_than_a_mebibyte_is_422(demo: Demo, thread: str) -> None:
    body = io.BytesIO(json.dumps({"client_id": "a", "text": "x" * 2_000_000}).encode())

    answer = await demo.agent.call(
        "POST", f"{thread}/messages", data=body, headers={"Content-Type": "application/json"}
    )

    assert answer.status == 422


async def test_a_body_of_another_type_or_compressed_is_refused(demo: Demo, thread: str) -> None:
    body = json.dumps({"client_id": "a", "text": "x"}).encode()
    for data, headers in [
        (body, {"Content-Type": "text/plain"}),
        (b"client_id=a&text=x", {"Content-Type": "application/x-www-form-urlencoded"}),
        (gzip.compress(body), {"Content-Type": "application/json", "Content-Encoding": "gzip"}),
    ]:
        answer = await demo.agent.call("POST", f"{thread}/messages", data=data, headers=headers)
        assert answer.status in (415, 422)


async def test_every_character_that_can_be_sent_comes_back_as_it_was(
    demo: Demo, thread: str
) -> None:
    text = f"{MARK} \0 \u202e \u2028 \ufeff 👩‍👩‍👧 é é $where {{}} <b> \U0010ffff"

    message = await demo.agent.replies(thread.rpartition("/")[2], text)

    assert message["text"] == text
    assert (await demo.agent.thread(thread.rpartition("/")[2]))[-1]["text"] == text


@pytest.mark.parametrize(
    "query",
    [
        "limit=1&limit=2",
        "limit=0",
        "limit=101",
        "limit=-1",
        "limit=1e2",
        "limit=٣",
        "status=lost",
        "status=open&status=open",
        "status[$ne]=open&status=x",
        "cursor=nothing",
        "cursor=%00",
        "cursor=%F0%9F%98%80",
        "cursor=" + "A" * 5000,
        "cursor=a&cursor=b",
        "updated_after=yesterday",
        "updated_after=2026-11-22T10:00:00",
        "updated_after=99999-01-01T00:00:00Z",
    ],
)
async def test_i2_a_query_of_another_shape_is_422(demo: Demo, query: str) -> None:
    answer = await demo.agent.call("GET", f"/conversations?{query}")

    assert answer.status == 422, answer


@pytest.mark.parametrize("cursor", ["x", "%00", "LTE", "OTk5OTk5OTk5OTk5OTk5", "w7_Dvw"])
async def test_a_cursor_that_is_not_ours_is_422(demo: Demo, thread: str, cursor: str) -> None:
    answer = await demo.agent.call("GET", f"{thread}/messages?cursor={cursor}")

    assert answer.status == 422, answer


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/conversations/{}"),
        ("GET", "/conversations/{}/gate"),
        ("GET", "/conversations/{}/messages"),
        ("POST", "/conversations/{}/messages"),
        ("POST", "/conversations/{}/read"),
        ("POST", "/conversations/{}/resolve"),
        ("POST", "/conversations/{}/reopen"),
        ("POST", "/messages/{}/retry"),
        ("POST", "/messages/{}/mark_sent"),
        ("GET", "/attachments/{}"),
    ],
)
@pytest.mark.parametrize("id_", [f"cnv_{_NOBODYS}", "%00", "$ne", "a" * 3000, "%ff%fe", "..%2f.."])
async def test_what_does_not_exist_is_404(demo: Demo, method: str, path: str, id_: str) -> None:
    body = {"client_id": "a", "text": "x"} if path.endswith("/messages") else {"through": "msg_1"}
    options = {"json": body} if method == "POST" else {}

    answer = await demo.agent.call(method, path.format(id_), **options)

    assert answer.status == 404, answer
    assert answer.json["code"] == "not_found"


async def test_what_belongs_to_another_conversation_is_404(demo: Demo, thread: str) -> None:
    maya = await demo.customer()
    await maya.writes(f"Mine {MARK}")
    foreign = await demo.agent.thread((await demo.agent.finds(maya))["id"])

    read = await demo.agent.call("POST", f"{thread}/read", json={"through": foreign[0]["id"]})
    body = {"client_id": "a", "text": "x", "reply_to": foreign[0]["id"]}
    quoted = await demo.agent.call("POST", f"{thread}/messages", json=body)

    assert (read.status, quoted.status) == (404, 404)


async def test_another_agents_upload_can_neither_be_seen_nor_sent(demo: Demo, thread: str) -> None:
    attachment = await demo.manager.uploads(draw())

    shown = await demo.agent.call("GET", f"/attachments/{attachment['id']}")
    body = {"client_id": "a", "attachments": [attachment["id"]]}
    sent = await demo.agent.call("POST", f"{thread}/messages", json=body)

    owner = await demo.manager.call("GET", f"/attachments/{attachment['id']}")
    assert (owner.status, shown.status, sent.status) == (200, 404, 422)


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH"])
async def test_another_method_is_405(demo: Demo, thread: str, method: str) -> None:
    answer = await demo.agent.call(method, thread)

    assert answer.status == 405
    assert answer.json["code"] == "method_not_allowed"


async def test_r9_a_method_or_a_person_named_in_a_header_is_ignored(
    demo: Demo, thread: str
) -> None:
    headers = {"X-HTTP-Method-Override": "POST", "X-Remote-User": "ada@harbour.example"}

    me = await demo.agent.get("/me", headers=headers)

    assert me["email"] == demo.logins["agent"]["email"]
    assert (await demo.agent.get(thread, headers=headers))["status"] == "open"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("page.html", b"<html><script>alert(1)</script></html>"),
        ("picture.png", b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>"),
        ("picture.png", b"\x89PNG\r\n\x1a\nbroken"),
        ("program.exe", b"MZ" + b"\0" * 200),
        ("empty.png", b""),
    ],
)
async def test_a_file_that_could_do_harm_is_refused_or_only_downloaded(
    demo: Demo, name: str, content: bytes
) -> None:
    form = aiohttp.FormData()
    form.add_field("file", content, filename=name, content_type="image/png")

    answer = await demo.agent.call("POST", "/attachments", data=form)

    assert answer.status in (201, 422), answer
    if answer.status == 201:
        shown = await demo.agent.call("GET", f"/attachments/{answer.json['id']}")
        assert shown.headers["content-disposition"].startswith("attachment")
        assert "sandbox" in shown.headers["content-security-policy"]


async def test_an_upload_that_is_no_form_or_too_large_is_refused(demo: Demo) -> None:
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    broken = await demo.agent.call("POST", "/attachments", data=b"--x\r\n\r\n", headers=headers)
    plain = await demo.agent.call("POST", "/attachments", json={"file": "x"})
    form = aiohttp.FormData()
    form.add_field("file", io.BytesIO(b"x" * (26 * 1024 * 1024)), filename="big.png")
    large = await demo.agent.call("POST", "/attachments", data=form)

    assert {broken.status, plain.status} <= {400, 422}
    assert (large.status, large.json["code"]) == (422, "file_too_large")


async def test_a_reply_written_before_reading_is_held_back(demo: Demo) -> None:
    maya = await demo.customer()
    await maya.writes(f"One {MARK}")
    conversation = await demo.agent.finds(maya)
    (first,) = await demo.agent.thread(conversation["id"])
    await maya.writes(f"Two {MARK}")

    async def came() -> bool:
        return len(await demo.agent.thread(conversation["id"])) == 2

    await wait_for(came)
    body = {"client_id": secrets.token_hex(8), "text": "Yes", "seen_through": first["id"]}
    path = f"/conversations/{conversation['id']}/messages"
    held = await demo.agent.post(path, body, status=409)

    assert held["code"] == "newer_messages"
    assert len(held["message_ids"]) == 1


async def test_pages_of_a_list_neither_repeat_nor_miss_anybody(demo: Demo) -> None:
    people = [await demo.customer("sms") for _ in range(7)]
    await asyncio.gather(*(demo.takes(person.signed(f"Hello {MARK}")) for person in people))
    wanted = {(await demo.agent.finds(person))["id"] for person in people}
    seen: list[str] = []
    query = {"limit": "3", "kind": "sms"}
    while True:
        page = await demo.agent.get("/conversations", params=query)
        seen += [c["id"] for c in page["data"]]
        if not page["has_more"]:
            break
        query["cursor"] = page["next_cursor"]

    assert wanted <= set(seen)
    assert len(seen) == len(set(seen))


async def test_pages_of_a_thread_neither_repeat_nor_miss_anything(demo: Demo) -> None:
    maya = await demo.customer()
    texts = [f"Line {n} {MARK}" for n in range(120)]
    for start in range(0, 120, 20):
        calls = [maya.signed(text) for text in texts[start : start + 20]]
        await asyncio.gather(*(demo.takes(call) for call in calls))
    conversation = await demo.agent.finds(maya)

    async def all_there() -> bool:
        known = await demo.agent.get(f"/conversations/{conversation['id']}")
        return bool(known["last_seq"] == 120)

    await wait_for(all_there)
    thread = await demo.agent.thread(conversation["id"])
    assert sorted(m["text"] for m in thread) == sorted(texts)
    assert [m["seq"] for m in thread] == sorted(m["seq"] for m in thread)


async def test_a_thread_comes_in_pages_of_the_size_asked_for(demo: Demo) -> None:
    customer = await demo.customer("whatsapp")
    for number in range(7):
        await customer.writes(f"Message {number}")
    conversation = await demo.agent.finds(customer)
    path = f"/conversations/{conversation['id']}/messages"

    async def all_there() -> bool:
        page = await demo.agent.get(path)
        return len(page["data"]) == 7 and not page["has_more"]

    await wait_for(all_there)
    texts: list[str] = []
    cursor = ""
    while True:
        page = await demo.agent.get(f"{path}?limit=3{cursor}")
        assert len(page["data"]) <= 3
        texts = [one["text"] for one in page["data"]] + texts
        if not page["has_more"]:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert texts == [f"Message {number}" for number in range(7)]


async def test_a_filter_that_does_not_exist_is_refused_and_not_passed_over(demo: Demo) -> None:
    answer = await demo.agent.call("GET", "/conversations?label=vip")
    assert (answer.status, answer.json["code"]) == (422, "unknown_filter")


@pytest.mark.parametrize(
    "since", ["0001-01-01T00:00:00+14:00", "0001-01-02T00:00:00Z", "1970-01-01T00:00:00Z"]
)
async def test_since_the_beginning_of_time_is_since_the_beginning(demo: Demo, since: str) -> None:
    parameters = {"limit": "100", "status": "resolved", "updated_after": since}
    without = {name: value for name, value in parameters.items() if name != "updated_after"}

    answer = await demo.agent.get("/conversations", params=parameters)

    assert answer == await demo.agent.get("/conversations", params=without)


@pytest.mark.parametrize("text", ["0001-01-01T00:00:00+14:00 cnv_1", "2026-01-01T00:00:00 cnv_1"])
async def test_a_cursor_with_a_time_that_is_none_is_refused(demo: Demo, text: str) -> None:
    cursor = base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")
    answer = await demo.agent.call("GET", "/conversations", params={"cursor": cursor})
    assert (answer.status, answer.json["errors"][0]["field"]) == (422, "cursor")
