"""Notes on a channel's health: seen at once, and written seldom."""

from __future__ import annotations

from datetime import timedelta

from inbox.store.health import Health
from inbox.stores import Stores
from tests.office import NOW, a_channel, until
from tests.store.conftest import Commands

SECOND = timedelta(seconds=1)


async def test_the_first_note_is_written_at_once_and_the_rest_together(
    store: Stores, commands: Commands
) -> None:
    channel = a_channel("wsp_1")

    async def known() -> Health | None:
        found = await store.health.find(channel)
        return found if found.webhook_at else None

    store.health.note(channel, "webhook", NOW)
    assert (await until(known)).webhook_at == NOW
    for number in range(500):
        store.health.note(channel, "webhook", NOW + number * SECOND)
        store.health.note(channel, "bad_signature", NOW)
    await until(lambda: _noted(store, channel.id))
    await store.health.close()

    found = await store.health.find(channel)
    assert found.webhook_at == NOW + 499 * SECOND
    assert found.bad_signatures == 500
    writes = [one for one in commands.heard if one.get("update") == "channel_health"]
    assert len(writes) <= 4


async def _noted(store: Stores, channel_id: str) -> bool:
    doc = await store.database["channel_health"].find_one({"_id": channel_id})
    return doc is not None and "bad_signature_at" in doc


async def test_an_older_note_does_not_hide_a_newer_one(store: Stores) -> None:
    channel = a_channel("wsp_1")
    for at in (NOW, NOW - SECOND):
        store.health.note(channel, "sent", at)
        await store.health.close()
    assert (await store.health.find(channel)).sent_at == NOW


async def test_new_credentials_end_what_was_wrong_with_the_old(store: Stores) -> None:
    channel, other = a_channel("wsp_1"), a_channel("wsp_2")
    await store.health.failed(channel, "190", "It ran out.")
    store.health.note(channel, "bad_signature", NOW)
    await store.health.close()
    await store.health.checked(channel, "Example Shop", NOW)
    found = (await store.health.of_workspace(channel.workspace_id))[channel.id]
    assert (found.error, found.bad_signatures, found.bad_signature_at) == (None, 0, None)
    assert (found.account_name, found.token_expires_at) == ("Example Shop", NOW)
    assert await store.health.of_workspace(other.workspace_id) == {}
