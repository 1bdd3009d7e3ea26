"""Webhooks are written together, kept until somebody is done with them, and taken by one worker."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from inbox.domain.channel import Payload
from inbox.domain.errors import StoreUnavailable
from inbox.domain.ids import ChannelId, JournalId, WorkspaceId
from inbox.ids import new_id
from inbox.store.journal import LEASE_S, JournalEntry
from inbox.stores import Stores, stores
from tests.office import NOW, until
from tests.store.conftest import Commands

LATER = NOW + timedelta(seconds=LEASE_S)


def entry(body: bytes = b"{}", **changes: Any) -> JournalEntry:
    payload = Payload(method="POST", query=b"a=1", content_type="text/plain", body=body)
    values: dict[str, Any] = {
        "id": JournalId(new_id("jrn")),
        "workspace_id": WorkspaceId("wsp_1"),
        "channel_id": ChannelId("chn_1"),
        "kind": "sms",
        "payload": payload,
        "received_at": NOW,
    }
    return JournalEntry(**{**values, **changes})


async def states(store: Stores) -> dict[str, str]:
    docs = await store.database["journal"].find({}).to_list(None)
    return {doc["_id"]: doc["state"] for doc in docs}


@pytest.mark.requirement("W5")
async def test_calls_that_come_together_are_written_together(
    store: Stores, commands: Commands
) -> None:
    entries = [entry(b"%d" % number) for number in range(300)]
    await asyncio.gather(*(store.journal.append(one) for one in entries))
    assert await states(store) == {one.id: "new" for one in entries}
    writes = commands.of("insert", "journal")
    assert len(writes) <= 5
    assert all(one["writeConcern"] == {"w": "majority", "j": True} for one in writes)


@pytest.mark.requirement("W5")
async def test_a_call_that_was_not_stored_hears_so(store: Stores) -> None:
    await store.journal.append(taken := entry())
    with pytest.raises(StoreUnavailable):
        await store.journal.append(entry(id=taken.id))


async def test_only_what_is_claimed_is_brought_into_memory(
    store: Stores, commands: Commands
) -> None:
    entries = [entry(b"x" * 900_000) for _ in range(4)]
    await asyncio.gather(*(store.journal.append(one) for one in entries))
    commands.heard.clear()
    claimed = await store.journal.claim_due(LATER, limit=2000, most_bytes=2_000_000)
    assert len(claimed) == 2
    looked, *read = commands.of("find", "journal")
    assert set(looked["projection"]) == {"next_at", "size_bytes"}
    assert [one["filter"] for one in read] == [{"_id": one.id} for one in claimed]


async def test_an_entry_comes_back_to_the_byte(store: Stores) -> None:
    written = entry(bytes(range(256)))
    await store.journal.append(written)
    (claimed,) = await store.journal.claim_due(LATER)
    assert claimed == written


async def test_an_entry_is_its_writers_until_the_lease_ends(store: Stores) -> None:
    await store.journal.append(entry())
    assert await store.journal.claim_due(LATER - timedelta(milliseconds=1)) == []
    assert len(await store.journal.claim_due(LATER)) == 1


async def test_of_two_who_claim_an_entry_one_gets_it(store: Stores) -> None:
    entries = [entry() for _ in range(30)]
    await asyncio.gather(*(store.journal.append(one) for one in entries))
    other = stores(store.database)
    ours, theirs = await asyncio.gather(
        store.journal.claim_due(LATER), other.journal.claim_due(LATER)
    )
    claimed = [one.id for one in (*ours, *theirs)]
    assert sorted(claimed) == sorted(one.id for one in entries)
    assert await store.journal.claim_due(LATER) == []


async def test_an_entry_whose_second_worker_went_away_too_comes_again(store: Stores) -> None:
    await store.journal.append(entry())
    await store.journal.claim_due(LATER)
    (again,) = await store.journal.claim_due(LATER + timedelta(minutes=1))
    assert again.attempts == 1


async def test_who_is_alone_takes_what_the_dead_held_at_once_however_often_one_died(
    store: Stores,
) -> None:
    await store.journal.append(taken := entry())
    now = taken.received_at
    for died in range(4):
        assert await store.journal.claim_due(now) == []
        (claimed,) = await store.journal.claim_due(now, leased=True)
        assert claimed.attempts == died
        now += timedelta(milliseconds=10)


async def test_an_entry_that_is_done_put_off_or_buried_does_not_come(store: Stores) -> None:
    done, later, dead = entry(), entry(), entry()
    for one in (done, later, dead):
        await store.journal.append(one)
    await store.journal.finish([(done.id, "stored 1")])
    await store.journal.put_off(later.id, LATER + timedelta(hours=1), "ValueError")
    await store.journal.bury(dead.id, "ValueError")
    assert await store.journal.claim_due(LATER) == []

    async def settled() -> bool:
        return await states(store) == {done.id: "done", later.id: "new", dead.id: "dead"}

    assert await until(settled)
    claimed = await store.journal.claim_due(LATER + timedelta(hours=1))
    assert [one.id for one in claimed] == [later.id]


async def test_closing_writes_what_is_waiting(store: Stores) -> None:
    waiting = [asyncio.create_task(store.journal.append(entry())) for _ in range(5)]
    await asyncio.sleep(0)
    await store.journal.close()
    await asyncio.gather(*waiting)
    assert len(await states(store)) == 5


async def test_a_call_that_cannot_be_written_at_all_does_not_end_the_writer(store: Stores) -> None:
    with pytest.raises(StoreUnavailable):
        await store.journal.append(entry(kind=object()))  # nothing that BSON knows
    await store.journal.append(taken := entry())
    assert await states(store) == {taken.id: "new"}


async def test_an_entry_that_nobody_can_open_is_buried_and_hides_no_other(store: Stores) -> None:
    await store.journal.append(locked := entry())
    await store.journal.append(fine := entry())
    await store.database["journal"].update_one(
        {"_id": locked.id}, {"$set": {"body": b"\x02k9" + bytes(40)}}
    )
    assert [one.id for one in await store.journal.claim_due(LATER)] == [fine.id]
    assert (await states(store))[locked.id] == "dead"
