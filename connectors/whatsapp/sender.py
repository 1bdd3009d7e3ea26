"""Sends one WhatsApp message. `build` and `read_sent` are pure; `send` talks to Meta."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from io import BytesIO

import aiohttp

from connectors.body import items, line
from connectors.meta import Graph, segment
from connectors.whatsapp import interactive, templates
from connectors.whatsapp.address import recipient
from inbox.domain.channel import Channel, OutboundFile, OutboundMessage, Sent
from inbox.domain.errors import OutcomeUnknown, Permanent
from inbox.domain.gate import Permit

_LINK = re.compile(r"https?://\S", re.IGNORECASE)
_WITH_CAPTION = ("image", "video", "document")
_TYPES = (*_WITH_CAPTION, "audio", "sticker")


async def send(graph: Graph, message: OutboundMessage, permit: Permit) -> Sent:
    """Send, after `upload`. Raises as `Connector.send` says."""
    permit.spend(message.subject(), datetime.now(UTC))
    token = message.channel.setting("access_token")
    number = segment(message.channel.setting("phone_number_id"))
    document = build(message)
    answer = await graph.post(f"{number}/messages", token, document)
    return read_sent(graph.read(answer, repeatable=False))


async def upload(graph: Graph, message: OutboundMessage) -> OutboundMessage:
    """As `Uploads.upload` says."""
    build(message)  # refuses what cannot be sent before a file travels for nothing
    files = [
        replace(file, uploaded=await _upload(graph, message.channel, file))
        for file in message.files
    ]
    return replace(message, files=tuple(files))


def build(message: OutboundMessage) -> dict[str, object]:
    """The body of the call.

    raises    Permanent for what WhatsApp would drop without a word
    source    developers.facebook.com/docs/whatsapp/cloud-api/reference/messages
    """
    document: dict[str, object] = {
        "messaging_product": "whatsapp",
        "recipient_type": "individual",
        **recipient(message.to),
        # Comes back with every status, also with one that overtakes the answer to this call.
        "biz_opaque_callback_data": message.id,
    }
    if message.reply_to:
        document["context"] = {"message_id": message.reply_to}
    content = message.content or {}
    template = content.get("template")
    if isinstance(template, Mapping):
        part = templates.build(template, message.files)
        return {**document, "type": "template", "template": part}
    rich = interactive.build(content, message.text)
    if rich is not None:
        return {**document, **rich}
    if message.files:
        return {**document, **_file(message)}
    if not message.text.strip():
        raise Permanent("There is nothing to send.", code="empty")
    text = {"body": message.text, "preview_url": _LINK.search(message.text) is not None}
    return {**document, "type": "text", "text": text}


def _file(message: OutboundMessage) -> dict[str, object]:
    if len(message.files) > 1:
        raise Permanent("WhatsApp takes one file a message.", code="too_many_files")
    file = message.files[0]
    if file.kind not in _TYPES:
        raise Permanent("WhatsApp cannot send this kind of file.", code="file_kind")
    part: dict[str, object] = {"id": file.uploaded}
    if message.text:
        if file.kind not in _WITH_CAPTION:
            raise Permanent(
                "WhatsApp shows no text with this kind of file. Send the text by itself.",
                code="no_caption",
            )
        part["caption"] = message.text
    if file.kind == "document":
        part["filename"] = file.name
    return {"type": file.kind, file.kind: part}


async def _upload(graph: Graph, channel: Channel, file: OutboundFile) -> str:
    form = aiohttp.FormData()
    form.add_field("messaging_product", "whatsapp")
    form.add_field("type", file.mime)
    # The name is of no use to Meta here, and a document's travels in the message itself.
    content = BytesIO(file.content)
    form.add_field("file", content, filename="file", content_type=file.mime)
    number = segment(channel.setting("phone_number_id"))
    document = await graph.upload(f"{number}/media", channel.setting("access_token"), form)
    media_id = line(document, "id", 128)
    if media_id is None:
        raise Permanent("WhatsApp did not take the file.", code="upload_refused")
    return media_id


def read_sent(document: Mapping[str, object]) -> Sent:
    """What a good answer says; one without an id may still have sent something."""
    messages, contacts = items(document, "messages"), items(document, "contacts")
    provider_id = line(messages[0], "id") if messages else None
    if provider_id is None:
        raise OutcomeUnknown(
            "WhatsApp answered without an id, so it is not known whether the message was sent.",
            code="no_id",
        )
    contact = contacts[0] if contacts else None
    keys = (line(contact, "wa_id", 32), line(contact, "user_id", 160))
    return Sent(provider_id=provider_id, keys=tuple(key for key in keys if key))
