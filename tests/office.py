"""A business for tests of the core: a database of its own, two channels, and real parts over them.

Nothing of ours stands in for anything. Providers' webhooks are made here as entries of the journal,
or come from the simulator, a process of its own (`Line`).
"""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlencode

import pytest

from connectors import registry
from connectors.http import Http
from inbox.delivery import Delivery
from inbox.directory import Directory
from inbox.domain.channel import Channel, Connector, Payload, Secret
from inbox.domain.contact import Identity
from inbox.domain.conversation import Conversation
from inbox.domain.event import Carried, Resync
from inbox.domain.ids import ChannelId, JournalId, MessageId, WorkspaceId
from inbox.domain.message import Author, Direction, Message, Status
from inbox.domain.message import Delivery as Outbox
from inbox.domain.report import Sender
from inbox.files import Fetching
from inbox.hub.memory import MemoryHub
from inbox.ids import new_id
from inbox.intake import Intake
from inbox.keyring import Keyring
from inbox.links import Links
from inbox.store.accounts import Workspace
from inbox.store.database import Database
from inbox.store.journal import JournalEntry
from inbox.store.summaries import Summary
from inbox.stores import Stores, stores

ROOT = Path(__file__).parent.parent
KEYS = {"k1": b"1" * 32}
SECRET = b"a secret of at least 32 bytes, or so"
WHATSAPP = "200000000000001"
NUMBER = "+15550191"
SID = "AC" + "0" * 31 + "1"
CREDENTIALS = {
    "whatsapp": {
        "phone_number_id": WHATSAPP,
        "business_account_id": "100000000000001",
        "access_token": "graph-token",
        "app_secret": "app-secret",
        "verify_token": "verify-me",
    },
    "sms": {"account_sid": SID, "number": NUMBER, "auth_token": "auth-token"},
}
# Wall-clock time, in the whole milliseconds that a database keeps.
NOW = datetime.now(UTC).replace(microsecond=0)
T = TypeVar("T")


async def until(read: Callable[[], Awaitable[T]], limit_s: float = 20.0) -> T:
    """The first truthy result of `read`."""
    deadline = time.monotonic() + limit_s
    while not (value := await read()):
        assert time.monotonic() < deadline, "it did not happen in time"
        await asyncio.sleep(0.01)
    return value


# -- a database ------------------------------------------------------------------------------------


def a_keyring() -> Keyring:
    return Keyring(KEYS, SECRET)


@pytest.fixture
async def database(mongodb_url: str) -> AsyncIterator[Database]:
    """A fresh one. The embedded one's directory goes with the run, a real MongoDB is left clean."""
    database = Database(mongodb_url, a_keyring(), name=f"test_{secrets.token_hex(6)}")
    await database.prepare()
    yield database
    if os.environ.get("INBOX_TEST_MONGODB_URL"):
        await database.client.drop_database(database.raw.name)
    database.close()


@pytest.fixture
async def store(database: Database) -> AsyncIterator[Stores]:
    """Every store, with the journal's writer at work."""
    opened = stores(database)
    await opened.journal.start()
    yield opened
    await opened.journal.close()


# -- people and messages, without a provider -------------------------------------------------------


def a_channel(workspace_id: str, kind: str = "whatsapp", **changes: Any) -> Channel:
    credentials = CREDENTIALS[kind]
    secret = {"access_token", "app_secret", "verify_token", "auth_token"}
    values: dict[str, Any] = {
        "id": ChannelId(new_id("chn")),
        "workspace_id": WorkspaceId(workspace_id),
        "kind": kind,
        "name": "Support",
        "account": credentials.get("phone_number_id") or credentials["number"],
        "config": {k: v for k, v in credentials.items() if k not in secret},
        "secrets": {k: Secret(v) for k, v in credentials.items() if k in secret},
        "provider_stop": kind == "sms",
        "created_at": NOW,
    }
    return Channel(**{**values, **changes})


def a_sender(number: int = 101, name: str | None = "Maya Ortiz") -> Sender:
    phone = f"1555{number:04d}"
    return Sender(keys=(phone, f"US.{number}"), address=f"+{phone}", handle=f"+{phone}", name=name)


async def a_conversation(
    store: Stores,
    number: int = 101,
    *,
    workspace_id: str = "wsp_1",
    channel_id: str = "chn_1",
    at: datetime = NOW,
) -> Conversation:
    """With an identity and a contact; empty."""
    sender = a_sender(number)
    identity, conversation_id = await store.people.create(
        WorkspaceId(workspace_id), ChannelId(channel_id), "whatsapp", sender, at
    )
    await store.people.ensure_contact(identity, at)
    conversation, _ = await store.conversations.create(conversation_id, identity, at)
    return conversation


def a_draft(
    conversation: Conversation,
    text: str = "Hello",
    *,
    direction: Direction = Direction.INBOUND,
    at: datetime = NOW,
    **changes: Any,
) -> Message:
    inbound, outbound = direction is Direction.INBOUND, direction is Direction.OUTBOUND
    values: dict[str, Any] = {
        "id": MessageId(new_id("msg")),
        "workspace_id": conversation.workspace_id,
        "conversation_id": conversation.id,
        "channel_id": conversation.channel_id,
        "seq": 0,
        "place": 0,
        "inbound_seq": 0,
        "direction": direction,
        "type": "text",
        "text": text,
        "author": Author(type="contact" if inbound else "agent", id="agt_1", name="Ana Silva"),
        "status": Status.RECEIVED if inbound else Status.QUEUED if outbound else Status.NONE,
        "sent_at": at,
        "received_at": at,
        "provider_id": f"in.{secrets.token_hex(8)}" if inbound else None,
        "client_id": None if inbound else secrets.token_hex(8),
        "delivery": Outbox(state="queued", attempts=0, next_at=at, fence=0) if outbound else None,
    }
    return Message(**{**values, **changes})


# -- webhooks --------------------------------------------------------------------------------------


def meta_body(value: dict[str, Any], account: str = WHATSAPP, field_: str = "messages") -> bytes:
    """One change as Meta wraps it."""
    metadata = {"display_phone_number": "15550190", "phone_number_id": account}
    value = {"messaging_product": "whatsapp", "metadata": metadata, **value}
    change = {"field": field_, "value": value}
    entry = [{"id": "100000000000001", "changes": [change]}]
    return json.dumps({"object": "whatsapp_business_account", "entry": entry}).encode()


def whatsapp_item(
    text: str,
    *,
    phone: str | None = "15550101",
    bsuid: str | None = "US.101",
    id_: str | None = None,
    at: datetime = NOW,
) -> dict[str, Any]:
    item: dict[str, Any] = {
        "id": id_ or f"wamid.{secrets.token_hex(8)}",
        "timestamp": str(int(at.timestamp())),
        "type": "text",
        "text": {"body": text},
    }
    if phone is not None:
        item["from"] = phone
    if bsuid is not None:
        item["from_user_id"] = bsuid
    return item


def whatsapp(*items: dict[str, Any], name: str | None = "Maya Ortiz", **more: Any) -> bytes:
    contacts = []
    for item in items:
        contact: dict[str, Any] = {"profile": {"name": name} if name else {}}
        if "from" in item:
            contact["wa_id"] = item["from"]
        if "from_user_id" in item:
            contact["user_id"] = item["from_user_id"]
        contacts.append(contact)
    return meta_body({"contacts": contacts, "messages": list(items)}, **more)


def whatsapp_status(
    provider_id: str,
    status: str,
    *,
    at: datetime = NOW,
    ours: str | None = None,
    code: int | None = None,
) -> bytes:
    item: dict[str, Any] = {
        "id": provider_id,
        "status": status,
        "timestamp": str(int(at.timestamp())),
        "recipient_id": "15550101",
    }
    if ours is not None:
        item["biz_opaque_callback_data"] = ours
    if code is not None:
        item["errors"] = [{"code": code, "title": "no"}]
    return meta_body({"statuses": [item]})


def sms(text: str, *, phone: str = "+15550101", id_: str | None = None, **more: str) -> bytes:
    form = {
        "MessageSid": id_ or f"SM{secrets.token_hex(16)}",
        "SmsStatus": "received",
        "AccountSid": SID,
        "From": phone,
        "To": NUMBER,
        "Body": text,
        **more,
    }
    return urlencode(form).encode()


# -- an office -------------------------------------------------------------------------------------


@dataclass
class Office:
    """The parts that work, over one database; workers are not running unless a test starts them."""

    stores: Stores
    connectors: dict[str, Connector]
    channels: dict[str, Channel]
    links: Links
    hub: MemoryHub
    events: list[str] = field(default_factory=list)
    woken: list[Message] = field(default_factory=list)

    @property
    def workspace_id(self) -> WorkspaceId:
        return self.channels["sms"].workspace_id

    def an_intake(self) -> Intake:
        """A new one, as after a restart."""
        directory = Directory(self.stores.channels)
        return Intake(
            self.stores, self.hub, self.connectors, directory, self.woken.extend, lambda: None
        )

    def a_delivery(self) -> Delivery:
        directory = Directory(self.stores.channels)
        return Delivery(self.stores, self.hub, self.connectors, directory, self.links)

    def a_fetching(self) -> Fetching:
        directory = Directory(self.stores.channels)
        return Fetching(self.stores, self.hub, self.connectors, directory)

    async def journal(
        self, kind: str, body: bytes, *, at: datetime | None = None, query: bytes = b""
    ) -> JournalEntry:
        """A webhook as it is stored before its provider is answered."""
        types = {"sms": "application/x-www-form-urlencoded"}
        entry = JournalEntry(
            id=JournalId(new_id("jrn")),
            workspace_id=self.workspace_id,
            channel_id=self.channels[kind].id,
            kind=kind,
            payload=Payload(
                method="POST",
                query=query,
                content_type=types.get(kind, "application/json"),
                body=body,
            ),
            received_at=at or datetime.now(UTC),
        )
        await self.stores.journal.append(entry)
        return entry

    async def takes(
        self, kind: str, *bodies: bytes, at: datetime | None = None, query: bytes = b""
    ) -> None:
        """Journal the webhooks and process them as one batch."""
        entries = [await self.journal(kind, body, at=at, query=query) for body in bodies]
        await self.an_intake().process(entries)

    async def verdict(self, entry: JournalEntry) -> str:
        """What intake made of it, once that is written."""

        async def written() -> str | None:
            doc = await self.stores.database["journal"].find_one({"_id": entry.id})
            assert doc is not None
            return doc.get("verdict")

        return str(await until(written))

    async def conversations(self) -> list[Conversation]:
        return await self.stores.conversations.page(self.workspace_id, "status:open", limit=200)

    async def conversation(self) -> Conversation:
        """The only one."""
        (found,) = await self.conversations()
        return found

    async def thread(self, conversation: Conversation | None = None) -> list[Message]:
        """A conversation's newest messages in the order of showing; the only one's if none is
        named."""
        found = conversation or await self.conversation()
        return await self.stores.messages.page(
            self.workspace_id, found.id, last_seq=found.last_seq, before_place=None, limit=500
        )

    async def texts(self, direction: Direction = Direction.INBOUND) -> list[str]:
        return [one.text for one in await self.thread() if one.direction is direction]

    async def identity(self) -> Identity:
        return await self.stores.people.get((await self.conversation()).identity_id)

    async def ledger(self) -> list[str]:
        """The types of what is on record for the only contact, in the order of time."""
        identity = await self.identity()
        points = self.stores.people.tags(identity.kind, identity.keys)
        far = datetime.now(UTC) + timedelta(days=1)
        events = await self.stores.ledger.of_points(self.workspace_id, points, far)
        return [event.type.value for event in sorted(events, key=lambda e: (e.at, e.recorded_at))]

    async def accepts(
        self, text: str = "On its way.", conversation: Conversation | None = None, **changes: Any
    ) -> Message:
        """An agent's message, stored as the API stores it: in the outbox and due now."""
        conversation = conversation or await self.conversation()
        at = changes.pop("at", datetime.now(UTC))
        draft = a_draft(conversation, text, direction=Direction.OUTBOUND, at=at, **changes)
        (stored,) = await self.stores.messages.append(conversation, [draft], durable=True)
        summary = Summary(conversation=conversation, newest=stored, answered=True)
        await self.stores.conversations.summarise([summary])
        return stored

    async def again(self, message: Message) -> Message:
        """The message as it is stored now."""
        found = await self.stores.messages.find(message.workspace_id, message.id)
        assert found is not None
        return found

    async def reaches(self, message: Message, *statuses: Status) -> Message:
        async def there() -> Message | None:
            current = await self.again(message)
            return current if current.status in statuses else None

        return await until(there)


async def open_office(
    store: Stores, http: Http, graph_url: str, twilio_url: str, **of_sms: Any
) -> Office:
    workspace = Workspace(
        id=WorkspaceId(new_id("wsp")), name="Harbour Kettles", help_contact="help@harbour.example"
    )
    await store.accounts.add_workspace(workspace, NOW)
    channels = {
        "whatsapp": a_channel(workspace.id, "whatsapp"),
        "sms": a_channel(workspace.id, "sms", **of_sms),
    }
    for channel in channels.values():
        await store.channels.add(channel)
    office = Office(
        stores=store,
        connectors=registry(http, graph_url=graph_url, twilio_url=twilio_url),
        channels=channels,
        links=Links("http://127.0.0.1:1", store.database.keyring),
        hub=MemoryHub(),
    )

    def hear(carried: Carried | Resync) -> None:
        assert isinstance(carried, Carried)
        office.events.append(carried.type)

    await office.hub.listen(workspace.id, None, hear)
    return office


@pytest.fixture
async def http() -> AsyncIterator[Http]:
    """A client that may call nobody."""
    client = Http()
    await client.start()
    yield client
    await client.close()


@pytest.fixture
async def office(store: Stores, http: Http) -> Office:
    """Without a provider: what it would send cannot leave."""
    return await open_office(store, http, "https://127.0.0.1", "https://127.0.0.1")
