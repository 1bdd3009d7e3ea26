"""One demo for all tests of a worker; each test brings customers of its own."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta

import aiohttp
import pytest

from inbox.domain.agent import Agent as Person
from inbox.domain.agent import Role
from inbox.domain.ids import AgentId, WorkspaceId
from inbox.ids import new_id
from inbox.settings import keyring, read
from inbox.store.accounts import AccountStore
from inbox.store.database import Database
from tests.system.demo import MARK, Agent, Demo
from tests.system.program import Program


@pytest.fixture(scope="session")
def program(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    """It leaves no process, no traceback, and in its log nothing of what was written."""
    program = Program(tmp_path_factory.mktemp("demo") / "data", "--demo")
    program.start()
    yield program
    program.stop()
    assert not program.relatives()
    assert "Traceback" not in program.log, program.log
    assert MARK not in program.log


@pytest.fixture
async def demo(program: Program) -> AsyncIterator[Demo]:
    async with AsyncExitStack() as stack:
        session = await stack.enter_async_context(
            aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar())
        )
        yield Demo(program, session, stack)


@pytest.fixture
async def lena(demo: Demo) -> AsyncIterator[Agent]:
    """Works on SMS only."""
    data_dir = demo.program.data_dir
    settings = read({}, host="127.0.0.1", port=0, data_dir=data_dir, demo=True)
    database = Database((data_dir / "db.url").read_text(), keyring({}, settings))
    id_ = new_id("agt")
    person = Person(
        id=AgentId(id_),
        workspace_id=WorkspaceId(demo.file["workspace_id"]),
        email=f"{id_}@example.com",
        name="Lena Ohm",
        role=Role.AGENT,
        channel_ids=frozenset({demo.channels["sms"]["id"]}),
    )
    now = datetime.now(UTC)
    token = "ast_" + secrets.token_urlsafe(32)
    accounts = AccountStore(database)
    await accounts.add_agent(person, "", now)
    await accounts.add_token(person, token, now + timedelta(hours=1), now)
    yield Agent(demo, token)
    database.close()
