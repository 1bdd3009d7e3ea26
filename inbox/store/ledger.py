"""The ledger: consent events, only ever added."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from pymongo.errors import DuplicateKeyError

from inbox.domain.consent import ConsentEvent, ConsentType, Purpose
from inbox.domain.ids import ConsentEventId, MessageId, WorkspaceId
from inbox.store.database import Database, Document, reachable


class LedgerStore:
    def __init__(self, database: Database) -> None:
        self._ledger = database.durable("ledger")
        self._keyring = database.keyring

    async def record(self, event: ConsentEvent, *, once: str | None = None) -> bool:
        """Add one event; False when this happening is on record already: by its message, or by
        `once` where it has none."""
        if once is None:
            once = f"{event.message_id}:{event.type}" if event.message_id else event.id
        document: Document = {
            "_id": event.id,
            "workspace_id": event.workspace_id,
            "kind": event.kind,
            "points": list(event.points),
            "type": event.type,
            "at": event.at,
            "recorded_at": event.recorded_at,
            "method": event.method,
            "text": self._keyring.seal_text(event.text, f"ledger:{event.id}:text"),
            "actor": event.actor,
            "purpose": event.purpose,
            "hard": event.hard,
            "by_provider": event.by_provider,
            "code": event.code,
            "message_id": event.message_id,
            "once": once,
        }
        try:
            async with reachable():
                await self._ledger.insert_one(document)
        except DuplicateKeyError:
            return False
        return True

    async def of_points(
        self, workspace_id: WorkspaceId, points: Sequence[str], until: datetime
    ) -> list[ConsentEvent]:
        """Everything on record for a contact's addresses on one kind, each event once."""
        async with reachable():  # index: points
            # The time is looked at here: a second range would cost the embedded database its index.
            docs = await self._ledger.find(
                {"workspace_id": workspace_id, "points": {"$in": list(points)}}
            ).to_list(None)
        found = {doc["_id"]: doc for doc in docs if doc["at"] <= until}
        return [self._from_document(doc) for doc in found.values()]

    def _from_document(self, doc: Document) -> ConsentEvent:
        return ConsentEvent(
            id=ConsentEventId(doc["_id"]),
            workspace_id=WorkspaceId(doc["workspace_id"]),
            kind=doc["kind"],
            points=tuple(doc["points"]),
            type=ConsentType(doc["type"]),
            at=doc["at"],
            recorded_at=doc["recorded_at"],
            method=doc["method"],
            text=self._keyring.open_text(bytes(doc["text"]), f"ledger:{doc['_id']}:text"),
            actor=doc["actor"],
            purpose=None if doc["purpose"] is None else Purpose(doc["purpose"]),
            hard=doc["hard"],
            by_provider=doc["by_provider"],
            code=doc["code"],
            message_id=None if doc["message_id"] is None else MessageId(doc["message_id"]),
        )
