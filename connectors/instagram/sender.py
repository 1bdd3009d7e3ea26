"""Sends one message of an Instagram account. `build` is pure; `send` talks to Meta."""

from __future__ import annotations

from datetime import UTC, datetime

from connectors.instagram.account import Graphs
from connectors.instagram.manifest import MANIFEST
from connectors.messaging.sender import (
    HUMAN_AGENT,
    attachment,
    check_sendable,
    envelope,
    post,
    words,
)
from inbox.domain.channel import OutboundMessage, Sent
from inbox.domain.gate import Permit


async def send(graphs: Graphs, message: OutboundMessage, permit: Permit) -> Sent:
    """Hand it to Meta, which fetches a file itself. Raises as `Connector.send` says."""
    permit.spend(message.subject(), datetime.now(UTC))
    document = build(message, human_agent=permit.code == HUMAN_AGENT)
    channel = message.channel
    # `me` is whose the token is: the account itself, or the page that it is linked to.
    return await post(graphs.of(channel), "me/messages", channel.setting("access_token"), document)


def build(message: OutboundMessage, *, human_agent: bool = False) -> dict[str, object]:
    """The body of the call.

    human_agent  the permit is for a reply of a person after the window has closed
    raises       Permanent for what Instagram would not take, or not as a whole
    """
    check_sendable(message, MANIFEST.label, MANIFEST.text)
    content = words(message)
    if message.files:
        content = attachment(message.files[0].kind, {"url": message.files[0].url})
    return envelope(message, content, human_agent=human_agent)
