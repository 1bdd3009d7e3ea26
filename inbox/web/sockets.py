"""Open websockets: each with a bounded buffer and a writer of its own.

The hub hands an event to every socket at once and waits for none. A socket that does not keep up
is closed with 4008 and comes back with its cursor.
"""

from __future__ import annotations

import asyncio
from collections import Counter as Tally
from collections import deque
from contextlib import suppress

from prometheus_client import Counter, Gauge
from starlette.websockets import WebSocket, WebSocketDisconnect

from inbox.domain.agent import Agent, can
from inbox.domain.event import Carried, Resync
from inbox.events import LOGIN_ENDED

MOST_BYTES = 256 * 1024
MOST_EVENTS = 500

SOCKETS = Gauge("assent_sockets", "Open websockets")
CLOSED = Counter("assent_sockets_closed_total", "Websockets closed by us", ["code"])


class Socket:
    """One agent's screen. `deliver` is what the hub calls: it never blocks. `agent` is replaced
    when somebody has changed the agent."""

    def __init__(self, websocket: WebSocket, agent: Agent, login: str) -> None:
        self.agent = agent
        self.login = login
        self.doubt = asyncio.Event()  # set: look now whether the login session is still there
        self._websocket = websocket
        self._buffer: deque[str] = deque()
        self._bytes = 0
        self._wake = asyncio.Event()
        self._closing: tuple[int, str] | None = None

    def deliver(self, item: Carried | Resync) -> None:
        if isinstance(item, Resync):
            self.send(f'{{"type":"resync","reason":"{item.reason}"}}')
            return
        if item.only_for is not None and item.only_for != self.agent.id:
            return
        if item.type == LOGIN_ENDED:
            self.doubt.set()
            return
        if can(self.agent, "see", item.channel_id):
            self.send(item.frame.decode())

    def send(self, frame: str) -> None:
        if self._closing is not None:
            return
        self._bytes += len(frame)
        self._buffer.append(frame)
        if len(self._buffer) > MOST_EVENTS or self._bytes > MOST_BYTES:
            self._buffer.clear()
            self.close(4008, "too slow")
        self._wake.set()

    def close(self, code: int, reason: str = "") -> None:
        """End it after what is buffered."""
        if self._closing is None:
            self._closing = (code, reason)
            self._wake.set()

    async def write_forever(self) -> None:
        """Write what comes until the socket is closed by either side."""
        with suppress(WebSocketDisconnect, RuntimeError):
            while True:
                await self._wake.wait()
                self._wake.clear()
                while self._buffer:
                    frame = self._buffer.popleft()
                    self._bytes -= len(frame)
                    await self._websocket.send_text(frame)
                if self._closing is not None:
                    code, reason = self._closing
                    CLOSED.labels(str(code)).inc()
                    await self._websocket.close(code, reason)
                    return


class Sockets:
    """All sockets of this process, so that they can be counted, ended and told to move."""

    def __init__(self, per_login: int) -> None:
        self._per_login = per_login
        self._all: set[Socket] = set()
        self._logins: Tally[str] = Tally()

    def has_room(self, login: str) -> bool:
        return self._logins[login] < self._per_login

    def add(self, socket: Socket) -> None:
        self._all.add(socket)
        self._logins[socket.login] += 1
        SOCKETS.set(len(self._all))

    def remove(self, socket: Socket) -> None:
        self._all.discard(socket)
        self._logins[socket.login] -= 1
        if self._logins[socket.login] <= 0:
            del self._logins[socket.login]
        SOCKETS.set(len(self._all))

    def end_login(self, login: str) -> None:
        """A login session is over: so are its screens."""
        for socket in list(self._all):
            if socket.login == login:
                socket.close(4001, "signed out")

    def send_all(self, frame: str) -> None:
        for socket in list(self._all):
            socket.send(frame)

    def close_all(self, code: int, reason: str) -> None:
        for socket in list(self._all):
            socket.close(code, reason)
