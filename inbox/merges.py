"""Two contacts become one by an agent's hand, and two again: step by step, each step stored.

A merge moves the identities and conversations of one contact to another and leaves a pointer where
it was. What it needs to be finished or undone is in its record, written first; a crash between any
two steps is mended by whoever next looks at one of the contacts. Consent stays with identities;
what holds for one of a person's addresses on a kind is looked at for all of them
(`inbox/consent.py`), and is copied when they part.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

from inbox import events, terms
from inbox.consent import opt_outs_of
from inbox.domain.agent import Agent
from inbox.domain.channel import Connector
from inbox.domain.consent import ConsentEvent
from inbox.domain.contact import Contact, Identity, Merge, shown_name
from inbox.domain.conversation import Conversation
from inbox.domain.errors import Conflict, NotFound
from inbox.domain.ids import ConsentEventId, ContactId, IdentityId, MergeId, WorkspaceId
from inbox.hub import Hub
from inbox.ids import new_id
from inbox.stores import Stores

Step = Callable[[], Awaitable[None]]
_BUSY = "This contact is being merged right now. Try again in a moment."


class Merges:
    def __init__(self, stores: Stores, hub: Hub, connectors: Mapping[str, Connector]) -> None:
        self._stores = stores
        self._hub = hub
        self._connectors = connectors

    # -- what an agent does ----------------------------------------------------------------

    async def merge(self, kept: Contact, gone: Contact, by: Agent, now: datetime) -> Merge:
        """Take `gone` into `kept`; both stand for themselves.

        raises   Conflict: another merge has one of them
        """
        merge = Merge(
            id=MergeId(new_id("mrg")),
            workspace_id=kept.workspace_id,
            kept=kept.id,
            gone=gone.id,
            state="merging",
            by=by.id,
            at=now,
        )
        await self._stores.merges.begin(merge, now)
        return await self._finish(await self._again(merge), now)

    async def undo(self, merge: Merge, by: Agent, now: datetime) -> Merge:
        """Put back what this merge moved, as far as it is still there.

        raises   Conflict: it is not finished, or undone already
        """
        gone = await self._stores.contacts.find_exactly(merge.workspace_id, merge.gone)
        root = await self._stores.people.find_contact(merge.workspace_id, merge.kept)
        if gone is None or root is None or merge.state != "merged":
            raise Conflict("This merge was undone already.")
        after = _blocked_after(merge, root, gone)
        if not await self._stores.merges.begin_undo(merge, after, by.id, now):
            raise Conflict("This merge was undone already.")
        return await self._finish(await self._again(merge), now)

    async def split_off(
        self, contact: Contact, identity: Identity, by: Agent, now: datetime
    ) -> Merge:
        """Give one identity a contact of its own. A block goes with both."""
        merge = Merge(
            id=MergeId(new_id("mrg")),
            workspace_id=contact.workspace_id,
            kept=contact.id,
            gone=ContactId(new_id("con")),
            state="splitting",
            by=by.id,
            at=now,
            identity_ids=(identity.id,),
            blocked_after=(contact.blocked, contact.blocked),
            undone_by=by.id,
            undone_at=now,
        )
        await self._stores.merges.begin(merge, now)
        return await self._finish(await self._again(merge), now)

    # -- finishing -------------------------------------------------------------------------

    async def mend(self, workspace_id: WorkspaceId, contact_id: ContactId, now: datetime) -> None:
        """Finish what a crash left half done with this contact."""
        for merge in await self._stores.merges.of_contact(workspace_id, contact_id):
            if merge.open and await self._stores.merges.claim(merge, now):
                await self._finish(await self._again(merge), now)

    async def mend_all(self, now: datetime, *, alone: bool) -> None:
        """The same for every contact, at the start. `alone`: no other server can be at it."""
        until = now + timedelta(days=1) if alone else now
        for merge in await self._stores.merges.unfinished(until):
            if await self._stores.merges.claim(merge, now, whatever_lease=alone):
                await self._finish(await self._again(merge), now)

    async def _finish(self, merge: Merge, now: datetime) -> Merge:
        """Do what is left. Who was so slow that another took over stops before it does harm."""
        for step in self.steps(merge, now):
            if not await self._stores.merges.renew(merge, now):
                raise Conflict(_BUSY)
            await step()
        return await self._again(merge)

    def steps(self, merge: Merge, now: datetime) -> Sequence[Step]:
        """What is left to do of an open one, in order. Each may be repeated, and so may all."""
        merging = (
            *(self._hold, self._capture, self._block, self._bury),
            *(self._move, self._name_all, self._index_all, self._tell, self._close),
        )
        splitting = (
            *(self._hold, self._copy_opt_outs, self._revive),
            *(self._move, self._name_all, self._index_all, self._tell, self._close),
        )
        chosen = merging if merge.state == "merging" else splitting
        return [partial(step, merge, now) for step in chosen]

    async def _again(self, merge: Merge) -> Merge:
        found = await self._stores.merges.find(merge.workspace_id, merge.id)
        if found is None:
            raise Conflict(_BUSY)
        return found

    async def _root(self, merge: Merge) -> ContactId:
        """Who has what `kept` had: it may have been merged on since."""
        root = await self._stores.people.find_contact(merge.workspace_id, merge.kept)
        if root is None:
            raise NotFound("There is no such contact.")
        return root.id

    async def _hold(self, merge: Merge, now: datetime) -> None:
        wanted = [merge.kept, merge.gone]
        if merge.state == "splitting":
            wanted = [await self._root(merge), merge.gone]
        for contact_id in sorted(set(wanted)):
            await self._hold_one(merge, contact_id, now)
        if merge.state == "merging":
            gone, kept = await self._both(merge)
            if kept.merged_into is not None or gone.merged_into not in (None, merge.kept):
                await self._stores.merges.step_back(merge)
                raise Conflict("One of these contacts was merged with another one meanwhile.")

    async def _both(self, merge: Merge) -> tuple[Contact, Contact]:
        found = await self._stores.contacts.find_many(merge.workspace_id, [merge.gone, merge.kept])
        if len(found) < 2:
            raise NotFound("There is no such contact.")
        return found[merge.gone], found[merge.kept]

    async def _hold_one(self, merge: Merge, contact_id: ContactId, now: datetime) -> None:
        contact = await self._stores.contacts.find_exactly(merge.workspace_id, contact_id)
        if contact is None:
            return  # the one that a split makes
        other = None
        if contact.merge_id is not None and contact.merge_id != merge.id:
            other = await self._stores.merges.find(merge.workspace_id, contact.merge_id)
        if other is not None and other.open:
            if not await self._stores.merges.claim(other, now):
                await self._step_back(merge)
            await self._finish(await self._again(other), now)
        if not await self._stores.merges.hold(merge, contact_id, contact.merge_id):
            await self._step_back(merge)

    async def _step_back(self, merge: Merge) -> None:
        """Another one has the contact; this one has changed nothing, since holding comes first."""
        await self._stores.merges.step_back(merge)
        raise Conflict(_BUSY)

    async def _capture(self, merge: Merge, now: datetime) -> None:
        gone, kept = await self._both(merge)
        theirs = await self._stores.people.of_contact(merge.workspace_id, merge.gone)
        ids = [identity.id for identity, _ in theirs]
        await self._stores.merges.capture(merge, ids, (kept.blocked, gone.blocked))

    async def _block(self, merge: Merge, now: datetime) -> None:
        """Who was blocked as either is blocked as both, before anything can be sent to the one."""
        gone, _ = await self._both(merge)
        if gone.blocked:
            await self._stores.merges.block(merge.kept)

    async def _bury(self, merge: Merge, now: datetime) -> None:
        await self._stores.merges.bury(merge)

    async def _copy_opt_outs(self, merge: Merge, now: datetime) -> None:
        """What either side asked us not to do holds for both when they part."""
        mine = await self._identities(merge, await self._root(merge))
        ids = set((await self._again(merge)).identity_ids)
        theirs = await self._identities(merge, merge.gone)
        moving = [one for one in (*mine, *theirs) if one.id in ids]
        staying = [one for one in mine if one.id not in ids]
        for source, target in (
            *((a, b) for a in moving for b in staying),
            *((b, a) for a in moving for b in staying),
        ):
            if source.kind == target.kind:
                for event in await opt_outs_of(self._stores, source, now):
                    await self._copy(merge, event, target, now)

    async def _copy(
        self, merge: Merge, event: ConsentEvent, target: Identity, now: datetime
    ) -> None:
        copied = replace(
            event,
            id=ConsentEventId(new_id("cse")),
            points=tuple(self._stores.people.tags(target.kind, target.keys)),
            recorded_at=now,
            by_provider=False,
            code=None,
        )
        once = f"split:{merge.id}:{event.id}:{target.id}"
        await self._stores.ledger.record(copied, once=once)

    async def _revive(self, merge: Merge, now: datetime) -> None:
        after = (await self._again(merge)).blocked_after or (True, True)
        await self._stores.merges.revive(merge, await self._root(merge), after)

    async def _ends(self, merge: Merge) -> tuple[ContactId, ContactId]:
        """From whom to whom it goes."""
        if merge.state == "merging":
            return merge.gone, merge.kept
        return await self._root(merge), merge.gone

    async def _move(self, merge: Merge, now: datetime) -> None:
        """Identities first: a conversation that is being made meanwhile looks at its identity once
        it is stored, so either that or what follows here finds it."""
        source, target = await self._ends(merge)
        ids = (await self._again(merge)).identity_ids
        await self._stores.people.move(merge.workspace_id, ids, source, target)
        after = ""
        while page := await self._stores.merges.conversations_of(merge.workspace_id, source, after):
            for conversation_id, identity_id in page:
                if identity_id in ids:
                    await self._stores.merges.give_conversation(conversation_id, source, target)
            after = page[-1][0]

    async def _identities(self, merge: Merge, contact_id: ContactId) -> list[Identity]:
        found = await self._stores.people.of_contact(merge.workspace_id, contact_id)
        return [identity for identity, _ in found]

    async def _living(self, merge: Merge) -> list[ContactId]:
        ends = await self._ends(merge)
        return [ends[1]] if merge.state == "merging" else list(ends)

    async def _name_all(self, merge: Merge, now: datetime) -> None:
        for contact_id in await self._living(merge):
            await retitle(self._stores, merge.workspace_id, contact_id)

    async def _index_all(self, merge: Merge, now: datetime) -> None:
        for contact_id in await self._living(merge):
            await index(self._stores, self._connectors, merge.workspace_id, contact_id)

    async def _tell(self, merge: Merge, now: datetime) -> None:
        """Once for each channel, to those who see it, of the conversations there."""
        told = await self._again(merge)
        ids = set(told.identity_ids)
        target = (await self._ends(merge))[1]
        contact = await self._stores.people.find_contact(merge.workspace_id, target)
        if contact is None:
            return
        conversations = await all_of(self._stores, merge.workspace_id, target)
        if merge.state == "merging":
            ids = {one.identity_id for one in conversations}
        found = [one for one in conversations if one.identity_id in ids]
        made = [
            events.contact_merged(told, contact, found, channel_id)
            for channel_id in sorted({one.channel_id for one in found})
        ]
        if merge.state == "splitting":
            # What is left may have had its name from what has gone.
            root = (await self._ends(merge))[0]
            left = await all_of(self._stores, merge.workspace_id, root)
            made += [events.contact_updated(one, one.contact_name, one.handle) for one in left]
        await self._hub.publish(made)

    async def _close(self, merge: Merge, now: datetime) -> None:
        await self._stores.merges.close(merge)


def _blocked_after(merge: Merge, root: Contact, gone: Contact) -> tuple[bool, bool]:
    """As it was before, unless somebody blocked or unblocked what they were together: then that
    holds for both, and who was blocked before stays so."""
    before = merge.blocked or (root.blocked, gone.blocked)
    changed = root.block_changed_at
    if root.id == merge.kept and (changed is None or changed <= merge.at):
        return before
    return root.blocked, root.blocked or before[1]


async def all_of(
    stores: Stores, workspace_id: WorkspaceId, contact_id: ContactId
) -> list[Conversation]:
    """Every conversation of a contact: of one who writes mails there may be hundreds."""
    found: list[Conversation] = []
    after = ""
    while page := await stores.merges.conversations_of(workspace_id, contact_id, after):
        found += (await stores.conversations.find_many([one for one, _ in page])).values()
        after = page[-1][0]
    return found


async def retitle(stores: Stores, workspace_id: WorkspaceId, contact_id: ContactId) -> str:
    """Write a contact's name into all its conversations; the name."""
    found = await stores.people.of_contact(workspace_id, contact_id)
    contact = await stores.people.find_contact(workspace_id, contact_id)
    handles: dict[IdentityId, str] = {one.id: one.handle for one, _ in found}
    if contact is None or not found:
        return ""
    name = shown_name(contact, [one for one, _ in found])
    after = ""
    while page := await stores.merges.conversations_of(workspace_id, contact_id, after):
        for conversation_id, identity_id in page:
            if identity_id in handles:
                await stores.merges.retitle(conversation_id, name, handles[identity_id])
        after = page[-1][0]
    return name


async def index(
    stores: Stores,
    connectors: Mapping[str, Connector],
    workspace_id: WorkspaceId,
    contact_id: ContactId,
) -> None:
    """Write anew what a contact is found by."""
    contact = await stores.contacts.find_exactly(workspace_id, contact_id)
    if contact is None:
        return
    found = terms.of_name(contact.name) if contact.name else set()
    for identity, _ in await stores.people.of_contact(workspace_id, contact_id):
        found |= terms.of_identity(identity, verified=connectors[identity.kind].manifest.numbers)
    await stores.contacts.set_terms(contact_id, found)
