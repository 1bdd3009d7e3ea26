"""The hub of any number of processes: one Redis stream for each workspace.

Every process hears its own events through the stream like everybody else's, so all see one order.
Redis may be lost at any moment: events then go straight to the listeners here, and all are told to
resync once it is back. The commands themselves are in `inbox.hub.streams`.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import Sequence

from inbox.domain.event import Carried, Event, Resync
from inbox.domain.ids import WorkspaceId
from inbox.hub import RECENTLY_S, Deliver, Listening
from inbox.hub.frame import encode, stamp
from inbox.hub.listeners import Listener, Listeners
from inbox.hub.streams import BLOCK_S, START, TROUBLE, Page, StreamId, Streams, split
from inbox.log import get

log = get(__name__)

_RETRY_S = 0.5
_SIGNALS_WAITING = 1_000
_CANCEL_S = 0.5


class _Ear(Listener):
    """A listener with its place in the stream. Until it has caught up, what comes is held back."""

    position: StreamId = START
    held: list[tuple[StreamId | None, Carried]] | None

    def offer(self, carried: Carried, place: StreamId | None) -> None:
        """`place` is None for what never was in the stream: nothing can repeat it."""
        if self.held is not None:
            self.held.append((place, carried))
        elif place is None:
            self.hear(carried)
        elif place > self.position:
            self.position = place
            self.hear(carried)

    def go_live(self, position: StreamId, resync: Resync | None = None) -> None:
        """From here on live, everything up to `position` being known or given up for a resync."""
        self.position = position
        held, self.held = self.held or [], None
        if resync is not None:
            self.hear(resync)
        for place, carried in held:
            self.offer(carried, place)


class _Interrupted(Exception):
    """Redis went away, or came back another, while a listener was catching up."""


class RedisHub:
    """maxlen   events kept for a workspace, roughly
    prefix      of every key; two installations may share a Redis under two prefixes

    State that has to be understood together:
    _generation  changes whenever the log was lost or begun anew; what was asked for under an older
                 one is thrown away when the answer comes
    _positions   the workspaces that are read here, and how far
    _unread      own events that Redis took and the reader has not seen: if Redis dies now, nobody
                 else will deliver them here
    _missed      events that went past the log; then its epoch has to change, for a cursor from
                 before must not be taken for a bridge over them
    """

    def __init__(self, url: str, *, maxlen: int = 10_000, prefix: str = "assent") -> None:
        self._streams = Streams(url, maxlen, prefix)
        self._listeners: Listeners[_Ear] = Listeners()
        self._origin = secrets.token_hex(8)
        self._turn = asyncio.Lock()
        self._tasks: list[asyncio.Task[None]] = []
        self._signals: asyncio.Queue[Carried] = asyncio.Queue(_SIGNALS_WAITING)
        self._epoch = ""
        self._down = True
        self._generation = 0
        self._positions: dict[WorkspaceId, StreamId] = {}
        self._unread: dict[tuple[WorkspaceId, StreamId], Carried] = {}
        self._missed = 0
        self._local_epoch = secrets.token_hex(6)
        self._local_count = 0
        self._checked_at = 0.0
        # Cancelling alone is not enough: with a connection that breaks at the same moment the
        # client turns the cancellation into an error of its own.
        self._closing = False

    async def start(self) -> None:
        try:
            await self._begin("hub_recovered")
        except TROUBLE as error:
            self._warn(error)
        for work in (self._read_streams, self._send_signals, self._hear_signals):
            self._tasks.append(asyncio.create_task(work(), name=f"hub{work.__name__}"))

    async def close(self) -> None:
        self._closing = True
        running = set(self._tasks)
        while running:
            for task in running:
                task.cancel()
            # Again, where the client has lost one: while it connects, it does.
            _, running = await asyncio.wait(running, timeout=_CANCEL_S)
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for ear in self._listeners:
            ear.close()
        await self._streams.close()

    def healthy(self) -> bool:
        return not self._down

    # Publishing

    async def publish(self, events: Sequence[Event]) -> list[str]:
        carried = [encode(event) for event in events]
        if not carried:
            return []
        # One at a time, so that the stream has the order in which publish was called.
        async with self._turn:
            places = None if self._down else await self._append(carried)
        if places is None:
            return self._deliver_locally(carried)
        for event, place in zip(carried, places, strict=True):
            position = self._positions.get(event.workspace_id)
            if position is not None and place > position:
                self._unread[event.workspace_id, place] = event
        return [self._cursor(place) for place in places]

    async def _append(self, events: Sequence[Carried]) -> list[StreamId] | None:
        try:
            places = await self._streams.append(events)
        except TROUBLE as error:
            self._degrade(error)
            return None
        # The reader may have lost Redis meanwhile. A repeat is harmless then, a gap is not.
        return None if self._down else places

    def _deliver_locally(self, events: Sequence[Carried]) -> list[str]:
        self._missed += len(events)
        cursors = []
        for carried in events:
            self._local_count += 1
            stamped = stamp(carried, self._cursor((0, self._local_count), self._local_epoch))
            cursors.append(stamped.cursor)
            for ear in self._listeners.of(carried.workspace_id):
                ear.offer(stamped, None)
        return cursors

    def _cursor(self, place: StreamId, epoch: str | None = None) -> str:
        return f"{epoch or self._epoch}:{place[0]}-{place[1]}"

    # Listening

    async def listen(
        self, workspace_id: WorkspaceId, after: str | None, deliver: Deliver
    ) -> Listening:
        ear = _Ear(workspace_id, deliver, self._leave)
        ear.held = []
        self._listeners.add(ear)
        try:
            await self._catch_up(ear, after)
        except TROUBLE as error:
            self._degrade(error)
        except _Interrupted:
            pass
        except asyncio.CancelledError:
            ear.close()
            raise
        if ear.held is not None:
            ear.resumed = False
            self._resync(ear, None if after is None else "unknown_cursor")
        return ear

    async def recently(self, workspace_id: WorkspaceId, seconds: float = RECENTLY_S) -> str:
        if not self._down:
            try:
                age_ms = int(seconds * 1000)
                return self._cursor(await self._streams.newest_before(workspace_id, age_ms))
            except TROUBLE as error:
                self._degrade(error)
        # What is told while the log is away is in none; the resync afterwards brings it.
        return self._cursor((0, self._local_count), self._local_epoch)

    async def _catch_up(self, ear: _Ear, after: str | None) -> None:
        workspace_id = ear.workspace_id
        if workspace_id not in self._positions:
            # The reader has to begin before we look for what was missed, else a gap is between.
            page = await self._page(workspace_id, None)
            self._positions.setdefault(workspace_id, page.tail)
            await self._streams.wake()
        epoch, position = (None if after is None else split(after)) or ("", None)
        page = await self._page(workspace_id, position)
        known = page.epoch is not None and page.epoch == epoch
        if position is None or not known or page.entries is None:
            ear.cursor = self._cursor(page.tail)
            reason = "trimmed" if known else "unknown_cursor"
            resync = None if after is None else Resync(reason=reason, cursor=ear.cursor)
            ear.go_live(page.tail, resync)
            return
        while page.entries is not None:
            for place, carried in page.entries:
                ear.hear(stamp(carried, self._cursor(place, epoch)))
                position = place
            if not page.more:
                ear.resumed = True
                ear.cursor = self._cursor(position, epoch)
                ear.go_live(position)
                return
            page = await self._page(workspace_id, position)
        ear.cursor = self._cursor(page.tail)
        ear.go_live(page.tail, Resync(reason="trimmed", cursor=ear.cursor))

    async def _page(self, workspace_id: WorkspaceId, after: StreamId | None) -> Page:
        generation = self._generation
        if self._down:
            raise _Interrupted
        page = await self._streams.page(workspace_id, after)
        if generation != self._generation:
            raise _Interrupted
        return page

    def _leave(self, listener: Listener) -> None:
        self._listeners.remove(listener)
        if not self._listeners.of(listener.workspace_id):
            self._positions.pop(listener.workspace_id, None)
            for key in [key for key in self._unread if key[0] == listener.workspace_id]:
                del self._unread[key]

    def _resync(self, ear: _Ear, reason: str | None) -> None:
        """Go live at where the log stands now, or at nowhere while there is none."""
        position = self._positions.get(ear.workspace_id, START)
        local = self._cursor((0, self._local_count), self._local_epoch)
        ear.cursor = local if self._down else self._cursor(position)
        ear.go_live(position, Resync(reason=reason, cursor=ear.cursor) if reason else None)

    # Reading

    async def _read_streams(self) -> None:
        while not self._closing:
            try:
                if self._down:
                    await self._begin("hub_recovered")
                    log.info("hub_recovered")
                await self._check_epoch()
                await self._read()
            except TROUBLE as error:
                self._degrade(error)
                await asyncio.sleep(_RETRY_S)
            except Exception as error:
                log.exception("hub_reader_failed")
                self._degrade(error)
                await asyncio.sleep(_RETRY_S)

    async def _read(self) -> None:
        generation = self._generation
        heard = await self._streams.read(self._positions)
        if generation != self._generation:
            return
        for workspace_id, entries, last, full in heard:
            position = self._positions.get(workspace_id)
            if position is None:
                continue
            if full and entries is not None:
                # Far behind: what came directly after our place may have been trimmed before.
                page = await self._streams.page(workspace_id, position)
                if generation != self._generation:
                    return
                entries = entries if page.entries is not None else None
            self._positions[workspace_id] = max(last, self._positions.get(workspace_id, last))
            self._spread(workspace_id, entries, last)

    def _spread(
        self,
        workspace_id: WorkspaceId,
        entries: list[tuple[StreamId, Carried]] | None,
        last: StreamId,
    ) -> None:
        if entries is None:
            # Whoever is catching up just now would have the same gap: let it begin anew as well.
            self._generation += 1
            for ear in self._listeners.of(workspace_id):
                ear.go_live(last, Resync(reason="trimmed", cursor=self._cursor(last)))
            return
        for place, carried in entries:
            self._unread.pop((workspace_id, place), None)
            stamped = stamp(carried, self._cursor(place))
            for ear in self._listeners.of(workspace_id):
                ear.offer(stamped, place)

    async def _check_epoch(self) -> None:
        """Notice a flushed or replaced Redis, and a log that events have gone past elsewhere."""
        now = asyncio.get_running_loop().time()
        if now - self._checked_at < BLOCK_S:
            return
        self._checked_at = now
        if await self._streams.epoch() != self._epoch:
            log.warning("hub_log_replaced")
            await self._begin("unknown_cursor")

    async def _begin(self, reason: str) -> None:
        """Begin at the end of the log, telling everyone to fetch what lies before."""
        while True:
            missed = self._missed
            workspaces = self._listeners.workspaces()
            epoch, tails = await self._streams.begin(workspaces, rotate=missed > 0)
            if missed == self._missed and workspaces == self._listeners.workspaces():
                break
        # From here on without await: nobody may see half of it.
        self._epoch, self._positions, self._missed = epoch, tails, 0
        self._generation += 1
        self._down = False
        self._unread.clear()
        for ear in self._listeners:
            self._resync(ear, reason)

    def _degrade(self, error: Exception) -> None:
        if self._down:
            return
        self._down = True
        self._generation += 1
        self._local_epoch = secrets.token_hex(6)
        self._warn(error)
        unread, self._unread = list(self._unread.values()), {}
        self._deliver_locally(unread)

    def _warn(self, error: Exception) -> None:
        # The type only: the text of a connection error names the host, and perhaps its password.
        log.warning("hub_out_of_reach", reason=type(error).__name__)

    # Passing signals

    def signal(self, event: Event) -> None:
        carried = encode(event)
        self._hear_signal(carried)
        with contextlib.suppress(asyncio.QueueFull):  # it may be lost
            self._signals.put_nowait(carried)

    def _hear_signal(self, carried: Carried) -> None:
        for ear in self._listeners.of(carried.workspace_id):
            ear.hear(carried)

    async def _send_signals(self) -> None:
        while not self._closing:
            carried = await self._signals.get()
            if not self._down:
                with contextlib.suppress(*TROUBLE):  # it may be lost
                    await self._streams.send_signal(carried, self._origin)

    async def _hear_signals(self) -> None:
        while not self._closing:
            # The reader says that Redis is away; here there is only the trying again.
            with contextlib.suppress(*TROUBLE):
                await self._streams.hear_signals(self._origin, self._hear_signal)
            await asyncio.sleep(_RETRY_S)
