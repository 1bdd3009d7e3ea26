"""What every handler may use, made once in run.py and carried in the application's state."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from starlette.applications import Starlette
from starlette.requests import HTTPConnection

from inbox.auth.passwords import Passwords
from inbox.auth.throttle import CheckThrottle, LoginThrottle
from inbox.channel_states import ChannelStates
from inbox.delivery import Delivery
from inbox.directory import Directory
from inbox.domain.channel import Connector
from inbox.domain.errors import AssentError
from inbox.files import Fetching
from inbox.hub import Hub
from inbox.intake import Intake
from inbox.links import Links
from inbox.merges import Merges
from inbox.pulling import Pulling
from inbox.renewing import Renewing
from inbox.settings import Settings
from inbox.signals import Signals
from inbox.stores import Stores
from inbox.suggestions import Suggestions
from inbox.templates import Templates
from inbox.web.sockets import Sockets
from inbox.web.watch import Watch


class Part(Protocol):
    """What is started and closed with the application."""

    async def start(self) -> None: ...

    async def close(self) -> None: ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Demo:
    """What only a demo shows: log-ins by one click, and the way to the simulated customers."""

    simulator_url: str
    people: tuple[dict[str, str], ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Context:
    """works   this process also takes journal and outbox entries; else other processes do
    alone   no other process works on this database: leases that are left are of the dead
    """

    settings: Settings
    stores: Stores
    hub: Hub
    connectors: Mapping[str, Connector]
    directory: Directory
    intake: Intake
    delivery: Delivery
    fetching: Fetching
    pulling: Pulling
    links: Links
    passwords: Passwords
    throttle: LoginThrottle
    sockets: Sockets
    watch: Watch
    templates: Templates
    signals: Signals
    works: bool = True
    alone: bool = False
    demo: Demo | None = None
    checks: CheckThrottle = field(default_factory=CheckThrottle)
    # By channel, whoever asks: a pull is a call for each conversation that changed.
    pulls: CheckThrottle = field(default_factory=lambda: CheckThrottle(6))

    @property
    def merges(self) -> Merges:
        return Merges(self.stores, self.hub, self.connectors)

    @property
    def suggestions(self) -> Suggestions:
        return Suggestions(self.stores, self.connectors)

    @property
    def workers(self) -> tuple[Part, ...]:
        """What works in the background, in the order of starting: what hands over comes after what
        takes."""
        states = ChannelStates(self.stores, self.hub, self.connectors, self.directory)
        renewing = Renewing(self.stores, self.connectors, self.directory, states)
        return (self.delivery, self.fetching, self.intake, self.templates, renewing)


def attach(app: Starlette, context: Context) -> None:
    app.state.context = context


def of(connection: HTTPConnection) -> Context:
    context = connection.app.state.context
    if not isinstance(context, Context):
        raise AssentError("the application was started without its parts")
    return context
