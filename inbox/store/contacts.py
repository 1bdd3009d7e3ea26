"""Contacts: reading, searching by terms, naming, blocking. How they become known is in `people.py`,
how two become one in `merges.py`."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta

from inbox.domain.contact import Contact
from inbox.domain.ids import ContactId, WorkspaceId
from inbox.store.contact_documents import (
    contact_from,
    sealed_name,
    sealed_note,
    term_tag,
    term_tags,
)
from inbox.store.database import Database, Document, reachable

_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_FIRST_WINDOW = timedelta(days=90)


class ContactStore:
    def __init__(self, database: Database) -> None:
        self._contacts = database["contacts"]
        self._keyring = database.keyring

    async def find_exactly(
        self, workspace_id: WorkspaceId, contact_id: ContactId
    ) -> Contact | None:
        """The contact with this id, also when it was merged into another."""
        return (await self.find_many(workspace_id, [contact_id])).get(contact_id)

    async def find_many(
        self, workspace_id: WorkspaceId, ids: Sequence[ContactId]
    ) -> dict[ContactId, Contact]:
        async with reachable():
            docs = await self._contacts.find(
                {"_id": {"$in": list(ids)}, "workspace_id": workspace_id}
            ).to_list(len(ids))
        return {ContactId(doc["_id"]): contact_from(self._keyring, doc) for doc in docs}

    async def with_term(
        self,
        workspace_id: WorkspaceId,
        term: str,
        *,
        limit: int,
        before: tuple[datetime, str] | None = None,
    ) -> list[Contact]:
        """Contacts that have this term, the last met first, and that follow `before` (when it was
        met, and id). A hash is not a proof: the caller looks at what was found.

        In windows of time, as conversations are: a range must not hold all whose names begin so.
        """
        tag = term_tag(self._keyring, term)
        upper = datetime.now(UTC) + timedelta(days=1) if before is None else before[0]
        found = [] if before is None else await self._ties(workspace_id, tag, *before, limit)
        width = _FIRST_WINDOW
        while upper > _EPOCH and len(found) < limit:
            lower = max(_EPOCH, upper - width)
            window = {"$gte": lower, "$lt": upper}
            async with reachable():  # index: terms
                found += (
                    await self._contacts.find(
                        {"workspace_id": workspace_id, "terms": tag, "created_at": window}
                    )
                    .sort([("created_at", -1), ("_id", -1)])
                    .limit(limit - len(found))
                    .to_list(limit - len(found))
                )
            upper = lower
            width *= 4
        return [contact_from(self._keyring, doc) for doc in found]

    async def _ties(
        self, workspace_id: WorkspaceId, tag: str, at: datetime, before_id: str, limit: int
    ) -> list[Document]:
        async with reachable():  # index: terms
            docs: list[Document] = await self._contacts.find(
                {"workspace_id": workspace_id, "terms": tag, "created_at": at}
            ).to_list(1000)
        later = [doc for doc in docs if doc["_id"] < before_id]
        return sorted(later, key=lambda doc: str(doc["_id"]), reverse=True)[:limit]

    async def add_terms(self, contact_id: ContactId, terms: Collection[str]) -> None:
        """To be found by these, too."""
        tags = term_tags(self._keyring, terms)
        async with reachable():
            await self._contacts.update_one(
                {"_id": contact_id}, {"$addToSet": {"terms": {"$each": tags}}}
            )

    async def set_terms(self, contact_id: ContactId, terms: Collection[str]) -> None:
        """To be found by these and no others."""
        async with reachable():
            await self._contacts.update_one(
                {"_id": contact_id}, {"$set": {"terms": term_tags(self._keyring, terms)}}
            )

    async def give_name(self, contact: Contact, name: str | None) -> None:
        """An agent's name for a contact; None goes back to what the channels tell."""
        sealed = sealed_name(self._keyring, contact.id, name)
        async with reachable():
            await self._contacts.update_one(
                {"_id": contact.id}, {"$set": {"name": sealed, "named": name is not None}}
            )

    async def set_note(self, contact: Contact, note: str) -> None:
        sealed = sealed_note(self._keyring, contact.id, note)
        async with reachable():
            await self._contacts.update_one({"_id": contact.id}, {"$set": {"note": sealed}})

    async def set_blocked(self, contact: Contact, blocked: bool, now: datetime) -> bool:
        """False when it was so already."""
        async with reachable():
            result = await self._contacts.update_one(
                {"_id": contact.id, "blocked": not blocked},
                {"$set": {"blocked": blocked, "block_changed_at": now}},
            )
        return bool(result.modified_count)
