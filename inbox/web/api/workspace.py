"""Who is calling, and the channels they work on."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from inbox import shapes
from inbox.domain.agent import Agent, can
from inbox.web import context as contexts
from inbox.web.context import Context
from inbox.web.signin import signed_in


async def me(request: Request) -> Response:
    """`GET /me`"""
    context = contexts.of(request)
    agent = (await signed_in(request)).agent
    workspace = await context.stores.accounts.find_workspace(agent.workspace_id)
    name = "" if workspace is None else workspace.name
    answer = {**shapes.agent(agent), "workspace": {"id": agent.workspace_id, "name": name}}
    return JSONResponse(answer)


async def channels(request: Request) -> Response:
    """`GET /channels`"""
    agent = (await signed_in(request)).agent
    data = await visible_channels(contexts.of(request), agent)
    return JSONResponse({"data": data, "next_cursor": None, "has_more": False})


async def visible_channels(context: Context, agent: Agent) -> list[shapes.Json]:
    found = await context.directory.of_workspace(agent.workspace_id)
    gaps = await context.stores.gaps.of_workspace(agent.workspace_id)
    return [
        shapes.channel(one, context.connectors[one.kind].manifest, gaps.get(one.id, ()))
        for one in found
        if can(agent, "see", one.id) and one.kind in context.connectors and one.state != "draft"
    ]
