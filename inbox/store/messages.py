"""Messages: appended once, shown in order, moved forwards.

Appending is the deduplication: the unique index over `keys` refuses a provider's or a client's
repeat, and the unique index over `seq` makes writers of one conversation take turns.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from pymongo.errors import BulkWriteError

from inbox.domain.conversation import Conversation
from inbox.domain.errors import StoreUnavailable
from inbox.domain.ids import (
    ConversationId,
    MessageId,
    WorkspaceId,
)
from inbox.domain.message import (
    Attachment,
    Direction,
    Failure,
    Message,
    Status,
    may_become,
)
from inbox.store.database import DUPLICATE_KEY, Database, Document, reachable
from inbox.store.message_documents import (
    MessageDocuments,
    attachment_document,
    client_key,
    provider_key,
)

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


class MessageStore(MessageDocuments):
    def __init__(self, database: Database) -> None:
        super().__init__(database.keyring)
        self._messages = database["messages"]
        self._durable = database.durable("messages")

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
        lowest = (last_seq if before_place is None else before_place - 1) - limit
        # The oldest page also holds those that came late and are older than all others: place 0.
        place: Document = {"$gt": lowest if lowest > 0 else -1}
        if before_place is not None:
            place["$lt"] = before_place
        async with reachable():  # index: place
            docs = await self._messages.find(
                {"workspace_id": workspace_id, "conversation_id": conversation_id, "place": place}
            ).to_list(None)
        docs.sort(key=_thread_order)
        return [self.from_document(doc) for doc in docs]

    async def inbound_after(
        self, workspace_id: WorkspaceId, conversation_id: ConversationId, seq: int
    ) -> list[Message]:
        """What the contact wrote after `seq`, oldest first; of more than 500 messages the newest
        are looked at."""
        async with reachable():  # index: seq
            docs = (
                await self._messages.find(
                    {
                        "workspace_id": workspace_id,
                        "conversation_id": conversation_id,
                        "seq": {"$gt": seq},
                    }
                )
                .sort([("seq", -1)])
                .to_list(500)
            )
        docs.reverse()
        return [self.from_document(d) for d in docs if d["direction"] == Direction.INBOUND]

    async def newest_inbound(
        self, workspace_id: WorkspaceId, conversation_id: ConversationId, seq: int
    ) -> Message | None:
        """The contact's newest message up to `seq`, among the hundred before it."""
        async with reachable():  # index: seq
            docs = await self._messages.find(
                {
                    "workspace_id": workspace_id,
                    "conversation_id": conversation_id,
                    "seq": {"$gt": seq - 100, "$lte": seq},
                }
            ).to_list(100)
        found = [doc for doc in docs if doc["direction"] == Direction.INBOUND]
        newest = max(found, key=lambda doc: int(doc["seq"]), default=None)
        return None if newest is None else self.from_document(newest)

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
                if not error.details["writeErrors"]:  # written, and perhaps not everywhere
                    raise StoreUnavailable("the database did not confirm a message") from error
                first = error.details["writeErrors"][0]
                if first["code"] != DUPLICATE_KEY:
                    raise
                stored += batch[: first["index"]]
                if "seq" not in first.get("keyPattern", {}):
                    raise Duplicate(await self._stored_twin(batch[first["index"]])) from error
                top = await self._top(conversation)
                continue
            return stored + batch
        raise StoreUnavailable("the conversation is too busy to take a message")

    async def append_first(
        self, drafts: Sequence[tuple[Conversation, Message, datetime | None]]
    ) -> list[Message | None]:
        """Store one new message in each of several conversations, all in one write.

        drafts    at most one a conversation, each with its provider time
        returns   in the same order; None for what did not get in, because it is stored already or
                  somebody else was faster: `append` finds out which, and goes on
        """
        batch: list[Message] = []
        documents: list[Document] = []
        for conversation, draft, at in drafts:
            top = _Top(conversation.last_seq, conversation.inbound_seq, conversation.newest_sent_at)
            messages, numbered = await self._numbered(conversation, [draft], [at], top)
            batch += messages
            documents += numbered
        missing: set[int] = set()
        try:
            async with reachable():
                await self._messages.insert_many(documents, ordered=False)
        except BulkWriteError as error:
            missing = {one["index"] for one in error.details["writeErrors"]}
        return [None if n in missing else message for n, message in enumerate(batch)]

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
            inbound_seq += draft.direction is Direction.INBOUND and not draft.history
            place = seq
            if at is not None:
                if newest is not None and at < newest:
                    stored = await self._late_place(conversation, seq, at)
                    place = max(stored, _place_in(batch, documents, at))
                else:
                    newest = at
            message = replace(draft, seq=seq, place=place, inbound_seq=inbound_seq)
            batch.append(message)
            documents.append(self.to_document(message, at))
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
        only_from: Sequence[Status] | None = None,
    ) -> Message | None:
        """Move an outbound message forwards; None when it was there or further already.

        provider_id  taken over when the message has none yet: evidence that it was sent
        only_from    the statuses that this evidence can speak of; any lower one unless given
        """
        lower = [one for one in may_become(status) if only_from is None or one in only_from]
        change: Document = {"status": status, f"status_at.{status}": at}
        change["failure"] = self.sealed_failure(message.id, failure)
        # What is known to have left, or to have failed, must not be sent again by itself.
        update: Document = {"$set": change, "$unset": OUT_OF_OUTBOX}
        if provider_id is not None and message.provider_id is None:
            change["provider_id"] = provider_id
            update["$addToSet"] = {"keys": provider_key(message.channel_id, provider_id)}
        async with reachable():
            result = await self._messages.update_one(
                {"_id": message.id, "status": {"$in": lower}}, update
            )
            if not result.modified_count:
                return None
        return await self.find(message.workspace_id, message.id)

    def mail_token(self, message_id: MessageId) -> str:
        """128 bits, as hex, for the Message-ID of a mail: the same at each try, and nobody outside
        can know them, so that who names it has had the mail."""
        return self._keyring.tag(f"mail:{message_id}")

    async def know_mail(self, message: Message, learnt: Mapping[str, object]) -> None:
        """What a mail of ours turned out to be once it had left: the Message-ID, which answers
        name, and the thread. What follows refers to it."""
        content = dict(message.content or {})
        mail = content.get("mail")
        content["mail"] = {**(mail if isinstance(mail, dict) else {}), **learnt}
        sealed = self._sealed_content(replace(message, content=content))
        async with reachable():
            await self._messages.update_one({"_id": message.id}, {"$set": {"content": sealed}})

    async def is_of_ended_try(self, message: Message, provider_id: str) -> bool:
        """Whether the provider's id names an earlier try, after which the message was sent, or is
        to be sent, once more."""
        if message.provider_id is not None:
            return message.provider_id != provider_id
        async with reachable():
            doc = await self._messages.find_one({"_id": message.id}, projection={"ended": 1})
        return provider_id in ((doc or {}).get("ended") or [])

    async def settle_attachment(self, message: Message, attachment: Attachment) -> Message | None:
        """Replace a pending attachment by what became of it; None when the message does not have it
        (any more): it was taken back."""
        async with reachable():
            result = await self._messages.update_one(
                {
                    "_id": message.id,
                    "deleted_at": {"$in": [None]},
                    "attachments.id": attachment.id,
                },
                {"$set": {"attachments.$": attachment_document(attachment)}},
            )
        if not result.matched_count:
            return None
        return await self.find(message.workspace_id, message.id)


def _place_in(batch: Sequence[Message], documents: Sequence[Document], at: datetime) -> int:
    """The place among messages that are being stored with it; 0: it is older than those."""
    pairs = zip(batch, documents, strict=True)
    places = [m.place for m, d in pairs if d["provider_at"] and d["provider_at"] <= at]
    return max(places, default=0)


def _thread_order(doc: Document) -> tuple[int, datetime, int]:
    return doc["place"], doc["provider_at"] or doc["sent_at"], doc["seq"]
