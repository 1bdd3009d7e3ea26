"""Webhooks in: believed by their signature, stored, and only then answered.

What a provider is told: 200 once it is stored, whatever is in it; 403 for a wrong signature; 404
for an address that is nobody's; 413 and 415 for what we do not read; 503 when it cannot be stored,
so that the provider comes back.
"""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime

from prometheus_client import Counter, Histogram
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from inbox import log
from inbox.domain.abilities import FetchesKeys
from inbox.domain.channel import Channel, Payload, WebhookRequest
from inbox.domain.errors import Temporary, Untrusted
from inbox.domain.ids import ChannelId, JournalId
from inbox.ids import new_id
from inbox.store.journal import JournalEntry
from inbox.web import context as contexts

MOST_BYTES = 4 * 1024 * 1024
# Providers give up after five seconds, some of them for good: they must hear a 503 before that.
PATIENCE_S = 4.5

WEBHOOKS = Counter("assent_webhooks_total", "Webhook calls", ["kind", "outcome"])
ACK_SECONDS = Histogram(
    "assent_webhook_ack_seconds",
    "From the call to its answer",
    buckets=(0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 5),
)
_log = log.get("webhooks")


def _refuse(kind: str, outcome: str, status: int, text: str) -> Response:
    WEBHOOKS.labels(kind, outcome).inc()
    return PlainTextResponse(text, status_code=status)


async def _body(request: Request) -> bytes | None:
    """The body, or None as soon as it is longer than allowed."""
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > MOST_BYTES:
        return None
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > MOST_BYTES:
            return None
        chunks.append(chunk)
    return b"".join(chunks)


async def receive(request: Request) -> Response:
    """`GET|POST /webhooks/{kind}/{channel_id}`"""
    context = contexts.of(request)
    kind = request.path_params["kind"]
    connector = context.connectors.get(kind)
    if connector is None:
        return _refuse("unknown", "unknown_channel", 404, "There is no such channel.\n")
    began = time.monotonic()
    try:
        async with asyncio.timeout(PATIENCE_S):
            channel = await context.directory.find(ChannelId(request.path_params["channel_id"]))
    except (Temporary, TimeoutError):
        return _refuse(kind, "unavailable", 503, "Come back in a moment.\n")
    left_s = PATIENCE_S - (time.monotonic() - began)
    if channel is None or channel.kind != kind or not _listens(request, channel):
        return _refuse(kind, "unknown_channel", 404, "There is no such channel.\n")
    if request.headers.get("content-encoding", "identity") != "identity":
        return _refuse(kind, "encoded", 415, "Compressed bodies are not read.\n")
    body = await _body(request)
    if body is None:
        return _refuse(kind, "too_large", 413, "The body is larger than 4 MiB.\n")
    call = _call(request, context.settings.public_url, body)
    if request.method == "GET" and connector.manifest.handshake:
        try:
            answer = connector.challenge(call, channel)
        except Untrusted:
            return _refuse(kind, "handshake_refused", 403, "The verify token is wrong.\n")
        WEBHOOKS.labels(kind, "handshake").inc()
        context.stores.health.note(channel, "handshake")
        return PlainTextResponse(answer)
    if isinstance(connector, FetchesKeys):
        try:
            async with asyncio.timeout(left_s):
                await connector.fetch_keys(call)
        except (Temporary, TimeoutError):
            return _refuse(kind, "unavailable", 503, "Come back in a moment.\n")
        left_s = PATIENCE_S - (time.monotonic() - began)
    try:
        connector.verify(call, (channel,))
    except Untrusted as error:
        if error.code != "unsigned":  # those are strangers, and tell nothing of our secret
            context.stores.health.note(channel, "bad_signature")
        return _refuse(kind, "untrusted", 403, "The signature is missing or wrong.\n")
    return await _store(request, call, channel, left_s)


def _listens(request: Request, channel: Channel) -> bool:
    """A channel that is being connected answers the handshake and nothing else."""
    return channel.in_use or (channel.state == "draft" and request.method == "GET")


def _call(request: Request, public_url: str, body: bytes) -> WebhookRequest:
    raw_path: bytes = request.scope.get("raw_path") or request.url.path.encode()
    query: bytes = request.scope["query_string"]
    url = public_url + raw_path.decode("latin-1")
    if query:
        url += "?" + query.decode("latin-1")
    return WebhookRequest(
        method=request.method,
        url=url,
        query=query,
        headers={name.lower(): value for name, value in request.headers.items()},
        body=body,
    )


async def _store(
    request: Request, call: WebhookRequest, channel: Channel, left_s: float
) -> Response:
    context = contexts.of(request)
    now = datetime.now(UTC)
    entry = JournalEntry(
        id=JournalId(new_id("jrn")),
        workspace_id=channel.workspace_id,
        channel_id=channel.id,
        kind=channel.kind,
        payload=Payload(
            method=call.method,
            query=call.query,
            content_type=call.headers.get("content-type", ""),
            body=call.body,
        ),
        received_at=now,
    )
    try:
        async with asyncio.timeout(left_s):
            await context.stores.journal.append(entry)
    except (Temporary, TimeoutError) as error:
        # After a time-out it may be stored all the same; what the provider repeats is dropped.
        wait_s = error.retry_after_s if isinstance(error, Temporary) else None
        WEBHOOKS.labels(channel.kind, "unavailable").inc()
        return PlainTextResponse(
            "Come back in a moment.\n",
            status_code=503,
            headers={"Retry-After": str(round(wait_s or 5))},
        )
    if context.works:
        context.intake.hand_over(entry)
    context.stores.health.note(channel, "webhook", now)
    WEBHOOKS.labels(channel.kind, "stored").inc()
    ACK_SECONDS.observe((datetime.now(UTC) - now).total_seconds())
    ack = context.connectors[channel.kind].manifest.ack
    return Response(ack.body, status_code=ack.status, media_type=ack.content_type)
