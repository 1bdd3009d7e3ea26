"""Messages: a thread's pages, writing one, and trying one again."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal

import msgspec
from prometheus_client import Counter
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from inbox import drafts, events, shapes
from inbox.consent import template_use
from inbox.domain.agent import Agent, can
from inbox.domain.channel import Channel, Manifest
from inbox.domain.consent import Purpose
from inbox.domain.conversation import Conversation
from inbox.domain.errors import Conflict, Invalid, NotFound
from inbox.domain.gate import Decision
from inbox.domain.ids import AttachmentId, MessageId
from inbox.domain.mail import MOST_RECIPIENTS, MOST_SUBJECT
from inbox.domain.message import Attachment, Author, Delivery, Direction, Message
from inbox.store.message_documents import client_key
from inbox.store.messages import Duplicate
from inbox.store.summaries import Summary
from inbox.web import bodies
from inbox.web import context as contexts
from inbox.web.api import mails, offers, views
from inbox.web.context import Context
from inbox.web.problems import problem
from inbox.web.signin import signed_in

DECISIONS = Counter("assent_gate_answers_total", "Decisions when writing", ["kind", "code"])
# A new message is in this process's hands first; the sweep is for what a crash leaves behind.
HANDOVER = timedelta(seconds=2)


Addresses = Annotated[
    list[Annotated[str, msgspec.Meta(max_length=254)]], msgspec.Meta(max_length=MOST_RECIPIENTS)
]


class MessageBody(offers.Offered, kw_only=True, forbid_unknown_fields=True):
    client_id: Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
    text: Annotated[str, msgspec.Meta(max_length=70_000)] = ""
    attachments: Annotated[list[str], msgspec.Meta(max_length=10)] = msgspec.field(
        default_factory=list
    )
    reply_to: str | None = None
    purpose: Literal["reply", "transactional", "promotional"] = "reply"
    note: bool = False
    seen_through: str | None = None
    to: Addresses | None = None
    cc: Addresses | None = None
    bcc: Addresses | None = None
    subject: Annotated[str, msgspec.Meta(max_length=MOST_SUBJECT)] | None = None


async def index(request: Request) -> Response:
    """`GET /conversations/{id}/messages`"""
    context = contexts.of(request)
    caller = await signed_in(request)
    conversation = await views.get_conversation(context, caller.agent, request.path_params["id"])
    limit = bodies.limit(request, views.THREAD_PAGE)
    cursor = bodies.single(request, "cursor")
    before: int | None = None
    if cursor is not None:
        text = bodies.from_cursor(cursor)
        if not text.isascii() or not text.isdigit() or len(text) > 12:
            raise Invalid("The cursor is not one of ours.", code="unknown_cursor")
        before = int(text)
    return JSONResponse(await views.thread_page(context, conversation, before, limit))


async def create(request: Request) -> Response:
    """`POST /conversations/{id}/messages`: 202 accepted, 200 known already, or a refusal."""
    context = contexts.of(request)
    caller = await signed_in(request)
    conversation = await views.get_conversation(
        context, caller.agent, request.path_params["id"], "write"
    )
    body = await bodies.read(request, MessageBody)
    key = client_key(conversation.id, body.client_id)
    known = await context.stores.messages.find_by_keys(conversation.workspace_id, [key])
    if key in known:
        return JSONResponse(shapes.message(known[key]))
    newer = await _newer_than_seen(context, conversation, body)
    if newer:
        return problem(
            request,
            409,
            "newer_messages",
            "The contact has written since. Read it first.",
            more={"message_ids": newer},
        )
    channel = await views.get_channel(context, conversation.channel_id)
    manifest = context.connectors[channel.kind].manifest
    attachments = await _attachments(context, caller.agent, conversation, body)
    decision: Decision | None = None
    mail: mails.Json | None = None
    offer = await offers.read(context, channel, body, body.text, attachments, manifest)
    if not body.text.strip() and not attachments and offer.content is None:
        raise Invalid("A message needs text or a file.", errors=(("text", "empty"),))
    if body.note and offer.content is not None:
        raise Invalid("A note holds text only.", errors=(("note", "text only"),))
    purpose = Purpose(offer.purpose or body.purpose)
    if not body.note:
        _check_connected(channel)
        _check_limits(body, attachments, manifest)
        answers = await views.decisions(
            context, conversation, channel, datetime.now(UTC), offer.use
        )
        decision = answers[purpose]
        if manifest.mail:
            mail = await mails.chosen(context, conversation, channel, body)
            if decision.allow:
                decision = await mails.decide(context, conversation, body, mail) or decision
        else:
            mails.refuse_fields(body, manifest)
        DECISIONS.labels(channel.kind, decision.code).inc()
        if not decision.allow:
            await record_refusal(context, conversation, caller.agent, channel, decision)
            return refusal(request, decision)
    try:
        message = await _accept(
            context, conversation, caller.agent, body, attachments, decision, offer, purpose, mail
        )
    except Duplicate as twin:
        return JSONResponse(shapes.message(twin.message))
    return JSONResponse(shapes.message(message), status_code=202)


_REFUSALS = {
    "DENY_OPTED_OUT": (403, "opted_out"),
    "DENY_OPTED_OUT_PURPOSE": (403, "opted_out"),
    "DENY_OPTED_OUT_GLOBAL": (403, "opted_out"),
    "DENY_PROVIDER_BLOCK": (403, "opted_out"),
    "DENY_NO_CONSENT": (403, "consent_required"),
    "DENY_NO_INBOUND": (403, "consent_required"),
    "DENY_WINDOW_CLOSED": (409, "window_closed"),
    "DENY_TEMPLATE_NOT_APPROVED": (409, "template_not_approved"),
    "DENY_TEMPLATE_CATEGORY": (403, "consent_required"),
}


def refusal(request: Request, decision: Decision) -> Response:
    status, code = _REFUSALS.get(decision.code, (403, "not_allowed"))
    more = {"decision": shapes.decision(decision)}
    return problem(request, status, code, decision.reason, more=more)


async def record_refusal(
    context: Context,
    conversation: Conversation,
    agent: Agent,
    channel: Channel,
    decision: Decision,
) -> None:
    await context.stores.decisions.record(
        conversation, agent.id, shapes.decision(decision), datetime.now(UTC)
    )
    await context.hub.publish([events.send_blocked(conversation, agent, decision.code)])


def _check_connected(channel: Channel) -> None:
    if not channel.in_use:
        reason = "This channel is disconnected, so nothing can be sent on it."
        raise Conflict(reason, code="channel_gone")


async def _newer_than_seen(
    context: Context, conversation: Conversation, body: MessageBody
) -> list[MessageId]:
    """What the contact wrote after the last message that the writer had on the screen."""
    if body.seen_through is None or body.note:
        return []
    seen = await context.stores.messages.find(
        conversation.workspace_id, MessageId(body.seen_through)
    )
    if seen is None or seen.conversation_id != conversation.id:
        raise Invalid(
            "The message named is not of this conversation.",
            errors=(("seen_through", "unknown"),),
        )
    newer = await context.stores.messages.inbound_after(
        conversation.workspace_id, conversation.id, seen.seq
    )
    return [one.id for one in newer]


async def _attachments(
    context: Context, agent: Agent, conversation: Conversation, body: MessageBody
) -> tuple[Attachment, ...]:
    """The writer's own uploads. One that is in this conversation already is of a try of the same
    message that got no further, or of one that is under way: the `client_id` keeps it single."""
    found: list[Attachment] = []
    for attachment_id in dict.fromkeys(body.attachments):
        stored = await context.stores.files.find(agent.workspace_id, AttachmentId(attachment_id))
        if (
            stored is None
            or stored.uploaded_by != agent.id
            or stored.conversation_id not in (None, conversation.id)
        ):
            raise Invalid(
                "An attachment is not there any more. Add it again.",
                errors=(("attachments", "unknown"),),
            )
        found.append(stored.attachment)
    return tuple(found)


def _check_limits(
    body: MessageBody, attachments: tuple[Attachment, ...], manifest: Manifest
) -> None:
    """What the kind cannot carry is refused here, in words; raises Invalid."""

    def over(field: str, text: str) -> Invalid:
        return Invalid(text, code="over_limit", errors=((field, text),))

    most = manifest.text.caption_chars if attachments else manifest.text.max_chars
    if len(body.text) > most:
        raise over("text", f"{manifest.label} carries at most {most} characters here.")
    most_bytes = manifest.text.max_bytes
    if most_bytes is not None and len(body.text.encode()) > most_bytes:
        raise over("text", f"{manifest.label} carries at most {most_bytes} bytes of text here.")
    if len(attachments) > manifest.max_attachments:
        raise over(
            "attachments",
            f"{manifest.label} carries at most {manifest.max_attachments} files in a message.",
        )
    for attachment in attachments:
        limits = [limit for limit in manifest.media if limit.takes(attachment.mime)]
        if not limits:
            raise over("attachments", f"{manifest.label} does not carry this type of file.")
        if (attachment.size_bytes or 0) > max(limit.max_bytes for limit in limits):
            megabytes = max(limit.max_bytes for limit in limits) / 1_000_000
            raise over(
                "attachments",
                f"{manifest.label} carries files of this type up to {megabytes:.1f} MB.",
            )
    most_together = manifest.max_media_bytes
    together = sum(attachment.size_bytes or 0 for attachment in attachments)
    if most_together is not None and together > most_together:
        megabytes = most_together / 1_000_000
        raise over(
            "attachments",
            f"{manifest.label} carries at most {megabytes:.0f} MB of files in a message.",
        )


async def _accept(
    context: Context,
    conversation: Conversation,
    agent: Agent,
    body: MessageBody,
    attachments: tuple[Attachment, ...],
    decision: Decision | None,
    offer: offers.Offer,
    purpose: Purpose,
    mail: mails.Json | None = None,
) -> Message:
    """Store the message, which is its own outbox entry, and send it on its way."""
    now = datetime.now(UTC)
    outbound = decision is not None
    reply_to: MessageId | None = None
    if body.reply_to is not None:
        quoted = await views.get_message(context, agent, body.reply_to)
        if quoted.conversation_id != conversation.id:
            raise NotFound("There is no such message in this conversation.")
        reply_to = quoted.id
    next_at = now + HANDOVER if context.works else now
    delivery = Delivery(state="queued", attempts=0, next_at=next_at, fence=0)
    direction = Direction.OUTBOUND if outbound else Direction.NOTE
    author = Author(type="agent", id=agent.id, name=agent.name)
    draft = replace(
        drafts.message(conversation, direction, author, offer.text, now),
        type=offer.type or (attachments[0].kind if attachments else "text"),
        content=offer.content if mail is None else {**(offer.content or {}), "mail": mail},
        attachments=attachments,
        client_id=body.client_id,
        reply_to=reply_to,
        purpose=purpose.value,
        decision=None if decision is None else shapes.decision(decision),
        delivery=delivery if outbound else None,
    )
    if attachments:
        ids = [one.id for one in attachments]
        await context.stores.files.attach(conversation.workspace_id, ids, conversation.id)
    stored = (await context.stores.messages.append(conversation, [draft], durable=True))[0]
    context.signals.answered(conversation.id)
    if context.works:
        context.delivery.wake([stored])
    await context.hub.publish([events.message_created(stored)])
    await context.stores.conversations.summarise(
        [Summary(conversation=conversation, newest=stored, answered=outbound)]
    )
    return stored


async def retry(request: Request) -> Response:
    """`POST /messages/{id}/retry`"""
    context = contexts.of(request)
    caller = await signed_in(request)
    message = await views.get_message(context, caller.agent, request.path_params["id"])
    if not can(caller.agent, "retry", message.channel_id):
        raise NotFound("There is no such message.")
    conversation = await views.get_conversation(context, caller.agent, message.conversation_id)
    channel = await views.get_channel(context, conversation.channel_id)
    _check_connected(channel)
    use = await template_use(
        context.stores, message.workspace_id, message.channel_id, message.content
    )
    answers = await views.decisions(context, conversation, channel, datetime.now(UTC), use)
    decision = answers[Purpose(message.purpose)]
    if message.direction is not Direction.OUTBOUND or message.sort != "message":
        raise Conflict("Only a message of an agent can be tried again.")
    if not decision.allow:
        await record_refusal(context, conversation, caller.agent, channel, decision)
        return refusal(request, decision)
    return JSONResponse(shapes.message(await context.delivery.retry(message, caller.agent)))


async def mark_sent(request: Request) -> Response:
    """`POST /messages/{id}/mark_sent`"""
    context = contexts.of(request)
    caller = await signed_in(request)
    message = await views.get_message(context, caller.agent, request.path_params["id"])
    if not can(caller.agent, "retry", message.channel_id):
        raise NotFound("There is no such message.")
    return JSONResponse(shapes.message(await context.delivery.mark_sent(message)))
