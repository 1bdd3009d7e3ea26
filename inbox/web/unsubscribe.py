"""Ending promotions by a link in them: one POST, without a log-in, a cookie or a question.

A GET shows a page and changes nothing, since whoever scans mails opens every link of them.

source  RFC 8058; docs/consent.md
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from starlette.requests import Request
from starlette.responses import Response

from inbox import drafts, events
from inbox.consent import standing_of
from inbox.domain.consent import ConsentType, Purpose
from inbox.domain.contact import Identity
from inbox.domain.errors import Invalid, NotFound
from inbox.domain.ids import ConversationId
from inbox.web import context as contexts
from inbox.web.context import Context
from inbox.web.templates import render

MOST_BYTES = 4096
MOST_TOKEN = 1000


async def page(request: Request) -> Response:
    """`GET /u/{token}`: asks with one button."""
    identity, _ = await _who(request)
    return await _page(request, identity, done=False)


async def end(request: Request) -> Response:
    """`POST /u/{token}`, by a mail program or by our page's button: it is on record, then 200."""
    context = contexts.of(request)
    identity, conversation_id = await _who(request)
    declared = request.headers.get("content-length", "")
    if not declared.isdigit() or int(declared) > MOST_BYTES:
        raise Invalid("The form is larger than one click.", code="too_large")
    async with request.form(max_files=0, max_fields=8) as form:
        if form.get("List-Unsubscribe") != "One-Click":
            raise Invalid("This is not what a mail program or our page sends.")
    await _record(context, identity, conversation_id)
    return await _page(request, identity, done=True)


async def _who(request: Request) -> tuple[Identity, ConversationId]:
    context = contexts.of(request)
    token = request.path_params["token"]
    opened = context.links.unsubscribing(token) if len(token) <= MOST_TOKEN else None
    if opened is None:
        raise NotFound("This link is not one of ours, or it was cut off.")
    workspace_id, identity_id, conversation_id = opened
    try:
        identity = await context.stores.people.get(identity_id)
    except LookupError as error:  # they were erased: nothing is left to send to
        raise NotFound("This link is of somebody we know nothing of any more.") from error
    if identity.workspace_id != workspace_id:
        raise NotFound("This link is not one of ours, or it was cut off.")
    return identity, conversation_id


async def _record(context: Context, identity: Identity, conversation_id: ConversationId) -> None:
    now = datetime.now(UTC)
    if (await standing_of(context.stores, identity, now)).marketing_block:
        return
    event = drafts.consent(
        context.stores,
        identity,
        ConsentType.OPT_OUT,
        method="unsubscribe_link",
        actor="contact",
        at=now,
        recorded_at=now,
    )
    event = replace(event, purpose=Purpose.PROMOTIONAL)
    await context.stores.ledger.record(event)
    conversation = await context.stores.conversations.find(identity.workspace_id, conversation_id)
    if conversation is not None:
        await context.hub.publish([events.consent_changed(conversation, event)])


async def _page(request: Request, identity: Identity, *, done: bool) -> Response:
    workspace = await contexts.of(request).stores.accounts.find_workspace(identity.workspace_id)
    name = "" if workspace is None else workspace.name
    return render(request, "unsubscribe.html", {"name": name, "done": done})
