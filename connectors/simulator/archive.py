"""An append-only file of JSON lines, one a change: `["message", {…}]`; the last one wins.

Lines are written within 50 ms, so a kill may lose the newest; a torn last line is skipped.
The file holds credentials of simulated accounts and is readable by its owner only.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

import msgspec

_FLUSH_AFTER_S = 0.05


class Archive:
    """`path` None keeps nothing. `appended` counts lines since the file was last written anew."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._file: BinaryIO | None = None
        self._flush: asyncio.TimerHandle | None = None
        self._encoder = msgspec.json.Encoder()
        self.appended = 0

    def load(self) -> Iterator[tuple[str, msgspec.Raw]]:
        if self._path is None or not self._path.exists():
            return
        decoder = msgspec.json.Decoder(tuple[str, msgspec.Raw])
        with self._path.open("rb") as lines:
            for line in lines:
                try:
                    yield decoder.decode(line)
                except msgspec.DecodeError:
                    continue  # torn by a kill; everything before it is whole

    def append(self, tag: str, value: msgspec.Struct) -> None:
        if self._file is None:
            return
        self._file.write(self._encoder.encode((tag, value)) + b"\n")
        self.appended += 1
        if self._flush is None:
            self._flush = asyncio.get_running_loop().call_later(_FLUSH_AFTER_S, self._flush_now)

    def rewrite(self, records: Iterable[tuple[str, msgspec.Struct]]) -> None:
        """Replace the file by these records, all or nothing, and go on appending to it."""
        if self._path is None:
            return
        self.close()
        self._path.parent.mkdir(parents=True, exist_ok=True)
        fresh = self._path.with_name(self._path.name + ".new")
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            for tag, value in records:
                file.write(self._encoder.encode((tag, value)) + b"\n")
        os.replace(fresh, self._path)
        self._file = self._path.open("ab")
        self.appended = 0

    def close(self) -> None:
        if self._flush is not None:
            self._flush.cancel()
            self._flush = None
        if self._file is not None:
            self._file.close()
            self._file = None

    def _flush_now(self) -> None:
        self._flush = None
        if self._file is not None:
            self._file.flush()
