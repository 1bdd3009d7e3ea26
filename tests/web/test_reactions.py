"""Our side's reactions, and what the provider is told of our reading and writing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tests.system.demo import MARK, Customer, Demo
from tests.system.screen import Json
from tests.system.waiting import wait_for


async def a_message(demo: Demo, kind: str = "whatsapp", **more: str) -> tuple[Customer, Json]:
    maya = await demo.customer(kind)
    await maya.writes(f"Hello {MARK}", **more)
    conversation = await demo.agent.finds(maya)
    return maya, (await demo.agent.thread(conversation["id"]))[0]


async def on_the_phone(maya: Customer) -> str | None:
    inbound = next(m for m in await maya.phone_shows() if m["direction"] == "inbound")
    emoji: str | None = inbound["reactions"].get("shop")
    return emoji


async def sends(demo: Demo, kind: str = "whatsapp") -> int:
    calls = await demo.simulator("GET", f"/log?kind={kind}&operation=send")
    return sum(calls["counts"].values())


async def test_a_reaction_goes_at_once_is_told_and_can_be_taken_back(demo: Demo) -> None:
    maya, message = await a_message(demo)
    screen = await demo.agent.opens_screen()
    path = f"/messages/{message['id']}/reactions"

    answer = await demo.agent.post(path, {"emoji": "👍"})

    assert [(one["by"], one["emoji"]) for one in answer["reactions"]] == [("us", "👍")]
    assert await on_the_phone(maya) == "👍"
    await screen.gets("message.reaction_added", id=message["id"])
    await demo.agent.post(path, {"emoji": "🎉"})
    assert await on_the_phone(maya) == "🎉"
    gone = await demo.agent.post(path, {"emoji": None})
    assert gone["reactions"] == []
    assert await on_the_phone(maya) is None
    await screen.gets("message.reaction_removed", id=message["id"])


async def test_the_same_reaction_twice_is_one_call(demo: Demo) -> None:
    _, message = await a_message(demo)
    path = f"/messages/{message['id']}/reactions"
    await demo.agent.post(path, {"emoji": "👍"})
    before = await sends(demo)
    await demo.agent.post(path, {"emoji": "👍"})
    assert await sends(demo) == before


@pytest.mark.parametrize("emoji", ["", "ok", "👍 good", "<b>", "1"])
async def test_only_an_emoji_is_a_reaction(demo: Demo, emoji: str) -> None:
    _, message = await a_message(demo)
    await demo.agent.post(f"/messages/{message['id']}/reactions", {"emoji": emoji}, 422)


async def test_after_the_window_a_reaction_is_refused_by_the_gate(demo: Demo) -> None:
    at = (datetime.now(UTC) - timedelta(hours=25)).isoformat()
    maya, message = await a_message(demo, at=at)
    refused = await demo.agent.post(f"/messages/{message['id']}/reactions", {"emoji": "👍"}, 409)
    assert refused["decision"]["code"] == "DENY_WINDOW_CLOSED"
    assert await on_the_phone(maya) is None


async def test_who_stopped_gets_no_reaction(demo: Demo) -> None:
    maya = await demo.customer()
    await maya.writes("STOP")
    conversation = await demo.agent.finds(maya)
    message = (await demo.agent.thread(conversation["id"]))[0]
    refused = await demo.agent.post(f"/messages/{message['id']}/reactions", {"emoji": "👍"}, 403)
    assert refused["code"] == "opted_out"


async def test_a_kind_without_reactions_says_so(demo: Demo) -> None:
    _, message = await a_message(demo, "sms")
    refused = await demo.agent.post(f"/messages/{message['id']}/reactions", {"emoji": "👍"}, 422)
    assert refused["code"] == "not_offered"


async def test_what_the_provider_refuses_is_told_and_not_kept(demo: Demo) -> None:
    maya, message = await a_message(demo)
    script = {"match": {"operation": "send"}, "times": 1, "fault": {"status": 400, "code": 131009}}
    await demo.simulator("POST", "/faults", json=script)
    refused = await demo.agent.post(f"/messages/{message['id']}/reactions", {"emoji": "👍"}, 409)
    assert refused["code"] == "provider_error"
    (again,) = await demo.agent.thread(message["conversation_id"])
    assert again["reactions"] == []
    assert await on_the_phone(maya) is None


# -- reading and writing ---------------------------------------------------------------------------


async def seen(maya: Customer) -> list[bool]:
    return [m["seen"] for m in await maya.phone_shows() if m["direction"] == "inbound"]


async def test_reading_is_told_to_the_provider(demo: Demo) -> None:
    maya, message = await a_message(demo)
    assert await seen(maya) == [False]
    path = f"/conversations/{message['conversation_id']}/read"
    await demo.agent.post(path, {"through": message["id"]})

    async def told() -> bool:
        return await seen(maya) == [True]

    await wait_for(told, what="the reading")


async def test_writing_is_told_and_not_at_every_letter(demo: Demo) -> None:
    maya, message = await a_message(demo)
    screen = await demo.agent.opens_screen()
    before = await sends(demo)
    for _ in range(3):
        await screen.send(type="typing", conversation_id=message["conversation_id"], on=True)

    async def told() -> bool:
        return await seen(maya) == [True]

    await wait_for(told, what="the writing, which marks as read")
    await screen.passes()
    assert await sends(demo) == before + 1


async def test_who_stopped_is_told_nothing(demo: Demo) -> None:
    maya, message = await a_message(demo)
    screen = await demo.agent.opens_screen()
    await maya.writes("STOP")
    conversation = message["conversation_id"]
    await screen.gets("consent.revoked", conversation_id=conversation)
    last = (await demo.agent.thread(conversation))[-1]
    await demo.agent.post(f"/conversations/{conversation}/read", {"through": last["id"]})
    # Another's reading, asked for after it, is told: so the first one is over.
    other, theirs = await a_message(demo)
    path = f"/conversations/{theirs['conversation_id']}/read"
    await demo.agent.post(path, {"through": theirs["id"]})

    async def told() -> bool:
        return await seen(other) == [True]

    await wait_for(told, what="the other's reading")
    assert await seen(maya) == [False, False]
