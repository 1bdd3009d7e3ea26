"""What is known of a channel's health: stored, and told to whoever looks at it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from inbox import events
from inbox.directory import Directory
from inbox.domain.channel import Channel, Connector
from inbox.hub import Hub
from inbox.stores import Stores

_ENDS = "The access token ends"


class ChannelStates:
    def __init__(
        self,
        stores: Stores,
        hub: Hub,
        connectors: Mapping[str, Connector],
        directory: Directory,
    ) -> None:
        self._stores = stores
        self._hub = hub
        self._connectors = connectors
        self._directory = directory

    async def stopped(self, channel: Channel, reason: str, code: str) -> bool:
        """Nothing goes on this channel until an admin has mended it.

        channel  as it was called with: where its credentials have been replaced since, nothing is
                 known of the new ones, and this is False
        """
        stored = await self._stores.channels.find(channel.id)
        if stored is None or stored.credentials() != channel.credentials():
            self._directory.forget()
            return False
        await self._set(stored, "reauthorization_required", reason, code)
        return True

    async def silent(self, channel: Channel) -> None:
        """The provider does not answer; what is known to be worse than that stays."""
        if channel.state == "connected" and channel.trouble is None:
            await self._set(channel, "connected", self._silence(channel), "silent")

    async def worked(self, channel: Channel) -> None:
        """A call went well. What is told of a channel that works all the same stays: a good call
        does not refute it."""
        if channel.state != "connected" or channel.trouble == self._silence(channel):
            await self._set(channel, "connected", None)

    async def not_renewed(self, channel: Channel, ends_at: datetime | None) -> None:
        """It works, and will not for long; `ends_at` None: nobody knows for how long."""
        when = "soon" if ends_at is None else f"on {ends_at.day} {ends_at:%B %Y}"
        trouble = (
            f"{_ENDS} {when} and could not be renewed. An admin must enter a new one before that."
        )
        if channel.state == "connected":
            await self._set(channel, "connected", trouble)

    async def renewed(self, channel: Channel) -> None:
        if channel.trouble is not None and channel.trouble.startswith(_ENDS):
            await self._set(channel, "connected", None)

    def _silence(self, channel: Channel) -> str:
        label = self._connectors[channel.kind].manifest.label
        return f"{label} is not taking messages. They are sent as soon as it does."

    async def _set(self, channel: Channel, state: str, trouble: str | None, code: str = "") -> None:
        """Store what is new of a channel, and tell it; every message that waits says it again."""
        if (channel.state, channel.trouble) == (state, trouble):
            return
        if channel.state == state:
            await self._stores.channels.set_trouble(channel, trouble)
        elif not await self._stores.channels.set_state(channel, state, trouble):
            return
        self._directory.forget()
        if trouble is not None:
            await self._stores.health.failed(channel, code, trouble)
        name = "channel.reauthorization_required"
        if state == "connected":
            name = "channel.recovered" if trouble is None else "channel.degraded"
        await self._hub.publish([events.channel_state(channel, name, state, trouble)])
