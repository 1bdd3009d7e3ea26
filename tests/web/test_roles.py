"""A worker is a process without a port."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from pathlib import Path

from inbox.settings import new_keys
from tests.office import ROOT


async def started(port: int, data_dir: Path, **environment: str) -> asyncio.subprocess.Process:
    given = {k: v for k, v in os.environ.items() if not k.startswith("INBOX_")}
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "run.py", "--role", "worker"),
        *("--port", str(port), "--data-dir", str(data_dir)),
        cwd=ROOT,
        env={**given, **environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


async def test_a_worker_runs_beside_a_server_on_its_port(
    mongodb_url: str, redis_url: str, tmp_path: Path
) -> None:
    keys = dict(line.split("=", 1) for line in new_keys().splitlines())
    with socket.create_server(("127.0.0.1", 0)) as taken:
        worker = await started(
            taken.getsockname()[1],
            tmp_path,
            INBOX_MONGODB_URL=mongodb_url,
            INBOX_REDIS_URL=redis_url,
            **keys,
        )
        assert worker.stdout is not None
        async with asyncio.timeout(30):
            said = await worker.stdout.readline()
        if said:
            worker.send_signal(signal.SIGTERM)
        _, errors = await worker.communicate()

    assert said == b"Assent's worker is ready\n", errors.decode()
    assert worker.returncode == 0


async def test_a_worker_alone_is_refused_in_a_sentence(tmp_path: Path) -> None:
    worker = await started(0, tmp_path)

    said, errors = await worker.communicate()

    assert (worker.returncode, said) == (1, b"")
    assert b"INBOX_MONGODB_URL and INBOX_REDIS_URL" in errors
    assert errors.count(b"\n") == 1
