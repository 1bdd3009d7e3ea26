"""How channels are: when something last came, left or went wrong.

What happens often is noted in memory and written at most every ten seconds, a channel and sort of
happening: the first at once, so that somebody who waits for it sees it, the rest together. A crash
loses ten seconds of notes and no message.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from inbox.domain.channel import Channel
from inbox.domain.errors import StoreUnavailable
from inbox.domain.ids import ChannelId, WorkspaceId
from inbox.store.database import Database, Document, reachable

EVERY_S = 10.0
Happening = Literal["handshake", "webhook", "sent", "pull", "bad_signature"]
"""The provider tried our address, told us something, took a message; we asked it for news; somebody
called with a signature that does not fit."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LastError:
    code: str
    reason: str
    at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Health:
    """Each time is of the last one; None: never, or nobody knows.

    bad_signatures    calls since the credentials were last changed whose signature did not fit
    token_expires_at  when the credentials run out
    account_name      how the account was called when its credentials were last checked
    """

    handshake_at: datetime | None = None
    webhook_at: datetime | None = None
    sent_at: datetime | None = None
    pull_at: datetime | None = None
    error: LastError | None = None
    bad_signatures: int = 0
    bad_signature_at: datetime | None = None
    token_expires_at: datetime | None = None
    account_name: str | None = None
    checked_at: datetime | None = None


_Key = tuple[ChannelId, Happening]


@dataclass(frozen=True, slots=True)
class _Note:
    at: datetime
    count: int


class HealthStore:
    def __init__(self, database: Database) -> None:
        self._health = database["channel_health"]
        self._noted: dict[_Key, _Note] = {}
        self._writing: dict[_Key, asyncio.Task[None]] = {}
        self._closing = asyncio.Event()

    def note(self, channel: Channel, what: Happening, at: datetime | None = None) -> None:
        """It happened; written soon. Of several the latest counts."""
        key = (channel.id, what)
        before = self._noted.get(key)
        at = at or datetime.now(UTC)
        if before is not None:
            at = max(at, before.at)
        self._noted[key] = _Note(at=at, count=1 if before is None else before.count + 1)
        if key not in self._writing:
            writing = asyncio.create_task(self._write_all(channel, key), name="channel-health")
            self._writing[key] = writing

    async def close(self) -> None:
        """Write what is left, now."""
        self._closing.set()
        await asyncio.gather(*self._writing.values(), return_exceptions=True)
        self._closing.clear()

    async def _write_all(self, channel: Channel, key: _Key) -> None:
        try:
            while key in self._noted:
                await self._write(channel, key)
                with suppress(TimeoutError):
                    async with asyncio.timeout(EVERY_S):
                        await self._closing.wait()
        finally:
            del self._writing[key]

    async def _write(self, channel: Channel, key: _Key) -> None:
        note = self._noted.pop(key)
        what = key[1]
        change: Document = {
            "$max": {f"{what}_at": note.at},
            "$set": {"workspace_id": channel.workspace_id},
        }
        if what == "bad_signature":
            change["$inc"] = {"bad_signatures": note.count}
        # What could not be written is news of the past: the next note says more.
        with suppress(StoreUnavailable):
            await self._update(channel, change)

    async def _update(self, channel: Channel, change: Document) -> None:
        async with reachable():
            await self._health.update_one({"_id": channel.id}, change, upsert=True)

    async def failed(self, channel: Channel, code: str, reason: str) -> None:
        """Something went wrong that an admin should know of. Rare: told once, not a message."""
        error = {"code": code, "reason": reason, "at": datetime.now(UTC)}
        change = {"$set": {"error": error, "workspace_id": channel.workspace_id}}
        await self._update(channel, change)

    async def checked(
        self, channel: Channel, account_name: str | None, expires_at: datetime | None
    ) -> None:
        """New credentials were found good: what was wrong with the old ones is over."""
        self._noted.pop((channel.id, "bad_signature"), None)
        known: Document = {
            "workspace_id": channel.workspace_id,
            "account_name": account_name,
            "token_expires_at": expires_at,
            "checked_at": datetime.now(UTC),
            "bad_signatures": 0,
            "bad_signature_at": None,
            "error": None,
        }
        await self._update(channel, {"$set": known})

    async def forget(self, channel: Channel) -> None:
        async with reachable():
            await self._health.delete_one({"_id": channel.id})

    async def find(self, channel: Channel) -> Health:
        async with reachable():
            doc = await self._health.find_one({"_id": channel.id})
        return Health() if doc is None else _health(doc)

    async def of_workspace(self, workspace_id: WorkspaceId) -> dict[str, Health]:
        """By the channel's id; a workspace has few."""
        async with reachable():  # index: workspace
            docs = await self._health.find({"workspace_id": workspace_id}).to_list(500)
        return {doc["_id"]: _health(doc) for doc in docs}


def _health(doc: Document) -> Health:
    error = doc.get("error")
    return Health(
        handshake_at=doc.get("handshake_at"),
        webhook_at=doc.get("webhook_at"),
        sent_at=doc.get("sent_at"),
        pull_at=doc.get("pull_at"),
        error=None if error is None else LastError(**error),
        bad_signatures=doc.get("bad_signatures", 0),
        bad_signature_at=doc.get("bad_signature_at"),
        token_expires_at=doc.get("token_expires_at"),
        account_name=doc.get("account_name"),
        checked_at=doc.get("checked_at"),
    )
