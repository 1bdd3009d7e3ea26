"""What tests of sending share: an answer on its way, and what becomes of it."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from inbox.domain.channel import Channel
from inbox.domain.conversation import Conversation
from inbox.domain.message import Message, Status
from tests.network import Served
from tests.office import until

QUEUED, SENT, UNKNOWN, FAILED = Status.QUEUED, Status.SENT, Status.UNKNOWN, Status.FAILED
ON_ITS_WAY = (SENT, Status.DELIVERED, Status.READ)
KINDS = pytest.mark.parametrize("kind", ["whatsapp", "sms"])


async def writes_back(line: Served, text: str, of: Conversation | None = None) -> Message:
    """An agent's message, in the outbox and in this process's hands."""
    message = await line.office.accepts(text, of)
    line.context.delivery.wake([message])
    return message


async def with_conversation(line: Served, kind: str, who: str = "maya") -> Conversation:
    known = {one.id for one in await line.office.conversations()}
    await line.writes(kind, "Where is it?", who)
    (new,) = [one for one in await line.office.conversations() if one.id not in known]
    return new


async def channel(line: Served, kind: str) -> Channel:
    found = await line.office.stores.channels.find(line.office.channels[kind].id)
    assert found is not None
    return found


async def told(line: Served, name: str) -> None:
    """An event is published after what it tells is stored."""

    async def heard() -> bool:
        return name in line.office.events

    await until(heard)


async def quiet(line: Served) -> None:
    """Long enough for a second send, if there were to be one: two sweeps of the outbox."""
    await line.context.delivery.drained()
    for _ in range(2):
        now = datetime.now(UTC)
        assert await line.office.stores.outbox.due(now + timedelta(seconds=2)) == []
        await asyncio.sleep(0.6)
