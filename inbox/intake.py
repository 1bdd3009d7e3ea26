"""Intake: from journal entries to messages, statuses and consent.

Works in batches, because on every database one read for many costs little more than one for one.
Each step stores its result before the next, and each may run again with no second effect: an entry
taken up after a crash finds what it has already done by the unique keys of the messages.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from prometheus_client import Counter as Metric

from inbox import log
from inbox.changes import Changes
from inbox.directory import Directory
from inbox.domain.channel import Channel, Connector
from inbox.domain.errors import MalformedPayload, StoreUnavailable
from inbox.domain.ids import JournalId
from inbox.domain.message import Message
from inbox.domain.report import (
    ChannelNotice,
    Edited,
    IdentityChanged,
    Ignored,
    MessageReceived,
    PreferenceReported,
    PullAsked,
    Reacted,
    Report,
    StatusReported,
    TemplateChanged,
    Unsent,
    WatermarkReported,
)
from inbox.hub import Hub
from inbox.people import People
from inbox.portraits import Portraits
from inbox.profiles import Profiles
from inbox.received import Received, Taken
from inbox.statuses import Statuses
from inbox.store.journal import CLAIM_BYTES, JournalEntry
from inbox.stores import Stores
from inbox.templates import take_change
from inbox.work import Work

BATCH = 200
HELD = 2000
MOST_TRIES = 8
# Batches that may be told and not closed yet: more would only wait for the database in memory.
MOST_TOLD = 8
# Of bodies that this process has in hand: a mail may have 50 MB.
HELD_BYTES = CLAIM_BYTES
# Of a body whose reading takes as long as a webhook may wait for its answer.
LARGE_BYTES = 64 * 1024

OtherReport = (
    StatusReported
    | WatermarkReported
    | PreferenceReported
    | IdentityChanged
    | ChannelNotice
    | TemplateChanged
    | Edited
    | Unsent
    | Reacted
)

REPORTS = Metric("assent_reports_total", "Reports read from webhooks", ["kind", "verdict"])
_log = log.get("intake")


@dataclass(slots=True)
class _Batch:
    """Everything that one batch reports, sorted by what has to be done with it."""

    messages: list[Work] = field(default_factory=list)
    others: list[tuple[JournalEntry, OtherReport, Channel]] = field(default_factory=list)
    verdicts: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))


@dataclass(frozen=True, slots=True)
class _Told:
    """Entries whose messages are stored and told, with what is still to be done for them."""

    entries: Sequence[JournalEntry]
    taken: Taken
    verdicts: Mapping[str, Counter[str]]


class Intake:
    def __init__(
        self,
        stores: Stores,
        hub: Hub,
        connectors: Mapping[str, Connector],
        directory: Directory,
        wake_delivery: Callable[[Sequence[Message]], None],
        wake_fetching: Callable[[], None],
        *,
        doubt_templates: Callable[[Channel], None] = lambda channel: None,
        wake_pulling: Callable[[Channel], None] = lambda channel: None,
    ) -> None:
        self._stores = stores
        self._wake_pulling = wake_pulling
        self._hub = hub
        self._connectors = connectors
        self._directory = directory
        self._doubt_templates = doubt_templates
        people = People(stores, hub, connectors)
        self._statuses = Statuses(stores, hub)
        self._changes = Changes(stores, hub, people, directory)
        self._profiles = Profiles(connectors, people, Portraits(stores, hub, connectors))
        self._received = Received(
            stores,
            hub,
            connectors,
            people,
            self._statuses,
            self._changes,
            self._profiles,
            wake_delivery,
            wake_fetching,
        )
        self._handed: list[JournalEntry] = []
        self._in_hand: dict[str, int] = {}
        self._held_bytes = 0
        self._waits = False
        self._wake = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._told: list[_Told] = []
        self._close_soon = asyncio.Event()
        self._closed = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    # -- the worker ------------------------------------------------------------------------

    async def start(self) -> None:
        await self._profiles.start()
        self._tasks = [
            asyncio.create_task(self._work_forever(), name="intake"),
            asyncio.create_task(self._close_forever(), name="intake-close"),
            asyncio.create_task(self._sweep_forever(), name="intake-sweep"),
        ]

    async def take_over(self) -> None:
        """Take up at once what a worker before us had in hand: the caller knows that none lives."""
        for entry in await self._stores.journal.claim_due(datetime.now(UTC), HELD, leased=True):
            self.hand_over(entry)

    async def close(self) -> None:
        """Finish what is in hand, then stop; what is left waits in the journal."""
        with suppress(TimeoutError):
            async with asyncio.timeout(5):
                await self._idle.wait()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._profiles.close()

    def hand_over(self, entry: JournalEntry) -> None:
        """Take an entry that this process has just stored. When too many are in hand, it stays in
        the journal and the sweep finds it."""
        too_large = self._in_hand and self._held_bytes + entry.size_bytes > HELD_BYTES
        if len(self._in_hand) < HELD and entry.id not in self._in_hand and not too_large:
            self._in_hand[entry.id] = entry.size_bytes
            self._held_bytes += entry.size_bytes
            self._idle.clear()
            self._handed.append(entry)
            self._wake.set()

    async def _work_forever(self) -> None:
        while True:
            await self._wake.wait()
            batch, self._handed = self._handed[:BATCH], self._handed[BATCH:]
            if not self._handed:
                self._wake.clear()
            if batch:
                await self._take(batch)

    async def _sweep_forever(self) -> None:
        while True:
            await asyncio.sleep(1.0 * random.uniform(0.8, 1.2))
            try:
                due = await self._stores.journal.claim_due(
                    datetime.now(UTC),
                    held=self._in_hand,
                    most_bytes=HELD_BYTES - self._held_bytes,
                )
            except StoreUnavailable:
                continue
            except Exception:  # the worker's top: without this sweep nothing is ever tried again
                _log.exception("the journal sweep failed")
                continue
            for entry in due:
                self.hand_over(entry)

    async def _take(self, batch: Sequence[JournalEntry]) -> None:
        try:
            told = await self._tell(batch)
        except StoreUnavailable as error:
            # It stays in hand and goes on once the database is back. Should its lease run out
            # meanwhile, another server does the same once more, with no second effect.
            if not self._waits:
                entries = len(batch)
                _log.warning("the database is away, intake waits", entries=entries, code=error.code)
            self._waits = True
            self._handed = [*batch, *self._handed]
            self._wake.set()
            await asyncio.sleep(0.5)
            return
        except Exception:  # the worker's top: one bad entry must not take the others with it
            _log.exception("a batch failed, taking its entries one by one")
            await self._take_each_alone(batch)
        else:
            self._told.append(told)
            self._closed.clear()
            self._close_soon.set()
            if told.taken.urgent or len(self._told) > MOST_TOLD:
                await self._closed.wait()
        self._waits = False

    async def _close_forever(self) -> None:
        """Close what was told, as much at once as has gathered meanwhile: the next batch is stored
        and told while this is written."""
        while True:
            await self._close_soon.wait()
            self._close_soon.clear()
            told, self._told = self._told, []
            try:
                await self._close(told)
            except StoreUnavailable:
                self._told = [*told, *self._told]
                self._close_soon.set()
                await asyncio.sleep(0.5)
                continue
            except Exception:  # the worker's top: one bad entry must not keep the others open
                _log.exception("closing failed, taking its entries one by one")
                await self._take_each_alone([entry for one in told for entry in one.entries])
            else:
                self._let_go(entry for one in told for entry in one.entries)
            if not self._told:
                self._closed.set()

    async def _take_each_alone(self, entries: Sequence[JournalEntry]) -> None:
        for entry in entries:
            await self._take_alone(entry)
        self._let_go(entries)

    def _let_go(self, entries: Iterable[JournalEntry]) -> None:
        for entry in entries:
            self._held_bytes -= self._in_hand.pop(entry.id, 0)
        if not self._in_hand:
            self._idle.set()

    async def _take_alone(self, entry: JournalEntry) -> None:
        try:
            await self.process([entry])
        except StoreUnavailable:
            return
        except Exception as error:  # the worker's top, for one entry
            name = type(error).__name__
            _log.exception("an entry failed", journal=entry.id, attempts=entry.attempts)
            with suppress(StoreUnavailable):
                if entry.attempts >= MOST_TRIES:
                    await self._stores.journal.bury(entry.id, name)
                else:
                    wait = timedelta(seconds=2.0**entry.attempts)
                    await self._stores.journal.put_off(entry.id, datetime.now(UTC) + wait, name)

    # -- one batch -------------------------------------------------------------------------

    async def process(self, entries: Sequence[JournalEntry]) -> None:
        """Do everything that these entries report, then close them.

        raises   StoreUnavailable: some of it is done; all of it may be done again
        """
        await self._close([await self._tell(entries)])

    async def _tell(self, entries: Sequence[JournalEntry]) -> _Told:
        """Store what these entries report and tell agents of it."""
        batch = _Batch()
        for entry in entries:
            await self._read(entry, batch)
        taken = await self._received.take(batch.messages, batch.verdicts)
        for entry, report, channel in batch.others:
            batch.verdicts[entry.id][await self._other(report, channel, entry.received_at)] += 1
        return _Told(entries, taken, batch.verdicts)

    async def _close(self, told: Sequence[_Told]) -> None:
        """What may come a moment later, of several batches at once; then their entries are done."""
        await self._received.follow_up([one.taken for one in told])
        verdicts: list[tuple[JournalId, str]] = []
        for one in told:
            for entry in one.entries:
                verdicts.append((entry.id, _words(one.verdicts[entry.id])))
                for verdict, count in one.verdicts[entry.id].items():
                    REPORTS.labels(entry.kind, verdict).inc(count)
        await self._stores.journal.finish(verdicts)

    async def _read(self, entry: JournalEntry, batch: _Batch) -> None:
        """Parse one entry and file each report under the channel of its account: one address may
        serve several accounts of the same provider app, known by the same signing secret."""
        verdicts = batch.verdicts[entry.id]
        connector = self._connectors[entry.kind]
        try:
            reports = await _parsed(connector, entry)
        except MalformedPayload:
            verdicts["malformed"] += 1
            return
        addressed = await self._directory.find(entry.channel_id)
        for report in reports:
            if isinstance(report, Ignored):
                verdicts[report.reason] += 1
                continue
            channel = await self._channel_of(entry, report, addressed)
            if channel is None:
                verdicts["no_such_account"] += 1
                continue
            if channel is not addressed:  # the addressed one was noted when it came
                self._stores.health.note(channel, "webhook", entry.received_at)
            if isinstance(report, MessageReceived):
                batch.messages.append(Work(entry=entry, report=report, channel=channel))
            elif isinstance(report, PullAsked):
                self._wake_pulling(channel)
                verdicts["pull_asked"] += 1
            else:
                batch.others.append((entry, report, channel))

    async def _other(self, report: OtherReport, channel: Channel, received_at: datetime) -> str:
        """Act on one report that is no message; the verdict in a word."""
        match report:
            case StatusReported():
                return await self._statuses.apply(report, channel, received_at)
            case WatermarkReported():
                return await self._statuses.apply_watermark(report, channel, received_at)
            case PreferenceReported():
                return await self._statuses.prefer(report, channel)
            case IdentityChanged():
                return await self._changes.rebind(report, channel, received_at)
            case ChannelNotice():
                return await self._changes.notice(report, channel)
            case TemplateChanged():
                known = await take_change(self._stores, self._hub, report, channel, received_at)
                if not known:
                    self._doubt_templates(channel)
                return "template_changed" if known else "template_unknown"
            case Edited() | Unsent() | Reacted():
                return await self._changes.apply(report, channel, received_at)

    async def _channel_of(
        self, entry: JournalEntry, report: Report, addressed: Channel | None
    ) -> Channel | None:
        # News of a whole business names that, and not the number of it that has this address.
        account = report.account
        if addressed is None or account in (addressed.account, *addressed.config.values()):
            return addressed
        other = await self._directory.find_by_account(entry.kind, account or "")
        if other is not None:
            field_name = self._connectors[entry.kind].manifest.signing_field
            if other.signing_secrets(field_name) & addressed.signing_secrets(field_name):
                return other
        pool = report.pool if isinstance(report, MessageReceived | StatusReported) else None
        return addressed if pool and pool in addressed.config.values() else None


async def _parsed(connector: Connector, entry: JournalEntry) -> list[Report]:
    """What an entry reports; a large one is read beside the loop, which others wait for."""
    if entry.size_bytes < LARGE_BYTES:
        return connector.parse(entry.payload, entry.received_at)
    return await asyncio.to_thread(connector.parse, entry.payload, entry.received_at)


def _words(verdicts: Counter[str]) -> str:
    """`stored 3, duplicate 1`; `nothing` where an entry reported nothing."""
    return ", ".join(f"{word} {count}" for word, count in sorted(verdicts.items())) or "nothing"
