"""Every example body through the running server, and what the API serves afterwards.

Adding a body is adding a file: the body, and beside it what it must come to.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio

from connectors.http import Http
from inbox.store.database import Database
from inbox.stores import stores
from inbox.web.context import Context
from tests.connectors.people import PAYLOADS
from tests.network import assembled, listening, serving
from tests.office import a_keyring, open_office
from tests.web.examples import FreshInbox, bodies, expectation

_in_one_loop = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def context(mongodb_url: str) -> AsyncIterator[Context]:
    """One server for all. Nothing is sent or fetched: no provider is there."""
    database = Database(mongodb_url, a_keyring(), name=f"test_{secrets.token_hex(6)}")
    await database.prepare()
    listener, url = listening()
    opened = stores(database)
    office = await open_office(opened, Http(), "http://127.0.0.1:1/v26.0", "http://127.0.0.1:1")
    context = assembled(opened, office, url)
    context = replace(context, works=False)
    async with serving(context, listener):
        await context.intake.start()
        yield context
        await context.intake.close()
    if os.environ.get("INBOX_TEST_MONGODB_URL"):
        await database.client.drop_database(database.raw.name)
    database.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


@_in_one_loop
@pytest.mark.parametrize("path", bodies(), ids=lambda path: f"{path.parent.name}-{path.stem}")
async def test_a_body_comes_to_what_is_told_of_it(
    context: Context, session: aiohttp.ClientSession, path: Path
) -> None:
    told = expectation(path)
    inbox = await FreshInbox.open(context, session, path.parent.name)
    told.pop("note", None)
    await inbox.has_been_through(told.pop("after", []), path.parent)
    before = await inbox.serves()

    assert await inbox.is_told_unsigned(path) == 403
    assert await inbox.serves() == before
    altered = told.pop("altered", None)
    assert await inbox.is_told(path, altered) == told.pop("status", 200)
    assert await inbox.serves() == told


def test_every_expectation_is_of_a_body() -> None:
    told = {path.relative_to(PAYLOADS) for path in PAYLOADS.glob("*/stored/*.json")}
    assert told == {path.parent.relative_to(PAYLOADS) / "stored" / path.name for path in bodies()}


def test_a_body_without_an_expectation_is_said_to_lack_one(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match=r"has no expectation: say in stored/new\.json what"):
        expectation(tmp_path / "new.json")
