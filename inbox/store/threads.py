"""Which conversation a mail belongs to: keys of mails and of the provider's threads.

The insert decides, by the unique index: two workers that meet a new thread at once, or one that
comes back after a crash, find the same conversation.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from pymongo.errors import DuplicateKeyError

from inbox.domain.ids import ChannelId, ConversationId, WorkspaceId
from inbox.store.database import Database, reachable


class ThreadStore:
    def __init__(self, database: Database) -> None:
        self._threads = database["threads"]
        self._keyring = database.keyring

    def _tag(self, key: str) -> str:
        return self._keyring.tag(f"thread:{key}")

    async def find(
        self, workspace_id: WorkspaceId, channel_id: ChannelId, keys: Sequence[str]
    ) -> dict[str, ConversationId]:
        """The conversations of those keys that are known, by key."""
        if not keys:
            return {}
        by_tag = {self._tag(key): key for key in keys}
        async with reachable():  # index: tag
            docs = await self._threads.find(
                {
                    "workspace_id": workspace_id,
                    "channel_id": channel_id,
                    "tag": {"$in": list(by_tag)},
                }
            ).to_list(len(by_tag))
        return {by_tag[doc["tag"]]: ConversationId(doc["conversation_id"]) for doc in docs}

    async def claim(
        self,
        workspace_id: WorkspaceId,
        channel_id: ChannelId,
        key: str,
        conversation_id: ConversationId,
        now: datetime,
    ) -> ConversationId:
        """Make the key lead to this conversation; where it leads then: elsewhere, if somebody was
        faster."""
        document = {
            "workspace_id": workspace_id,
            "channel_id": channel_id,
            "tag": self._tag(key),
            "conversation_id": conversation_id,
            "created_at": now,
        }
        try:
            async with reachable():
                await self._threads.insert_one(document)
        except DuplicateKeyError:
            return (await self.find(workspace_id, channel_id, [key])).get(key, conversation_id)
        return conversation_id
