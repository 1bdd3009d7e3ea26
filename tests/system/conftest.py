"""Programs that a test starts, troubles and ends by itself."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path

import aiohttp
import pytest

from tests.system.demo import Demo
from tests.system.program import Leaving, Program

Start = Callable[..., Program]
Visit = Callable[[Program], Awaitable[Demo]]


@contextmanager
def starting(folder: Path, leaving: Leaving) -> Iterator[Start]:
    """`start("--demo", INBOX_REDIS_URL=…)`: a program that is ready. The first of them, whose
    database others may share, ends after them, and is not waited for."""
    started: list[Program] = []

    def begin(*arguments: str, **environment: str) -> Program:
        program = Program(folder / f"data-{len(started)}", *arguments, environment=environment)
        started.append(program)
        program.start()
        return program

    try:
        yield begin
    finally:
        for program in reversed(started[1:]):
            program.stop()
        for program in reversed(started):
            leaving.add(program)


@pytest.fixture
def start(tmp_path: Path, leaving: Leaving) -> Iterator[Start]:
    """Programs of one test's own, to trouble."""
    with starting(tmp_path, leaving) as begin:
        yield begin


@pytest.fixture(scope="module")
def start_once(tmp_path_factory: pytest.TempPathFactory, leaving: Leaving) -> Iterator[Start]:
    """Programs that the tests of a file share, and leave as they are."""
    with starting(tmp_path_factory.mktemp("shared"), leaving) as begin:
        yield begin


@pytest.fixture
async def visit() -> AsyncIterator[Visit]:
    """The demo of a program, with a client session that ends with the test."""
    async with AsyncExitStack() as stack:
        session = await stack.enter_async_context(
            aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar())
        )

        async def come(program: Program) -> Demo:
            return Demo(program, session, stack)

        yield come
