"""What a client folds from events equals what it would fetch."""

from __future__ import annotations

import asyncio
import random

import pytest

from tests.system.demo import MARK, Customer, Demo, draw
from tests.system.screen import Folded, Json, Screen
from tests.system.waiting import wait_for

_ALSO_IN_LIST = ("status", "last_seq", "inbound_seq", "last_activity_at", "unread", "contact")


class _Day:
    """A random but repeatable day in the inbox: customers write, agents answer, read, resolve."""

    def __init__(self, demo: Demo, people: list[Customer], seed: int) -> None:
        self._demo = demo
        self._people = people
        self._random = random.Random(seed)
        self._ids: dict[str, str] = {}
        self._count = 0

    async def begin(self) -> list[str]:
        for person in self._people:
            await person.writes(f"Good morning {MARK}")
            self._ids[person.name] = (await self._demo.agent.finds(person))["id"]
        return list(self._ids.values())

    async def step(self) -> None:
        person = self._random.choice(self._people)
        path = f"/conversations/{self._ids[person.name]}"
        self._count += 1
        text = f"{self._count} {MARK} " + "long " * self._random.choice((0, 0, 60))
        agent = self._demo.agent
        match self._random.choice(["write", "write", "picture", "reply", "read", "move", "note"]):
            case "write":
                word = self._random.choice([text, text, text, "HELP"])
                await person.writes(word)
            case "picture":
                await person.writes(text, image=draw())
            case "reply":
                await agent.replies(self._ids[person.name], text)
            case "note":
                await self._demo.manager.replies(self._ids[person.name], text, note=True)
            case "read":
                thread = await agent.thread(self._ids[person.name])
                through = self._random.choice(thread)["id"]
                await agent.post(path + "/read", {"through": through})
            case "move":
                await agent.post(path + self._random.choice(["/resolve", "/reopen"]))


def _is_over(message: Json) -> bool:
    """Whether the provider has nothing more to say of it; SMS reports no reading."""
    is_sms = (message["provider_id"] or "").startswith(("SM", "MM"))
    return bool(message["status"] == ("delivered" if is_sms else "read"))


async def _at_rest(demo: Demo, ids: list[str]) -> list[list[Json]]:
    """The threads, once nothing is on its way any more."""

    async def settled() -> list[list[Json]] | None:
        threads = [await demo.agent.thread(id_) for id_ in ids]
        every = [message for thread in threads for message in thread]
        moving = [m for m in every if m["direction"] == "outbound" and not _is_over(m)]
        pending = [a for m in every for a in m["attachments"] if a["state"] == "pending"]
        return None if moving or pending else threads

    found = await wait_for(settled, limit_s=20, what="quiet")
    assert found is not None
    return found


def _as_in_list(conversation: Json) -> Json:
    last = {
        k: conversation["last_message"][k] for k in ("id", "seq", "direction", "text", "status")
    }
    return {**{key: conversation[key] for key in _ALSO_IN_LIST}, "last_message": last}


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_what_is_folded_from_events_is_what_would_be_fetched(demo: Demo, seed: int) -> None:
    whole = await demo.agent.opens_screen()
    broken = await demo.agent.opens_screen()
    parts: list[Screen] = [broken]
    people = [
        await demo.customer(kind, read_delay_s=0.3) for kind in ("whatsapp", "sms", "whatsapp")
    ]
    day = _Day(demo, people, seed)
    ids = await day.begin()
    for number in range(14):
        await asyncio.gather(*(day.step() for _ in range(3)))
        if number % 5 == 4:  # a screen that loses its connection and comes back
            await parts[-1].passes()
            await parts[-1].close()
            parts.append(await demo.agent.opens_screen(parts[-1].cursor))
    threads = await _at_rest(demo, ids)
    me = (await demo.agent.get("/me"))["id"]
    for screens in ([whole], parts):
        await screens[-1].passes()
        folded = Folded(me)
        folded.fold(f for s in screens for f in s.frames if f.get("conversation_id") in ids)
        for id_, thread in zip(ids, threads, strict=True):
            assert [m["id"] for m in folded.thread(id_)] == [m["id"] for m in thread]
            for mine, theirs in zip(folded.thread(id_), thread, strict=True):
                assert mine == theirs
            fetched = await demo.agent.get(f"/conversations/{id_}")
            assert _as_in_list(folded.conversations[id_]) == _as_in_list(fetched)
