"""A process of ours that must not outlive the server, however the server ends.

Three things see to it: `stop` when the server ends well, the kernel when it is killed (Linux), and
the note of the process that the next start finds. A process is ended only if its number, its start
time and its command all match that note: numbers are used again.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from inbox import log

_STOP_S = 10.0
_log = log.get("child")
_PR_SET_PDEATHSIG = 1
# Loaded here, not in the child: between fork and exec only what is there already may be used.
_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def _die_with(parent: int) -> Callable[[], None] | None:
    libc = _libc
    if libc is None:
        return None

    def prepare() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:  # it died before the kernel was told
            os._exit(1)

    return prepare


def identity(pid: int) -> str | None:
    """Start time and command of a running process; None when there is none, or only its zombie."""
    if sys.platform == "linux":
        try:
            # The name stands in parentheses and may hold anything; 20 fields after it is the start.
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            command = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ")
        except OSError:
            return None
        return None if fields[0] == "Z" else f"{fields[19]} {command.decode(errors='replace')}"
    found = subprocess.run(  # noqa: S603 (nothing but a number comes from outside)
        ["/bin/ps", "-o", "lstart=,command=", "-p", str(pid)],
        capture_output=True,
        text=True,
        check=False,
    )
    return found.stdout.strip() or None


class ChildProcess:
    """One child, and the note of it.

    command   absolute path and arguments
    note      file that says which process it is, for the start after a kill
    log       file that takes what the child prints (mode 0600, begun anew with each start)
    folder    where it runs; that of the log unless given
    """

    def __init__(
        self, command: Sequence[str], *, note: Path, log: Path, folder: Path | None = None
    ) -> None:
        self._command = tuple(command)
        self._name = note.stem
        self._folder = folder or log.parent
        self._note = note
        self._log = log
        self._process: asyncio.subprocess.Process | None = None

    @property
    def pid(self) -> int | None:
        return None if self._process is None else self._process.pid

    def running(self) -> bool:
        return self._process is not None and self._process.returncode is None

    async def start(self) -> None:
        """Start it. Nothing waits for it to be ready: only the caller knows how that shows."""
        descriptor = os.open(self._log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            self._process = await asyncio.create_subprocess_exec(
                *self._command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=descriptor,
                stderr=descriptor,
                cwd=self._folder,
                # Ctrl-C goes to the whole group; the child has to last until we are done with it.
                start_new_session=True,
                preexec_fn=_die_with(os.getpid()),
            )
        finally:
            os.close(descriptor)
        self._note.write_text(f"{self._process.pid} {identity(self._process.pid) or ''}")

    async def wait(self) -> int:
        """Wait until it ends by itself; its exit status."""
        if self._process is None:
            raise RuntimeError("start() comes before wait()")
        return await self._process.wait()

    async def keep_running(self, pause_s: float = 0.5) -> None:
        """Start it again whenever it ends by itself; until cancelled, which comes before `stop`."""
        while True:
            status = await self.wait()
            _log.warning("a child ended and is started again", command=self._name, status=status)
            await asyncio.sleep(pause_s)
            await self.start()

    async def wait_for_line(self, start: str, within_s: float) -> str | None:
        """The first line it prints that begins with `start`; None if it ends or time is up."""
        deadline = time.monotonic() + within_s
        while time.monotonic() < deadline:
            for line in self._log.read_text(errors="replace").splitlines(keepends=True):
                if line.startswith(start) and line.endswith("\n"):
                    return line.rstrip("\n")
            if not self.running():
                return None
            await asyncio.sleep(0.02)
        return None

    def last_words(self, lines: int = 5) -> str:
        """The end of its log, for an error."""
        with contextlib.suppress(OSError):
            return " | ".join(self._log.read_text(errors="replace").splitlines()[-lines:])
        return ""

    async def stop(self) -> None:
        """Ask it to end, and end it after ten seconds. Stopping twice does nothing."""
        process, self._process = self._process, None
        if process is None:
            return
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
            try:
                async with asyncio.timeout(_STOP_S):
                    await process.wait()
            except TimeoutError:
                process.kill()
                await process.wait()
        self._note.unlink(missing_ok=True)

    async def end_previous(self, grace_s: float = _STOP_S) -> None:
        """End the child of a server that was killed, if it still runs, and wait for its end."""
        try:
            pid_text, _, noted = self._note.read_text().partition(" ")
            pid = int(pid_text)
        except (OSError, ValueError):
            return
        signals = [signal.SIGTERM, signal.SIGKILL]
        while signals and noted and identity(pid) == noted:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signals.pop(0))
            deadline = time.monotonic() + (grace_s if signals else _STOP_S)
            while identity(pid) == noted and time.monotonic() < deadline:
                await asyncio.sleep(0.02)
        self._note.unlink(missing_ok=True)
