"""All that comes before a send: gathers the text, the files and what is quoted, and asks the gate.

What becomes of the answer is the business of delivery.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from prometheus_client import Counter

from inbox import shapes
from inbox.consent import facts, policy, template_use
from inbox.directory import Directory
from inbox.domain.abilities import MakesReady, Uploads
from inbox.domain.channel import Channel, Connector, OutboundFile, OutboundMessage
from inbox.domain.consent import Purpose
from inbox.domain.contact import Identity
from inbox.domain.conversation import Conversation
from inbox.domain.gate import Attempt, Decision, Permit, decide
from inbox.domain.mail import of, recipients_of
from inbox.domain.message import Failure, Message
from inbox.links import Links
from inbox.recipients import answer, others_decision, threading
from inbox.stores import Stores

DECISIONS = Counter("assent_gate_decisions_total", "Decisions at dispatch", ["kind", "code"])


@dataclass(frozen=True, kw_only=True, slots=True)
class Ready:
    """All that the gate and the connector are asked with."""

    outbound: OutboundMessage
    channel: Channel
    conversation: Conversation
    identity: Identity


@dataclass(frozen=True, kw_only=True, slots=True)
class Permitted:
    """All that a send takes."""

    outbound: OutboundMessage
    permit: Permit
    decision: Decision


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

    async def prepare(self, message: Message) -> Ready | None:
        """What is to be sent, and where; None when its channel is gone. raises StoreUnavailable"""
        channel = await self._directory.find(message.channel_id)
        conversation = await self._stores.conversations.find(
            message.workspace_id, message.conversation_id
        )
        if channel is None or not channel.in_use or conversation is None:
            return None
        identity = await self._stores.people.get(conversation.identity_id)
        outbound = await self._outbound(message, channel, identity)
        if self._connectors[channel.kind].manifest.mail:
            outbound = await self._as_mail(message, outbound, conversation, identity)
        return Ready(
            outbound=outbound, channel=channel, conversation=conversation, identity=identity
        )

    async def permit(self, message: Message, ready: Ready) -> Permitted | Denied:
        """The gate's answer, and files where the provider wants them. An upload takes its time, and
        so may what comes before any send, and the contact may write STOP meanwhile: the gate is
        asked before it, so that no file of a message that may not leave does, and after it, so that
        its answer is a fresh one.

        raises   StoreUnavailable; Temporary, Permanent: of the upload
        """
        outbound = ready.outbound
        answer = await self._decide(message, ready, outbound)
        connector = self._connectors[ready.channel.kind]
        if isinstance(answer, Denied):
            return answer
        if outbound.files and isinstance(connector, Uploads):
            outbound = await connector.upload(outbound)
        elif isinstance(connector, MakesReady):
            await connector.make_ready(outbound)
        else:
            return answer
        return await self._decide(message, ready, outbound)

    async def _decide(
        self, message: Message, ready: Ready, outbound: OutboundMessage
    ) -> Permitted | Denied:
        now = datetime.now(UTC)
        channel = ready.channel
        attempt = Attempt(
            kind=channel.kind,
            purpose=Purpose(message.purpose),
            actor="agent" if message.author.type == "agent" else "system",
            sort=message.sort,  # type: ignore[arg-type]  # stored by us, and the gate checks it
            template=await template_use(
                self._stores, message.workspace_id, message.channel_id, message.content
            ),
            subject=outbound.subject(),
        )
        manifest = self._connectors[channel.kind].manifest
        known = await facts(self._stores, ready.conversation, ready.identity, manifest, now)
        decision = decide(attempt, known, policy(channel, manifest), now)
        DECISIONS.labels(channel.kind, decision.code).inc()
        if decision.allow and manifest.mail:
            decision = await self._others(message, ready, outbound, now) or decision
        if decision.permit is None:
            failure = Failure(code=decision.code, reason=decision.reason)
            return Denied(failure=failure, decision=shapes.decision(decision))
        return Permitted(outbound=outbound, permit=decision.permit, decision=decision)

    async def _others(
        self, message: Message, ready: Ready, outbound: OutboundMessage, now: datetime
    ) -> Decision | None:
        """What the gate says of those whom the mail goes to besides the contact; None: nothing."""
        label = self._connectors[ready.channel.kind].manifest.label
        return await others_decision(
            self._stores,
            ready.identity,
            recipients_of(outbound.content),
            Purpose(message.purpose),
            label,
            now,
        )

    async def _as_mail(
        self,
        message: Message,
        outbound: OutboundMessage,
        conversation: Conversation,
        identity: Identity,
    ) -> OutboundMessage:
        """With whom it goes to, and what joins it to its thread; the answer to all where nobody
        chose. Our own words to the contact (a confirmation) go to the contact alone."""
        found = await answer(
            self._stores, conversation, identity, outbound.channel, before_seq=message.seq
        )
        chosen = dict(of(message))
        if not chosen:
            chosen = {"to": [identity.address], "subject": found.subject, "from": found.sender}
        mail = {**chosen, **threading(found, str(chosen.get("subject") or ""))}
        mail["token"] = self._stores.messages.mail_token(message.id)
        if message.purpose == Purpose.PROMOTIONAL:
            mail["unsubscribe_url"] = self._links.unsubscribe(identity, conversation.id)
        to = str(next(iter(recipients_of({"mail": mail}).all()), identity.address))
        return replace(outbound, to=to, content={**(outbound.content or {}), "mail": mail})

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
            content=message.content,
        )
