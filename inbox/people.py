"""Who wrote: finds or makes the identity, the contact and the conversation of each sender."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from inbox import events, terms
from inbox.domain.channel import Channel, Connector
from inbox.domain.contact import Identity
from inbox.domain.conversation import Conversation, ConversationStatus
from inbox.domain.ids import ConversationId
from inbox.domain.report import Sender
from inbox.hub import Hub
from inbox.merges import all_of
from inbox.stores import Stores


@dataclass(frozen=True, kw_only=True, slots=True)
class Arrival:
    """Somebody wrote on a channel at `at`."""

    sender: Sender
    channel: Channel
    at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Known:
    """Who that is, and the conversation that it belongs to."""

    identity: Identity
    conversation_id: ConversationId


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """Whose conversation, and how it begins if it does not exist: `status` other than open for
    what was there before we were."""

    identity: Identity
    channel: Channel
    at: datetime
    subject: str | None = None
    status: ConversationStatus = ConversationStatus.OPEN


class People:
    def __init__(self, stores: Stores, hub: Hub, connectors: Mapping[str, Connector]) -> None:
        self._stores = stores
        self._hub = hub
        self._connectors = connectors

    async def recognise(self, arrivals: Sequence[Arrival]) -> list[Known]:
        """Everybody who wrote, known or new, in the order given; one read for each channel."""
        by_channel: dict[str, list[int]] = defaultdict(list)
        for position, arrival in enumerate(arrivals):
            by_channel[arrival.channel.id].append(position)
        found: dict[int, Known] = {}
        for positions in by_channel.values():
            channel = arrivals[positions[0]].channel
            keys = list({key for one in positions for key in arrivals[one].sender.keys})
            stored = await self._stores.people.find_many(
                channel.workspace_id, channel.id, channel.kind, keys
            )
            known = {
                key: Known(identity=identity, conversation_id=conversation_id)
                for key, (identity, conversation_id) in stored.items()
            }
            for one in positions:
                known = await self._without_takeovers(arrivals[one].sender, known)
                person = await self._recognise_one(arrivals[one], known)
                for key in arrivals[one].sender.keys:
                    # A key that is somebody else's stays theirs, as in the store.
                    if known.get(key, person).identity.id == person.identity.id:
                        known[key] = person
                found[one] = person
        return [found[position] for position in range(len(arrivals))]

    async def _without_takeovers(self, sender: Sender, known: dict[str, Known]) -> dict[str, Known]:
        """A number may become another's, a person's own id never does: who writes with the number
        of somebody known by another id has taken it over, and not the conversation with it."""
        for key in sender.keys:
            before = known.get(key)
            if before is None or sender.person_id is None:
                continue
            if before.identity.person_id in (None, sender.person_id):
                continue
            shared = [one for one in sender.keys if one in before.identity.keys]
            left = await self._stores.people.release(before.identity, shared)
            await self._tell_name(left, before.conversation_id, before=before.identity)
            known = {
                one: replace(person, identity=left) if person is before else person
                for one, person in known.items()
                if one not in shared
            }
        return known

    async def _recognise_one(self, arrival: Arrival, known: Mapping[str, Known]) -> Known:
        sender, channel = arrival.sender, arrival.channel
        person = next((known[key] for key in sender.keys if key in known), None)
        if person is None:
            identity, conversation_id = await self._stores.people.create(
                channel.workspace_id, channel.id, channel.kind, sender, arrival.at
            )
            return Known(identity=identity, conversation_id=conversation_id)
        learnt = await self.learn(person.identity, person.conversation_id, sender)
        return Known(identity=learnt, conversation_id=person.conversation_id)

    async def learn(
        self, identity: Identity, conversation_id: ConversationId, sender: Sender
    ) -> Identity:
        """Take over what is new of a person, and tell a new name to everybody's screens."""
        learnt = await self._stores.people.learn(identity, sender)
        if learnt == identity:
            return learnt
        await self._stores.contacts.add_terms(learnt.contact_id, self._terms(learnt))
        if (learnt.name, learnt.handle) != (identity.name, identity.handle):
            await self._tell_name(learnt, conversation_id, before=identity)
        if learnt.keys != identity.keys:
            await self._tell_aliases(learnt, conversation_id)
        return learnt

    def _terms(self, identity: Identity) -> set[str]:
        manifest = self._connectors[identity.kind].manifest
        return terms.of_identity(identity, verified=manifest.numbers)

    async def _tell_aliases(self, identity: Identity, conversation_id: ConversationId) -> None:
        conversation = await self._stores.conversations.find(identity.workspace_id, conversation_id)
        if conversation is not None:
            await self._hub.publish([events.identity_aliased(conversation, identity)])

    async def _tell_name(
        self, identity: Identity, conversation_id: ConversationId, before: Identity
    ) -> None:
        """A contact is called what this channel called it until now, or not known by a name: then
        the new name is the contact's. What an agent or another channel called it stays."""
        contact = await self._stores.people.find_contact(identity.workspace_id, identity.contact_id)
        name = identity.name or identity.handle
        if contact is not None and contact.named and contact.name is not None:
            name = contact.name
        elif contact is None or contact.name in (None, before.name, before.handle):
            await self._stores.people.rename(identity.contact_id, name)
        elif contact.name is not None:
            name = contact.name
        await self._stores.conversations.rename(conversation_id, name, identity.handle)
        others = await all_of(self._stores, identity.workspace_id, identity.contact_id)
        for one in others:
            handle = identity.handle if one.identity_id == identity.id else one.handle
            if (one.contact_name, one.handle) != (name, handle):
                await self._stores.conversations.rename(one.id, name, handle)
        changed = {one.id: one for one in others}
        conversation = changed.get(conversation_id) or await self._stores.conversations.find(
            identity.workspace_id, conversation_id
        )
        if conversation is not None:
            await self._hub.publish([events.contact_updated(conversation, name, identity.handle)])

    async def conversations(
        self, wanted: Mapping[ConversationId, Wanted]
    ) -> dict[ConversationId, Conversation]:
        """The conversations of these identities; what is missing is made and announced."""
        found = await self._stores.conversations.find_many(list(wanted))
        for conversation_id, one in wanted.items():
            if conversation_id in found:
                continue
            await self._stores.people.ensure_contact(
                one.identity, one.at, self._terms(one.identity)
            )
            conversation, is_new = await self._stores.conversations.create(
                conversation_id, one.identity, one.at, subject=one.subject, status=one.status
            )
            if is_new:
                conversation = await self._with_whom_it_is(conversation)
            found[conversation_id] = conversation
            if is_new:
                manifest = self._connectors[one.channel.kind].manifest
                await self._hub.publish(
                    [events.conversation_created(conversation, one.channel, manifest)]
                )
        return found

    async def _with_whom_it_is(self, made: Conversation) -> Conversation:
        """A conversation made while its identity moved to another contact goes there, too: the move
        may have looked for conversations before this one was stored."""
        identity = await self._stores.people.get(made.identity_id)
        if identity.contact_id == made.contact_id:
            return made
        await self._stores.merges.give_conversation(made.id, made.contact_id, identity.contact_id)
        return replace(made, contact_id=identity.contact_id)
