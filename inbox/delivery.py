"""Delivery: takes messages from the outbox, asks the gate once more, and hands them to a connector.

Order is kept within a conversation; conversations do not wait for each other, nor channels. What
became of a send is always recorded, in `outcomes.py`.
"""

from __future__ import annotations

import asyncio
import random
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta

from prometheus_client import Counter

from inbox import events, log
from inbox.channel_states import ChannelStates
from inbox.directory import Directory
from inbox.domain.agent import Agent
from inbox.domain.channel import Connector
from inbox.domain.errors import (
    AccountTrouble,
    Conflict,
    OutcomeUnknown,
    Permanent,
    StoreUnavailable,
    Temporary,
)
from inbox.domain.ids import MessageId
from inbox.domain.message import Failure, Message, Status
from inbox.hub import Hub
from inbox.links import Links
from inbox.outcomes import Outcomes, persist
from inbox.preparation import Denied, Permitted, Preparation, Ready
from inbox.stores import Stores

# Twice the longest send, and renewed while one is under way: a lease ends only with its worker, or
# where that worker cannot reach the database for as long.
LEASE = timedelta(seconds=60)
# An upload of 20 s and a call of 10 s; see the limits in connectors/.
LONGEST_SEND_S = 30.0
# Before looking again whether the one ahead, which another worker is sending, has gone.
TURN = timedelta(milliseconds=500)
LOOK_AGAIN = timedelta(seconds=30)
PER_CHANNEL = 8
TRIES_UNTIL_TOLD = 3
# Lanes that may wait for a channel's turn before the sweep looks past it.
LANES_PER_CHANNEL = 64

SENDS = Counter("assent_sends_total", "Messages handed to providers", ["kind", "outcome"])
_log = log.get("delivery")


class Delivery:
    def __init__(
        self,
        stores: Stores,
        hub: Hub,
        connectors: Mapping[str, Connector],
        directory: Directory,
        links: Links,
        *,
        lease: timedelta = LEASE,
    ) -> None:
        self._stores = stores
        self._hub = hub
        self._connectors = connectors
        self._directory = directory
        self._preparation = Preparation(stores, connectors, directory, links)
        self._states = ChannelStates(stores, hub, connectors, directory)
        self._lease = lease
        self._outcomes = Outcomes(stores, hub)
        self._bulkheads: dict[str, asyncio.Semaphore] = defaultdict(
            lambda: asyncio.Semaphore(PER_CHANNEL)
        )
        # One running lane a conversation, with what is to go after its present message.
        self._lanes: dict[str, list[Message]] = {}
        self._running: set[asyncio.Task[None]] = set()
        # Claimed by lanes of this process, which tell themselves what becomes of them.
        self._in_hand: set[MessageId] = set()
        self._sweep: asyncio.Task[None] | None = None
        self._closing = False

    # -- the worker ------------------------------------------------------------------------

    async def start(self) -> None:
        self._sweep = asyncio.create_task(self._sweep_forever(), name="delivery-sweep")

    async def take_over(self) -> None:
        """End every lease now: the caller knows that no other worker lives."""
        while held := await self._stores.outbox.expired(datetime.now(UTC) + self._lease):
            for message in held:
                await self._outcomes.give_up_lease(message)

    async def close(self) -> None:
        """Let sends in flight finish, within their own time limits; queued ones stay queued."""
        self._closing = True
        if self._sweep is not None:
            self._sweep.cancel()
            await asyncio.gather(self._sweep, return_exceptions=True)
        if self._running:
            await asyncio.wait(self._running, timeout=LONGEST_SEND_S)
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
                        if self._closing:
                            return
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
                lanes, channels = self._busy()
                due = await self._stores.outbox.due(
                    now, without_lanes=lanes, without_channels=channels
                )
                # By seq: a lane that began with a later one would end at once, and with it the
                # one whose turn it is.
                for message in sorted(due, key=lambda m: m.seq):
                    self._enqueue(message)
                for message in await self._stores.outbox.expired(now):
                    if message.id not in self._in_hand:
                        await self._outcomes.give_up_lease(message)
            except StoreUnavailable:
                pass
            except Exception:  # the worker's top
                _log.exception("the outbox sweep failed")
            await asyncio.sleep(0.5 * random.uniform(0.8, 1.2))

    def _busy(self) -> tuple[list[str], list[str]]:
        """Conversations that have a lane, and channels that have enough of them: were these looked
        at again, one provider that hangs would fill every page and hide all others' messages."""
        lanes: dict[str, list[str]] = defaultdict(list)
        for conversation_id, lane in self._lanes.items():
            lanes[lane[0].channel_id].append(conversation_id)
        full = [channel for channel, has in lanes.items() if len(has) >= LANES_PER_CHANNEL]
        # The former by name only where the latter do not cover them, which keeps the list short.
        return [one for channel in lanes.keys() - full for one in lanes[channel]], full

    # -- one message -----------------------------------------------------------------------

    async def _deliver(self, message: Message) -> bool:
        """Send one message; False when those behind it have to wait for it."""
        ahead = await self._stores.outbox.ahead_of(message)
        if ahead is not None:
            await self._wait_behind(message, ahead)
            return False
        claimed = await self._stores.outbox.claim(message, datetime.now(UTC) + self._lease)
        if claimed is None:
            return True
        async with self._held(claimed):
            return await self._send(claimed)

    @asynccontextmanager
    async def _held(self, message: Message) -> AsyncIterator[None]:
        """Keep the lease of a claimed message for as long as something is done with it."""
        self._in_hand.add(message.id)
        renewing = asyncio.create_task(self._renew(message), name="lease")
        try:
            yield
        finally:
            self._in_hand.discard(message.id)
            renewing.cancel()
            await asyncio.gather(renewing, return_exceptions=True)

    async def _renew(self, message: Message) -> None:
        outbox, held = self._stores.outbox, True
        while held:
            await asyncio.sleep(self._lease.total_seconds() / 3)
            held = await persist(lambda: outbox.renew(message, datetime.now(UTC) + self._lease))

    async def _wait_behind(self, message: Message, ahead: Message) -> None:
        """Have it due when the one ahead is: were those that wait always due, they would fill the
        sweep's page and hide the very one that they wait for, and other conversations' too."""
        now = datetime.now(UTC)
        until = now + TURN
        if ahead.delivery is not None and ahead.delivery.state == "queued":
            # A report may take it away before that.
            until = min(max(now, ahead.delivery.next_at), now + LOOK_AGAIN)
        await self._stores.outbox.wait(message, until)

    async def _send(self, message: Message) -> bool:
        """Send a claimed message; False when those behind it have to wait for it."""
        try:
            ready = await self._preparation.prepare(message)
            if ready is None:
                reason = "The channel is no longer connected."
                await self._outcomes.end(
                    message, Status.FAILED, Failure(code="channel_gone", reason=reason)
                )
                return True
        except Exception as error:  # the worker's top, and nothing has left
            return await self._not_prepared(message, error)
        try:
            permitted = await self._preparation.permit(message, ready)
        except (Temporary, Permanent) as error:
            if isinstance(error, StoreUnavailable):
                return await self._not_prepared(message, error)
            return await self._not_taken(message, ready, error)
        except Exception as error:  # the worker's top, and nothing has left
            return await self._not_prepared(message, error)
        if isinstance(permitted, Denied):
            await self._outcomes.end(message, Status.FAILED, permitted.failure, permitted.decision)
            return True
        return await self._hand_over(message, ready, permitted)

    async def _not_prepared(self, message: Message, error: Exception) -> bool:
        """Nothing has left: it may be tried again."""
        if isinstance(error, StoreUnavailable):
            return await self._outcomes.try_later(message, error)
        _log.exception("a message could not be prepared", message=message.id)
        fault = Temporary("It could not be prepared for sending.", code="not_prepared")
        return await self._outcomes.try_later(message, fault)

    async def _hand_over(self, message: Message, ready: Ready, permitted: Permitted) -> bool:
        channel = ready.channel
        connector = self._connectors[channel.kind]
        try:
            # A connector that breaks its own limits must not hold the message for ever.
            async with asyncio.timeout(2 * LONGEST_SEND_S):
                sent = await connector.send(permitted.outbound, permitted.permit)
        except (Temporary, Permanent) as error:
            return await self._not_taken(message, ready, error)
        except (OutcomeUnknown, TimeoutError):
            SENDS.labels(channel.kind, "unknown").inc()
            await self._outcomes.end(message, Status.UNKNOWN, None)
            return True
        SENDS.labels(channel.kind, "sent").inc()
        if sent.mail_id is not None:
            await self._outcomes.know_mail(message, permitted.outbound, sent.mail_id)
        await self._outcomes.record_taken(
            message, sent.provider_id, ready.identity, permitted.decision
        )
        self._stores.health.note(channel, "sent")
        await self._states.worked(channel)
        return True

    async def _not_taken(
        self, message: Message, ready: Ready, error: Temporary | Permanent
    ) -> bool:
        """The provider did not take it; False when those behind it have to wait for it."""
        channel = ready.channel
        if isinstance(error, Temporary):
            SENDS.labels(channel.kind, "temporary").inc()
            tries = 0 if message.delivery is None else message.delivery.attempts
            if tries >= TRIES_UNTIL_TOLD:
                await self._states.silent(channel)
            return await self._outcomes.try_later(message, error)
        if isinstance(error, AccountTrouble):
            SENDS.labels(channel.kind, "account").inc()
            stopped = await persist(lambda: self._states.stopped(channel, str(error), error.code))
            # A refusal of credentials that are gone is no reason to wait.
            wait = timedelta(seconds=60 if stopped else 1)
            await self._outcomes.put_back(message, datetime.now(UTC) + wait, error)
            return False
        SENDS.labels(channel.kind, "failed").inc()
        await self._outcomes.record_refused(message, ready.identity, error)
        return True

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
        if self._sweep is not None:  # a process that only serves leaves it to the workers
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
