"""The database or Redis away for a while, and back, without a restart of the server."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Iterator

import pytest

from tests.servers import RedisServer
from tests.system.conftest import Start, Visit
from tests.system.demo import MARK
from tests.system.waiting import wait_for

pytestmark = pytest.mark.timeout(180)


@pytest.fixture
def redis() -> Iterator[RedisServer]:
    server = RedisServer()
    server.start()
    yield server
    server.stop()


async def test_w5_without_a_database_webhooks_are_not_acknowledged_and_all_comes_back(
    start: Start, visit: Visit
) -> None:
    program = start("--demo")
    demo = await visit(program)
    maya = await demo.customer("sms")
    await maya.writes(f"Before {MARK}")
    conversation_id = (await demo.agent.finds(maya))["id"]
    screen = await demo.agent.opens_screen()
    database = program.relative("secantusd")

    os.kill(database, signal.SIGSTOP)  # it hangs, which is worse than being gone
    calls = {f"During {n} {MARK}": maya.signed(f"During {n} {MARK}") for n in range(5)}
    started = time.monotonic()
    answers = await asyncio.gather(*(demo.takes(call) for call in calls.values()))
    took_s = time.monotonic() - started
    away = await screen.gets("service", limit_s=10, database=False)
    ready = await demo.call("GET", "/readyz")
    listed = await demo.agent.call("GET", "/conversations")
    alive = await demo.call("GET", "/healthz")
    os.kill(database, signal.SIGKILL)

    assert away
    assert {a.status for a in answers} == {503}
    assert all("retry-after" in a.headers for a in answers)
    assert took_s < 6.5  # five, and what this machine does meanwhile
    assert (ready.status, listed.status, alive.status) == (503, 503, 200)
    assert listed.json["detail"]
    await screen.gets("service", limit_s=15, database=True)
    for call in calls.values():  # the provider comes again, as it does after a 503
        assert (await demo.takes(call)).status == 200
    for text in calls:
        await screen.gets("message.created", text=text)
    reply = await demo.agent.replies(conversation_id, f"After {MARK}")
    await screen.gets("message.status_changed", id=reply["id"], status="delivered")
    thread = await demo.agent.thread(conversation_id)
    assert sorted(m["text"] for m in thread) == sorted([*calls, f"Before {MARK}", f"After {MARK}"])


async def test_w5_a_database_killed_under_load_loses_nothing_that_was_acknowledged(
    start: Start, visit: Visit
) -> None:
    program = start("--demo")
    demo = await visit(program)
    people = [await demo.customer("sms") for _ in range(4)]
    acknowledged: dict[str, list[str]] = {person.name: [] for person in people}
    refused = 0
    stop = asyncio.Event()

    async def write(person_number: int) -> None:
        nonlocal refused
        person = people[person_number]
        number = 0
        while not stop.is_set():
            text = f"Load {person_number}-{number} {MARK}"
            number += 1
            call = person.signed(text)
            while (status := (await demo.takes(call)).status) == 503:
                refused += 1
                await asyncio.sleep(0.05)
            assert status == 200
            acknowledged[person.name].append(text)

    writers = [asyncio.create_task(write(n)) for n in range(len(people))]
    for _ in range(3):
        sent = sum(map(len, acknowledged.values()))
        await wait_for(lambda sent=sent: sum(map(len, acknowledged.values())) > sent + 40, 20)
        os.kill(program.relative("secantusd"), signal.SIGKILL)
        await asyncio.sleep(0.1)
    sent = sum(map(len, acknowledged.values()))
    await wait_for(lambda: sum(map(len, acknowledged.values())) > sent + 40, 20)
    stop.set()
    await asyncio.gather(*writers)
    print(f"{sum(map(len, acknowledged.values()))} acknowledged, {refused} refused meanwhile")

    for person in people:
        conversation_id = (await demo.agent.finds(person))["id"]

        async def all_there(id_: str = conversation_id, name: str = person.name) -> bool:
            texts = [m["text"] for m in await demo.agent.thread(id_)]
            assert len(set(texts)) == len(texts), "something is there twice"
            return sorted(texts) == sorted(acknowledged[name])

        # A worker that met the outage a second time leaves its entry for half a minute.
        await wait_for(all_there, limit_s=60, what="everything acknowledged, once")


async def test_without_redis_events_still_reach_the_screens_of_this_server(
    start: Start, visit: Visit, redis: RedisServer
) -> None:
    program = start("--demo", INBOX_REDIS_URL=redis.url)
    demo = await visit(program)
    maya = await demo.customer()
    screen = await demo.agent.opens_screen()
    await maya.writes(f"With Redis {MARK}")
    await screen.gets("message.created", text=f"With Redis {MARK}")

    redis.kill()
    answer = await demo.takes(maya.signed(f"Without Redis {MARK}"))
    await screen.gets("message.created", text=f"Without Redis {MARK}")
    ready = await demo.call("GET", "/readyz")
    conversation_id = (await demo.agent.finds(maya))["id"]
    reply = await demo.agent.replies(conversation_id, f"Answer {MARK}")
    await screen.gets("message.status_changed", id=reply["id"], status="delivered")
    redis.start()

    assert answer.status == 200
    assert (ready.status, ready.json["database"]) == (200, True)

    async def hub_is_back() -> bool:
        return bool((await demo.call("GET", "/readyz")).json["hub"])

    await wait_for(hub_is_back, limit_s=15, what="the hub")
    await maya.writes(f"With Redis again {MARK}")
    await screen.gets("message.created", text=f"With Redis again {MARK}")
    texts = [m["text"] for m in await demo.agent.thread(conversation_id)]
    assert texts == [
        f"{word} {MARK}" for word in ("With Redis", "Without Redis", "Answer", "With Redis again")
    ]
