"""From the outbox to the provider, and back: in order, once, and never silently lost.

The provider is the simulator, over HTTP; its statuses come back as signed webhooks.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connectors import registry
from connectors.http import Http
from inbox.delivery import Delivery
from inbox.directory import Directory
from inbox.domain.agent import Agent, Role
from inbox.domain.channel import Channel
from inbox.domain.errors import Conflict
from inbox.domain.ids import AgentId
from inbox.domain.message import Failure, Message, Status
from tests.delivering import (
    KINDS,
    ON_ITS_WAY,
    QUEUED,
    SENT,
    UNKNOWN,
    channel,
    quiet,
    told,
    with_conversation,
    writes_back,
)
from tests.network import Served
from tests.office import Office, until, whatsapp, whatsapp_item
from tests.servers import free_port

# -- the usual way ---------------------------------------------------------------------------------


async def test_a_message_is_sent_delivered_and_read(served: Served) -> None:
    await with_conversation(served, "whatsapp")
    message = await writes_back(served, "It is ready.")
    read = await served.office.reaches(message, Status.READ)
    assert set(read.status_at) >= {"sent", "read"}
    assert read.delivery is None
    assert read.decision is not None
    assert read.decision["code"] == "ALLOW_REPLY"
    assert await served.received("whatsapp") == ["It is ready."]
    assert await served.sends("whatsapp") == 1

    async def shown() -> bool:
        last = (await served.office.conversation()).last_message
        return last is None or last.status == "read"

    await until(shown)


async def test_a_text_message_is_sent_and_delivered(served: Served) -> None:
    await with_conversation(served, "sms")
    message = await writes_back(served, "It is ready.")
    await served.office.reaches(message, Status.DELIVERED)
    assert await served.received("sms") == ["It is ready."]
    assert await served.sends("sms") == 1


async def test_statuses_that_overtake_the_answer_are_kept(served: Served) -> None:
    await with_conversation(served, "sms")
    await served.fault("status", statuses_before_answer=True)
    message = await writes_back(served, "It is ready.")
    delivered = await served.office.reaches(message, Status.DELIVERED)
    await served.context.delivery.drained()
    assert (await served.office.again(message)).status is Status.DELIVERED
    assert delivered.status_at


async def test_what_a_crash_left_in_the_outbox_is_sent(served: Served) -> None:
    """Stored, and nobody was told: the sweep finds it."""
    await with_conversation(served, "whatsapp")
    message = await served.office.accepts("It is ready.")
    await served.office.reaches(message, *ON_ITS_WAY)
    assert await served.sends("whatsapp") == 1


async def test_two_workers_send_a_message_once(served: Served) -> None:
    await with_conversation(served, "whatsapp")
    other = served.office.a_delivery()
    messages = [await served.office.accepts(str(number)) for number in range(5)]
    for worker in (other, served.context.delivery):
        worker.wake(messages)
    for message in messages:
        await served.office.reaches(message, *ON_ITS_WAY)
    await other.close()
    assert await served.received("whatsapp") == ["0", "1", "2", "3", "4"]
    assert await served.sends("whatsapp") == 5


# -- trouble ---------------------------------------------------------------------------------------


async def test_a_conversation_keeps_its_order_while_another_goes_on(served: Served) -> None:
    maya = await with_conversation(served, "whatsapp", "maya")
    leo = await with_conversation(served, "whatsapp", "leo")
    await served.fault("send", status=429, code=130429, retry_after=2)
    first = await writes_back(served, "one", maya)

    async def put_off() -> bool:
        return await served.sends("whatsapp") == 1

    await until(put_off)
    second = await writes_back(served, "two", maya)
    aside = await writes_back(served, "to Leo", leo)
    await served.office.reaches(second, *ON_ITS_WAY)
    assert await served.received("whatsapp") == ["one", "two"]
    sent = [(await served.office.again(one)).status_at["sent"] for one in (aside, first, second)]
    assert sent == sorted(sent)


@KINDS
async def test_the_wait_that_a_provider_asks_for_is_kept(served: Served, kind: str) -> None:
    await with_conversation(served, kind)
    code = {"whatsapp": 130429, "sms": 20429}[kind]
    await served.fault("send", status=429, code=code, retry_after=2)
    started = time.monotonic()
    message = await writes_back(served, "It is ready.")
    sent = await served.office.reaches(message, *ON_ITS_WAY)
    assert 1.9 < time.monotonic() - started < 6
    assert await served.sends(kind) == 2
    assert sent.failure is None


async def test_a_passing_fault_of_the_provider_is_tried_again(served: Served) -> None:
    await with_conversation(served, "whatsapp")
    await served.fault("send", status=500, code=131000)
    message = await writes_back(served, "It is ready.")
    await served.office.reaches(message, *ON_ITS_WAY)
    assert await served.sends("whatsapp") == 2
    assert await served.received("whatsapp") == ["It is ready."]


async def test_a_provider_out_of_reach_is_tried_again(served: Served) -> None:
    """Nobody listens at its address: nothing can have been taken."""
    await with_conversation(served, "whatsapp")
    message = await served.office.accepts("It is ready.")
    port = free_port()
    nowhere = f"http://127.0.0.1:{port}"
    http = Http(allow=frozenset({("127.0.0.1", port)}))
    await http.start()
    lost = replace(
        served.office, connectors=registry(http, graph_url=nowhere, twilio_url=nowhere)
    ).a_delivery()
    lost.wake([message])
    await lost.drained()
    await http.close()
    current = await served.office.again(message)
    assert current.status in (QUEUED, *ON_ITS_WAY)
    await served.office.reaches(message, *ON_ITS_WAY)
    assert await served.sends("whatsapp") == 1


BROKEN: dict[str, dict[str, Any]] = {
    "an answer dropped after accepting": {"drop_answer_after_accepting": True},
    "a connection reset": {"reset": True},
    "an answer that is no answer": {"garbage": True},
}


@KINDS
@pytest.mark.parametrize("fault", BROKEN.values(), ids=BROKEN)
async def test_what_may_have_been_taken_is_unknown_and_not_sent_again(
    served: Served, kind: str, fault: dict[str, Any]
) -> None:
    await with_conversation(served, kind)
    await served.fault("status", delay_s=5)
    await served.fault("send", **fault)
    message = await writes_back(served, "It is ready.")
    unknown = await served.office.reaches(message, UNKNOWN)
    assert unknown.delivery is None
    await quiet(served)
    assert await served.sends(kind) == 1
    assert (await served.office.again(message)).status is UNKNOWN


@KINDS
async def test_an_unknown_outcome_is_known_once_a_status_comes(served: Served, kind: str) -> None:
    await with_conversation(served, kind)
    await served.fault("status", delay_s=0.5)
    await served.fault("send", drop_answer_after_accepting=True)
    message = await writes_back(served, "It is ready.")
    await served.office.reaches(message, UNKNOWN)
    known = await served.office.reaches(message, Status.DELIVERED, Status.READ)
    assert known.provider_id is not None
    assert await served.received(kind) == ["It is ready."]
    assert await served.sends(kind) == 1


async def test_a_provider_that_never_answers_holds_up_nobody_else(served: Served) -> None:
    maya = await with_conversation(served, "whatsapp", "maya")
    leo = await with_conversation(served, "whatsapp", "leo")
    await served.fault("send", hang=True)
    held = await writes_back(served, "one", maya)
    behind = await writes_back(served, "two", maya)
    await asyncio.sleep(0.2)
    aside = await writes_back(served, "to Leo", leo)
    await served.office.reaches(aside, *ON_ITS_WAY)
    assert (await served.office.again(held)).status is QUEUED

    async def given_up() -> bool:
        return (await served.office.again(held)).status is UNKNOWN

    await until(given_up, limit_s=15)
    await served.office.reaches(behind, *ON_ITS_WAY)
    assert await served.received("whatsapp") == ["two"]


async def test_a_worker_that_went_away_with_a_message_leaves_it_unknown(served: Served) -> None:
    await with_conversation(served, "whatsapp")
    store = served.office.stores
    # Claimed with a lease that is over at once, and never heard of again.
    past = datetime.now(UTC) + timedelta(hours=1)
    message = await served.office.accepts("It is ready.", at=past)
    assert await store.outbox.claim(message, datetime.now(UTC) - timedelta(seconds=1))
    await served.office.reaches(message, UNKNOWN)
    await quiet(served)
    assert await served.sends("whatsapp") == 0


async def test_many_that_wait_hide_nobody_whose_turn_it_is(served: Served) -> None:
    """More than a sweep looks at, all of them behind one whose time has not come."""
    maya = await with_conversation(served, "whatsapp", "maya")
    leo = await with_conversation(served, "whatsapp", "leo")
    later = datetime.now(UTC) + timedelta(hours=1)
    first = await served.office.accepts("first", maya, at=later)
    for number in range(110):
        await served.office.accepts(str(number), maya)
    aside = await served.office.accepts("to Leo", leo)
    await served.office.reaches(aside, *ON_ITS_WAY)
    assert await served.received("whatsapp") == []
    await served.office.stores.outbox.wait(first, datetime.now(UTC))
    await served.office.reaches(first, *ON_ITS_WAY)


# -- an agent's word -------------------------------------------------------------------------------

ANA = Agent(
    id=AgentId("agt_ana"),
    workspace_id="wsp_1",  # type: ignore[arg-type]
    email="ana@harbour.example",
    name="Ana Silva",
    role=Role.AGENT,
)


async def an_unknown(line: Served) -> Message:
    await with_conversation(line, "whatsapp")
    await line.fault("send", reset=True)
    message = await writes_back(line, "It is ready.")
    return await line.office.reaches(message, UNKNOWN)


async def test_an_unknown_message_is_sent_again_when_an_agent_says_so(served: Served) -> None:
    message = await an_unknown(served)
    again = await served.context.delivery.retry(message, ANA)
    assert again.status is QUEUED
    await served.office.reaches(message, *ON_ITS_WAY)
    assert await served.received("whatsapp") == ["It is ready."]
    assert "message.retry_requested" in served.office.events
    with pytest.raises(Conflict):
        await served.context.delivery.retry(await served.office.again(message), ANA)


async def test_an_unknown_message_is_sent_when_an_agent_says_that_it_arrived(
    served: Served,
) -> None:
    message = await an_unknown(served)
    marked = await served.context.delivery.mark_sent(message)
    assert marked.status is SENT
    with pytest.raises(Conflict):
        await served.context.delivery.mark_sent(marked)
    await quiet(served)
    assert await served.received("whatsapp") == []


async def test_two_agents_who_ask_at_once_get_one_more_try(served: Served) -> None:
    message = await an_unknown(served)
    tries = [served.context.delivery.retry(message, ANA) for _ in range(5)]
    results = await asyncio.gather(*tries, return_exceptions=True)
    assert sum(isinstance(one, Conflict) for one in results) == 4
    await served.office.reaches(message, *ON_ITS_WAY)
    await quiet(served)
    assert await served.received("whatsapp") == ["It is ready."]


@KINDS
async def test_a_message_waits_while_its_channel_must_be_mended(served: Served, kind: str) -> None:
    await with_conversation(served, kind)
    name = {"whatsapp": "access_token", "sms": "auth_token"}[kind]
    await served.open_line(kind, **{name: "another"})
    message = await writes_back(served, "It is ready.")

    async def in_trouble() -> Channel | None:
        found = await channel(served, kind)
        return found if found.state == "reauthorization_required" else None

    troubled = await until(in_trouble)
    assert troubled.trouble
    await told(served, "channel.reauthorization_required")
    await served.context.delivery.drained()
    waiting = await served.office.again(message)
    assert waiting.status is QUEUED
    assert waiting.delivery is not None
    assert waiting.delivery.next_at > datetime.now(UTC) + timedelta(seconds=30)
    # Mended; its time comes (earlier here than in life).
    await served.open_line(kind)
    now = datetime.now(UTC)
    assert await served.office.stores.outbox.put_back(waiting, now, Failure(code="1", reason="."))
    await served.office.reaches(message, *ON_ITS_WAY)

    async def well() -> bool:
        return (await channel(served, kind)).state == "connected"

    await until(well)
    await told(served, "channel.recovered")


async def test_a_server_that_is_alone_ends_the_leases_of_the_one_before_it(office: Office) -> None:
    await office.takes("whatsapp", whatsapp(whatsapp_item("Where is it?")))
    message = await office.accepts()
    long_lease = datetime.now(UTC) + timedelta(seconds=40)
    assert await office.stores.outbox.claim(message, long_lease) is not None
    await office.a_delivery().take_over()
    assert (await office.again(message)).status is Status.UNKNOWN


# -- the work and its lease ------------------------------------------------------------------------


def a_worker(served: Served, lease: timedelta) -> Delivery:
    office = served.office
    directory = Directory(office.stores.channels)
    return Delivery(
        office.stores, office.hub, office.connectors, directory, office.links, lease=lease
    )


async def test_a_send_that_outlasts_its_lease_is_not_given_up(served: Served) -> None:
    """The other server's sweep looks twice a second for leases that are over."""
    await with_conversation(served, "whatsapp")
    await served.fault("send", delay_s=2.5)
    slow = a_worker(served, timedelta(seconds=0.6))
    message = await served.office.accepts(at=datetime.now(UTC) + timedelta(hours=1))
    await slow.start()
    slow.wake([message])
    await slow.drained()
    await slow.close()
    assert (await served.office.again(message)).status in ON_ITS_WAY
    assert "unknown" not in (await served.office.again(message)).status_at
    assert await served.sends("whatsapp") == 1


async def test_a_worker_that_ends_lets_its_send_finish_and_begins_no_other(served: Served) -> None:
    await with_conversation(served, "whatsapp")
    await served.fault("send", delay_s=1)
    worker = a_worker(served, timedelta(minutes=1))
    later = datetime.now(UTC) + timedelta(hours=1)
    first, second = [await served.office.accepts(text, at=later) for text in ("one", "two")]
    worker.wake([first, second])

    async def under_way() -> bool:
        current = (await served.office.again(first)).delivery
        return current is not None and current.state == "sending"

    await until(under_way)
    await worker.close()
    assert (await served.office.again(first)).status in ON_ITS_WAY
    assert (await served.office.again(second)).status is QUEUED
