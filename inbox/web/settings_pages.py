"""The settings pages of channels, for admins: the list, choosing a kind, connecting, and one."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from inbox import shapes
from inbox.channel_health import summary
from inbox.domain.channel import Channel
from inbox.store.health import Health
from inbox.web import context as contexts
from inbox.web.api import channel_shapes
from inbox.web.api.channels import service, shaped
from inbox.web.context import Context
from inbox.web.signin import Caller, admin_at_page
from inbox.web.templates import render

_ORDER = {"stop": 0, "warn": 1, "quiet": 2, "ok": 3}


async def home(request: Request) -> Response:
    await admin_at_page(request)
    return RedirectResponse("/settings/channels", status_code=303)


async def index(request: Request) -> Response:
    """`GET /settings/channels`: one card a channel, those that need somebody first."""
    context = contexts.of(request)
    caller = await admin_at_page(request)
    cards = await channel_cards(context, caller)
    return _page(request, caller, "settings/channels.html", {"cards": cards})


async def channel_cards(context: Context, caller: Caller) -> list[dict[str, Any]]:
    # Any: a template's context.
    workspace_id, now = caller.agent.workspace_id, datetime.now(UTC)
    known = await context.stores.health.of_workspace(workspace_id)
    cards = [
        _card(context, channel, known.get(channel.id, Health()), now)
        for channel in await context.stores.channels.of_workspace(workspace_id)
        if channel.kind in context.connectors
    ]
    return sorted(cards, key=lambda card: _ORDER[card["tone"]])


def _card(context: Context, channel: Channel, health: Health, now: datetime) -> dict[str, Any]:
    manifest = context.connectors[channel.kind].manifest
    words = summary(channel, manifest, health, now)
    return {
        "id": channel.id,
        "kind": channel.kind,
        "label": manifest.label,
        "name": channel.name,
        "state": channel.state,
        "account": "" if channel.state == "draft" else shapes.readable(channel.account),
        "account_name": health.account_name,
        "tone": words.tone,
        "title": words.title,
        "text": words.text,
        "at": shapes.time(words.at),
        "fix": words.fix,
    }


async def new(request: Request) -> Response:
    """`GET /settings/channels/new`: which kind?"""
    context = contexts.of(request)
    caller = await admin_at_page(request)
    kinds = [channel_shapes.kind(one) for one in context.connectors.values()]
    return _page(request, caller, "settings/new.html", {"kinds": kinds})


async def show(request: Request) -> Response:
    """`GET /settings/channels/{id}`: its health and what can be changed; a draft is finished
    first."""
    context = contexts.of(request)
    caller = await admin_at_page(request)
    channel = await service(context).get(caller.agent.workspace_id, request.path_params["id"])
    if channel.state == "draft":
        return RedirectResponse(f"/settings/channels/{channel.id}/set-up", status_code=303)
    return await _of_channel(request, caller, channel, "settings/channel.html")


async def set_up(request: Request) -> Response:
    """`GET /settings/channels/{id}/set-up`: the steps of connecting it."""
    context = contexts.of(request)
    caller = await admin_at_page(request)
    channel = await service(context).get(caller.agent.workspace_id, request.path_params["id"])
    return await _of_channel(request, caller, channel, "settings/set_up.html")


async def _of_channel(
    request: Request, caller: Caller, channel: Channel, template: str
) -> Response:
    context = contexts.of(request)
    gaps = (await context.stores.gaps.of_workspace(channel.workspace_id)).get(channel.id, ())
    workspace = await context.stores.accounts.find_workspace(caller.agent.workspace_id)
    values = {
        "channel": await shaped(context, channel),
        "kind": channel_shapes.kind(context.connectors[channel.kind]),
        # The newest first.
        "gaps": [
            {"from": shapes.time(gap.since), "to": shapes.time(gap.until)}
            for gap in reversed([one for one in gaps if not one.not_given][-10:])
        ],
        "not_given": [shapes.time(gap.until) for gap in reversed(gaps) if gap.not_given][:10],
        "workspace_name": "" if workspace is None else workspace.name,
    }
    return _page(request, caller, template, values)


def _page(
    request: Request,
    caller: Caller,
    template: str,
    # Any: a template's context.
    values: dict[str, Any],
) -> Response:
    agent = shapes.agent(caller.agent)
    shared = {"agent": agent, "is_admin": True, "csrf_token": caller.csrf_token}
    return render(request, template, {**shared, **values})
