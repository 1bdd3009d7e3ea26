"""Conversations: lists, one, its gate, read marks, resolving and reopening."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from inbox import drafts, events, shapes
from inbox.domain.agent import Agent
from inbox.domain.conversation import Conversation, ConversationStatus
from inbox.domain.errors import Invalid, NotFound
from inbox.domain.message import Author, Direction, Message
from inbox.store.summaries import Summary
from inbox.web import bodies
from inbox.web import context as contexts
from inbox.web.api import views
from inbox.web.context import Context
from inbox.web.signin import signed_in

_FILTERS = {"status", "assignee", "channel", "kind", "updated_after", "limit", "cursor"}


def _filter(request: Request, agent: Agent) -> views.ListFilter:
    unknown = sorted(set(request.query_params) - _FILTERS)
    if unknown:
        # Passed over, it would answer with conversations that nobody asked for.
        errors = tuple((name, "unknown") for name in unknown)
        raise Invalid("There is no such filter.", code="unknown_filter", errors=errors)
    status = bodies.single(request, "status")
    if status is not None and status not in tuple(ConversationStatus):
        raise Invalid("There is no such status.", errors=(("status", "unknown"),))
    assignee = bodies.single(request, "assignee")
    return views.ListFilter(
        status=None if status is None else ConversationStatus(status),
        channel_id=bodies.single(request, "channel"),
        kind=bodies.single(request, "kind"),
        assignee=agent.id if assignee == "me" else assignee,
    )


async def index(request: Request) -> Response:
    """`GET /conversations`"""
    context = contexts.of(request)
    caller = await signed_in(request)
    limit = bodies.limit(request)
    wanted = _filter(request, caller.agent)
    after = bodies.position(bodies.single(request, "cursor"))
    since = bodies.instant(request, "updated_after")
    found = await views.list_page(
        context, caller.agent, wanted, limit=limit + 1, after=after, since=since
    )
    page = found[:limit]
    more = len(found) > limit
    next_cursor = views.list_cursor(page[-1]) if more else None
    data = await views.shaped(context, caller.agent, page)
    return JSONResponse({"data": data, "next_cursor": next_cursor, "has_more": more})


async def show(request: Request) -> Response:
    """`GET /conversations/{id}`"""
    context = contexts.of(request)
    caller = await signed_in(request)
    conversation = await views.get_conversation(context, caller.agent, request.path_params["id"])
    return JSONResponse((await views.shaped(context, caller.agent, [conversation]))[0])


async def gate(request: Request) -> Response:
    """`GET /conversations/{id}/gate`"""
    context = contexts.of(request)
    caller = await signed_in(request)
    conversation = await views.get_conversation(context, caller.agent, request.path_params["id"])
    return JSONResponse(await views.gate(context, caller.agent, conversation))


class ReadBody(msgspec.Struct, forbid_unknown_fields=True):
    through: str


async def read(request: Request) -> Response:
    """`POST /conversations/{id}/read`"""
    context = contexts.of(request)
    caller = await signed_in(request)
    body = await bodies.read(request, ReadBody)
    conversation_id = request.path_params["id"]
    return JSONResponse(await mark_read(context, caller.agent, conversation_id, body.through))


async def mark_read(
    context: Context, agent: Agent, conversation_id: str, through: str
) -> dict[str, object]:
    """Move the agent's mark; shared by REST and the websocket."""
    conversation = await views.get_conversation(context, agent, conversation_id)
    message = await views.get_message(context, agent, through)
    if message.conversation_id != conversation.id:
        raise NotFound("There is no such message in this conversation.")
    mark = shapes.read_mark(await context.stores.reads.mark(agent.id, message))
    context.signals.read(conversation, message.seq)
    newest = max(conversation.inbound_seq, message.inbound_seq)
    unread = max(0, newest - mark["inbound_seq"])
    await context.hub.publish([events.conversation_read(conversation, agent.id, mark, unread)])
    return {"read": mark, "unread": unread}


async def resolve(request: Request) -> Response:
    """`POST /conversations/{id}/resolve`"""
    return await _move(request, ConversationStatus.OPEN, ConversationStatus.RESOLVED)


async def reopen(request: Request) -> Response:
    """`POST /conversations/{id}/reopen`"""
    return await _move(request, ConversationStatus.RESOLVED, ConversationStatus.OPEN)


async def _move(request: Request, old: ConversationStatus, new: ConversationStatus) -> Response:
    """Doing it twice is doing it once."""
    context = contexts.of(request)
    caller = await signed_in(request)
    conversation = await views.get_conversation(
        context, caller.agent, request.path_params["id"], "resolve"
    )
    version = await context.stores.conversations.set_status(conversation, old, new)
    if version is not None:
        word = "resolved" if new is ConversationStatus.RESOLVED else "reopened"
        actor = ("agent", caller.agent.id)
        await context.hub.publish(
            [events.conversation_status(conversation, f"conversation.{word}", new, version, actor)]
        )
        activity = await _note_activity(context, conversation, caller.agent, word)
        await context.hub.publish([events.message_created(activity)])
    moved = await views.get_conversation(context, caller.agent, conversation.id)
    return JSONResponse((await views.shaped(context, caller.agent, [moved]))[0])


async def _note_activity(
    context: Context, conversation: Conversation, agent: Agent, word: str
) -> Message:
    now = datetime.now(UTC)
    author = Author(type="agent", id=agent.id, name=agent.name)
    text = f"{agent.name} {word} the conversation."
    draft = drafts.message(conversation, Direction.ACTIVITY, author, text, now)
    stored = (await context.stores.messages.append(conversation, [draft]))[0]
    await context.stores.conversations.summarise(
        [Summary(conversation=conversation, newest=stored, answered=word == "resolved")]
    )
    return stored


async def counts(request: Request) -> Response:
    """`GET /counts`: of the newest hundred open conversations, those with something unread."""
    context = contexts.of(request)
    caller = await signed_in(request)
    found = await views.list_page(
        context, caller.agent, views.ListFilter(status=ConversationStatus.OPEN), limit=100
    )
    data = await views.shaped(context, caller.agent, found)
    return JSONResponse({"unread_conversations": sum(one["unread"] > 0 for one in data)})
