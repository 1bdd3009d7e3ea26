"""Connecting channels: for admins alone; to anybody else these addresses lead nowhere."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from inbox import channels as connecting
from inbox import log
from inbox.channels import LONGEST_CREDENTIAL, Changes, Channels
from inbox.domain.abilities import Pulls
from inbox.domain.agent import Agent, can
from inbox.domain.channel import Channel
from inbox.domain.errors import Conflict, NotFound
from inbox.web import bodies
from inbox.web import context as contexts
from inbox.web.api import channel_shapes
from inbox.web.context import Context
from inbox.web.problems import problem
from inbox.web.signin import signed_in

_log = log.get("channels")

Text = Annotated[str, msgspec.Meta(max_length=LONGEST_CREDENTIAL)]
Name = Annotated[str, msgspec.Meta(max_length=200)]
Credentials = Annotated[dict[Name, Text], msgspec.Meta(max_length=32)]


def service(context: Context) -> Channels:
    return Channels(context.stores, context.hub, context.connectors, context.directory)


async def admin(request: Request) -> Agent:
    """Who is calling, if they may connect channels. raises NotFound: as if nothing were here"""
    agent = (await signed_in(request)).agent
    if not can(agent, "connect"):
        raise NotFound("There is nothing here.")
    return agent


async def shaped(context: Context, channel: Channel) -> channel_shapes.Json:
    return channel_shapes.settings(
        channel,
        context.connectors[channel.kind],
        await context.stores.health.find(channel),
        context.links,
        datetime.now(UTC),
    )


async def kinds(request: Request) -> Response:
    """`GET /kinds`"""
    await admin(request)
    connectors = contexts.of(request).connectors
    return JSONResponse({"data": [channel_shapes.kind(one) for one in connectors.values()]})


class NewChannel(msgspec.Struct, forbid_unknown_fields=True):
    kind: Name
    name: Name | None = None
    credentials: Credentials | None = None


async def create(request: Request) -> Response:
    """`POST /channels`: a draft; with credentials it is connected at once, or nothing is left."""
    context = contexts.of(request)
    agent = await admin(request)
    body = await bodies.read(request, NewChannel)
    wait_s = 0 if body.credentials is None else context.checks.wait_s(agent.id)
    if wait_s:
        return _slow_down(request, wait_s)
    channels, now = service(context), datetime.now(UTC)
    channel = await channels.begin(agent.workspace_id, body.kind, now, body.name)
    if body.credentials is not None:
        wanted = Changes(credentials=body.credentials, connect=True)
        connected = None
        try:
            connected = await channels.change(channel, wanted, now)
        finally:
            if connected is None:
                await channels.disconnect(channel)
        channel = connected
    _told("a channel was begun", agent, channel)
    return JSONResponse(await shaped(context, channel), status_code=201)


async def show(request: Request) -> Response:
    """`GET /channels/{id}`"""
    context = contexts.of(request)
    agent = await admin(request)
    channel = await service(context).get(agent.workspace_id, request.path_params["id"])
    return JSONResponse(await shaped(context, channel))


class ChannelChange(msgspec.Struct, forbid_unknown_fields=True):
    """`connect`: of a draft, or of one that was disconnected."""

    name: Name | None = None
    credentials: Credentials = {}
    provider_stop: bool | None = None
    connect: bool = False


async def change(request: Request) -> Response:
    """`PATCH /channels/{id}`"""
    context = contexts.of(request)
    agent = await admin(request)
    body = await bodies.read(request, ChannelChange)
    channels = service(context)
    channel = await channels.get(agent.workspace_id, request.path_params["id"])
    if body.credentials or body.connect:
        wait_s = context.checks.wait_s(agent.id)
        if wait_s:
            return _slow_down(request, wait_s)
    wanted = Changes(
        name=body.name,
        credentials=body.credentials,
        provider_stop=body.provider_stop,
        connect=body.connect,
    )
    channel = await channels.change(channel, wanted, datetime.now(UTC))
    _told("a channel was changed", agent, channel)
    return JSONResponse(await shaped(context, channel))


async def disconnect(request: Request) -> Response:
    """`DELETE /channels/{id}`"""
    context = contexts.of(request)
    agent = await admin(request)
    channels = service(context)
    channel = await channels.get(agent.workspace_id, request.path_params["id"])
    ended = await channels.disconnect(channel)
    _told("a channel was disconnected", agent, channel)
    if ended is None:
        return Response(status_code=204)
    return JSONResponse(await shaped(context, ended))


async def verify_token(request: Request) -> Response:
    """`POST /channels/{id}/verify_token`: a new one, shown in this answer and never again."""
    context = contexts.of(request)
    agent = await admin(request)
    channels = service(context)
    channel = await channels.get(agent.workspace_id, request.path_params["id"])
    channel = await channels.renew_verify_token(channel, datetime.now(UTC))
    _told("a channel has a new verify token", agent, channel)
    manifest = context.connectors[channel.kind].manifest
    token = next(channel.setting(need.name) for need in manifest.needs if need.origin == "ours")
    return JSONResponse({**await shaped(context, channel), "verify_token": token})


async def pull(request: Request) -> Response:
    """`POST /channels/{id}/pull`: 202; the worker asks the provider within seconds."""
    context = contexts.of(request)
    agent = await admin(request)
    channel = await service(context).get(agent.workspace_id, request.path_params["id"])
    if not isinstance(context.connectors[channel.kind], Pulls):
        label = context.connectors[channel.kind].manifest.label
        raise Conflict(f"{label} tells of a message once; it cannot be asked for what was missed.")
    if channel.state != "connected":
        raise Conflict("This channel is not connected: what was missed cannot be asked for.")
    wait_s = context.pulls.wait_s(channel.id)
    if wait_s:
        detail = "It was looked for often within this minute. Wait a little and try again."
        return problem(request, 429, "too_many_pulls", detail, headers={"Retry-After": str(wait_s)})
    # Through the database: the worker may be another process.
    await context.stores.pulls.states([channel])
    await context.stores.pulls.ask(channel.id, datetime.now(UTC))
    _told("a pull was asked for", agent, channel)
    return JSONResponse(await shaped(context, channel), status_code=202)


class CheckBody(msgspec.Struct, forbid_unknown_fields=True):
    """`channel_id`: what is not given here is taken from what this channel has."""

    kind: Name
    credentials: Credentials
    channel_id: Name | None = None


async def check(request: Request) -> Response:
    """`POST /channels/check`: what the provider says of credentials so far; nothing is stored."""
    context = contexts.of(request)
    agent = await admin(request)
    body = await bodies.read(request, CheckBody)
    channels, now = service(context), datetime.now(UTC)
    connector = channels.connector(body.kind)
    if body.channel_id is None:
        channel = connecting.draft(agent.workspace_id, connector.manifest, now)
    else:
        channel = await channels.get(agent.workspace_id, body.channel_id)
        if channel.kind != body.kind:
            raise NotFound("There is no such channel.")
    filled = connecting.filled(channel, connector.manifest, body.credentials, now)
    wait_s = context.checks.wait_s(agent.id)
    if wait_s:
        return _slow_down(request, wait_s)
    checked = await connecting.check(connector, filled)
    return JSONResponse(channel_shapes.checked(checked))


def _slow_down(request: Request, wait_s: int) -> Response:
    detail = "That were many checks within a minute. Wait a little and try again."
    return problem(request, 429, "too_many_checks", detail, headers={"Retry-After": str(wait_s)})


def _told(text: str, agent: Agent, channel: Channel) -> None:
    _log.info(text, agent=agent.id, channel=channel.id, state=channel.state)
