"""Listens to what the stores ask of the database."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from pymongo import monitoring

# Any: commands are BSON documents.
Command = Mapping[str, Any]


class Commands(monitoring.CommandListener):
    """Every command of every client, while a test has asked to hear them."""

    def __init__(self) -> None:
        self.listening = False
        self.heard: list[Command] = []

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        if self.listening:
            self.heard.append(dict(event.command))

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None:
        """Nothing to note."""

    def failed(self, event: monitoring.CommandFailedEvent) -> None:
        """Nothing to note."""

    def of(self, name: str, collection: str) -> list[Command]:
        return [command for command in self.heard if command.get(name) == collection]


_COMMANDS = Commands()
# For clients made from now on; there is no way to take it back.
monitoring.register(_COMMANDS)


@pytest.fixture
def commands() -> Iterator[Commands]:
    _COMMANDS.heard.clear()
    _COMMANDS.listening = True
    yield _COMMANDS
    _COMMANDS.listening = False
