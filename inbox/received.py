"""Messages that came in: who wrote, into which conversation, each stored once and told to agents.

Works in batches, because on every database one read for many costs little more than one for one.
Each step stores its result before the next, and each may run again with no second effect.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

from inbox import drafts, events
from inbox.automation.keywords import Heard, KeywordAnswers, hear
from inbox.changes import Changes
from inbox.consent import catch_up
from inbox.domain.channel import Connector
from inbox.domain.conversation import Conversation, ConversationStatus
from inbox.domain.ids import AttachmentId, ConversationId, MessageId
from inbox.domain.mail import one_line
from inbox.domain.message import Attachment, Author, Direction, Message, Status
from inbox.domain.report import MessageReceived, StatusReported
from inbox.hub import RECENTLY_S, Hub
from inbox.ids import new_id
from inbox.mails import Mails, content, split
from inbox.people import Arrival, People, Wanted
from inbox.profiles import Profiles
from inbox.statuses import Statuses, believable, happened_at
from inbox.store.files import Fetch
from inbox.store.message_documents import provider_key
from inbox.store.messages import Duplicate
from inbox.store.summaries import Summary, layers
from inbox.stores import Stores
from inbox.summing_up import sum_up
from inbox.work import Verdicts, Work

# For as long an echo may still come of a message whose outcome is unknown.
UNSETTLED = timedelta(minutes=10)
# A screen that opens between the two reads the old summary; see `Hub.recently`.
LATE_S = RECENTLY_S - 1.0


@dataclass(frozen=True, slots=True)
class Taken:
    """Messages that are stored and told, but not summed up yet.

    urgent   one of them asks to stop, start or be helped: what follows must not wait
    told_at  by the monotonic clock, in seconds
    """

    conversations: Mapping[ConversationId, Conversation]
    groups: Mapping[ConversationId, Sequence[Work]]
    summaries: Sequence[Summary]
    urgent: bool
    told_at: float = field(default_factory=time.monotonic)


class Received:
    def __init__(
        self,
        stores: Stores,
        hub: Hub,
        connectors: Mapping[str, Connector],
        people: People,
        statuses: Statuses,
        changes: Changes,
        profiles: Profiles,
        wake_delivery: Callable[[Sequence[Message]], None],
        wake_fetching: Callable[[], None],
    ) -> None:
        self._stores = stores
        self._hub = hub
        self._connectors = connectors
        self._people = people
        self._statuses = statuses
        self._changes = changes
        self._profiles = profiles
        self._wake_delivery = wake_delivery
        self._wake_fetching = wake_fetching
        self._keywords = KeywordAnswers(stores)
        self._mails = Mails(stores)
        # Conversations as they will be once they are summed up: who reads one before that would
        # take numbers that are gone.
        self._ahead: dict[ConversationId, Conversation] = {}

    async def take(self, arrived: Sequence[Work], verdicts: Verdicts) -> Taken:
        """Store and tell what arrived; `follow_up` does the rest."""
        works = await self._without_our_own(self._each_once(arrived, verdicts), verdicts)
        works = await self._mails.look(works, verdicts)
        if not works:
            return Taken({}, {}, (), urgent=False)
        known = await self._people.recognise(
            [
                Arrival(sender=w.report.sender, channel=w.channel, at=w.entry.received_at)
                for w in works
            ]
        )
        groups: dict[ConversationId, list[Work]] = defaultdict(list)
        for work, person in zip(works, known, strict=True):
            work.identity = person.identity
        placed = await self._mails.place(works)
        for work, person, conversation_id in zip(works, known, placed, strict=True):
            groups[conversation_id or person.conversation_id].append(work)
        conversations = await self._people.conversations(
            {key: _wanted(group) for key, group in groups.items()}
        )
        conversations = {key: self._as_told(one) for key, one in conversations.items()}
        summaries: list[Summary] = []
        await self._store_first(conversations, groups)
        for conversation_id, group in groups.items():
            conversation = conversations[conversation_id]
            await self._store_rest(conversation, group, verdicts)
            summaries += sum_up(conversation, group, self._connectors)
        await self._record_keywords(works)
        await self._mails.keep_bodies(works)
        joined = await self._mails.joined(works, conversations)
        summaries += [
            Summary(conversation=conversations[m.conversation_id], newest=m) for m in joined
        ]
        told = [*joined, *(work.message for work in works if work.message is not None)]
        await self._hub.publish([events.message_created(message) for message in told])
        for summary in summaries:
            self._look_ahead(summary)
        urgent = any(work.recorded is not None for work in works)
        return Taken(conversations, groups, summaries, urgent=urgent)

    async def follow_up(self, batches: Sequence[Taken]) -> None:
        """Sum up conversations, fetch files, act on keywords; of several batches at once, since a
        conversation that got many messages is summed up once. May be repeated."""
        reopened: dict[ConversationId, int] = {}
        for layer in layers([summary for taken in batches for summary in taken.summaries]):
            summarised = await self._stores.conversations.summarise(layer)
            reopened |= summarised.reopened
            for summary in layer:
                if summary.conversation.id in summarised.behind:
                    await self._catch_up(summary.conversation)
            for summary in layer:
                ahead = self._ahead.get(summary.conversation.id)
                if ahead is not None and ahead.last_seq <= summary.newest.seq:
                    del self._ahead[summary.conversation.id]
        await self._tell_late(batches)
        known = {key: one for taken in batches for key, one in taken.conversations.items()}
        await self._hub.publish(
            [
                events.conversation_status(known[one], "conversation.reopened", "open", version)
                for one, version in reopened.items()
            ]
        )
        told: list[Message] = []
        for taken in batches:
            for conversation_id, group in taken.groups.items():
                await self._afterwards(conversation_id, group)
                told += [work.message for work in group if work.message is not None]
        await self._changes.catch_up(told)

    async def _tell_late(self, batches: Sequence[Taken]) -> None:
        """Tell again what was summed up so late that a screen may have begun in between, with the
        old summary and a cursor from after the telling."""
        late = time.monotonic() - LATE_S
        summaries = [one for taken in batches for one in taken.summaries if taken.told_at < late]
        told = {m.id: m for one in summaries for m in (one.shown, one.newest) if m is not None}
        if told:
            await self._hub.publish([events.message_created(one) for one in told.values()])

    async def _catch_up(self, conversation: Conversation) -> None:
        stored = await self._stores.conversations.find(conversation.workspace_id, conversation.id)
        if stored is not None:
            manifest = self._connectors[stored.kind].manifest
            await catch_up(self._stores, stored, manifest)

    def _look_ahead(self, summary: Summary) -> None:
        """Remember the conversation's numbers as they will be, of two summaries the higher ones."""
        outlook, ahead = summary.outlook(), self._ahead.get(summary.conversation.id)
        if ahead is None or ahead.last_seq <= outlook.last_seq:
            self._ahead[summary.conversation.id] = outlook

    def _as_told(self, conversation: Conversation) -> Conversation:
        """The conversation with what was told of it and is not summed up yet."""
        ahead = self._ahead.get(conversation.id)
        if ahead is None or ahead.last_seq <= conversation.last_seq:
            return conversation
        return replace(
            conversation,
            last_seq=ahead.last_seq,
            inbound_seq=ahead.inbound_seq,
            newest_sent_at=ahead.newest_sent_at,
        )

    async def _record_keywords(self, works: Sequence[Work]) -> None:
        """A STOP is on record before anything else happens to any message of the batch."""
        for work in works:
            heard = self._heard(work)
            if heard is None or work.message is None or work.identity is None:
                continue
            work.recorded = await self._keywords.record(
                heard,
                work.message,
                work.identity,
                self._connectors[work.entry.kind].manifest,
                at=work.message.sent_at,
                now=work.entry.received_at,
            )

    def _heard(self, work: Work) -> Heard | None:
        """The keyword in what a contact wrote; None in what our side, or a program, wrote."""
        if work.report.direction == "outbound" or work.automated:
            return None
        return hear(work.report, self._connectors[work.entry.kind].manifest, work.channel)

    @staticmethod
    def _each_once(arrived: Sequence[Work], verdicts: Verdicts) -> list[Work]:
        """Drop what comes twice in this batch. What is stored already shows when it is stored
        again: the unique index decides, not a look before."""
        kept: dict[tuple[str, str], Work] = {}
        for work in arrived:
            key = (work.channel.id, work.report.provider_id)
            if key in kept:
                verdicts[work.entry.id]["duplicate"] += 1
            else:
                kept[key] = work
        return list(kept.values())

    async def _without_our_own(self, works: Sequence[Work], verdicts: Verdicts) -> list[Work]:
        """An echo of what we sent ourselves is a report that it was sent, not a second message."""
        kept: list[Work] = []
        for work in works:
            if work.report.direction == "inbound" or not await self._is_our_own(work):
                kept.append(work)
            else:
                verdicts[work.entry.id]["own_echo"] += 1
        return kept

    async def _is_our_own(self, work: Work) -> bool:
        report, channel = work.report, work.channel
        message_id = report.message_id
        if message_id is None and report.mail is None:
            message_id = await self._being_sent(work)
        if message_id is None:
            return False
        sent = StatusReported(
            account=report.account,
            status=Status.SENT,
            provider_id=report.provider_id,
            message_id=message_id,
            at=report.sent_at,
        )
        found = await self._stores.messages.find(channel.workspace_id, MessageId(message_id))
        if found is None or found.channel_id != channel.id:
            return False
        await self._statuses.apply(sent, channel, work.entry.received_at)
        await self._mails.came_back(work, found)
        return True

    async def _being_sent(self, work: Work) -> MessageId | None:
        """Our message that this echo must be of, where the provider carries nothing of ours along:
        the first with this text that is in a worker's hands for this person now, or that one has
        just let go without knowing whether it was taken."""
        report, channel = work.report, work.channel
        known = await self._stores.people.find_many(
            channel.workspace_id, channel.id, channel.kind, report.sender.keys
        )
        for _, conversation_id in known.values():
            candidates = await self._stores.outbox.in_hand(conversation_id)
            candidates += await self._stores.outbox.unsettled(
                channel.workspace_id, conversation_id, work.entry.received_at - UNSETTLED
            )
            for message in candidates:
                if message.text == report.text and bool(message.attachments) == bool(report.media):
                    return message.id
        return None

    async def _store_first(
        self,
        conversations: Mapping[ConversationId, Conversation],
        groups: Mapping[ConversationId, Sequence[Work]],
    ) -> None:
        """Store the first message of every conversation in one write: most batches hold no other,
        and one write of many costs little more than one of one."""
        firsts = [(conversations[key], group[0]) for key, group in groups.items()]
        drafts = [
            (
                conversation,
                await self._draft(conversation, work),
                believable(work.report.sent_at, work.entry.received_at),
            )
            for conversation, work in firsts
        ]
        stored = await self._stores.messages.append_first(drafts)
        for (_, work), message in zip(firsts, stored, strict=True):
            work.message = message

    async def _store_rest(
        self, conversation: Conversation, group: Sequence[Work], verdicts: Verdicts
    ) -> None:
        """Append what is not stored yet. A provider's repeat is dropped; what this very entry
        stored before a crash is kept, since what follows a message may not have happened."""
        fresh = [work for work in group if work.message is None]
        while fresh:
            drafts = [await self._draft(conversation, work) for work in fresh]
            times = [believable(w.report.sent_at, w.entry.received_at) for w in fresh]
            try:
                stored = await self._stores.messages.append(conversation, drafts, provider_at=times)
            except Duplicate:
                fresh = await self._still_missing(conversation, fresh, verdicts)
                continue
            for work, message in zip(fresh, stored, strict=True):
                work.message = message
            fresh = []
        for work in group:
            if work.message is not None:
                verdicts[work.entry.id]["stored"] += 1

    async def _still_missing(
        self, conversation: Conversation, works: Sequence[Work], verdicts: Verdicts
    ) -> list[Work]:
        keys = [provider_key(w.channel.id, w.report.provider_id) for w in works]
        known = await self._stores.messages.find_by_keys(conversation.workspace_id, keys)
        missing: list[Work] = []
        for work, key in zip(works, keys, strict=True):
            stored = known.get(key)
            if stored is None:
                missing.append(work)
            elif stored.journal_id == work.entry.id:
                work.message = stored
            else:
                verdicts[work.entry.id]["duplicate"] += 1
        return missing

    async def _draft(self, conversation: Conversation, work: Work) -> Message:
        report, entry = work.report, work.entry
        attachments = tuple(
            Attachment(
                id=AttachmentId(new_id("att")),
                kind=media.kind,
                state="pending",
                mime=media.mime,
                name=media.name,
                size_bytes=media.size_bytes,
                content_id=media.content_id,
            )
            for media in report.media
        )
        reply_to: MessageId | None = None
        if report.reply_to is not None:
            key = provider_key(work.channel.id, report.reply_to)
            quoted = await self._stores.messages.find_by_keys(conversation.workspace_id, [key])
            if key in quoted and quoted[key].conversation_id == conversation.id:
                reply_to = quoted[key].id
        at = entry.received_at
        sender = report.sender
        inbound = report.direction == "inbound"
        direction = Direction.INBOUND if inbound else Direction.OUTBOUND
        # Who of ours wrote it elsewhere, no provider says.
        author = Author(type="agent")
        if inbound:
            name = sender.name or sender.handle
            writer = conversation.contact_id if work.identity is None else work.identity.contact_id
            author = Author(type="contact", id=writer, name=name)
        status = Status.RECEIVED if inbound else Status.SENT
        sent_at = happened_at(report.sent_at, at)
        return replace(
            drafts.message(conversation, direction, author, split(work)[0], at),
            status=status,
            status_at={} if inbound else {"sent": sent_at},
            content={**_content(report), **content(work, conversation)} or None,
            history=work.history,
            type=report.type,
            sent_at=sent_at,
            attachments=attachments,
            provider_id=report.provider_id,
            reply_to=reply_to,
            journal_id=entry.id,
        )

    async def _afterwards(self, conversation_id: ConversationId, group: Sequence[Work]) -> None:
        """What follows a stored message: its files are fetched, and its keywords acted on."""
        for work in group:
            message, identity = work.message, work.identity
            if message is None or identity is None:
                continue
            await self._want_files(work, message)
            self._profiles.wonder(identity, conversation_id, work.channel)
            manifest = self._connectors[work.entry.kind].manifest
            heard = self._heard(work)
            if heard is None or work.recorded is None:
                continue
            conversation = await self._stores.conversations.find(
                message.workspace_id, conversation_id
            )
            if conversation is None:
                continue
            published, queued = await self._keywords.act(
                heard,
                work.recorded,
                message,
                conversation,
                identity,
                work.channel,
                manifest,
                now=work.entry.received_at,
                may_answer=not work.report.standby and not work.history,
            )
            await self._hub.publish(published)
            self._wake_delivery(queued)

    async def _want_files(self, work: Work, message: Message) -> None:
        if message.deleted_at is not None:
            return  # taken back since; its files are not wanted any more
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


def _content(report: MessageReceived) -> dict[str, object]:
    """What the provider told of it, and whether it had to be asked."""
    recovered = {"recovered": True} if report.recovered else {}
    return {**(report.content or {}), **recovered}


def _wanted(group: Sequence[Work]) -> Wanted:
    """How the conversation of these messages begins, if it does not exist yet."""
    first = group[0]
    if first.identity is None:
        raise ValueError("a message has a conversation once its sender is known")
    subject = None if first.report.mail is None else one_line(first.report.mail.subject)
    old = all(work.history for work in group)
    return Wanted(
        identity=first.identity,
        channel=first.channel,
        at=first.entry.received_at,
        subject=subject,
        status=ConversationStatus.RESOLVED if old else ConversationStatus.OPEN,
    )
