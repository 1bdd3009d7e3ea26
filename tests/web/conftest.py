"""One demo for all tests of a worker; each test brings customers of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack

import aiohttp
import pytest

from tests.system.demo import MARK, Demo
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
