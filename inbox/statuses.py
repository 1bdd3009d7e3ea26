"""What providers report of messages we sent and of what contacts want: each once, never back."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from inbox import drafts, events
from inbox.domain.channel import Channel
from inbox.domain.consent import ConsentEvent, ConsentType, Purpose
from inbox.domain.contact import Identity
from inbox.domain.ids import MessageId
from inbox.domain.mail import address_key, our_message, recipients_of
from inbox.domain.message import Direction, Failure, Message, Status
from inbox.domain.report import (
    PreferenceReported,
    ProviderError,
    Sender,
    StatusReported,
    WatermarkReported,
)
from inbox.hub import Hub
from inbox.store.message_documents import provider_key
from inbox.store.statuses import EarlyStatus
from inbox.stores import Stores

# A provider's clock may run ahead of ours; a time further off than this is not believed.
AHEAD = timedelta(minutes=10)
# We hear that a message was taken a moment after the provider has dated it.
ANSWER_LAG = timedelta(seconds=2)


def believable(at: datetime | None, received_at: datetime) -> datetime | None:
    """The provider's time, unless it is missing or lies in the future."""
    return None if at is None or at > received_at + AHEAD else at


def happened_at(at: datetime | None, received_at: datetime) -> datetime:
    """When it happened, by the provider's clock, but never later than we heard of it: a STOP that
    lay ahead of our clock would not count until that has caught up."""
    return min(believable(at, received_at) or received_at, received_at)


def _has_several(message: Message) -> bool:
    return len(recipients_of(message.content).all()) > 1


def _who_refused(report: StatusReported, message: Message, identity: Identity) -> Identity | None:
    """Whose address a failure speaks of: the contact's, but of a mail that of one recipient, by
    whose address alone the ledger is to know it; None where nobody can tell which one it is."""
    named = recipients_of(message.content).all()
    if not named:
        return identity
    said = address_key(report.recipient or "")
    address = next((one for one in named if address_key(one) == said), None)
    if address is None and len(named) == 1:
        address = named[0]  # who has their mail sent on bounces under another address
    if address is None:
        return None
    if address_key(address) in map(address_key, (identity.address, *identity.keys)):
        return identity
    return replace(identity, keys=(address,))


class Statuses:
    def __init__(self, stores: Stores, hub: Hub) -> None:
        self._stores = stores
        self._hub = hub

    async def apply(self, report: StatusReported, channel: Channel, received_at: datetime) -> str:
        """Move a message forwards; what comes before its message is kept for it."""
        failure = None
        if report.error is not None:
            failure = Failure(code=report.error.code, reason=report.error.reason)
        at = happened_at(report.at, received_at)
        # A mail's bounce knows only the Message-ID that we gave it, which is no id of the provider.
        provider_id = None if our_message(report.provider_id) else report.provider_id or None
        message = await self._reported_message(report, channel)
        if message is None and provider_id is None:
            return "status_unknown"
        if message is None:
            key = provider_key(channel.id, report.provider_id)
            early = EarlyStatus(key=key, status=report.status, at=at, failure=failure)
            await self._stores.statuses.keep(channel.workspace_id, early, received_at)
            # The message may have got its provider id just before that was kept.
            message = await self._reported_message(report, channel)
            if message is None:
                return "early_status"
        if report.status in (Status.DELIVERED, Status.READ) and _has_several(message):
            # It got to one of them, and may not get to another.
            return "status_of_one_recipient"
        says_little = provider_id is not None and report.status in (Status.SENT, Status.FAILED)
        if says_little and await self._stores.messages.is_of_ended_try(message, provider_id or ""):
            # Only that an earlier try arrived after all would still matter.
            return "ended_try"
        await self._learn_from_error(report, channel, message, at)
        moved = await self._stores.messages.set_status(
            message, report.status, at, failure=failure, provider_id=provider_id
        )
        if moved is None:
            return "status_known"
        await self._stores.conversations.show_status(moved)
        await self._hub.publish([events.status_changed(moved, message.status)])
        if await self._try_again(moved, report.error, received_at):
            return "status_again"
        return "status"

    async def _try_again(
        self, message: Message, error: ProviderError | None, now: datetime
    ) -> bool:
        """Send it once more by itself, where the provider's failure is known to pass; the gate is
        asked again then."""
        if error is None or error.action != "retry" or error.tries is None:
            return False
        outbox = self._stores.outbox
        if await outbox.tries(message) + 1 >= error.tries:
            return False
        queued = await outbox.requeue(message, now + timedelta(seconds=error.wait_s), alone=True)
        if queued is None:
            return False
        await self._stores.conversations.show_status(queued)
        await self._hub.publish([events.status_changed(queued, message.status)])
        return True

    async def _reported_message(self, report: StatusReported, channel: Channel) -> Message | None:
        if report.message_id is not None:
            found = await self._stores.messages.find(
                channel.workspace_id, MessageId(report.message_id)
            )
            ours = found is not None and found.direction is Direction.OUTBOUND
            if found is not None and found.channel_id == channel.id and ours:
                return found
        if not report.provider_id:
            return None
        key = provider_key(channel.id, report.provider_id)
        by_key = await self._stores.messages.find_by_keys(channel.workspace_id, [key])
        found = by_key.get(key)
        return found if found is not None and found.direction is Direction.OUTBOUND else None

    async def _learn_from_error(
        self, report: StatusReported, channel: Channel, message: Message, at: datetime
    ) -> None:
        if report.error is None or report.error.consent is None:
            return
        conversation = await self._stores.conversations.find(
            channel.workspace_id, message.conversation_id
        )
        if conversation is None:
            return
        identity = await self._stores.people.get(conversation.identity_id)
        refused = _who_refused(report, message, identity)
        if refused is None:
            return
        recorded = await learn_refusal(
            self._stores, refused, report.error.consent, report.error.code, at, message.id
        )
        if recorded is not None and refused is identity:
            await self._hub.publish([events.consent_changed(conversation, recorded)])

    async def apply_watermark(
        self, report: WatermarkReported, channel: Channel, received_at: datetime
    ) -> str:
        """Move everything that we sent to a person before an instant; of the newest 200 messages,
        since older ones were moved by older watermarks."""
        known = await self._stores.people.find_many(
            channel.workspace_id, channel.id, channel.kind, report.sender.keys
        )
        person = next(iter(known.values()), None)
        if person is None:
            return "watermark_unknown"
        conversation = await self._stores.conversations.find(channel.workspace_id, person[1])
        if conversation is None:
            return "watermark_unknown"
        through = await self._through(report, channel)
        if through is None:
            return "watermark_unknown"
        at = happened_at(report.through, received_at)
        recent = await self._stores.messages.page(
            channel.workspace_id,
            conversation.id,
            last_seq=conversation.last_seq,
            before_place=None,
            limit=200,
        )
        for message in recent:
            # What has not left, or has failed, no watermark speaks of.
            left_at = message.status_at.get("sent")
            if left_at is None or left_at - ANSWER_LAG > through:
                continue
            moved = await self._stores.messages.set_status(
                message, report.status, at, only_from=(Status.SENT, Status.DELIVERED)
            )
            if moved is not None:
                await self._stores.conversations.show_status(moved)
                await self._hub.publish([events.status_changed(moved, message.status)])
        return "watermark"

    async def _through(self, report: WatermarkReported, channel: Channel) -> datetime | None:
        """The instant that a watermark reaches to; where it names a message, when that left."""
        if report.through is not None:
            return report.through
        key = provider_key(channel.id, report.provider_id or "")
        found = (await self._stores.messages.find_by_keys(channel.workspace_id, [key])).get(key)
        return None if found is None else found.status_at.get("sent", found.sent_at)

    async def prefer(self, report: PreferenceReported, channel: Channel) -> str:
        """A contact told the provider what they want: on record, without a message."""
        sender = await self._whose(report, channel)
        if sender is None:
            return "preference_of_nothing_sent"
        now = datetime.now(UTC)
        known = await self._stores.people.find_many(
            channel.workspace_id, channel.id, channel.kind, sender.keys
        )
        found = next(iter(known.values()), None)
        if found is None:
            found = await self._stores.people.create(
                channel.workspace_id, channel.id, channel.kind, sender, now
            )
        identity, conversation_id = found
        types = {"stop": ConsentType.PROVIDER_OPT_OUT, "resume": ConsentType.PROVIDER_OPT_IN}
        promotions = report.covers == "promotions"
        recorded = replace(
            drafts.consent(
                self._stores,
                identity,
                types[report.act],
                method="provider",
                actor="contact",
                at=happened_at(report.at, now),
                recorded_at=now,
            ),
            purpose=Purpose.PROMOTIONAL if promotions else None,
            # Of promotions it takes none any more; of everything, we are the ones to stop.
            by_provider=promotions,
            code=report.code,
        )
        # Of two reports of one wish the second is known by its time.
        once = f"{recorded.points[0]}:{recorded.type}:{recorded.at.isoformat()}"
        if not await self._stores.ledger.record(recorded, once=once):
            return "preference_known"
        conversation = await self._stores.conversations.find(channel.workspace_id, conversation_id)
        if conversation is not None:
            await self._hub.publish([events.consent_changed(conversation, recorded)])
        return "preference"

    async def _whose(self, report: PreferenceReported, channel: Channel) -> Sender | None:
        """Whose wish it is. One that names a message of ours is believed of whom that went to;
        None: it went to nobody of that name, so anybody may have written it."""
        if report.message_id is None:
            return report.sender
        message_id = MessageId(report.message_id)
        found = await self._stores.messages.find(channel.workspace_id, message_id)
        if found is None or found.channel_id != channel.id:
            return None
        named = recipients_of(found.content).all()
        if found.direction is not Direction.OUTBOUND or not named:
            return None
        if address_key(report.sender.address) in map(address_key, named):
            return report.sender
        # Providers that pass complaints on often blacken who complained.
        address = named[0]
        alone = Sender(keys=(address,), address=address, handle=address)
        return alone if len(named) == 1 else None


async def learn_refusal(
    stores: Stores,
    identity: Identity,
    consent: str,
    code: str,
    at: datetime,
    message_id: MessageId,
) -> ConsentEvent | None:
    """Put on record that a provider refused because of the contact's wish, or of an address where
    nobody is; None when it was known or says nothing of either."""
    invalid = consent in ("address_invalid", "unreachable")
    if consent not in ("opt_out", "marketing_stop") and not invalid:
        return None
    marketing = consent == "marketing_stop"
    recorded = replace(
        drafts.consent(
            stores,
            identity,
            ConsentType.ADDRESS_INVALID if invalid else ConsentType.PROVIDER_OPT_OUT,
            method="provider",
            actor="provider" if invalid else "contact",
            at=at,
            recorded_at=datetime.now(UTC),
            message_id=message_id,
        ),
        purpose=Purpose.PROMOTIONAL if marketing else None,
        hard=consent in ("opt_out", "address_invalid"),
        by_provider=True,
        code=code,
    )
    return recorded if await stores.ledger.record(recorded) else None
