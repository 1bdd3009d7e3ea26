"""Builds and reads what the two kinds send. Pure, but for `post`."""

from __future__ import annotations

from collections.abc import Mapping

from connectors.body import items, line, text
from connectors.meta import Graph
from inbox.domain.channel import OutboundMessage, Sent, TextLimits
from inbox.domain.errors import OutcomeUnknown, Permanent

HUMAN_AGENT = "ALLOW_HUMAN_AGENT"
"""The code of a permit for a reply of a person after the window has closed."""

# Our kind of file in the platform's words; a sticker cannot be sent from a file.
TYPES = {"image": "image", "video": "video", "audio": "audio", "document": "file"}


def envelope(
    message: OutboundMessage, content: Mapping[str, object], *, human_agent: bool
) -> dict[str, object]:
    """The body of a send around its `message` object.

    human_agent  outside the window: tagged as written by a person, for accounts with the permission
    source       developers.facebook.com/docs/messenger-platform/reference/send-api
    """
    document: dict[str, object] = {
        "recipient": {"id": message.to},
        "messaging_type": "MESSAGE_TAG" if human_agent else "RESPONSE",
        "message": dict(content),
    }
    if human_agent:
        document["tag"] = "HUMAN_AGENT"
    if message.reply_to:
        document["reply_to"] = {"mid": message.reply_to}
    return document


def check_sendable(message: OutboundMessage, label: str, limits: TextLimits) -> None:
    """Refuse what would be refused, or dropped in part, after a file travelled for nothing. Raises
    Permanent."""
    if len(message.files) > 1:
        raise Permanent(f"{label} takes one file a message.", code="too_many_files")
    if message.files and message.files[0].kind not in TYPES:
        raise Permanent(f"{label} cannot send this kind of file.", code="file_kind")
    if message.files and message.text:
        raise Permanent(
            f"{label} shows no text with a file. Send the text by itself.", code="no_caption"
        )
    if not message.files and not message.text.strip():
        raise Permanent("There is nothing to send.", code="empty")
    size = len(message.text.encode("utf-8", "ignore"))
    too_many_bytes = limits.max_bytes is not None and size > limits.max_bytes
    if len(message.text) > limits.max_chars or too_many_bytes:
        raise Permanent(
            f"The text is longer than {label} allows. Send it in two parts.", code="too_long"
        )


def words(message: OutboundMessage) -> dict[str, object]:
    """A `message` object with a text, and below it the buttons: quick replies, as they are called
    there."""
    content: dict[str, object] = {"text": message.text}
    buttons = items(message.content, "buttons")
    if buttons:
        content["quick_replies"] = [
            {"content_type": "text", "title": text(one, "title"), "payload": text(one, "id")}
            for one in buttons
        ]
    return content


def attachment(kind: str, payload: Mapping[str, object]) -> dict[str, object]:
    """A `message` object with one file."""
    return {"attachment": {"type": TYPES[kind], "payload": dict(payload)}}


async def post(graph: Graph, path: str, token: str, document: Mapping[str, object]) -> Sent:
    """Send once; nothing here makes a second try harmless. Raises as `Connector.send` says."""
    answer = await graph.post(path, token, document)
    return read_sent(graph.read(answer, repeatable=False))


def read_sent(document: Mapping[str, object]) -> Sent:
    """What a good answer says; one without an id may still have sent something."""
    provider_id = line(document, "message_id", 512)
    if provider_id is None:
        raise OutcomeUnknown(
            "Meta answered without an id, so it is not known whether the message was sent.",
            code="no_id",
        )
    recipient = line(document, "recipient_id", 64)
    return Sent(provider_id=provider_id, keys=(recipient,) if recipient else ())
