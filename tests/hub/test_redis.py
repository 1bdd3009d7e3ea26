"""The hub of several processes, and what it does when Redis is slow, gone, or another one."""

from __future__ import annotations

import asyncio
import time

from structlog.testing import capture_logs

from inbox.domain.event import Carried
from inbox.hub.redis import RedisHub
from tests.hub.conftest import BAKERY, GARAGE, Ear, event
from tests.servers import RedisServer, until

TwoHubs = tuple[RedisHub, RedisHub]


async def test_an_event_published_in_one_process_is_heard_in_another(two_hubs: TwoHubs) -> None:
    one, other = two_hubs
    here, there, outsider = Ear(), Ear(), Ear()
    await one.listen(BAKERY, None, here)
    await other.listen(BAKERY, None, there)
    await other.listen(GARAGE, None, outsider)
    started = time.monotonic()
    cursors = await one.publish([event(1)])
    await until(lambda: here.heard and there.heard)
    assert time.monotonic() - started < 0.5
    assert here.heard == there.heard
    assert [item.cursor for item in there.heard] == cursors
    assert outsider.heard == []


async def test_all_processes_hear_one_order(two_hubs: TwoHubs) -> None:
    one, other = two_hubs
    here, there = Ear(), Ear()
    await one.listen(BAKERY, None, here)
    await other.listen(BAKERY, None, there)
    for n in range(0, 200, 2):
        await one.publish([event(n)])
        await other.publish([event(n + 1)])
    await until(lambda: len(here.heard) == len(there.heard) == 200)
    assert here.heard == there.heard


async def test_a_listener_comes_back_to_another_process(two_hubs: TwoHubs) -> None:
    one, other = two_hubs
    cursors = await one.publish([event(n) for n in range(5)])
    ear = Ear()
    assert (await other.listen(BAKERY, cursors[1], ear)).resumed
    assert ear.numbers == [2, 3, 4]


async def test_a_signal_reaches_the_other_process_once(two_hubs: TwoHubs) -> None:
    one, other = two_hubs
    here, there = Ear(), Ear()
    await one.listen(BAKERY, None, here)
    await other.listen(BAKERY, None, there)

    def heard_after_another_signal() -> bool:
        # A signal may be lost, also to a subscription that is only just being made.
        if not there.heard:
            one.signal(event(1))
        return bool(there.heard)

    await until(heard_after_another_signal)
    sent = len(here.heard)
    one.signal(event(2))
    await until(lambda: 2 in there.numbers)
    assert here.numbers == [1] * sent + [2]


async def test_a_workspace_entered_while_the_reader_waits_is_heard_at_once(
    two_hubs: TwoHubs,
) -> None:
    one, _ = two_hubs
    await one.listen(GARAGE, None, Ear())
    ear = Ear()
    await one.listen(BAKERY, None, ear)
    started = time.monotonic()
    await one.publish([event(1)])
    await until(lambda: ear.heard)
    assert time.monotonic() - started < 0.5


async def test_without_redis_the_listeners_here_are_served(
    redis_server: RedisServer, two_hubs: TwoHubs
) -> None:
    hub, _ = two_hubs
    ear = Ear()
    await hub.listen(BAKERY, None, ear)
    redis_server.kill()
    with capture_logs() as lines:
        for n in range(3):
            await hub.publish([event(n)])
        await until(lambda: len(ear.heard) == 3)
    assert ear.numbers == [0, 1, 2]
    assert not hub.healthy()
    warnings = [line["event"] for line in lines if line["log_level"] == "warning"]
    assert warnings.count("hub_out_of_reach") <= 2  # one for each of the two hubs


async def test_redis_back_after_a_kill_means_resync_for_all_and_service_goes_on(
    redis_server: RedisServer, two_hubs: TwoHubs
) -> None:
    one, other = two_hubs
    here, there = Ear(), Ear()
    await one.listen(BAKERY, None, here)
    await other.listen(BAKERY, None, there)
    before = await one.publish([event(1)])
    await until(lambda: here.heard and there.heard)
    redis_server.kill()
    local = await one.publish([event(2)])
    redis_server.start()
    await until(lambda: one.healthy() and other.healthy() and here.resyncs and there.resyncs)
    assert {r.reason for r in here.resyncs} <= {"hub_recovered", "unknown_cursor"}
    assert here.resyncs[0].reason == "hub_recovered"
    await one.publish([event(3)])
    await until(lambda: 3 in here.numbers and 3 in there.numbers)
    assert here.numbers == [1, 2, 3]
    assert there.numbers == [1, 3]
    for cursor in (before[0], local[0]):
        late = Ear()
        assert not (await other.listen(BAKERY, cursor, late)).resumed
        assert [r.reason for r in late.resyncs] == ["unknown_cursor"]


async def test_a_hub_that_starts_without_redis_serves_and_joins_later(
    redis_server: RedisServer,
) -> None:
    redis_server.kill()
    hub = RedisHub(redis_server.url)
    await hub.start()
    try:
        fresh, returning = Ear(), Ear()
        await hub.listen(BAKERY, None, fresh)
        assert not (await hub.listen(BAKERY, "abc:1-1", returning)).resumed
        assert [r.reason for r in returning.resyncs] == ["unknown_cursor"]
        await hub.publish([event(1)])
        assert fresh.numbers == returning.numbers == [1]
        assert not hub.healthy()
        redis_server.start()
        await until(hub.healthy)
        assert [r.reason for r in fresh.resyncs] == ["hub_recovered"]
        await hub.publish([event(2)])
        await until(lambda: 2 in fresh.numbers)
    finally:
        await hub.close()


async def test_a_flushed_redis_means_resync_for_all_and_service_goes_on(
    redis_server: RedisServer, two_hubs: TwoHubs
) -> None:
    one, other = two_hubs
    here, there = Ear(), Ear()
    await one.listen(BAKERY, None, here)
    await other.listen(BAKERY, None, there)
    cursors = await one.publish([event(1)])
    await until(lambda: here.heard and there.heard)
    redis_server.flush()
    stale = Ear()
    assert not (await other.listen(BAKERY, cursors[0], stale)).resumed
    assert stale.resyncs
    await until(lambda: here.resyncs and there.resyncs)
    await other.publish([event(2)])
    await until(lambda: 2 in here.numbers and 2 in there.numbers)
    resumed = Ear()
    assert (await one.listen(BAKERY, there.cursor, resumed)).resumed


async def test_a_stalled_redis_does_not_hold_publish_back(
    redis_server: RedisServer, two_hubs: TwoHubs
) -> None:
    one, other = two_hubs
    here, there = Ear(), Ear()
    await one.listen(BAKERY, None, here)
    await other.listen(BAKERY, None, there)
    early = await other.publish([event(0)])
    await until(lambda: here.heard and there.heard)
    redis_server.pause()
    paused_at = time.monotonic()
    for n in range(1, 4):
        started = time.monotonic()
        await one.publish([event(n)])
        assert time.monotonic() - started < 1.0
        assert here.numbers[-1] == n
    returning = Ear()
    started = time.monotonic()
    assert not (await one.listen(BAKERY, early[0], returning)).resumed
    assert time.monotonic() - started < 1.0
    await until(lambda: time.monotonic() - paused_at > 2.0)
    redis_server.resume()
    await until(lambda: one.healthy() and here.resyncs and there.resyncs)
    assert here.numbers[:4] == [0, 1, 2, 3]
    # What went past the log must not be bridged by a cursor from before, in any process.
    for hub in (one, other):
        late = Ear()
        assert not (await hub.listen(BAKERY, early[0], late)).resumed
    await other.publish([event(4)])
    await until(lambda: 4 in here.numbers and 4 in there.numbers)


async def test_a_process_that_fell_behind_the_log_is_told_to_resync(
    redis_server: RedisServer,
) -> None:
    slow, fast = RedisHub(redis_server.url, maxlen=100), RedisHub(redis_server.url, maxlen=100)
    await slow.start()
    await fast.start()
    try:
        ear = Ear()
        await slow.listen(BAKERY, None, ear)
        await fast.publish([event(0)])
        await until(lambda: ear.heard)
        await fast.publish([event(n) for n in range(1, 3000)])
        # Redis writes and trims faster than anybody reads, so there is a gap; it is always told.
        await until(lambda: 2999 in ear.numbers or ear.resyncs)
        gaps = [b - a for a, b in zip(ear.numbers, ear.numbers[1:], strict=False)]
        assert set(gaps) <= {1} or ear.resyncs
        await fast.publish([event(3001)])
        await until(lambda: ear.numbers[-1] == 3001)
        assert [r.reason for r in ear.resyncs] == ["trimmed"] * len(ear.resyncs)
        assert ear.resyncs
    finally:
        await slow.close()
        await fast.close()


async def test_two_installations_share_a_redis_under_two_prefixes(
    redis_server: RedisServer,
) -> None:
    ours, theirs = RedisHub(redis_server.url), RedisHub(redis_server.url, prefix="theirs")
    await ours.start()
    await theirs.start()
    try:
        ear, outsider = Ear(), Ear()
        await ours.listen(BAKERY, None, ear)
        await theirs.listen(BAKERY, None, outsider)
        await ours.publish([event(1)])
        await until(lambda: ear.heard)
        await theirs.publish([event(2)])
        await until(lambda: outsider.heard)
        assert ear.numbers == [1]
        assert outsider.numbers == [2]
        assert all(isinstance(item, Carried) for item in ear.heard)
    finally:
        await ours.close()
        await theirs.close()


async def test_a_hub_is_closed_at_whatever_moment_of_its_beginning(
    redis_server: RedisServer,
) -> None:
    for n in range(60):
        hub = RedisHub(redis_server.url)
        await hub.start()
        await asyncio.sleep(n * 0.0002)
        async with asyncio.timeout(5):
            await hub.close()
