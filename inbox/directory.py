"""Channels kept at hand: every webhook and every send asks for one, and they hardly ever change.

A change made in another process is seen within `FRESH_S`.
"""

from __future__ import annotations

import time

from inbox.domain.channel import Channel
from inbox.domain.ids import ChannelId, WorkspaceId
from inbox.store.channels import ChannelStore

FRESH_S = 2.0
_MOST = 10_000


class Directory:
    def __init__(self, store: ChannelStore) -> None:
        self.store = store
        self._kept: dict[tuple[str, str], tuple[float, Channel | None]] = {}

    async def find(self, channel_id: ChannelId) -> Channel | None:
        key = ("id", channel_id)
        hit = self._kept.get(key)
        if hit is None or hit[0] < time.monotonic():
            return self._keep(key, await self.store.find(channel_id))
        return hit[1]

    async def find_by_account(self, kind: str, account: str) -> Channel | None:
        key = (kind, account)
        hit = self._kept.get(key)
        if hit is None or hit[0] < time.monotonic():
            return self._keep(key, await self.store.find_by_account(kind, account))
        return hit[1]

    async def of_workspace(self, workspace_id: WorkspaceId) -> list[Channel]:
        return await self.store.of_workspace(workspace_id)

    def forget(self) -> None:
        """After a change made here."""
        self._kept.clear()

    def _keep(self, key: tuple[str, str], channel: Channel | None) -> Channel | None:
        if len(self._kept) >= _MOST:  # guessed addresses must not fill the memory
            self._kept.clear()
        self._kept[key] = (time.monotonic() + FRESH_S, channel)
        return channel
