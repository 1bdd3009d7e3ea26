"""What happens to a message after it was stored: edited, taken back, reacted to.

What is told of a message that is not here yet is kept for a day, and applied when it comes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Literal

from inbox.domain.ids import WorkspaceId
from inbox.domain.message import Message
from inbox.ids import new_id
from inbox.store.database import Database, Document, reachable
from inbox.store.messages import MessageStore

_KEPT = timedelta(days=1)


class ChangeStore:
    """Every change is conditional on what it replaces being older, so that any order of reports
    ends in the same message."""

    def __init__(self, database: Database, messages: MessageStore) -> None:
        self._messages = database["messages"]
        self._early = database["early_changes"]
        self._keyring = database.keyring
        self._store = messages

    async def edit(
        self, message: Message, text: str, edition: int | None, at: datetime
    ) -> Message | None:
        """The message with its new text; None when a later edit, or its end, is known already."""
        sealed = self._keyring.seal_text(text, f"messages:{message.id}:text")
        async with reachable():
            doc = await self._messages.find_one(
                {"_id": message.id}, projection={"edition": 1, "edited_at": 1, "deleted_at": 1}
            )
            if doc is None or doc.get("deleted_at") is not None:
                return None
            before, edited_at = doc.get("edition"), doc.get("edited_at")
            if edition is not None and before is not None:
                if edition <= before:
                    return None
            elif edited_at is not None and at <= edited_at:
                return None
            result = await self._messages.update_one(
                {"_id": message.id, "edited_at": {"$in": [edited_at]}},
                {"$set": {"text": sealed, "edition": edition, "edited_at": at}},
            )
        if not result.modified_count:
            return await self.edit(message, text, edition, at)
        return await self._store.find(message.workspace_id, message.id)

    async def unsend(self, message: Message, at: datetime) -> Message | None:
        """Take text and content out of the message; None when it was done before. From then on none
        of its files can become ready, and they may be removed: then `drop_files` ends it."""
        empty = self._keyring.seal_text("", f"messages:{message.id}:text")
        async with reachable():
            result = await self._messages.update_one(
                {"_id": message.id, "deleted_at": {"$in": [None]}},
                {"$set": {"text": empty, "content": None, "deleted_at": at}},
            )
        if not result.modified_count:
            return None
        found = await self._store.find(message.workspace_id, message.id)
        return None if found is None else replace(found, attachments=())

    async def drop_files(self, message: Message) -> None:
        """Forget which files an unsent message had, once they are removed."""
        async with reachable():
            await self._messages.update_one({"_id": message.id}, {"$set": {"attachments": []}})

    async def react(
        self, message: Message, by: Literal["contact", "us"], emoji: str | None, at: datetime
    ) -> Message | None:
        """Set one side's reaction, or take it back with None; None when nothing changed by it."""
        async with reachable():
            doc = await self._messages.find_one({"_id": message.id}, projection={"reactions": 1})
            if doc is None:
                return None
            before = (doc.get("reactions") or {}).get(by)
            if before is not None and (at < before["at"] or emoji == before["emoji"]):
                return None
            match: Document = {"_id": message.id}
            # A side that never reacted has no time, and an absent one equals None.
            match[f"reactions.{by}.at"] = {"$in": [None if before is None else before["at"]]}
            result = await self._messages.update_one(
                match, {"$set": {f"reactions.{by}": {"emoji": emoji, "at": at}}}
            )
        if not result.modified_count:
            return await self.react(message, by, emoji, at)
        return await self._store.find(message.workspace_id, message.id)

    # -- what comes before its message -----------------------------------------------------

    async def keep(
        self,
        workspace_id: WorkspaceId,
        key: str,
        # Any: a report's fields, JSON-ready.
        change: Mapping[str, Any],
        now: datetime,
    ) -> None:
        """Keep a change of the message that will have this provider key."""
        change_id = new_id("chg")
        sealed = self._keyring.seal_text(json.dumps(change), f"early_changes:{change_id}:change")
        async with reachable():
            await self._early.insert_one(
                {
                    "_id": change_id,
                    "workspace_id": workspace_id,
                    "key": key,
                    "change": sealed,
                    "expires_at": now + _KEPT,
                }
            )

    async def kept(
        self, workspace_id: WorkspaceId, keys: Sequence[str]
    ) -> list[tuple[str, dict[str, Any]]]:
        """What is kept for these messages, by key, in the order of its coming."""
        async with reachable():  # index: key
            docs = await self._early.find(
                {"workspace_id": workspace_id, "key": {"$in": list(keys)}}
            ).to_list(500)
        docs.sort(key=lambda doc: str(doc["_id"]))
        return [(doc["key"], self._opened(doc)) for doc in docs]

    def _opened(self, doc: Document) -> dict[str, Any]:
        place = f"early_changes:{doc['_id']}:change"
        opened: dict[str, Any] = json.loads(self._keyring.open_text(bytes(doc["change"]), place))
        return opened
