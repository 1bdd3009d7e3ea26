"""A simulator in a process of its own, and a small server that stands where the inbox would."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import parse_qsl

import aiohttp
import pytest
from aiohttp import web

from connectors.simulator.pictures import draw

from .mailbox import GOOGLE, MAILBOX, TOPIC, Puller, mailbox_at

ROOT = Path(__file__).parents[3]
WHATSAPP = "200000000000001"
NUMBER = "+15550191"
PAGE = "300000000000001"
INSTAGRAM = "17841400000000001"
ACCOUNTS = {
    "whatsapp": WHATSAPP,
    "sms": NUMBER,
    "messenger": PAGE,
    "instagram": INSTAGRAM,
    "gmail": MAILBOX,
}
SID = "AC" + "0" * 31 + "1"
SERVICE = "MG" + "0" * 31 + "2"
TOKEN = "graph-token"
APP_SECRET = "app-secret"
AUTH_TOKEN = "auth-token"
BASIC = {"Authorization": aiohttp.encode_basic_auth(SID, AUTH_TOKEN)}
T = TypeVar("T")
BEARER = {"Authorization": f"Bearer {TOKEN}"}


async def until(read: Callable[[], T], limit_s: float = 5.0) -> T:
    """The first truthy value of `read`."""
    deadline = time.monotonic() + limit_s
    while not (value := read()):
        assert time.monotonic() < deadline, "it did not happen in time"
        await asyncio.sleep(0.005)
    return value


@dataclass
class Received:
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def form(self) -> dict[str, str]:
        return dict(parse_qsl(self.body.decode(), keep_blank_values=True))


@dataclass
class Inbox:
    """Keeps what came; answers with `answers` in turn, then as a good inbox does."""

    url: str = ""
    received: list[Received] = field(default_factory=list)
    answers: list[web.Response] = field(default_factory=list)
    challenges: int = 0
    file: bytes = b""

    async def take(self, request: web.Request) -> web.StreamResponse:
        if request.method == "GET":
            return self._get(request)
        self.received.append(Received(request.path, dict(request.headers), await request.read()))
        if self.answers:
            return self.answers.pop(0)
        return web.Response(text="<Response/>", content_type="text/xml")

    def _get(self, request: web.Request) -> web.Response:
        if request.path.startswith("/files/"):
            return web.Response(body=self.file, content_type="image/png")
        assert request.query["hub.mode"] == "subscribe"
        if request.query["hub.verify_token"] != "verify-me":
            return web.Response(status=403)
        self.challenges += 1
        return web.Response(text=request.query["hub.challenge"])

    def at(self, path: str) -> list[Received]:
        return [call for call in self.received if call.path == path]

    def statuses(self) -> list[str]:
        """Twilio's, in the order of arrival."""
        return [call.form["MessageStatus"] for call in self.at("/status")]


class Process:
    """`python -m connectors.simulator` on a free port."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.process: subprocess.Popen[str] | None = None
        self.base = ""

    def start(self) -> None:
        self.process = subprocess.Popen(
            [
                *(sys.executable, "-m", "connectors.simulator", "--port", "0"),
                *("--data", str(self.data), "--parent-pid", str(os.getpid())),
            ],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        self.base = f"http://127.0.0.1:{int(self.process.stdout.readline().split()[1])}"

    def stop(self) -> None:
        if self.process is not None and self.process.stdout is not None:
            self.process.terminate()
            self.process.wait(10)
            self.process.stdout.close()


class Simulator:
    """The process, and its control API."""

    def __init__(self, session: aiohttp.ClientSession, base: str) -> None:
        self.session = session
        self.base = base

    async def control(self, method: str, path: str, body: object = None, status: int = 0) -> Any:
        url = self.base + "/simulator/api" + path
        async with self.session.request(method, url, json=body) as response:
            answer = await response.text()
            assert response.status == status or (not status and response.ok), answer
            return await response.json() if answer else None

    async def connect(self, inbox: Inbox, **settings: Any) -> None:
        """Register one WhatsApp number and one SMS number that report to `inbox`, at once."""
        whatsapp = {
            "name": "Harbour Kettles",
            "webhook_url": inbox.url + "/whatsapp",
            "business_account_id": "100000000000001",
            "display_phone_number": "+1 555 0190",
            "access_token": TOKEN,
            "app_secret": APP_SECRET,
            "verify_token": "verify-me",
            "status_delay_s": 0,
            "retry_first_s": 0.02,
        }
        sms = {
            "webhook_url": inbox.url + "/sms?from=twilio",
            "account_sid": SID,
            "secret": AUTH_TOKEN,
            "messaging_service_sid": SERVICE,
            "status_delay_s": 0,
            **settings,
        }
        await self.control("PUT", f"/accounts/whatsapp/{WHATSAPP}", whatsapp)
        await self.control("PUT", f"/accounts/sms/{NUMBER}", sms)
        for kind in ("messenger", "instagram"):
            await self.connect_messaging(inbox, kind)
        await self.connect_mailbox(inbox)
        reads_at_once = {"read_delay_s": 0}
        people = {
            "maya": {
                "name": "Maya Ortiz",
                "phone": "+15550100",
                "email": "maya@example.com",
                "behaviour": reads_at_once,
            },
            "robin": {"name": "Robin Roe", "username": "robin.roe", "bsuid": "GB.1000"},
        }
        for name, person in people.items():
            await self.control("PUT", f"/customers/{name}", person)

    def account(self, kind: str) -> str:
        return ACCOUNTS[kind]

    async def connect_messaging(self, inbox: Inbox, kind: str, **settings: Any) -> None:
        body = {
            "name": "Harbour Kettles",
            "webhook_url": f"{inbox.url}/{kind}",
            "access_token": f"{kind}-token",
            "secret": APP_SECRET,
            "verify_token": "verify-me",
            "status_delay_s": 0,
            "retry_first_s": 0.02,
            **settings,
        }
        await self.control("PUT", f"/accounts/{kind}/{ACCOUNTS[kind]}", body)

    async def connect_mailbox(self, inbox: Inbox, **settings: Any) -> None:
        body = {
            "name": "Harbour Kettles",
            "webhook_url": f"{inbox.url}/gmail",
            "refresh_token": "1//registered",
            "topic": TOPIC,
            "status_delay_s": 0,
            "retry_first_s": 0.02,
            "push_every_s": 0,
            **GOOGLE,
            **settings,
        }
        await self.control("PUT", f"/accounts/gmail/{MAILBOX}", body)

    async def texts(
        self, kind: str, text: str = "", customer: str = "maya", *, status: int = 201, **more: Any
    ) -> Any:
        body = {"customer_id": customer, "text": text, **more}
        path = f"/accounts/{kind}/{ACCOUNTS[kind]}/messages"
        return await self.control("POST", path, body, status=status)

    async def phone(self, kind: str, customer: str = "maya") -> list[dict[str, Any]]:
        path = f"/accounts/{kind}/{ACCOUNTS[kind]}/threads/{customer}"
        messages: list[dict[str, Any]] = (await self.control("GET", path))["messages"]
        return messages

    async def shown(self, kind: str, count: int) -> list[dict[str, Any]]:
        """The thread, once it has so many messages."""
        deadline = time.monotonic() + 5
        while len(messages := await self.phone(kind)) < count:
            assert time.monotonic() < deadline, "the message did not come in time"
        return messages

    async def graph_send(self, **message: Any) -> tuple[int, dict[str, Any]]:
        body = {
            "messaging_product": "whatsapp",
            "to": "+15550100",
            "type": "text",
            "text": {"body": "On its way."},
            "biz_opaque_callback_data": "outbox-1",
            **message,
        }
        url = f"{self.base}/v26.0/{WHATSAPP}/messages"
        async with self.session.post(url, json=body, headers=BEARER) as response:
            return response.status, await response.json()

    async def platform(
        self, kind: str, method: str, path: str, body: Any = None, token: str | None = None
    ) -> tuple[int, Any]:
        """A call of the Messenger Platform with the account's token."""
        bearer = {"Authorization": f"Bearer {token or kind + '-token'}"}
        url = f"{self.base}/v26.0/{path}"
        async with self.session.request(method, url, json=body, headers=bearer) as response:
            return response.status, await response.json()

    async def platform_send(self, kind: str, **body: Any) -> tuple[int, Any]:
        """To Maya, unless `recipient` says otherwise; `text` is short for a message."""
        maya = (await self.control("GET", "/customers"))[0]
        scoped_id = maya["psid" if kind == "messenger" else "igsid"]
        if "sender_action" not in body:
            body = {"message": {"text": body.pop("text", "On its way.")}, **body}
            body = {"messaging_type": "RESPONSE", **body}
        body = {"recipient": {"id": scoped_id}, **body}
        return await self.platform(kind, "POST", f"{ACCOUNTS[kind]}/messages", body)

    async def twilio_send(self, inbox: Inbox, **fields: Any) -> tuple[int, dict[str, Any]]:
        body = {
            "To": "+15550100",
            "From": NUMBER,
            "Body": "On its way.",
            "StatusCallback": inbox.url + "/status",
            **fields,
        }
        url = f"{self.base}/2010-04-01/Accounts/{SID}/Messages.json"
        async with self.session.post(url, data=body, headers=BASIC) as response:
            return response.status, await response.json()

    async def fault(self, operation: str, times: int = 1, **fault: Any) -> None:
        script = {"match": {"operation": operation}, "times": times, "fault": fault}
        await self.control("POST", "/faults", script)


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture
async def inbox() -> AsyncIterator[Inbox]:
    inbox = Inbox(file=draw("kettle"))
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", inbox.take)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    inbox.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield inbox
    await runner.cleanup()


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    process = Process(tmp_path_factory.mktemp("simulator") / "phones.jsonl")
    process.start()
    yield process
    process.stop()


@pytest.fixture
async def simulator(session: aiohttp.ClientSession, inbox: Inbox, process: Process) -> Simulator:
    """Begun anew for every test, with Maya (a number) and Robin (a user name)."""
    simulator = Simulator(session, process.base)
    await simulator.control("DELETE", "/world")
    await simulator.connect(inbox)
    return simulator


@pytest.fixture
async def puller(simulator: Simulator, process: Process) -> AsyncIterator[Puller]:
    async with mailbox_at(process.base) as puller:
        yield puller
