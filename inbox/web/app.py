"""The application: every route in one table, and the order in which parts start and stop."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Scope

from inbox import log
from inbox.domain.errors import AssentError
from inbox.heartbeat import Heartbeat
from inbox.web import channel_sign_in, pages, settings_pages, socket, unsubscribe, webhooks
from inbox.web import context as contexts
from inbox.web.api import (
    attachments,
    channels,
    contacts,
    conversations,
    mails,
    messages,
    reactions,
    templates,
    workspace,
)
from inbox.web.context import Context
from inbox.web.middleware import Guard
from inbox.web.problems import on_crash, on_disconnect, on_error, on_http_error

_STATIC = Path(__file__).resolve().parents[2] / "static"
_log = log.get("web")


class _Static(StaticFiles):
    """Files of the page: looked at again at each load, so that an upgrade is seen at once."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        response.headers["cache-control"] = "no-cache"
        return response


async def healthz(request: Request) -> Response:
    """Alive: this process answers."""
    return PlainTextResponse("ok\n")


async def readyz(request: Request) -> Response:
    """Ready: the database takes a write. A hub out of reach is reported, not fatal."""
    context = contexts.of(request)
    writes = await context.stores.database.takes_a_write()
    body = {"database": writes, "hub": context.hub.healthy()}
    return JSONResponse(body, status_code=200 if writes else 503)


async def metrics(request: Request) -> Response:
    """For Prometheus; numbers only."""
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)


API = [
    Route("/me", workspace.me),
    Route("/kinds", channels.kinds),
    Route("/channels", workspace.channels, methods=["GET"]),
    Route("/channels", channels.create, methods=["POST"]),
    Route("/channels/check", channels.check, methods=["POST"]),
    Route("/channels/{id}", channels.show, methods=["GET"]),
    Route("/channels/{id}", channels.change, methods=["PATCH"]),
    Route("/channels/{id}", channels.disconnect, methods=["DELETE"]),
    Route("/channels/{id}/verify_token", channels.verify_token, methods=["POST"]),
    Route("/channels/{id}/pull", channels.pull, methods=["POST"]),
    Route("/channels/{id}/templates", templates.index, methods=["GET"]),
    Route("/channels/{id}/templates/refresh", templates.refresh, methods=["POST"]),
    Route("/counts", conversations.counts),
    Route("/conversations", conversations.index),
    Route("/conversations/{id}", conversations.show),
    Route("/conversations/{id}/gate", conversations.gate),
    Route("/conversations/{id}/messages", messages.index, methods=["GET"]),
    Route("/conversations/{id}/messages", messages.create, methods=["POST"]),
    Route("/conversations/{id}/read", conversations.read, methods=["POST"]),
    Route("/conversations/{id}/resolve", conversations.resolve, methods=["POST"]),
    Route("/conversations/{id}/reopen", conversations.reopen, methods=["POST"]),
    Route("/contacts", contacts.index),
    Route("/contacts/{id}", contacts.show, methods=["GET"]),
    Route("/contacts/{id}", contacts.change, methods=["PATCH"]),
    Route("/contacts/{id}/block", contacts.block, methods=["POST"]),
    Route("/contacts/{id}/unblock", contacts.unblock, methods=["POST"]),
    Route("/contacts/{id}/merge", contacts.merge, methods=["POST"]),
    Route("/contacts/{id}/unmerge", contacts.unmerge, methods=["POST"]),
    Route("/contacts/{id}/not_same", contacts.not_same, methods=["POST"]),
    Route("/contacts/{id}/suggestions", contacts.suggestions),
    Route("/contacts/{id}/export", contacts.export),
    Route("/messages/{id}/retry", messages.retry, methods=["POST"]),
    Route("/messages/{id}/mark_sent", messages.mark_sent, methods=["POST"]),
    Route("/messages/{id}/reactions", reactions.create, methods=["POST"]),
    Route("/messages/{id}/html", mails.html),
    Route("/attachments", attachments.create, methods=["POST"]),
    Route("/attachments/{id}", attachments.show),
]

ROUTES = [
    Route("/webhooks/{kind}/{channel_id}", webhooks.receive, methods=["GET", "POST"]),
    Mount("/api/v1", routes=API),
    WebSocketRoute("/ws", socket.serve),
    Route("/", pages.home),
    Route("/login", pages.login_form, methods=["GET"]),
    Route("/login", pages.login, methods=["POST"]),
    Route("/logout", pages.logout, methods=["POST"]),
    Route("/app", pages.app),
    Route("/app/c/{id}", pages.app),
    Route("/contacts", pages.contacts),
    Route("/contacts/{id}", pages.contacts),
    Route("/settings", settings_pages.home),
    Route("/settings/channels", settings_pages.index),
    Route("/settings/channels/new", settings_pages.new),
    Route("/settings/channels/callback", channel_sign_in.callback),
    Route("/settings/channels/{id}", settings_pages.show),
    Route("/settings/channels/{id}/set-up", settings_pages.set_up),
    Route("/settings/channels/{id}/sign-in", channel_sign_in.begin),
    Route("/files/{token}", attachments.for_providers),
    Route("/u/{token}", unsubscribe.page, methods=["GET"]),
    Route("/u/{token}", unsubscribe.end, methods=["POST"]),
    Route("/healthz", healthz),
    Route("/readyz", readyz),
    Route("/metrics", metrics),
    Mount("/static", app=_Static(directory=_STATIC)),
]


@asynccontextmanager
async def _lifespan(app: Starlette) -> AsyncIterator[None]:
    """Start in the order of the way of a message, backwards: what hands over comes last."""
    context = app.state.context
    async with AsyncExitStack() as stack:
        await context.hub.start()
        stack.push_async_callback(context.hub.close)
        workers = context.workers if context.works else ()
        stack.push_async_callback(context.stores.health.close)
        if context.alone:  # and before our own workers take leases
            await context.delivery.take_over()
            await context.intake.take_over()
            await context.pulling.take_over()
            await context.merges.mend_all(datetime.now(UTC), alone=True)
        stack.push_async_callback(context.signals.close)
        heartbeat = Heartbeat(context.stores.gaps, context.connectors)
        journal = context.stores.journal
        # Pulling writes to the journal: it starts after it and stops before it.
        pulling = (context.pulling,) if context.works else ()
        for part in (*workers, journal, *pulling, context.watch, heartbeat):
            await part.start()
            stack.push_async_callback(part.close)
        yield


def build(context: Context, hosts: frozenset[str]) -> ASGIApp:
    """The application over its parts; `hosts` are the values of Host that are ours."""
    app = Starlette(
        routes=ROUTES,
        lifespan=_lifespan,
        exception_handlers={
            AssentError: on_error,
            HTTPException: on_http_error,
            ClientDisconnect: on_disconnect,
            Exception: on_crash,
        },
    )
    contexts.attach(app, context)
    # Around everything: middleware given to Starlette does not see the answer to a crash.
    return Guard(app, hosts=hosts, secure=context.settings.secure)
