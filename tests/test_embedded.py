"""The embedded database comes, stays and goes with its server, however that ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from motor.motor_asyncio import AsyncIOMotorClient

from inbox.child import ChildProcess, identity
from inbox.embedded import EmbeddedDatabase, EmbeddedDatabaseError
from tests.servers import until

SERVER = """
import asyncio, sys
from pathlib import Path
from inbox.embedded import EmbeddedDatabase

async def main():
    database = EmbeddedDatabase(Path(sys.argv[1]))
    await database.start()
    print(database.pid, flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[EmbeddedDatabase]:
    made = EmbeddedDatabase(tmp_path / "data")
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
def other_server(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """A server in a process of its own on `tmp_path/data`, and the pid of its database."""
    process = subprocess.Popen(
        [sys.executable, "-c", SERVER, str(tmp_path / "data")],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.getcwd()},
    )
    assert process.stdout is not None
    yield process, int(process.stdout.readline())
    process.kill()
    process.wait(10)
    process.stdout.close()


async def count(url: str, add: int = 0) -> int:
    client: AsyncIOMotorClient[dict[str, int]] = AsyncIOMotorClient(
        url, serverSelectionTimeoutMS=10_000
    )
    try:
        for number in range(add):
            await client.test.things.insert_one({"number": number})
        return await client.test.things.count_documents({})
    finally:
        client.close()


async def test_a_driver_reaches_it_by_its_url(database: EmbeddedDatabase) -> None:
    assert await count(database.url, add=3) == 3


async def test_the_storage_is_for_its_owner_only(
    database: EmbeddedDatabase, tmp_path: Path
) -> None:
    assert (tmp_path / "data").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "data" / "db").stat().st_mode & 0o777 == 0o700


async def test_stopping_ends_the_process_and_starting_again_finds_the_data(
    tmp_path: Path,
) -> None:
    database = EmbeddedDatabase(tmp_path / "data")
    await count(await database.start(), add=3)
    pid = database.pid
    assert pid is not None
    assert identity(pid) is not None
    await database.stop()
    await database.stop()
    assert identity(pid) is None
    again = EmbeddedDatabase(tmp_path / "data")
    try:
        assert await count(await again.start()) == 3
    finally:
        await again.stop()


async def test_a_killed_server_takes_its_database_along(
    other_server: tuple[subprocess.Popen[str], int],
) -> None:
    server, database_pid = other_server
    assert identity(database_pid) is not None
    server.kill()
    await until(lambda: identity(database_pid) is None)


async def test_a_server_starts_at_once_after_a_kill(
    other_server: tuple[subprocess.Popen[str], int], tmp_path: Path
) -> None:
    server, database_pid = other_server
    server.kill()
    server.wait(10)
    started = time.monotonic()
    database = EmbeddedDatabase(tmp_path / "data")
    try:
        await database.start()
        assert time.monotonic() - started < 5
        assert identity(database_pid) is None
    finally:
        await database.stop()


async def test_a_database_left_over_is_ended_by_its_note(tmp_path: Path) -> None:
    first = ChildProcess(["/bin/sleep", "600"], note=tmp_path / "note", log=tmp_path / "log")
    await first.start()
    second = ChildProcess(["/bin/sleep", "600"], note=tmp_path / "note", log=tmp_path / "log")
    await second.end_previous()
    assert not (tmp_path / "note").exists()
    assert await first.wait() == -signal.SIGTERM


async def test_a_stranger_with_the_same_number_is_left_alone(tmp_path: Path) -> None:
    stranger = ChildProcess(["/bin/sleep", "600"], note=tmp_path / "note", log=tmp_path / "log")
    await stranger.start()
    (tmp_path / "note").write_text(f"{stranger.pid} 1 /bin/sleep 600 ")
    await ChildProcess(["/bin/true"], note=tmp_path / "note", log=tmp_path / "l2").end_previous()
    assert stranger.running()
    await stranger.stop()


async def test_a_second_server_on_the_same_data_is_refused(
    other_server: tuple[subprocess.Popen[str], int], tmp_path: Path
) -> None:
    server, database_pid = other_server
    second = EmbeddedDatabase(tmp_path / "data")
    with pytest.raises(EmbeddedDatabaseError, match=rf"Another Assent .*\(pid {server.pid}\)"):
        await second.start()
    assert identity(database_pid) is not None


async def test_a_database_that_dies_is_back_on_the_same_port_with_its_data(
    database: EmbeddedDatabase,
) -> None:
    url = database.url
    await count(url, add=3)
    pid = database.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    await until(lambda: database.pid not in (None, pid), within_s=10)
    assert database.url == url
    assert await count(url) == 3


async def test_what_a_child_prints_when_ready_is_heard(tmp_path: Path) -> None:
    child = ChildProcess(
        ["/bin/sh", "-c", "echo starting; echo ready 4711; exec sleep 600"],
        note=tmp_path / "note",
        log=tmp_path / "log",
    )
    await child.start()
    assert await child.wait_for_line("ready ", within_s=5) == "ready 4711"
    await child.stop()


async def test_a_child_that_ends_instead_of_getting_ready_is_noticed(tmp_path: Path) -> None:
    child = ChildProcess(
        ["/bin/sh", "-c", "echo no such thing; exit 3"],
        note=tmp_path / "note",
        log=tmp_path / "log",
    )
    await child.start()
    assert await child.wait_for_line("ready ", within_s=5) is None
    assert child.last_words() == "no such thing"
    await child.stop()
