"""Starting, stopping and being killed: what a person does to a server, and what a machine does."""

from __future__ import annotations

import asyncio
import random

import pytest

from tests.system.conftest import Start, Visit
from tests.system.demo import MARK, Customer, draw
from tests.system.program import Program
from tests.system.waiting import wait_for

KILLS = 5
# A machine that is busy with other things takes its time for each of many starts.
pytestmark = pytest.mark.timeout(240)


def _ends_alone(program: Program) -> bool:
    return not program.relatives()


async def test_what_was_answered_200_is_there_once_after_a_kill(start: Start, visit: Visit) -> None:
    program = start("--demo")
    demo = await visit(program)
    people = [await demo.customer(kind) for kind in ("whatsapp", "sms")]
    chance = random.Random(7)
    for number in range(KILLS):
        calls = [person.signed(f"Line {number} {MARK}") for person in people]
        answers = await asyncio.gather(*(demo.takes(call) for call in calls))
        await asyncio.sleep(chance.uniform(0, 0.03))
        program.kill()
        assert {answer.status for answer in answers} == {200}
        program.start()
        demo = await visit(program)
        for person in people:
            person.visits(demo)
    screen = await demo.agent.opens_screen()
    expected = [f"Line {number} {MARK}" for number in range(KILLS)]
    for person in people:

        async def all_there(person: Customer = person) -> bool:
            thread = await demo.agent.thread((await demo.agent.finds(person))["id"])
            return sorted(m["text"] for m in thread) == expected

        async def counted(person: Customer = person) -> bool:  # just after it is stored
            return bool((await demo.agent.finds(person))["inbound_seq"] == KILLS)

        # Less than a lease: what the dead had in hand is taken over at once.
        await wait_for(all_there, limit_s=20, what="every message, once")
        await wait_for(counted, what="every message counted, once")
    await screen.passes()
    events = [f["data"]["id"] for f in screen.all("message.created")]
    assert len(set(events)) == len(events)


async def test_a_reply_that_was_accepted_reaches_the_phone_once_after_a_kill(
    start: Start, visit: Visit
) -> None:
    program = start("--demo")
    demo = await visit(program)
    maya = await demo.customer("sms")
    await maya.writes(f"Hello {MARK}")
    conversation_id = (await demo.agent.finds(maya))["id"]
    match = {"operation": "send", "kind": "sms"}
    refuse = {"match": match, "fault": {"status": 503, "code": 20503}, "times": 50}
    await demo.simulator("POST", "/faults", json=refuse)

    reply = await demo.agent.replies(conversation_id, f"Accepted {MARK}")

    async def refused_for_now() -> bool:
        counts = (await demo.simulator("GET", "/log"))["counts"]
        return bool(counts.get("sms.send.503", 0) >= 2)

    await wait_for(refused_for_now, what="a refusal")
    await asyncio.sleep(0.2)  # it has been recorded; the next try is more than a second away
    program.kill()
    program.start()
    demo = await visit(program)
    maya.visits(demo)

    async def arrived() -> bool:
        thread = await demo.agent.thread(conversation_id)
        (message,) = [m for m in thread if m["id"] == reply["id"]]
        return bool(message["status"] == "delivered")

    await wait_for(arrived, limit_s=20, what="the delivery")
    assert (await maya.received()).count(f"Accepted {MARK}") == 1


async def test_a_kill_leaves_no_process_and_the_next_start_works_at_once(
    start: Start, visit: Visit
) -> None:
    program = start("--demo")
    demo = await visit(program)
    maya = await demo.customer()
    await maya.writes(f"Look {MARK}", image=draw())
    conversation = await demo.agent.finds(maya)
    reply = await demo.agent.replies(conversation["id"], f"Nice {MARK}")

    async def read() -> bool:
        return (await demo.agent.thread(conversation["id"]))[-1]["status"] == "read"

    await wait_for(read)
    before = await demo.agent.thread(conversation["id"])
    for number in range(3):
        assert len(program.relatives()) == 2  # the database and the simulator
        program.kill()
        if number != 1:  # once it starts while they are still on their way out
            await wait_for(lambda: _ends_alone(program), what="the end of the children")
        print(f"started again after {program.start():.2f} s")
        assert len(program.relatives()) == 2

    old_logins = demo.logins
    demo = await visit(program)
    maya.visits(demo)
    assert demo.logins == old_logins
    assert await demo.agent.thread(conversation["id"]) == before
    assert f"Nice {MARK}" in await maya.received()
    again = {"client_id": reply["client_id"], "text": f"Nice {MARK}"}
    repeated = await demo.agent.post(f"/conversations/{conversation['id']}/messages", again)
    assert repeated["id"] == reply["id"]


@pytest.mark.parametrize("how", ["interrupt", "terminate"])
async def test_it_ends_quietly_when_asked_to_and_takes_everything_along(
    start: Start, visit: Visit, how: str
) -> None:
    program = start("--demo")
    demo = await visit(program)
    screen = await demo.agent.opens_screen()
    said = program.log

    ending = asyncio.create_task(asyncio.to_thread(getattr(program, how)))

    assert (await screen.gets_closed(15))[0] == 1012
    assert await ending in (0, 130)
    assert not program.relatives()
    assert "Traceback" not in program.log[len(said) :]
    assert not list(program.data_dir.glob("*.process"))


async def test_a_data_directory_is_for_its_owner_and_one_server_alone(start_once: Start) -> None:
    program = start_once("--demo")
    rival = Program(program.data_dir, "--demo")
    rival.log_path = program.data_dir.with_name("rival.log")

    with pytest.raises(AssertionError, match="Another Assent is running"):
        rival.start()

    rival.stop()
    assert len(program.relatives()) == 2
    assert "Traceback" not in rival.log

    assert program.data_dir.stat().st_mode & 0o077 == 0
    for name in ("demo.json", "keys"):
        assert (program.data_dir / name).stat().st_mode & 0o077 == 0
