"""Lists by windows of time, summaries that may be written twice, and read marks."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from inbox.domain.conversation import Conversation, ConversationStatus, ReadMark
from inbox.domain.ids import AgentId, ChannelId, ConversationId, WorkspaceId
from inbox.domain.message import Direction, Message
from inbox.ids import new_id
from inbox.store.summaries import Summary
from inbox.stores import Stores
from tests.office import NOW, a_conversation, a_draft

OPEN, RESOLVED = ConversationStatus.OPEN, ConversationStatus.RESOLVED
US = WorkspaceId("wsp_1")


async def made(store: Stores, *times: datetime) -> None:
    """One conversation for each time of its last activity."""
    for number, at in enumerate(times):
        await a_conversation(store, 100 + number, at=at)


async def pages(
    store: Stores, limit: int, key: str = "status:open", **more: Any
) -> list[list[str]]:
    """Every page of a list, as the API reads them, by the ids."""
    found: list[list[str]] = []
    after: tuple[datetime, str] | None = None
    while True:
        page = await store.conversations.page(US, key, limit=limit, after=after, **more)
        found.append([one.id for one in page])
        if len(page) < limit:
            return found
        after = (page[-1].last_activity_at, page[-1].id)


def once_each(found: list[list[str]], count: int) -> None:
    ids = [one for page in found for one in page]
    assert len(ids) == len(set(ids)) == count


async def again(store: Stores, conversation: Conversation) -> Conversation:
    found = await store.conversations.find(conversation.workspace_id, conversation.id)
    assert found is not None
    return found


# -- lists -----------------------------------------------------------------------------------------


async def test_of_a_contact_with_many_threads_the_newest_are_there(store: Stores) -> None:
    first = await a_conversation(store)
    identity = await store.people.get(first.identity_id)
    times = [NOW + timedelta(minutes=minute) for minute in range(1, 61)]
    for at in times:
        await store.conversations.create(ConversationId(new_id("cnv")), identity, at)
    found = await store.conversations.of_contact(US, first.contact_id)
    assert [one.last_activity_at for one in found] == times[:9:-1]


async def test_of_a_contact_those_of_some_channels_are_found_behind_any_number_of_others(
    store: Stores,
) -> None:
    first = await a_conversation(store)
    identity = await store.people.get(first.identity_id)
    elsewhere = replace(identity, channel_id=ChannelId("chn_else"))
    there = ConversationId(new_id("cnv"))
    await store.conversations.create(there, elsewhere, NOW)
    for minute in range(1, 61):
        at = NOW + timedelta(minutes=minute)
        await store.conversations.create(ConversationId(new_id("cnv")), identity, at)
    contact = first.contact_id
    assert there not in [one.id for one in await store.conversations.of_contact(US, contact)]
    found = await store.conversations.of_contact(US, contact, {"chn_else", "chn_none"})
    assert [one.id for one in found] == [there]
    assert await store.conversations.of_contact(US, contact, frozenset()) == []


async def test_a_list_shows_the_newest_activity_first(store: Stores) -> None:
    await made(store, *(NOW - timedelta(hours=hour) for hour in (3, 1, 2)))
    listed = await store.conversations.page(US, "status:open", limit=10)
    times = [one.last_activity_at for one in listed]
    assert times == sorted(times, reverse=True)
    assert len(times) == 3


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 50])
async def test_pages_of_a_list_neither_miss_nor_repeat_over_years(
    store: Stores, limit: int
) -> None:
    days = [0, 0.01, 1, 2, 2, 2, 40, 400, 401, 3000, 3000, 7000]
    await made(store, *(NOW - timedelta(days=day) for day in days))
    once_each(await pages(store, limit), len(days))


async def test_pages_of_a_list_neither_miss_nor_repeat_what_came_in_one_instant(
    store: Stores,
) -> None:
    """A batch of webhooks gives many conversations the same time of activity."""
    await made(store, *([NOW] * 130), NOW - timedelta(days=1))
    once_each(await pages(store, 50), 131)


async def test_a_list_goes_back_no_further_than_asked(store: Stores) -> None:
    await made(store, NOW, NOW - timedelta(days=2), NOW - timedelta(days=4))
    since = NOW - timedelta(days=2)
    once_each(await pages(store, 50, since=since), 2)


async def test_a_conversation_leaves_one_list_for_another(store: Stores) -> None:
    conversation = await a_conversation(store)
    assert await store.conversations.set_status(conversation, OPEN, RESOLVED)
    assert not await store.conversations.set_status(conversation, OPEN, RESOLVED)
    assert await store.conversations.page(US, "status:open", limit=9) == []
    listed = await store.conversations.page(US, "channel:chn_1:resolved", limit=9)
    assert [one.id for one in listed] == [conversation.id]


async def test_of_two_who_resolve_a_conversation_at_once_one_does(store: Stores) -> None:
    conversation = await a_conversation(store)
    tries = [store.conversations.set_status(conversation, OPEN, RESOLVED) for _ in range(8)]
    assert [one for one in await asyncio.gather(*tries) if one is not None] == [1]


async def test_two_workspaces_never_see_each_others_conversations(store: Stores) -> None:
    await a_conversation(store, workspace_id="wsp_1")
    theirs = await a_conversation(store, workspace_id="wsp_2")
    assert len(await store.conversations.page(US, "status:open", limit=9)) == 1
    assert await store.conversations.find(US, theirs.id) is None
    assert await store.conversations.of_contact(US, theirs.contact_id) == []
    assert await store.people.find_contact(US, theirs.contact_id) is None


# -- summaries -------------------------------------------------------------------------------------


async def inbound(store: Stores, conversation: Conversation, minute: int) -> Message:
    draft = a_draft(conversation, str(minute), at=NOW + timedelta(minutes=minute))
    return (await store.messages.append(conversation, [draft]))[0]


def summary_of(conversation: Conversation, message: Message) -> Summary:
    at = message.sent_at
    return Summary(
        conversation=conversation,
        newest=message,
        last_inbound_at=at,
        basis_at=at,
        newest_sent_at=at,
        waiting_since=at,
    )


async def test_a_summary_written_twice_changes_nothing(store: Stores) -> None:
    conversation = await a_conversation(store)
    summary = summary_of(conversation, await inbound(store, conversation, 1))
    await store.conversations.summarise([summary])
    once = await again(store, conversation)
    assert once.last_seq == once.inbound_seq == 1
    assert once.last_message is not None
    assert once.last_message.text == "1"
    assert not (await store.conversations.summarise([summary])).reopened
    assert await again(store, conversation) == once


async def test_summaries_out_of_order_end_at_the_newest(store: Stores) -> None:
    conversation = await a_conversation(store)
    messages = [await inbound(store, conversation, minute) for minute in (1, 2, 3)]
    for message in (messages[1], messages[2], messages[0]):
        await store.conversations.summarise([summary_of(conversation, message)])
    found = await again(store, conversation)
    assert found.last_message is not None
    assert (found.last_seq, found.last_message.text) == (3, "3")
    assert found.last_inbound_at == found.last_basis_at == messages[2].sent_at
    assert found.last_activity_at == messages[2].received_at


async def test_an_older_provider_time_moves_no_window_back(store: Stores) -> None:
    conversation = await a_conversation(store)
    for minute in (10, 5):
        message = await inbound(store, conversation, minute)
        await store.conversations.summarise([summary_of(conversation, message)])
    found = await again(store, conversation)
    assert found.last_inbound_at == NOW + timedelta(minutes=10)
    assert found.last_seq == 2


async def test_an_inbound_message_opens_a_resolved_conversation(store: Stores) -> None:
    conversation = await a_conversation(store)
    await store.conversations.set_status(conversation, OPEN, RESOLVED)
    message = await inbound(store, conversation, 1)
    reopened = await store.conversations.summarise([summary_of(conversation, message)])
    assert reopened.reopened == {conversation.id: 2}
    found = await again(store, conversation)
    assert found.status is OPEN
    assert found.last_message is not None
    assert len(await store.conversations.page(US, "status:open", limit=9)) == 1


async def test_an_outbound_message_leaves_a_resolved_conversation_resolved(store: Stores) -> None:
    conversation = await a_conversation(store)
    await store.conversations.set_status(conversation, OPEN, RESOLVED)
    draft = a_draft(conversation, direction=Direction.OUTBOUND)
    (message,) = await store.messages.append(conversation, [draft])
    summary = Summary(conversation=conversation, newest=message, answered=True)
    assert not (await store.conversations.summarise([summary])).reopened
    found = await again(store, conversation)
    assert (found.status, found.last_seq) == (RESOLVED, 1)


async def test_one_waits_since_the_first_message_that_nobody_answered(store: Stores) -> None:
    conversation = await a_conversation(store)
    for minute in (1, 2):
        current = await again(store, conversation)
        message = await inbound(store, current, minute)
        await store.conversations.summarise([summary_of(current, message)])
    current = await again(store, conversation)
    assert current.waiting_since == NOW + timedelta(minutes=1)
    draft = a_draft(current, direction=Direction.OUTBOUND)
    (message,) = await store.messages.append(current, [draft])
    summary = Summary(conversation=current, newest=message, answered=True)
    await store.conversations.summarise([summary])
    assert (await again(store, conversation)).waiting_since is None


async def test_a_preview_is_cut_and_follows_the_status_of_the_newest(store: Stores) -> None:
    conversation = await a_conversation(store)
    draft = a_draft(conversation, "x" * 5000)
    (message,) = await store.messages.append(conversation, [draft])
    await store.conversations.summarise([summary_of(conversation, message)])
    preview = (await again(store, conversation)).last_message
    assert preview is not None
    assert preview.text == "x" * 160
    assert preview.author_name == "Ana Silva"


async def test_a_conversation_is_made_once(store: Stores) -> None:
    conversation = await a_conversation(store)
    identity = await store.people.get(conversation.identity_id)
    made = await asyncio.gather(
        *(store.conversations.create(conversation.id, identity, NOW) for _ in range(10))
    )
    assert [is_new for _, is_new in made] == [False] * 10
    assert {one.id for one, _ in made} == {conversation.id}


# -- read marks ------------------------------------------------------------------------------------


async def test_a_read_mark_never_goes_back(store: Stores) -> None:
    conversation = await a_conversation(store)
    messages = [await inbound(store, conversation, minute) for minute in (1, 2, 3)]
    ana, malik = AgentId("agt_ana"), AgentId("agt_malik")
    await store.reads.mark(ana, messages[1])
    mark = await store.reads.mark(ana, messages[0])
    assert mark == ReadMark(seq=2, inbound_seq=2)
    marks = await asyncio.gather(*(store.reads.mark(ana, one) for one in messages))
    assert max(mark.seq for mark in marks) == 3
    assert await store.reads.of(ana, [conversation.id]) == {
        conversation.id: ReadMark(seq=3, inbound_seq=3)
    }
    assert await store.reads.of(malik, [conversation.id]) == {}
