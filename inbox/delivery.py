"""Delivery: takes messages from the outbox, asks the gate once more, and hands them to a connector.

Order is kept within a conversation; conversations do not wait for each other, nor channels. What
became of a send is always recorded: taken, not taken (again later), never (failed), or not known.
"""

from __future__ import annotations

import asyncio
import random
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from prometheus_client import Counter

from inbox import events, log, shapes
from inbox.automation.keywords import KeywordAnswers
from inbox.consent import facts, policy
from inbox.directory import Directory
from inbox.domain.agent import Agent
from inbox.domain.channel import Channel, Connector, OutboundFile, OutboundMessage
from inbox.domain.consent import Purpose
from inbox.domain.contact import Identity
from inbox.domain.conversation import Conversation
from inbox.domain.errors import (
    AccountTrouble,
    Conflict,
    OutcomeUnknown,
    Permanent,
    StoreUnavailable,
    Temporary,
)
from inbox.domain.gate import Attempt, Decision, decide
from inbox.domain.message import Failure, Message, Status, may_become
from inbox.hub import Hub
from inbox.links import Links
from inbox.statuses import learn_refusal
from inbox.store.message_documents import provider_key
from inbox.stores import Stores

# Longer than the longest call to a provider, so that a lease ends only with its worker.
LEASE = timedelta(seconds=45)
GIVE_UP_AFTER = timedelta(hours=24)
# Before looking again whether the one ahead, which another worker is sending, has gone.
TURN = timedelta(milliseconds=500)
LOOK_AGAIN = timedelta(seconds=30)
PER_CHANNEL = 8
BACKOFF_CAP_S = 300.0

SENDS = Counter("assent_sends_total", "Messages handed to providers", ["kind", "outcome"])
DECISIONS = Counter("assent_gate_decisions_total", "Decisions at dispatch", ["kind", "code"])
_log = log.get("delivery")


def backoff_s(attempts: int) -> float:
    """Seconds until the next try: doubling from 1 s to five minutes, with full jitter."""
    ceiling = min(BACKOFF_CAP_S, 2.0 ** min(attempts, 12))
    return ceiling * random.uniform(0.5, 1.0)


class Delivery:
    def __init__(
        self,
        stores: Stores,
        hub: Hub,
        connectors: Mapping[str, Connector],
        directory: Directory,
        links: Links,
    ) -> None:
        self._stores = stores
        self._hub = hub
        self._connectors = connectors
        self._directory = directory
        self._links = links
        self._keywords = KeywordAnswers(stores)
        self._bulkheads: dict[str, asyncio.Semaphore] = defaultdict(
            lambda: asyncio.Semaphore(PER_CHANNEL)
        )
        # One running lane a conversation, with what is to go after its present message.
        self._lanes: dict[str, list[Message]] = {}
        self._running: set[asyncio.Task[None]] = set()
        self._sweep: asyncio.Task[None] | None = None
        self._closing = False

    # -- the worker ------------------------------------------------------------------------

    async def start(self) -> None:
        self._sweep = asyncio.create_task(self._sweep_forever(), name="delivery-sweep")

    async def take_over(self) -> None:
        """End every lease now: the caller knows that no other worker lives."""
        while held := await self._stores.outbox.expired(datetime.now(UTC) + LEASE):
            for message in held:
                await self._give_up_lease(message)

    async def close(self) -> None:
        """Let sends in flight finish, within their own time limits; queued ones stay queued."""
        self._closing = True
        if self._sweep is not None:
            self._sweep.cancel()
            await asyncio.gather(self._sweep, return_exceptions=True)
        if self._running:
            await asyncio.wait(self._running, timeout=15)
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    def wake(self, messages: Sequence[Message]) -> None:
        """Messages that this process has just put into the outbox."""
        for message in messages:
            self._enqueue(message)

    def _enqueue(self, message: Message) -> None:
        if self._closing or message.delivery is None:
            return
        lane = self._lanes.get(message.conversation_id)
        if lane is not None:
            if all(waiting.id != message.id for waiting in lane):
                lane.append(message)
            return
        self._lanes[message.conversation_id] = [message]
        task = asyncio.create_task(self._run_lane(message.conversation_id), name="lane")
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _run_lane(self, conversation_id: str) -> None:
        lane = self._lanes[conversation_id]
        try:
            while lane and not self._closing:
                message = lane[0]
                try:
                    async with self._bulkheads[message.channel_id]:
                        goes_on = await self._deliver(message)
                except StoreUnavailable:
                    return  # the sweep comes back to it
                except Exception:  # the worker's top: a lane must not end the others
                    _log.exception("a delivery failed", message=message.id)
                    return
                lane.pop(0)
                if not goes_on:
                    return  # what is first waits, and so does all behind it
        finally:
            del self._lanes[conversation_id]

    async def _sweep_forever(self) -> None:
        while True:
            try:
                now = datetime.now(UTC)
                # By seq: a lane that began with a later one would end at once, and with it the
                # one whose turn it is.
                for message in sorted(await self._stores.outbox.due(now), key=lambda m: m.seq):
                    self._enqueue(message)
                for message in await self._stores.outbox.expired(now):
                    await self._give_up_lease(message)
            except StoreUnavailable:
                pass
            except Exception:  # the worker's top
                _log.exception("the outbox sweep failed")
            await asyncio.sleep(0.5 * random.uniform(0.8, 1.2))

    # -- one message -----------------------------------------------------------------------

    async def _deliver(self, message: Message) -> bool:
        """Send one message; False when those behind it have to wait for it."""
        ahead = await self._stores.outbox.ahead_of(message)
        if ahead is not None:
            await self._wait_behind(message, ahead)
            return False
        claimed = await self._stores.outbox.claim(message, datetime.now(UTC) + LEASE)
        if claimed is None:
            return True
        channel = await self._directory.find(claimed.channel_id)
        conversation = await self._stores.conversations.find(
            claimed.workspace_id, claimed.conversation_id
        )
        if channel is None or conversation is None:
            failure = Failure(code="channel_gone", reason="The channel is no longer connected.")
            await self._end(claimed, Status.FAILED, failure)
            return True
        identity = await self._stores.people.get(conversation.identity_id)
        outbound = await self._outbound(claimed, channel, identity)
        decision = await self._decide(claimed, outbound, conversation, identity, channel)
        if decision.permit is None:
            failure = Failure(code=decision.code, reason=decision.reason)
            await self._end(claimed, Status.FAILED, failure, shapes.decision(decision))
            return True
        return await self._send(claimed, outbound, decision, channel, identity)

    async def _wait_behind(self, message: Message, ahead: Message) -> None:
        """Have it due when the one ahead is: were those that wait always due, they would fill the
        sweep's page and hide the very one that they wait for, and other conversations' too."""
        now = datetime.now(UTC)
        until = now + TURN
        if ahead.delivery is not None and ahead.delivery.state == "queued":
            # A report may take it away before that.
            until = min(max(now, ahead.delivery.next_at), now + LOOK_AGAIN)
        await self._stores.outbox.wait(message, until)

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

    async def _send(
        self,
        message: Message,
        outbound: OutboundMessage,
        decision: Decision,
        channel: Channel,
        identity: Identity,
    ) -> bool:
        connector = self._connectors[channel.kind]
        if decision.permit is None:
            raise RuntimeError("a denied message came to be sent")
        try:
            sent = await connector.send(outbound, decision.permit)
        except Temporary as error:
            SENDS.labels(channel.kind, "temporary").inc()
            return await self._try_later(message, error)
        except AccountTrouble as error:
            SENDS.labels(channel.kind, "account").inc()
            return await self._hold(message, channel, error)
        except Permanent as error:
            SENDS.labels(channel.kind, "failed").inc()
            await self._refused(message, identity, error)
            return True
        except OutcomeUnknown:
            SENDS.labels(channel.kind, "unknown").inc()
            await self._end(message, Status.UNKNOWN, None)
            return True
        SENDS.labels(channel.kind, "sent").inc()
        await self._taken(message, sent.provider_id, decision, identity)
        if channel.state != "connected" or channel.trouble is not None:
            await self._set_channel(channel, "connected", None)
        return True

    # -- what became of it -----------------------------------------------------------------

    async def _taken(
        self, message: Message, provider_id: str, decision: Decision, identity: Identity
    ) -> None:
        """Record the send, however long the database takes: it has happened. What the gate counts
        comes first, for the next of the conversation may go as soon as this one is recorded."""
        now = datetime.now(UTC)
        recorded: Message | None = None
        while recorded is None:
            try:
                await self._keywords.note_sent(message, identity, now)
                recorded = await self._stores.outbox.record_sent(
                    message, provider_id, shapes.decision(decision), now
                )
                if recorded is None:
                    return  # erased meanwhile
            except StoreUnavailable:
                await asyncio.sleep(0.2)
        if recorded.status is Status.SENT:
            await self._stores.conversations.show_status(recorded)
        await self._hub.publish([events.status_changed(recorded, Status.QUEUED)])
        await self._apply_early(recorded, provider_id)

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

    async def _try_later(self, message: Message, error: Temporary) -> bool:
        attempts = 1 if message.delivery is None else message.delivery.attempts
        now = datetime.now(UTC)
        if now - message.received_at > GIVE_UP_AFTER:
            failure = Failure(
                code=error.code, reason="The provider did not take it for a day. Try again later."
            )
            await self._end(message, Status.FAILED, failure)
            return True
        wait_s = error.retry_after_s
        if wait_s is None:
            wait_s = backoff_s(attempts)
        await self._stores.outbox.put_back(
            message, now + timedelta(seconds=wait_s), Failure(code=error.code, reason=str(error))
        )
        return False

    async def _hold(self, message: Message, channel: Channel, error: AccountTrouble) -> bool:
        """The account is in trouble, not the message: it waits, and an admin is told."""
        await self._set_channel(channel, "reauthorization_required", str(error))
        failure = Failure(code=error.code, reason=str(error))
        await self._stores.outbox.put_back(
            message, datetime.now(UTC) + timedelta(seconds=60), failure
        )
        return False

    async def _set_channel(self, channel: Channel, state: str, trouble: str | None) -> None:
        if channel.state == state:
            await self._stores.channels.set_trouble(channel, trouble)
        elif not await self._stores.channels.set_state(channel, state, trouble):
            return
        self._directory.forget()
        name = "channel.recovered" if trouble is None else "channel.reauthorization_required"
        await self._hub.publish([events.channel_state(channel, name, state, trouble)])

    async def _refused(self, message: Message, identity: Identity, error: Permanent) -> None:
        if error.consent is not None:
            recorded = await learn_refusal(
                self._stores,
                identity,
                error.consent,
                error.code,
                datetime.now(UTC),
                message.id,
            )
            conversation = await self._stores.conversations.find(
                message.workspace_id, message.conversation_id
            )
            if recorded is not None and conversation is not None:
                await self._hub.publish([events.consent_changed(conversation, recorded)])
        await self._end(message, Status.FAILED, Failure(code=error.code, reason=str(error)))

    async def _end(
        self,
        message: Message,
        status: Status,
        failure: Failure | None,
        # Any-free: the API's shape of a decision.
        decision: dict[str, object] | None = None,
    ) -> None:
        ended = await self._stores.outbox.end(message, status, failure, datetime.now(UTC), decision)
        if ended is None:
            # A report was faster, or another worker has it now: only the former is ours to tidy.
            current = await self._stores.messages.find(message.workspace_id, message.id)
            if current is not None and current.status not in may_become(Status.SENT):
                await self._stores.outbox.settle_lost_race(message)
            return
        await self._stores.conversations.show_status(ended)
        await self._hub.publish([events.status_changed(ended, message.status)])

    async def _give_up_lease(self, message: Message) -> None:
        """A worker went away with it: whether the provider has it, nobody here knows."""
        _log.warning("a send was interrupted, its outcome is unknown", message=message.id)
        await self._end(message, Status.UNKNOWN, None)

    # -- an agent's word -------------------------------------------------------------------

    async def retry(self, message: Message, agent: Agent) -> Message:
        """Send a failed or unknown message again; raises Conflict when it is neither."""
        queued = await self._stores.outbox.requeue(message, datetime.now(UTC))
        if queued is None:
            raise Conflict("Only a failed or an unknown message can be tried again.")
        attempt = await self._stores.outbox.tries(queued)
        actor = ("agent", agent.id)
        await self._hub.publish(
            [
                events.retry_requested(queued, actor, attempt),
                events.status_changed(queued, message.status),
            ]
        )
        await self._stores.conversations.show_status(queued)
        self.wake([queued])
        return queued

    async def mark_sent(self, message: Message) -> Message:
        """An agent says that an unknown message arrived; raises Conflict when it is not unknown."""
        if message.status is not Status.UNKNOWN:
            raise Conflict("Only a message of unknown outcome can be marked as sent.")
        moved = await self._stores.messages.set_status(message, Status.SENT, datetime.now(UTC))
        if moved is None:
            raise Conflict("It has moved on meanwhile.")
        await self._stores.conversations.show_status(moved)
        await self._hub.publish([events.status_changed(moved, message.status)])
        return moved

    async def drained(self) -> None:
        """Wait until no lane is running; for orderly ends and for tests."""
        while self._running:
            with suppress(TimeoutError):
                await asyncio.wait(self._running, timeout=1)
