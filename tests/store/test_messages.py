"""Appending messages: once each, in turn, in the right place; and reading them back by pages."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

import pytest

from inbox.domain.conversation import Conversation
from inbox.domain.ids import WorkspaceId
from inbox.domain.message import Direction, Failure, Message, Status
from inbox.store.message_documents import client_key, provider_key
from inbox.store.messages import Duplicate
from inbox.store.summaries import Summary
from inbox.stores import Stores
from tests.office import NOW, a_conversation, a_draft


def at(minute: float) -> datetime:
    return NOW + timedelta(minutes=minute)


async def arrives(
    store: Stores, conversation: Conversation, *times: float | None, summarise: bool = True
) -> list[Message]:
    """One batch of inbound messages whose text is the minute of the provider's time."""
    drafts = [a_draft(conversation, str(minute)) for minute in times]
    provider_at = [None if minute is None else at(minute) for minute in times]
    stored = await store.messages.append(conversation, drafts, provider_at=provider_at)
    if summarise:
        newest = max((one for one in provider_at if one is not None), default=None)
        summary = Summary(conversation=conversation, newest=stored[-1], newest_sent_at=newest)
        await store.conversations.summarise([summary])
    return stored


async def again(store: Stores, conversation: Conversation) -> Conversation:
    found = await store.conversations.find(conversation.workspace_id, conversation.id)
    assert found is not None
    return found


async def shown(store: Stores, conversation: Conversation) -> list[str]:
    page = await store.messages.page(
        conversation.workspace_id, conversation.id, last_seq=0, before_place=None, limit=500
    )
    return [message.text for message in page]


# -- turns -----------------------------------------------------------------------------------------


async def test_twenty_writers_at_once_get_consecutive_numbers(store: Stores) -> None:
    conversation = await a_conversation(store)
    drafts = [a_draft(conversation, str(number)) for number in range(20)]
    stored = await asyncio.gather(
        *(store.messages.append(conversation, [draft]) for draft in drafts)
    )
    messages = [batch[0] for batch in stored]
    assert sorted(message.seq for message in messages) == list(range(1, 21))
    assert all(message.inbound_seq == message.seq for message in messages)
    assert len(await shown(store, conversation)) == 20


async def test_unread_counts_are_exact_whatever_lies_between(store: Stores) -> None:
    conversation = await a_conversation(store)
    kinds = [Direction.INBOUND, Direction.OUTBOUND, Direction.NOTE, Direction.INBOUND]
    drafts = [a_draft(conversation, direction=direction) for direction in kinds]
    stored = await store.messages.append(conversation, drafts)
    assert [one.inbound_seq for one in stored] == [1, 1, 1, 2]
    for repeat in (drafts[0], drafts[3]):
        with pytest.raises(Duplicate):
            await store.messages.append(conversation, [repeat])
    (last,) = await store.messages.append(conversation, [a_draft(conversation)])
    assert (last.seq, last.inbound_seq) == (5, 3)


# -- once ------------------------------------------------------------------------------------------


@pytest.mark.requirement("W6")
async def test_a_providers_repeat_is_refused_and_names_the_stored_one(store: Stores) -> None:
    conversation = await a_conversation(store)
    (first,) = await store.messages.append(conversation, [a_draft(conversation, provider_id="x")])
    with pytest.raises(Duplicate) as caught:
        await store.messages.append(conversation, [a_draft(conversation, provider_id="x")])
    assert caught.value.message == first


async def test_a_browsers_repeat_is_refused_and_names_the_stored_one(store: Stores) -> None:
    conversation = await a_conversation(store)
    drafts = [
        a_draft(conversation, direction=Direction.OUTBOUND, client_id="c1") for _ in range(20)
    ]
    results = await asyncio.gather(
        *(store.messages.append(conversation, [draft], durable=True) for draft in drafts),
        return_exceptions=True,
    )
    stored = [one[0] for one in results if isinstance(one, list)]
    twins = [one.message for one in results if isinstance(one, Duplicate)]
    assert len(stored) == 1
    assert {twin.id for twin in twins} == {stored[0].id}
    assert len(twins) == 19


async def test_the_same_ids_elsewhere_are_other_messages(store: Stores) -> None:
    here = await a_conversation(store, 101)
    there = await a_conversation(store, 102, channel_id="chn_2")
    for conversation in (here, there):
        for change in ({"provider_id": "x"}, {"client_id": "x"}):
            draft = a_draft(conversation, **{"provider_id": None, **change})
            await store.messages.append(conversation, [draft])
    assert len(await shown(store, here)) == len(await shown(store, there)) == 2


async def test_a_repeat_within_a_batch_keeps_what_stands_before_it(store: Stores) -> None:
    conversation = await a_conversation(store)
    await store.messages.append(conversation, [a_draft(conversation, "old", provider_id="x")])
    batch = [
        a_draft(conversation, "before"),
        a_draft(conversation, "repeat", provider_id="x"),
        a_draft(conversation, "after"),
    ]
    with pytest.raises(Duplicate):
        await store.messages.append(conversation, batch)
    assert await shown(store, conversation) == ["old", "before"]


async def test_a_message_is_found_by_its_keys(store: Stores) -> None:
    conversation = await a_conversation(store)
    draft = a_draft(conversation, provider_id="x", client_id="y")
    (stored,) = await store.messages.append(conversation, [draft])
    keys = [provider_key("chn_1", "x"), client_key(conversation.id, "y"), "p:chn_1:other"]
    found = await store.messages.find_by_keys(conversation.workspace_id, keys)
    assert found == {keys[0]: stored, keys[1]: stored}


# -- places ----------------------------------------------------------------------------------------

LATE = [
    # what arrived, batch by batch (minutes of the provider's clock; None: ours), and how it shows
    ("in order", [[1], [2], [3]], ["1", "2", "3"]),
    ("one late", [[1], [3], [2]], ["1", "2", "3"]),
    ("two late, out of order", [[1], [9], [5], [3]], ["1", "3", "5", "9"]),
    ("late by two", [[1], [2], [3], [1.5]], ["1", "1.5", "2", "3"]),
    ("equal times keep the order of arrival", [[1], [2], [1], [2]], ["1", "1", "2", "2"]),
    ("older than everything", [[5], [6], [1], [2]], ["1", "2", "5", "6"]),
    ("older than everything, backwards", [[5], [2], [1]], ["1", "2", "5"]),
    ("late in one batch", [[1, 4, 2, 3]], ["1", "2", "3", "4"]),
    ("backwards in one batch", [[4, 3, 2, 1]], ["1", "2", "3", "4"]),
    ("a late batch behind a stored one", [[1], [10], [20], [2, 12]], ["1", "2", "10", "12", "20"]),
    ("a late batch, backwards", [[1], [10], [20], [12, 2]], ["1", "2", "10", "12", "20"]),
    ("our own clock moves nothing", [[1], [None], [3], [2]], ["1", "2", "None", "3"]),
]  # fmt: skip


@pytest.mark.parametrize(("batches", "order"), [row[1:] for row in LATE], ids=[r[0] for r in LATE])
async def test_a_late_message_is_shown_where_its_time_belongs(
    store: Stores, batches: list[list[float | None]], order: list[str]
) -> None:
    conversation = await a_conversation(store)
    for batch in batches:
        await arrives(store, await again(store, conversation), *batch)
    assert await shown(store, conversation) == order


async def test_a_late_message_is_noticed_from_a_summary_that_trails(store: Stores) -> None:
    """The writer read the conversation before the others wrote: its number is taken by then, and
    with the next one it learns what is newer."""
    stale = await a_conversation(store)
    await arrives(store, stale, 1, summarise=False)
    await arrives(store, stale, 9, summarise=False)
    await arrives(store, stale, 5, summarise=False)
    assert await shown(store, stale) == ["1", "5", "9"]


async def test_a_late_message_finds_its_place_far_back(store: Stores) -> None:
    conversation = await a_conversation(store)
    await arrives(store, conversation, *range(0, 1000, 2))
    conversation = await again(store, conversation)
    (late,) = await arrives(store, conversation, 101)
    assert late.seq == 501
    assert late.place == 51  # that of the message of minute 100


# -- pages -----------------------------------------------------------------------------------------


async def test_pages_of_a_thread_neither_miss_nor_repeat(store: Stores) -> None:
    conversation = await a_conversation(store)
    await arrives(store, conversation, *range(100))
    await arrives(store, await again(store, conversation), 10.5, 49.5, 50.5, 98.5, -1)
    conversation = await again(store, conversation)
    pages: list[list[str]] = []
    before: int | None = None
    top = conversation.last_seq
    while top > -50:
        page = await store.messages.page(
            conversation.workspace_id,
            conversation.id,
            last_seq=conversation.last_seq,
            before_place=before,
            limit=40,
        )
        pages.append([message.text for message in page])
        before = (conversation.last_seq if before is None else before - 1) - 40 + 1
        top = before - 1
    read = [text for page in reversed(pages) for text in page]
    assert len(pages) >= 3
    assert read == sorted(read, key=float)
    assert len(read) == len(set(read)) == 105


async def test_the_first_page_holds_what_is_newer_than_its_conversation_knows(
    store: Stores,
) -> None:
    conversation = await a_conversation(store)
    await arrives(store, conversation, 1, 2, 3, summarise=False)
    page = await store.messages.page(
        conversation.workspace_id, conversation.id, last_seq=0, before_place=None, limit=50
    )
    assert [message.text for message in page] == ["1", "2", "3"]


async def test_what_the_contact_wrote_since_is_found_in_order(store: Stores) -> None:
    conversation = await a_conversation(store)
    await arrives(store, conversation, 1, 2)
    note = a_draft(conversation, "a note", direction=Direction.NOTE)
    await store.messages.append(await again(store, conversation), [note])
    await arrives(store, await again(store, conversation), 3)
    since = await store.messages.inbound_after(conversation.workspace_id, conversation.id, 1)
    assert [message.text for message in since] == ["2", "3"]


# -- statuses --------------------------------------------------------------------------------------


@pytest.mark.requirement("W8")
async def test_a_status_moves_forwards_and_keeps_when(store: Stores) -> None:
    conversation = await a_conversation(store)
    draft = a_draft(conversation, direction=Direction.OUTBOUND)
    (message,) = await store.messages.append(conversation, [draft])
    read = await store.messages.set_status(message, Status.READ, at(2), provider_id="out.1")
    assert read is not None
    assert (read.status, read.provider_id) == (Status.READ, "out.1")
    failure = Failure(code="1", reason="No.")
    assert await store.messages.set_status(read, Status.DELIVERED, at(3)) is None
    assert await store.messages.set_status(read, Status.FAILED, at(3), failure=failure) is None
    found = await store.messages.find(conversation.workspace_id, message.id)
    assert found == read
    assert found.status_at == {"read": at(2)}


async def test_a_message_whose_status_is_known_is_no_longer_on_its_way(store: Stores) -> None:
    """Evidence that it left, or ended, takes it out of the outbox: it must not be sent again."""
    conversation = await a_conversation(store)
    draft = a_draft(conversation, direction=Direction.OUTBOUND)
    (message,) = await store.messages.append(conversation, [draft])
    assert [one.id for one in await store.outbox.due(at(1))] == [message.id]
    await store.messages.set_status(message, Status.SENT, at(1), provider_id="out.1")
    assert await store.outbox.due(at(1)) == []
    assert await store.outbox.claim(message, at(2)) is None


async def test_two_workspaces_never_see_each_others_messages(store: Stores) -> None:
    ours = await a_conversation(store, workspace_id="wsp_1")
    theirs = await a_conversation(store, workspace_id="wsp_2")
    (message,) = await store.messages.append(
        theirs, [a_draft(theirs, provider_id="x", client_id="y")]
    )
    us = WorkspaceId("wsp_1")
    keys = [provider_key("chn_1", "x"), client_key(theirs.id, "y")]
    assert await store.messages.find(theirs.workspace_id, message.id) == message
    assert await store.messages.find(us, message.id) is None
    assert await store.messages.find_many(us, [message.id]) == {}
    assert await store.messages.find_by_keys(us, keys) == {}
    page = await store.messages.page(us, theirs.id, last_seq=9, before_place=None, limit=50)
    assert page == []
    assert await store.messages.inbound_after(us, theirs.id, 0) == []
    assert ours.id != theirs.id  # the same person of the same provider, known to each by itself
