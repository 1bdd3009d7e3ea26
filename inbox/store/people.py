"""Contacts and their identities.

The insert of an identity decides, by the unique index over its keys, who a new contact is: it
carries the ids of the contact and of the conversation that belong to it, so whoever comes second,
or comes back after a crash, finds the same ones.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime

from pymongo.errors import DuplicateKeyError

from inbox.domain.contact import Contact, Identity
from inbox.domain.ids import (
    AttachmentId,
    ChannelId,
    ContactId,
    ConversationId,
    IdentityId,
    WorkspaceId,
)
from inbox.domain.mail import address_key
from inbox.domain.report import Sender
from inbox.ids import new_id
from inbox.store.contact_documents import contact_from, sealed_name, term_tags
from inbox.store.database import Database, Document, reachable

MOST_IDENTITIES = 50
# Each merge adds a step on the way from an old id; a ring is nobody's.
MOST_MERGES_DEEP = 100


class PeopleStore:
    def __init__(self, database: Database) -> None:
        self._identities = database["identities"]
        self._contacts = database["contacts"]
        self._keyring = database.keyring

    # -- identities ------------------------------------------------------------------------

    def tags(self, kind: str, keys: Sequence[str]) -> list[str]:
        """Keyed hashes of a person's keys on a kind: for look-ups here and in the ledger. A mail
        address has one, however it is written."""
        return [self._keyring.tag(f"{kind}:{address_key(key)}") for key in keys]

    def _sealed_person(self, identity_id: str, identity: Identity) -> bytes:
        person = {
            "keys": identity.keys,
            "address": identity.address,
            "handle": identity.handle,
            "name": identity.name,
            "person_id": identity.person_id,
        }
        return self._keyring.seal_text(json.dumps(person), f"identities:{identity_id}:person")

    def _from_document(self, doc: Document) -> tuple[Identity, ConversationId]:
        sealed = bytes(doc["person"])
        person = json.loads(self._keyring.open_text(sealed, f"identities:{doc['_id']}:person"))
        identity = Identity(
            id=IdentityId(doc["_id"]),
            workspace_id=WorkspaceId(doc["workspace_id"]),
            channel_id=ChannelId(doc["channel_id"]),
            kind=doc["kind"],
            contact_id=ContactId(doc["contact_id"]),
            keys=tuple(person["keys"]),
            address=person["address"],
            handle=person["handle"],
            name=person["name"],
            person_id=person.get("person_id"),
            picture=doc.get("picture"),
        )
        return identity, ConversationId(doc["conversation_id"])

    async def find_many(
        self, workspace_id: WorkspaceId, channel_id: ChannelId, kind: str, keys: Sequence[str]
    ) -> dict[str, tuple[Identity, ConversationId]]:
        """Identities of a channel that have any of `keys`, by each key that was asked for."""
        by_tag: dict[str, list[str]] = defaultdict(list)
        for tag, key in zip(self.tags(kind, keys), keys, strict=True):
            by_tag[tag].append(key)
        async with reachable():  # index: tags
            docs = await self._identities.find(
                {
                    "workspace_id": workspace_id,
                    "channel_id": channel_id,
                    "tags": {"$in": list(by_tag)},
                }
            ).to_list(len(keys) + 1)
        found: dict[str, tuple[Identity, ConversationId]] = {}
        for doc in docs:
            pair = self._from_document(doc)
            found.update({key: pair for tag in doc["tags"] for key in by_tag.get(tag, ())})
        return found

    async def get(self, identity_id: IdentityId) -> Identity:
        async with reachable():
            doc = await self._identities.find_one({"_id": identity_id})
        if doc is None:
            raise LookupError("a conversation names an identity that does not exist")
        return self._from_document(doc)[0]

    async def create(
        self,
        workspace_id: WorkspaceId,
        channel_id: ChannelId,
        kind: str,
        sender: Sender,
        now: datetime,
    ) -> tuple[Identity, ConversationId]:
        """A new identity with a new contact; the existing one when somebody was faster."""
        identity = Identity(
            id=IdentityId(new_id("idn")),
            workspace_id=workspace_id,
            channel_id=channel_id,
            kind=kind,
            contact_id=ContactId(new_id("con")),
            keys=sender.keys,
            address=sender.address,
            handle=sender.handle,
            name=sender.name,
            person_id=sender.person_id,
        )
        conversation_id = ConversationId(new_id("cnv"))
        document = {
            "_id": identity.id,
            "workspace_id": workspace_id,
            "channel_id": channel_id,
            "kind": kind,
            "contact_id": identity.contact_id,
            "conversation_id": conversation_id,
            "tags": self.tags(kind, sender.keys),
            "person": self._sealed_person(identity.id, identity),
            "created_at": now,
        }
        try:
            async with reachable():
                await self._identities.insert_one(document)
        except DuplicateKeyError:
            found = await self.find_many(workspace_id, channel_id, kind, sender.keys)
            return next(iter(found.values()))
        return identity, conversation_id

    async def learn(self, identity: Identity, sender: Sender) -> Identity:
        """Take over new aliases and a new address, handle or name. An alias that belongs to
        somebody else stays theirs: two people are never merged by a webhook."""
        new_keys = tuple(key for key in sender.keys if key not in identity.keys)
        name = sender.name or identity.name
        # A webhook that does not know the name has no better handle than the one we learnt with it;
        # but who has another number is reached, and known, by that.
        numbered = sender.handle == sender.address and sender.handle.startswith("+")
        keeps = sender.name is None and identity.name is not None and not numbered
        handle = identity.handle if keeps else sender.handle
        person_id = sender.person_id or identity.person_id
        same = (identity.address, identity.handle, identity.name, identity.person_id)
        if not new_keys and same == (sender.address, handle, name, person_id):
            return identity
        learnt = replace(
            identity,
            keys=identity.keys + new_keys,
            address=sender.address,
            handle=handle,
            name=name,
            person_id=person_id,
        )
        try:
            async with reachable():
                await self._identities.update_one(
                    {"_id": identity.id},
                    {
                        "$set": {"person": self._sealed_person(identity.id, learnt)},
                        "$addToSet": {"tags": {"$each": self.tags(identity.kind, learnt.keys)}},
                    },
                )
        except DuplicateKeyError:
            return identity
        return learnt

    async def release(self, identity: Identity, keys: Sequence[str]) -> Identity:
        """Take keys away from a person who no longer has them: a number that is another's now.
        What is left of the address is the person's own id."""
        left = tuple(key for key in identity.keys if key not in keys)
        own = identity.person_id or left[0]
        without = replace(
            identity, keys=left, address=own, handle=identity.name or own, person_id=own
        )
        async with reachable():
            await self._identities.update_one(
                {"_id": identity.id},
                {
                    "$set": {
                        "person": self._sealed_person(identity.id, without),
                        "tags": self.tags(identity.kind, left),
                    }
                },
            )
        return without

    async def of_contact(
        self, workspace_id: WorkspaceId, contact_id: ContactId
    ) -> list[tuple[Identity, ConversationId]]:
        """A contact's identities, each with the conversation that was made with it; at most 50,
        the oldest first."""
        async with reachable():  # index: contact
            docs = await self._identities.find(
                {"workspace_id": workspace_id, "contact_id": contact_id}
            ).to_list(MOST_IDENTITIES)
        return [self._from_document(doc) for doc in sorted(docs, key=lambda doc: str(doc["_id"]))]

    async def of_contacts(
        self, workspace_id: WorkspaceId, contact_ids: Sequence[ContactId]
    ) -> dict[ContactId, list[Identity]]:
        """The identities of several contacts; one read."""
        found: dict[ContactId, list[Identity]] = {one: [] for one in contact_ids}
        async with reachable():  # index: contact
            docs = await self._identities.find(
                {"workspace_id": workspace_id, "contact_id": {"$in": list(found)}}
            ).to_list(MOST_IDENTITIES * len(found))
        for doc in sorted(docs, key=lambda doc: str(doc["_id"])):
            found[ContactId(doc["contact_id"])].append(self._from_document(doc)[0])
        return found

    async def move(
        self,
        workspace_id: WorkspaceId,
        ids: Sequence[IdentityId],
        source: ContactId,
        target: ContactId,
    ) -> None:
        """Give identities to another contact: those that still belong to `source`."""
        async with reachable():
            await self._identities.update_many(
                {"_id": {"$in": list(ids)}, "workspace_id": workspace_id, "contact_id": source},
                {"$set": {"contact_id": target}},
            )

    async def set_picture(self, identity: Identity, picture: AttachmentId) -> None:
        """Show this picture of the person. Beside what is sealed, which others learn meanwhile."""
        async with reachable():
            await self._identities.update_one({"_id": identity.id}, {"$set": {"picture": picture}})

    # -- contacts --------------------------------------------------------------------------

    async def ensure_contact(
        self, identity: Identity, now: datetime, terms: Collection[str] = ()
    ) -> None:
        """Make the contact of an identity, to be found by `terms`, where it does not exist."""
        async with reachable():
            await self._contacts.update_one(
                {"_id": identity.contact_id},
                {
                    "$setOnInsert": {
                        "workspace_id": identity.workspace_id,
                        "name": sealed_name(self._keyring, identity.contact_id, identity.name),
                        "blocked": False,
                        "created_at": now,
                        "terms": term_tags(self._keyring, terms),
                    }
                },
                upsert=True,
            )

    async def rename(self, contact_id: ContactId, name: str) -> None:
        async with reachable():
            await self._contacts.update_one(
                {"_id": contact_id},
                {"$set": {"name": sealed_name(self._keyring, contact_id, name)}},
            )

    async def find_contact(
        self, workspace_id: WorkspaceId, contact_id: ContactId
    ) -> Contact | None:
        """The contact with this id, or the one that it was merged into."""
        for _ in range(MOST_MERGES_DEEP):
            async with reachable():
                doc = await self._contacts.find_one(
                    {"_id": contact_id, "workspace_id": workspace_id}
                )
            if doc is None:
                return None
            if doc.get("merged_into") is None:
                return contact_from(self._keyring, doc)
            contact_id = ContactId(doc["merged_into"])
        return None
