"""Notes once a minute that somebody hears webhooks, so that a time in which nobody did is known.

What a provider can list is asked for afterwards; where it cannot, the time itself is all that can
be told, and it is told.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from inbox import log
from inbox.domain.abilities import Pulls
from inbox.domain.channel import Connector
from inbox.domain.errors import StoreUnavailable
from inbox.store.gaps import Gap, GapStore

EVERY_S = 60.0
# Shorter ones are bridged by providers, which try again within seconds.
WORTH_TELLING = timedelta(minutes=2)

_log = log.get("heartbeat")


class Heartbeat:
    def __init__(self, gaps: GapStore, connectors: Mapping[str, Connector]) -> None:
        self._gaps = gaps
        self._silent_kinds = [
            kind for kind, connector in connectors.items() if not isinstance(connector, Pulls)
        ]
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._task = asyncio.create_task(self._beat_forever(), name="heartbeat")

    async def close(self) -> None:
        """The last beat says to the second when we went."""
        if self._task is None:
            return
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        with suppress(StoreUnavailable):
            await self.beat(datetime.now(UTC))

    async def beat(self, now: datetime) -> None:
        """Note that we are here; raises StoreUnavailable. Until the time before has been recorded,
        nothing is written that would hide it."""
        last = await self._gaps.last_alive()
        if last is not None and now - last > WORTH_TELLING:
            _log.warning(
                "nobody heard webhooks for a while", minutes=int((now - last).total_seconds() // 60)
            )
            await self._gaps.record(Gap(since=last, until=now), self._silent_kinds)
        await self._gaps.beat(now)

    async def _beat_forever(self) -> None:
        while True:
            try:
                await self.beat(datetime.now(UTC))
            except StoreUnavailable:
                pass  # what nobody could store was not heard
            except Exception:  # the worker's top
                _log.exception("the heartbeat failed")
            await asyncio.sleep(EVERY_S)
