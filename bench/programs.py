"""Starts what is measured, each with an embedded database of its own, and ends it again."""

from __future__ import annotations

import asyncio
import secrets
import socket
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import msgspec

from bench.load import Plan, Result
from inbox.child import ChildProcess
from inbox.embedded import EmbeddedDatabase

HERE = Path(__file__).resolve().parents[1]
_READY_S = 40.0


class BenchError(Exception):
    """The run cannot go on; the message says why."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Program:
    """A server that runs, and how to reach it."""

    name: str
    base_url: str
    webhook_url: str
    secret: str
    account: str
    token: str | None
    pid: int
    database_pid: int

    def plan(self, **rest: Any) -> Plan:  # Any: the fields of Plan that a phase decides
        return Plan(
            webhook_url=self.webhook_url,
            secret=self.secret,
            account=self.account,
            socket_url=self.base_url.replace("http:", "ws:", 1) + "/ws",
            token=self.token,
            pids=[self.pid, self.database_pid],
            **rest,
        )


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


async def _until_ready(child: ChildProcess, ready: Callable[[], bool]) -> None:
    try:
        async with asyncio.timeout(_READY_S):
            while not ready():
                if not child.running():
                    raise BenchError(f"It ended at once: {child.last_words()}")
                await asyncio.sleep(0.05)
    except TimeoutError:
        raise BenchError(f"It does not get ready: {child.last_words()}") from None


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _made(folder: Path) -> Path:
    folder.mkdir(mode=0o700)
    return folder


@asynccontextmanager
async def floor(folder: Path) -> AsyncIterator[Program]:
    database = EmbeddedDatabase(_made(folder))
    url = await database.start()
    try:
        port, secret = _free_port(), secrets.token_hex(16)
        command = [sys.executable, "-m", "bench.floor", "--port", str(port)]
        command += ["--mongodb-url", url, "--secret", secret]
        child = ChildProcess(
            command, note=folder / "floor.process", log=folder / "floor.log", folder=HERE
        )
        await child.start()
        try:
            await _until_ready(child, lambda: _listens(port))
            base_url = f"http://127.0.0.1:{port}"
            yield Program(
                name="floor",
                base_url=base_url,
                webhook_url=base_url + "/webhook",
                secret=secret,
                account="200000000000001",
                token=None,
                pid=child.pid or 0,
                database_pid=database.pid or 0,
            )
        finally:
            await child.stop()
    finally:
        await database.stop()


@asynccontextmanager
async def assent(folder: Path, tree: Path) -> AsyncIterator[Program]:
    """The demo of a checkout, which `demo.json` says how to reach."""
    data = _made(folder) / "data"
    command = [sys.executable, "run.py", "--demo", "--port", "0", "--data-dir", str(data)]
    child = ChildProcess(
        command, note=folder / "assent.process", log=folder / "assent.log", folder=tree
    )
    await child.start()
    try:
        await _until_ready(child, (data / "demo.json").exists)
        demo = msgspec.json.decode((data / "demo.json").read_bytes())
        channel = demo["channels"]["whatsapp"]
        yield Program(
            name="assent",
            base_url=demo["base_url"],
            webhook_url=channel["webhook_url"],
            secret=channel["secret"],
            account=channel["account"],
            token=demo["logins"]["manager"]["api_token"],
            pid=child.pid or 0,
            database_pid=int((data / "db.process").read_text().split()[0]),
        )
    finally:
        await child.stop()


async def load(plan: Plan, folder: Path) -> Result:
    """One phase, in a generator of its own."""
    command = [sys.executable, "-m", "bench.load", msgspec.json.encode(plan).decode()]
    child = ChildProcess(
        command, note=folder / "load.process", log=folder / "load.log", folder=HERE
    )
    await child.start()
    try:
        async with asyncio.timeout(plan.seconds + 120):
            await child.wait()
    finally:
        words = child.last_words()
        await child.stop()
    _, found, line = words.rpartition("result ")
    if not found:
        raise BenchError(f"The load generator failed: {words}")
    return msgspec.json.decode(line, type=Result)


# -- what is stored at the end ---------------------------------------------------------------------


async def stored_ids(program: Program) -> list[str]:
    """Provider's ids of all messages that the server shows, each as often as it is shown."""
    headers = {} if program.token is None else {"Authorization": f"Bearer {program.token}"}
    async with aiohttp.ClientSession(program.base_url, headers=headers) as session:
        if program.token is None:
            async with session.get("/ids") as answer:
                found: list[str] = await answer.json()
                return found
        ids: list[str] = []
        conversations = [one["id"] async for one in _pages(session, "/api/v1/conversations")]
        for conversation_id in dict.fromkeys(conversations):  # one that moved shows twice
            address = f"/api/v1/conversations/{conversation_id}/messages"
            async for message in _pages(session, address):
                ids.append(message["provider_id"] or "")
        return ids


# Any: the API's JSON.
async def _pages(session: aiohttp.ClientSession, address: str) -> AsyncIterator[dict[str, Any]]:
    cursor: str | None = None
    while True:
        wanted = {"limit": "100"} | ({} if cursor is None else {"cursor": cursor})
        async with session.get(address, params=wanted) as answer:
            if answer.status != 200:
                raise BenchError(f"{address} answered {answer.status}")
            page = await answer.json()
        for one in page["data"]:
            yield one
        cursor = page["next_cursor"]
        if cursor is None:
            return
