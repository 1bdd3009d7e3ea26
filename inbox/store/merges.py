"""Merges of contacts and their undoing: the records, and the writes that each step makes.

A record is stored before anything is changed and is open until everything is: whoever finds an open
one whose lease ran out goes on with it (`inbox/merges.py`). Every write here may be repeated.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime, timedelta

from inbox.domain.contact import Identity, Merge
from inbox.domain.ids import (
    AgentId,
    ContactId,
    ConversationId,
    IdentityId,
    MergeId,
    WorkspaceId,
)
from inbox.ids import new_id
from inbox.store.database import Database, Document, reachable

# Longer than all steps of a large merge take: one server at a time works on it.
LEASE = timedelta(seconds=30)
_BATCH = 100


class MergeStore:
    def __init__(self, database: Database) -> None:
        self._merges = database.durable("merges")
        self._contacts = database.durable("contacts")
        self._conversations = database["conversations"]
        self._pairs = database["pairs"]
        self._keyring = database.keyring

    # -- records ---------------------------------------------------------------------------

    async def begin(self, merge: Merge, now: datetime) -> None:
        document: Document = {
            "_id": merge.id,
            "workspace_id": merge.workspace_id,
            "contacts": [merge.kept, merge.gone],
            "state": merge.state,
            "by": merge.by,
            "at": merge.at,
            "identity_ids": list(merge.identity_ids) or None,
            "blocked": merge.blocked and list(merge.blocked),
            "blocked_after": merge.blocked_after and list(merge.blocked_after),
            "lease_until": now + LEASE,
            "claim": new_id("clm"),
        }
        async with reachable():
            await self._merges.insert_one(document)

    async def begin_undo(
        self, merge: Merge, after: tuple[bool, bool], by: AgentId, now: datetime
    ) -> bool:
        """False when somebody else was faster."""
        async with reachable():
            result = await self._merges.update_one(
                {"_id": merge.id, "state": "merged"},
                {
                    "$set": {
                        "state": "splitting",
                        "blocked_after": list(after),
                        "undone_by": by,
                        "undone_at": now,
                        "lease_until": now + LEASE,
                        "claim": new_id("clm"),
                    }
                },
            )
        return bool(result.modified_count)

    async def step_back(self, merge: Merge) -> None:
        """Forget one that has changed nothing yet; of an undo, what it undoes stays."""
        async with reachable():
            if merge.state == "splitting" and merge.blocked is not None:
                await self._merges.update_one(
                    {"_id": merge.id, "state": "splitting"},
                    {
                        "$set": {"state": "merged"},
                        "$unset": {"lease_until": 1, "undone_by": 1, "undone_at": 1},
                    },
                )
            else:
                await self._merges.delete_one({"_id": merge.id})

    async def find(self, workspace_id: WorkspaceId, merge_id: MergeId) -> Merge | None:
        async with reachable():
            doc = await self._merges.find_one({"_id": merge_id, "workspace_id": workspace_id})
        return None if doc is None else _merge(doc)

    async def of_contact(self, workspace_id: WorkspaceId, contact_id: ContactId) -> list[Merge]:
        """Those that a contact was ever part of, at most 200, the newest first."""
        async with reachable():  # index: contacts
            docs = await self._merges.find(
                {"workspace_id": workspace_id, "contacts": contact_id}
            ).to_list(200)
        return sorted((_merge(doc) for doc in docs), key=lambda one: one.id, reverse=True)

    async def claim(self, merge: Merge, now: datetime, *, whatever_lease: bool = False) -> bool:
        """Take over one whose worker is gone. `whatever_lease`: there is no other worker."""
        async with reachable():
            doc = await self._merges.find_one({"_id": merge.id})
            if doc is None or "lease_until" not in doc:
                return False
            if doc["lease_until"] > now and not whatever_lease:
                return False
            result = await self._merges.update_one(
                {"_id": merge.id, "lease_until": doc["lease_until"], "claim": doc.get("claim")},
                # Random, for the time alone may be what it was.
                {"$set": {"lease_until": now + LEASE, "claim": new_id("clm")}},
            )
        return bool(result.modified_count)

    async def renew(self, merge: Merge, now: datetime) -> bool:
        """Stay at it; False when somebody else has taken over."""
        async with reachable():
            result = await self._merges.update_one(
                {"_id": merge.id, "claim": merge.claim, "state": merge.state},
                {"$max": {"lease_until": now + LEASE}},
            )
        return bool(result.matched_count)

    async def unfinished(self, until: datetime) -> list[Merge]:
        async with reachable():  # index: unfinished
            docs = await self._merges.find({"lease_until": {"$lte": until}}).to_list(200)
        return [_merge(doc) for doc in docs]

    async def close(self, merge: Merge) -> None:
        done = "merged" if merge.state == "merging" else "split"
        async with reachable():
            await self._merges.update_one(
                {"_id": merge.id, "state": merge.state},
                {"$set": {"state": done}, "$unset": {"lease_until": 1}},
            )

    # -- steps -----------------------------------------------------------------------------

    async def hold(self, merge: Merge, contact_id: ContactId, instead_of: MergeId | None) -> bool:
        """Keep other merges away from a contact; `instead_of` is the one that had it, which is
        finished. False when another one has it now."""
        async with reachable():
            result = await self._contacts.update_one(
                {"_id": contact_id, "merge_id": {"$in": [None, merge.id, instead_of]}},
                {"$set": {"merge_id": merge.id}},
            )
        return bool(result.matched_count)

    async def capture(
        self, merge: Merge, ids: Sequence[IdentityId], blocked: tuple[bool, bool]
    ) -> None:
        """Write down what moves and what was so, once: half-way through nobody could tell."""
        async with reachable():
            await self._merges.update_one(
                {"_id": merge.id, "identity_ids": None},
                {"$set": {"identity_ids": list(ids), "blocked": list(blocked)}},
            )

    async def block(self, contact_id: ContactId) -> None:
        async with reachable():
            await self._contacts.update_one({"_id": contact_id}, {"$set": {"blocked": True}})

    async def bury(self, merge: Merge) -> None:
        async with reachable():
            await self._contacts.update_one(
                {"_id": merge.gone}, {"$set": {"merged_into": merge.kept}}
            )

    async def revive(self, merge: Merge, kept: ContactId, after: tuple[bool, bool]) -> None:
        """Let the contact that was taken in stand for itself; made where it never did."""
        async with reachable():
            await self._contacts.update_one(
                {"_id": merge.gone},
                {
                    "$set": {"blocked": after[1]},
                    "$unset": {"merged_into": 1},
                    "$setOnInsert": {
                        "workspace_id": merge.workspace_id,
                        "name": None,
                        "created_at": merge.at,
                        "terms": [],
                        "merge_id": merge.id,
                    },
                },
                upsert=True,
            )
            await self._contacts.update_one({"_id": kept}, {"$set": {"blocked": after[0]}})

    async def conversations_of(
        self, workspace_id: WorkspaceId, contact_id: ContactId, after: str = ""
    ) -> list[tuple[ConversationId, IdentityId]]:
        """The next hundred by id. Sorted here: the embedded database reads what the index gives."""
        async with reachable():  # index: contact_activity
            docs = await self._conversations.find(
                {"workspace_id": workspace_id, "contact_id": contact_id},
                projection={"identity_id": 1},
            ).to_list(10_000)
        found = sorted((str(doc["_id"]), str(doc["identity_id"])) for doc in docs)
        later = [(ConversationId(a), IdentityId(b)) for a, b in found if a > after]
        return later[:_BATCH]

    async def give_conversation(
        self, conversation_id: ConversationId, source: ContactId, target: ContactId
    ) -> None:
        async with reachable():
            await self._conversations.update_one(
                {"_id": conversation_id, "contact_id": source}, {"$set": {"contact_id": target}}
            )

    async def retitle(self, conversation_id: ConversationId, name: str, handle: str) -> None:
        place = f"conversations:{conversation_id}:person"
        sealed = self._keyring.seal_text(json.dumps({"name": name, "handle": handle}), place)
        async with reachable():
            await self._conversations.update_one(
                {"_id": conversation_id}, {"$set": {"person": sealed}}
            )

    # -- pairs: what is known of two identities beside their own signs -----------------------

    async def pair(self, one: Identity, other: Identity, *, told: bool, now: datetime) -> None:
        """`told`: the provider says that these two are one person; else an agent says that they
        are not, which holds against everything."""
        ids = sorted((one.id, other.id))
        change: Document = {"told" if told else "not_same": True, "at": now}
        async with reachable():
            await self._pairs.update_one(
                {"_id": ":".join(ids)},
                {
                    "$set": change,
                    "$setOnInsert": {"workspace_id": one.workspace_id, "identity_ids": ids},
                },
                upsert=True,
            )

    async def pairs_of(
        self, workspace_id: WorkspaceId, ids: Sequence[IdentityId]
    ) -> dict[frozenset[IdentityId], bool]:
        """By two identities: True, the provider says that they are one; False, an agent says that
        they are not."""
        async with reachable():  # index: identities
            docs = await self._pairs.find(
                {"workspace_id": workspace_id, "identity_ids": {"$in": list(ids)}}
            ).to_list(1000)
        return {
            frozenset(IdentityId(one) for one in doc["identity_ids"]): not doc.get("not_same")
            for doc in docs
        }


def _merge(doc: Document) -> Merge:
    kept, gone = doc["contacts"]
    return Merge(
        id=MergeId(doc["_id"]),
        workspace_id=WorkspaceId(doc["workspace_id"]),
        kept=ContactId(kept),
        gone=ContactId(gone),
        state=doc["state"],
        by=AgentId(doc["by"]),
        at=doc["at"],
        identity_ids=tuple(IdentityId(one) for one in doc["identity_ids"] or ()),
        blocked=_two(doc.get("blocked")),
        blocked_after=_two(doc.get("blocked_after")),
        undone_by=doc.get("undone_by"),
        undone_at=doc.get("undone_at"),
        claim=doc.get("claim", ""),
    )


def _two(value: Sequence[bool] | None) -> tuple[bool, bool] | None:
    return None if value is None else (value[0], value[1])
