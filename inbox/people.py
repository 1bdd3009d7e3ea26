"""Who wrote: finds or makes the identity, the contact and the conversation of each sender."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from inbox import events
from inbox.domain.channel import Channel, Connector
from inbox.domain.contact import Identity
from inbox.domain.conversation import Conversation, ConversationStatus
from inbox.domain.ids import ConversationId
from inbox.domain.report import Sender
from inbox.hub import Hub
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
            await self._tell_name(left, before.conversation_id)
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
        if (learnt.name, learnt.handle) != (identity.name, identity.handle):
            await self._tell_name(learnt, conversation_id)
        return learnt

    async def _tell_name(self, identity: Identity, conversation_id: ConversationId) -> None:
        name = identity.name or identity.handle
        await self._stores.people.rename(identity.contact_id, name)
        conversations = {
            one.id: one
            for one in await self._stores.conversations.of_contact(
                identity.workspace_id, identity.contact_id
            )
            if one.identity_id == identity.id
        }
        for one in conversations.values():
            await self._stores.conversations.rename(one.id, name, identity.handle)
        await self._hub.publish(
            [events.contact_updated(one, name, identity.handle) for one in conversations.values()]
        )

    async def conversations(
        self, wanted: Mapping[ConversationId, Wanted]
    ) -> dict[ConversationId, Conversation]:
        """The conversations of these identities; what is missing is made and announced."""
        found = await self._stores.conversations.find_many(list(wanted))
        for conversation_id, one in wanted.items():
            if conversation_id in found:
                continue
            await self._stores.people.ensure_contact(one.identity, one.at)
            conversation, is_new = await self._stores.conversations.create(
                conversation_id, one.identity, one.at, subject=one.subject, status=one.status
            )
            found[conversation_id] = conversation
            if is_new:
                manifest = self._connectors[one.channel.kind].manifest
                await self._hub.publish(
                    [events.conversation_created(conversation, one.channel, manifest)]
                )
        return found
