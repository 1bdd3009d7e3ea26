"""Message templates of a channel: the list, and fetching it anew."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from inbox.domain.abilities import HasTemplates
from inbox.domain.agent import Agent, can
from inbox.domain.channel import Channel
from inbox.domain.errors import NotFound, Permanent, StoreUnavailable, Temporary
from inbox.domain.ids import ChannelId
from inbox.web import bodies
from inbox.web import context as contexts
from inbox.web.api import offers, views
from inbox.web.context import Context
from inbox.web.problems import problem
from inbox.web.signin import signed_in


async def _channel(context: Context, agent: Agent, channel_id: str) -> Channel:
    channel = await views.get_channel(context, ChannelId(channel_id))
    if channel.workspace_id != agent.workspace_id or not can(agent, "see", channel.id):
        raise NotFound("There is no such channel.")
    return channel


async def index(request: Request) -> Response:
    """`GET /channels/{id}/templates`"""
    context = contexts.of(request)
    agent = (await signed_in(request)).agent
    channel = await _channel(context, agent, request.path_params["id"])
    return await _list(request, context, channel)


async def refresh(request: Request) -> Response:
    """`POST /channels/{id}/templates/refresh`: the list, as the provider has it now, or had it
    within the last minute."""
    context = contexts.of(request)
    agent = (await signed_in(request)).agent
    channel = await _channel(context, agent, request.path_params["id"])
    if not isinstance(context.connectors[channel.kind], HasTemplates):
        raise NotFound("This kind of channel has no templates.")
    try:
        await context.templates.ask(channel)
    except StoreUnavailable:
        raise
    except (Temporary, Permanent) as error:
        return problem(request, 409, "provider_error", str(error))
    return await _list(request, context, channel)


async def _list(request: Request, context: Context, channel: Channel) -> Response:
    """Those that can be sent first; `sendable=yes` leaves out the others."""
    only = bodies.single(request, "sendable") == "yes"
    found = await context.stores.templates.of_channel(channel.workspace_id, channel.id)
    shown = [one for one in found if one.approved or not only]
    shown.sort(key=lambda one: not one.approved)
    data = [offers.shaped(one) for one in shown]
    return JSONResponse({"data": data, "next_cursor": None, "has_more": False})
