"""The outbox: who may send a message now, and what becomes of one whose worker went away."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

from inbox.domain.conversation import Conversation
from inbox.domain.message import Direction, Failure, Message, Status
from inbox.store.message_documents import provider_key
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


async def test_a_lease_is_renewed_by_who_holds_it_alone(store: Stores) -> None:
    slow = await claimed(store, await queued(store))
    longer = LEASE + timedelta(minutes=1)
    assert await store.outbox.renew(slow, longer)
    assert await store.outbox.expired(LEASE) == []
    ended = await store.outbox.end(slow, Status.UNKNOWN, None, NOW)
    assert ended is not None
    assert not await store.outbox.renew(slow, longer)
    again = await store.outbox.requeue(ended, NOW)
    assert again is not None
    fast = await claimed(store, again)
    assert not await store.outbox.renew(slow, longer)
    assert await store.outbox.renew(fast, longer)


async def test_a_claim_is_the_message_as_it_is_stored(store: Stores) -> None:
    message = await claimed(store, await queued(store))
    assert await store.messages.find(message.workspace_id, message.id) == message


async def test_what_has_enough_to_do_hides_nobody_whose_time_has_come(store: Stores) -> None:
    busy = await a_conversation(store, 101)
    full = await a_conversation(store, 102, channel_id="chn_2")
    free = await a_conversation(store, 103)
    for conversation in (busy, busy, full, full):
        await queued(store, conversation)
    aside = await queued(store, free, NOW + SECOND)
    assert aside.id not in {one.id for one in await store.outbox.due(NOW + SECOND, 4)}
    found = await store.outbox.due(
        NOW + SECOND, 4, without_lanes=[busy.id], without_channels=["chn_2"]
    )
    assert [one.id for one in found] == [aside.id]


async def test_a_new_try_has_no_provider_id_and_the_ended_one_is_remembered(store: Stores) -> None:
    message = await claimed(store, await queued(store))
    await store.outbox.record_sent(message, "out.1", {}, NOW)
    failed = await store.messages.set_status(message, Status.FAILED, NOW, failure=NOT_NOW)
    assert failed is not None
    again = await store.outbox.requeue(failed, NOW)
    assert again is not None
    assert (again.status, again.provider_id) == (Status.QUEUED, None)
    key = provider_key(again.channel_id, "out.1")
    assert await store.messages.find_by_keys(again.workspace_id, [key]) == {key: again}
    stored = await store.database["messages"].find_one({"_id": again.id})
    assert stored is not None
    assert stored["ended"] == ["out.1"]
    sent = await store.outbox.record_sent(await claimed(store, again), "out.2", {}, NOW)
    assert sent is not None
    assert sent.provider_id == "out.2"


async def test_an_id_that_came_with_a_report_just_before_a_new_try_is_remembered(
    store: Stores,
) -> None:
    seen = await store.outbox.end(
        await claimed(store, await queued(store)), Status.UNKNOWN, None, NOW
    )
    assert seen is not None
    await store.messages.set_status(seen, Status.FAILED, NOW, failure=NOT_NOW, provider_id="out.1")
    again = await store.outbox.requeue(seen, NOW)
    assert again is not None
    assert (again.status, again.provider_id) == (Status.QUEUED, None)
    stored = await store.database["messages"].find_one({"_id": again.id})
    assert stored is not None
    assert stored["ended"] == ["out.1"]


async def test_a_message_counts_as_queued_from_its_last_try(store: Stores) -> None:
    message = await queued(store)
    assert await store.outbox.queued_at(message) == NOW
    failed = await store.outbox.end(await claimed(store, message), Status.FAILED, NOT_NOW, NOW)
    assert failed is not None
    again = await store.outbox.requeue(failed, NOW + timedelta(days=3))
    assert again is not None
    assert await store.outbox.queued_at(again) == NOW + timedelta(days=3)


async def test_one_id_for_two_messages_moves_neither_back(store: Stores) -> None:
    conversation = await a_conversation(store)
    first, second = [await claimed(store, await queued(store, conversation)) for _ in range(2)]
    await store.outbox.record_sent(first, "out.1", {}, NOW)
    await store.messages.set_status(second, Status.DELIVERED, NOW)
    delivered = await store.outbox.record_sent(second, "out.1", {}, NOW)
    assert delivered is not None
    assert (delivered.status, delivered.delivery) == (Status.DELIVERED, None)


async def test_what_was_let_go_of_unknown_outcome_is_found_for_a_while(store: Stores) -> None:
    conversation = await a_conversation(store)
    older, newer, known = [await queued(store, conversation) for _ in range(3)]
    for message, after in ((older, 0), (newer, 60)):
        at = NOW + timedelta(seconds=after)
        await store.outbox.end(await claimed(store, message), Status.UNKNOWN, None, at)
    await store.outbox.record_sent(await claimed(store, known), "out.1", {}, NOW)

    async def found(since: datetime) -> list[str]:
        us = conversation.workspace_id
        return [one.id for one in await store.outbox.unsettled(us, conversation.id, since)]

    assert await found(NOW) == [older.id, newer.id]
    assert await found(NOW + SECOND) == [newer.id]
    assert await found(NOW + timedelta(hours=1)) == []
