"""The thread between one contact and one channel, and the lists it is in."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from inbox.domain.ids import (
    AgentId,
    AttachmentId,
    ChannelId,
    ContactId,
    ConversationId,
    IdentityId,
    MessageId,
    WorkspaceId,
)


class ConversationStatus(StrEnum):
    OPEN = "open"
    PENDING = "pending"
    SNOOZED = "snoozed"
    RESOLVED = "resolved"


@dataclass(frozen=True, kw_only=True, slots=True)
class Preview:
    """What a list shows of the last message of the thread; `text` is cut to 160 characters, `at` is
    when it was sent."""

    id: MessageId
    seq: int
    direction: str
    type: str
    text: str
    status: str
    author_name: str | None
    at: datetime
    deleted_at: datetime | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class ReadMark:
    """How far one agent has read: a message's seq, and its inbound_seq."""

    seq: int = 0
    inbound_seq: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Conversation:
    """last_seq, inbound_seq   those of its newest message; they may trail the messages by a moment
    heard_seq                  every inbound message up to this seq is in the times below; what came
                               after it is known from the messages alone
    newest_sent_at             the newest provider time stored in it: what comes before it is late
    last_inbound_at            provider time of the contact's last message: windows count from it
    last_basis_at              the same, of messages that were no opt-out: replies rest on it
    last_activity_at           when anything was last stored in it; lists are sorted by it
    waiting_since              the contact's first message not yet answered; None: nobody waits
    picture                    our copy of the profile picture on this channel; None: there is none
    status_version             how often the status has changed: of two news of it, which is later
    subject                    that of the first mail; None for kinds that have none
    """

    id: ConversationId
    workspace_id: WorkspaceId
    channel_id: ChannelId
    kind: str
    contact_id: ContactId
    identity_id: IdentityId
    contact_name: str
    handle: str
    status: ConversationStatus
    assignee_id: AgentId | None
    last_seq: int
    inbound_seq: int
    heard_seq: int
    newest_sent_at: datetime | None
    last_inbound_at: datetime | None
    last_basis_at: datetime | None
    last_activity_at: datetime
    waiting_since: datetime | None
    last_message: Preview | None
    created_at: datetime
    subject: str | None = None
    picture: AttachmentId | None = None
    status_version: int = 0


def list_keys(*, status: ConversationStatus, channel_id: str, assignee_id: str | None) -> list[str]:
    """The lists a conversation is in: the only place that computes them.

    Every list of the interface is a few of these keys and a range of time, which one index serves.
    They are few because every message moves its conversation in each of them: on the embedded
    database an update took 2.1 ms under seven keys and takes 1.3 ms under three.
    """
    return [
        f"status:{status}",
        f"channel:{channel_id}:{status}",
        f"assignee:{assignee_id or 'none'}:{status}",
    ]
