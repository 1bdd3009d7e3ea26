"""Who listens in this process, by workspace. What is delivered, and when, is the hubs' business."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

from inbox.domain.event import Carried, Resync
from inbox.domain.ids import WorkspaceId
from inbox.hub import Deliver
from inbox.log import get

log = get(__name__)


class Listener:
    """One socket's ear; what `listen` returns. `on_close` is called once."""

    def __init__(
        self,
        workspace_id: WorkspaceId,
        deliver: Deliver,
        on_close: Callable[[Listener], None],
    ) -> None:
        self.workspace_id = workspace_id
        self.resumed = False
        self.cursor = ""
        self.closed = False
        self._deliver = deliver
        self._on_close = on_close

    def hear(self, item: Carried | Resync) -> None:
        """Deliver one thing. A listener that raises is closed: it must not hold up the others, and
        what it missed it learns from its cursor when it comes back."""
        if self.closed:
            return
        try:
            self._deliver(item)
        except Exception:  # whatever a socket's owner does wrong stays with that socket
            self.close()
            log.warning("hub_listener_dropped", workspace=self.workspace_id, exc_info=True)

    def close(self) -> None:
        if not self.closed:
            self.closed = True
            self._on_close(self)


L = TypeVar("L", bound=Listener)


class Listeners(Generic[L]):
    """All listeners of one hub, in the order in which they came."""

    def __init__(self) -> None:
        # Dicts as ordered sets: ten thousand sockets leave at once when a server goes down.
        self._by_workspace: dict[WorkspaceId, dict[L, None]] = {}

    def add(self, listener: L) -> None:
        self._by_workspace.setdefault(listener.workspace_id, {})[listener] = None

    def remove(self, listener: Listener) -> None:
        group = self._by_workspace.get(listener.workspace_id, {})
        # A plain Listener, where the keys are a subclass's: identity is all that counts here.
        group.pop(listener, None)  # type: ignore[arg-type]
        if not group:
            self._by_workspace.pop(listener.workspace_id, None)

    def of(self, workspace_id: WorkspaceId) -> tuple[L, ...]:
        """Those who listen now; a copy, since delivering may close any of them."""
        return tuple(self._by_workspace.get(workspace_id, ()))

    def workspaces(self) -> list[WorkspaceId]:
        return list(self._by_workspace)

    def __iter__(self) -> Iterator[L]:
        for group in list(self._by_workspace.values()):
            yield from tuple(group)
