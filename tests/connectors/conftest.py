"""What the tests of all connectors share: a provider's HTTP edge, our client, a permit."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field

import pytest
from aiohttp import web

from connectors.http import Http


@dataclass(frozen=True, kw_only=True)
class Call:
    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, kw_only=True)
class Reply:
    """What the provider answers. `hang`: never; `reset`: it closes the connection instead."""

    status: int = 200
    body: bytes = b"{}"
    headers: Mapping[str, str] = field(default_factory=dict)
    hang: bool = False
    reset: bool = False


class Provider:
    """A provider's HTTP edge on a free port: answers as told, in order, and keeps what it was
    asked. Nothing told: 404."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self._replies: dict[tuple[str, str], deque[Reply]] = {}
        self._leaving = asyncio.Event()
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def answers(self, method: str, path: str, *replies: Reply) -> None:
        self._replies.setdefault((method, path), deque()).extend(replies)

    async def start(self) -> None:
        app = web.Application(client_max_size=1 << 25)
        app.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(app, shutdown_timeout=1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.port = self._runner.addresses[0][1]

    async def close(self) -> None:
        self._leaving.set()
        await self._runner.cleanup()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        self.calls.append(
            Call(
                method=request.method,
                path=request.path,
                query=dict(request.query),
                headers={name.lower(): value for name, value in request.headers.items()},
                body=await request.read(),
            )
        )
        replies = self._replies.get((request.method, request.path))
        reply = replies.popleft() if replies else Reply(status=404)
        if reply.hang:
            await self._leaving.wait()
        if reply.reset and request.transport is not None:
            request.transport.abort()
        return web.Response(status=reply.status, body=reply.body, headers=reply.headers)


@pytest.fixture
async def provider() -> AsyncIterator[Provider]:
    edge = Provider()
    await edge.start()
    yield edge
    await edge.close()


@pytest.fixture
async def http(provider: Provider) -> AsyncIterator[Http]:
    client = Http(allow=frozenset({("127.0.0.1", provider.port)}))
    await client.start()
    yield client
    await client.close()
