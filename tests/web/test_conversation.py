"""The way of a message, there and back, through a demo that was just started."""

from __future__ import annotations

import asyncio
import secrets

import pytest

from tests.system.demo import MARK, Demo, draw, same_picture
from tests.system.waiting import wait_for

both_kinds = pytest.mark.parametrize("kind", ["whatsapp", "sms"])


@both_kinds
async def test_a_signed_webhook_appears_on_the_agents_screen(demo: Demo, kind: str) -> None:
    maya = await demo.customer(kind)
    screen = await demo.agent.opens_screen()

    answer = await demo.takes(maya.signed(f"Where is my order? {MARK}"))

    assert answer.status == 200
    event = await screen.gets("message.created", text=f"Where is my order? {MARK}")
    assert event["data"]["direction"] == "inbound"
    assert event["cursor"]
    (created,) = screen.all("conversation.created", id=event["conversation_id"])
    assert created["data"]["channel"]["kind"] == kind


@pytest.mark.parametrize(
    ("kind", "steps"),
    [("whatsapp", ["sent", "delivered", "read"]), ("sms", ["sent", "delivered"])],
)
async def test_a_reply_reaches_the_customer_once_and_its_statuses_come_back(
    demo: Demo, kind: str, steps: list[str]
) -> None:
    maya = await demo.customer(kind)
    await maya.writes(f"Hello {MARK}")
    conversation = await demo.agent.finds(maya)
    screen = await demo.agent.opens_screen()

    reply = await demo.agent.replies(conversation["id"], f"It is on its way. {MARK}")

    await screen.gets("message.status_changed", id=reply["id"], status=steps[-1])
    assert [e["data"]["status"] for e in screen.all("message.status_changed", id=reply["id"])] == (
        steps
    )
    assert await maya.received() == [f"It is on its way. {MARK}"]
    stored = next(m for m in await demo.agent.thread(conversation["id"]) if m["id"] == reply["id"])
    assert stored["status"] == steps[-1]
    assert list(stored["status_at"]) == steps


async def test_the_same_reply_twice_is_one_message(demo: Demo) -> None:
    maya = await demo.customer()
    await maya.writes(f"Hello {MARK}")
    conversation = await demo.agent.finds(maya)
    path = f"/conversations/{conversation['id']}/messages"
    body = {"client_id": secrets.token_hex(8), "text": f"Once {MARK}"}

    answers = await asyncio.gather(*(demo.agent.call("POST", path, json=body) for _ in range(10)))

    assert sorted(a.status for a in answers) == [200] * 9 + [202]
    assert len({a.json["id"] for a in answers}) == 1
    await wait_for(maya.received)
    assert await maya.received() == [f"Once {MARK}"]


async def test_stop_by_sms_closes_the_gate_and_start_opens_it_again(demo: Demo) -> None:
    maya = await demo.customer("sms")
    await maya.writes(f"Hello {MARK}")
    conversation = await demo.agent.finds(maya)
    path = f"/conversations/{conversation['id']}"
    screen = await demo.agent.opens_screen()

    await maya.writes("STOP")
    await screen.gets("consent.revoked", conversation_id=conversation["id"])

    (confirmation,) = await maya.received()
    assert "unsubscribed" in confirmation
    decision = (await demo.agent.get(path + "/gate"))["decisions"]["reply"]
    assert (decision["allow"], decision["code"]) == (False, "DENY_OPTED_OUT")
    body = {"client_id": "after-stop", "text": f"Autumn sale {MARK}"}
    refused = await demo.agent.post(path + "/messages", body, status=403)
    assert refused["code"] == "opted_out"
    assert "STOP" in refused["detail"]
    assert refused["decision"]["reason"] == decision["reason"]
    assert len(await maya.received()) == 1

    await maya.writes("START")
    await screen.gets("consent.granted", conversation_id=conversation["id"])

    assert (await demo.agent.get(path + "/gate"))["decisions"]["reply"]["allow"]
    reply = await demo.agent.replies(conversation["id"], f"Welcome back {MARK}")
    await screen.gets("message.status_changed", id=reply["id"], status="delivered")
    received = await maya.received()
    assert received.count(f"Welcome back {MARK}") == 1
    assert sum("unsubscribed" in text for text in received) == 1


@both_kinds
async def test_a_picture_of_a_customer_can_be_looked_at(demo: Demo, kind: str) -> None:
    maya = await demo.customer(kind)
    screen = await demo.agent.opens_screen()
    photo = draw()

    await maya.writes(f"Broken {MARK}", image=photo)

    event = await screen.gets("message.created", text=f"Broken {MARK}")
    ready = await screen.gets("message.attachment_ready", id=event["data"]["id"])
    attachment = ready["data"]["attachment"]
    assert (attachment["state"], attachment["kind"]) == ("ready", "image")
    shown = await demo.agent.call("GET", f"/attachments/{attachment['id']}")
    assert shown.status == 200
    assert same_picture(shown.body, photo)


@both_kinds
async def test_a_picture_of_an_agent_reaches_the_phone(demo: Demo, kind: str) -> None:
    maya = await demo.customer(kind)
    await maya.writes(f"Which one? {MARK}")
    conversation = await demo.agent.finds(maya)
    photo = draw()
    attachment = await demo.agent.uploads(photo)

    await demo.agent.replies(conversation["id"], f"This {MARK}", attachments=[attachment["id"]])

    async def arrived() -> list[dict[str, object]]:
        shown = await maya.phone_shows()
        return [m for m in shown if m["direction"] == "outbound" and m["media"]]

    (message,) = await wait_for(arrived)
    assert message["text"] == f"This {MARK}"
    assert same_picture(await maya.picture(message), photo)


@both_kinds
async def test_w6_the_same_webhook_a_hundred_times_is_one_message(demo: Demo, kind: str) -> None:
    maya = await demo.customer(kind)
    call = maya.signed(f"Only once {MARK}")
    crowd = asyncio.Semaphore(20)

    async def bring() -> int:
        async with crowd:
            return (await demo.takes(call)).status

    assert set(await asyncio.gather(*(bring() for _ in range(100)))) == {200}
    conversation = await demo.agent.finds(maya)
    await demo.takes(maya.signed(f"And this {MARK}"))

    async def both_there() -> bool:
        return (await demo.agent.get(f"/conversations/{conversation['id']}"))["last_seq"] >= 2

    await wait_for(both_there)
    texts = [m["text"] for m in await demo.agent.thread(conversation["id"])]
    assert texts == [f"Only once {MARK}", f"And this {MARK}"]


@both_kinds
async def test_w6_first_messages_at_once_make_one_conversation(demo: Demo, kind: str) -> None:
    maya = await demo.customer(kind)
    texts = {f"Number {n} {MARK}" for n in range(20)}

    answers = await asyncio.gather(*(demo.takes(maya.signed(text)) for text in texts))

    assert {answer.status for answer in answers} == {200}
    conversation = await demo.agent.finds(maya)

    async def all_there() -> bool:
        thread = await demo.agent.thread(conversation["id"])
        return {m["text"] for m in thread} == texts and len(thread) == 20

    await wait_for(all_there)
