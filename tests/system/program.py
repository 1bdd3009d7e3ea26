"""Assent as a program: started as a person would, in a process group of its own, ended by pid."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_ROOT = Path(__file__).parents[2]
_READY = re.compile(r"Assent is ready at (\S+)")


class Program:
    """`run.py` with one data directory; what it prints is kept in `log` over all its starts."""

    def __init__(
        self, data_dir: Path, *arguments: str, environment: Mapping[str, str] | None = None
    ) -> None:
        self.data_dir = data_dir
        self.log_path = data_dir.with_name(data_dir.name + ".log")
        self.url = ""
        self._arguments = [*arguments, "--port", "0", "--data-dir", str(data_dir)]
        given = {k: v for k, v in os.environ.items() if not k.startswith("INBOX_")}
        self._environment = {**given, **(environment or {})}
        self._process: subprocess.Popen[bytes] | None = None
        self._ending = False

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def log(self) -> str:
        """Everything on standard output and standard error so far."""
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    @property
    def demo(self) -> dict[str, Any]:
        content: dict[str, Any] = json.loads((self.data_dir / "demo.json").read_text())
        return content

    def start(self, within_s: float = 60) -> float:
        """Start it and wait for its ready line; the seconds that took."""
        said = len(self.log)
        started = time.monotonic()
        with self.log_path.open("ab") as output:
            self._process = subprocess.Popen(
                [sys.executable, "run.py", *self._arguments],
                cwd=_ROOT,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                process_group=0,
            )
        while (ready := _READY.search(self.log, said)) is None:
            assert self._process.poll() is None, f"it ended at once: {self.log[said:]}"
            assert time.monotonic() - started < within_s, f"not ready: {self.log[said:]}"
            time.sleep(0.01)
        self.url = ready[1]
        return time.monotonic() - started

    def kill(self) -> None:
        """SIGKILL to the server alone: what it started has to notice by itself."""
        os.kill(self.pid, signal.SIGKILL)
        self._wait(5)

    def interrupt(self) -> int:
        """What Ctrl-C in a terminal does; the exit status."""
        os.killpg(self.pid, signal.SIGINT)
        return self._wait(20)

    def terminate(self) -> int:
        os.kill(self.pid, signal.SIGTERM)
        return self._wait(20)

    def begin_to_stop(self) -> None:
        """Ask it to end, which takes it three seconds, and leave the waiting to `stop`."""
        if self._process is not None and self._process.poll() is None and not self._ending:
            self._ending = True
            os.kill(self.pid, signal.SIGTERM)

    def stop(self) -> None:
        """End it whatever state it is in."""
        if self._process is None:
            return
        self.begin_to_stop()
        try:
            self._wait(20)
        except subprocess.TimeoutExpired:
            self.kill()
        self._process = None
        self._ending = False

    def _wait(self, within_s: float) -> int:
        assert self._process is not None
        return self._process.wait(within_s)

    def relatives(self) -> dict[int, str]:
        """The processes that name this data directory in their command, but the server itself."""
        found = {}
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            except OSError:  # it has ended meanwhile
                continue
            own = self._process is not None and int(folder.name) == self._process.pid
            if f"{self.data_dir}/" in command and not own:
                found[int(folder.name)] = command
        return found

    def relative(self, word: str) -> int:
        """The pid of the one process of this data directory with this word in its command."""
        (pid,) = [pid for pid, command in self.relatives().items() if word in command]
        return pid


class Leaving:
    """Programs that were asked to end: other tests begin while they do. They leave nothing behind,
    and no traceback."""

    def __init__(self) -> None:
        self._programs: list[Program] = []

    def add(self, program: Program) -> None:
        program.begin_to_stop()
        self._programs.append(program)

    def have_left(self) -> None:
        """Wait for all of them."""
        for program in self._programs:
            program.stop()
        for program in self._programs:
            assert not program.relatives()
            assert "Traceback" not in program.log, f"{program.log_path}: {program.log}"
