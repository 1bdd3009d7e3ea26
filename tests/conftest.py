"""Real servers that all tests of one worker share: started when first asked for, ended with it."""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from inbox.embedded import EmbeddedDatabase
from tests.lines import lines
from tests.mailroom import mailroom, post_office, served_mail
from tests.network import served, simulator_url
from tests.office import database, http, office, store
from tests.servers import RedisServer
from tests.system.program import Leaving

# Fixtures of the business that tests of the core share.
__all__ = [
    "database",
    "http",
    "lines",
    "mailroom",
    "office",
    "post_office",
    "served",
    "served_mail",
    "simulator_url",
    "store",
]

_TESTS = Path(__file__).parent
_LONG = ("journeys/test_looks", "journeys/", "system/", "test_mail_faults", "test_faults")
_LONG += ("test_delivery", "web/")

# Started by the standard library for itself, once, and ended with us.
_OF_PYTHON = ("multiprocessing.resource_tracker", "multiprocessing.forkserver")


def _children() -> dict[int, str]:
    """Our child processes and their commands; nothing where there is no /proc."""
    found = {}
    for listing in Path("/proc/self/task").glob("*/children"):
        for pid in listing.read_text().split():
            try:
                command = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ")
            except OSError:  # it has ended meanwhile
                continue
            found[int(pid)] = command.decode(errors="replace")
    return {pid: c for pid, c in found.items() if not any(name in c for name in _OF_PYTHON)}


@pytest.fixture(scope="session", autouse=True)
def no_child_is_left() -> Iterator[None]:
    """Whatever a worker's tests start they also end, zombies included."""
    before = _children()
    yield
    left = {pid: command for pid, command in _children().items() if pid not in before}
    assert not left, f"processes left behind: {left}"


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def mongodb_url(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    """A database: embedded, or the real MongoDB that INBOX_TEST_MONGODB_URL names. Tests share it,
    so each takes a database name of its own."""
    given = os.environ.get("INBOX_TEST_MONGODB_URL")
    if given:
        yield given
        return
    database = EmbeddedDatabase(tmp_path_factory.mktemp("mongodb"))
    yield await database.start()
    await database.stop()


@pytest.fixture(scope="session")
def leaving() -> Iterator[Leaving]:
    leaving = Leaving()
    yield leaving
    leaving.have_left()


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    """A Redis that tests share; each takes a prefix of its own. Who wants to kill one starts it
    with `tests.servers.RedisServer`."""
    server = RedisServer()
    server.start()
    yield server.url
    server.stop()


@pytest.fixture(scope="session")
def repository() -> Path:
    """The checkout."""
    return Path(__file__).parent.parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes long begins first, so that no worker waits in the end for the other's minutes."""

    def place(item: pytest.Item) -> int:
        path = item.path.relative_to(_TESTS).as_posix()
        return next((n for n, long in enumerate(_LONG) if path.startswith(long)), len(_LONG))

    items.sort(key=place)


def pytest_report_header() -> list[str]:
    version = ".".join(str(part) for part in sys.version_info[:3])
    database = "real MongoDB" if os.environ.get("INBOX_TEST_MONGODB_URL") else "embedded"
    return [f"assent: Python {version}, database {database}"]
