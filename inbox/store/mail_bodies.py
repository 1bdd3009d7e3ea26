"""The HTML of mails, apart from their messages: no list and no thread reads it."""

from __future__ import annotations

from inbox.domain.ids import MessageId, WorkspaceId
from inbox.store.database import Database, reachable


class MailBodyStore:
    def __init__(self, database: Database) -> None:
        self._bodies = database["mail_bodies"]
        self._keyring = database.keyring

    async def put(
        self, workspace_id: WorkspaceId, message_id: MessageId, html: str, policy: int
    ) -> None:
        """policy   the version of the rules by which it was made safe"""
        sealed = self._keyring.seal_text(html, f"mail_bodies:{message_id}:html")
        async with reachable():
            await self._bodies.update_one(
                {"_id": message_id},
                {"$set": {"workspace_id": workspace_id, "html": sealed, "policy": policy}},
                upsert=True,
            )

    async def find(self, workspace_id: WorkspaceId, message_id: MessageId) -> str | None:
        async with reachable():
            doc = await self._bodies.find_one({"_id": message_id, "workspace_id": workspace_id})
        if doc is None:
            return None
        return self._keyring.open_text(bytes(doc["html"]), f"mail_bodies:{message_id}:html")
