"""The Gmail connector against the simulator, as the inbox would use it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any, Protocol
from urllib.parse import parse_qsl, urlsplit

from connectors.gmail import Gmail
from connectors.gmail.google import Google
from connectors.http import Http
from inbox.domain.channel import Channel, OutboundMessage, Payload, Sent
from tests.connectors.people import gmail_channel, outbound, permit_for


class Puller:
    """The connector with a cursor, as the inbox holds it."""

    def __init__(self, connector: Gmail, channel: Channel) -> None:
        self.connector = connector
        self.channel = channel
        self.cursor: str | None = None
        self.steps = 0

    async def pull(self) -> list[Payload]:
        """All that there is now."""
        found: list[Payload] = []
        more = True
        while more:
            step = await self.connector.pull(self.channel, self.cursor, datetime.now(UTC))
            found += step.payloads
            self.cursor, more = step.cursor, step.more
            self.steps += 1
        return found

    async def send(self, text: str = "It is ready.", to: str = "", **mail: Any) -> Sent:
        message = self.message(text, to, **mail)
        return await self.connector.send(message, permit_for(message))

    def message(self, text: str, to: str = "", **mail: Any) -> OutboundMessage:
        url = "https://inbox.example.com/webhooks/gmail/chn_gmail"
        more = {"content": {"mail": mail} if mail else None, "status_url": url}
        return outbound(self.channel, text, **({"to": to} if to else {}), **more)


GOOGLE = {"client_id": "client-1", "client_secret": "client-secret"}
TOPIC = "projects/demo-project/topics/gmail"
MAILBOX = "support@example.com"


@asynccontextmanager
async def mailbox_at(base: str) -> AsyncIterator[Puller]:
    """Connected to the simulator at `base`, before the first pull."""
    http = Http(allow=frozenset({("127.0.0.1", urlsplit(base).port or 0)}))
    await http.start()
    google = Google(
        gmail_url=base,
        accounts_url=base,
        token_url=f"{base}/token",
        certs_url=f"{base}/oauth2/v3/certs",
    )
    channel = gmail_channel(**GOOGLE, refresh_token="1//registered", topic=TOPIC)
    yield Puller(Gmail(http, google, search_waits_s=(0.0,)), channel)
    await http.close()


class Controls(Protocol):
    async def control(self, method: str, path: str, body: object = None) -> Any: ...


async def happens(simulator: Controls, act: str, **body: Any) -> Any:
    return await simulator.control("POST", f"/gmail/{MAILBOX}/{act}", body)


def about(one: Payload) -> dict[str, str]:
    return dict(parse_qsl(one.query.decode(), keep_blank_values=True))


def read(one: Payload) -> EmailMessage:
    mail = message_from_bytes(one.body, policy=policy.default)
    assert isinstance(mail, EmailMessage)
    return mail
