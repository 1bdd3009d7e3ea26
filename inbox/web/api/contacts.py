"""Contacts: the list and the search, one with all its channels, merging and splitting, blocking."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from inbox import events, shapes, terms
from inbox.consent import history_of
from inbox.domain.agent import Agent, Verb, can
from inbox.domain.contact import Merge
from inbox.domain.conversation import Conversation
from inbox.domain.errors import Conflict, Invalid, NotAllowed, NotFound
from inbox.domain.ids import ContactId, MergeId
from inbox.domain.message import Direction
from inbox.merges import index as index_contact
from inbox.merges import retitle
from inbox.web import bodies
from inbox.web import context as contexts
from inbox.web.api import people, views
from inbox.web.api.people import Seen
from inbox.web.context import Context
from inbox.web.signin import signed_in

_MOST_LOOKED_AT = 500
_EXPORTED_MESSAGES = 100

_Id = Annotated[str, msgspec.Meta(max_length=64)]
Found = tuple[list[Seen], str | None]


# -- lists -----------------------------------------------------------------------------------------


async def index(request: Request) -> Response:
    """`GET /contacts`: newest activity first; with `q` those that fit, the last met first"""
    context = contexts.of(request)
    agent = (await signed_in(request)).agent
    unknown = sorted(set(request.query_params) - {"q", "limit", "cursor"})
    if unknown:
        errors = tuple((name, "unknown") for name in unknown)
        raise Invalid("There is no such filter.", code="unknown_filter", errors=errors)
    limit = bodies.limit(request)
    after = bodies.position(bodies.single(request, "cursor"))
    asked = (bodies.single(request, "q") or "").strip()
    if asked:
        page, cursor = await _search(context, agent, terms.asked(asked), limit, after)
    else:
        page, cursor = await _newest(context, agent, limit, after)
    data = [await people.card(context, one) for one in page]
    return JSONResponse({"data": data, "next_cursor": cursor, "has_more": cursor is not None})


async def _newest(
    context: Context, agent: Agent, limit: int, after: tuple[datetime, str] | None
) -> Found:
    """In the order of conversations, each contact at its newest one: contacts carry no time that
    every message would have to move."""
    page: list[Seen] = []
    looked_at = 0
    while looked_at < _MOST_LOOKED_AT:
        found = await views.list_page(
            context, agent, views.ListFilter(), limit=limit + 1, after=after
        )
        for one, seen in zip(found, await _who(context, agent, found), strict=True):
            if len(page) == limit:
                return page, _cursor(*(after or (one.last_activity_at, one.id)))
            after = (one.last_activity_at, one.id)
            if seen is not None and seen.conversations[0].id == one.id:
                page.append(seen)
        looked_at += len(found)
        if len(found) <= limit:
            return page, None
    return page, None if after is None else _cursor(*after)


async def _who(
    context: Context, agent: Agent, conversations: Sequence[Conversation]
) -> list[Seen | None]:
    """The contact of each, where there is one."""
    ids = list(dict.fromkeys(one.contact_id for one in conversations))
    contacts = await context.stores.contacts.find_many(agent.workspace_id, ids)
    seen = await people.seen_by(context, agent, list(contacts.values()))
    by_id = {one.contact.id: one for one in seen if one.conversations}
    return [by_id.get(one.contact_id) for one in conversations]


async def _search(
    context: Context,
    agent: Agent,
    wanted: Sequence[str],
    limit: int,
    after: tuple[datetime, str] | None,
) -> Found:
    page: list[Seen] = []
    looked_at = 0
    while wanted and looked_at < _MOST_LOOKED_AT:
        found = await context.stores.contacts.with_term(
            agent.workspace_id, wanted[0], limit=limit + 1, before=after
        )
        living = [one for one in found if one.merged_into is None]
        by_id = {one.contact.id: one for one in await people.seen_by(context, agent, living)}
        for one in found:
            if len(page) == limit:
                return page, None if after is None else _cursor(*after)
            after = (one.created_at, one.id)
            seen = by_id.get(one.id)
            if seen is not None and seen.conversations and people.fits(context, seen, wanted):
                page.append(seen)
        looked_at += len(found)
        if len(found) <= limit:
            return page, None
    return page, None if after is None else _cursor(*after)


def _cursor(at: datetime, id_: str) -> str:
    return bodies.to_cursor(f"{at.isoformat()} {id_}")


# -- one -------------------------------------------------------------------------------------------


async def _asked(request: Request, verb: Verb = "see") -> tuple[Context, Agent, Seen]:
    """raises NotFound; NotAllowed where it may be seen but this may not be done"""
    context = contexts.of(request)
    agent = (await signed_in(request)).agent
    seen = await people.get_contact(context, agent, request.path_params["id"])
    if not can(agent, verb):
        raise NotAllowed("Ask a manager: your role does not allow this.")
    return context, agent, seen


async def _answer(context: Context, agent: Agent, contact_id: str) -> Response:
    seen = await people.get_contact(context, agent, contact_id)
    return JSONResponse(await people.whole(context, agent, seen))


async def show(request: Request) -> Response:
    """`GET /contacts/{id}`"""
    context, agent, seen = await _asked(request)
    return JSONResponse(await people.whole(context, agent, seen))


class ChangeBody(msgspec.Struct, forbid_unknown_fields=True):
    """Absent: as it is. A name of null goes back to what the channels tell."""

    name: Annotated[str, msgspec.Meta(max_length=200)] | msgspec.UnsetType | None = msgspec.UNSET
    note: Annotated[str, msgspec.Meta(max_length=4000)] | msgspec.UnsetType = msgspec.UNSET


async def change(request: Request) -> Response:
    """`PATCH /contacts/{id}`"""
    context, agent, seen = await _asked(request, "name")
    body = await bodies.read(request, ChangeBody)
    if body.note is not msgspec.UNSET:
        await context.stores.contacts.set_note(seen.contact, body.note.strip())
    if body.name is not msgspec.UNSET:
        name = " ".join((body.name or "").split()) or None
        await context.stores.contacts.give_name(seen.contact, name)
        us, contact_id = agent.workspace_id, seen.contact.id
        await index_contact(context.stores, context.connectors, us, contact_id)
        shown = await retitle(context.stores, us, contact_id)
        await context.hub.publish(
            [events.contact_updated(one, shown, one.handle) for one in seen.conversations]
        )
    return await _answer(context, agent, seen.contact.id)


async def block(request: Request) -> Response:
    """`POST /contacts/{id}/block`"""
    return await _set_blocked(request, True)


async def unblock(request: Request) -> Response:
    """`POST /contacts/{id}/unblock`"""
    return await _set_blocked(request, False)


async def _set_blocked(request: Request, blocked: bool) -> Response:
    """Doing it twice is doing it once."""
    context, agent, seen = await _asked(request, "block")
    now = datetime.now(UTC)
    if await context.stores.contacts.set_blocked(seen.contact, blocked, now):
        await context.hub.publish(
            [events.contact_blocked(one, agent, blocked) for one in seen.conversations]
        )
    return await _answer(context, agent, seen.contact.id)


# -- one person, several channels ------------------------------------------------------------------


class OtherBody(msgspec.Struct, forbid_unknown_fields=True):
    contact_id: _Id


async def _two(request: Request) -> tuple[Context, Agent, Seen, Seen]:
    """Whoever says whether two are one must see all of both."""
    context, agent, seen = await _asked(request, "merge")
    body = await bodies.read(request, OtherBody)
    other = await people.get_contact(context, agent, body.contact_id)
    if not (seen.whole and other.whole):
        raise NotAllowed("Part of this contact is on channels you do not work on. Ask a manager.")
    return context, agent, seen, other


async def merge(request: Request) -> Response:
    """`POST /contacts/{id}/merge`: what is merged already is left as it is"""
    context, agent, seen, other = await _two(request)
    if seen.contact.id != other.contact.id:
        await context.merges.merge(seen.contact, other.contact, agent, datetime.now(UTC))
    return await _answer(context, agent, seen.contact.id)


class UnmergeBody(msgspec.Struct, forbid_unknown_fields=True):
    merge_id: _Id | None = None
    identity_id: _Id | None = None


async def unmerge(request: Request) -> Response:
    """`POST /contacts/{id}/unmerge`: undo a merge, or give one identity a contact of its own"""
    context, agent, seen = await _asked(request, "merge")
    body = await bodies.read(request, UnmergeBody)
    if (body.merge_id is None) == (body.identity_id is None):
        errors = (("merge_id", "give this or identity_id"),)
        raise Invalid("Say which merge to undo, or which identity to take out.", errors=errors)
    if not seen.whole:
        raise NotAllowed("Part of this contact is on channels you do not work on. Ask a manager.")
    if body.merge_id is not None:
        await _undo(context, agent, seen, body.merge_id)
    else:
        await _split_off(context, agent, seen, body.identity_id or "")
    return await _answer(context, agent, seen.contact.id)


async def _undo(context: Context, agent: Agent, seen: Seen, merge_id: str) -> None:
    us = agent.workspace_id
    found = await context.stores.merges.find(us, MergeId(merge_id))
    if found is None or not await _is_of(context, found, seen.contact.id):
        raise NotFound("There is no such merge of this contact.")
    if found.state == "split":
        return
    await context.merges.undo(found, agent, datetime.now(UTC))


async def _is_of(context: Context, merge: Merge, contact_id: ContactId) -> bool:
    kept = await context.stores.people.find_contact(merge.workspace_id, merge.kept)
    return kept is not None and kept.id == contact_id


async def _split_off(context: Context, agent: Agent, seen: Seen, identity_id: str) -> None:
    identity = next((one for one in seen.identities if one.id == identity_id), None)
    if identity is None:
        raise NotFound("There is no such identity of this contact.")
    if len(seen.identities) == 1:
        raise Conflict("It is the only one of this contact.", code="only_identity")
    await context.merges.split_off(seen.contact, identity, agent, datetime.now(UTC))


async def suggestions(request: Request) -> Response:
    """`GET /contacts/{id}/suggestions`"""
    context, agent, seen = await _asked(request)
    found = await context.suggestions.of(
        seen.contact, seen.identities, lambda one: can(agent, "see", one.channel_id)
    )
    data = [await people.suggestion(context, one) for one in found]
    return JSONResponse({"data": data, "next_cursor": None, "has_more": False})


async def not_same(request: Request) -> Response:
    """`POST /contacts/{id}/not_same`: these two are not suggested again"""
    context, _, seen, other = await _two(request)
    if seen.contact.id == other.contact.id:
        raise Conflict("These two were merged. Undo that first.")
    now = datetime.now(UTC)
    for one in seen.identities:
        for another in other.identities:
            await context.stores.merges.pair(one, another, told=False, now=now)
    return Response(status_code=204)


# -- all that is known -----------------------------------------------------------------------------


async def export(request: Request) -> Response:
    """`GET /contacts/{id}/export`: what is known of a contact, as JSON. Agents' own notes are not
    part of it; of each conversation the newest messages, and where to go on"""
    context, _, seen = await _asked(request, "export_contact")
    now = datetime.now(UTC)
    consents = []
    for one in seen.identities:
        for event in await history_of(context.stores, one, now):
            consents.append({"identity_id": one.id, **shapes.consent_event(event)})
    answer = {
        "contact": await people.card(context, seen),
        "consents": consents,
        "conversations": [await _exported(context, one) for one in seen.conversations],
        "exported_at": shapes.time(now),
    }
    name = f'attachment; filename="{seen.contact.id}.json"'
    return JSONResponse(answer, headers={"content-disposition": name})


async def _exported(context: Context, conversation: Conversation) -> shapes.Json:
    page = await views.thread_page(context, conversation, limit=_EXPORTED_MESSAGES)
    spoken = (Direction.INBOUND, Direction.OUTBOUND)
    path = f"/api/v1/conversations/{conversation.id}/messages"
    cursor = page["next_cursor"]
    return {
        "id": conversation.id,
        "kind": conversation.kind,
        "identity_id": conversation.identity_id,
        "messages": [one for one in page["data"] if one["direction"] in spoken],
        "older": None if cursor is None else f"{path}?limit=100&cursor={cursor}",
    }
