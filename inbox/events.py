"""Makes the events of docs/api.md from what was just stored."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from inbox import shapes
from inbox.domain.agent import Agent
from inbox.domain.channel import Channel, Manifest
from inbox.domain.consent import ConsentEvent, ConsentType
from inbox.domain.contact import Contact, Identity, Merge
from inbox.domain.conversation import Conversation
from inbox.domain.event import Event
from inbox.domain.ids import AgentId, ChannelId, ConversationId, EventId
from inbox.domain.message import Attachment, Message, Status
from inbox.domain.template import Template
from inbox.ids import new_id

Actor = tuple[str, str | None]
SYSTEM: Actor = ("system", None)


def _event(
    type_: str,
    *,
    conversation: Conversation | None = None,
    message: Message | None = None,
    channel: Channel | None = None,
    actor: Actor = SYSTEM,
    only_for: AgentId | None = None,
    # Any: the API's shapes, as JSON.
    data: dict[str, Any],
    previous: dict[str, Any] | None = None,
) -> Event:
    owner = conversation or message or channel
    if owner is None:
        raise ValueError("an event is about something")
    conversation_id: ConversationId | None = None
    channel_id: ChannelId | None = None
    if conversation is not None:
        conversation_id, channel_id = conversation.id, conversation.channel_id
    elif message is not None:
        conversation_id, channel_id = message.conversation_id, message.channel_id
    elif channel is not None:
        channel_id = channel.id
    return Event(
        id=EventId(new_id("evt")),
        workspace_id=owner.workspace_id,
        type=type_,
        at=datetime.now(UTC),
        actor=actor,
        channel_id=channel_id,
        conversation_id=conversation_id,
        only_for=only_for,
        data=data,
        previous=previous,
    )


def message_created(message: Message) -> Event:
    actor: Actor = (message.author.type, message.author.id)
    return _event("message.created", message=message, actor=actor, data=shapes.message(message))


def status_changed(message: Message, previous: Status) -> Event:
    return _event(
        "message.status_changed",
        message=message,
        data=shapes.message_status(message),
        previous={"status": previous},
    )


def message_updated(message: Message) -> Event:
    return _event("message.updated", message=message, data=shapes.message(message))


def message_deleted(message: Message) -> Event:
    """Ids and times only: what was taken back is not sent around once more."""
    data = {"id": message.id, "deleted_at": shapes.time(message.deleted_at)}
    return _event("message.deleted", message=message, data=data)


def reacted(message: Message, *, added: bool) -> Event:
    type_ = "message.reaction_added" if added else "message.reaction_removed"
    data = {"id": message.id, "reactions": shapes.reactions(message)}
    return _event(type_, message=message, data=data)


def retry_requested(message: Message, actor: Actor, attempt: int) -> Event:
    data = {"id": message.id, "status": message.status, "attempt": attempt}
    return _event("message.retry_requested", message=message, actor=actor, data=data)


def attachment_ready(message: Message, attachment: Attachment) -> Event:
    data = {"id": message.id, "attachment": shapes.attachment(attachment)}
    return _event("message.attachment_ready", message=message, data=data)


def template_changed(channel: Channel, template: Template) -> Event:
    data = {
        "channel_id": channel.id,
        "name": template.name,
        "language": template.language,
        "status": template.status.value,
        "category": template.category.value,
    }
    return _event("template.status_changed", channel=channel, data=data)


def conversation_created(conversation: Conversation, channel: Channel, manifest: Manifest) -> Event:
    data = shapes.conversation(conversation, channel, manifest)
    return _event("conversation.created", conversation=conversation, data=data)


def conversation_status(
    conversation: Conversation, type_: str, status: str, version: int, actor: Actor = SYSTEM
) -> Event:
    """`conversation.resolved` or `conversation.reopened`."""
    return _event(
        type_,
        conversation=conversation,
        actor=actor,
        data={"id": conversation.id, "status": status, "status_version": version},
        previous={"status": conversation.status},
    )


def conversation_read(
    conversation: Conversation, agent_id: AgentId, read: dict[str, int], unread: int
) -> Event:
    """One agent's read mark: it goes to that agent's screens only."""
    return _event(
        "conversation.updated",
        conversation=conversation,
        actor=("agent", agent_id),
        only_for=agent_id,
        data={"id": conversation.id, "read": read, "unread": unread},
    )


def contact_updated(conversation: Conversation, name: str, handle: str) -> Event:
    data = {
        "id": conversation.contact_id,
        "name": shapes.readable(name),
        "handle": shapes.readable(handle),
        "picture": conversation.picture,
    }
    return _event("contact.updated", conversation=conversation, data=data)


def contact_merged(
    merge: Merge, contact: Contact, conversations: Sequence[Conversation], channel_id: ChannelId
) -> Event:
    """`contact.merged` or `.unmerged`: `contact` has these conversations of a channel now."""
    here = [one for one in conversations if one.channel_id == channel_id]
    undone = merge.state in ("splitting", "split")
    data = {
        "id": contact.id,
        "merge_id": merge.id,
        "merged_id": merge.gone,
        "name": shapes.readable(here[0].contact_name),
        "conversation_ids": [one.id for one in here],
    }
    type_ = "contact.unmerged" if undone else "contact.merged"
    by = merge.undone_by if undone else merge.by
    return _event(type_, conversation=here[0], actor=("agent", by), data=data)


def contact_blocked(conversation: Conversation, agent: Agent, blocked: bool) -> Event:
    type_ = "contact.blocked" if blocked else "contact.unblocked"
    data = {"id": conversation.contact_id, "blocked": blocked}
    return _event(type_, conversation=conversation, actor=("agent", agent.id), data=data)


def identity_aliased(conversation: Conversation, identity: Identity) -> Event:
    """An identity goes by more ids than it did."""
    data = {"id": identity.id, "contact_id": identity.contact_id, "kind": identity.kind}
    return _event("identity.aliased", conversation=conversation, data=data)


def consent_changed(conversation: Conversation, recorded: ConsentEvent) -> Event:
    granted = recorded.type in (ConsentType.OPT_IN, ConsentType.PROVIDER_OPT_IN)
    return _event(
        "consent.granted" if granted else "consent.revoked",
        conversation=conversation,
        actor=("contact", conversation.contact_id),
        data={
            "contact_id": conversation.contact_id,
            "kind": recorded.kind,
            "type": recorded.type,
            "method": recorded.method,
        },
    )


def send_blocked(conversation: Conversation, agent: Agent, code: str) -> Event:
    """The gate refused; `code` says why."""
    data = {"contact_id": conversation.contact_id, "kind": conversation.kind, "code": code}
    return _event(
        "consent.send_blocked", conversation=conversation, actor=("agent", agent.id), data=data
    )


def channel_state(channel: Channel, type_: str, state: str, trouble: str | None) -> Event:
    data = {"id": channel.id, "state": state, "trouble": trouble}
    return _event(type_, channel=channel, data=data)


LOGIN_ENDED = "login.ended"


def login_ended(agent: Agent) -> Event:
    """For our own servers, never for screens: this agent's have to prove themselves again."""
    return Event(
        id=EventId(new_id("evt")),
        workspace_id=agent.workspace_id,
        type=LOGIN_ENDED,
        at=datetime.now(UTC),
        actor=("agent", agent.id),
        only_for=agent.id,
    )
