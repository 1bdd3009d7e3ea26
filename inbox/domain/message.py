"""A message, its parts, and the one rule by which its status moves.

Who may send it is the gate's business, how it is stored the store's.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Literal

from inbox.domain.ids import AttachmentId, ChannelId, ConversationId, MessageId, WorkspaceId


class Direction(StrEnum):
    INBOUND = "inbound"
    OUTBOUND = "outbound"
    NOTE = "note"
    ACTIVITY = "activity"


class Status(StrEnum):
    """Of an outbound message; `received` is every inbound one's, `none` a note's or an activity's.

    queued ─▶ sent ─▶ delivered ─▶ read      forwards only, steps may be skipped
       │        └──▶ failed ──▶ delivered    a device that got it after all
       └─▶ unknown ─▶ any of them            on evidence, or by an agent's word
    """

    NONE = "none"
    RECEIVED = "received"
    QUEUED = "queued"
    UNKNOWN = "unknown"
    SENT = "sent"
    FAILED = "failed"
    DELIVERED = "delivered"
    READ = "read"


_RANK = {
    Status.QUEUED: 0,
    Status.UNKNOWN: 0,
    Status.SENT: 1,
    Status.FAILED: 2,
    Status.DELIVERED: 3,
    Status.READ: 4,
}


def may_become(status: Status) -> tuple[Status, ...]:
    """The statuses from which an outbound message may move to `status`; empty if none may."""
    rank = _RANK.get(status, -1)
    return tuple(s for s, r in _RANK.items() if r < rank)


def advance(current: Status, reported: Status) -> Status:
    """The status after a report: the higher of the two, so that late reports change nothing."""
    return reported if current in may_become(reported) else current


AttachmentKind = Literal["image", "video", "audio", "document", "sticker"]
AttachmentState = Literal["pending", "ready", "failed"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Attachment:
    """A file of a message. `pending` until it lies in our own store; then `ready`, or `failed`
    with `reason` in plain words. `width` and `height` in pixels, for images only; `content_id` is
    what the mail's own HTML calls a picture inside of it."""

    id: AttachmentId
    kind: AttachmentKind
    state: AttachmentState
    mime: str | None = None
    name: str | None = None
    size_bytes: int | None = None
    width: int | None = None
    height: int | None = None
    reason: str | None = None
    content_id: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Author:
    """Who wrote it. `id` is a contact's or an agent's; None for the system."""

    type: Literal["contact", "agent", "system"]
    id: str | None = None
    name: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Failure:
    """Why an outbound message failed: the provider's code, and a sentence for the agent."""

    code: str
    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Delivery:
    """The outbox entry: a part of the message while it is on its way, else None."""

    state: Literal["queued", "sending"]
    attempts: int
    next_at: datetime
    fence: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Reaction:
    """A reaction to a message. A conversation has two sides, and each has at most one."""

    by: Literal["contact", "us"]
    emoji: str
    at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Message:
    """One item of a conversation.

    seq          order of arrival, unique in the conversation, gaps allowed
    place        order of showing; see docs/decisions/0003_order_of_a_thread.md
    inbound_seq  how many inbound messages the conversation held with this one: unread counts are
                 differences of it, so no counter can drift
    sent_at      the provider's time for inbound, ours for everything else
    received_at  when we stored it
    status_at    when each status was reached, by the provider's clock where it says
    decision     what the gate said, as a plain document; None for inbound and notes
    content      what it is more than text, as docs/api.md has it; None for plain text
    edited_at    when it was last changed where it was written
    deleted_at   when it was taken back there: text and files are gone
    history      it was there before the channel was connected: it counts for nobody's unread
    """

    id: MessageId
    workspace_id: WorkspaceId
    conversation_id: ConversationId
    channel_id: ChannelId
    seq: int
    place: int
    inbound_seq: int
    direction: Direction
    type: str
    text: str
    author: Author
    status: Status
    sent_at: datetime
    received_at: datetime
    attachments: tuple[Attachment, ...] = ()
    provider_id: str | None = None
    client_id: str | None = None
    reply_to: MessageId | None = None
    purpose: str = "reply"
    sort: str = "message"
    failure: Failure | None = None
    status_at: dict[str, datetime] = field(default_factory=dict)
    decision: dict[str, object] | None = None
    content: dict[str, object] | None = None
    reactions: tuple[Reaction, ...] = ()
    edited_at: datetime | None = None
    deleted_at: datetime | None = None
    delivery: Delivery | None = None
    journal_id: str | None = None
    history: bool = False
