"""The hub of a single process: a bounded log for each workspace, kept in memory.

Cursors are `<epoch>-<number>`. The epoch is made anew with each start, so that a cursor from before
a restart is known for one and answered with a resync.
"""

from __future__ import annotations

import secrets
import time
from collections import deque
from collections.abc import Sequence
from itertools import islice, takewhile

from inbox.domain.event import Carried, Event, Resync
from inbox.domain.ids import WorkspaceId
from inbox.hub import RECENTLY_S, Deliver, Listening
from inbox.hub.frame import encode, stamp
from inbox.hub.listeners import Listener, Listeners


class _Log:
    """The tail of one workspace: `last` is the number of the newest event, 0 before the first."""

    def __init__(self, max_events: int, max_bytes: int) -> None:
        self.last = 0
        self._events: deque[Carried] = deque()
        self._times: deque[float] = deque()
        self._bytes = 0
        self._max_events = max_events
        self._max_bytes = max_bytes

    def append(self, carried: Carried) -> None:
        self.last += 1
        self._events.append(carried)
        self._times.append(time.monotonic())
        self._bytes += len(carried.frame)
        while len(self._events) > self._max_events or self._bytes > self._max_bytes:
            self._bytes -= len(self._events.popleft().frame)
            self._times.popleft()

    def number_before(self, at: float) -> int:
        """The number of the newest event that is older, or of the one before the first kept."""
        newer = sum(1 for _ in takewhile(lambda one: one >= at, reversed(self._times)))
        return self.last - newer

    def after(self, number: int) -> list[Carried] | None:
        """Everything newer than `number`; None when some of that is gone."""
        missed = self.last - number
        if missed > len(self._events):
            return None
        return list(islice(self._events, len(self._events) - missed, None))


class MemoryHub:
    """max_events, max_bytes   what a workspace's log may hold, whichever is reached first"""

    def __init__(self, *, max_events: int = 10_000, max_bytes: int = 8 * 1024 * 1024) -> None:
        self._epoch = secrets.token_hex(6)
        self._max_events = max_events
        self._max_bytes = max_bytes
        self._logs: dict[WorkspaceId, _Log] = {}
        self._listeners: Listeners[Listener] = Listeners()

    async def start(self) -> None:
        """Nothing to open: the log is this object."""

    async def close(self) -> None:
        for listener in self._listeners:
            listener.close()

    async def publish(self, events: Sequence[Event]) -> list[str]:
        cursors = []
        for event in events:
            log = self._log(event.workspace_id)
            carried = stamp(encode(event), self._cursor(log.last + 1))
            log.append(carried)
            cursors.append(carried.cursor)
            self._deliver(carried)
        return cursors

    def signal(self, event: Event) -> None:
        self._deliver(encode(event))

    async def listen(
        self, workspace_id: WorkspaceId, after: str | None, deliver: Deliver
    ) -> Listening:
        # No await from here to the end: that is why nothing can fall between replay and live.
        log = self._log(workspace_id)
        listener = Listener(workspace_id, deliver, self._listeners.remove)
        listener.cursor = self._cursor(log.last)
        self._listeners.add(listener)
        if after is None:
            return listener
        number = self._number(after, log.last)
        missed = None if number is None else log.after(number)
        if missed is None:
            reason = "unknown_cursor" if number is None else "trimmed"
            listener.hear(Resync(reason=reason, cursor=listener.cursor))
            return listener
        listener.resumed = True
        for carried in missed:
            listener.hear(carried)
        return listener

    async def recently(self, workspace_id: WorkspaceId, seconds: float = RECENTLY_S) -> str:
        return self._cursor(self._log(workspace_id).number_before(time.monotonic() - seconds))

    def healthy(self) -> bool:
        return True

    def _deliver(self, carried: Carried) -> None:
        for listener in self._listeners.of(carried.workspace_id):
            listener.hear(carried)

    def _log(self, workspace_id: WorkspaceId) -> _Log:
        log = self._logs.get(workspace_id)
        if log is None:
            log = self._logs[workspace_id] = _Log(self._max_events, self._max_bytes)
        return log

    def _cursor(self, number: int) -> str:
        return f"{self._epoch}-{number}"

    def _number(self, cursor: str, last: int) -> int | None:
        """The number in a cursor of this log; None for a cursor of any other."""
        epoch, _, digits = cursor.partition("-")
        if epoch != self._epoch or not (digits.isascii() and digits.isdigit()):
            return None
        number = int(digits) if len(digits) < 20 else last + 1
        return number if number <= last else None
