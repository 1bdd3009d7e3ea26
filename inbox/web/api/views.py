"""What an agent may see, fetched and shaped: shared by the API and the first paint of the page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from inbox import shapes
from inbox.consent import facts, policy
from inbox.domain.agent import Agent, Role, Verb, can, channels_of
from inbox.domain.channel import Channel
from inbox.domain.consent import Purpose
from inbox.domain.contact import Identity
from inbox.domain.conversation import Conversation, ConversationStatus
from inbox.domain.errors import NotFound
from inbox.domain.gate import Attempt, Decision, Facts, Policy, decide
from inbox.domain.ids import ChannelId, ConversationId, MessageId
from inbox.domain.message import Message
from inbox.domain.template import TemplateCategory, TemplateUse
from inbox.recipients import answer
from inbox.web import bodies
from inbox.web.context import Context

Json = dict[str, Any]
THREAD_PAGE = 50


async def get_conversation(
    context: Context, agent: Agent, conversation_id: str, verb: Verb = "see"
) -> Conversation:
    """raises NotFound: it does not exist, or not for this agent; the two look alike"""
    conversation = await context.stores.conversations.find(
        agent.workspace_id, ConversationId(conversation_id)
    )
    if conversation is None or not can(agent, verb, conversation.channel_id):
        raise NotFound("There is no such conversation.")
    return conversation


async def get_message(context: Context, agent: Agent, message_id: str) -> Message:
    message = await context.stores.messages.find(agent.workspace_id, MessageId(message_id))
    if message is None or not can(agent, "see", message.channel_id):
        raise NotFound("There is no such message.")
    return message


async def get_channel(context: Context, channel_id: ChannelId) -> Channel:
    channel = await context.directory.find(channel_id)
    if channel is None:
        raise NotFound("There is no such channel.")
    return channel


async def shaped(
    context: Context, agent: Agent, conversations: Sequence[Conversation]
) -> list[Json]:
    """Conversations in the API's shape, each with the agent's own read mark."""
    if not conversations:
        return []
    ids = [one.id for one in conversations]
    reads = await context.stores.reads.of(agent.id, ids)
    answers: list[Json] = []
    for one in conversations:
        channel = await get_channel(context, one.channel_id)
        manifest = context.connectors[channel.kind].manifest
        answers.append(shapes.conversation(one, channel, manifest, reads.get(one.id)))
    return answers


@dataclass(frozen=True, kw_only=True, slots=True)
class ListFilter:
    """Which conversations a list holds; None does not restrict. `assignee` is an id or `none`."""

    status: ConversationStatus | None = None
    channel_id: str | None = None
    kind: str | None = None
    assignee: str | None = None


async def list_page(
    context: Context,
    agent: Agent,
    wanted: ListFilter,
    *,
    limit: int,
    after: tuple[datetime, str] | None = None,
    since: datetime | None = None,
) -> list[Conversation]:
    """The newest conversations of a list that the agent may see, or those that follow `after`.

    A list is a few list keys, each a bounded range; their pages are merged. Who works on some
    channels gets those channels' lists and nothing else is read.
    """
    found: list[Conversation] = []
    for key in await _keys(context, agent, wanted):
        found += await _key_page(context, agent, wanted, key, limit, after, since)
    found.sort(key=lambda one: (one.last_activity_at, one.id), reverse=True)
    return found[:limit]


async def _keys(context: Context, agent: Agent, wanted: ListFilter) -> list[str]:
    statuses = tuple(ConversationStatus) if wanted.status is None else (wanted.status,)
    if wanted.assignee is not None:
        return [f"assignee:{wanted.assignee}:{status}" for status in statuses]
    sees_all = agent.channel_ids is None or agent.role is not Role.AGENT
    if sees_all and wanted.channel_id is None and wanted.kind is None:
        return [f"status:{status}" for status in statuses]
    channels = [
        channel.id
        for channel in await context.directory.of_workspace(agent.workspace_id)
        if wanted.channel_id in (None, channel.id)
        and wanted.kind in (None, channel.kind)
        and can(agent, "see", channel.id)
    ]
    return [f"channel:{channel_id}:{status}" for channel_id in channels for status in statuses]


async def _key_page(
    context: Context,
    agent: Agent,
    wanted: ListFilter,
    key: str,
    limit: int,
    after: tuple[datetime, str] | None,
    since: datetime | None,
) -> list[Conversation]:
    """A page of one list key, less what an assignee's list holds of other channels: read on until
    it is full."""
    found: list[Conversation] = []
    while len(found) < limit:
        page = await context.stores.conversations.page(
            agent.workspace_id, key, after=after, limit=limit, since=since
        )
        found += [
            one
            for one in page
            if can(agent, "see", one.channel_id)
            and wanted.channel_id in (None, one.channel_id)
            and wanted.kind in (None, one.kind)
        ]
        if len(page) < limit:
            break
        after = (page[-1].last_activity_at, page[-1].id)
    return found[:limit]


def list_cursor(last: Conversation) -> str:
    """Leads to what follows this conversation in any list."""
    return bodies.to_cursor(f"{last.last_activity_at.isoformat()} {last.id}")


async def thread_page(
    context: Context,
    conversation: Conversation,
    before_place: int | None = None,
    limit: int = THREAD_PAGE,
) -> Json:
    messages = await context.stores.messages.page(
        conversation.workspace_id,
        conversation.id,
        last_seq=conversation.last_seq,
        before_place=before_place,
        limit=limit,
    )
    lowest = conversation.last_seq - limit
    if before_place is not None:
        lowest = before_place - 1 - limit
    has_more = lowest > 0
    return {
        "data": [shapes.message(one) for one in messages],
        "next_cursor": bodies.to_cursor(str(lowest + 1)) if has_more else None,
        "has_more": has_more,
    }


async def decisions(
    context: Context,
    conversation: Conversation,
    channel: Channel,
    now: datetime,
    template: TemplateUse | None = None,
) -> dict[Purpose, Decision]:
    """What the gate says of each purpose now, of free words or of a template. Asks, and records
    nothing."""
    identity = await context.stores.people.get(conversation.identity_id)
    manifest = context.connectors[channel.kind].manifest
    known = await facts(context.stores, conversation, identity, manifest, now)
    return _answers(channel.kind, known, policy(channel, manifest), now, template)


def _answers(
    kind: str, known: Facts, rules: Policy, now: datetime, template: TemplateUse | None = None
) -> dict[Purpose, Decision]:
    return {
        purpose: decide(
            Attempt(kind=kind, purpose=purpose, actor="agent", template=template), known, rules, now
        )
        for purpose in Purpose
    }


async def gate(context: Context, agent: Agent, conversation: Conversation) -> Json:
    """`GET conversations/{id}/gate`: the only source for what the composer offers."""
    now = datetime.now(UTC)
    channel = await get_channel(context, conversation.channel_id)
    manifest = context.connectors[channel.kind].manifest
    hours = manifest.window_hours
    identity = await context.stores.people.get(conversation.identity_id)
    known = await facts(context.stores, conversation, identity, manifest, now)
    closes_at = None
    if hours is not None and known.last_inbound_at is not None:
        closes_at = known.last_inbound_at + timedelta(hours=hours)
    rules = policy(channel, manifest)
    answers = _answers(channel.kind, known, rules, now)
    person_until = None
    person_days = rules.human_agent_days
    if person_days is not None and known.last_inbound_at is not None:
        person_until = known.last_inbound_at + timedelta(days=person_days)
    return {
        "window": {
            "hours": hours,
            "open": hours is None or (closes_at is not None and now < closes_at),
            "closes_at": shapes.time(closes_at),
            "person_until": shapes.time(person_until),
        },
        "decisions": {purpose.value: shapes.decision(one) for purpose, one in answers.items()},
        "templates": _of_templates(channel.kind, known, rules, now),
        "alternatives": await _alternatives(context, agent, conversation, now),
        "channel": {"state": channel.state, "trouble": channel.trouble},
        "mail": await _answer(context, conversation, identity, channel),
    }


_FOR = {
    TemplateCategory.UTILITY: Purpose.REPLY,
    TemplateCategory.AUTHENTICATION: Purpose.TRANSACTIONAL,
    TemplateCategory.MARKETING: Purpose.PROMOTIONAL,
}


def _of_templates(kind: str, known: Facts, rules: Policy, now: datetime) -> Json | None:
    """By category, what the gate would say of an approved template; None for kinds without any."""
    if not rules.templates:
        return None
    answers: Json = {}
    for category, purpose in _FOR.items():
        use = TemplateUse(category=category, approved=True)
        found = _answers(kind, known, rules, now, use)
        answers[category.value] = shapes.decision(found[purpose])
    return answers


async def _answer(
    context: Context, conversation: Conversation, identity: Identity, channel: Channel
) -> Json | None:
    """Whom a mail goes to unless the agent says otherwise; None for other kinds."""
    if not context.connectors[channel.kind].manifest.mail:
        return None
    found = await answer(context.stores, conversation, identity, channel)
    to, cc = found.recipients.to, found.recipients.cc
    return {"to": list(to), "cc": list(cc), "subject": found.subject}


async def _alternatives(
    context: Context, agent: Agent, conversation: Conversation, now: datetime
) -> list[Json]:
    """The contact's conversations on other channels in which a reply is allowed now; the newest of
    each channel, for a mailbox has one a thread."""
    answers: list[Json] = []
    found = await context.stores.conversations.of_contact(
        conversation.workspace_id, conversation.contact_id, channels_of(agent)
    )
    newest: dict[ChannelId, Conversation] = {}
    for one in sorted(found, key=lambda one: one.last_activity_at):
        newest[one.channel_id] = one
    for other in newest.values():
        same = other.channel_id == conversation.channel_id
        if same or not can(agent, "write", other.channel_id):
            continue
        channel = await get_channel(context, other.channel_id)
        if (await decisions(context, other, channel, now))[Purpose.REPLY].allow:
            label = context.connectors[channel.kind].manifest.label
            answers.append({"conversation_id": other.id, "kind": channel.kind, "label": label})
    return answers
