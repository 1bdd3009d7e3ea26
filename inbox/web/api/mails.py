"""What only mail has in the API: whom a message goes to, and its HTML as a page of its own."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any, Protocol

from starlette.requests import Request
from starlette.responses import Response

from inbox import mail_html
from inbox.domain.channel import Channel, Manifest
from inbox.domain.consent import Purpose
from inbox.domain.conversation import Conversation
from inbox.domain.errors import Invalid, NotFound
from inbox.domain.gate import Decision
from inbox.domain.mail import (
    MOST_RECIPIENTS,
    address_key,
    each_once,
    is_address,
    of,
    one_line,
    recipients_of,
)
from inbox.domain.message import Message
from inbox.recipients import answer, others_decision
from inbox.web import bodies
from inbox.web import context as contexts
from inbox.web.api import views
from inbox.web.context import Context
from inbox.web.signin import signed_in

# Any: JSON.
Json = dict[str, Any]
_FIELDS = ("to", "cc", "bcc")


class Written(Protocol):
    """The part of a POST that speaks of mail; None is what the answer to all would have."""

    to: list[str] | None
    cc: list[str] | None
    bcc: list[str] | None
    subject: str | None
    purpose: Any


def refuse_fields(body: Written, manifest: Manifest) -> None:
    """raises Invalid: the kind knows neither subject nor further recipients"""
    given = [name for name in (*_FIELDS, "subject") if getattr(body, name) is not None]
    if given:
        text = f"{manifest.label} messages have one recipient and no subject."
        raise Invalid(text, errors=tuple((name, text) for name in given))


async def chosen(
    context: Context, conversation: Conversation, channel: Channel, body: Written
) -> Json:
    """`content.mail` of the message: what the agent chose, and what goes by itself.

    raises   Invalid: an address is none, there is no recipient, or there are too many
    """
    identity = await context.stores.people.get(conversation.identity_id)
    found = await answer(context.stores, conversation, identity, channel)
    default = {"to": found.recipients.to, "cc": found.recipients.cc, "bcc": ()}
    seen: set[str] = set()
    named: dict[str, list[str]] = {}
    for name in _FIELDS:
        given = getattr(body, name)
        addresses = default[name] if given is None else _addresses(name, given)
        named[name] = [one for one in each_once(addresses) if address_key(one) not in seen]
        seen |= set(map(address_key, named[name]))
    if not named["to"]:
        raise Invalid("A mail needs somebody in To.", errors=(("to", "empty"),))
    if len(seen) > MOST_RECIPIENTS:
        text = f"A mail goes to {MOST_RECIPIENTS} addresses at most."
        raise Invalid(text, code="over_limit", errors=(("to", text),))
    subject = found.subject if body.subject is None else one_line(body.subject)
    return {"subject": subject, "from": found.sender, **named}


def _addresses(name: str, given: list[str]) -> list[str]:
    found = [one.strip().lower() for one in given]
    for position, one in enumerate(found, start=1):
        if not is_address(one):
            text = f"Address {position} in {name.capitalize()} is not a mail address."
            raise Invalid(text, errors=((name, text),))
    return found


async def decide(
    context: Context, conversation: Conversation, body: Written, mail: Json
) -> Decision | None:
    """What the gate says of those besides the contact; None: nothing."""
    identity = await context.stores.people.get(conversation.identity_id)
    label = context.connectors[identity.kind].manifest.label
    return await others_decision(
        context.stores,
        identity,
        recipients_of({"mail": mail}),
        Purpose(body.purpose),
        label,
        datetime.now(UTC),
    )


async def html(request: Request) -> Response:
    """`GET /messages/{id}/html`: the mail as a small page for a sandboxed frame."""
    context = contexts.of(request)
    caller = await signed_in(request)
    message = await views.get_message(context, caller.agent, request.path_params["id"])
    stored = None
    if of(message).get("has_html") and message.deleted_at is None:
        stored = await context.stores.mail_bodies.find(message.workspace_id, message.id)
    if stored is None:
        raise NotFound("This message has no HTML.")
    remote = bodies.single(request, "images") == "1"
    theme = bodies.single(request, "theme") or ""
    pictures = await _pictures(context, message, stored)
    made = await asyncio.to_thread(mail_html.page, stored, pictures, remote=remote, theme=theme)
    headers = {"content-security-policy": made.policy, "cache-control": "private, no-store"}
    return Response(made.html, media_type="text/html", headers=headers)


async def _pictures(context: Context, message: Message, stored: str) -> dict[str, str]:
    """Pictures inside of the mail, by the name that its HTML has for them; those that fit."""
    found: dict[str, str] = {}
    left = mail_html.MOST_PICTURE_BYTES
    lowered = stored.lower()
    for one in message.attachments:
        name = mail_html.content_id(one.content_id or "")
        wanted = name and one.state == "ready" and one.mime in mail_html.PICTURES
        if not wanted or "cid:" not in lowered or (one.size_bytes or left) > left:
            continue
        content = await context.stores.files.content(one.id)
        if content is not None and one.mime is not None:
            found[name] = mail_html.as_data(one.mime, content)
            left -= len(content)
    return found
