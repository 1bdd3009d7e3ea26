"""Channels: connected accounts and their sealed credentials."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pymongo.errors import DuplicateKeyError

from inbox.domain.channel import IN_USE, Channel, ChannelState, Secret
from inbox.domain.errors import Conflict
from inbox.domain.ids import ChannelId, WorkspaceId
from inbox.store.database import Database, Document, reachable

_MOST = 10_000


class ChannelStore:
    def __init__(self, database: Database) -> None:
        self._channels = database.durable("channels")
        self._keyring = database.keyring

    def _place(self, channel_id: str, name: str) -> str:
        return f"channels:{channel_id}:{name}"

    def _to_document(self, channel: Channel) -> Document:
        secrets = {
            name: self._keyring.seal_text(secret.reveal(), self._place(channel.id, name))
            for name, secret in channel.secrets.items()
        }
        return {
            "_id": channel.id,
            "workspace_id": channel.workspace_id,
            "kind": channel.kind,
            "name": channel.name,
            "account": channel.account,
            "config": dict(channel.config),
            "secrets": secrets,
            "provider_stop": channel.provider_stop,
            "state": channel.state,
            "trouble": channel.trouble,
            "created_at": channel.created_at,
            "changed_at": dict(channel.changed_at),
        }

    def _from_document(self, doc: Document) -> Channel:
        secrets = {
            name: Secret(self._keyring.open_text(bytes(sealed), self._place(doc["_id"], name)))
            for name, sealed in doc["secrets"].items()
        }
        return Channel(
            id=ChannelId(doc["_id"]),
            workspace_id=WorkspaceId(doc["workspace_id"]),
            kind=doc["kind"],
            name=doc["name"],
            account=doc["account"],
            config=doc["config"],
            secrets=secrets,
            provider_stop=doc["provider_stop"],
            state=doc["state"],
            trouble=doc["trouble"],
            created_at=doc["created_at"],
            # Channels of earlier versions have none.
            changed_at=doc.get("changed_at", {}),
            # Nor those that were never changed.
            revision=doc.get("revision", 0),
        )

    async def add(self, channel: Channel) -> None:
        """raises Conflict: an account of this kind is connected already"""
        try:
            async with reachable():
                await self._channels.insert_one(self._to_document(channel))
        except DuplicateKeyError as error:
            raise Conflict("this account is connected already", code="channel_exists") from error

    async def replace(self, channel: Channel, was: ChannelState) -> bool:
        """Store an existing channel as it is now; False when it is no longer in the state `was`,
        or somebody stored it since it was read.

        raises   Conflict: its account is connected already
        """
        document = self._to_document(channel)
        del document["_id"]
        document["revision"] = channel.revision + 1
        place: Document = {
            "_id": channel.id,
            "workspace_id": channel.workspace_id,
            "state": was,
            # Null is met by what is not there.
            "revision": channel.revision or None,
        }
        try:
            async with reachable():
                result = await self._channels.update_one(place, {"$set": document})
        except DuplicateKeyError as error:
            raise Conflict("this account is connected already", code="channel_exists") from error
        return bool(result.matched_count)

    async def remove_draft(self, channel: Channel) -> None:
        async with reachable():
            await self._channels.delete_one({"_id": channel.id, "state": "draft"})

    async def renew(
        self, channel: Channel, config: Mapping[str, str], secrets: Mapping[str, Secret]
    ) -> bool:
        """Put newer credentials in place of those of the same name; nothing else changes. False
        when an admin was faster: with others of their own, or by ending the channel. Whoever stores
        the whole channel, as it was read before, is not to undo it: the revision is raised."""
        change: Document = {f"config.{name}": text for name, text in config.items()}
        for name, secret in secrets.items():
            sealed = self._keyring.seal_text(secret.reveal(), self._place(channel.id, name))
            change[f"secrets.{name}"] = sealed
        as_it_was: Document = {
            "_id": channel.id,
            "state": {"$in": list(IN_USE)},
            # Null is met by what is not there.
            **{f"changed_at.{name}": channel.changed_at.get(name) for name in secrets},
        }
        async with reachable():
            result = await self._channels.update_one(
                as_it_was, {"$set": change, "$inc": {"revision": 1}}
            )
        return bool(result.matched_count)

    async def set_state(self, channel: Channel, state: str, trouble: str | None) -> bool:
        """True if that changed it."""
        async with reachable():
            result = await self._channels.update_one(
                {"_id": channel.id, "state": {"$in": [_other(state)]}},
                {"$set": {"state": state, "trouble": trouble}},
            )
        return bool(result.modified_count)

    async def set_trouble(self, channel: Channel, trouble: str | None) -> None:
        """What an admin should know of a channel that works all the same."""
        async with reachable():
            await self._channels.update_one({"_id": channel.id}, {"$set": {"trouble": trouble}})

    async def find(self, channel_id: ChannelId) -> Channel | None:
        async with reachable():
            doc = await self._channels.find_one({"_id": channel_id})
        return None if doc is None else self._from_document(doc)

    async def find_by_account(self, kind: str, account: str) -> Channel | None:
        async with reachable():  # index: account
            doc = await self._channels.find_one({"kind": kind, "account": account})
        return None if doc is None else self._from_document(doc)

    async def of_kinds(self, kinds: Sequence[str]) -> list[Channel]:
        """Those in use, of every workspace: for work that is done for all; at most 10,000."""
        async with reachable():  # index: account
            docs = await self._channels.find({"kind": {"$in": list(kinds)}}).to_list(_MOST)
        found = [self._from_document(doc) for doc in docs]
        return [channel for channel in found if channel.in_use]

    async def of_workspace(self, workspace_id: WorkspaceId) -> list[Channel]:
        """All of them, by name; a workspace has few."""
        async with reachable():  # index: workspace
            docs = await self._channels.find({"workspace_id": workspace_id}).to_list(500)
        return sorted((self._from_document(doc) for doc in docs), key=lambda c: (c.kind, c.name))


def _other(state: str) -> str:
    return "connected" if state == "reauthorization_required" else "reauthorization_required"
