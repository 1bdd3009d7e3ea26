"""The hub carries events to agents: a short log of them, and whoever listens now.

Two implementations of one protocol, `memory.MemoryHub` (one process) and `redis.RedisHub` (any
number), pass the same tests. The log is a tail, never the only copy: what it no longer holds a
client fetches over REST, and it is told so.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from inbox.domain.event import Carried, Event, Resync
from inbox.domain.ids import WorkspaceId

Deliver = Callable[[Carried | Resync], None]
"""Takes one thing for one socket. Called on the event loop, in order; must neither block nor raise:
a socket that cannot keep up is its owner's to drop."""


RECENTLY_S = 3.0


class Listening(Protocol):
    """One listener. `resumed` says whether everything after the given cursor was delivered;
    `cursor` is where the listener stood when it began to hear live events."""

    resumed: bool
    cursor: str

    def close(self) -> None: ...


class Hub(Protocol):
    async def start(self) -> None: ...

    async def close(self) -> None: ...

    async def publish(self, events: Sequence[Event]) -> list[str]:
        """Append to the log of each event's workspace, in the order given, and deliver to every
        listener of it in every process.

        returns  a cursor for each event
        raises   nothing for a log that is out of reach: listeners here are served directly, and
                 all are told to resync once it is back (an event is a copy; the truth is stored)
        """
        ...

    def signal(self, event: Event) -> None:
        """Deliver an event that passes (typing, presence): not kept, without a cursor."""
        ...

    async def listen(
        self, workspace_id: WorkspaceId, after: str | None, deliver: Deliver
    ) -> Listening:
        """Hear a workspace: first what came after the cursor `after`, then live, without a gap or a
        repeat between the two. `after=None` begins now (`resumed` is False, nothing is replayed).
        A cursor of another log or one already trimmed calls `deliver(Resync(…))` first and goes
        on live."""
        ...

    async def recently(self, workspace_id: WorkspaceId, seconds: float = RECENTLY_S) -> str:
        """A cursor from that long ago or before, for who begins with what is stored: events are
        told before all that follows from them is written, and an event may be heard twice without
        harm. What the log no longer holds of that time is not replayed."""
        ...

    def healthy(self) -> bool:
        """False while the log is out of reach; service goes on."""
        ...
