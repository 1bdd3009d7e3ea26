"""Conversations: their summaries, and the lists they are in.

A summary is derived from messages and may be written again at any time with no second effect: what
only grows is written with `$max`, the rest under a filter on `last_seq`. `heard` says through which
inbound message all are summed up: whoever would jump over one that is not leaves it where it is.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from pymongo import UpdateOne
from pymongo.errors import DuplicateKeyError

from inbox.domain.contact import Identity
from inbox.domain.conversation import Conversation, ConversationStatus, Preview, list_keys
from inbox.domain.ids import (
    AgentId,
    AttachmentId,
    ChannelId,
    ContactId,
    ConversationId,
    IdentityId,
    MessageId,
    WorkspaceId,
)
from inbox.domain.message import Message
from inbox.store.database import Database, Document, reachable
from inbox.store.summaries import Span, Summary

PREVIEW_CHARS = 160
MOST_OF_CONTACT = 50
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_TICK = timedelta(milliseconds=1)


@dataclass(frozen=True, kw_only=True, slots=True)
class Summarised:
    """reopened   by an inbound message, with their new status_version
    behind     have an earlier inbound message that nobody has summed up: `catch_up` is needed
    """

    reopened: Mapping[ConversationId, int] = field(default_factory=dict)
    behind: Sequence[ConversationId] = ()


class ConversationStore:
    def __init__(self, database: Database) -> None:
        self._conversations = database["conversations"]
        self._keyring = database.keyring
        # Width of the window that filled a page, by list key: a hint, so it need not be shared.
        self._widths: dict[str, timedelta] = {}

    # -- documents -------------------------------------------------------------------------

    def _seal(self, conversation_id: str, field: str, value: object) -> bytes:
        return self._keyring.seal_text(
            json.dumps(value), f"conversations:{conversation_id}:{field}"
        )

    def _open(self, doc: Document, field: str) -> dict[str, str]:
        place = f"conversations:{doc['_id']}:{field}"
        opened: dict[str, str] = json.loads(self._keyring.open_text(bytes(doc[field]), place))
        return opened

    def preview_document(self, message: Message) -> Document:
        return {
            "id": message.id,
            "seq": message.seq,
            "direction": message.direction,
            "type": message.type,
            "text": self._keyring.seal_text(
                message.text[:PREVIEW_CHARS], f"conversations:{message.conversation_id}:preview"
            ),
            "status": message.status,
            "author_name": self._sealed_author(message),
            "at": message.sent_at,
            "deleted_at": message.deleted_at,
        }

    def _sealed_author(self, message: Message) -> bytes | None:
        if message.author.name is None:
            return None
        place = f"conversations:{message.conversation_id}:author"
        return self._keyring.seal_text(message.author.name, place)

    def _preview(self, conversation_id: str, doc: Document) -> Preview:
        return Preview(
            id=MessageId(doc["id"]),
            seq=doc["seq"],
            direction=doc["direction"],
            type=doc["type"],
            text=self._keyring.open_text(
                bytes(doc["text"]), f"conversations:{conversation_id}:preview"
            ),
            status=doc["status"],
            author_name=None
            if doc["author_name"] is None
            else self._keyring.open_text(
                bytes(doc["author_name"]), f"conversations:{conversation_id}:author"
            ),
            at=doc["at"],
            deleted_at=doc.get("deleted_at"),
        )

    def _from_document(self, doc: Document) -> Conversation:
        person = self._open(doc, "person")
        last = doc.get("last_message")
        return Conversation(
            id=ConversationId(doc["_id"]),
            workspace_id=WorkspaceId(doc["workspace_id"]),
            channel_id=ChannelId(doc["channel_id"]),
            kind=doc["kind"],
            contact_id=ContactId(doc["contact_id"]),
            identity_id=IdentityId(doc["identity_id"]),
            contact_name=person["name"],
            handle=person["handle"],
            status=ConversationStatus(doc["status"]),
            status_version=doc.get("status_version", 0),
            assignee_id=None if doc["assignee_id"] is None else AgentId(doc["assignee_id"]),
            last_seq=doc["last_seq"],
            inbound_seq=doc["inbound_seq"],
            # It is absent where only an earlier version has written.
            heard_seq=doc.get("heard", {}).get("seq", max(0, doc["last_seq"] - 100)),
            newest_sent_at=doc.get("newest_sent_at"),
            last_inbound_at=doc.get("last_inbound_at"),
            last_basis_at=doc.get("last_basis_at"),
            last_activity_at=doc["last_activity_at"],
            waiting_since=doc.get("waiting_since"),
            last_message=None if last is None else self._preview(doc["_id"], last),
            created_at=doc["created_at"],
            subject=self._subject(doc),
            picture=doc.get("picture"),
        )

    def _subject(self, doc: Document) -> str | None:
        sealed = doc.get("subject")
        if sealed is None:
            return None
        return self._keyring.open_text(bytes(sealed), f"conversations:{doc['_id']}:subject")

    # -- reading ---------------------------------------------------------------------------

    async def find(
        self, workspace_id: WorkspaceId, conversation_id: ConversationId
    ) -> Conversation | None:
        async with reachable():
            doc = await self._conversations.find_one(
                {"_id": conversation_id, "workspace_id": workspace_id}
            )
        return None if doc is None else self._from_document(doc)

    async def find_many(self, ids: Sequence[ConversationId]) -> dict[ConversationId, Conversation]:
        async with reachable():
            docs = await self._conversations.find({"_id": {"$in": list(ids)}}).to_list(len(ids))
        return {ConversationId(doc["_id"]): self._from_document(doc) for doc in docs}

    async def of_contact(
        self,
        workspace_id: WorkspaceId,
        contact_id: ContactId,
        channel_ids: Collection[str] | None = None,
    ) -> list[Conversation]:
        """A contact's conversations on these channels, None: on every one; the newest 50: a mailbox
        has one a thread."""
        place: Document = {"workspace_id": workspace_id, "contact_id": contact_id}
        if channel_ids is not None:
            place["channel_id"] = {"$in": sorted(channel_ids)}
        async with reachable():  # index: contact_activity, contact_channels
            docs = (
                await self._conversations.find(place)
                .sort([("last_activity_at", -1), ("_id", -1)])
                .limit(MOST_OF_CONTACT)
                .to_list(MOST_OF_CONTACT)
            )
        return [self._from_document(doc) for doc in docs]

    async def page(
        self,
        workspace_id: WorkspaceId,
        key: str,
        *,
        limit: int,
        after: tuple[datetime, str] | None = None,
        since: datetime | None = None,
    ) -> list[Conversation]:
        """The `limit` conversations of a list with the newest activity; those that follow `after`
        (activity and id of the last one seen), and none older than `since`.

        Read in windows of time that widen until the page is full: the embedded database pays for
        every document that a range selects, so a range must not hold the whole list.
        """
        # Nothing is older, and further back the windows would leave the calendar.
        floor = max(since or _EPOCH, _EPOCH)
        found: list[Document] = []
        upper = datetime.now(UTC) + timedelta(days=1)
        if after is not None:
            upper = after[0]
            found = await self._ties(workspace_id, key, *after, limit)
        width_key = f"{workspace_id}:{key}"
        width = self._widths.get(width_key, timedelta(days=2))
        while upper > floor and len(found) < limit:
            lower = max(floor, upper - width)
            # Half-open. Not `$gte`: the embedded database leaves the bound out where the field
            # descends and another one follows it in the index. Times are whole milliseconds.
            window = {"$gt": lower - _TICK, "$lt": upper}
            found += await self._window(workspace_id, key, window, limit - len(found))
            upper = lower
            if len(found) < limit:
                width *= 4
        if len(self._widths) > 10_000:
            self._widths.clear()
        self._widths[width_key] = min(max(width / 2, timedelta(hours=1)), timedelta(days=3650))
        return [self._from_document(doc) for doc in found]

    async def _window(
        self, workspace_id: WorkspaceId, key: str, window: Document, limit: int
    ) -> list[Document]:
        async with reachable():  # index: lists
            found: list[Document] = (
                await self._conversations.find(
                    {"workspace_id": workspace_id, "lists": key, "last_activity_at": window}
                )
                .sort([("last_activity_at", -1), ("_id", -1)])
                .limit(limit)
                .to_list(limit)
            )
        return found

    async def _ties(
        self, workspace_id: WorkspaceId, key: str, at: datetime, before_id: str, limit: int
    ) -> list[Document]:
        """Those of the very same time as the last one seen: a batch of webhooks makes many."""
        async with reachable():  # index: lists
            found: list[Document] = (
                await self._conversations.find(
                    {
                        "workspace_id": workspace_id,
                        "lists": key,
                        "last_activity_at": at,
                        "_id": {"$lt": before_id},
                    }
                )
                .sort("_id", -1)
                .limit(limit)
                .to_list(limit)
            )
        return found

    # -- writing ---------------------------------------------------------------------------

    async def create(
        self,
        conversation_id: ConversationId,
        identity: Identity,
        now: datetime,
        *,
        subject: str | None = None,
        status: ConversationStatus = ConversationStatus.OPEN,
    ) -> tuple[Conversation, bool]:
        """The conversation of an identity, made if it does not exist; True if this call made it."""
        document = {
            "_id": conversation_id,
            "workspace_id": identity.workspace_id,
            "channel_id": identity.channel_id,
            "kind": identity.kind,
            "contact_id": identity.contact_id,
            "identity_id": identity.id,
            "person": self._seal(
                conversation_id,
                "person",
                {"name": identity.name or identity.handle, "handle": identity.handle},
            ),
            "status": status,
            "status_version": 0,
            "assignee_id": None,
            "lists": list_keys(status=status, channel_id=identity.channel_id, assignee_id=None),
            "last_seq": 0,
            "inbound_seq": 0,
            "heard": {"seq": 0, "inbound_seq": 0},
            "last_activity_at": now,
            "created_at": now,
        }
        if subject is not None:
            place = f"conversations:{conversation_id}:subject"
            document["subject"] = self._keyring.seal_text(subject, place)
        try:
            async with reachable():
                await self._conversations.insert_one(document)
        except DuplicateKeyError:
            async with reachable():
                stored = await self._conversations.find_one({"_id": conversation_id})
            if stored is None:
                raise
            return self._from_document(stored), False
        return self._from_document(document), True

    async def rename(self, conversation_id: ConversationId, name: str, handle: str) -> None:
        sealed = self._seal(conversation_id, "person", {"name": name, "handle": handle})
        async with reachable():
            await self._conversations.update_one(
                {"_id": conversation_id}, {"$set": {"person": sealed}}
            )

    async def set_picture(self, conversation_id: ConversationId, picture: AttachmentId) -> None:
        async with reachable():
            await self._conversations.update_one(
                {"_id": conversation_id}, {"$set": {"picture": picture}}
            )

    async def summarise(self, summaries: Sequence[Summary]) -> Summarised:
        """Bring conversations up to date with messages just stored; may be repeated."""
        if not summaries:
            return Summarised()
        async with reachable():
            result = await self._conversations.bulk_write(
                [self._summary_update(s) for s in summaries], ordered=False
            )
            if result.matched_count == len(summaries):
                return Summarised()
            # Somebody was faster with a newer message, or it was not open, or an earlier message
            # is not summed up yet: what only grows still counts, and an inbound message opens a
            # conversation again.
            await self._conversations.bulk_write(
                [UpdateOne({"_id": s.conversation.id}, {"$max": _growing(s)}) for s in summaries],
                ordered=False,
            )
        return Summarised(
            reopened=await self._reopen(summaries),
            behind=[s.conversation.id for s in summaries if not await self._hear(s)],
        )

    async def _hear(self, summary: Summary) -> bool:
        """Note that its inbound messages are summed up; False where an earlier one is not."""
        if summary.heard is None:
            return True
        async with reachable():
            result = await self._conversations.update_one(
                {"_id": summary.conversation.id, **_follows(summary.heard)},
                {"$max": _heard(summary.heard)},
            )
        return bool(result.matched_count)

    async def catch_up(
        self,
        conversation_id: ConversationId,
        newest: Message,
        last_inbound_at: datetime | None,
        basis_at: datetime | None,
    ) -> None:
        """Note that all inbound messages up to `newest` are summed up, in these times as well."""
        growing: Document = {"heard.seq": newest.seq, "heard.inbound_seq": newest.inbound_seq}
        times = {"last_inbound_at": last_inbound_at, "last_basis_at": basis_at}
        growing.update({name: at for name, at in times.items() if at is not None})
        async with reachable():
            await self._conversations.update_one({"_id": conversation_id}, {"$max": growing})

    def _summary_update(self, summary: Summary) -> UpdateOne:
        fixed = self._shown(summary)
        before = summary.shown or summary.newest
        match: Document = {"_id": summary.conversation.id, "last_seq": {"$lt": before.seq}}
        if summary.last_inbound_at is not None:
            match["status"] = ConversationStatus.OPEN
        growing = _growing(summary)
        if summary.heard is not None:
            match |= _follows(summary.heard)
            growing |= _heard(summary.heard)
        update: Document = {"$set": fixed, "$max": growing}
        return UpdateOne(match, update | _waiting(summary))

    def _shown(self, summary: Summary) -> Document:
        shown: Document = {"last_activity_at": summary.newest.received_at}
        if summary.shown is not None:
            shown["last_message"] = self.preview_document(summary.shown)
        return shown

    async def _reopen(self, summaries: Sequence[Summary]) -> dict[ConversationId, int]:
        """Show the last message where it is newer than what is shown; those that an inbound
        message has reopened, with their new status_version."""
        reopened: dict[ConversationId, int] = {}
        for summary in summaries:
            conversation = summary.conversation
            if summary.last_inbound_at is not None:
                version = await self.set_status(
                    conversation, ConversationStatus.RESOLVED, ConversationStatus.OPEN
                )
                if version is not None:
                    reopened[conversation.id] = version
            match: Document = {"_id": conversation.id}
            if summary.shown is None:
                match["last_seq"] = summary.newest.seq
            else:  # also where there is none yet
                match["last_message.seq"] = {"$not": {"$gte": summary.shown.seq}}
            async with reachable():
                await self._conversations.update_one(
                    match, {"$set": self._shown(summary)} | _waiting(summary)
                )
        return reopened

    async def set_status(
        self, conversation: Conversation, old: ConversationStatus, new: ConversationStatus
    ) -> int | None:
        """Move it from `old` to `new`, with its lists; its new status_version, None when it was not
        `old`."""
        lists = list_keys(
            status=new,
            channel_id=conversation.channel_id,
            assignee_id=conversation.assignee_id,
        )
        async with reachable():
            while True:
                known = await self._conversations.find_one(
                    {"_id": conversation.id, "status": old}, {"status_version": 1}
                )
                if known is None:
                    return None
                before = known.get("status_version")
                version = (before or 0) + 1
                result = await self._conversations.update_one(
                    {"_id": conversation.id, "status": old, "status_version": before},
                    {"$set": {"status": new, "status_version": version, "lists": lists}},
                )
                if result.modified_count:
                    return version

    async def show_status(self, message: Message) -> None:
        """Keep the preview's tick right while the message is the newest."""
        async with reachable():
            await self._conversations.update_one(
                {"_id": message.conversation_id, "last_message.id": message.id},
                {"$set": {"last_message.status": message.status}},
            )

    async def show_text(self, message: Message) -> None:
        """Keep the preview's words right while the message is the newest."""
        shown = self.preview_document(message)
        async with reachable():
            await self._conversations.update_one(
                {"_id": message.conversation_id, "last_message.id": message.id},
                {
                    "$set": {
                        "last_message.text": shown["text"],
                        "last_message.deleted_at": shown["deleted_at"],
                    }
                },
            )


def _waiting(summary: Summary) -> Document:
    """The field is absent while nobody waits, so that the first who does sets it and those who
    follow do not."""
    if summary.answered:
        return {"$unset": {"waiting_since": 1}}
    if summary.waiting_since is None:
        return {}
    return {"$min": {"waiting_since": summary.waiting_since}}


def _follows(span: Span) -> Document:
    return {"heard.inbound_seq": {"$gte": span.after}}


def _heard(span: Span) -> Document:
    return {"heard.seq": span.seq, "heard.inbound_seq": span.inbound_seq}


def _growing(summary: Summary) -> Document:
    growing: Document = {
        "last_seq": summary.newest.seq,
        "inbound_seq": summary.newest.inbound_seq,
    }
    times = {
        "last_inbound_at": summary.last_inbound_at,
        "last_basis_at": summary.basis_at,
        "newest_sent_at": summary.newest_sent_at,
    }
    growing.update({name: at for name, at in times.items() if at is not None})
    return growing
