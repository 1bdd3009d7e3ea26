"""Statuses that came before their message: kept for a day and applied when it is there."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from inbox.domain.ids import WorkspaceId
from inbox.domain.message import Failure, Status
from inbox.store.database import Database, reachable

_KEPT = timedelta(days=1)


@dataclass(frozen=True, kw_only=True, slots=True)
class EarlyStatus:
    """`key` is the provider key of a message that is not stored under it yet."""

    key: str
    status: Status
    at: datetime
    failure: Failure | None


class StatusStore:
    def __init__(self, database: Database) -> None:
        self._statuses = database["early_statuses"]

    async def keep(self, workspace_id: WorkspaceId, early: EarlyStatus, now: datetime) -> None:
        failure = early.failure
        async with reachable():
            await self._statuses.update_one(
                {"_id": f"{early.key}:{early.status}"},
                {
                    "$setOnInsert": {
                        "workspace_id": workspace_id,
                        "key": early.key,
                        "status": early.status,
                        "at": early.at,
                        "failure": failure and {"code": failure.code, "reason": failure.reason},
                        "expires_at": now + _KEPT,
                    }
                },
                upsert=True,
            )

    async def take(self, workspace_id: WorkspaceId, key: str) -> list[EarlyStatus]:
        """What is kept for a message, in no order; it stays until it expires, which is harmless."""
        async with reachable():  # index: key
            docs = await self._statuses.find({"workspace_id": workspace_id, "key": key}).to_list(20)
        return [
            EarlyStatus(
                key=key,
                status=Status(doc["status"]),
                at=doc["at"],
                failure=None if doc["failure"] is None else Failure(**doc["failure"]),
            )
            for doc in docs
        ]
