"""Fixtures of an office that gets mail: see tests/post.py."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from connectors.http import Http
from inbox.stores import Stores
from tests.office import Office, open_office
from tests.post import PostOffice, with_post


@pytest.fixture
async def post_office() -> AsyncIterator[PostOffice]:
    edge = PostOffice()
    await edge.start()
    yield edge
    await edge.close()


@pytest.fixture
async def mailroom(store: Stores, post_office: PostOffice) -> AsyncIterator[Office]:
    """An office with a mailbox."""
    client = Http(allow=frozenset({("127.0.0.1", post_office.port)}))
    await client.start()
    office = await open_office(store, client, "https://127.0.0.1", "https://127.0.0.1")
    yield await with_post(office, client, post_office)
    await client.close()
