"""Messages: appended once, shown in order, moved forwards.

Appending is the deduplication: the unique index over `keys` refuses a provider's or a client's
repeat, and the unique index over `seq` makes writers of one conversation take turns.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from pymongo.errors import BulkWriteError

from inbox.domain.conversation import Conversation
from inbox.domain.errors import StoreUnavailable
from inbox.domain.ids import (
    AttachmentId,
    ChannelId,
    ConversationId,
    MessageId,
    WorkspaceId,
)
from inbox.domain.message import (
    Attachment,
    Author,
    Delivery,
    Direction,
    Failure,
    Message,
    Reaction,
    Status,
    may_become,
)
from inbox.store.database import Database, Document, reachable

# At each try at least one of those who write to a conversation at once gets on.
_TRIES = 40
_LATE_WINDOW = 200
# Unset, a message is in no index of the outbox any more; its fence stays and keeps workers apart.
OUT_OF_OUTBOX = {
    "delivery.state": 1,
    "delivery.next_at": 1,
    "delivery.lane": 1,
    "delivery.seq": 1,
}


def provider_key(channel_id: str, provider_id: str) -> str:
    return f"p:{channel_id}:{provider_id}"


def client_key(conversation_id: str, client_id: str) -> str:
    return f"c:{conversation_id}:{client_id}"


@dataclass(frozen=True, slots=True)
class _Top:
    """What the next message of a conversation goes by: the last numbers, and the newest provider
    time that is stored."""

    seq: int
    inbound_seq: int
    newest: datetime | None


class Duplicate(Exception):
    """A message with this provider or client id is stored already."""

    def __init__(self, message: Message) -> None:
        super().__init__("already stored")
        self.message = message


class MessageStore:
    def __init__(self, database: Database) -> None:
        self._messages = database["messages"]
        self._durable = database.durable("messages")
        self._keyring = database.keyring

    # -- documents -------------------------------------------------------------------------

    def _to_document(self, message: Message, provider_at: datetime | None) -> Document:
        keys: list[str] = []
        if message.provider_id is not None:
            keys.append(provider_key(message.channel_id, message.provider_id))
        if message.client_id is not None:
            keys.append(client_key(message.conversation_id, message.client_id))
        document: Document = {
            "_id": message.id,
            "workspace_id": message.workspace_id,
            "conversation_id": message.conversation_id,
            "channel_id": message.channel_id,
            "seq": message.seq,
            "place": message.place,
            "inbound_seq": message.inbound_seq,
            "direction": message.direction,
            "type": message.type,
            "text": self._keyring.seal_text(message.text, f"messages:{message.id}:text"),
            "author": {
                **_plain(message.author, ("type", "id")),
                "name": self._sealed_author(message),
            },
            "status": message.status,
            "sent_at": message.sent_at,
            "provider_at": provider_at,
            "received_at": message.received_at,
            "attachments": [attachment_document(a) for a in message.attachments],
            "provider_id": message.provider_id,
            "client_id": message.client_id,
            # Never empty: a unique index treats all empty ones as equal.
            "keys": keys or [f"m:{message.id}"],
            "reply_to": message.reply_to,
            "purpose": message.purpose,
            "sort": message.sort,
            "status_at": message.status_at,
            "decision": self.sealed_decision(message.id, message.decision),
            "content": self._sealed_content(message),
            "journal_id": message.journal_id,
        }
        if message.delivery is not None:
            document["delivery"] = {
                "state": message.delivery.state,
                "attempts": message.delivery.attempts,
                "next_at": message.delivery.next_at,
                "fence": message.delivery.fence,
                "lane": message.conversation_id,
                "seq": message.seq,
            }
        return document

    def _sealed_author(self, message: Message) -> bytes | None:
        """A contact's name, or the number that stands for it where no name is known."""
        if message.author.name is None:
            return None
        return self._keyring.seal_text(message.author.name, f"messages:{message.id}:author")

    def _author(self, doc: Document) -> Author:
        kept = doc["author"]
        name = kept["name"]
        if name is not None:
            name = self._keyring.open_text(bytes(name), f"messages:{doc['_id']}:author")
        return Author(type=kept["type"], id=kept["id"], name=name)

    def _sealed_content(self, message: Message) -> bytes | None:
        if message.content is None:
            return None
        return self._keyring.seal_text(
            json.dumps(message.content), f"messages:{message.id}:content"
        )

    def _content(self, doc: Document) -> dict[str, object] | None:
        sealed = doc.get("content")
        if sealed is None:
            return None
        place = f"messages:{doc['_id']}:content"
        content: dict[str, object] = json.loads(self._keyring.open_text(bytes(sealed), place))
        return content

    # Any: the API's shape of a decision.
    def sealed_decision(
        self, message_id: MessageId, decision: dict[str, Any] | None
    ) -> bytes | None:
        """Sealed, since it quotes the words by which a contact stopped."""
        if decision is None:
            return None
        return self._keyring.seal_text(json.dumps(decision), f"messages:{message_id}:decision")

    def _decision(self, doc: Document) -> dict[str, object] | None:
        if doc["decision"] is None:
            return None
        place = f"messages:{doc['_id']}:decision"
        decision: dict[str, object] = json.loads(
            self._keyring.open_text(bytes(doc["decision"]), place)
        )
        return decision

    def sealed_failure(self, message_id: MessageId, failure: Failure | None) -> Document | None:
        """Its reason may be the gate's, and quote as well."""
        if failure is None:
            return None
        place = f"messages:{message_id}:failure"
        return {"code": failure.code, "reason": self._keyring.seal_text(failure.reason, place)}

    def _failure(self, doc: Document) -> Failure | None:
        kept = doc.get("failure")
        if kept is None:
            return None
        place = f"messages:{doc['_id']}:failure"
        reason = self._keyring.open_text(bytes(kept["reason"]), place)
        return Failure(code=kept["code"], reason=reason)

    def from_document(self, doc: Document) -> Message:
        delivery = doc.get("delivery")
        return Message(
            id=MessageId(doc["_id"]),
            workspace_id=WorkspaceId(doc["workspace_id"]),
            conversation_id=ConversationId(doc["conversation_id"]),
            channel_id=ChannelId(doc["channel_id"]),
            seq=doc["seq"],
            place=doc["place"],
            inbound_seq=doc["inbound_seq"],
            direction=Direction(doc["direction"]),
            type=doc["type"],
            text=self._keyring.open_text(bytes(doc["text"]), f"messages:{doc['_id']}:text"),
            author=self._author(doc),
            status=Status(doc["status"]),
            sent_at=doc["sent_at"],
            received_at=doc["received_at"],
            attachments=tuple(_attachment(one) for one in doc["attachments"]),
            provider_id=doc["provider_id"],
            client_id=doc["client_id"],
            reply_to=None if doc["reply_to"] is None else MessageId(doc["reply_to"]),
            purpose=doc["purpose"],
            sort=doc["sort"],
            failure=self._failure(doc),
            status_at=doc["status_at"],
            decision=self._decision(doc),
            delivery=None if not delivery or "state" not in delivery else _delivery(delivery),
            content=self._content(doc),
            reactions=reactions(doc),
            edited_at=doc.get("edited_at"),
            deleted_at=doc.get("deleted_at"),
            journal_id=doc["journal_id"],
        )

    # -- reading ---------------------------------------------------------------------------

    async def find(self, workspace_id: WorkspaceId, message_id: MessageId) -> Message | None:
        async with reachable():
            doc = await self._messages.find_one({"_id": message_id, "workspace_id": workspace_id})
        return None if doc is None else self.from_document(doc)

    async def find_by_keys(
        self, workspace_id: WorkspaceId, keys: Sequence[str]
    ) -> dict[str, Message]:
        """Messages by those of their keys that were asked for."""
        if not keys:
            return {}
        wanted = set(keys)
        async with reachable():  # index: keys
            docs = await self._messages.find(
                {"workspace_id": workspace_id, "keys": {"$in": list(wanted)}}
            ).to_list(len(wanted))
        found: dict[str, Message] = {}
        for doc in docs:
            message = self.from_document(doc)
            found.update({key: message for key in doc["keys"] if key in wanted})
        return found

    async def find_many(
        self, workspace_id: WorkspaceId, ids: Sequence[MessageId]
    ) -> dict[MessageId, Message]:
        if not ids:
            return {}
        async with reachable():
            docs = await self._messages.find({"_id": {"$in": list(ids)}}).to_list(len(ids))
        return {
            MessageId(doc["_id"]): self.from_document(doc)
            for doc in docs
            if doc["workspace_id"] == workspace_id
        }

    async def page(
        self,
        workspace_id: WorkspaceId,
        conversation_id: ConversationId,
        *,
        last_seq: int,
        before_place: int | None,
        limit: int,
    ) -> list[Message]:
        """About `limit` messages in the order of showing, oldest first: the newest ones, or those
        placed before `before_place`. Gaps make a page shorter, late comers longer."""
        place: Document = {"$gt": last_seq - limit}
        if before_place is not None:
            place = {"$gt": before_place - 1 - limit, "$lt": before_place}
        async with reachable():  # index: place
            docs = await self._messages.find(
                {"workspace_id": workspace_id, "conversation_id": conversation_id, "place": place}
            ).to_list(None)
        docs.sort(key=_thread_order)
        return [self.from_document(doc) for doc in docs]

    async def inbound_after(
        self, workspace_id: WorkspaceId, conversation_id: ConversationId, seq: int
    ) -> list[Message]:
        """What the contact wrote after `seq`, oldest first, at most 500."""
        async with reachable():  # index: seq
            docs = await self._messages.find(
                {
                    "workspace_id": workspace_id,
                    "conversation_id": conversation_id,
                    "seq": {"$gt": seq},
                }
            ).to_list(500)
        docs.sort(key=lambda doc: int(doc["seq"]))
        return [self.from_document(d) for d in docs if d["direction"] == Direction.INBOUND]

    async def _top(self, conversation: Conversation) -> _Top:
        """That of the messages themselves; the summary may trail it."""
        async with reachable():  # index: seq
            docs = await self._messages.find(
                {
                    "workspace_id": conversation.workspace_id,
                    "conversation_id": conversation.id,
                    "seq": {"$gt": conversation.last_seq},
                },
                projection={"seq": 1, "inbound_seq": 1, "provider_at": 1},
            ).to_list(None)
        times = [conversation.newest_sent_at, *(doc["provider_at"] for doc in docs)]
        return _Top(
            max((doc["seq"] for doc in docs), default=conversation.last_seq),
            max((doc["inbound_seq"] for doc in docs), default=conversation.inbound_seq),
            max((at for at in times if at is not None), default=None),
        )

    async def _late_place(self, conversation: Conversation, top: int, at: datetime) -> int:
        """Where a message belongs whose provider time is before the newest stored one."""
        upper = top + 1
        while upper > 0:
            lower = max(0, upper - _LATE_WINDOW)
            async with reachable():  # index: place
                docs = await self._messages.find(
                    {
                        "workspace_id": conversation.workspace_id,
                        "conversation_id": conversation.id,
                        "place": {"$gte": lower, "$lt": upper},
                    },
                    projection={"place": 1, "provider_at": 1},
                ).to_list(None)
            before = [d for d in docs if d.get("provider_at") and d["provider_at"] <= at]
            if before:
                return max(int(doc["place"]) for doc in before)
            upper = lower
        return 0

    # -- appending -------------------------------------------------------------------------

    async def append(
        self,
        conversation: Conversation,
        drafts: Sequence[Message],
        *,
        provider_at: Sequence[datetime | None] | None = None,
        durable: bool = False,
    ) -> list[Message]:
        """Store new messages of one conversation, in this order, each with its seq and place.

        drafts       their `seq`, `place` and `inbound_seq` are not looked at
        provider_at  the provider's times, None for what our own clock dates: only these make a
                     message late, and only they make others late
        durable      acknowledged only once it survives a crash
        raises       Duplicate: one of them is stored already; those before it are stored, those
                     after it are not
        """
        times = list(provider_at or [None] * len(drafts))
        collection = self._durable if durable else self._messages
        stored: list[Message] = []
        top = _Top(conversation.last_seq, conversation.inbound_seq, conversation.newest_sent_at)
        for _ in range(_TRIES):
            batch, documents = await self._numbered(
                conversation, drafts[len(stored) :], times[len(stored) :], top
            )
            try:
                async with reachable():
                    await collection.insert_many(documents, ordered=True)
            except BulkWriteError as error:
                first = error.details["writeErrors"][0]
                stored += batch[: first["index"]]
                if "seq" not in first.get("keyPattern", {}):
                    raise Duplicate(await self._stored_twin(batch[first["index"]])) from error
                top = await self._top(conversation)
                continue
            return stored + batch
        raise StoreUnavailable("the conversation is too busy to take a message")

    async def _numbered(
        self,
        conversation: Conversation,
        drafts: Sequence[Message],
        times: Sequence[datetime | None],
        top: _Top,
    ) -> tuple[list[Message], list[Document]]:
        seq, inbound_seq, newest = top.seq, top.inbound_seq, top.newest
        batch: list[Message] = []
        documents: list[Document] = []
        for draft, at in zip(drafts, times, strict=True):
            seq += 1
            inbound_seq += draft.direction is Direction.INBOUND
            place = seq
            if at is not None:
                if newest is not None and at < newest:
                    stored = await self._late_place(conversation, seq, at)
                    place = max(stored, _place_in(batch, documents, at))
                else:
                    newest = at
            message = replace(draft, seq=seq, place=place, inbound_seq=inbound_seq)
            batch.append(message)
            documents.append(self._to_document(message, at))
        return batch, documents

    async def _stored_twin(self, message: Message) -> Message:
        keys = [
            provider_key(message.channel_id, message.provider_id or ""),
            client_key(message.conversation_id, message.client_id or ""),
        ]
        found = await self.find_by_keys(message.workspace_id, keys)
        if not found:
            raise StoreUnavailable("a message is stored and cannot be read yet")
        return next(iter(found.values()))

    # -- moving on -------------------------------------------------------------------------

    async def set_status(
        self,
        message: Message,
        status: Status,
        at: datetime,
        *,
        failure: Failure | None = None,
        provider_id: str | None = None,
    ) -> Message | None:
        """Move an outbound message forwards; None when it was there or further already.

        `provider_id` is taken over when the message has none yet: evidence that it was sent.
        """
        change: Document = {"status": status, f"status_at.{status}": at}
        change["failure"] = self.sealed_failure(message.id, failure)
        # What is known to have left, or to have failed, must not be sent again by itself.
        update: Document = {"$set": change, "$unset": OUT_OF_OUTBOX}
        if provider_id is not None and message.provider_id is None:
            change["provider_id"] = provider_id
            update["$addToSet"] = {"keys": provider_key(message.channel_id, provider_id)}
        async with reachable():
            result = await self._messages.update_one(
                {"_id": message.id, "status": {"$in": list(may_become(status))}}, update
            )
            if not result.modified_count:
                return None
        return await self.find(message.workspace_id, message.id)

    async def settle_attachment(self, message: Message, attachment: Attachment) -> Message | None:
        """Replace a pending attachment by what became of it."""
        async with reachable():
            await self._messages.update_one(
                {"_id": message.id, "attachments.id": attachment.id},
                {"$set": {"attachments.$": attachment_document(attachment)}},
            )
        return await self.find(message.workspace_id, message.id)


def _place_in(batch: Sequence[Message], documents: Sequence[Document], at: datetime) -> int:
    """The place among messages that are being stored with it; 0: it is older than those."""
    pairs = zip(batch, documents, strict=True)
    places = [m.place for m, d in pairs if d["provider_at"] and d["provider_at"] <= at]
    return max(places, default=0)


def _thread_order(doc: Document) -> tuple[int, datetime, int]:
    return doc["place"], doc["provider_at"] or doc["sent_at"], doc["seq"]


# Any: dataclasses of different types, read by field name.
def _plain(value: Any, fields: Iterable[str]) -> Document:
    return {name: getattr(value, name) for name in fields}


_ATTACHMENT_FIELDS = (
    "id",
    "kind",
    "state",
    "mime",
    "name",
    "size_bytes",
    "width",
    "height",
    "reason",
)


def attachment_document(attachment: Attachment) -> Document:
    return _plain(attachment, _ATTACHMENT_FIELDS)


def _attachment(doc: Document) -> Attachment:
    return Attachment(**{**doc, "id": AttachmentId(doc["id"])})


def reactions(doc: Document) -> tuple[Reaction, ...]:
    """Those that stand: one that was taken back leaves its time, so that an older report of it
    changes nothing."""
    kept = doc.get("reactions") or {}
    return tuple(
        Reaction(by=side, emoji=one["emoji"], at=one["at"])
        for side, one in sorted(kept.items())
        if one["emoji"] is not None
    )


def _delivery(doc: Document) -> Delivery:
    return Delivery(
        state=doc["state"],
        attempts=doc["attempts"],
        next_at=doc["next_at"],
        fence=doc["fence"],
    )
