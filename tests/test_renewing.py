"""A token that runs out is exchanged in time, kept sealed, and used from then on; where that fails,
the channel says so before it is too late."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from inbox.channel_states import ChannelStates
from inbox.channels import Changes, Channels
from inbox.domain.channel import Channel, Secret
from inbox.domain.message import Status
from inbox.renewing import Renewing
from tests.lines import INSTAGRAM, Lines

NOW = datetime.now(UTC)


def renewing(lines: Lines) -> Renewing:
    office, directory = lines.office, lines.context.directory
    states = ChannelStates(office.stores, office.hub, office.connectors, directory)
    return Renewing(office.stores, office.connectors, directory, states)


async def instagram(lines: Lines) -> Channel:
    found = await lines.office.stores.channels.find(lines.office.channels["instagram"].id)
    assert found is not None
    return found


async def put(lines: Lines, **change: Any) -> None:
    mine = {"_id": lines.office.channels["instagram"].id}
    await lines.office.stores.database["channels"].update_one(mine, {"$set": change})


async def lookups(lines: Lines) -> int:
    path = "/refresh_access_token"
    log = await lines.control("GET", "/log?kind=instagram&operation=lookup")
    return len([call for call in log["calls"] if call["path"] == path])


async def has_renewed(lines: Lines) -> str:
    """The token after a first renewal: nobody knew how long the old one was good."""
    await put(lines, **{"config.access_token_ends_at": ""})
    await renewing(lines).renew_all(NOW)
    token = (await instagram(lines)).setting("access_token")
    assert token != "instagram-token"
    return token


async def test_a_token_is_exchanged_and_used_from_then_on(lines: Lines) -> None:
    await has_renewed(lines)
    await lines.customer_writes("instagram", "Hello")
    await lines.has("instagram", "Hello")
    (conversation,) = await lines.of_kind("instagram")
    message = await lines.office.accepts("Hi", conversation)
    await lines.office.reaches(message, Status.SENT, Status.READ)
    ends_at = (await instagram(lines)).config["access_token_ends_at"]
    assert timedelta(days=59) < datetime.fromisoformat(ends_at) - NOW < timedelta(days=61)


async def test_it_lies_sealed_in_the_database(lines: Lines) -> None:
    token = await has_renewed(lines)
    stored = await lines.office.stores.database["channels"].find_one({"account": INSTAGRAM})
    assert stored is not None
    assert token not in str(stored)
    assert token.encode() not in bytes(stored["secrets"]["access_token"])


async def test_a_month_before_its_end_and_not_earlier(lines: Lines) -> None:
    first = await has_renewed(lines)
    before = await lookups(lines)
    await renewing(lines).renew_all(NOW + timedelta(days=29))
    assert (await instagram(lines)).setting("access_token") == first
    assert await lookups(lines) == before
    await renewing(lines).renew_all(NOW + timedelta(days=31))
    assert (await instagram(lines)).setting("access_token") != first


@pytest.mark.parametrize(
    "change",
    [
        {"state": "disconnected", "secrets": {}},
        {"changed_at.access_token": NOW + timedelta(seconds=1)},
    ],
)
async def test_what_an_admin_did_meanwhile_stays(lines: Lines, change: dict[str, Any]) -> None:
    store, channel = lines.office.stores.channels, await instagram(lines)
    await put(lines, **change)
    before = (await instagram(lines)).setting("access_token")
    assert not await store.renew(channel, {"a": "b"}, {"access_token": Secret("late")})
    after = await instagram(lines)
    assert after.setting("access_token") == before
    assert "a" not in after.config


async def test_what_was_renewed_meanwhile_is_not_overwritten_by_an_admin(lines: Lines) -> None:
    office, directory = lines.office, lines.context.directory
    service = Channels(office.stores, office.hub, office.connectors, directory)
    read = await instagram(lines)
    for number in range(2):
        renewed = {"access_token": Secret(f"renewed-{number}")}
        assert await office.stores.channels.renew(await instagram(lines), {}, renewed)
        assert not await office.stores.channels.replace(read, read.state)
        changed = await service.change(read, Changes(name=f"Shop {number}"), NOW)
        after = await instagram(lines)
        assert (after.name, after.setting("access_token")) == (
            f"Shop {number}",
            f"renewed-{number}",
        )
        assert changed.revision == after.revision
        read = changed


async def test_a_channel_without_a_revision_gets_one(lines: Lines) -> None:
    channels, read = lines.office.stores.channels, await instagram(lines)
    assert read.revision == 0
    assert await channels.replace(read, read.state)
    assert (await instagram(lines)).revision == 1
    assert not await channels.replace(read, read.state)


async def test_a_channel_is_ended_also_when_it_was_stored_meanwhile(lines: Lines) -> None:
    office, directory = lines.office, lines.context.directory
    service = Channels(office.stores, office.hub, office.connectors, directory)
    read = await instagram(lines)
    assert await office.stores.channels.renew(read, {}, {"access_token": Secret("renewed")})
    await office.stores.channels.set_state(read, "reauthorization_required", "Signed out.")
    assert await service.disconnect(read) is not None
    after = await instagram(lines)
    assert (after.state, dict(after.secrets)) == ("disconnected", {})


async def test_a_failure_is_told_two_weeks_before_the_end_and_not_longer_than_it_lasts(
    lines: Lines,
) -> None:
    await has_renewed(lines)
    await lines.fault("lookup", 9, status=500)
    await renewing(lines).renew_all(NOW + timedelta(days=40))
    assert (await instagram(lines)).trouble is None
    await renewing(lines).renew_all(NOW + timedelta(days=50))
    channel = await instagram(lines)
    assert channel.state == "connected"
    assert (channel.trouble or "").startswith("The access token ends on ")
    assert "channel.degraded" in lines.office.events
    await lines.control("DELETE", "/faults")
    await renewing(lines).renew_all(NOW + timedelta(days=50))
    assert (await instagram(lines)).trouble is None


async def test_a_token_that_is_no_longer_good_stops_the_channel(lines: Lines) -> None:
    await has_renewed(lines)
    await lines.fault("lookup", revoked=True)
    await renewing(lines).renew_all(NOW + timedelta(days=50))
    channel = await instagram(lines)
    assert channel.state == "reauthorization_required"
    assert channel.trouble


async def test_a_token_of_a_page_is_left_alone(lines: Lines) -> None:
    await has_renewed(lines)
    before = await lookups(lines)
    await put(lines, **{"config.login": "facebook", "config.access_token_ends_at": ""})
    await renewing(lines).renew_all(NOW + timedelta(days=70))
    assert await lookups(lines) == before


async def test_a_token_of_today_is_not_exchanged_yet(lines: Lines) -> None:
    await has_renewed(lines)
    before = await lookups(lines)
    await put(lines, **{"created_at": NOW, "config.access_token_ends_at": ""})
    await renewing(lines).renew_all(NOW + timedelta(hours=23))
    assert await lookups(lines) == before
    await renewing(lines).renew_all(NOW + timedelta(hours=25))
    assert await lookups(lines) == before + 1
