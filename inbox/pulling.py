"""Pulling: asks providers for what they have for us, where a connector can (`Pulls`).

One pull at a time a channel, over all processes. What comes is journaled and only then is the
cursor stored, so a crash in between brings it again, and the unique keys of the messages drop it.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta

from prometheus_client import Counter

from inbox import log
from inbox.channel_states import ChannelStates
from inbox.directory import Directory
from inbox.domain.abilities import Pulls
from inbox.domain.channel import Channel, Connector, Payload
from inbox.domain.errors import AccountTrouble, Permanent, StoreUnavailable, Temporary
from inbox.domain.ids import ChannelId, JournalId
from inbox.hub import Hub
from inbox.ids import new_id
from inbox.store.gaps import Gap
from inbox.store.journal import JournalEntry
from inbox.store.pulls import PullState
from inbox.stores import Stores

LEASE = timedelta(seconds=60)
# A connector that breaks its own limits must not hold a channel for ever.
LONGEST_STEP_S = 300.0
# While an account is in trouble; it is looked at as soon as an admin has mended it.
STOPPED_WAIT = timedelta(minutes=10)
BACKOFF_CAP_S = 300.0
AT_ONCE = 8
LOOK_EVERY_S = 1.0
CHANNELS_EVERY_S = 5.0

PULLS = Counter("assent_pulls_total", "Steps of pulling from providers", ["kind", "outcome"])
PULLED = Counter("assent_pulled_payloads_total", "Payloads pulled and journaled", ["kind"])
_log = log.get("pulling")


def backoff_s(failures: int) -> float:
    """Seconds until the next try: doubling from 2 s to five minutes, with jitter."""
    return min(BACKOFF_CAP_S, 2.0 ** min(failures + 1, 12)) * random.uniform(0.5, 1.0)


class _LeaseLost(Exception):
    """Another process pulls this channel now."""


class Pulling:
    def __init__(
        self,
        stores: Stores,
        hub: Hub,
        connectors: Mapping[str, Connector],
        directory: Directory,
        hand_over: Callable[[JournalEntry], None],
        *,
        lease: timedelta = LEASE,
    ) -> None:
        """hand_over   takes an entry that was just journaled: intake's, of this process"""
        self._stores = stores
        self._kinds = {
            kind: connector
            for kind, connector in connectors.items()
            if isinstance(connector, Pulls)
        }
        self._states = ChannelStates(stores, hub, connectors, directory)
        self._hand_over = hand_over
        self._lease = lease
        self._me = new_id("plr")
        self._channels: list[Channel] = []
        self._known_until = 0.0
        self._asked: set[ChannelId] = set()
        self._wake = asyncio.Event()
        self._running: dict[ChannelId, asyncio.Task[None]] = {}
        self._loop: asyncio.Task[None] | None = None

    # -- the worker ------------------------------------------------------------------------

    async def start(self) -> None:
        if self._kinds:
            self._loop = asyncio.create_task(self._look_forever(), name="pulling")

    async def take_over(self) -> None:
        """End every lease now: the caller knows that no other worker lives."""
        if self._kinds:
            channels = await self._stores.channels.of_kinds(list(self._kinds))
            await self._stores.pulls.free([channel.id for channel in channels])

    async def close(self) -> None:
        """Stop where it is: what is journaled stays, what is not comes again."""
        tasks = [*self._running.values(), *([] if self._loop is None else [self._loop])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def wake(self, channel: Channel) -> None:
        """The provider says that there is something. Many of these are one pull."""
        if channel.kind in self._kinds:
            self._asked.add(channel.id)
            self._wake.set()

    async def _look_forever(self) -> None:
        while True:
            try:
                await self._look()
            except StoreUnavailable:
                pass
            except Exception:  # the worker's top: without it nothing is ever pulled again
                _log.exception("looking for channels to pull failed")
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_EVERY_S * random.uniform(0.8, 1.2)):
                    await self._wake.wait()
            self._wake.clear()

    async def _look(self) -> None:
        """Begin a pull of every channel that is due and that nobody pulls."""
        asked, now = set(self._asked), datetime.now(UTC)
        channels = await self._all_channels(fresh=bool(asked))
        if not channels:
            self._asked -= asked
            return
        states = await self._stores.pulls.states(channels)
        for channel_id in asked & states.keys():
            await self._stores.pulls.ask(channel_id, now)
        self._asked -= asked
        if asked:
            states = await self._stores.pulls.states(channels)
        for channel in channels:
            now = datetime.now(UTC)
            if len(self._running) >= AT_ONCE:
                return  # those that wait are found again at the next look
            if channel.id in self._running or not await self._is_due(channel, states[channel.id]):
                continue
            claimed = await self._stores.pulls.claim(
                states[channel.id], self._me, now + self._lease
            )
            if claimed is not None:
                task = asyncio.create_task(self._pull(channel, claimed), name="pull")
                self._running[channel.id] = task

    async def _is_due(self, channel: Channel, state: PullState) -> bool:
        now = datetime.now(UTC)
        if state.lease_until > now:
            return False
        if state.next_at <= now and state.hold_until <= now:
            return True
        if not state.stopped:
            return False
        # An admin has mended it, as the database says: the list is some seconds old.
        stored = await self._stores.channels.find(channel.id)
        return stored is not None and stored.state == "connected"

    async def _all_channels(self, *, fresh: bool) -> list[Channel]:
        clock = asyncio.get_running_loop().time()
        if fresh or clock >= self._known_until:
            self._channels = await self._stores.channels.of_kinds(list(self._kinds))
            self._known_until = clock + CHANNELS_EVERY_S
        return self._channels

    # -- one channel -----------------------------------------------------------------------

    async def _pull(self, channel: Channel, state: PullState) -> None:
        try:
            async with self._leased(channel.id):
                # The list of channels is some seconds old, and a token may have been renewed.
                stored = await self._stores.channels.find(channel.id)
                await self._settle(stored or channel, state)
        except (StoreUnavailable, _LeaseLost):
            pass  # the lease runs out, and whoever is next goes on
        except asyncio.CancelledError:
            with suppress(StoreUnavailable):
                await self._stores.pulls.let_go(channel.id, self._me)
            raise
        except Exception:  # the worker's top: one channel must not end the others
            _log.exception("a pull could not be settled", channel=channel.id)
        finally:
            self._running.pop(channel.id, None)
            self._wake.set()

    @asynccontextmanager
    async def _leased(self, channel_id: ChannelId) -> AsyncIterator[None]:
        """Keep the lease for as long as the pull takes."""
        renewing = asyncio.create_task(self._renew(channel_id), name="pull-lease")
        try:
            yield
        finally:
            renewing.cancel()
            await asyncio.gather(renewing, return_exceptions=True)

    async def _renew(self, channel_id: ChannelId) -> None:
        held = True
        while held:
            await asyncio.sleep(self._lease.total_seconds() / 3)
            with suppress(StoreUnavailable):
                until = datetime.now(UTC) + self._lease
                held = await self._stores.pulls.renew(channel_id, self._me, until)

    async def _settle(self, channel: Channel, state: PullState) -> None:
        """Pull until there is no more, and say when to come again."""
        pulls = self._stores.pulls
        try:
            again_s = await self._pull_all(channel, state.cursor)
        except (StoreUnavailable, _LeaseLost):
            raise
        except AccountTrouble as error:
            PULLS.labels(channel.kind, "account").inc()
            # First what others see: a stopped pull of a connected channel is one to be tried.
            stopped = await self._states.stopped(channel, str(error), error.code)
            later = datetime.now(UTC) + STOPPED_WAIT if stopped else _after(backoff_s(0))
            await pulls.fail(state, self._me, later, stopped=stopped)
        except Permanent:
            PULLS.labels(channel.kind, "anew").inc()
            await pulls.fail(state, self._me, _after(backoff_s(state.failures)), anew=True)
        except Temporary as error:
            PULLS.labels(channel.kind, "temporary").inc()
            wait_s = max(backoff_s(state.failures), error.retry_after_s or 0.0)
            await pulls.fail(state, self._me, _after(wait_s))
        except Exception as error:  # the worker's top, for one channel
            if isinstance(error, TimeoutError):
                _log.warning("a pull took too long", channel=channel.id)
            else:
                _log.exception("a pull failed", channel=channel.id)
            PULLS.labels(channel.kind, "error").inc()
            await pulls.fail(state, self._me, _after(backoff_s(state.failures)))
        else:
            now = datetime.now(UTC)
            every_s = self._kinds[channel.kind].pull_every_s
            every_s = every_s if again_s is None else min(every_s, max(again_s, 1.0))
            next_at = now + timedelta(seconds=every_s * random.uniform(0.9, 1.0))
            # Only what a pull has stopped, since that listing works says nothing of sending; and
            # before the pull is noted as well, or a crash in between would leave it stopped.
            stored = await self._stores.channels.find(channel.id) if state.stopped else None
            if stored is not None:
                await self._states.worked(stored)
            await pulls.rest(state, self._me, now, next_at)
            self._stores.health.note(channel, "pull", now)

    async def _pull_all(self, channel: Channel, cursor: str | None) -> float | None:
        """When the connector wants to be asked again; None: as usual."""
        more, again_s = True, None
        while more:
            async with asyncio.timeout(LONGEST_STEP_S):
                found = await self._kinds[channel.kind].pull(channel, cursor, datetime.now(UTC))
            for payload in found.payloads:
                await self._journal(channel, payload)
            for at in found.lost:
                await self._note_lost(channel, at)
            cursor, more, again_s = found.cursor, found.more, found.again_s
            if not await self._stores.pulls.advance(channel.id, self._me, cursor):
                raise _LeaseLost
            PULLS.labels(channel.kind, "ok").inc()
        return again_s

    async def _note_lost(self, channel: Channel, at: datetime) -> None:
        """It came since the pull before that one."""
        since = at - timedelta(seconds=self._kinds[channel.kind].pull_every_s)
        await self._stores.gaps.record_of(channel, Gap(since=since, until=at, not_given=True))

    async def _journal(self, channel: Channel, payload: Payload) -> None:
        """One after the other: a page of large mails must not lie in memory several times."""
        entry = JournalEntry(
            id=JournalId(new_id("jrn")),
            workspace_id=channel.workspace_id,
            channel_id=channel.id,
            kind=channel.kind,
            payload=payload,
            received_at=datetime.now(UTC),
        )
        await self._stores.journal.append(entry)
        PULLED.labels(channel.kind).inc()
        self._hand_over(entry)


def _after(seconds: float) -> datetime:
    return datetime.now(UTC) + timedelta(seconds=seconds)
