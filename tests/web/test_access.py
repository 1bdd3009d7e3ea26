"""An agent who works on one channel, as the command line would make one, and what is not theirs."""

from __future__ import annotations

from typing import Any

from tests.system.demo import MARK, Agent, Customer, Demo, draw
from tests.system.screen import Json
from tests.system.waiting import wait_for


async def _writes(demo: Demo, kind: str) -> tuple[Customer, Json]:
    customer = await demo.customer(kind)
    await customer.writes(f"Hello {MARK}")
    return customer, await demo.agent.finds(customer)


async def test_r4_lists_show_an_agent_only_their_channels(demo: Demo, lena: Agent) -> None:
    _, hers = await _writes(demo, "sms")
    _, others = await _writes(demo, "whatsapp")

    async def ids(agent: Agent, **query: str) -> set[str]:
        page = await agent.get("/conversations", params={"limit": "100", **query})
        return {c["id"] for c in page["data"]}

    everything = {"updated_after": "2026-01-01T00:00:00Z"}
    for query in ({}, {"status": "open"}, {"assignee": "none"}, everything):
        assert {hers["id"], others["id"]} <= await ids(demo.agent, **query)
        seen = await ids(lena, **query)
        assert hers["id"] in seen
        assert others["id"] not in seen
    assert hers["id"] in await ids(lena, kind="sms")
    assert hers["id"] in await ids(lena, kind="sms", status="open")
    assert await ids(lena, kind="sms", status="resolved") == set()
    assert others["id"] in await ids(demo.agent, kind="whatsapp")
    assert await ids(lena, kind="whatsapp") == set()
    channel = demo.channels["whatsapp"]["id"]
    assert others["id"] in await ids(demo.agent, channel=channel)
    assert await ids(lena, channel=channel) == set()
    kinds = {c["kind"] for c in (await lena.get("/channels"))["data"]}
    assert kinds == {"sms"}


async def test_r3_what_is_hidden_looks_like_what_does_not_exist(demo: Demo, lena: Agent) -> None:
    maya, hidden = await _writes(demo, "whatsapp")
    await maya.writes(image=draw())
    attachment_id = await _attachment_of(demo, hidden["id"])
    message_id = hidden["last_message"]["id"]
    write = {"client_id": "a", "text": "x"}
    calls: list[tuple[str, str, str, dict[str, Any]]] = [
        ("GET", "/conversations/{}", hidden["id"], {}),
        ("GET", "/conversations/{}/messages", hidden["id"], {}),
        ("GET", "/conversations/{}/gate", hidden["id"], {}),
        ("GET", "/attachments/{}", attachment_id, {}),
        ("POST", "/conversations/{}/messages", hidden["id"], {"json": write}),
        ("POST", "/conversations/{}/read", hidden["id"], {"json": {"through": message_id}}),
        ("POST", "/conversations/{}/resolve", hidden["id"], {}),
        ("POST", "/conversations/{}/reopen", hidden["id"], {}),
        ("POST", "/messages/{}/retry", message_id, {}),
        ("POST", "/messages/{}/mark_sent", message_id, {}),
    ]
    for method, path, id_, options in calls:
        own = await demo.agent.call(method, path.format(id_), **options)
        assert own.status != 404, path
        missing_id = id_[:4] + "01JD0000000000000000000000"
        missing = await lena.call(method, path.format(missing_id), **options)
        answer = await lena.call(method, path.format(id_), **options)
        assert (answer.status, missing.status) == (404, 404), path
        assert {**answer.json, "request_id": ""} == {**missing.json, "request_id": ""}


async def _attachment_of(demo: Demo, conversation_id: str) -> str:
    async def find() -> str | None:
        for message in await demo.agent.thread(conversation_id):
            for attachment in message["attachments"]:
                if attachment["state"] == "ready":
                    return str(attachment["id"])
        return None

    found = await wait_for(find)
    assert found
    return found


async def test_v3_events_of_a_channel_reach_only_who_works_on_it(demo: Demo, lena: Agent) -> None:
    _, hidden = await _writes(demo, "whatsapp")
    hers, everybodys = await lena.opens_screen(), await demo.agent.opens_screen()
    maya, nia = await demo.customer("whatsapp"), await demo.customer("sms")

    await maya.writes(f"On WhatsApp {MARK}")
    await demo.agent.replies(hidden["id"], f"Answer {MARK}")
    await demo.agent.post(f"/conversations/{hidden['id']}/resolve")
    await everybodys.send(type="typing", conversation_id=hidden["id"], on=True)
    await everybodys.gets("typing.changed", conversation_id=hidden["id"])
    await nia.writes(f"By SMS {MARK}")

    await everybodys.gets("message.created", text=f"By SMS {MARK}")
    await hers.gets("message.created", text=f"By SMS {MARK}")
    assert everybodys.all("message.created", text=f"On WhatsApp {MARK}")
    assert everybodys.all("conversation.resolved", id=hidden["id"])
    kinds = {f["data"]["channel"]["kind"] for f in hers.all("conversation.created")}
    assert kinds == {"sms"}
    assert not hers.all("message.created", text=f"On WhatsApp {MARK}")
    assert not [f for f in hers.frames if f.get("conversation_id") == hidden["id"]]


async def test_v4_a_cursor_does_not_bring_what_is_not_theirs(demo: Demo, lena: Agent) -> None:
    screen = await lena.opens_screen()
    cursor = screen.cursor
    maya, nia = await demo.customer("whatsapp"), await demo.customer("sms")
    everybodys = await demo.agent.opens_screen()
    for customer in (maya, nia):
        await customer.writes(f"Missed by {customer.kind} {MARK}")
        await everybodys.gets("message.created", text=f"Missed by {customer.kind} {MARK}")

    again = await lena.opens_screen(cursor)

    await again.gets("message.created", text=f"Missed by sms {MARK}")
    assert not again.all("message.created", text=f"Missed by whatsapp {MARK}")


async def test_v2_operations_on_another_channel_are_not_found(demo: Demo, lena: Agent) -> None:
    _, hidden = await _writes(demo, "whatsapp")
    malik, screen = await demo.manager.opens_screen(), await lena.opens_screen()

    await screen.send(type="typing", conversation_id=hidden["id"], on=True)
    await screen.send(type="viewing", conversation_id=hidden["id"])
    through = hidden["last_message"]["id"]
    await screen.send(type="read", conversation_id=hidden["id"], through=through)
    await screen.passes()
    await malik.passes()

    assert [f["code"] for f in screen.all("error")] == ["not_found"] * 3
    assert not [f for f in malik.frames if f["type"] in ("typing.changed", "viewers.changed")]
