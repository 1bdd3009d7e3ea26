"""The world outside, for tests of the core: the simulator as the provider, a process of its own,
and an office that is served over HTTP, so that its webhooks arrive."""

from __future__ import annotations

import asyncio
import base64
import os
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import uvicorn

from connectors.http import Http
from inbox.auth.passwords import Passwords
from inbox.auth.throttle import LoginThrottle
from inbox.delivery import Delivery
from inbox.directory import Directory
from inbox.files import Fetching
from inbox.intake import Intake
from inbox.links import Links
from inbox.pulling import Pulling
from inbox.settings import read
from inbox.signals import Signals
from inbox.stores import Stores
from inbox.templates import Templates
from inbox.web.app import build
from inbox.web.context import Context
from inbox.web.sockets import Sockets
from inbox.web.watch import Watch
from tests.office import CREDENTIALS, NUMBER, ROOT, WHATSAPP, Office, open_office, until

ACCOUNTS = {"whatsapp": WHATSAPP, "sms": NUMBER}
PEOPLE = {"maya": ("Maya Ortiz", "+15550101"), "leo": ("Leo Park", "+15550102")}


@pytest.fixture(scope="session")
def simulator_url() -> Iterator[str]:
    """`python -m connectors.simulator`, which tests share and begin anew."""
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "connectors.simulator", "--port", "0"),
            *("--parent-pid", str(os.getpid())),
        ],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    yield f"http://127.0.0.1:{int(process.stdout.readline().split()[1])}"
    process.terminate()
    process.wait(10)
    process.stdout.close()


@dataclass
class Served:
    """An office with its workers running, and the provider's side of its two lines."""

    office: Office
    context: Context
    simulator_url: str
    session: aiohttp.ClientSession

    async def control(self, method: str, path: str, body: object = None) -> Any:
        url = f"{self.simulator_url}/simulator/api{path}"
        async with self.session.request(method, url, json=body) as response:
            answer = await response.text()
            assert response.ok, answer
            return await response.json() if answer else None

    async def open_line(self, kind: str, **changes: Any) -> None:
        """Register our side of an account, as its provider knows it."""
        body: dict[str, Any] = {
            "name": "Harbour Kettles",
            "webhook_url": self.context.links.webhook(self.office.channels[kind]),
            "status_delay_s": 0.02,
            "retry_first_s": 0.05,
            **CREDENTIALS[kind],
        }
        if kind == "whatsapp":
            body["display_phone_number"] = "+1 555 0190"
        else:
            body["provider_stop"] = self.office.channels[kind].provider_stop
        for known in ("phone_number_id", "number"):
            body.pop(known, None)
        await self.control("PUT", f"/accounts/{kind}/{ACCOUNTS[kind]}", {**body, **changes})

    async def fault(self, operation: str, times: int = 1, **fault: Any) -> None:
        script = {"match": {"operation": operation}, "times": times, "fault": fault}
        await self.control("POST", "/faults", script)

    async def writes(
        self, kind: str, text: str = "", who: str = "maya", picture: bytes | None = None
    ) -> None:
        """A customer writes; returns once it is stored and the office is quiet."""
        before = sum(one.last_seq for one in await self.office.conversations())
        body: dict[str, Any] = {"customer_id": who, "text": text}
        if picture is not None:
            body["image"] = base64.b64encode(picture).decode()
        path = f"/accounts/{kind}/{ACCOUNTS[kind]}/messages"
        written = await self.control("POST", path, body)
        assert written["status"] == "delivered", written

        async def stored() -> bool:
            now = sum(one.last_seq for one in await self.office.conversations())
            return now > before

        await until(stored)

    async def phone(self, kind: str, who: str = "maya") -> list[dict[str, Any]]:
        """What the customer sees, oldest first."""
        path = f"/accounts/{kind}/{ACCOUNTS[kind]}/threads/{who}"
        messages: list[dict[str, Any]] = (await self.control("GET", path))["messages"]
        return messages

    async def received(self, kind: str, who: str = "maya") -> list[str]:
        """The texts that we sent and the customer has."""
        return [
            one["text"] for one in await self.phone(kind, who) if one["direction"] == "outbound"
        ]

    async def sends(self, kind: str) -> int:
        """How often the provider was asked to send, whatever it answered."""
        counts = (await self.control("GET", "/log"))["counts"]
        return sum(count for name, count in counts.items() if name.startswith(f"{kind}.send."))


def assembled(stores: Stores, office: Office, url: str, *, first_wait_s: float = 2.0) -> Context:
    port = int(url.rpartition(":")[2])
    settings = read({"INBOX_DEV": "1"}, host="127.0.0.1", port=port, data_dir=Path("unused"))
    directory = Directory(stores.channels)
    links = Links(url, stores.database.keyring)
    delivery = Delivery(stores, office.hub, office.connectors, directory, links)
    fetching = Fetching(stores, office.hub, office.connectors, directory, first_wait_s=first_wait_s)
    templates = Templates(stores, office.hub, office.connectors)
    pulling = Pulling(
        stores, office.hub, office.connectors, directory, lambda entry: intake.hand_over(entry)
    )
    intake = Intake(
        stores,
        office.hub,
        office.connectors,
        directory,
        delivery.wake,
        fetching.wake,
        doubt_templates=templates.doubt,
        wake_pulling=pulling.wake,
    )
    sockets = Sockets(20)
    return Context(
        settings=settings,
        stores=stores,
        hub=office.hub,
        connectors=office.connectors,
        directory=directory,
        intake=intake,
        pulling=pulling,
        delivery=delivery,
        fetching=fetching,
        links=links,
        passwords=Passwords(),
        throttle=LoginThrottle(),
        sockets=sockets,
        watch=Watch(stores.database, sockets),
        templates=templates,
        signals=Signals(stores, office.connectors, directory),
    )


def listening() -> tuple[socket.socket, str]:
    """A free port of this machine for a server of ours, and its URL."""
    # Of a named protocol, or asyncio leaves Nagle's algorithm on: each answer would take 40 ms.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    return listener, f"http://127.0.0.1:{listener.getsockname()[1]}"


@asynccontextmanager
async def serving(context: Context, listener: socket.socket) -> AsyncIterator[None]:
    host = context.settings.public_host
    config = uvicorn.Config(
        build(context, frozenset({host})), log_config=None, access_log=False, ws="none"
    )
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    while not server.started:
        await asyncio.sleep(0.005)
    yield
    server.should_exit = True
    await serving


@pytest.fixture
async def served(store: Stores, simulator_url: str) -> AsyncIterator[Served]:
    # The server starts the journal itself.
    await store.journal.close()
    simulator_port = int(simulator_url.rpartition(":")[2])
    listener, url = listening()
    # Ten seconds of a provider's silence are four.
    http = Http(allow=frozenset({("127.0.0.1", simulator_port)}), patience=0.4)
    await http.start()
    office = await open_office(store, http, f"{simulator_url}/v26.0", simulator_url)
    context = assembled(store, office, url)
    async with serving(context, listener), aiohttp.ClientSession() as session:
        line = Served(office, context, simulator_url, session)
        await line.control("DELETE", "/world")
        for kind in ACCOUNTS:
            await line.open_line(kind)
        for name, (shown, phone) in PEOPLE.items():
            behaviour = {"read_delay_s": 0.02}
            body = {"name": shown, "phone": phone, "behaviour": behaviour}
            await line.control("PUT", f"/customers/{name}", body)
        yield line
        await line.control("DELETE", "/world")
    await http.close()
