"""Tells open screens when the database is away, and when it is back.

A screen that only listens would not notice: it asks for nothing while nothing comes.
"""

from __future__ import annotations

import asyncio

from prometheus_client import Gauge

from inbox import log
from inbox.store.database import Database
from inbox.web.sockets import Sockets

EVERY_S = 1.0

ANSWERS = Gauge("assent_database_up", "1 while the database answers")
_log = log.get("watch")


class Watch:
    def __init__(self, database: Database, sockets: Sockets) -> None:
        self._database = database
        self._sockets = sockets
        self._task: asyncio.Task[None] | None = None
        self.database_up = True

    async def start(self) -> None:
        self._task = asyncio.create_task(self._watch_forever(), name="watch")

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def frame(self) -> str:
        """`{"type": "service", "database": true}`: what a screen is told."""
        return f'{{"type":"service","database":{"true" if self.database_up else "false"}}}'

    async def _watch_forever(self) -> None:
        ANSWERS.set(1)
        while True:
            await asyncio.sleep(EVERY_S)
            up = await self._database.answers()
            if up == self.database_up:
                continue
            self.database_up = up
            ANSWERS.set(int(up))
            if up:
                _log.info("the database is back")
            else:
                _log.warning("the database does not answer")
            self._sockets.send_all(self.frame())
