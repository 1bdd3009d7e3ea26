"""What a contact has just written counts for the gate at once, whoever sums it up, and in which
order: the steps of several processes, one by one."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import msgspec

from inbox.changes import Changes
from inbox.consent import catch_up, facts
from inbox.directory import Directory
from inbox.domain.conversation import Conversation
from inbox.domain.event import Carried, Resync
from inbox.domain.gate import Facts
from inbox.domain.message import Direction, Message
from inbox.domain.report import MessageReceived
from inbox.hub import RECENTLY_S
from inbox.people import People
from inbox.portraits import Portraits
from inbox.profiles import Profiles
from inbox.received import Received, Taken
from inbox.statuses import Statuses
from inbox.store.journal import JournalEntry
from inbox.store.summaries import Summary, last_in_order, span_of
from inbox.work import Work
from tests.office import Office, a_draft, until, whatsapp, whatsapp_item

NOW = datetime.now(UTC).replace(microsecond=0)


async def stores(office: Office, conversation: Conversation, text: str, minute: int) -> Message:
    """What intake does first: the message is there, its conversation knows nothing of it."""
    at = NOW + timedelta(minutes=minute)
    draft = a_draft(conversation, text, at=at)
    return (await office.stores.messages.append(conversation, [draft], provider_at=[at]))[0]


async def answers(office: Office, conversation: Conversation) -> None:
    """What the API does: the message and its summary at once."""
    draft = a_draft(conversation, "An answer", direction=Direction.OUTBOUND)
    (stored,) = await office.stores.messages.append(conversation, [draft])
    summary = Summary(conversation=conversation, newest=stored, answered=True)
    await office.stores.conversations.summarise([summary])


async def sums_up(office: Office, conversation: Conversation, *messages: Message) -> bool:
    """What intake does last; whether somebody has to catch up."""
    at = max(message.sent_at for message in messages)
    summary = Summary(
        conversation=conversation,
        newest=max(messages, key=lambda message: message.seq),
        in_order=last_in_order(messages),
        last_inbound_at=at,
        basis_at=at,
        newest_sent_at=at,
        heard=span_of(messages),
    )
    return bool((await office.stores.conversations.summarise([summary])).behind)


async def now(office: Office) -> Conversation:
    return await office.conversation()


async def gate(office: Office) -> Facts:
    conversation = await now(office)
    identity = await office.identity()
    manifest = office.connectors[conversation.kind].manifest
    return await facts(office.stores, conversation, identity, manifest, datetime.now(UTC))


async def begun(office: Office) -> Conversation:
    """A conversation whose contact wrote long ago."""
    long_ago = NOW - timedelta(days=60)
    item = whatsapp_item("Long ago", at=long_ago)
    await office.takes("whatsapp", whatsapp(item), at=long_ago)
    return await now(office)


async def test_an_answer_hides_nothing_that_is_not_summed_up(office: Office) -> None:
    await begun(office)
    message = await stores(office, await now(office), "Hello?", 1)
    await answers(office, await now(office))
    seen = await gate(office)
    assert seen.last_inbound_at == seen.last_basis_at == message.sent_at
    assert not await sums_up(office, await now(office), message)
    after = await now(office)
    assert (after.heard_seq, after.last_inbound_at) == (message.seq, message.sent_at)
    assert after.last_message is not None
    assert after.last_message.text == "An answer"


async def test_a_list_shows_what_is_last_in_the_thread(office: Office) -> None:
    begin = await begun(office)
    last = await stores(office, begin, "And when do you close?", 2)
    late = await stores(office, replace(await now(office), newest_sent_at=last.sent_at), "Hi", 1)
    assert (last.place, late.place < last.place) == (last.seq, True)
    assert not await sums_up(office, begin, last, late)
    after = await now(office)
    assert after.last_message is not None
    assert (after.last_message.text, after.last_message.at) == (last.text, last.sent_at)
    assert (after.last_seq, after.inbound_seq) == (late.seq, late.inbound_seq)
    # One that comes alone, after the other was summed up, and one that is summed up twice.
    later = await stores(office, after, "Hello?", 0)
    for _ in range(2):
        await sums_up(office, after, later)
        shown = await now(office)
        assert shown.last_message == after.last_message
        assert shown.last_activity_at == later.received_at
    await answers(office, shown)
    answered = (await now(office)).last_message
    assert answered is not None
    assert answered.text == "An answer"


async def test_of_two_processes_the_faster_one_hides_nothing_of_the_slower(office: Office) -> None:
    begin = await begun(office)
    first = await stores(office, begin, "When do you open?", 1)
    second = await stores(office, await now(office), "STOP", 2)
    at = second.sent_at
    # The second was an opt-out: no reply rests on it, so the first one is still needed.
    faster = Summary(conversation=begin, newest=second, last_inbound_at=at, heard=span_of([second]))
    assert (await office.stores.conversations.summarise([faster])).behind == [begin.id]
    await answers(office, await now(office))
    assert (await gate(office)).last_basis_at == first.sent_at
    assert (await now(office)).heard_seq < first.seq
    assert not await sums_up(office, begin, first)
    assert (await gate(office)).last_basis_at == first.sent_at


async def test_who_died_before_summing_up_is_made_up_for(office: Office) -> None:
    begin = await begun(office)
    lost = await stores(office, begin, "Hello?", 1)
    later = await stores(office, await now(office), "Anybody?", 2)
    assert await sums_up(office, begin, later)
    manifest = office.connectors[begin.kind].manifest
    await catch_up(office.stores, await now(office), manifest)
    after = await now(office)
    assert (after.heard_seq, after.last_basis_at) == (later.seq, later.sent_at)
    # What comes next is in order again, and the dead one's work, done anew, changes nothing.
    following = await stores(office, after, "Please", 3)
    assert not await sums_up(office, after, following)
    assert not await sums_up(office, begin, lost)
    assert (await now(office)).last_inbound_at == following.sent_at


async def test_intake_catches_up_with_what_a_crash_left(office: Office) -> None:
    begin = await begun(office)
    # Stored by a worker that is gone, whose journal entry is another's to take up.
    lost = await stores(office, begin, "Hello?", 1)
    await office.takes("whatsapp", whatsapp(whatsapp_item("Anybody?", at=NOW)))
    after = await now(office)
    assert after.heard_seq > lost.seq
    assert after.last_inbound_at == after.last_basis_at == lost.sent_at


async def is_told(office: Office, entry: JournalEntry) -> tuple[Received, Taken]:
    """The first half of intake, by a worker that stops there: nothing is summed up."""
    store, hub, connectors = office.stores, office.hub, office.connectors
    people, statuses = People(store, hub, connectors), Statuses(store, hub)
    changes = Changes(store, hub, people, Directory(store.channels))
    profiles = Profiles(connectors, people, Portraits(store, hub, connectors))
    received = Received(
        *(store, hub, connectors, people, statuses, changes, profiles),
        wake_delivery=office.woken.extend,
        wake_fetching=lambda: None,
    )
    channel = office.channels[entry.kind]
    reports = connectors[entry.kind].parse(entry.payload, entry.received_at)
    works = [
        Work(entry=entry, report=report, channel=channel)
        for report in reports
        if isinstance(report, MessageReceived)
    ]
    return received, await received.take(works, defaultdict(Counter))


async def test_a_crash_between_telling_and_summing_up_costs_nothing(office: Office) -> None:
    await begun(office)
    entry = await office.journal("whatsapp", whatsapp(whatsapp_item("Hello?", at=NOW)))
    await is_told(office, entry)
    assert (await now(office)).last_inbound_at != NOW
    await answers(office, await now(office))
    assert (await gate(office)).last_inbound_at == NOW
    await office.an_intake().process([entry])
    after = await now(office)
    assert after.last_inbound_at == after.last_basis_at == NOW
    assert await office.texts() == ["Long ago", "Hello?"]


async def test_who_begins_before_the_summing_up_is_told_of_what_came(office: Office) -> None:
    """The conversation as stored knows nothing of it, so the replay must."""
    await begun(office)
    entry = await office.journal("whatsapp", whatsapp(whatsapp_item("Hello?", at=NOW)))
    received, taken = await is_told(office, entry)
    cursor = await office.hub.recently(office.workspace_id)
    await received.follow_up([taken])
    assert (await created_after(office, cursor)).count("Hello?") == 1


async def test_what_was_summed_up_late_is_told_again(office: Office) -> None:
    """A screen may have begun since, and no replay reaches that far back."""
    await begun(office)
    entry = await office.journal("whatsapp", whatsapp(whatsapp_item("Hello?", at=NOW)))
    received, taken = await is_told(office, entry)
    cursor = await office.hub.recently(office.workspace_id, 0)
    assert await created_after(office, cursor) == []
    await received.follow_up([replace(taken, told_at=taken.told_at - RECENTLY_S)])
    assert await created_after(office, cursor) == ["Hello?"]


async def created_after(office: Office, cursor: str) -> list[str]:
    """The texts of the messages that a screen with this cursor is told of."""
    heard: list[Carried | Resync] = []
    (await office.hub.listen(office.workspace_id, cursor, heard.append)).close()
    frames = [msgspec.json.decode(one.frame) for one in heard if isinstance(one, Carried)]
    return [one["data"]["text"] for one in frames if one["type"] == "message.created"]


async def test_what_an_earlier_version_wrote_is_taken_over(office: Office) -> None:
    begin = await begun(office)
    message = await stores(office, begin, "Hello?", 1)
    await answers(office, await now(office))
    conversations = office.stores.database["conversations"]
    await conversations.update_one({"_id": begin.id}, {"$unset": {"heard": 1}})
    assert (await gate(office)).last_inbound_at == message.sent_at
    await office.takes("whatsapp", whatsapp(whatsapp_item("And now", at=NOW)))
    after = await now(office)
    assert after.heard_seq > message.seq
    assert after.last_inbound_at == message.sent_at


async def test_messages_at_the_same_time_are_all_summed_up(office: Office) -> None:
    await begun(office)
    bodies = [whatsapp(whatsapp_item(f"{n}", at=NOW)) for n in range(12)]
    entries = [await office.journal("whatsapp", body) for body in bodies]
    intakes = [office.an_intake() for _ in entries]
    for intake in intakes:
        await intake.start()
    for intake, entry in zip(intakes, entries, strict=True):
        intake.hand_over(entry)
    for intake in intakes:
        await intake.close()

    async def caught_up() -> bool:
        return (await now(office)).heard_seq == 13

    await until(caught_up)
    assert (await now(office)).inbound_seq == 13
