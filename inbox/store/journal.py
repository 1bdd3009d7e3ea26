"""The journal: every verified webhook, stored before its provider is told 200.

Calls that arrive together are written together (group commit): one `insert_many` with `j: true`
costs little more than one insert. A lone call waits for nobody. Closing an entry is the other way
round: nobody waits for it, so verdicts are gathered for a moment and written together.

A large body (a mail with its files) lies in pieces beside its entry, written before it: what has an
entry is whole.
"""

from __future__ import annotations

import asyncio
from collections.abc import Container, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from inbox import log
from inbox.domain.channel import Payload
from inbox.domain.errors import Busy, StoreUnavailable
from inbox.domain.ids import ChannelId, JournalId, WorkspaceId
from inbox.keyring import KeyringError
from inbox.store.database import Database, Document, reachable

KEEP_DAYS = 30
LEASE_S = 5.0
# For entries claimed after their first worker went away: longer, for they come as a backlog.
CLAIM_S = LEASE_S * 6
_BATCH = 200
_QUEUE = 2000
# How long verdicts are gathered, and how long a database that is away is left alone. A crash in
# between costs a second look at entries whose messages are stored already.
_GATHER_S = 0.1
_AGAIN_S = 0.5
# Bodies above this are stored in pieces of this size: a document of MongoDB holds 16 MB at most.
INLINE_BYTES = 1024 * 1024
# Pieces written, or read, in one call.
_PIECES = 8
# What one claim may bring into memory.
CLAIM_BYTES = 64 * 1024 * 1024

_log = log.get("journal")


@dataclass(frozen=True, kw_only=True, slots=True)
class JournalEntry:
    id: JournalId
    workspace_id: WorkspaceId
    channel_id: ChannelId
    kind: str
    payload: Payload
    received_at: datetime
    attempts: int = 0

    @property
    def size_bytes(self) -> int:
        return len(self.payload.body)


class _Incomplete(Exception):
    """A piece of a large body is not there (any more)."""


class JournalStore:
    """Entries are `new` until intake has a verdict: `done` or, after many tries, `dead`.

    `next_at` is when a worker may take an entry: for one just written, the end of the writer's own
    lease, so that a crash between the answer and the work costs that long and no message.
    """

    def __init__(self, database: Database) -> None:
        # How long an entry is left to the process that wrote it; nothing where that process only
        # writes and others do the work.
        self.lease_s = LEASE_S
        self._journal = database.durable("journal")
        self._loose = database["journal"]
        self._pieces = database.durable("journal_pieces")
        self._keyring = database.keyring
        self._waiting: list[tuple[Document, asyncio.Future[None]]] = []
        self._wake = asyncio.Event()
        self._writer: asyncio.Task[None] | None = None
        # Entries that have their verdict while the database does not know it yet.
        self._verdicts: dict[JournalId, str] = {}
        self._decided = asyncio.Event()
        self._closer: asyncio.Task[None] | None = None
        # Those that got it while a claim was under way, which may have read them before.
        self._lately: set[JournalId] = set()
        self._claims = 0

    async def start(self) -> None:
        self._writer = asyncio.create_task(self._write_forever(), name="journal-writer")
        self._closer = asyncio.create_task(self._finish_forever(), name="journal-closer")

    async def close(self) -> None:
        """Write what is waiting, then stop. From then on `finish` writes by itself."""
        writer, self._writer = self._writer, None
        closer, self._closer = self._closer, None
        if writer is None or closer is None:
            return
        with suppress(StoreUnavailable):
            await asyncio.gather(*(done for _, done in self._waiting))
        for task in (writer, closer):
            task.cancel()
        await asyncio.gather(writer, closer, return_exceptions=True)
        with suppress(StoreUnavailable):
            await self._write_verdicts()

    async def append(self, entry: JournalEntry) -> None:
        """Return once the entry is durable.

        raises   StoreUnavailable: it is not, or nobody knows; Busy: too many are waiting
        """
        if len(self._waiting) >= _QUEUE:
            raise Busy("too many webhooks are waiting for the database", retry_after_s=2)
        if entry.size_bytes > INLINE_BYTES:
            await self._write_pieces(entry)
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((self._to_document(entry), done))
        self._wake.set()
        await done

    async def _write_forever(self) -> None:
        while True:
            await self._wake.wait()
            batch, self._waiting = self._waiting[:_BATCH], self._waiting[_BATCH:]
            if not self._waiting:
                self._wake.clear()
            try:
                async with asyncio.timeout(4), reachable():
                    await self._journal.insert_many([doc for doc, _ in batch], ordered=False)
                error: Exception | None = None
            except asyncio.CancelledError:
                self._settle(batch, StoreUnavailable("the server is stopping"))
                raise
            except Exception as cause:  # the worker's top: whatever it is, callers are waiting
                if not isinstance(cause, StoreUnavailable | TimeoutError):
                    _log.exception("the journal was refused")
                error = StoreUnavailable("the journal did not take it")
                error.__cause__ = cause
            self._settle(batch, error)

    @staticmethod
    def _settle(
        batch: list[tuple[Document, asyncio.Future[None]]], error: Exception | None
    ) -> None:
        for _, done in batch:
            if done.done():  # the caller has gone
                continue
            if error is None:
                done.set_result(None)
            else:
                done.set_exception(error)

    def _to_document(self, entry: JournalEntry) -> Document:
        payload = entry.payload
        place = f"journal:{entry.id}:"
        return {
            "_id": entry.id,
            "workspace_id": entry.workspace_id,
            "channel_id": entry.channel_id,
            "kind": entry.kind,
            "method": payload.method,
            "content_type": payload.content_type,
            "query": self._keyring.seal(payload.query, place + "query"),
            **self._body(entry),
            "size_bytes": entry.size_bytes,
            "received_at": entry.received_at,
            "expires_at": entry.received_at + timedelta(days=KEEP_DAYS),
            "state": "new",
            "next_at": self._begun(entry) + timedelta(seconds=self.lease_s),
            "attempts": 0,
        }

    @staticmethod
    def _begun(entry: JournalEntry) -> datetime:
        """When the writer's lease begins: its pieces may have taken longer than one lasts."""
        return datetime.now(UTC) if entry.size_bytes > INLINE_BYTES else entry.received_at

    def _body(self, entry: JournalEntry) -> Document:
        if entry.size_bytes <= INLINE_BYTES:
            return {"body": self._keyring.seal(entry.payload.body, f"journal:{entry.id}:body")}
        return {"pieces": -(-entry.size_bytes // INLINE_BYTES)}

    async def _write_pieces(self, entry: JournalEntry) -> None:
        """Before the entry, so that a crash in between leaves pieces that nobody asks for; they go
        when the entry would have."""
        body = entry.payload.body
        starts = range(0, len(body), INLINE_BYTES)
        for first in range(0, len(starts), _PIECES):
            documents = [
                {
                    "_id": _piece_id(entry.id, number),
                    "workspace_id": entry.workspace_id,
                    "piece": self._keyring.seal(
                        body[starts[number] : starts[number] + INLINE_BYTES],
                        f"journal:{entry.id}:body:{number}",
                    ),
                    "expires_at": entry.received_at + timedelta(days=KEEP_DAYS),
                }
                for number in range(first, min(first + _PIECES, len(starts)))
            ]
            async with reachable():
                await self._pieces.insert_many(documents, ordered=False)

    async def _read_body(self, doc: Document) -> bytes:
        """raises KeyringError, _Incomplete"""
        if "pieces" not in doc:
            return self._keyring.open(bytes(doc["body"]), f"journal:{doc['_id']}:body")
        body = bytearray()
        for first in range(0, doc["pieces"], _PIECES):
            numbers = range(first, min(first + _PIECES, doc["pieces"]))
            ids = [_piece_id(doc["_id"], number) for number in numbers]
            async with reachable():
                found = await self._pieces.find({"_id": {"$in": ids}}).to_list(len(ids))
            by_id = {one["_id"]: one["piece"] for one in found}
            if len(by_id) < len(ids):
                raise _Incomplete
            for number, id_ in zip(numbers, ids, strict=True):
                place = f"journal:{doc['_id']}:body:{number}"
                body += self._keyring.open(bytes(by_id[id_]), place)
        return bytes(body)

    async def _from_document(self, doc: Document) -> JournalEntry:
        place = f"journal:{doc['_id']}:"
        payload = Payload(
            method=doc["method"],
            query=self._keyring.open(bytes(doc["query"]), place + "query"),
            content_type=doc["content_type"],
            body=await self._read_body(doc),
        )
        return JournalEntry(
            id=JournalId(doc["_id"]),
            workspace_id=WorkspaceId(doc["workspace_id"]),
            channel_id=ChannelId(doc["channel_id"]),
            kind=doc["kind"],
            payload=payload,
            received_at=doc["received_at"],
            attempts=doc["attempts"],
        )

    async def claim_due(
        self,
        now: datetime,
        limit: int = 100,
        *,
        held: Container[str] = (),
        leased: bool = False,
        most_bytes: int = CLAIM_BYTES,
    ) -> list[JournalEntry]:
        """Entries whose worker went away, or that are to be tried again; leased to the caller.

        held     entries that the caller has in hand already: a backlog outlives their leases
        leased   those under a lease as well: the caller knows that nobody lives who holds one
        most_bytes   of bodies together; one entry that is larger than all is taken alone, by a
                     caller that has nothing else in hand
        """
        claimed: list[JournalEntry] = []
        left = most_bytes
        due = now + timedelta(seconds=CLAIM_S) if leased else now
        lease = now + timedelta(seconds=CLAIM_S)
        self._claims += 1
        try:
            async with reachable():
                # index: due
                # Without their bodies, of which thousands may wait after a crash.
                cursor = self._loose.find(
                    {"state": "new", "next_at": {"$lte": due}},
                    projection={"next_at": 1, "size_bytes": 1},
                )
                for head in await cursor.limit(limit).to_list(limit):
                    if head["_id"] in self._verdicts or head["_id"] in held:
                        continue
                    size = head.get("size_bytes", 0)
                    if size > left and (claimed or most_bytes < CLAIM_BYTES):
                        continue
                    doc = await self._loose.find_one({"_id": head["_id"]})
                    if doc is None or doc.get("next_at") != head["next_at"]:
                        continue
                    won = await self._loose.update_one(
                        {"_id": doc["_id"], "next_at": doc["next_at"]},
                        {"$set": {"next_at": lease}, "$inc": {"attempts": 1}},
                    )
                    if not won.modified_count:
                        continue
                    try:
                        claimed.append(await self._from_document(doc))
                        left -= size
                    except (KeyringError, _Incomplete) as error:
                        # Sealed with a key that is gone, or cut: nobody can read it.
                        name = type(error).__name__.lstrip("_")
                        _log.error("a journal entry cannot be opened", journal=doc["_id"])
                        await self.bury(JournalId(doc["_id"]), name)
            return [entry for entry in claimed if entry.id not in self._lately]
        finally:
            self._claims -= 1
            if not self._claims:
                self._lately.clear()

    async def finish(self, verdicts: Sequence[tuple[JournalId, str]]) -> None:
        """Close entries with what became of them: a few words such as `stored` or `duplicate`.

        raises   StoreUnavailable, but only before `start` and after `close`: in between it is
                 written soon, and tried until the database takes it
        """
        self._verdicts.update(verdicts)
        if self._claims:
            self._lately.update(entry_id for entry_id, _ in verdicts)
        if self._closer is None:
            await self._write_verdicts()
        else:
            self._decided.set()

    async def _finish_forever(self) -> None:
        while True:
            await self._decided.wait()
            self._decided.clear()
            await asyncio.sleep(_GATHER_S)
            try:
                await self._write_verdicts()
            except StoreUnavailable:
                await asyncio.sleep(_AGAIN_S)
                self._decided.set()
            except Exception:  # the worker's top: without it every entry would come back
                _log.exception("entries could not be closed", entries=len(self._verdicts))
                await asyncio.sleep(_AGAIN_S)
                self._decided.set()

    async def _write_verdicts(self) -> None:
        by_verdict: dict[str, list[JournalId]] = {}
        for entry_id, verdict in self._verdicts.items():
            by_verdict.setdefault(verdict, []).append(entry_id)
        for verdict, ids in by_verdict.items():
            for start in range(0, len(ids), _BATCH):
                some = ids[start : start + _BATCH]
                async with reachable():
                    await self._loose.update_many(
                        {"_id": {"$in": some}},
                        {"$set": {"state": "done", "verdict": verdict}, "$unset": {"next_at": 1}},
                    )
                for entry_id in some:
                    self._verdicts.pop(entry_id, None)

    async def put_off(self, entry_id: JournalId, until: datetime, error: str) -> None:
        """Try again later; `error` is the name of what went wrong, nothing of the body."""
        async with reachable():
            await self._loose.update_one(
                {"_id": entry_id}, {"$set": {"next_at": until, "error": error}}
            )

    async def bury(self, entry_id: JournalId, error: str) -> None:
        """A dead letter: kept for an admin, no longer tried."""
        async with reachable():
            await self._loose.update_one(
                {"_id": entry_id},
                {"$set": {"state": "dead", "error": error}, "$unset": {"next_at": 1}},
            )


def _piece_id(entry_id: str, number: int) -> str:
    return f"{entry_id}:{number}"
