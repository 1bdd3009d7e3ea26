"""A message while it is being sent, and what becomes of it: with a provider that answers as a test
says, a database that goes away, and reports that come of what nobody knew."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pymongo.uri_parser
import pytest

from inbox.delivery import Delivery
from inbox.directory import Directory
from inbox.domain.channel import Connector, Manifest, OutboundMessage, Sent
from inbox.domain.errors import AccountTrouble, OutcomeUnknown, Permanent, Temporary
from inbox.domain.gate import Permit
from inbox.domain.message import Failure, Message, Status
from inbox.ids import new_id
from inbox.store.database import Database
from inbox.stores import Stores, stores
from tests.office import Office, a_keyring, meta_body, sms, until, whatsapp, whatsapp_item
from tests.test_delivery import ANA

QUEUED, SENT, UNKNOWN, FAILED = Status.QUEUED, Status.SENT, Status.UNKNOWN, Status.FAILED


# -- a provider that does as a test says, and a database that goes away ----------------------------


class Scripted:
    """A kind's provider, at the edge where we meet it. `asked` is called when the gate is about to
    be."""

    def __init__(
        self,
        connector: Connector,
        send: Callable[[], Awaitable[Sent]],
        asked: Callable[[], None] = lambda: None,
    ) -> None:
        self._connector = connector
        self._send = send
        self._asked = asked

    @property
    def manifest(self) -> Manifest:
        self._asked()
        return self._connector.manifest

    async def send(self, message: OutboundMessage, permit: Permit) -> Sent:
        permit.spend(message.subject(), datetime.now(UTC))
        return await self._send()


class Wire:
    """A TCP line to the database that can be cut."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._open: set[asyncio.StreamWriter] = set()
        self._carrying: set[asyncio.Task[None]] = set()
        self._cut_at: float | None = None
        self.port = 0

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._carry, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._carrying.add(task)
        task.add_done_callback(self._carrying.discard)
        if self._cut_at is not None:
            writer.transport.abort()
            return
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._port)
        both = {writer, far_writer}
        self._open |= both
        await asyncio.gather(_copy(reader, far_writer), _copy(far_reader, writer))
        self._open -= both

    def cut(self) -> None:
        if self._cut_at is None:
            self._cut_at = time.monotonic()
            for writer in self._open:
                writer.transport.abort()

    async def was_cut(self) -> bool:
        """For longer than a call waits for the database to come back."""
        return self._cut_at is not None and time.monotonic() - self._cut_at > 3.2

    def mend(self) -> None:
        self._cut_at = None

    async def close(self) -> None:
        self._server.close()
        self.cut()
        if self._carrying:
            await asyncio.wait(self._carrying)
        await self._server.wait_closed()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(1 << 16):
            writer.write(data)
            await writer.drain()
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()


@pytest.fixture
async def wire(mongodb_url: str) -> AsyncIterator[Wire]:
    wire = Wire(pymongo.uri_parser.parse_uri(mongodb_url)["nodelist"][0][1])
    await wire.start()
    yield wire
    await wire.close()


def scripted(
    office: Office,
    send: Callable[[], Awaitable[Sent]],
    asked: Callable[[], None] = lambda: None,
    over: Stores | None = None,
    kind: str = "whatsapp",
) -> Delivery:
    connectors = {**office.connectors, kind: Scripted(office.connectors[kind], send, asked)}
    known = over or office.stores
    return Delivery(known, office.hub, connectors, Directory(known.channels), office.links)  # type: ignore[arg-type]  # it parses nothing


@asynccontextmanager
async def over(wire: Wire, office: Office) -> AsyncIterator[Stores]:
    """The office's database at the end of the wire."""
    url = f"mongodb://127.0.0.1:{wire.port}/?directConnection=true&heartbeatFrequencyMS=500"
    database = Database(url, a_keyring(), name=office.stores.database.raw.name)
    yield stores(database)
    database.close()


async def sends_nothing() -> Sent:
    raise AssertionError("it was sent")


def raises(error: Exception) -> Callable[[], Awaitable[Sent]]:
    async def send() -> Sent:
        raise error

    return send


async def asked_for(office: Office, **changes: Any) -> Message:
    """An answer in the outbox of somebody who has just written."""
    if not await office.conversations():
        await office.takes("whatsapp", whatsapp(whatsapp_item("Where is it?")))
    return await office.accepts(**changes)


async def test_a_database_that_goes_away_before_a_send_leaves_the_message_queued(
    office: Office, wire: Wire
) -> None:
    message = await asked_for(office)
    async with over(wire, office) as stores_:
        delivery = scripted(office, sends_nothing, wire.cut, stores_)
        delivery.wake([message])
        await until(wire.was_cut)
        wire.mend()
        await delivery.drained()
    waiting = await office.again(message)
    assert waiting.status is QUEUED
    assert waiting.delivery is not None
    assert (waiting.delivery.state, waiting.delivery.attempts) == ("queued", 1)


async def test_what_cannot_be_prepared_stays_queued(office: Office) -> None:
    def fails() -> None:
        raise LookupError

    message = await asked_for(office)
    delivery = scripted(office, sends_nothing, fails)
    delivery.wake([message])
    await delivery.drained()
    waiting = (await office.again(message)).delivery
    assert waiting is not None
    assert waiting.state == "queued"


ANSWERS = {
    "not now": (Temporary("Slow down."), QUEUED),
    "not on this account": (AccountTrouble("Sign in again."), QUEUED),
    "never": (Permanent("No."), FAILED),
    "nobody knows": (OutcomeUnknown("Well."), UNKNOWN),
}


@pytest.mark.parametrize(("error", "status"), ANSWERS.values(), ids=ANSWERS)
async def test_an_answer_is_recorded_once_the_database_is_back(
    office: Office, wire: Wire, error: Exception, status: Status
) -> None:
    message = await asked_for(office)

    async def refuses() -> Sent:
        wire.cut()
        raise error

    async with over(wire, office) as stores_:
        delivery = scripted(office, refuses, over=stores_)
        delivery.wake([message])
        await until(wire.was_cut)
        wire.mend()
        await delivery.drained()
    current = await office.again(message)
    assert current.status is status
    assert current.delivery is None or current.delivery.state == "queued"


async def test_a_provider_that_hangs_hides_no_other_channels_messages(office: Office) -> None:
    """More conversations than a sweep looks at wait for it, all of them longer."""
    people = [{"phone": f"1555{n:04d}", "bsuid": f"US.{n}"} for n in range(110)]
    await office.takes("whatsapp", whatsapp(*(whatsapp_item("Hello", **one) for one in people)))
    for conversation in await office.conversations():
        await office.accepts("It is ready.", conversation)
    answers = asyncio.Event()

    async def hangs() -> Sent:
        await answers.wait()
        return Sent(provider_id=new_id("out"))

    await office.takes("sms", sms("Hello", phone="+15550199"))
    aside = next(one for one in await office.conversations() if one.handle == "+15550199")
    message = await office.accepts("It is ready.", aside)
    delivery = scripted(office, hangs)
    await delivery.start()

    async def tried() -> bool:
        # This office reaches no provider: it is put back.
        current = (await office.again(message)).delivery
        return current is None or current.attempts > 0

    await until(tried)
    answers.set()
    await delivery.close()


# -- small print -----------------------------------------------------------------------------------


async def failed_one(office: Office, **changes: Any) -> Message:
    outbox = office.stores.outbox
    claimed = await outbox.claim(await asked_for(office, **changes), datetime.now(UTC))
    assert claimed is not None
    failure = Failure(code="1", reason="No.")
    ended = await outbox.end(claimed, FAILED, failure, datetime.now(UTC))
    assert ended is not None
    return ended


async def test_a_server_that_only_serves_leaves_a_new_try_to_the_workers(office: Office) -> None:
    message = await failed_one(office)
    web = office.a_delivery()
    await web.retry(message, ANA)
    await web.drained()
    waiting = (await office.again(message)).delivery
    assert waiting is not None
    assert (waiting.state, waiting.attempts) == ("queued", 0)


@pytest.mark.parametrize(("again", "status"), [(True, QUEUED), (False, FAILED)])
async def test_a_day_is_counted_from_the_last_try(
    office: Office, again: bool, status: Status
) -> None:
    old = datetime.now(UTC) - timedelta(days=3)
    delivery = scripted(office, raises(Temporary("Slow down.")))
    if again:
        message = await delivery.retry(await failed_one(office, at=old), ANA)
    else:
        message = await asked_for(office, at=old)
    delivery.wake([message])
    await delivery.drained()
    assert (await office.again(message)).status is status


async def test_the_trouble_of_a_channel_is_told_once(office: Office) -> None:
    message = await asked_for(office)
    delivery = scripted(office, raises(AccountTrouble("Sign in again.")))
    for _ in range(3):
        delivery.wake([await office.again(message)])
        await delivery.drained()
    assert office.events.count("channel.reauthorization_required") == 1
    current = (await office.again(message)).delivery
    assert current is not None
    assert current.attempts == 3


async def test_a_warning_stays_when_a_message_gets_through(office: Office) -> None:
    async def takes() -> Sent:
        return Sent(provider_id="out.1")

    message = await asked_for(office)
    line = office.channels["whatsapp"]
    await office.stores.channels.set_trouble(line, "The quality is low.")
    delivery = scripted(office, takes)
    delivery.wake([message])
    await delivery.drained()
    assert (await office.again(message)).status is SENT
    shown = await office.stores.channels.find(line.id)
    assert shown is not None
    assert (shown.state, shown.trouble) == ("connected", "The quality is low.")


def echo(text: str) -> bytes:
    """What was sent for us, as providers tell it that carry nothing of ours along."""
    item = {
        "from": "15550190",
        "to": "15550101",
        "to_user_id": "US.101",
        "id": f"wamid.{text}",
        "timestamp": str(int(datetime.now(UTC).timestamp())),
        "type": "text",
        "text": {"body": text},
    }
    return meta_body({"message_echoes": [item]}, field_="smb_message_echoes")


@pytest.mark.parametrize(
    ("text", "status", "messages"), [("It is ready.", SENT, 2), ("Another.", UNKNOWN, 3)]
)
async def test_an_echo_settles_what_was_of_unknown_outcome(
    office: Office, text: str, status: Status, messages: int
) -> None:
    message = await asked_for(office, text="It is ready.")
    delivery = scripted(office, raises(OutcomeUnknown("Well.")))
    delivery.wake([message])
    await delivery.drained()
    assert (await office.again(message)).status is UNKNOWN
    await office.takes("whatsapp", echo(text))
    assert (await office.again(message)).status is status
    assert len(await office.thread()) == messages


async def test_a_provider_that_takes_nothing_is_told_and_the_next_good_send_ends_it(
    office: Office,
) -> None:
    async def takes() -> Sent:
        return Sent(provider_id="out.1")

    message = await asked_for(office)
    refusing = scripted(office, raises(Temporary("Not now.", retry_after_s=0)))
    for _ in range(4):
        refusing.wake([await office.again(message)])
        await refusing.drained()
    line = office.channels["whatsapp"]
    shown = await office.stores.channels.find(line.id)
    assert shown is not None
    assert shown.state == "connected"
    assert shown.trouble == "WhatsApp is not taking messages. They are sent as soon as it does."
    assert office.events.count("channel.degraded") == 1
    taking = scripted(office, takes)
    taking.wake([await office.again(message)])
    await taking.drained()
    shown = await office.stores.channels.find(line.id)
    assert shown is not None
    assert shown.trouble is None
    assert "channel.recovered" in office.events
