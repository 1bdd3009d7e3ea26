"""The one place that turns an event into the bytes that sockets carry."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec

from inbox.domain.event import Carried, Event

_encoder = msgspec.json.Encoder()


def rfc3339(instant: datetime) -> str:
    """UTC with milliseconds: `2026-11-22T10:00:00.123Z`."""
    return instant.astimezone(UTC).isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"


def encode(event: Event, cursor: str) -> Carried:
    """Encode once for every recipient. An empty cursor is left out: the event is not kept."""
    # Any: JSON by nature.
    body: dict[str, Any] = {
        "id": event.id,
        "type": event.type,
        "at": rfc3339(event.at),
        "actor": {"type": event.actor[0], "id": event.actor[1]},
        "conversation_id": event.conversation_id,
        "data": event.data,
    }
    if event.previous is not None:
        body["previous"] = event.previous
    if cursor:
        body["cursor"] = cursor
    return Carried(
        cursor=cursor,
        workspace_id=event.workspace_id,
        type=event.type,
        channel_id=event.channel_id,
        only_for=event.only_for,
        frame=_encoder.encode(body),
    )
