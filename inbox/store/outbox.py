"""The outbox: the `delivery` part of messages that are on their way to a provider.

queued ──claim──▶ sending ──taken──▶ (no delivery: it has left)
   ▲                 ├──────not taken──▶ queued, later
   └─────────────────┘      lease over ─▶ unknown, no delivery

A claim is a conditional update; its fencing number makes a worker that lost its lease harmless.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pymongo.errors import DuplicateKeyError

from inbox.domain.ids import ConversationId
from inbox.domain.message import Failure, Message, Status, may_become
from inbox.store.database import Database, Document, reachable
from inbox.store.message_documents import provider_key
from inbox.store.messages import OUT_OF_OUTBOX, MessageStore


class OutboxStore:
    def __init__(self, database: Database, messages: MessageStore) -> None:
        self._messages = database.durable("messages")
        self._store = messages

    async def due(self, now: datetime, limit: int = 100) -> list[Message]:
        """Queued messages whose time has come, of every workspace, oldest time first."""
        return await self._at("queued", now, limit)

    async def expired(self, now: datetime, limit: int = 100) -> list[Message]:
        """Messages in the hands of a worker that did not come back."""
        return await self._at("sending", now, limit)

    async def _at(self, state: str, now: datetime, limit: int) -> list[Message]:
        async with reachable():  # index: due
            docs = (
                await self._messages.find(
                    {"delivery.state": state, "delivery.next_at": {"$lte": now}}
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
        return await self._store.find(message.workspace_id, message.id)

    async def record_sent(
        self, message: Message, provider_id: str, decision: dict[str, Any], at: datetime
    ) -> Message | None:
        """The provider took it: evidence, so it holds whoever has the lease. A status that came
        before the provider's answer is kept."""
        sealed = self._store.sealed_decision(message.id, decision)
        evidence: Document = {"provider_id": provider_id, "decision": sealed}
        key = {"keys": provider_key(message.channel_id, provider_id)}
        update = {"$set": evidence, "$addToSet": key, "$unset": OUT_OF_OUTBOX}
        moved = {
            "$set": {**evidence, "status": Status.SENT, "status_at.sent": at, "failure": None},
            "$addToSet": key,
            "$unset": OUT_OF_OUTBOX,
        }
        try:
            async with reachable():
                result = await self._messages.update_one(
                    {"_id": message.id, "status": {"$in": list(may_become(Status.SENT))}}, moved
                )
                if not result.matched_count:
                    await self._messages.update_one({"_id": message.id}, update)
        except DuplicateKeyError:
            # The provider gave one id to two messages; the first one keeps its statuses.
            del moved["$addToSet"]
            async with reachable():
                await self._messages.update_one({"_id": message.id}, moved)
        return await self._store.find(message.workspace_id, message.id)

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

    async def requeue(self, message: Message, now: datetime) -> Message | None:
        """An agent asks for another try of a failed or unknown message; None: it is neither."""
        attempts = 0
        async with reachable():
            result = await self._messages.update_one(
                {"_id": message.id, "status": {"$in": [Status.FAILED, Status.UNKNOWN]}},
                {
                    "$set": {
                        "status": Status.QUEUED,
                        "failure": None,
                        "status_at": {},
                        "delivery.state": "queued",
                        "delivery.next_at": now,
                        "delivery.attempts": attempts,
                        "delivery.lane": message.conversation_id,
                        "delivery.seq": message.seq,
                    },
                    "$inc": {"delivery.fence": 1, "delivery.tries": 1},
                },
            )
        if not result.modified_count:
            return None
        return await self._store.find(message.workspace_id, message.id)

    async def settle_lost_race(self, message: Message) -> None:
        """A report moved a message on while it was being sent: take it out of the outbox."""
        async with reachable():
            await self._messages.update_one({"_id": message.id}, {"$unset": OUT_OF_OUTBOX})

    async def tries(self, message: Message) -> int:
        """How often an agent has asked for another try."""
        async with reachable():
            doc = await self._messages.find_one(
                {"_id": message.id}, projection={"delivery.tries": 1}
            )
        return int(((doc or {}).get("delivery") or {}).get("tries", 0))
