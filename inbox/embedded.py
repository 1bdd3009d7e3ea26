"""Starts the embedded database, watches over it and stops it.

It is another program, spoken to over a loopback socket like any MongoDB and never imported: see
docs/decisions for why. Only the server that holds the data directory's lock may run one on it.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import socket
import struct
import sys
import time
from pathlib import Path

from inbox.child import ChildProcess
from inbox.domain.errors import AssentError
from inbox.log import get

log = get(__name__)

_READY_S = 10.0
_BACKOFF_S = (0.2, 5.0)


class EmbeddedDatabaseError(AssentError):
    """It cannot be started; the message says what to do about it."""

    code = "embedded_database"


def _program() -> str:
    program = Path(sys.executable).parent / "secantusd-py"
    if not program.exists():
        raise EmbeddedDatabaseError(
            "The embedded database is not installed: "
            "run `pip install assent[embedded]`, or set INBOX_MONGODB_URL to a MongoDB of your own"
        )
    return str(program)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


# `{ping: 1, $db: "admin"}` as BSON in an OP_MSG: too small a question for a driver, which only
# the store may use.
_PING_BODY = b"\x10ping\x00\x01\x00\x00\x00" + b"\x02$db\x00\x06\x00\x00\x00admin\x00" + b"\x00"
_PING = struct.pack("<iiiiIBi", 25 + len(_PING_BODY), 1, 0, 2013, 0, 0, 4 + len(_PING_BODY))
_PING += _PING_BODY
_OK = b"\x01ok\x00" + struct.pack("<d", 1.0)


async def _answers(port: int) -> bool:
    """Whether a database on that port takes commands."""
    try:
        async with asyncio.timeout(1.0):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                writer.write(_PING)
                (length,) = struct.unpack("<i", await reader.readexactly(4))
                return _OK in await reader.readexactly(min(length, 65536) - 4)
            finally:
                writer.close()
                with contextlib.suppress(OSError):
                    await writer.wait_closed()
    except (OSError, TimeoutError, asyncio.IncompleteReadError):
        return False


class EmbeddedDatabase:
    """The database of one data directory.

    data_dir   made if missing (mode 0700); holds `db/`, `db.log`, `db.process` and `lock`
    port       of the loopback interface; 0 takes a free one, kept until `stop`
    """

    def __init__(self, data_dir: Path, *, port: int = 0) -> None:
        self._data_dir = data_dir.absolute()
        self._port = port
        self._child: ChildProcess | None = None
        self._lock: int | None = None
        self._watching: asyncio.Task[None] | None = None

    @property
    def url(self) -> str:
        # Without retryWrites=false it keeps and searches a record of every write of half an hour.
        return f"mongodb://127.0.0.1:{self._port}/?directConnection=true&retryWrites=false"

    @property
    def pid(self) -> int | None:
        return None if self._child is None else self._child.pid

    async def start(self) -> str:
        """Start it and wait until it answers; from then on it is started again whenever it ends.

        returns   the URL for the driver
        raises    EmbeddedDatabaseError: not installed, the directory is in use, or it does not come
        """
        program = _program()
        self._data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._take_lock()
        try:
            self._child = self._make_child(program)
            # Its own way of ending takes two seconds, and with a flush at each commit it is no
            # safer than a kill; after a crash people wait for us.
            await self._child.end_previous(grace_s=0.3)
            await self._launch(self._child)
        except BaseException:
            await self.stop()
            raise
        self._watching = asyncio.create_task(self._watch(self._child), name="embedded_database")
        return self.url

    async def stop(self) -> None:
        """Stop it and let go of the directory. Stopping twice does nothing."""
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.gather(self._watching, return_exceptions=True)
            self._watching = None
        if self._child is not None:
            await self._child.stop()
            self._child = None
        if self._lock is not None:
            os.close(self._lock)  # closing lets go of the lock
            self._lock = None

    def _make_child(self, program: str) -> ChildProcess:
        storage = self._data_dir / "db"
        storage.mkdir(mode=0o700, exist_ok=True)
        storage.chmod(0o700)
        if self._port == 0:
            self._port = _free_port()
        command = [program, "--host", "127.0.0.1", "--port", str(self._port)]
        command += ["--sync-on-commit", "--log-level", "WARNING"]
        command += ["--storage-path", str(storage)]
        note, log_file = self._data_dir / "db.process", self._data_dir / "db.log"
        return ChildProcess(command, note=note, log=log_file)

    def _take_lock(self) -> None:
        path = self._data_dir / "lock"
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(descriptor)
            holder = path.read_text().strip() or "unknown"
            raise EmbeddedDatabaseError(
                f"Another Assent is running on this data directory (pid {holder}): "
                "stop it, or choose another one with --data-dir"
            ) from error
        os.truncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        self._lock = descriptor

    async def _launch(self, child: ChildProcess) -> None:
        await child.start()
        deadline = time.monotonic() + _READY_S
        while not await _answers(self._port):
            if not child.running():
                raise EmbeddedDatabaseError(
                    f"The embedded database ended at once; its log says: {child.last_words()}"
                )
            if time.monotonic() > deadline:
                raise EmbeddedDatabaseError(
                    f"The embedded database did not answer within {_READY_S:.0f} s; "
                    f"its log says: {child.last_words()}"
                )
            await asyncio.sleep(0.02)

    async def _watch(self, child: ChildProcess) -> None:
        """Start it again on the same port whenever it ends, so that the driver finds it back."""
        while True:
            status = await child.wait()
            log.warning("embedded_database_ended", status=status)
            pause_s = _BACKOFF_S[0]
            while True:
                try:
                    await self._launch(child)
                    break
                except (EmbeddedDatabaseError, OSError):
                    log.exception("embedded_database_not_back")
                    await child.stop()
                    await asyncio.sleep(pause_s)
                    pause_s = min(pause_s * 2, _BACKOFF_S[1])
            log.info("embedded_database_back")
