"""Pulling: everything once and in order, whatever ends in between; one process a channel."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from inbox import shapes
from inbox.channel_states import ChannelStates
from inbox.directory import Directory
from inbox.domain.channel import Payload
from inbox.domain.ids import JournalId
from inbox.ids import new_id
from inbox.intake import HELD_BYTES, Intake
from inbox.pulling import Pulling
from inbox.store.gaps import Gap
from inbox.store.journal import INLINE_BYTES, JournalEntry
from inbox.store.pulls import PullState
from tests.office import Office, until
from tests.post import PostOffice, a_mail, body_of


class Worker:
    """A process that pulls and takes in."""

    def __init__(self, office: Office, lease_s: float = 60.0) -> None:
        self.directory = Directory(office.stores.channels)
        self.pulling = Pulling(
            office.stores,
            office.hub,
            office.connectors,
            self.directory,
            lambda entry: self.intake.hand_over(entry),
            lease=timedelta(seconds=lease_s),
        )
        self.intake = Intake(
            office.stores,
            office.hub,
            office.connectors,
            self.directory,
            office.woken.extend,
            lambda: None,
            wake_pulling=self.pulling.wake,
        )


@asynccontextmanager
async def working(*workers: Worker) -> AsyncIterator[None]:
    for worker in workers:
        await worker.intake.start()
        await worker.pulling.start()
    yield
    for worker in workers:
        await worker.pulling.close()
        await worker.intake.close()


async def state(office: Office) -> PullState:
    channel = office.channels["post"]
    return (await office.stores.pulls.states([channel]))[channel.id]


async def got(office: Office, count: int) -> None:
    async def there() -> bool:
        found = await office.conversations()
        return sum(one.last_seq for one in found) >= count

    await until(there)


async def due(office: Office) -> None:
    """As if its time had come."""
    long_ago = datetime(2001, 1, 1, tzinfo=UTC)
    await office.stores.database["pulls"].update_one(
        {"_id": office.channels["post"].id},
        {"$set": {"next_at": long_ago, "hold_until": long_ago}},
    )


async def test_everything_is_pulled_page_by_page(mailroom: Office, post_office: PostOffice) -> None:
    post_office.mails = [a_mail(str(number), thread_id="t1") for number in range(5)]
    async with working(Worker(mailroom)):
        await got(mailroom, 5)
        await until(lambda: resting(mailroom))
    assert sorted(await mailroom.texts()) == ["0", "1", "2", "3", "4"]
    assert post_office.asked == [0, 2, 4]
    assert (await state(mailroom)).cursor == "5"


async def resting(office: Office) -> bool:
    found = await state(office)
    return found.next_at > datetime.now(UTC) and found.lease_until < datetime.now(UTC)


async def test_what_the_provider_does_not_give_is_noted_as_missing_of_this_channel(
    mailroom: Office, post_office: PostOffice
) -> None:
    at = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
    post_office.lost = [at.isoformat()]
    async with working(Worker(mailroom)):
        await until(lambda: resting(mailroom))
    found = await mailroom.stores.gaps.of_workspace(mailroom.workspace_id)
    channel = mailroom.channels["post"]
    every = timedelta(seconds=mailroom.connectors["post"].pull_every_s)  # type: ignore[attr-defined]
    assert found == {channel.id: [Gap(since=at - every, until=at, not_given=True)]}
    shown = shapes.channel(channel, mailroom.connectors["post"].manifest, found[channel.id])
    assert shown["gaps"] == []  # those of threads: times in which nobody was connected


async def test_a_connector_that_wants_to_be_asked_soon_is(
    mailroom: Office, post_office: PostOffice
) -> None:
    async with working(Worker(mailroom)):
        await until(lambda: resting(mailroom))
        usual = (await state(mailroom)).next_at
        post_office.again_s = 20.0
        await due(mailroom)
        await until(lambda: _sooner(mailroom, usual))


async def _sooner(office: Office, usual: datetime) -> bool:
    return await resting(office) and (await state(office)).next_at < usual - timedelta(seconds=5)


async def test_it_is_asked_again_at_once_when_the_provider_says_so(
    mailroom: Office, post_office: PostOffice
) -> None:
    worker = Worker(mailroom)
    async with working(worker):
        await until(lambda: resting(mailroom))
        post_office.mails = [a_mail("New")]
        worker.intake.hand_over(await mailroom.journal("post", b'{"asks": true}'))
        await got(mailroom, 1)
    assert await mailroom.texts() == ["New"]


async def test_many_askings_are_few_pulls(mailroom: Office, post_office: PostOffice) -> None:
    worker = Worker(mailroom)
    async with working(worker):
        await until(lambda: resting(mailroom))
        before = len(post_office.asked)
        for _ in range(50):
            worker.pulling.wake(mailroom.channels["post"])
        post_office.mails = [a_mail("New")]
        await got(mailroom, 1)
        await until(lambda: resting(mailroom))
    assert len(post_office.asked) - before <= 3


async def test_one_process_pulls_at_a_time(mailroom: Office, post_office: PostOffice) -> None:
    post_office.mails = [a_mail(str(number), thread_id="t1") for number in range(6)]
    async with working(*(Worker(mailroom) for _ in range(4))):
        await got(mailroom, 6)
        await until(lambda: resting(mailroom))
    assert post_office.asked == [0, 2, 4]


async def test_an_asking_while_another_process_pulls_is_not_lost(mailroom: Office) -> None:
    channel, pulls = mailroom.channels["post"], mailroom.stores.pulls
    now = datetime.now(UTC)
    claimed = await pulls.claim(await state(mailroom), "other", now + timedelta(minutes=1))
    assert claimed is not None
    await pulls.ask(channel.id, now)
    await pulls.rest(claimed, "other", now, now + timedelta(hours=1))
    assert (await state(mailroom)).next_at <= now


async def test_another_process_goes_on_when_a_lease_ends(
    mailroom: Office, post_office: PostOffice
) -> None:
    post_office.mails = [a_mail("One")]
    soon = datetime.now(UTC) + timedelta(milliseconds=300)
    assert await mailroom.stores.pulls.claim(await state(mailroom), "dead", soon)
    async with working(Worker(mailroom)):
        await got(mailroom, 1)
    assert datetime.now(UTC) > soon


async def test_who_lost_the_lease_does_not_set_the_cursor_back(mailroom: Office) -> None:
    pulls, channel = mailroom.stores.pulls, mailroom.channels["post"]
    past = datetime.now(UTC) - timedelta(seconds=1)
    assert await pulls.claim(await state(mailroom), "slow", past)
    assert await pulls.claim(await state(mailroom), "quick", datetime.now(UTC))
    assert await pulls.advance(channel.id, "quick", "9")
    assert not await pulls.advance(channel.id, "slow", "2")
    assert (await state(mailroom)).cursor == "9"


async def test_a_crash_between_journal_and_cursor_doubles_nothing(
    mailroom: Office, post_office: PostOffice
) -> None:
    post_office.mails = [a_mail("One"), a_mail("Two", subject="A cup")]
    # Journaled and taken in by a worker that went away before it stored the cursor.
    await mailroom.takes("post", *(body_of(one) for one in post_office.mails))
    async with working(Worker(mailroom)):
        await until(lambda: resting(mailroom))
        await until(lambda: all_done(mailroom, 4))
    assert sorted(one.last_seq for one in await mailroom.conversations()) == [1, 1]


async def all_done(office: Office, entries: int) -> bool:
    done = await office.stores.database["journal"].count_documents({"state": "done"})
    return bool(done == entries)


async def test_the_cursor_is_stored_after_what_it_passes(
    mailroom: Office, post_office: PostOffice
) -> None:
    """While the journal takes nothing, the cursor stays where it was."""
    post_office.mails = [a_mail("One")]
    await mailroom.stores.journal.close()
    async with working(Worker(mailroom)):
        await until(lambda: asked(post_office))
        assert (await state(mailroom)).cursor is None
        await mailroom.stores.journal.start()
        await got(mailroom, 1)
        await until(lambda: resting(mailroom))
    assert (await state(mailroom)).cursor == "1"


async def asked(post_office: PostOffice) -> bool:
    return bool(post_office.asked)


async def failed(office: Office) -> bool:
    return (await state(office)).failures > 0


async def test_a_provider_that_is_closed_is_asked_later(
    mailroom: Office, post_office: PostOffice
) -> None:
    post_office.faults = [(503, {"Retry-After": "500"})]
    async with working(Worker(mailroom)):
        await until(lambda: failed(mailroom))
        waits = (await state(mailroom)).hold_until - datetime.now(UTC)
        # Also where somebody asks: the provider said how long.
        await mailroom.stores.pulls.ask(mailroom.channels["post"].id, datetime.now(UTC))
    assert timedelta(seconds=480) < waits <= timedelta(seconds=500)
    assert post_office.asked == [0]
    assert (await mailroom.stores.channels.find(mailroom.channels["post"].id)).state == "connected"  # type: ignore[union-attr]


async def test_a_mailbox_that_is_signed_out_stops_and_comes_back(
    mailroom: Office, post_office: PostOffice
) -> None:
    channels, channel = mailroom.stores.channels, mailroom.channels["post"]
    post_office.faults = [(401, {})]
    post_office.mails = [a_mail("One")]

    async def stopped() -> bool:
        found = await channels.find(channel.id)
        return found is not None and found.state == "reauthorization_required"

    async def waits() -> bool:
        return (await state(mailroom)).hold_until > datetime.now(UTC) + timedelta(minutes=9)

    async with working(Worker(mailroom)):
        await until(stopped)
        await until(waits)
        assert "channel.reauthorization_required" in mailroom.events
        # An admin signs it in again.
        mended = replace(channel, state="connected", trouble=None)
        assert await channels.replace(mended, "reauthorization_required")
        await got(mailroom, 1)


async def test_the_wait_of_a_stopped_mailbox_may_simply_end(
    mailroom: Office, post_office: PostOffice
) -> None:
    post_office.faults = [(401, {})]
    async with working(Worker(mailroom)):
        await until(lambda: failed(mailroom))
        await due(mailroom)
        await until(lambda: resting(mailroom))
    found = await mailroom.stores.channels.find(mailroom.channels["post"].id)
    assert found is not None
    assert (found.state, found.trouble) == ("connected", None)


async def test_what_another_process_stopped_is_mended_by_whoever_pulls_next(
    mailroom: Office, post_office: PostOffice
) -> None:
    """Also by one that still has the channel in mind as it was."""
    worker, channel = Worker(mailroom), mailroom.channels["post"]
    known = await worker.directory.find(channel.id)
    assert known is not None
    assert known.state == "connected"
    post_office.faults = [(401, {})]
    async with working(Worker(mailroom)):
        await until(lambda: failed(mailroom))
    await due(mailroom)
    async with working(worker):
        await until(lambda: resting(mailroom))
    found = await mailroom.stores.channels.find(channel.id)
    assert found is not None
    assert (found.state, found.trouble) == ("connected", None)
    health = (await mailroom.stores.health.of_workspace(mailroom.workspace_id)).get(channel.id)
    assert health is None or health.sent_at is None


async def test_a_cursor_that_will_never_work_is_forgotten(
    mailroom: Office, post_office: PostOffice
) -> None:
    post_office.mails = [a_mail("One")]
    async with working(Worker(mailroom)):
        await until(lambda: resting(mailroom))
        post_office.faults = [(410, {})]
        await due(mailroom)
        await until(lambda: failed(mailroom))
        assert (await state(mailroom)).cursor is None
        await due(mailroom)
        await until(lambda: resting(mailroom))
    assert post_office.asked == [0, 1, 0]
    assert await mailroom.texts() == ["One"]


async def test_closing_gives_the_turn_to_the_next(
    mailroom: Office, post_office: PostOffice
) -> None:
    async with working(Worker(mailroom)):
        await until(lambda: resting(mailroom))
    assert (await state(mailroom)).lease_until < datetime.now(UTC)


# -- large bodies ----------------------------------------------------------------------------------


def entry_of(office: Office, body: bytes, *, ago_s: float = 60.0) -> JournalEntry:
    channel = office.channels["post"]
    return JournalEntry(
        id=JournalId(new_id("jrn")),
        workspace_id=channel.workspace_id,
        channel_id=channel.id,
        kind="post",
        payload=Payload(method="PULL", query=b"", content_type="application/json", body=body),
        received_at=datetime.now(UTC) - timedelta(seconds=ago_s),
    )


def large(mail: dict[str, Any], size: int) -> bytes:
    return body_of(mail) + b" " * size


async def test_a_body_that_no_document_holds_is_journaled_and_taken(mailroom: Office) -> None:
    body = large(a_mail("Large"), 20 * 1024 * 1024)
    await mailroom.stores.journal.append(entry_of(mailroom, body))
    later = datetime.now(UTC) + timedelta(minutes=1)
    (claimed,) = await mailroom.stores.journal.claim_due(later)
    assert claimed.payload.body == body
    await mailroom.an_intake().process([claimed])
    assert await mailroom.texts() == ["Large"]
    pieces = await mailroom.stores.database["journal_pieces"].find({}).to_list(None)
    assert len(pieces) == 21
    assert all(b"Large" not in bytes(one["piece"]) and one["expires_at"] for one in pieces)


async def test_a_body_of_exactly_a_piece_lies_in_its_entry(mailroom: Office) -> None:
    await mailroom.stores.journal.append(entry_of(mailroom, b"x" * INLINE_BYTES))
    assert await mailroom.stores.database["journal_pieces"].count_documents({}) == 0
    (claimed,) = await mailroom.stores.journal.claim_due(datetime.now(UTC))
    assert claimed.size_bytes == INLINE_BYTES


async def test_a_claim_brings_a_bounded_weight_into_memory(mailroom: Office) -> None:
    store = mailroom.stores.journal
    for _ in range(5):
        await store.append(entry_of(mailroom, b"x" * (2 * INLINE_BYTES)))
    later = datetime.now(UTC) + timedelta(minutes=1)
    first = await store.claim_due(later, most_bytes=5 * INLINE_BYTES)
    assert len(first) == 2
    assert await store.claim_due(later, most_bytes=INLINE_BYTES) == []
    assert len(await store.claim_due(later)) == 3


async def test_a_worker_with_much_in_hand_leaves_the_rest_in_the_journal(mailroom: Office) -> None:
    intake = mailroom.an_intake()
    entry = entry_of(mailroom, b"x" * (HELD_BYTES - 10))
    intake.hand_over(entry)
    small = entry_of(mailroom, body_of(a_mail("Small")), ago_s=0)
    await mailroom.stores.journal.append(small)
    intake.hand_over(small)
    await intake.start()
    # Not handed over: the sweep finds it once the writer's lease is over.
    await until(lambda: mailroom.conversations())
    await intake.close()
    assert await mailroom.texts() == ["Small"]


async def test_an_entry_that_lost_a_piece_is_buried_and_holds_up_nothing(mailroom: Office) -> None:
    store = mailroom.stores.journal
    cut = entry_of(mailroom, b"x" * (3 * INLINE_BYTES))
    await store.append(cut)
    await mailroom.stores.database["journal_pieces"].delete_one({"_id": f"{cut.id}:1"})
    await store.append(entry_of(mailroom, body_of(a_mail("Whole"))))
    claimed = await store.claim_due(datetime.now(UTC) + timedelta(minutes=1))
    assert [one.payload.body[:8] for one in claimed] == [b'{"mails"']
    found = await mailroom.stores.database["journal"].find_one({"_id": cut.id})
    assert found is not None
    assert (found["state"], found["error"]) == ("dead", "Incomplete")


async def test_a_large_mail_is_pulled_and_shown(mailroom: Office, post_office: PostOffice) -> None:
    post_office.mails = [a_mail("Large", folded="x" * (3 * 1024 * 1024))]
    async with working(Worker(mailroom)):
        await got(mailroom, 1)
    assert await mailroom.texts() == ["Large"]


async def test_what_old_credentials_met_is_not_told_of_new_ones(mailroom: Office) -> None:
    channels, old = mailroom.stores.channels, mailroom.channels["post"]
    directory = Directory(channels)
    states = ChannelStates(mailroom.stores, mailroom.hub, mailroom.connectors, directory)
    await channels.renew(old, {"renewed": "yes"}, {})
    assert not await states.stopped(old, "The token is not accepted.", "401")
    new = await channels.find(old.id)
    assert new is not None
    assert new.state == "connected"
    assert await states.stopped(new, "The token is not accepted.", "401")
    stopped = await channels.find(old.id)
    assert stopped is not None
    assert stopped.state == "reauthorization_required"
