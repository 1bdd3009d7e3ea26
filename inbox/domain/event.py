"""What the hub carries to agents: one envelope for every happening.

`data` is what the API would answer of the thing; `previous` holds only what changed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from inbox.domain.ids import AgentId, ChannelId, ConversationId, EventId, WorkspaceId


@dataclass(frozen=True, kw_only=True, slots=True)
class Event:
    """type        dotted, past tense: `message.created`
    channel_id     who may see this channel may see the event; None: every agent of the workspace
    only_for       one agent's own business (a read mark); None: everyone who may see it
    data           JSON-ready (str, int, bool, None, list, dict), in the API's shapes
    """

    id: EventId
    workspace_id: WorkspaceId
    type: str
    at: datetime
    actor: tuple[str, str | None]
    channel_id: ChannelId | None = None
    conversation_id: ConversationId | None = None
    only_for: AgentId | None = None
    # Any: the shapes are the API's, checked where they are made (web/api/shapes.py).
    data: dict[str, Any] = field(default_factory=dict)
    previous: dict[str, Any] | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Carried:
    """An event on its way to sockets: encoded once, with the cursor to come back with."""

    cursor: str
    workspace_id: WorkspaceId
    type: str
    channel_id: ChannelId | None
    only_for: AgentId | None
    frame: bytes


@dataclass(frozen=True, kw_only=True, slots=True)
class Resync:
    """The log cannot bridge the gap: fetch over REST, then go on from `cursor`."""

    reason: str
    cursor: str
