"""What became of a send, written down: taken, not taken (again later), never (failed), not known.

It is written however long the database takes, for it has happened; and it is told to whoever looks.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from inbox import events, log, shapes
from inbox.automation.keywords import KeywordAnswers
from inbox.domain.channel import OutboundMessage
from inbox.domain.contact import Identity
from inbox.domain.errors import AccountTrouble, Permanent, StoreUnavailable, Temporary
from inbox.domain.gate import Decision
from inbox.domain.message import Failure, Message, Status, may_become
from inbox.hub import Hub
from inbox.statuses import learn_refusal
from inbox.store.message_documents import provider_key
from inbox.stores import Stores

GIVE_UP_AFTER = timedelta(hours=24)
BACKOFF_CAP_S = 300.0

_log = log.get("delivery")
T = TypeVar("T")


def backoff_s(attempts: int) -> float:
    """Seconds until the next try: doubling from 1 s to five minutes, with full jitter."""
    ceiling = min(BACKOFF_CAP_S, 2.0 ** min(attempts, 12))
    return ceiling * random.uniform(0.5, 1.0)


async def persist(step: Callable[[], Awaitable[T]]) -> T:
    """Do a step that may be repeated, however long the database takes: what it records has
    happened."""
    while True:
        try:
            return await step()
        except StoreUnavailable:
            await asyncio.sleep(0.2)


class Outcomes:
    def __init__(self, stores: Stores, hub: Hub) -> None:
        self._stores = stores
        self._hub = hub
        self._keywords = KeywordAnswers(stores)

    async def record_taken(
        self, message: Message, provider_id: str, identity: Identity, decided: Decision
    ) -> None:
        """Record the send: it has happened. What the gate counts comes first, for the next of the
        conversation may go as soon as this one is recorded."""
        now = datetime.now(UTC)
        decision = shapes.decision(decided)
        await persist(lambda: self._keywords.note_sent(message, identity, now))
        recorded = await persist(
            lambda: self._stores.outbox.record_sent(message, provider_id, decision, now)
        )
        if recorded is None:
            return  # erased meanwhile
        if recorded.status is Status.SENT:
            await persist(lambda: self._stores.conversations.show_status(recorded))
        await self._hub.publish([events.status_changed(recorded, Status.QUEUED)])
        await persist(lambda: self._apply_early(recorded, provider_id))

    async def know_mail(self, message: Message, outbound: OutboundMessage, mail_id: str) -> None:
        """Answers will name the Message-ID that it left with; our next one refers to the same."""
        stores, now, channel = self._stores, datetime.now(UTC), outbound.channel
        left = (outbound.content or {}).get("mail")
        kept = {"references", "in_reply_to", "thread_id", "subject", "from", "to", "cc", "bcc"}
        mail = {k: v for k, v in left.items() if k in kept} if isinstance(left, dict) else {}
        await persist(lambda: stores.messages.know_mail(message, {**mail, "message_id": mail_id}))
        await persist(
            lambda: stores.threads.claim(
                message.workspace_id, channel.id, f"mid:{mail_id}", message.conversation_id, now
            )
        )

    async def _apply_early(self, message: Message, provider_id: str) -> None:
        """Statuses that came before the provider's answer did."""
        key = provider_key(message.channel_id, provider_id)
        for early in await self._stores.statuses.take(message.workspace_id, key):
            moved = await self._stores.messages.set_status(
                message, early.status, early.at, failure=early.failure
            )
            if moved is not None:
                await self._stores.conversations.show_status(moved)
                await self._hub.publish([events.status_changed(moved, message.status)])
                message = moved

    async def try_later(self, message: Message, error: Temporary) -> bool:
        """Put it back for its next try; False when those behind it have to wait for it."""
        attempts = 1 if message.delivery is None else message.delivery.attempts
        if error.most_tries is not None and attempts >= error.most_tries:
            failure = Failure(code=error.code, reason=str(error))
            await self.end(message, Status.FAILED, failure)
            return True
        queued_at = await persist(lambda: self._stores.outbox.queued_at(message))
        now = datetime.now(UTC)
        if now - queued_at > GIVE_UP_AFTER:
            failure = Failure(
                code=error.code, reason="The provider did not take it for a day. Try again later."
            )
            await self.end(message, Status.FAILED, failure)
            return True
        wait_s = error.retry_after_s
        if wait_s is None:
            wait_s = backoff_s(attempts)
        await self.put_back(message, now + timedelta(seconds=wait_s), error)
        return False

    async def put_back(
        self, message: Message, next_at: datetime, error: Temporary | AccountTrouble
    ) -> None:
        reason = Failure(code=error.code, reason=str(error))
        await persist(lambda: self._stores.outbox.put_back(message, next_at, reason))

    async def record_refused(self, message: Message, identity: Identity, error: Permanent) -> None:
        if error.consent is not None:
            await persist(lambda: self._learn(message, identity, error))
        await self.end(message, Status.FAILED, Failure(code=error.code, reason=str(error)))

    async def _learn(self, message: Message, identity: Identity, error: Permanent) -> None:
        """What a refusal says of the contact's wish."""
        conversation = await self._stores.conversations.find(
            message.workspace_id, message.conversation_id
        )
        if error.consent is None or conversation is None:
            return
        now = datetime.now(UTC)
        recorded = await learn_refusal(
            self._stores, identity, error.consent, error.code, now, message.id
        )
        if recorded is not None:
            await self._hub.publish([events.consent_changed(conversation, recorded)])

    async def end(
        self,
        message: Message,
        status: Status,
        failure: Failure | None,
        # Any-free: the API's shape of a decision.
        decision: dict[str, object] | None = None,
    ) -> None:
        now = datetime.now(UTC)
        ended = await persist(
            lambda: self._stores.outbox.end(message, status, failure, now, decision)
        )
        if ended is None:
            # A report was faster, or another worker has it now: only the former is ours to tidy.
            find, tidy = self._stores.messages.find, self._stores.outbox.settle_lost_race
            current = await persist(lambda: find(message.workspace_id, message.id))
            if current is not None and current.status not in may_become(Status.SENT):
                await persist(lambda: tidy(current))
            return
        await persist(lambda: self._stores.conversations.show_status(ended))
        await self._hub.publish([events.status_changed(ended, message.status)])

    async def give_up_lease(self, message: Message) -> None:
        """A worker went away with it: whether the provider has it, nobody here knows."""
        _log.warning("a send was interrupted, its outcome is unknown", message=message.id)
        await self.end(message, Status.UNKNOWN, None)
