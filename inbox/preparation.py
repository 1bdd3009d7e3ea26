"""Makes a message ready to be sent: its files, its quotation, and the gate's last word.

Nothing leaves here, so whatever goes wrong here can be done again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from prometheus_client import Counter

from inbox import shapes
from inbox.consent import facts, policy
from inbox.directory import Directory
from inbox.domain.channel import Channel, Connector, OutboundFile, OutboundMessage
from inbox.domain.consent import Purpose
from inbox.domain.contact import Identity
from inbox.domain.conversation import Conversation
from inbox.domain.gate import Attempt, Decision, Permit, decide
from inbox.domain.message import Failure, Message
from inbox.links import Links
from inbox.stores import Stores

DECISIONS = Counter("assent_gate_decisions_total", "Decisions at dispatch", ["kind", "code"])


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
    def __init__(
        self,
        stores: Stores,
        connectors: Mapping[str, Connector],
        directory: Directory,
        links: Links,
    ) -> None:
        self._stores = stores
        self._connectors = connectors
        self._directory = directory
        self._links = links

    async def prepare(self, message: Message) -> Ready | Denied:
        """All that comes before a send, or why there is to be none. raises StoreUnavailable"""
        channel = await self._directory.find(message.channel_id)
        conversation = await self._stores.conversations.find(
            message.workspace_id, message.conversation_id
        )
        if channel is None or conversation is None:
            reason = "The channel is no longer connected."
            return Denied(failure=Failure(code="channel_gone", reason=reason))
        identity = await self._stores.people.get(conversation.identity_id)
        outbound = await self._outbound(message, channel, identity)
        decision = await self._decide(message, outbound, conversation, identity, channel)
        if decision.permit is None:
            failure = Failure(code=decision.code, reason=decision.reason)
            return Denied(failure=failure, decision=shapes.decision(decision))
        return Ready(
            outbound=outbound,
            permit=decision.permit,
            decision=decision,
            channel=channel,
            identity=identity,
        )

    async def _outbound(
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

    async def _decide(
        self,
        message: Message,
        outbound: OutboundMessage,
        conversation: Conversation,
        identity: Identity,
        channel: Channel,
    ) -> Decision:
        now = datetime.now(UTC)
        attempt = Attempt(
            kind=channel.kind,
            purpose=Purpose(message.purpose),
            actor="agent" if message.author.type == "agent" else "system",
            sort=message.sort,  # type: ignore[arg-type]  # stored by us, and the gate checks it
            subject=outbound.subject(),
        )
        manifest = self._connectors[channel.kind].manifest
        known = await facts(self._stores, conversation, identity, manifest, now)
        decision = decide(attempt, known, policy(channel, manifest), now)
        DECISIONS.labels(channel.kind, decision.code).inc()
        return decision
