"""Intake: from journal entries to messages, statuses and consent.

Works in batches, because on every database one read for many costs little more than one for one.
Each step stores its result before the next, and each may run again with no second effect: an entry
taken up after a crash finds what it has already done by the unique keys of the messages.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from prometheus_client import Counter as Metric

from inbox import drafts, events, log
from inbox.automation.keywords import KeywordAnswers, hear
from inbox.directory import Directory
from inbox.domain.channel import Channel, Connector
from inbox.domain.contact import Identity
from inbox.domain.conversation import Conversation
from inbox.domain.errors import MalformedPayload, StoreUnavailable
from inbox.domain.ids import AttachmentId, ConversationId, MessageId
from inbox.domain.message import Attachment, Author, Direction, Message
from inbox.domain.report import MessageReceived, PreferenceReported, StatusReported
from inbox.hub import Hub
from inbox.ids import new_id
from inbox.people import Arrival, People
from inbox.statuses import Statuses, believable, happened_at
from inbox.store.conversations import Summary
from inbox.store.files import Fetch
from inbox.store.journal import JournalEntry
from inbox.store.messages import Duplicate, provider_key
from inbox.stores import Stores

BATCH = 200
HELD = 2000
MOST_TRIES = 8

REPORTS = Metric("assent_reports_total", "Reports read from webhooks", ["kind", "verdict"])
_log = log.get("intake")


@dataclass(slots=True)
class _Work:
    """One inbound message on its way through a batch."""

    entry: JournalEntry
    report: MessageReceived
    channel: Channel
    message: Message | None = None
    identity: Identity | None = None


@dataclass(slots=True)
class _Batch:
    """Everything that one batch reports, sorted by what has to be done with it."""

    messages: list[_Work] = field(default_factory=list)
    statuses: list[tuple[JournalEntry, StatusReported, Channel]] = field(default_factory=list)
    preferences: list[tuple[PreferenceReported, Channel]] = field(default_factory=list)
    verdicts: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))


class Intake:
    def __init__(
        self,
        stores: Stores,
        hub: Hub,
        connectors: Mapping[str, Connector],
        directory: Directory,
        wake_delivery: Callable[[Sequence[Message]], None],
        wake_fetching: Callable[[], None],
    ) -> None:
        self._stores = stores
        self._hub = hub
        self._connectors = connectors
        self._directory = directory
        self._wake_delivery = wake_delivery
        self._wake_fetching = wake_fetching
        self._keywords = KeywordAnswers(stores)
        self._people = People(stores, hub, connectors)
        self._statuses = Statuses(stores, hub)
        self._handed: list[JournalEntry] = []
        self._in_hand: set[str] = set()
        self._waits = False
        self._wake = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._tasks: list[asyncio.Task[None]] = []

    # -- the worker ------------------------------------------------------------------------

    async def start(self) -> None:
        self._tasks = [
            asyncio.create_task(self._work_forever(), name="intake"),
            asyncio.create_task(self._sweep_forever(), name="intake-sweep"),
        ]

    async def close(self) -> None:
        """Finish what is in hand, then stop; what is left waits in the journal."""
        with suppress(TimeoutError):
            async with asyncio.timeout(5):
                await self._idle.wait()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def hand_over(self, entry: JournalEntry) -> None:
        """Take an entry that this process has just stored. When too many are in hand, it stays in
        the journal and the sweep finds it."""
        if len(self._in_hand) < HELD:
            self._in_hand.add(entry.id)
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
                due = await self._stores.journal.claim_due(datetime.now(UTC))
            except StoreUnavailable:
                continue
            for entry in due:
                if entry.id not in self._in_hand:
                    self.hand_over(entry)

    async def _take(self, batch: Sequence[JournalEntry]) -> None:
        try:
            await self.process(batch)
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
            for entry in batch:
                await self._take_alone(entry)
        self._waits = False
        self._in_hand.difference_update(entry.id for entry in batch)
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
        batch = _Batch()
        for entry in entries:
            await self._read(entry, batch)
        await self._messages(batch)
        for entry, status, channel in batch.statuses:
            verdict = await self._statuses.apply(status, channel, entry.received_at)
            batch.verdicts[entry.id][verdict] += 1
        for preference, channel in batch.preferences:
            await self._statuses.prefer(preference, channel)
        verdicts = [(entry.id, _words(batch.verdicts[entry.id])) for entry in entries]
        for entry in entries:
            for verdict, count in batch.verdicts[entry.id].items():
                REPORTS.labels(entry.kind, verdict).inc(count)
        await self._stores.journal.finish(verdicts)

    async def _read(self, entry: JournalEntry, batch: _Batch) -> None:
        """Parse one entry and file each report under the channel of its account: one address may
        serve several accounts of the same provider app, known by the same signing secret."""
        verdicts = batch.verdicts[entry.id]
        connector = self._connectors[entry.kind]
        try:
            reports = connector.parse(entry.payload, entry.received_at)
        except MalformedPayload:
            verdicts["malformed"] += 1
            return
        addressed = await self._directory.find(entry.channel_id)
        for report in reports:
            if not isinstance(report, MessageReceived | StatusReported | PreferenceReported):
                verdicts[report.reason] += 1
                continue
            channel = await self._channel_of(entry, report.account, addressed)
            if channel is None:
                verdicts["no_such_account"] += 1
            elif isinstance(report, MessageReceived):
                batch.messages.append(_Work(entry=entry, report=report, channel=channel))
            elif isinstance(report, StatusReported):
                batch.statuses.append((entry, report, channel))
            else:
                batch.preferences.append((report, channel))
                verdicts["preference"] += 1

    async def _channel_of(
        self, entry: JournalEntry, account: str, addressed: Channel | None
    ) -> Channel | None:
        if addressed is None or addressed.account == account:
            return addressed
        other = await self._directory.find_by_account(entry.kind, account)
        field_name = self._connectors[entry.kind].manifest.signing_field
        if other is None or other.setting(field_name) != addressed.setting(field_name):
            return None
        return other

    # -- messages --------------------------------------------------------------------------

    async def _messages(self, batch: _Batch) -> None:
        works = self._each_once(batch)
        if not works:
            return
        known = await self._people.recognise(
            [
                Arrival(sender=w.report.sender, channel=w.channel, at=w.entry.received_at)
                for w in works
            ]
        )
        groups: dict[ConversationId, list[_Work]] = defaultdict(list)
        for work, person in zip(works, known, strict=True):
            work.identity = person.identity
            groups[person.conversation_id].append(work)
        conversations = await self._people.conversations(
            {
                person.conversation_id: (person.identity, work.channel, work.entry.received_at)
                for work, person in zip(works, known, strict=True)
            }
        )
        summaries: list[Summary] = []
        for conversation_id, group in groups.items():
            conversation = conversations[conversation_id]
            await self._store(conversation, group, batch)
            summaries += _summary(conversation, group, self._connectors)
        await self._hub.publish(
            [events.message_created(w.message) for w in works if w.message is not None]
        )
        reopened = await self._stores.conversations.summarise(summaries)
        await self._hub.publish(
            [
                events.conversation_status(conversations[one], "conversation.reopened", "open")
                for one in reopened
            ]
        )
        for conversation_id, group in groups.items():
            await self._afterwards(conversation_id, group)

    @staticmethod
    def _each_once(batch: _Batch) -> list[_Work]:
        """Drop what comes twice in this batch. What is stored already shows when it is stored
        again: the unique index decides, not a look before."""
        kept: dict[tuple[str, str], _Work] = {}
        for work in batch.messages:
            key = (work.channel.id, work.report.provider_id)
            if key in kept:
                batch.verdicts[work.entry.id]["duplicate"] += 1
            else:
                kept[key] = work
        return list(kept.values())

    async def _store(
        self, conversation: Conversation, group: Sequence[_Work], batch: _Batch
    ) -> None:
        """Append the new ones. A provider's repeat is dropped; what this very entry stored before a
        crash is kept, since what follows a message may not have happened."""
        fresh = list(group)
        while fresh:
            drafts = [await self._draft(conversation, work) for work in fresh]
            times = [believable(w.report.sent_at, w.entry.received_at) for w in fresh]
            try:
                stored = await self._stores.messages.append(conversation, drafts, provider_at=times)
            except Duplicate:
                fresh = await self._still_missing(conversation, fresh, batch)
                continue
            for work, message in zip(fresh, stored, strict=True):
                work.message = message
            fresh = []
        for work in group:
            if work.message is not None:
                batch.verdicts[work.entry.id]["stored"] += 1

    async def _still_missing(
        self, conversation: Conversation, works: Sequence[_Work], batch: _Batch
    ) -> list[_Work]:
        keys = [provider_key(w.channel.id, w.report.provider_id) for w in works]
        known = await self._stores.messages.find_by_keys(conversation.workspace_id, keys)
        missing: list[_Work] = []
        for work, key in zip(works, keys, strict=True):
            stored = known.get(key)
            if stored is None:
                missing.append(work)
            elif stored.journal_id == work.entry.id:
                work.message = stored
            else:
                batch.verdicts[work.entry.id]["duplicate"] += 1
        return missing

    async def _draft(self, conversation: Conversation, work: _Work) -> Message:
        report, entry = work.report, work.entry
        attachments = tuple(
            Attachment(
                id=AttachmentId(new_id("att")),
                kind=media.kind,
                state="pending",
                mime=media.mime,
                name=media.name,
                size_bytes=media.size_bytes,
            )
            for media in report.media
        )
        reply_to: MessageId | None = None
        if report.reply_to is not None:
            key = provider_key(work.channel.id, report.reply_to)
            quoted = await self._stores.messages.find_by_keys(conversation.workspace_id, [key])
            if key in quoted and quoted[key].conversation_id == conversation.id:
                reply_to = quoted[key].id
        sender = report.sender
        author = Author(
            type="contact", id=conversation.contact_id, name=sender.name or sender.handle
        )
        at = entry.received_at
        return replace(
            drafts.message(conversation, Direction.INBOUND, author, report.text, at),
            type=report.type,
            sent_at=happened_at(report.sent_at, at),
            attachments=attachments,
            provider_id=report.provider_id,
            reply_to=reply_to,
            journal_id=entry.id,
        )

    async def _afterwards(self, conversation_id: ConversationId, group: Sequence[_Work]) -> None:
        """What follows a stored message: its files are fetched, its keywords acted on."""
        for work in group:
            message, identity = work.message, work.identity
            if message is None or identity is None:
                continue
            await self._want_files(work, message)
            manifest = self._connectors[work.entry.kind].manifest
            heard = hear(work.report, manifest, work.channel)
            if heard is None:
                continue
            conversation = await self._stores.conversations.find(
                message.workspace_id, conversation_id
            )
            if conversation is None:
                continue
            published, queued = await self._keywords.act(
                heard,
                message,
                conversation,
                identity,
                work.channel,
                manifest,
                at=message.sent_at,
                now=work.entry.received_at,
            )
            await self._hub.publish(published)
            self._wake_delivery(queued)

    async def _want_files(self, work: _Work, message: Message) -> None:
        pairs = zip(message.attachments, work.report.media, strict=True)
        for attachment, media in pairs:
            if attachment.state != "pending":
                continue
            await self._stores.files.want(
                Fetch(
                    attachment=attachment,
                    media=media,
                    workspace_id=message.workspace_id,
                    channel_id=work.channel.id,
                    conversation_id=message.conversation_id,
                    message_id=message.id,
                    attempts=0,
                    next_at=work.entry.received_at,
                )
            )
            self._wake_fetching()


def _words(verdicts: Counter[str]) -> str:
    """`stored 3, duplicate 1`; `nothing` where an entry reported nothing."""
    return ", ".join(f"{word} {count}" for word, count in sorted(verdicts.items())) or "nothing"


def _summary(
    conversation: Conversation,
    group: Sequence[_Work],
    connectors: Mapping[str, Connector],
) -> list[Summary]:
    stored = [w for w in group if w.message is not None]
    if not stored:
        return []
    messages = [w.message for w in stored if w.message is not None]
    times = [believable(w.report.sent_at, w.entry.received_at) for w in stored]
    believed = [at for at in times if at is not None]
    windows = [m.sent_at for m in messages]
    bases = [
        m.sent_at
        for w, m in zip(stored, messages, strict=True)
        if not _is_stop(w, connectors[w.entry.kind])
    ]
    return [
        Summary(
            conversation=conversation,
            newest=max(messages, key=lambda m: m.seq),
            last_inbound_at=max(windows),
            basis_at=max(bases, default=None),
            newest_sent_at=max(believed, default=None),
            # Who writes STOP waits for no answer.
            waiting_since=min(bases, default=None),
        )
    ]


def _is_stop(work: _Work, connector: Connector) -> bool:
    heard = hear(work.report, connector.manifest, work.channel)
    return heard is not None and heard.word == "stop"
