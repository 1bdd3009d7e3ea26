"""Runs the simulator as a process of its own that ends with its parent."""

from __future__ import annotations

import asyncio
import ctypes
import os
import signal
import socket
import sys
from pathlib import Path

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from connectors.simulator.app import make_app
from connectors.simulator.exchange import Exchange

_PR_SET_PDEATHSIG = 1
_PARENT_CHECK_S = 0.5
_EVERYWHERE = ("0.0.0.0", "::")  # noqa: S104, compared with, not bound to


class _Protocol(HttpToolsProtocol):
    """Hands its transport to the endpoints: a scripted fault breaks the connection itself."""

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["state"]["simulator.transport"] = self.transport


class _Server(uvicorn.Server):
    def __init__(
        self, config: uvicorn.Config, exchange: Exchange, port: int, parent_pid: int | None
    ) -> None:
        super().__init__(config)
        self._exchange = exchange
        self._port = port
        self._parent_pid = parent_pid

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        print(f"ready {self._port}", flush=True)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        # Pages listen for as long as we live; uvicorn would wait for them.
        self._exchange.broadcast.close()
        await super().shutdown(sockets)

    async def end_with_parent(self) -> None:
        if self._parent_pid is None:
            return
        # There is nothing to wait on: a parent's end has no event outside Linux.
        while os.getppid() == self._parent_pid:
            await asyncio.sleep(_PARENT_CHECK_S)
        self.should_exit = True


def serve(
    host: str, port: int, data_path: Path | None = None, parent_pid: int | None = None
) -> None:
    """Serve until SIGTERM, or until the parent is gone. Port 0 takes a free one; `ready PORT` on
    standard output says which, once it listens. Without `data_path` nothing outlives the process.
    """
    if parent_pid is not None:
        _die_with_parent()
    listener = _listen(host, port)
    port = listener.getsockname()[1]
    reachable = "127.0.0.1" if host in _EVERYWHERE else host
    name = f"[{reachable}]" if ":" in reachable else reachable
    app, exchange = make_app(host=host, base_url=f"http://{name}:{port}", data_path=data_path)
    config = uvicorn.Config(
        app,
        http=_Protocol,
        ws="none",
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=1,
    )
    server = _Server(config, exchange, port, parent_pid)
    with asyncio.Runner(loop_factory=config.get_loop_factory()) as runner:
        runner.run(_run(server, listener))


async def _run(server: _Server, listener: socket.socket) -> None:
    watch = asyncio.create_task(server.end_with_parent())
    try:
        await server.serve(sockets=[listener])
    finally:
        watch.cancel()


def _listen(host: str, port: int) -> socket.socket:
    # asyncio turns Nagle's algorithm off only where the protocol is named, which create_server does
    # not do; with it on, every answer on a kept connection takes 40 ms.
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((host, port))
    listener.listen(512)
    return listener


def _die_with_parent() -> None:
    """Have the kernel tell us when the parent dies. Other systems, and a parent that was gone
    before we asked, are left to `end_with_parent`."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
