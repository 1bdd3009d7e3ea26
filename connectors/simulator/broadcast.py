"""Tells every open page what happened, and knows which phones are open on one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable

import msgspec

from connectors.simulator.world import ThreadKey

_BACKLOG = 500
_HEARTBEAT_S = 15.0


class Broadcast:
    def __init__(self) -> None:
        self._pages: dict[str, asyncio.Queue[bytes | None]] = {}
        self._open: dict[str, frozenset[ThreadKey]] = {}

    def publish(self, type: str, **data: object) -> None:
        if not self._pages:
            return
        frame = b"data: " + msgspec.json.encode({"type": type, **data}) + b"\n\n"
        for queue in self._pages.values():
            if queue.qsize() >= _BACKLOG:
                # A page that cannot keep up is told to load everything again.
                while not queue.empty():
                    queue.get_nowait()
                queue.put_nowait(b'data: {"type":"resync"}\n\n')
            else:
                queue.put_nowait(frame)

    async def listen(self, page: str) -> AsyncIterator[bytes]:
        queue: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._pages[page] = queue
        try:
            yield b'retry: 1000\ndata: {"type":"welcome"}\n\n'
            while True:
                try:
                    frame = await asyncio.wait_for(queue.get(), _HEARTBEAT_S)
                except TimeoutError:
                    frame = b": still here\n\n"
                if frame is None:
                    return
                yield frame
        finally:
            # The page may already have come back under its name on a new connection.
            if self._pages.get(page) is queue:
                del self._pages[page]
                self._open.pop(page, None)

    def show(self, page: str, phones: Iterable[ThreadKey]) -> None:
        """What the page shows now, for as long as it listens."""
        if page in self._pages:
            self._open[page] = frozenset(phones)

    def is_open(self, phone: ThreadKey) -> bool:
        return any(phone in phones for phones in self._open.values())

    def close(self) -> None:
        for queue in self._pages.values():
            queue.put_nowait(None)
