"""Attachments: their content, sealed, in GridFS; uploads not yet sent; and fetches still to do.

GridFS because any process must be able to serve any file and the database is the one place that
all of them share.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta

from gridfs.errors import FileExists, NoFile
from motor.motor_asyncio import AsyncIOMotorGridFSBucket

from inbox.domain.errors import StoreUnavailable
from inbox.domain.ids import AgentId, AttachmentId, ConversationId, MessageId, WorkspaceId
from inbox.domain.message import Attachment
from inbox.domain.report import Media
from inbox.store.database import Database, Document, reachable
from inbox.store.message_documents import attachment_document

UPLOAD_KEPT = timedelta(days=1)
# Nobody finds an upload that ran out; who found it just before has this long to attach it.
_STILL_THERE = timedelta(hours=1)
_UPLOADS = 3


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredFile:
    """An attachment's record. `conversation_id` is None for an upload not yet sent: then only
    `uploaded_by` may see it."""

    workspace_id: WorkspaceId
    attachment: Attachment
    conversation_id: ConversationId | None
    uploaded_by: AgentId | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Fetch:
    """A file to bring from a provider."""

    attachment: Attachment
    media: Media
    workspace_id: WorkspaceId
    channel_id: str
    conversation_id: ConversationId
    message_id: MessageId
    attempts: int
    next_at: datetime


class FileStore:
    def __init__(self, database: Database) -> None:
        self._bucket = AsyncIOMotorGridFSBucket(database.raw, bucket_name="files")
        self._files = database.durable("files.files")
        self._attachments = database.durable("attachments")
        self._fetches = database["fetches"]
        self._keyring = database.keyring

    # -- content ---------------------------------------------------------------------------

    async def put(
        self,
        workspace_id: WorkspaceId,
        attachment: Attachment,
        content: bytes,
        *,
        conversation_id: ConversationId | None = None,
        uploaded_by: AgentId | None = None,
        now: datetime,
    ) -> None:
        """Store content and record; an attachment's content never changes, so a repeat is free."""
        sealed = self._keyring.seal(content, f"files:{attachment.id}")
        document: Document = {
            "workspace_id": workspace_id,
            "attachment": attachment_document(attachment),
            "conversation_id": conversation_id,
            "uploaded_by": uploaded_by,
        }
        if conversation_id is None:
            document["expires_at"] = now + UPLOAD_KEPT
        async with reachable():
            await self._upload(workspace_id, attachment.id, sealed)
            await self._attachments.update_one(
                {"_id": attachment.id}, {"$set": document}, upsert=True
            )

    async def _upload(
        self, workspace_id: WorkspaceId, attachment_id: AttachmentId, sealed: bytes
    ) -> None:
        """GridFS writes the chunks first and the file last: chunks without a file are of an upload
        that was cut off, and keep the next one out."""
        for _ in range(_UPLOADS):
            try:
                await self._bucket.upload_from_stream_with_id(
                    attachment_id, attachment_id, sealed, metadata={"workspace_id": workspace_id}
                )
            except FileExists:
                if await self._files.find_one({"_id": attachment_id}) is not None:
                    return
                with suppress(NoFile):  # it takes the chunks along and misses the file
                    await self._bucket.delete(attachment_id)
            else:
                return
        raise StoreUnavailable("the file is being stored by somebody else")

    async def find(
        self, workspace_id: WorkspaceId, attachment_id: AttachmentId
    ) -> StoredFile | None:
        """None also for an upload that ran out."""
        async with reachable():
            doc = await self._attachments.find_one(
                {"_id": attachment_id, "workspace_id": workspace_id}
            )
        if doc is None or ("expires_at" in doc and doc["expires_at"] <= datetime.now(UTC)):
            return None
        return StoredFile(
            workspace_id=workspace_id,
            attachment=Attachment(**doc["attachment"]),
            conversation_id=doc["conversation_id"],
            uploaded_by=doc["uploaded_by"],
        )

    async def content(self, attachment_id: AttachmentId) -> bytes | None:
        """None when there is none (not fetched yet, or an upload that ran out)."""
        try:
            async with reachable():
                stream = await self._bucket.open_download_stream(attachment_id)
                sealed: bytes = await stream.read()
        except NoFile:
            return None
        return self._keyring.open(bytes(sealed), f"files:{attachment_id}")

    async def remove(self, attachment_id: AttachmentId) -> None:
        """Take a file away for good: content, record, and a fetch that is still to be done."""
        async with reachable():
            with suppress(NoFile):
                await self._bucket.delete(attachment_id)
            await self._attachments.delete_one({"_id": attachment_id})
            await self._fetches.delete_one({"_id": attachment_id})

    async def remove_unsent(self, now: datetime, limit: int = 100) -> int:
        """Take away uploads that ran out unsent, content and record; how many there were."""
        until = now - _STILL_THERE
        async with reachable():  # index: expires
            docs = await self._attachments.find(
                {"expires_at": {"$lte": until}}, projection={"_id": 1}
            ).to_list(limit)
        for doc in docs:
            await self.remove(AttachmentId(doc["_id"]))
        return len(docs)

    async def attach(
        self, workspace_id: WorkspaceId, ids: list[AttachmentId], conversation_id: ConversationId
    ) -> None:
        """Uploads become part of a conversation and are kept as long as it is."""
        async with reachable():
            await self._attachments.update_many(
                {"_id": {"$in": ids}, "workspace_id": workspace_id},
                {"$set": {"conversation_id": conversation_id}, "$unset": {"expires_at": 1}},
            )

    # -- fetches ---------------------------------------------------------------------------

    async def want(self, fetch: Fetch) -> None:
        """Remember to bring a file; again for the same attachment changes nothing."""
        place = f"fetches:{fetch.attachment.id}:ref"
        media = asdict(fetch.media)
        media["ref"] = self._keyring.seal_text(fetch.media.ref, place)
        async with reachable():
            await self._fetches.update_one(
                {"_id": fetch.attachment.id},
                {
                    "$setOnInsert": {
                        "attachment": attachment_document(fetch.attachment),
                        "media": media,
                        "workspace_id": fetch.workspace_id,
                        "channel_id": fetch.channel_id,
                        "conversation_id": fetch.conversation_id,
                        "message_id": fetch.message_id,
                        "attempts": fetch.attempts,
                        "next_at": fetch.next_at,
                    }
                },
                upsert=True,
            )

    async def claim_fetches(self, now: datetime, lease_until: datetime, limit: int) -> list[Fetch]:
        claimed: list[Fetch] = []
        async with reachable():  # index: due
            docs = await self._fetches.find({"next_at": {"$lte": now}}).limit(limit).to_list(limit)
            for doc in docs:
                won = await self._fetches.update_one(
                    {"_id": doc["_id"], "next_at": doc["next_at"]},
                    {"$set": {"next_at": lease_until}, "$inc": {"attempts": 1}},
                )
                if won.modified_count:
                    claimed.append(self._fetch(doc))
        return claimed

    def _fetch(self, doc: Document) -> Fetch:
        media = dict(doc["media"])
        media["ref"] = self._keyring.open_text(bytes(media["ref"]), f"fetches:{doc['_id']}:ref")
        return Fetch(
            attachment=Attachment(**doc["attachment"]),
            media=Media(**media),
            workspace_id=WorkspaceId(doc["workspace_id"]),
            channel_id=doc["channel_id"],
            conversation_id=ConversationId(doc["conversation_id"]),
            message_id=MessageId(doc["message_id"]),
            attempts=doc["attempts"] + 1,
            next_at=doc["next_at"],
        )

    async def put_off_fetch(self, attachment_id: AttachmentId, next_at: datetime) -> None:
        async with reachable():
            await self._fetches.update_one({"_id": attachment_id}, {"$set": {"next_at": next_at}})

    async def end_fetch(self, attachment_id: AttachmentId) -> None:
        async with reachable():
            await self._fetches.delete_one({"_id": attachment_id})
