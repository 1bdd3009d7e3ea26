"""Times in which nobody heard webhooks: known to whoever looks, for kinds that cannot be asked."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from inbox.domain.ids import WorkspaceId
from inbox.heartbeat import Heartbeat
from inbox.store.gaps import Gap
from tests.office import NOW, Office

TEN = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)


def a_heartbeat(office: Office) -> Heartbeat:
    return Heartbeat(office.stores.gaps, office.connectors)


async def gaps_of(office: Office, kind: str) -> list[Gap]:
    found = await office.stores.gaps.of_workspace(office.workspace_id)
    return list(found.get(office.channels[kind].id, ()))


async def connected_since(office: Office, at: datetime) -> None:
    await office.stores.database["channels"].update_many({}, {"$set": {"created_at": at}})


async def test_an_hour_away_is_a_gap_of_whatsapp_and_not_of_sms(office: Office) -> None:
    await connected_since(office, TEN - timedelta(days=1))
    await a_heartbeat(office).beat(TEN)
    back = TEN + timedelta(minutes=65)
    await a_heartbeat(office).beat(back)
    assert await gaps_of(office, "whatsapp") == [Gap(since=TEN, until=back)]
    assert await gaps_of(office, "sms") == []


async def test_two_minutes_are_not_worth_telling(office: Office) -> None:
    await connected_since(office, TEN - timedelta(days=1))
    for minutes in (0, 1, 3, 5):
        await a_heartbeat(office).beat(TEN + timedelta(minutes=minutes))
    assert await gaps_of(office, "whatsapp") == []


async def test_a_first_start_is_no_gap(office: Office) -> None:
    await a_heartbeat(office).beat(TEN)
    assert await gaps_of(office, "whatsapp") == []


async def test_of_two_servers_that_come_back_one_tells(office: Office) -> None:
    await connected_since(office, TEN - timedelta(days=1))
    one, other = a_heartbeat(office), a_heartbeat(office)
    await one.beat(TEN)
    back = TEN + timedelta(minutes=65)
    gap = Gap(since=TEN, until=back)
    await one.beat(back)
    # The other one had looked before the first wrote.
    await office.stores.gaps.record(Gap(since=TEN, until=back + timedelta(seconds=3)), ["whatsapp"])
    await other.beat(back + timedelta(seconds=3))
    assert await gaps_of(office, "whatsapp") == [gap]


async def test_while_one_server_is_there_nothing_is_missed(office: Office) -> None:
    await connected_since(office, TEN - timedelta(days=1))
    one, other = a_heartbeat(office), a_heartbeat(office)
    await one.beat(TEN)
    for minutes in range(1, 30):
        await other.beat(TEN + timedelta(minutes=minutes))
    await one.beat(TEN + timedelta(minutes=30))
    assert await gaps_of(office, "whatsapp") == []


async def test_a_channel_misses_nothing_before_it_was_connected(office: Office) -> None:
    await connected_since(office, TEN + timedelta(minutes=30))
    await a_heartbeat(office).beat(TEN)
    back = TEN + timedelta(minutes=65)
    await a_heartbeat(office).beat(back)
    since = TEN + timedelta(minutes=30)
    assert await gaps_of(office, "whatsapp") == [Gap(since=since, until=back)]
    await connected_since(office, back + timedelta(hours=9))
    await a_heartbeat(office).beat(back + timedelta(hours=5))
    assert len(await gaps_of(office, "whatsapp")) == 1


@pytest.mark.parametrize("state", ["draft", "disconnected"])
async def test_a_channel_that_is_not_in_use_misses_nothing(office: Office, state: str) -> None:
    await connected_since(office, TEN - timedelta(days=1))
    mine = {"_id": office.channels["whatsapp"].id}
    await office.stores.database["channels"].update_one(mine, {"$set": {"state": state}})
    await a_heartbeat(office).beat(TEN)
    await a_heartbeat(office).beat(TEN + timedelta(minutes=65))
    assert await gaps_of(office, "whatsapp") == []


async def test_an_orderly_end_says_to_the_second_when_it_was(office: Office) -> None:
    await connected_since(office, NOW - timedelta(days=1))
    heart = a_heartbeat(office)
    await heart.start()
    await heart.close()
    last = await office.stores.gaps.last_alive()
    assert last is not None
    assert abs(datetime.now(UTC) - last) < timedelta(seconds=10)


async def test_other_workspaces_are_told_nothing(office: Office) -> None:
    await connected_since(office, TEN - timedelta(days=1))
    await a_heartbeat(office).beat(TEN)
    await a_heartbeat(office).beat(TEN + timedelta(hours=1))
    assert await gaps_of(office, "whatsapp")
    assert await office.stores.gaps.of_workspace(WorkspaceId("wsp_other")) == {}
