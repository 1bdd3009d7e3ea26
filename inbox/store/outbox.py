"""The outbox: the `delivery` part of messages that are on their way to a provider.

queued ──claim──▶ sending ──taken──▶ (no delivery: it has left)
   ▲                 ├──────not taken──▶ queued, later
   └─────────────────┘      lease over ─▶ unknown, no delivery

A claim is a conditional update; its fencing number makes a worker that lost its lease harmless.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from pymongo.errors import DuplicateKeyError

from inbox.domain.ids import ConversationId, WorkspaceId
from inbox.domain.message import Delivery, Failure, Message, Status, may_become
from inbox.store.database import Database, Document, reachable
from inbox.store.message_documents import provider_key
from inbox.store.messages import OUT_OF_OUTBOX, MessageStore


class OutboxStore:
    def __init__(self, database: Database, messages: MessageStore) -> None:
        self._messages = database.durable("messages")
        self._store = messages

    async def due(
        self,
        now: datetime,
        limit: int = 100,
        *,
        without_lanes: Sequence[str] = (),
        without_channels: Sequence[str] = (),
    ) -> list[Message]:
        """Queued messages whose time has come, of every workspace, oldest time first.

        without_lanes     conversations, and
        without_channels  channels, that have enough to do: theirs must not fill the page
        """
        match: Document = {}
        if without_lanes:
            match["delivery.lane"] = {"$nin": list(without_lanes)}
        if without_channels:
            match["channel_id"] = {"$nin": list(without_channels)}
        return await self._at("queued", now, limit, match)

    async def expired(self, now: datetime, limit: int = 100) -> list[Message]:
        """Messages in the hands of a worker that did not come back."""
        return await self._at("sending", now, limit, {})

    async def _at(self, state: str, now: datetime, limit: int, match: Document) -> list[Message]:
        async with reachable():  # index: due
            docs = (
                await self._messages.find(
                    {"delivery.state": state, "delivery.next_at": {"$lte": now}, **match}
                )
                .sort("delivery.next_at", 1)
                .limit(limit)
                .to_list(limit)
            )
        return [self._store.from_document(doc) for doc in docs]

    async def in_hand(self, conversation_id: ConversationId) -> list[Message]:
        """What workers are sending in a conversation now, oldest first."""
        async with reachable():  # index: lane
            docs = await self._messages.find(
                {"delivery.lane": conversation_id, "delivery.seq": {"$gt": 0}}
            ).to_list(100)
        docs.sort(key=lambda doc: int(doc["seq"]))
        return [
            self._store.from_document(doc) for doc in docs if doc["delivery"]["state"] == "sending"
        ]

    async def unsettled(
        self, workspace_id: WorkspaceId, conversation_id: ConversationId, since: datetime
    ) -> list[Message]:
        """Of a conversation's newest 50, those of which it is not known since `since` or later
        whether a provider took them; oldest first."""
        async with reachable():  # index: seq
            docs = (
                await self._messages.find(
                    {"workspace_id": workspace_id, "conversation_id": conversation_id}
                )
                .sort("seq", -1)
                .limit(50)
                .to_list(50)
            )
        return [
            self._store.from_document(doc)
            for doc in reversed(docs)
            if doc["status"] == Status.UNKNOWN
            and doc["provider_id"] is None
            and doc["status_at"].get(Status.UNKNOWN, doc["received_at"]) >= since
        ]

    async def ahead_of(self, message: Message) -> Message | None:
        """The first of its conversation that is still on its way and has to go before it."""
        async with reachable():  # index: lane
            docs = (
                await self._messages.find(
                    {"delivery.lane": message.conversation_id, "delivery.seq": {"$lt": message.seq}}
                )
                .sort("delivery.seq", 1)
                .limit(1)
                .to_list(1)
            )
        return self._store.from_document(docs[0]) if docs else None

    async def wait(self, message: Message, until: datetime) -> None:
        """It is not its turn: it is not due before `until`."""
        if message.delivery is None:
            return
        async with reachable():
            await self._messages.update_one(
                {
                    "_id": message.id,
                    "delivery.state": "queued",
                    "delivery.fence": message.delivery.fence,
                },
                {"$set": {"delivery.next_at": until}},
            )

    async def claim(self, message: Message, lease_until: datetime) -> Message | None:
        """Take it for sending; None when somebody else did."""
        if message.delivery is None:
            return None
        async with reachable():
            result = await self._messages.update_one(
                {
                    "_id": message.id,
                    "delivery.state": "queued",
                    "delivery.fence": message.delivery.fence,
                },
                {
                    "$set": {"delivery.state": "sending", "delivery.next_at": lease_until},
                    "$inc": {"delivery.fence": 1, "delivery.attempts": 1},
                },
            )
        if not result.modified_count:
            return None
        # Not read back: were the database to go away between the two, the claim would be held and
        # nobody would know. The fence is as it was, so the rest of the delivery is, too.
        taken = Delivery(
            state="sending",
            attempts=message.delivery.attempts + 1,
            next_at=lease_until,
            fence=message.delivery.fence + 1,
        )
        return replace(message, delivery=taken)

    async def renew(self, message: Message, lease_until: datetime) -> bool:
        """Hold it for longer; False when it is no longer held."""
        if message.delivery is None:
            return False
        async with reachable():
            result = await self._messages.update_one(
                {
                    "_id": message.id,
                    "delivery.state": "sending",
                    "delivery.fence": message.delivery.fence,
                },
                {"$set": {"delivery.next_at": lease_until}},
            )
        return bool(result.matched_count)

    async def record_sent(
        self, message: Message, provider_id: str, decision: dict[str, Any], at: datetime
    ) -> Message | None:
        """The provider took it: evidence, so it holds whoever has the lease. A status that came
        before the provider's answer is kept."""
        sealed = self._store.sealed_decision(message.id, decision)
        evidence: Document = {"provider_id": provider_id, "decision": sealed}
        key = {"keys": provider_key(message.channel_id, provider_id)}
        known: Document = {"$set": evidence, "$addToSet": key, "$unset": OUT_OF_OUTBOX}
        reached = {"status": Status.SENT, "status_at.sent": at, "failure": None}
        moved: Document = {**known, "$set": {**evidence, **reached}}
        try:
            await self._forwards(message, moved, known)
        except DuplicateKeyError:
            # The provider gave one id to two messages; the first one keeps its statuses.
            del moved["$addToSet"], known["$addToSet"]
            await self._forwards(message, moved, known)
        return await self._store.find(message.workspace_id, message.id)

    async def _forwards(self, message: Message, moved: Document, known: Document) -> None:
        """Apply `moved` to what may become sent, `known` to what is further already."""
        before = {"_id": message.id, "status": {"$in": list(may_become(Status.SENT))}}
        async with reachable():
            result = await self._messages.update_one(before, moved)
            if not result.matched_count:
                await self._messages.update_one({"_id": message.id}, known)

    async def put_back(self, message: Message, next_at: datetime, reason: Failure) -> bool:
        """Not taken: try again at `next_at`. False when the lease was lost, or a report says that
        an earlier try was taken."""
        return await self._under_lease(
            message,
            {
                "$set": {
                    "delivery.state": "queued",
                    "delivery.next_at": next_at,
                    "delivery.trouble": reason.code,
                }
            },
            statuses=[Status.QUEUED],
        )

    async def end(
        self,
        message: Message,
        status: Status,
        failure: Failure | None,
        at: datetime,
        decision: dict[str, Any] | None = None,
    ) -> Message | None:
        """It will not be sent by us any more: `failed` or `unknown`. None when the lease was
        lost or a report has moved it on meanwhile."""
        change: Document = {"status": status, f"status_at.{status}": at}
        if failure is not None:
            change["failure"] = self._store.sealed_failure(message.id, failure)
        if decision is not None:
            change["decision"] = self._store.sealed_decision(message.id, decision)
        update = {"$set": change, "$unset": OUT_OF_OUTBOX}
        if not await self._under_lease(message, update, statuses=[Status.QUEUED, Status.UNKNOWN]):
            return None
        return await self._store.find(message.workspace_id, message.id)

    async def _under_lease(
        self, message: Message, update: Document, statuses: list[Status] | None = None
    ) -> bool:
        if message.delivery is None:
            return False
        match: Document = {"_id": message.id, "delivery.fence": message.delivery.fence}
        if statuses is not None:
            match["status"] = {"$in": statuses}
        async with reachable():
            result = await self._messages.update_one(match, update)
        return bool(result.modified_count)

    async def requeue(
        self, message: Message, at: datetime, *, alone: bool = False
    ) -> Message | None:
        """Another try of a failed or unknown message, at that time; None: it is neither.

        alone   nobody asked for it: nothing waits behind it, and why it failed stays to be seen

        The id of the try that ended is kept in `ended`, so that a late report of it is known for
        what it is, and its key stays: the message has no provider id until it is taken again.
        """
        change: Document = {
            "$set": {
                "status": Status.QUEUED,
                **({} if alone else {"failure": None}),
                "status_at": {},
                "provider_id": None,
                "delivery.state": "queued",
                "delivery.next_at": at,
                "delivery.since": at,
                "delivery.attempts": 0,
                "delivery.lane": message.id if alone else message.conversation_id,
                "delivery.seq": message.seq,
            },
            "$inc": {"delivery.fence": 1, "delivery.tries": 1},
        }
        if message.provider_id is not None:
            change["$addToSet"] = {"ended": message.provider_id}
        async with reachable():
            result = await self._messages.update_one(
                {
                    "_id": message.id,
                    "status": {"$in": [Status.FAILED, Status.UNKNOWN]},
                    # A report may have brought one just now, which would be lost.
                    "provider_id": message.provider_id,
                },
                change,
            )
        current = await self._store.find(message.workspace_id, message.id)
        if result.modified_count or current is None:
            return current
        if current.provider_id != message.provider_id:
            return await self.requeue(current, at, alone=alone)
        return None

    async def queued_at(self, message: Message) -> datetime:
        """When it was accepted, or when an agent last asked for another try."""
        async with reachable():
            doc = await self._messages.find_one(
                {"_id": message.id}, projection={"delivery.since": 1}
            )
        since: datetime | None = ((doc or {}).get("delivery") or {}).get("since")
        return message.received_at if since is None else since

    async def settle_lost_race(self, message: Message) -> None:
        """A report moved a message on while it was being sent: take it out of the outbox."""
        async with reachable():
            await self._messages.update_one({"_id": message.id}, {"$unset": OUT_OF_OUTBOX})

    async def tries(self, message: Message) -> int:
        """How often there has been another try, asked for or not."""
        async with reachable():
            doc = await self._messages.find_one(
                {"_id": message.id}, projection={"delivery.tries": 1}
            )
        return int(((doc or {}).get("delivery") or {}).get("tries", 0))
