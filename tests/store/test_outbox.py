"""The outbox: who may send a message now, and what becomes of one whose worker went away."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

from inbox.domain.conversation import Conversation
from inbox.domain.message import Direction, Failure, Message, Status
from inbox.stores import Stores
from tests.office import NOW, a_conversation, a_draft

LEASE = NOW + timedelta(seconds=45)
NOT_NOW = Failure(code="http_429", reason="Later.")
SECOND = timedelta(seconds=1)


async def queued(
    store: Stores, conversation: Conversation | None = None, at: datetime = NOW
) -> Message:
    conversation = conversation or await a_conversation(store)
    draft = a_draft(conversation, direction=Direction.OUTBOUND, at=at)
    return (await store.messages.append(conversation, [draft], durable=True))[0]


async def claimed(store: Stores, message: Message, until: datetime = LEASE) -> Message:
    found = await store.outbox.claim(message, until)
    assert found is not None
    return found


async def test_of_eight_who_claim_a_message_one_gets_it(store: Stores) -> None:
    message = await queued(store)
    tries = await asyncio.gather(*(store.outbox.claim(message, LEASE) for _ in range(8)))
    (won,) = [one for one in tries if one is not None]
    assert won.delivery is not None
    assert (won.delivery.state, won.delivery.attempts, won.delivery.fence) == ("sending", 1, 1)
    assert await store.outbox.due(LEASE) == []


async def test_a_message_is_due_when_its_time_has_come(store: Stores) -> None:
    later = await queued(store, await a_conversation(store, 101), NOW + SECOND)
    first = await queued(store, await a_conversation(store, 102), NOW)
    assert [one.id for one in await store.outbox.due(NOW)] == [first.id]
    assert [one.id for one in await store.outbox.due(NOW + SECOND)] == [first.id, later.id]


async def test_a_lease_that_is_over_shows(store: Stores) -> None:
    message = await claimed(store, await queued(store))
    assert await store.outbox.expired(LEASE - SECOND) == []
    assert [one.id for one in await store.outbox.expired(LEASE)] == [message.id]


async def test_a_conversation_sends_one_after_the_other(store: Stores) -> None:
    conversation = await a_conversation(store)
    first, second = await queued(store, conversation), await queued(store, conversation)
    other = await queued(store, await a_conversation(store, 102))
    assert await store.outbox.ahead_of(first) is None
    assert await store.outbox.ahead_of(second) == first
    assert await store.outbox.ahead_of(other) is None
    leased = await claimed(store, first)
    assert await store.outbox.ahead_of(second) == leased
    await store.outbox.record_sent(leased, "out.1", {}, NOW)
    assert await store.outbox.ahead_of(second) is None


async def test_one_that_waits_its_turn_is_not_due_before(store: Stores) -> None:
    message = await queued(store)
    await store.outbox.wait(message, NOW + SECOND)
    assert await store.outbox.due(NOW) == []
    assert [one.id for one in await store.outbox.due(NOW + SECOND)] == [message.id]
    leased = await claimed(store, message)
    await store.outbox.wait(message, NOW)
    assert await store.outbox.expired(LEASE) == [leased]


async def test_a_message_that_was_taken_has_left_the_outbox(store: Stores) -> None:
    message = await claimed(store, await queued(store))
    sent = await store.outbox.record_sent(message, "out.1", {"code": "ALLOW_REPLY"}, NOW)
    assert sent is not None
    assert (sent.status, sent.provider_id, sent.delivery) == (Status.SENT, "out.1", None)
    assert sent.decision == {"code": "ALLOW_REPLY"}
    assert sent.status_at == {"sent": NOW}
    assert await store.outbox.expired(LEASE) == []


async def test_a_status_that_came_before_the_answer_is_kept(store: Stores) -> None:
    message = await claimed(store, await queued(store))
    await store.messages.set_status(message, Status.DELIVERED, NOW)
    sent = await store.outbox.record_sent(message, "out.1", {}, NOW)
    assert sent is not None
    assert (sent.status, sent.provider_id, sent.delivery) == (Status.DELIVERED, "out.1", None)


async def test_a_message_that_was_not_taken_waits_its_time(store: Stores) -> None:
    message = await claimed(store, await queued(store))
    assert await store.outbox.put_back(message, NOW + SECOND, NOT_NOW)
    assert await store.outbox.due(NOW) == []
    (again,) = await store.outbox.due(NOW + SECOND)
    assert again.delivery is not None
    assert (again.delivery.state, again.delivery.attempts) == ("queued", 1)


async def test_a_worker_whose_lease_went_to_another_changes_nothing(store: Stores) -> None:
    slow = await claimed(store, await queued(store))
    ended = await store.outbox.end(slow, Status.UNKNOWN, None, NOW)
    assert ended is not None
    fast = await store.outbox.requeue(ended, NOW)
    assert fast is not None
    fast = await claimed(store, fast)
    assert not await store.outbox.put_back(slow, NOW, NOT_NOW)
    assert await store.outbox.end(slow, Status.FAILED, NOT_NOW, NOW) is None
    current = await store.messages.find(slow.workspace_id, slow.id)
    assert current == fast


async def test_what_a_report_says_was_taken_is_not_put_back(store: Stores) -> None:
    message = await claimed(store, await queued(store))
    await store.messages.set_status(message, Status.SENT, NOW, provider_id="out.1")
    assert not await store.outbox.put_back(message, NOW, NOT_NOW)
    assert await store.outbox.end(message, Status.UNKNOWN, None, NOW) is None
    assert await store.outbox.due(LEASE) == []


async def test_only_what_failed_or_is_unknown_can_be_tried_again(store: Stores) -> None:
    message = await claimed(store, await queued(store))
    assert await store.outbox.requeue(message, NOW) is None
    failed = await store.outbox.end(message, Status.FAILED, NOT_NOW, NOW)
    assert failed is not None
    assert (failed.status, failed.failure) == (Status.FAILED, NOT_NOW)
    again = await store.outbox.requeue(failed, NOW)
    assert again is not None
    assert (again.status, again.failure, again.status_at) == (Status.QUEUED, None, {})
    assert await store.outbox.tries(again) == 1
    assert [one.id for one in await store.outbox.due(NOW)] == [message.id]
    sent = await store.outbox.record_sent(await claimed(store, again), "out.1", {}, NOW)
    assert sent is not None
    assert await store.outbox.requeue(sent, NOW) is None


async def test_one_id_for_two_messages_does_not_lose_the_second(store: Stores) -> None:
    conversation = await a_conversation(store)
    for _ in range(2):
        message = await claimed(store, await queued(store, conversation))
        sent = await store.outbox.record_sent(message, "out.1", {}, NOW)
        assert sent is not None
        assert sent.status is Status.SENT
    assert await store.outbox.expired(LEASE) == []
