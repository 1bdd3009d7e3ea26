"""Disconnecting a channel ends it at its provider as well, as far as that can be reached."""

from __future__ import annotations

import pytest

from inbox.channels import Channels
from inbox.directory import Directory
from inbox.domain.channel import Channel
from tests.office import Office
from tests.post import PostOffice


async def disconnected(office: Office) -> Channel | None:
    stores = office.stores
    channels = Channels(stores, office.hub, office.connectors, Directory(stores.channels))
    await channels.disconnect(office.channels["post"])
    return await stores.channels.find(office.channels["post"].id)


async def test_the_provider_is_told_with_the_secrets_that_go(
    mailroom: Office, post_office: PostOffice
) -> None:
    ended = await disconnected(mailroom)
    assert ended is not None
    assert post_office.ended == ["token"]
    assert (ended.state, dict(ended.secrets)) == ("disconnected", {})


@pytest.mark.parametrize("status", [403, 503])
async def test_a_provider_that_refuses_does_not_keep_it(
    mailroom: Office, post_office: PostOffice, status: int
) -> None:
    post_office.faults = [(status, {})]
    ended = await disconnected(mailroom)
    assert ended is not None
    assert post_office.ended == ["token"]
    assert (ended.state, dict(ended.secrets)) == ("disconnected", {})


async def test_a_provider_that_is_away_does_not_keep_it(
    mailroom: Office, post_office: PostOffice
) -> None:
    await post_office.close()
    ended = await disconnected(mailroom)
    assert ended is not None
    assert ended.state == "disconnected"
