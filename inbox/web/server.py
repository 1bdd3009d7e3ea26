"""Serves the application on a listening socket, and says so once it does."""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

import uvicorn

from inbox.settings import SettingsError
from inbox.web.app import build
from inbox.web.context import Context
from inbox.web.sockets import Sockets

Announce = Callable[[Context], Awaitable[None]]


class Server(uvicorn.Server):
    """uvicorn, which tells screens to move before it closes them."""

    def __init__(self, config: uvicorn.Config, sockets: Sockets) -> None:
        super().__init__(config)
        self._sockets = sockets

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._sockets.close_all(1012, "1000")
        await super().shutdown(sockets)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """As uvicorn does, but a SIGTERM that has been obeyed is not raised once more: it would end
        us before the database and the simulator are stopped."""
        with super().capture_signals():
            yield
            self._captured_signals = [n for n in self._captured_signals if n != signal.SIGTERM]


def listen(host: str, port: int) -> socket.socket:
    """A listening socket, so that the port is known before anything is told of it."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # The protocol is named so that the event loop knows TCP and turns Nagle's delay off.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(2048)
    except OSError as error:
        listener.close()
        raise SettingsError(f"Port {port} is taken: choose another one with --port") from error
    return listener


async def serve_on(listener: socket.socket, context: Context, announce: Announce) -> None:
    """Serve until asked to stop."""
    settings = context.settings
    port = listener.getsockname()[1]
    hosts = {settings.public_host}
    if settings.dev:
        hosts |= {f"127.0.0.1:{port}", f"localhost:{port}", f"[::1]:{port}"}
    config = uvicorn.Config(
        build(context, frozenset(hosts)),
        loop="uvloop",
        http="httptools",
        ws="websockets-sansio",
        ws_max_size=64 * 1024,
        ws_per_message_deflate=False,
        ws_ping_interval=20,
        timeout_keep_alive=15,
        timeout_graceful_shutdown=10,
        proxy_headers=False,
        server_header=False,
        access_log=False,
        log_config=None,
    )
    server = Server(config, context.sockets)
    ready = asyncio.create_task(_announce(server, context, announce))
    try:
        await server.serve(sockets=[listener])
    finally:
        ready.cancel()


async def _announce(server: Server, context: Context, announce: Announce) -> None:
    """Say that we are ready once we are, and not before."""
    while not server.started:
        await asyncio.sleep(0.01)
    await announce(context)
