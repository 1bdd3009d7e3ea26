"""How far each channel has been pulled, and which process pulls it now.

One document a channel. Whoever holds its lease pulls; the cursor is stored only under that lease,
so that a process that was thought dead cannot set it back.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from inbox.domain.channel import Channel
from inbox.domain.ids import ChannelId
from inbox.store.database import Database, Document, reachable

_NEVER = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True, slots=True)
class PullState:
    """cursor        where the next pull goes on; None: from the beginning
    next_at       when it is due; `hold_until`: not before, whoever asks
    lease_until   whose turn it is ends then; long past while nobody pulls
    asked         how often somebody asked for a pull: one that comes during a pull is not lost
    failures      in a row; `stopped`: the last one was of the whole account
    """

    channel_id: ChannelId
    cursor: str | None
    next_at: datetime
    hold_until: datetime
    lease_until: datetime
    asked: int
    failures: int
    stopped: bool


class PullStore:
    def __init__(self, database: Database) -> None:
        self._pulls = database.durable("pulls")
        self._keyring = database.keyring

    def _place(self, channel_id: str) -> str:
        return f"pulls:{channel_id}:cursor"

    def _from_document(self, doc: Document) -> PullState:
        sealed = doc.get("cursor")
        cursor = None
        if sealed is not None:
            cursor = self._keyring.open_text(bytes(sealed), self._place(doc["_id"]))
        return PullState(
            channel_id=ChannelId(doc["_id"]),
            cursor=cursor,
            next_at=doc["next_at"],
            hold_until=doc["hold_until"],
            lease_until=doc["lease_until"],
            asked=doc["asked"],
            failures=doc["failures"],
            stopped=doc["stopped"],
        )

    async def states(self, channels: Sequence[Channel]) -> dict[ChannelId, PullState]:
        """Those of these channels; what is missing is begun, due at once."""
        ids = [channel.id for channel in channels]
        async with reachable():
            docs = await self._pulls.find({"_id": {"$in": ids}}).to_list(len(ids))
            found = {doc["_id"]: doc for doc in docs}
            for channel in channels:
                if channel.id not in found:
                    found[channel.id] = await self._begin(channel)
        return {ChannelId(key): self._from_document(doc) for key, doc in found.items()}

    async def _begin(self, channel: Channel) -> Document:
        document: Document = {
            "workspace_id": channel.workspace_id,
            "cursor": None,
            "next_at": _NEVER,
            "hold_until": _NEVER,
            "lease_until": _NEVER,
            "holder": None,
            "asked": 0,
            "failures": 0,
            "stopped": False,
        }
        await self._pulls.update_one({"_id": channel.id}, {"$setOnInsert": document}, upsert=True)
        found: Document | None = await self._pulls.find_one({"_id": channel.id})
        return found or {"_id": channel.id, **document}

    async def ask(self, channel_id: ChannelId, now: datetime) -> None:
        """Have it pulled at once, and again if one is under way, which may have looked already."""
        async with reachable():
            await self._pulls.update_one(
                {"_id": channel_id}, {"$inc": {"asked": 1}, "$min": {"next_at": now}}
            )

    async def claim(self, state: PullState, holder: str, until: datetime) -> PullState | None:
        """Take the turn at a channel; None when another process was faster. The state as it is
        then: somebody may have asked, or pulled, meanwhile."""
        async with reachable():
            won = await self._pulls.update_one(
                {"_id": state.channel_id, "lease_until": state.lease_until},
                {"$set": {"lease_until": until, "holder": holder}},
            )
            if not won.modified_count:
                return None
            doc = await self._pulls.find_one({"_id": state.channel_id})
        return None if doc is None else self._from_document(doc)

    async def renew(self, channel_id: ChannelId, holder: str, until: datetime) -> bool:
        """False when the lease is another's by now."""
        async with reachable():
            result = await self._pulls.update_one(
                {"_id": channel_id, "holder": holder}, {"$set": {"lease_until": until}}
            )
        return bool(result.matched_count)

    async def advance(self, channel_id: ChannelId, holder: str, cursor: str) -> bool:
        """Store where to go on, once everything before it is in the journal."""
        sealed = self._keyring.seal_text(cursor, self._place(channel_id))
        async with reachable():
            result = await self._pulls.update_one(
                {"_id": channel_id, "holder": holder}, {"$set": {"cursor": sealed}}
            )
        return bool(result.matched_count)

    async def rest(self, state: PullState, holder: str, now: datetime, next_at: datetime) -> None:
        """Give the turn back after all went well. Who asked during the pull gets another one."""
        done = {"failures": 0, "stopped": False, "hold_until": _NEVER, **_FREE}
        async with reachable():
            quiet = await self._pulls.update_one(
                {"_id": state.channel_id, "holder": holder, "asked": state.asked},
                {"$set": {**done, "next_at": next_at}},
            )
            if not quiet.matched_count:
                await self._pulls.update_one(
                    {"_id": state.channel_id, "holder": holder}, {"$set": {**done, "next_at": now}}
                )

    async def fail(
        self,
        state: PullState,
        holder: str,
        next_at: datetime,
        *,
        stopped: bool = False,
        anew: bool = False,
    ) -> None:
        """Give the turn back after a failure; nobody pulls before `next_at`.

        stopped   the account is in trouble: once that is mended, the wait is over
        anew      the cursor is of no use: forget it
        """
        change: Document = {
            **_FREE,
            "next_at": next_at,
            "hold_until": next_at,
            "stopped": stopped,
            "failures": state.failures + 1,
        }
        if anew:
            change["cursor"] = None
        async with reachable():
            await self._pulls.update_one(
                {"_id": state.channel_id, "holder": holder}, {"$set": change}
            )

    async def let_go(self, channel_id: ChannelId, holder: str) -> None:
        """Give the turn back with nothing said of it: the worker stops, the next one goes on."""
        async with reachable():
            await self._pulls.update_one(
                {"_id": channel_id, "holder": holder}, {"$set": {**_FREE, "next_at": _NEVER}}
            )

    async def free(self, channel_ids: Sequence[ChannelId]) -> None:
        """End every lease: the caller knows that no other worker lives."""
        async with reachable():
            await self._pulls.update_many({"_id": {"$in": list(channel_ids)}}, {"$set": _FREE})


_FREE: Document = {"lease_until": _NEVER, "holder": None}
