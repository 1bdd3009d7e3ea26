"""Tells providers that we have read, and that we write, so that the contact sees it.

Best effort: nothing waits for it, a failure changes nothing, and what is newer replaces what has
not gone yet. It says nothing, so no permit is asked; but who wants nothing of us gets none of it.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Coroutine, Mapping
from datetime import UTC, datetime
from typing import TypeVar

from inbox import log
from inbox.consent import facts
from inbox.directory import Directory
from inbox.domain.abilities import Signals as Signalling
from inbox.domain.channel import Channel, Connector
from inbox.domain.contact import Identity
from inbox.domain.conversation import Conversation
from inbox.domain.errors import AssentError
from inbox.domain.message import Message
from inbox.stores import Stores

TYPING_EVERY_S = 20.0
# Beyond these a reading is not told: it is no loss, and memory is bounded.
MOST_AT_ONCE = 200
_REMEMBERED = 10_000
_log = log.get("signals")
N = TypeVar("N", int, float)


class Signals:
    def __init__(
        self, stores: Stores, connectors: Mapping[str, Connector], directory: Directory
    ) -> None:
        self._stores = stores
        self._connectors = connectors
        self._directory = directory
        self._wanted: dict[str, tuple[Conversation, int]] = {}
        self._marked: OrderedDict[str, int] = OrderedDict()
        self._typed_at: OrderedDict[str, float] = OrderedDict()
        self._running: set[asyncio.Task[None]] = set()

    def read(self, conversation: Conversation, seq: int) -> None:
        """Somebody of ours has read up to this message. Returns at once."""
        before = self._wanted.get(conversation.id)
        if seq <= self._marked.get(conversation.id, 0) or not self._may(conversation):
            return
        self._wanted[conversation.id] = (conversation, max(seq, before[1] if before else 0))
        if before is None and not self._spawn(self._mark(conversation.id)):
            del self._wanted[conversation.id]

    def typing(self, conversation: Conversation) -> None:
        """Somebody of ours is writing here. Returns at once."""
        now = time.monotonic()
        last = self._typed_at.get(conversation.id)
        if (last is not None and now - last < TYPING_EVERY_S) or not self._may(conversation):
            return
        if self._spawn(self._type(conversation)):
            _remember(self._typed_at, conversation.id, now)

    def answered(self, conversation_id: str) -> None:
        """A message ended what the contact saw of our writing: the next one may begin at once."""
        self._typed_at.pop(conversation_id, None)

    async def close(self) -> None:
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    async def idle(self) -> None:
        """Wait until nothing is under way; for tests."""
        while self._running:
            await asyncio.wait(self._running)

    def _may(self, conversation: Conversation) -> bool:
        connector = self._connectors.get(conversation.kind)
        return isinstance(connector, Signalling) and connector.manifest.rich.signals

    def _spawn(self, doing: Coroutine[object, object, None]) -> bool:
        if len(self._running) >= MOST_AT_ONCE:
            doing.close()
            return False
        task = asyncio.create_task(doing, name="signal")
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return True

    async def _mark(self, conversation_id: str) -> None:
        """Tell of the newest there is to tell, until there is nothing newer."""
        while conversation_id in self._wanted:
            conversation, seq = self._wanted[conversation_id]
            try:
                await self._signal(conversation, seq, typing=False)
                _remember(self._marked, conversation_id, seq)
            except AssentError as error:
                _log.info(
                    "a reading was not told", channel=conversation.channel_id, code=error.code
                )
            except Exception:  # the task's top
                _log.exception("a reading could not be told")
            if self._wanted[conversation_id][1] == seq:
                del self._wanted[conversation_id]

    async def _type(self, conversation: Conversation) -> None:
        try:
            await self._signal(conversation, conversation.last_seq, typing=True)
        except AssentError as error:
            _log.info("typing was not told", channel=conversation.channel_id, code=error.code)
        except Exception:  # the task's top
            _log.exception("typing could not be told")

    async def _signal(self, conversation: Conversation, seq: int, *, typing: bool) -> None:
        connector = self._connectors[conversation.kind]
        channel = await self._directory.find(conversation.channel_id)
        if channel is None or not _wants(channel) or not isinstance(connector, Signalling):
            return
        newest = await self._newest(conversation, seq)
        identity = await self._stores.people.get(conversation.identity_id)
        if newest is None or newest.provider_id is None:
            return
        if not await self._welcome(conversation, identity, connector):
            return
        tell = connector.show_typing if typing else connector.mark_read
        await tell(channel, identity.address, newest.provider_id)

    async def _newest(self, conversation: Conversation, seq: int) -> Message | None:
        return await self._stores.messages.newest_inbound(
            conversation.workspace_id, conversation.id, seq
        )

    async def _welcome(
        self, conversation: Conversation, identity: Identity, connector: Connector
    ) -> bool:
        """Whether they want anything of us at all."""
        now = datetime.now(UTC)
        known = await facts(self._stores, conversation, identity, connector.manifest, now)
        standing = known.standing
        return not (known.blocked or standing.opt_out is not None or standing.provider_block)


def _wants(channel: Channel) -> bool:
    off = channel.config.get("read_receipts", "").strip().lower() == "no"
    return channel.state == "connected" and not off


def _remember(kept: OrderedDict[str, N], key: str, value: N) -> None:
    kept[key] = value
    kept.move_to_end(key)
    if len(kept) > _REMEMBERED:
        kept.popitem(last=False)
