"""Starts values that are about to be stored: a message of a conversation, a line of the ledger."""

from __future__ import annotations

from datetime import datetime

from inbox.domain.consent import ConsentEvent, ConsentType
from inbox.domain.contact import Identity
from inbox.domain.conversation import Conversation
from inbox.domain.ids import ConsentEventId, MessageId
from inbox.domain.message import Author, Direction, Message, Status
from inbox.ids import new_id
from inbox.stores import Stores

_STATUS = {Direction.INBOUND: Status.RECEIVED, Direction.OUTBOUND: Status.QUEUED}


def message(
    conversation: Conversation, direction: Direction, author: Author, text: str, at: datetime
) -> Message:
    """A text with a new id, sent and received at `at`; whoever needs more says so by `replace`.
    Its numbers are 0 until the store gives them."""
    return Message(
        id=MessageId(new_id("msg")),
        workspace_id=conversation.workspace_id,
        conversation_id=conversation.id,
        channel_id=conversation.channel_id,
        seq=0,
        place=0,
        inbound_seq=0,
        direction=direction,
        type="text",
        text=text,
        author=author,
        status=_STATUS.get(direction, Status.NONE),
        sent_at=at,
        received_at=at,
    )


def consent(
    stores: Stores,
    identity: Identity,
    type_: ConsentType,
    *,
    method: str,
    actor: str,
    at: datetime,
    recorded_at: datetime,
    text: str = "",
    message_id: MessageId | None = None,
) -> ConsentEvent:
    """A line of the ledger for everything that this identity is reached by; the evidence is cut to
    200 characters."""
    return ConsentEvent(
        id=ConsentEventId(new_id("cst")),
        workspace_id=identity.workspace_id,
        kind=identity.kind,
        points=tuple(stores.people.tags(identity.kind, identity.keys)),
        type=type_,
        at=at,
        recorded_at=recorded_at,
        method=method,
        text=text[:200],
        actor=actor,
        message_id=message_id,
    )
