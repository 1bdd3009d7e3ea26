"""Sends one message of a Facebook page. `build` is pure; `send` talks to Meta."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from io import BytesIO

import aiohttp

from connectors.body import line
from connectors.messaging.sender import (
    HUMAN_AGENT,
    TYPES,
    attachment,
    check_sendable,
    envelope,
    post,
    words,
)
from connectors.messenger.manifest import MANIFEST
from connectors.meta import Graph, segment
from inbox.domain.channel import Channel, OutboundFile, OutboundMessage, Sent
from inbox.domain.errors import Permanent
from inbox.domain.gate import Permit


async def send(graph: Graph, message: OutboundMessage, permit: Permit) -> Sent:
    """Send, after `upload`. Raises as `Connector.send` says."""
    permit.spend(message.subject(), datetime.now(UTC))
    document = build(message, human_agent=permit.code == HUMAN_AGENT)
    token = message.channel.setting("access_token")
    return await post(graph, messages(message.channel), token, document)


async def upload(graph: Graph, message: OutboundMessage) -> OutboundMessage:
    """As `Uploads.upload` says."""
    check_sendable(message, MANIFEST.label, MANIFEST.text)
    files = [
        replace(file, uploaded=await _upload(graph, message.channel, file))
        for file in message.files
    ]
    return replace(message, files=tuple(files))


def build(message: OutboundMessage, *, human_agent: bool = False) -> dict[str, object]:
    """The body of the call.

    human_agent  the permit is for a reply of a person after the window has closed
    raises       Permanent for what Messenger would not take, or not as a whole
    """
    check_sendable(message, MANIFEST.label, MANIFEST.text)
    content = words(message)
    if message.files:
        content = attachment(message.files[0].kind, {"attachment_id": message.files[0].uploaded})
    # Comes back with the echo, which may overtake the answer to this call.
    content["metadata"] = message.id
    return envelope(message, content, human_agent=human_agent)


async def _upload(graph: Graph, channel: Channel, file: OutboundFile) -> str:
    """source  developers.facebook.com/docs/messenger-platform/reference/attachment-upload-api"""
    # Only what may be used again gets an id.
    wanted = {"attachment": {"type": TYPES[file.kind], "payload": {"is_reusable": True}}}
    form = aiohttp.FormData()
    form.add_field("message", json.dumps(wanted))
    content = BytesIO(file.content)
    form.add_field("filedata", content, filename=file.name, content_type=file.mime)
    path = f"{_page(channel)}/message_attachments"
    document = await graph.upload(path, channel.setting("access_token"), form)
    attachment_id = line(document, "attachment_id", 128)
    if attachment_id is None:
        raise Permanent("Messenger did not take the file.", code="upload_refused")
    return attachment_id


def messages(channel: Channel) -> str:
    """Where everything goes that is sent."""
    return f"{_page(channel)}/messages"


def _page(channel: Channel) -> str:
    return segment(channel.setting("page_id"))
