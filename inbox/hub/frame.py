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


def encode(event: Event) -> Carried:
    """Encode once for every recipient, without a cursor: a log knows it only once it holds the
    event, see `stamp`. What passes (typing) is delivered just so."""
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
    return Carried(
        cursor="",
        workspace_id=event.workspace_id,
        type=event.type,
        channel_id=event.channel_id,
        only_for=event.only_for,
        frame=_encoder.encode(body),
    )


def stamp(carried: Carried, cursor: str) -> Carried:
    """The same with its place in a log as the last key; cursors are plain ASCII without quotes."""
    return Carried(
        cursor=cursor,
        workspace_id=carried.workspace_id,
        type=carried.type,
        channel_id=carried.channel_id,
        only_for=carried.only_for,
        frame=b'%b,"cursor":"%b"}' % (carried.frame[:-1], cursor.encode("ascii")),
    )
