"""Renews credentials that run out, in good time; what could not be renewed, the channel's state
says."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from inbox import log
from inbox.channel_states import ChannelStates
from inbox.directory import Directory
from inbox.domain.abilities import Renews
from inbox.domain.channel import Channel, Connector
from inbox.domain.errors import AccountTrouble, AssentError, Permanent, StoreUnavailable
from inbox.stores import Stores

EVERY_S = 3600.0
# A first failure may pass by itself; one that is there for so long before the end is told.
TELL_BEFORE = timedelta(days=14)

_log = log.get("renewing")


class Renewing:
    def __init__(
        self,
        stores: Stores,
        connectors: Mapping[str, Connector],
        directory: Directory,
        states: ChannelStates,
    ) -> None:
        self._stores = stores
        self._connectors = connectors
        self._directory = directory
        self._states = states
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._task = asyncio.create_task(self._renew_forever(), name="renewing")

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _renew_forever(self) -> None:
        while True:
            try:
                await self.renew_all(datetime.now(UTC))
            except StoreUnavailable:
                pass  # in an hour
            except Exception:  # the worker's top
                _log.exception("renewing failed")
            await asyncio.sleep(EVERY_S * random.uniform(0.9, 1.1))

    async def renew_all(self, now: datetime) -> None:
        """Of every channel whose credentials are due; raises StoreUnavailable."""
        kinds = [kind for kind, one in self._connectors.items() if isinstance(one, Renews)]
        for channel in await self._stores.channels.of_kinds(kinds):
            if channel.state == "connected":
                await self._renew(channel, now)

    async def _renew(self, channel: Channel, now: datetime) -> None:
        connector = self._connectors[channel.kind]
        if not isinstance(connector, Renews):
            return
        ends_at = connector.renew_before(channel)
        if ends_at is not None and ends_at - connector.renew_within > now:
            return
        try:
            renewed = await connector.renew(channel, now)
        except StoreUnavailable:
            raise
        except AssentError as error:
            await self._not_renewed(channel, ends_at, error, now)
            return
        if renewed is None:
            return
        if not await self._stores.channels.renew(channel, renewed.config, renewed.secrets):
            return  # what was renewed is no longer the channel's
        self._directory.forget()
        await self._states.renewed(channel)

    async def _not_renewed(
        self, channel: Channel, ends_at: datetime | None, error: AssentError, now: datetime
    ) -> None:
        _log.warning("credentials were not renewed", channel=channel.id, code=error.code)
        if isinstance(error, AccountTrouble):
            await self._states.stopped(channel, str(error), error.code)
        elif ends_at is None and isinstance(error, Permanent):
            await self._states.not_renewed(channel, None)
        elif ends_at is not None and ends_at - TELL_BEFORE <= now:
            await self._states.not_renewed(channel, ends_at)
