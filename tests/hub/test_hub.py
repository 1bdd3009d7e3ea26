"""What every hub promises, whatever keeps its log."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest
from structlog.testing import capture_logs

from inbox.domain.event import Carried, Resync
from inbox.hub import Hub
from tests.hub.conftest import BAKERY, GARAGE, Ear, event
from tests.servers import until


async def test_events_arrive_in_the_order_in_which_they_were_published(hub: Hub) -> None:
    ear = Ear()
    await hub.listen(BAKERY, None, ear)
    await hub.publish([event(n) for n in range(50)])
    for n in range(50, 60):
        await hub.publish([event(n)])
    await until(lambda: len(ear.heard) == 60)
    assert ear.numbers == list(range(60))


async def test_publish_returns_the_cursors_that_listeners_hear(hub: Hub) -> None:
    ear = Ear()
    await hub.listen(BAKERY, None, ear)
    cursors = await hub.publish([event(n) for n in range(3)])
    await until(lambda: len(ear.heard) == 3)
    assert [item.cursor for item in ear.heard] == cursors
    frames = [msgspec.json.decode(i.frame) for i in ear.heard if isinstance(i, Carried)]
    assert [frame["cursor"] for frame in frames] == cursors


async def test_an_event_keeps_whom_it_is_for(hub: Hub) -> None:
    ear = Ear()
    await hub.listen(BAKERY, None, ear)
    await hub.publish([event(1, channel_id="chn_1", only_for="agt_1"), event(2)])
    await until(lambda: len(ear.heard) == 2)
    assert [(i.type, i.channel_id, i.only_for) for i in ear.heard if isinstance(i, Carried)] == [
        ("message.created", "chn_1", "agt_1"),
        ("message.created", None, None),
    ]


async def test_a_workspace_hears_its_own_events_and_another_does_not(hub: Hub) -> None:
    bakery, garage = Ear(), Ear()
    await hub.listen(BAKERY, None, bakery)
    await hub.listen(GARAGE, None, garage)
    await hub.publish([event(1), event(2, GARAGE), event(3)])
    await until(lambda: len(bakery.heard) == 2 and len(garage.heard) == 1)
    assert bakery.numbers == [1, 3]
    assert garage.numbers == [2]


async def test_a_cursor_of_one_workspace_opens_nothing_of_another(hub: Hub) -> None:
    outsider = Ear()
    cursors = await hub.publish([event(1), event(2)])
    await hub.listen(GARAGE, cursors[0], outsider)
    await hub.publish([event(3, GARAGE)])
    await until(lambda: 3 in outsider.numbers)
    assert outsider.numbers == [3]


async def test_coming_back_brings_what_was_missed(hub: Hub) -> None:
    ear = Ear()
    cursors = await hub.publish([event(n) for n in range(1200)])
    listening = await hub.listen(BAKERY, cursors[9], ear)
    assert listening.resumed
    assert ear.numbers == list(range(10, 1200))
    assert listening.cursor == cursors[-1]


async def test_coming_back_from_before_the_first_event_brings_all(hub: Hub) -> None:
    early = await hub.listen(BAKERY, None, Ear())
    await hub.publish([event(n) for n in range(3)])
    ear = Ear()
    assert (await hub.listen(BAKERY, early.cursor, ear)).resumed
    assert ear.numbers == [0, 1, 2]


async def test_coming_back_having_missed_nothing_is_resumed(hub: Hub) -> None:
    cursors = await hub.publish([event(1)])
    ear = Ear()
    assert (await hub.listen(BAKERY, cursors[-1], ear)).resumed
    assert ear.heard == []


async def test_a_new_listener_hears_nothing_of_before(hub: Hub) -> None:
    await hub.publish([event(1)])
    ear = Ear()
    assert not (await hub.listen(BAKERY, None, ear)).resumed
    await hub.publish([event(2)])
    await until(lambda: len(ear.heard) > 0)
    assert ear.numbers == [2]


async def test_recently_brings_what_was_just_told(hub: Hub) -> None:
    assert await heard_after(hub, await hub.recently(BAKERY)) == []
    await hub.publish([event(n) for n in range(3)])
    assert await heard_after(hub, await hub.recently(BAKERY)) == [0, 1, 2]


async def test_recently_brings_nothing_older(hub: Hub) -> None:
    await hub.publish([event(0), event(1)])
    await asyncio.sleep(0.4)
    cursors = await hub.publish([event(2), event(3)])
    cursor = await hub.recently(BAKERY, 0.2)
    assert await heard_after(hub, cursor) == [2, 3]
    assert cursor not in cursors


async def test_recently_of_a_busy_log_is_where_it_begins_or_says_so(make_hub: Any) -> None:
    hub = await make_hub(keep=100)
    for n in range(0, 600, 50):
        await hub.publish([event(n + i) for i in range(50)])
    ear = Ear()
    await hub.listen(BAKERY, await hub.recently(BAKERY), ear)
    assert ear.resyncs or ear.numbers == list(range(600 - len(ear.numbers), 600))


async def heard_after(hub: Hub, cursor: str) -> list[int]:
    ear = Ear()
    listening = await hub.listen(BAKERY, cursor, ear)
    assert listening.resumed
    listening.close()
    return ear.numbers


async def test_no_gap_and_no_repeat_while_others_publish(hub: Hub) -> None:
    total = 2000
    cursors = await hub.publish([event(0)])

    async def publish_all() -> None:
        for n in range(1, total, 4):
            await hub.publish([event(n + i) for i in range(4) if n + i < total])
            await asyncio.sleep(0)

    publishing = asyncio.create_task(publish_all())
    ears = []
    while not publishing.done():
        cursor = cursors[0]
        if ears and ears[-1].heard:
            cursor = ears[-1].cursor
        ears.append(Ear())
        start = 1 if cursor == cursors[0] else int(ears[-2].numbers[-1]) + 1
        ears[-1].first = start  # type: ignore[attr-defined]
        assert (await hub.listen(BAKERY, cursor, ears[-1])).resumed
        await asyncio.sleep(0.002)
    await publishing
    for ear in ears:
        await until(lambda ear=ear: ear.numbers[-1:] == [total - 1] or not ear.first < total)
        assert ear.numbers == list(range(ear.first, total))  # type: ignore[attr-defined]
    assert len(ears) > 5


async def test_a_trimmed_cursor_is_answered_with_resync_and_goes_on_live(make_hub: Any) -> None:
    hub = await make_hub(keep=100)
    cursors = []
    for n in range(0, 600, 50):
        cursors += await hub.publish([event(n + i) for i in range(50)])
    ear = Ear()
    listening = await hub.listen(BAKERY, cursors[0], ear)
    assert not listening.resumed
    assert ear.heard == [Resync(reason="trimmed", cursor=cursors[-1])]
    await hub.publish([event(600)])
    await until(lambda: len(ear.heard) == 2)
    assert ear.numbers == [600]


@pytest.mark.parametrize(
    "cursor", ["", "nonsense", "a-1", "a:1-1", "a:1", "a:-", "\x00", "é:²-1", "9" * 500]
)
async def test_an_unknown_cursor_is_answered_with_resync(hub: Hub, cursor: str) -> None:
    cursors = await hub.publish([event(1)])
    ear = Ear()
    assert not (await hub.listen(BAKERY, cursor, ear)).resumed
    assert ear.heard == [Resync(reason="unknown_cursor", cursor=cursors[-1])]


async def test_a_cursor_from_before_a_restart_without_its_log_is_unknown(make_hub: Any) -> None:
    hub, other = await make_hub(), await make_hub()
    cursors = await hub.publish([event(1)])
    foreign = "0" * 12 + cursors[0][12:]
    ear = Ear()
    await other.listen(BAKERY, foreign, ear)
    assert [r.reason for r in ear.resyncs] == ["unknown_cursor"]


async def test_a_listener_that_raises_is_dropped_and_disturbs_nobody(hub: Hub) -> None:
    calls = []

    def broken(item: Carried | Resync) -> None:
        calls.append(item)
        raise RuntimeError("this socket is no more")

    before, after = Ear(), Ear()
    await hub.listen(BAKERY, None, before)
    await hub.listen(BAKERY, None, broken)
    await hub.listen(BAKERY, None, after)
    with capture_logs() as lines:
        await hub.publish([event(n) for n in range(3)])
        await until(lambda: len(before.heard) == 3 and len(after.heard) == 3)
    assert before.numbers == after.numbers == [0, 1, 2]
    assert len(calls) == 1
    assert [line["event"] for line in lines] == ["hub_listener_dropped"]


async def test_a_closed_listener_hears_no_more(hub: Hub) -> None:
    leaving, staying = Ear(), Ear()
    listening = await hub.listen(BAKERY, None, leaving)
    await hub.listen(BAKERY, None, staying)
    listening.close()
    listening.close()
    await hub.publish([event(1)])
    await until(lambda: len(staying.heard) == 1)
    assert leaving.heard == []


async def test_a_workspace_left_and_entered_again_is_heard(hub: Hub) -> None:
    (await hub.listen(BAKERY, None, Ear())).close()
    await hub.publish([event(1)])
    ear = Ear()
    await hub.listen(BAKERY, None, ear)
    await hub.publish([event(2)])
    await until(lambda: len(ear.heard) == 1)
    assert ear.numbers == [2]


async def test_a_signal_is_heard_now_and_never_replayed(hub: Hub) -> None:
    ear, outsider = Ear(), Ear()
    start = await hub.listen(BAKERY, None, ear)
    await hub.listen(GARAGE, None, outsider)
    hub.signal(event(7))
    await until(lambda: len(ear.heard) == 1)
    assert ear.cursor == ""
    assert isinstance(ear.heard[0], Carried)
    assert b"cursor" not in ear.heard[0].frame
    late = Ear()
    assert (await hub.listen(BAKERY, start.cursor, late)).resumed
    assert late.heard == []
    assert outsider.heard == []


async def test_a_hub_with_its_log_is_healthy(hub: Hub) -> None:
    assert hub.healthy()
