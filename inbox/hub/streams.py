"""Streams, epoch and signals of the hub in Redis' own words: the only code that imports redis.

What it means when Redis is slow, gone or another one is decided in `inbox.hub.redis`.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from inbox.domain.event import Carried
from inbox.domain.ids import AgentId, ChannelId, WorkspaceId

StreamId = tuple[int, int]
START: StreamId = (0, 0)

_TIMEOUT_S = 0.5
BLOCK_S = 1.0  # how long a read waits; also how soon a flushed Redis is noticed
_PAGE = 500
_LISTENS_AT_ONCE = 8  # a storm of reconnecting sockets must not become a storm of connections
TROUBLE = (RedisError, OSError, TimeoutError)


class _Stored(msgspec.Struct, array_like=True, frozen=True, kw_only=True):
    """An event as it lies in a stream; its cursor is its place there."""

    type: str
    channel_id: str | None
    only_for: str | None
    frame: bytes
    origin: str = ""


_pack = msgspec.msgpack.Encoder().encode
_unpack = msgspec.msgpack.Decoder(_Stored).decode


def _stored(carried: Carried, origin: str = "") -> bytes:
    return _pack(
        _Stored(
            type=carried.type,
            channel_id=carried.channel_id,
            only_for=carried.only_for,
            frame=carried.frame,
            origin=origin,
        )
    )


def _carried(workspace_id: WorkspaceId, stored: _Stored) -> Carried:
    return Carried(
        cursor="",
        workspace_id=workspace_id,
        type=stored.type,
        channel_id=None if stored.channel_id is None else ChannelId(stored.channel_id),
        only_for=None if stored.only_for is None else AgentId(stored.only_for),
        frame=stored.frame,
    )


def _stream_id(text: bytes | str) -> StreamId:
    ms, _, number = (text.decode() if isinstance(text, bytes) else text).partition("-")
    return int(ms), int(number)


def split(cursor: str) -> tuple[str, StreamId] | None:
    """The epoch and the place in a cursor, `<epoch>:<stream id>`; None when it is none of ours."""
    epoch, _, place = cursor.partition(":")
    ms, dash, number = place.partition("-")
    for digits in (ms, number):
        if not (digits.isascii() and digits.isdigit() and len(digits) <= 20):
            return None
    return (epoch, (int(ms), int(number))) if epoch and dash else None


@dataclass(frozen=True, kw_only=True, slots=True)
class Page:
    """A look at one stream, all of one instant.

    epoch     of the Redis that answered; None when it was flushed and nobody has noticed yet
    tail      the newest entry
    entries   what follows the place asked for; None when some of it has been trimmed
    more      there is another page
    """

    epoch: str | None
    tail: StreamId
    entries: list[tuple[StreamId, Carried]] | None
    more: bool


class Streams:
    """The commands, each bounded in time. Raises one of `TROUBLE`."""

    def __init__(self, url: str, maxlen: int, prefix: str) -> None:
        self._maxlen = maxlen
        # Never above maxlen: a stream that was trimmed past a reader then always fills its page.
        self._page = min(_PAGE, maxlen)
        self._prefix = prefix
        self._epoch_key = f"{prefix}:epoch"
        self._wake_key = f"{prefix}:wake:{secrets.token_hex(8)}"
        self._woken = "0-0"
        self._gate = asyncio.Semaphore(_LISTENS_AT_ONCE)
        # A blocked read holds its connection, so it has one of its own. No retries: the hub has a
        # better answer to an absent Redis than waiting for it.
        self._commands = self._client(url, _TIMEOUT_S)
        self._reading = self._client(url, BLOCK_S + _TIMEOUT_S)

    @staticmethod
    def _client(url: str, timeout_s: float) -> Redis:
        return Redis.from_url(
            url,
            protocol=2,
            socket_timeout=timeout_s,
            socket_connect_timeout=_TIMEOUT_S,
            retry=Retry(NoBackoff(), 0),
        )

    async def close(self) -> None:
        with contextlib.suppress(*TROUBLE):
            async with asyncio.timeout(_TIMEOUT_S):
                await self._commands.delete(self._wake_key)
        await self._commands.aclose()
        await self._reading.aclose()

    def _key(self, workspace_id: WorkspaceId) -> str:
        return f"{self._prefix}:events:{workspace_id}"

    async def append(self, events: Sequence[Carried]) -> list[StreamId]:
        async with asyncio.timeout(_TIMEOUT_S), self._commands.pipeline(transaction=False) as pipe:
            for carried in events:
                pipe.xadd(
                    self._key(carried.workspace_id),
                    {b"e": _stored(carried)},
                    maxlen=self._maxlen,
                    approximate=True,
                )
            return [_stream_id(answer) for answer in await pipe.execute()]

    async def begin(
        self, workspaces: Sequence[WorkspaceId], *, rotate: bool
    ) -> tuple[str, dict[WorkspaceId, StreamId]]:
        """The epoch, made if there is none or if `rotate`, and where each stream ends.

        It writes, so that a Redis which answers but takes nothing (full, a replica) stays out."""
        async with asyncio.timeout(_TIMEOUT_S), self._commands.pipeline(transaction=True) as pipe:
            pipe.set(self._epoch_key, secrets.token_hex(6), nx=not rotate)
            pipe.get(self._epoch_key)
            for workspace_id in workspaces:
                pipe.xrevrange(self._key(workspace_id), count=1)
            _, epoch, *tails = await pipe.execute()
        self._woken = "0-0"
        ends = {w: _tail(t) for w, t in zip(workspaces, tails, strict=True)}
        return epoch.decode(), ends

    async def epoch(self) -> str | None:
        # Any: redis types answers for both settings of decode_responses; ours are bytes.
        found: Any = await self._reading.get(self._epoch_key)
        return None if found is None else found.decode()

    async def page(self, workspace_id: WorkspaceId, after: StreamId | None) -> Page:
        """One page of what follows `after`, without it; None asks where the stream ends, only."""
        key = self._key(workspace_id)
        first = after or START
        async with (
            self._gate,
            asyncio.timeout(_TIMEOUT_S),
            self._commands.pipeline(transaction=True) as pipe,
        ):
            pipe.get(self._epoch_key)
            pipe.xlen(key)
            pipe.xrevrange(key, count=1)
            # From `after` itself on: finding it is the proof that nothing behind it is gone.
            pipe.xrange(key, f"{first[0]}-{first[1]}", count=1 if after is None else self._page + 1)
            epoch, length, newest, found = await pipe.execute()
        whole = after == START and length < self._maxlen
        if after is not None and found and _stream_id(found[0][0]) == after:
            whole, found = True, found[1:]
        return Page(
            epoch=None if epoch is None else epoch.decode(),
            tail=_tail(newest),
            entries=_decoded(workspace_id, found) if whole and after is not None else None,
            more=len(found) >= self._page,
        )

    async def newest_before(self, workspace_id: WorkspaceId, age_ms: int) -> StreamId:
        """The newest entry that much older than the very newest; the beginning where none is kept.
        Redis' own times decide, so no two clocks are compared."""
        key = self._key(workspace_id)
        async with self._gate, asyncio.timeout(_TIMEOUT_S):
            last = _tail(await self._commands.xrevrange(key, count=1))
            if last[0] <= age_ms:
                return START
            return _tail(await self._commands.xrevrange(key, max=last[0] - age_ms, count=1))

    async def read(
        self, positions: dict[WorkspaceId, StreamId]
    ) -> list[tuple[WorkspaceId, list[tuple[StreamId, Carried]] | None, StreamId, bool]]:
        """Wait for what is new in any stream, at most `BLOCK_S` or until `wake`.

        returns   workspace, entries (None: not readable), id of the last one, is the page full
        """
        keys = {self._key(w).encode(): w for w in positions}
        streams: dict[Any, Any] = {self._key(w): f"{m}-{n}" for w, (m, n) in positions.items()}
        streams[self._wake_key] = self._woken
        answer = await self._reading.xread(streams, count=self._page, block=int(BLOCK_S * 1000))
        heard = []
        # Any: redis types this answer as a union over both of its protocols.
        pairs: Any = answer or []
        for key, entries in pairs:
            if (workspace_id := keys.get(key)) is None:
                self._woken = entries[-1][0].decode()
                continue
            last = _stream_id(entries[-1][0])
            decoded = _decoded(workspace_id, entries)
            heard.append((workspace_id, decoded, last, len(entries) >= self._page))
        return heard

    async def wake(self) -> None:
        """End a `read` that is waiting, or the next one: it must look at another set of streams."""
        async with asyncio.timeout(_TIMEOUT_S), self._commands.pipeline(transaction=False) as pipe:
            pipe.xadd(self._wake_key, {b"w": b""}, maxlen=1, approximate=False)
            pipe.expire(self._wake_key, 3600)
            await pipe.execute()

    async def send_signal(self, carried: Carried, origin: str) -> None:
        async with asyncio.timeout(_TIMEOUT_S):
            channel = f"{self._prefix}:signal:{carried.workspace_id}"
            await self._commands.publish(channel, _stored(carried, origin))

    async def hear_signals(self, origin: str, hear: Callable[[Carried], None]) -> None:
        """Hand on what others than `origin` signal, until the connection breaks."""
        channels = f"{self._prefix}:signal:"
        async with self._reading.pubsub() as subscription:
            await subscription.psubscribe(f"{channels}*")
            while True:
                message = await subscription.get_message(
                    ignore_subscribe_messages=True, timeout=BLOCK_S
                )
                if message is None:
                    continue
                workspace_id = WorkspaceId(message["channel"].decode().removeprefix(channels))
                with contextlib.suppress(msgspec.DecodeError):  # another version's: it may be lost
                    stored = _unpack(message["data"])
                    if stored.origin != origin:
                        hear(_carried(workspace_id, stored))


# Any in both: entries as redis gives them, [(b"1-0", {b"e": b"..."}), ...].
def _tail(entries: Any) -> StreamId:
    return _stream_id(entries[0][0]) if entries else START


def _decoded(workspace_id: WorkspaceId, entries: Any) -> list[tuple[StreamId, Carried]] | None:
    """None when an entry is not readable, as after an update in mid-air: a gap like any other."""
    try:
        return [
            (_stream_id(place), _carried(workspace_id, _unpack(fields[b"e"])))
            for place, fields in entries
        ]
    except (msgspec.DecodeError, KeyError):
        return None
