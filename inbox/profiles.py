"""Asks a platform who wrote and what they look like, where its webhooks carry only an id.

A name is shown as soon as it is known and nothing waits for it: questions are asked one after the
other, each person's at most once an hour, and those that do not fit are asked at the next message.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass

from inbox import log
from inbox.domain.abilities import KnowsPeople
from inbox.domain.channel import Channel, Connector
from inbox.domain.contact import Identity
from inbox.domain.errors import StoreUnavailable
from inbox.domain.ids import ConversationId
from inbox.domain.report import Sender
from inbox.people import People
from inbox.portraits import Portraits

WAITING = 500
AGAIN_AFTER_S = 3600.0
_log = log.get("profiles")


@dataclass(frozen=True, slots=True)
class _Question:
    identity: Identity
    conversation_id: ConversationId
    channel: Channel


class Profiles:
    def __init__(
        self, connectors: Mapping[str, Connector], people: People, portraits: Portraits
    ) -> None:
        self._connectors = connectors
        self._people = people
        self._portraits = portraits
        self._questions: asyncio.Queue[_Question] = asyncio.Queue(WAITING)
        self._asked: dict[str, float] = {}
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._task = asyncio.create_task(self._ask_forever(), name="profiles")

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def wonder(self, identity: Identity, conversation_id: ConversationId, channel: Channel) -> None:
        """Somebody wrote whose name is not known."""
        if identity.name is not None:
            return
        if not isinstance(self._connectors[channel.kind], KnowsPeople):
            return
        now = time.monotonic()
        if now - self._asked.get(identity.id, -AGAIN_AFTER_S) < AGAIN_AFTER_S:
            return
        if self._questions.full():
            return
        if len(self._asked) > 20 * WAITING:
            self._asked.clear()
        self._asked[identity.id] = now
        self._questions.put_nowait(_Question(identity, conversation_id, channel))

    async def _ask_forever(self) -> None:
        while True:
            question = await self._questions.get()
            try:
                await self._ask(question)
            except StoreUnavailable:
                self._asked.pop(question.identity.id, None)
            except Exception:  # the worker's top
                _log.exception("a profile could not be asked for")

    async def _ask(self, question: _Question) -> None:
        connector = self._connectors[question.channel.kind]
        if not isinstance(connector, KnowsPeople):
            return
        identity = question.identity
        profile = await connector.profile(identity.keys[0], question.channel)
        if profile is None:
            return
        if profile.name or profile.username:
            handle = f"@{profile.username}" if profile.username else identity.handle
            named = Sender(
                keys=identity.keys,
                address=identity.address,
                handle=handle,
                name=profile.name or handle,
            )
            identity = await self._people.learn(identity, question.conversation_id, named)
        if profile.picture_url:
            await self._portraits.keep(
                identity, question.conversation_id, question.channel, profile.picture_url
            )
