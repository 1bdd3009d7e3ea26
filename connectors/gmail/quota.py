"""How fast a mailbox may be asked: Google counts units, so many a minute for each mailbox, and what
is sent goes before what is only read.

source  developers.google.com/workspace/gmail/api/reference/quota
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from connectors.gmail.manifest import UNITS_A_MINUTE
from inbox.domain.channel import Channel
from inbox.domain.errors import Temporary

SEND = WATCH = 100
STOP = 50
GET = ATTACHMENT = 20
LIST = 5
HISTORY = 2
PROFILE = SETTINGS = 1

# A longer wait is the caller's to make, who can do something else meanwhile.
_PATIENCE_S = 8.0


class Bucket:
    """Fills evenly up to a minute's worth. A tenth of it is kept for what is sent."""

    def __init__(self, a_minute: int, clock: Callable[[], float]) -> None:
        self._most = float(a_minute)
        self._level = self._most
        self._clock = clock
        self._at = clock()

    async def take(self, units: int, *, urgent: bool) -> None:
        """Wait until there are so many. raises Temporary when that takes long"""
        while True:
            wait_s = self._wait(units, urgent)
            if wait_s <= 0:
                self._level -= units
                return
            if wait_s > _PATIENCE_S:
                raise Temporary(
                    "The mailbox has used up what Google allows in a minute.",
                    code="quota",
                    retry_after_s=wait_s,
                )
            await asyncio.sleep(wait_s)

    def _wait(self, units: int, urgent: bool) -> float:
        now = self._clock()
        a_second = self._most / 60
        self._level = min(self._most, self._level + (now - self._at) * a_second)
        self._at = now
        kept = 0.0 if urgent else self._most / 10
        return (units + kept - self._level) / a_second


class Quota:
    """A bucket a mailbox."""

    def __init__(self) -> None:
        self._buckets: dict[tuple[str, int], Bucket] = {}

    async def take(self, channel: Channel, units: int, *, urgent: bool = False) -> None:
        given = channel.setting("units_per_minute")
        a_minute = int(given) if given.isascii() and given.isdigit() else 0
        # A mailbox that could never send is nobody's wish.
        key = (channel.account, max(a_minute, 2 * SEND) if a_minute else UNITS_A_MINUTE)
        if key not in self._buckets:
            self._buckets[key] = Bucket(key[1], asyncio.get_running_loop().time)
        await self._buckets[key].take(units, urgent=urgent)
