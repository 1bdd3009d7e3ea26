"""Our side's reaction to a message of a contact: the gate is asked, and it goes at once.

It is no message of the outbox: a reaction that comes an hour late is worse than none. Doing it
twice is doing it once, for us as for the provider.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Annotated

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from inbox import events, shapes
from inbox.channel_states import ChannelStates
from inbox.consent import facts, policy
from inbox.domain.abilities import OutboundReaction, Reacts
from inbox.domain.agent import Agent
from inbox.domain.channel import Channel
from inbox.domain.consent import Purpose
from inbox.domain.conversation import Conversation
from inbox.domain.errors import (
    AccountTrouble,
    Conflict,
    Invalid,
    OutcomeUnknown,
    Permanent,
    StoreUnavailable,
    Temporary,
)
from inbox.domain.gate import Attempt, Decision, Permit, decide
from inbox.domain.message import Direction, Message
from inbox.domain.rich import Rich, is_emoji
from inbox.web import bodies
from inbox.web import context as contexts
from inbox.web.api import views
from inbox.web.api.messages import DECISIONS, record_refusal, refusal
from inbox.web.context import Context
from inbox.web.problems import problem
from inbox.web.signin import signed_in


class ReactionBody(msgspec.Struct, forbid_unknown_fields=True):
    """`emoji` null takes back the one that is there."""

    emoji: Annotated[str, msgspec.Meta(max_length=32)] | None


async def create(request: Request) -> Response:
    """`POST /messages/{id}/reactions`: the message with its reactions, or a refusal."""
    context = contexts.of(request)
    agent = (await signed_in(request)).agent
    message = await views.get_message(context, agent, request.path_params["id"])
    conversation = await views.get_conversation(context, agent, message.conversation_id, "write")
    body = await bodies.read(request, ReactionBody)
    channel = await views.get_channel(context, conversation.channel_id)
    connector = context.connectors[channel.kind]
    _check(body.emoji, message, connector.manifest.rich)
    ours = next((one.emoji for one in message.reactions if one.by == "us"), None)
    if ours == body.emoji:
        return JSONResponse(shapes.message(message))
    if not isinstance(connector, Reacts):
        raise _none()
    reaction = await _reaction(context, conversation, channel, message, body.emoji, ours)
    decision = await _decide(context, conversation, channel, reaction)
    DECISIONS.labels(channel.kind, decision.code).inc()
    if decision.permit is None:
        await record_refusal(context, conversation, agent, channel, decision)
        return refusal(request, decision)
    refused = await _send(request, context, connector, reaction, decision.permit)
    return refused or JSONResponse(
        shapes.message(await _store(context, agent, message, body.emoji))
    )


def _none() -> Invalid:
    said = "This kind of channel has no reactions."
    return Invalid(said, code="not_offered", errors=(("emoji", said),))


def _check(emoji: str | None, message: Message, rich: Rich) -> None:
    """raises Invalid, Conflict"""
    if not rich.reactions:
        raise _none()
    if emoji is not None and emoji not in rich.reactions:
        if not rich.any_reaction:
            said = "This channel takes only some reactions: " + " ".join(rich.reactions)
            raise Invalid(said, code="not_offered", errors=(("emoji", said),))
        if not is_emoji(emoji):
            raise Invalid("That is no emoji.", errors=(("emoji", "one emoji"),))
    if message.direction is not Direction.INBOUND or message.provider_id is None:
        raise Conflict("Only a message of the contact can be reacted to.")
    if message.deleted_at is not None:
        raise Conflict("The message was taken back.")


async def _reaction(
    context: Context,
    conversation: Conversation,
    channel: Channel,
    message: Message,
    emoji: str | None,
    former: str | None,
) -> OutboundReaction:
    identity = await context.stores.people.get(conversation.identity_id)
    return OutboundReaction(
        message_id=message.id,
        channel=channel,
        to=identity.address,
        target=message.provider_id or "",
        emoji=emoji,
        former=former,
    )


async def _decide(
    context: Context, conversation: Conversation, channel: Channel, reaction: OutboundReaction
) -> Decision:
    """A reaction says something, as a reply does. What a person may still write after the window is
    text and nothing else."""
    now = datetime.now(UTC)
    manifest = context.connectors[channel.kind].manifest
    identity = await context.stores.people.get(conversation.identity_id)
    known = await facts(context.stores, conversation, identity, manifest, now)
    rules = replace(policy(channel, manifest), human_agent_days=None)
    attempt = Attempt(
        kind=channel.kind, purpose=Purpose.REPLY, actor="agent", subject=reaction.subject()
    )
    return decide(attempt, replace(known, templates=False), rules, now)


async def _send(
    request: Request,
    context: Context,
    connector: Reacts,
    reaction: OutboundReaction,
    permit: Permit,
) -> Response | None:
    """None when the provider took it."""
    try:
        await connector.react(reaction, permit)
    except StoreUnavailable:
        raise
    except (Temporary, Permanent, OutcomeUnknown) as error:
        if isinstance(error, AccountTrouble):
            states = ChannelStates(
                context.stores, context.hub, context.connectors, context.directory
            )
            await states.stopped(reaction.channel, str(error), error.code)
        return problem(request, 409, "provider_error", str(error))
    return None


async def _store(context: Context, agent: Agent, message: Message, emoji: str | None) -> Message:
    now = datetime.now(UTC)
    changed = await context.stores.changes.react(message, "us", emoji, now)
    if changed is None:  # somebody else of ours did the same meanwhile
        found = await context.stores.messages.find(message.workspace_id, message.id)
        return message if found is None else found
    await context.hub.publish([events.reacted(changed, added=emoji is not None)])
    return changed
