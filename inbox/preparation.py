"""Gathers what a connector is asked to send: the text, the files, and what is quoted.

Whether it may be sent is asked elsewhere, by who sends it.
"""

from __future__ import annotations

from dataclasses import dataclass

from inbox.domain.channel import Channel, OutboundFile, OutboundMessage
from inbox.domain.contact import Identity
from inbox.domain.gate import Decision, Permit
from inbox.domain.message import Failure, Message
from inbox.links import Links
from inbox.stores import Stores


@dataclass(frozen=True, kw_only=True, slots=True)
class Ready:
    """All that a send takes."""

    outbound: OutboundMessage
    permit: Permit
    decision: Decision
    channel: Channel
    identity: Identity


@dataclass(frozen=True, kw_only=True, slots=True)
class Denied:
    """It may not be sent. `decision` is the gate's, None where it was not asked."""

    failure: Failure
    decision: dict[str, object] | None = None


class Preparation:
    def __init__(self, stores: Stores, links: Links) -> None:
        self._stores = stores
        self._links = links

    async def outbound(
        self, message: Message, channel: Channel, identity: Identity
    ) -> OutboundMessage:
        files: list[OutboundFile] = []
        for attachment in message.attachments:
            content = await self._stores.files.content(attachment.id)
            files.append(
                OutboundFile(
                    id=attachment.id,
                    kind=attachment.kind,
                    mime=attachment.mime or "application/octet-stream",
                    name=attachment.name or attachment.id,
                    content=content or b"",
                    url=self._links.file(message.workspace_id, attachment.id),
                )
            )
        reply_to: str | None = None
        if message.reply_to is not None:
            quoted = await self._stores.messages.find(message.workspace_id, message.reply_to)
            reply_to = None if quoted is None else quoted.provider_id
        return OutboundMessage(
            id=message.id,
            channel=channel,
            to=identity.address,
            text=message.text,
            files=tuple(files),
            reply_to=reply_to,
            status_url=self._links.status(channel, message.id),
        )
