"""Connects to the database, declares every index, and turns driver errors into ours."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

from bson.codec_options import CodecOptions
from motor.motor_asyncio import AsyncIOMotorClient, AsyncIOMotorCollection, AsyncIOMotorDatabase
from pymongo import ASCENDING, DESCENDING, IndexModel, WriteConcern
from pymongo.errors import (
    AutoReconnect,
    ConnectionFailure,
    ExecutionTimeout,
    NetworkTimeout,
    NotPrimaryError,
    PyMongoError,
    ServerSelectionTimeoutError,
    WTimeoutError,
)

from inbox.domain.errors import StoreUnavailable
from inbox.keyring import Keyring, KeyringError

# Any: BSON documents are untyped by nature; each store module turns them into domain values.
Document = dict[str, Any]
# The server's code for a breach of a unique index.
DUPLICATE_KEY = 11000
Collection = AsyncIOMotorCollection[Any]

_UP, _DOWN = ASCENDING, DESCENDING

INDEXES: dict[str, list[IndexModel]] = {
    "agents": [IndexModel([("email", _UP)], name="email", unique=True)],
    "sessions": [
        IndexModel([("workspace_id", _UP), ("agent_id", _UP)], name="agent"),
        IndexModel([("expires_at", _UP)], name="ttl", expireAfterSeconds=0),
    ],
    "api_tokens": [IndexModel([("workspace_id", _UP), ("agent_id", _UP)], name="agent")],
    "channels": [
        IndexModel([("kind", _UP), ("account", _UP)], name="account", unique=True),
        IndexModel([("workspace_id", _UP)], name="workspace"),
    ],
    "channel_health": [IndexModel([("workspace_id", _UP)], name="workspace")],
    "sign_ins": [IndexModel([("expires_at", _UP)], name="ttl", expireAfterSeconds=0)],
    "identities": [
        IndexModel(
            [("workspace_id", _UP), ("channel_id", _UP), ("tags", _UP)], name="tags", unique=True
        ),
        IndexModel([("workspace_id", _UP), ("contact_id", _UP)], name="contact"),
    ],
    "contacts": [
        # Keyed hashes of what a contact is found by.
        IndexModel([("workspace_id", _UP), ("terms", _UP), ("created_at", _UP)], name="terms")
    ],
    "merges": [
        IndexModel([("workspace_id", _UP), ("contacts", _UP)], name="contacts"),
        # Sparse: only those that are not finished have a lease.
        IndexModel([("lease_until", _UP)], name="unfinished", sparse=True),
    ],
    "pairs": [IndexModel([("workspace_id", _UP), ("identity_ids", _UP)], name="identities")],
    "conversations": [
        IndexModel(
            [
                ("workspace_id", _UP),
                ("contact_id", _UP),
                ("last_activity_at", _DOWN),
                ("_id", _DOWN),
            ],
            name="contact_activity",
        ),
        # Nothing in it changes, so that a message costs no more.
        IndexModel(
            [("workspace_id", _UP), ("contact_id", _UP), ("channel_id", _UP)],
            name="contact_channels",
        ),
        IndexModel(
            [
                ("workspace_id", _UP),
                ("lists", _UP),
                ("last_activity_at", _DOWN),
                ("_id", _DOWN),
            ],
            name="lists",
        ),
    ],
    # "mid:<Message-ID>" and "thr:<the provider's thread>", as keyed hashes.
    "threads": [
        IndexModel(
            [("workspace_id", _UP), ("channel_id", _UP), ("tag", _UP)], name="tag", unique=True
        ),
    ],
    "messages": [
        IndexModel(
            [("workspace_id", _UP), ("conversation_id", _UP), ("seq", _UP)],
            name="seq",
            unique=True,
        ),
        IndexModel([("workspace_id", _UP), ("conversation_id", _UP), ("place", _UP)], name="place"),
        # "p:<channel>:<provider id>" and "c:<conversation>:<client id>": what makes a repeat
        # of a webhook or of a POST harmless.
        IndexModel([("workspace_id", _UP), ("keys", _UP)], name="keys", unique=True),
        # The outbox. Sparse: a message leaves both when it is no longer on its way.
        IndexModel([("delivery.state", _UP), ("delivery.next_at", _UP)], name="due", sparse=True),
        IndexModel([("delivery.lane", _UP), ("delivery.seq", _UP)], name="lane", sparse=True),
    ],
    "journal": [
        IndexModel([("state", _UP), ("next_at", _UP)], name="due", sparse=True),
        IndexModel([("expires_at", _UP)], name="ttl", expireAfterSeconds=0),
    ],
    "journal_pieces": [IndexModel([("expires_at", _UP)], name="ttl", expireAfterSeconds=0)],
    "early_statuses": [
        IndexModel([("workspace_id", _UP), ("key", _UP)], name="key"),
        IndexModel([("expires_at", _UP)], name="ttl", expireAfterSeconds=0),
    ],
    "early_changes": [
        IndexModel([("workspace_id", _UP), ("key", _UP)], name="key"),
        IndexModel([("expires_at", _UP)], name="ttl", expireAfterSeconds=0),
    ],
    "gaps": [
        IndexModel([("workspace_id", _UP), ("since", _DOWN)], name="workspace"),
        IndexModel([("expires_at", _UP)], name="ttl", expireAfterSeconds=0),
    ],
    "ledger": [
        IndexModel([("workspace_id", _UP), ("points", _UP), ("at", _UP)], name="points"),
        IndexModel([("workspace_id", _UP), ("once", _UP)], name="once", unique=True),
    ],
    "decisions": [
        IndexModel([("workspace_id", _UP), ("conversation_id", _UP)], name="conversation")
    ],
    "templates": [
        IndexModel(
            [("workspace_id", _UP), ("channel_id", _UP), ("approved", _UP), ("category", _UP)],
            name="channel",
        )
    ],
    "fetches": [IndexModel([("next_at", _UP)], name="due")],
    # No TTL: it would take the record and leave the content.
    "attachments": [IndexModel([("expires_at", _UP)], name="expires", sparse=True)],
}
# What earlier versions made and would now be in the way.
_RETIRED = {"attachments": "ttl", "conversations": "contact"}

_UNAVAILABLE = (
    AutoReconnect,
    ConnectionFailure,
    ServerSelectionTimeoutError,
    NetworkTimeout,
    NotPrimaryError,
    ExecutionTimeout,
    WTimeoutError,
)


@asynccontextmanager
async def reachable() -> AsyncIterator[None]:
    """Wrap every database call: trouble of the database becomes `StoreUnavailable`, whose text
    holds nothing of the query; errors that are about our data pass through."""
    try:
        yield
    except _UNAVAILABLE as error:
        raise StoreUnavailable("the database does not answer") from error
    except PyMongoError as error:
        labels = error.has_error_label("RetryableWriteError") or error.timeout
        if labels:
            raise StoreUnavailable("the database does not answer") from error
        raise


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Database:
    """One connection pool and one keyring, made once in run.py and handed to the stores.

    `durable(name)` gives a collection whose writes are acknowledged only when they would survive
    a crash: for all that a provider or an agent is told 2xx for.
    """

    def __init__(self, url: str, keyring: Keyring, name: str | None = None) -> None:
        # Any: motor's client is generic over the document type, which we narrow per store.
        self.client: AsyncIOMotorClient[Any] = AsyncIOMotorClient(
            url,
            tz_aware=True,
            serverSelectionTimeoutMS=2500,
            connectTimeoutMS=2000,
            socketTimeoutMS=10_000,
            maxPoolSize=32,
            appname="assent",
            uuidRepresentation="standard",
        )
        self.keyring = keyring
        options: CodecOptions[Any] = CodecOptions(tz_aware=True, tzinfo=UTC)
        if name is None:  # the one that the URL names
            name = self.client.get_default_database("assent").name
        self._plain: AsyncIOMotorDatabase[Any] = self.client.get_database(
            name, codec_options=options
        )
        self._durable: AsyncIOMotorDatabase[Any] = self.client.get_database(
            name, codec_options=options, write_concern=WriteConcern(w="majority", j=True)
        )

    def __getitem__(self, collection: str) -> Collection:
        return self._plain[collection]

    def durable(self, collection: str) -> Collection:
        return self._durable[collection]

    @property
    def raw(self) -> AsyncIOMotorDatabase[Any]:
        """For GridFS, which wants a database."""
        return self._durable

    async def prepare(self) -> None:
        """Create what is missing and make sure that this keyring is the data's.

        raises   KeyringError, StoreUnavailable
        """
        async with reachable():
            for collection, name in _RETIRED.items():
                if name in await self._durable[collection].index_information():
                    await self._durable[collection].drop_index(name)
            for collection, indexes in INDEXES.items():
                await self._durable[collection].create_indexes(indexes)
            await self._check_keyring()

    async def _check_keyring(self) -> None:
        meta = self._durable["meta"]
        stored = await meta.find_one({"_id": "keyring"})
        if stored is None:
            sealed = self.keyring.seal(b"assent", "meta:keyring")
            tag = self.keyring.tag("assent")
            await meta.update_one(
                {"_id": "keyring"}, {"$setOnInsert": {"sealed": sealed, "tag": tag}}, upsert=True
            )
            return
        self.keyring.open(bytes(stored["sealed"]), "meta:keyring")
        if stored["tag"] != self.keyring.tag("assent"):
            raise KeyringError("INBOX_SECRET_KEY is not the one this database was made with")

    async def takes_a_write(self) -> bool:
        """A real write, for /readyz; False when it is not acknowledged within two seconds."""
        try:
            async with asyncio.timeout(2), reachable():
                await self._durable["meta"].update_one(
                    {"_id": "ready"}, {"$set": {"at": _utc_now()}}, upsert=True
                )
        except (StoreUnavailable, TimeoutError):
            return False
        return True

    async def answers(self) -> bool:
        """Whether the database answers within two seconds."""
        try:
            async with asyncio.timeout(2), reachable():
                await self._plain.command("ping")
        except (StoreUnavailable, TimeoutError):
            return False
        return True

    def close(self) -> None:
        self.client.close()
