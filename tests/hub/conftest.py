"""Hubs to test, and an agent's socket reduced to what it hears."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from inbox.domain.event import Carried, Event, Resync
from inbox.domain.ids import EventId, WorkspaceId
from inbox.hub import Hub
from inbox.hub.memory import MemoryHub
from inbox.hub.redis import RedisHub
from inbox.ids import new_id
from tests.servers import RedisServer

BAKERY = WorkspaceId("wsp_bakery")
GARAGE = WorkspaceId("wsp_garage")


def event(number: int, workspace_id: WorkspaceId = BAKERY, **changes: Any) -> Event:
    return Event(
        id=EventId(new_id("evt")),
        workspace_id=workspace_id,
        type="message.created",
        at=datetime(2026, 11, 22, 10, 0, tzinfo=UTC),
        actor=("contact", "con_maya"),
        data={"number": number},
        **changes,
    )


class Ear:
    """Keeps what one listener heard."""

    def __init__(self) -> None:
        self.heard: list[Carried | Resync] = []

    def __call__(self, item: Carried | Resync) -> None:
        self.heard.append(item)

    @property
    def numbers(self) -> list[int]:
        return [
            msgspec.json.decode(i.frame)["data"]["number"]
            for i in self.heard
            if isinstance(i, Carried)
        ]

    @property
    def resyncs(self) -> list[Resync]:
        return [i for i in self.heard if isinstance(i, Resync)]

    @property
    def cursor(self) -> str:
        return self.heard[-1].cursor


@pytest.fixture
def redis_server() -> Iterator[RedisServer]:
    server = RedisServer()
    server.start()
    yield server
    server.stop()


@pytest.fixture(params=["memory", "redis"])
def redis_or_none(request: pytest.FixtureRequest) -> RedisServer | None:
    if request.param == "memory":
        return None
    server: RedisServer = request.getfixturevalue("redis_server")
    return server


@pytest.fixture
async def make_hub(redis_or_none: RedisServer | None) -> AsyncIterator[Callable[..., Any]]:
    """Makes started hubs that keep about `keep` events; several share one log on Redis."""
    hubs: list[Hub] = []

    async def make(keep: int = 10_000) -> Hub:
        hub: Hub
        if redis_or_none is None:
            hub = MemoryHub(max_events=keep)
        else:
            hub = RedisHub(redis_or_none.url, maxlen=keep)
        await hub.start()
        hubs.append(hub)
        return hub

    yield make
    for hub in hubs:
        await hub.close()


@pytest.fixture
async def hub(make_hub: Callable[..., Any]) -> Hub:
    made: Hub = await make_hub()
    return made


@pytest.fixture
async def two_hubs(redis_server: RedisServer) -> AsyncIterator[tuple[RedisHub, RedisHub]]:
    """Two processes' hubs on one Redis."""
    one, other = RedisHub(redis_server.url), RedisHub(redis_server.url)
    await one.start()
    await other.start()
    yield one, other
    await one.close()
    await other.close()
