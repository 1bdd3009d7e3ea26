"""HTTP and websocket clients with nothing in them but what a load run needs.

The generator shares the machine with what it measures. A client library would cost as much as the
server; these cost about 20 µs a webhook and 3 µs a delivery.
"""

from __future__ import annotations

import asyncio
import base64
import os
import time
from collections.abc import Callable
from typing import cast


class Poster(asyncio.Protocol):
    """One keep-alive connection that has at most one request under way.

    on_answer   called with this connection and the status; 0 when the connection was lost
    """

    def __init__(self, on_answer: Callable[[Poster, int], None]) -> None:
        self._on_answer = on_answer
        self._transport: asyncio.Transport | None = None
        self._buffer = b""
        self._busy = False
        self.number = -1

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # cast: uvloop's transports do what asyncio.Transport says without being one.
        self._transport = cast(asyncio.Transport, transport)

    def post(self, number: int, request: bytes) -> None:
        assert self._transport is not None
        self.number = number
        self._busy = True
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return
        head = self._buffer[:end].lower()
        start = head.find(b"content-length:")
        length = int(head[start + 15 :].split(b"\r\n", 1)[0]) if start >= 0 else 0
        if len(self._buffer) < end + 4 + length:
            return
        status = int(head[9:12])
        self._buffer = b""
        self._busy = False
        self._on_answer(self, status)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        if self._busy:
            self._busy = False
            self._on_answer(self, 0)

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()


class Listener(asyncio.Protocol):
    """One websocket that says hello and hands on every text frame with the time of its arrival.

    `welcomed` is done once the server has greeted; `lost` tells that the connection is gone.
    """

    def __init__(
        self, host: str, path: str, token: str | None, hear: Callable[[bytes, float], None]
    ) -> None:
        self.welcomed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.lost = False
        self._hear = hear
        self._transport: asyncio.Transport | None = None
        self._buffer = b""
        self._open = False
        key = base64.b64encode(os.urandom(16)).decode()
        lines = [
            f"GET {path} HTTP/1.1",
            f"Host: {host}",
            "Upgrade: websocket",
            "Connection: Upgrade",
            f"Sec-WebSocket-Key: {key}",
            "Sec-WebSocket-Version: 13",
        ]
        if token is not None:
            lines.append(f"Authorization: Bearer {token}")
        self._handshake = ("\r\n".join(lines) + "\r\n\r\n").encode()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # cast: uvloop's transports do what asyncio.Transport says without being one.
        self._transport = cast(asyncio.Transport, transport)
        self._transport.write(self._handshake)

    def data_received(self, data: bytes) -> None:
        now = time.perf_counter()
        buffer = self._buffer + data if self._buffer else data
        start = 0
        if not self._open:
            end = buffer.find(b"\r\n\r\n")
            if end < 0:
                self._buffer = buffer
                return
            if not buffer.startswith(b"HTTP/1.1 101"):
                self._fail("the handshake was refused: " + buffer[:20].decode("latin-1"))
                return
            self._open = True
            self._send(0x1, b'{"type":"hello","cursor":null}')
            start = end + 4
        size = len(buffer)
        while size - start >= 2:
            length = buffer[start + 1]
            body = start + 2
            if length == 126:
                if size - start < 4:
                    break
                length = int.from_bytes(buffer[body : body + 2], "big")
                body += 2
            elif length == 127:
                if size - start < 10:
                    break
                length = int.from_bytes(buffer[body : body + 8], "big")
                body += 8
            if size < body + length:
                break
            self._frame(buffer[start] & 0x0F, buffer[body : body + length], now)
            start = body + length
        self._buffer = buffer[start:]

    def _frame(self, opcode: int, payload: bytes, now: float) -> None:
        if opcode == 0x1:
            if self.welcomed.done():
                self._hear(payload, now)
            elif payload.startswith(b'{"type":"welcome"'):
                self.welcomed.set_result(None)
        elif opcode == 0x9:
            self._send(0xA, payload)

    def _send(self, opcode: int, payload: bytes) -> None:
        assert self._transport is not None
        # A mask of zeros is a mask: what follows it is the payload as it is.
        self._transport.write(bytes((0x80 | opcode, 0x80 | len(payload))) + b"\0\0\0\0" + payload)

    def _fail(self, reason: str) -> None:
        if not self.welcomed.done():
            self.welcomed.set_exception(ConnectionError(reason))
        self.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self.lost = True
        self._fail("the connection was closed")

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()
