"""What is reported of messages and people after the fact: edits, unsends, reactions, new ids of a
person, and news of the account itself.

A report of a message that is not here yet is kept and applied once it is.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from datetime import datetime
from typing import Any, Literal, cast

from inbox import events
from inbox.directory import Directory
from inbox.domain.channel import Channel
from inbox.domain.contact import Identity
from inbox.domain.ids import WorkspaceId
from inbox.domain.message import Message
from inbox.domain.report import ChannelNotice, Edited, IdentityChanged, Reacted, Sender, Unsent
from inbox.hub import Hub
from inbox.people import People
from inbox.statuses import happened_at
from inbox.store.message_documents import provider_key
from inbox.stores import Stores

Change = Edited | Unsent | Reacted


class Changes:
    def __init__(self, stores: Stores, hub: Hub, people: People, directory: Directory) -> None:
        self._stores = stores
        self._hub = hub
        self._people = people
        self._directory = directory

    async def apply(self, report: Change, channel: Channel, received_at: datetime) -> str:
        """Change the message that the report names; the verdict in a word."""
        key = provider_key(channel.id, report.provider_id)
        plain = _plain(report, happened_at(report.at, received_at))
        found = await self._stores.messages.find_by_keys(channel.workspace_id, [key])
        if key not in found:
            await self._stores.changes.keep(channel.workspace_id, key, plain, received_at)
            # The message may have come just before that was kept.
            found = await self._stores.messages.find_by_keys(channel.workspace_id, [key])
            if key not in found:
                return "early_change"
        return await self._change(found[key], plain)

    async def catch_up(self, messages: list[Message]) -> None:
        """Apply what was told of these messages before they came; one read for each workspace."""
        by_workspace: dict[WorkspaceId, dict[str, Message]] = defaultdict(dict)
        for one in messages:
            if one.provider_id is not None:
                key = provider_key(one.channel_id, one.provider_id)
                by_workspace[one.workspace_id][key] = one
        for workspace_id, by_key in by_workspace.items():
            for key, plain in await self._stores.changes.kept(workspace_id, list(by_key)):
                await self._change(by_key[key], plain)

    # Any: what `_plain` made, or what the store kept of it.
    async def _change(self, message: Message, plain: dict[str, Any]) -> str:
        at = datetime.fromisoformat(plain["at"])
        store = self._stores.changes
        if plain["kind"] == "edited":
            changed = await store.edit(message, plain["text"], plain["edition"], at)
            made = [] if changed is None else [events.message_updated(changed)]
        elif plain["kind"] == "unsent":
            changed = await store.unsend(message, at)
            await self._remove_files(message)
            made = [] if changed is None else [events.message_deleted(changed)]
        else:
            side = cast(Literal["contact", "us"], plain["by"])  # one of the two, by `_plain`
            changed = await store.react(message, side, plain["emoji"], at)
            added = plain["emoji"] is not None
            made = [] if changed is None else [events.reacted(changed, added=added)]
        if changed is None:
            return "change_known"
        if plain["kind"] != "reacted":
            await self._stores.conversations.show_text(changed)
        await self._hub.publish(made)
        return str(plain["kind"])

    async def _remove_files(self, message: Message) -> None:
        """After `unsend`, so that one being fetched is not kept; and also when that was done
        before: until they are gone the message still names its files."""
        for attachment in message.attachments:
            await self._stores.files.remove(attachment.id)
        if message.attachments:
            await self._stores.changes.drop_files(message)

    async def rebind(self, report: IdentityChanged, channel: Channel, received_at: datetime) -> str:
        """Bind a person's new ids to who had the old ones. Somebody unknown stays unknown, and ids
        that are another's stay theirs: that the two may be one is left for an agent to say."""
        found = await self._stores.people.find_many(
            channel.workspace_id, channel.id, channel.kind, report.old_keys
        )
        person = next(iter(found.values()), None)
        if person is None:
            return "identity_unknown"
        identity, conversation_id = person
        taken = await self._taken(report.sender, identity, channel)
        for other in {one.id: one for one in taken.values()}.values():
            await self._stores.merges.pair(identity, other, told=True, now=received_at)
        free = tuple(key for key in report.sender.keys if key not in taken)
        if not free:
            return "identity_conflict"
        await self._people.learn(identity, conversation_id, _without(report.sender, identity, free))
        return "identity_conflict" if taken else "identity_changed"

    async def _taken(
        self, sender: Sender, identity: Identity, channel: Channel
    ) -> dict[str, Identity]:
        """Those of the new ids that are somebody else's."""
        known = await self._stores.people.find_many(
            channel.workspace_id, channel.id, channel.kind, sender.keys
        )
        return {key: one for key, (one, _) in known.items() if one.id != identity.id}

    async def notice(self, report: ChannelNotice, channel: Channel) -> str:
        """News of the account: what stops it waits for an admin, the rest is shown."""
        if report.level == "stopped":
            if await self._stores.channels.set_state(
                channel, "reauthorization_required", report.reason
            ):
                self._directory.forget()
                await self._hub.publish(
                    [
                        events.channel_state(
                            channel,
                            "channel.reauthorization_required",
                            "reauthorization_required",
                            report.reason,
                        )
                    ]
                )
            return "channel_stopped"
        await self._stores.channels.set_trouble(channel, report.reason)
        self._directory.forget()
        await self._hub.publish(
            [events.channel_state(channel, "channel.degraded", channel.state, report.reason)]
        )
        return "channel_warning"


def _without(sender: Sender, identity: Identity, free: tuple[str, ...]) -> Sender:
    """The sender with those ids alone that nobody else has; an address that is gone stays."""
    if free == sender.keys:
        return sender
    own = sender.person_id if sender.person_id in free else None
    reachable = sender.address.removeprefix("+") in free or sender.address in free
    return replace(
        sender,
        keys=free,
        address=sender.address if reachable else (own or identity.address),
        handle=sender.handle if reachable else identity.handle,
        person_id=own,
    )


# Any: JSON, as the store keeps it.
def _plain(report: Change, at: datetime) -> dict[str, Any]:
    plain: dict[str, Any] = {"at": at.isoformat()}
    if isinstance(report, Edited):
        return plain | {"kind": "edited", "text": report.text, "edition": report.edition}
    if isinstance(report, Unsent):
        return plain | {"kind": "unsent"}
    by = "us" if report.sender is None else "contact"
    return plain | {"kind": "reacted", "by": by, "emoji": report.emoji}
