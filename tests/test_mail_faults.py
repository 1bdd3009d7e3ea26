"""Whatever goes wrong between a mailbox and us: every mail is there once and in order, and every
answer leaves once, or says why not.

One table for mails that come in, one for answers. Each row has a mailbox of its own, and all are
troubled at the same time.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import pytest

from connectors.gmail import Gmail
from connectors.gmail.google import Google
from connectors.http import Http
from inbox.channels import Channels
from inbox.directory import Directory
from inbox.domain.channel import Channel, Secret
from inbox.domain.conversation import Conversation
from inbox.domain.ids import ChannelId
from inbox.domain.message import Direction, Message, Status
from inbox.ids import new_id
from inbox.stores import Stores
from tests.network import Served, assembled, listening, serving
from tests.office import NOW, open_office, until

GOOGLE = {"client_id": "client-1", "client_secret": "client-secret"}
SIGNER = "gmail-push@shop.iam.gserviceaccount.com"
TOPIC = "projects/shop/topics/gmail"
LIMIT_S = 45.0
pytestmark = pytest.mark.timeout(150)


@dataclass
class Mailbox:
    """One mailbox of the shop, with the customer who writes to it."""

    served: Served
    channel: Channel

    @property
    def address(self) -> str:
        return self.channel.account

    async def registers(self, refresh_token: str) -> None:
        body = {
            "name": "Shop",
            "webhook_url": self.served.context.links.webhook(self.channel),
            "refresh_token": refresh_token,
            "topic": TOPIC,
            "service_account": SIGNER,
            "push_every_s": 0,
            "retry_first_s": 0.05,
            "status_delay_s": 0.02,
            **GOOGLE,
        }
        await self.served.control("PUT", f"/accounts/gmail/{self.address}", body)

    async def does(self, act: str, **body: Any) -> None:
        await self.served.control("POST", f"/gmail/{self.address}/{act}", body)

    async def trouble(self, operation: str, times: int | None = 1, **fault: Any) -> None:
        match = {"operation": operation, "kind": "gmail", "account": self.address}
        script = {"match": match, "times": times, "fault": fault}
        await self.served.control("POST", "/faults", script)

    async def is_watched(self) -> None:
        """The first pull is over, and pushes come."""

        async def rests() -> bool:
            pulls = self.served.office.stores.pulls
            state = (await pulls.states([self.channel]))[self.channel.id]
            return state.cursor is not None and state.next_at > datetime.now(UTC)

        await until(rests, LIMIT_S)

    async def writes(self, text: str, **more: Any) -> None:
        body = {"customer_id": self.address, "text": text, **more}
        await self.served.control("POST", f"/accounts/gmail/{self.address}/messages", body)

    async def conversation(self) -> Conversation | None:
        every = await self.served.office.conversations()
        mine = [one for one in every if one.channel_id == self.channel.id]
        assert len(mine) < 2, "one thread became two conversations"
        return mine[0] if mine else None

    async def texts(self, direction: Direction = Direction.INBOUND) -> list[str]:
        conversation = await self.conversation()
        if conversation is None:
            return []
        thread = await self.served.office.thread(conversation)
        return [one.text for one in thread if one.direction is direction]

    async def has(self, *texts: str) -> None:
        async def there() -> bool:
            return len(await self.texts()) >= len(texts)

        try:
            await until(there, LIMIT_S)
        finally:
            assert await self.texts() == list(texts)

    async def received(self) -> list[str]:
        return [
            one["text"]
            for one in (
                await self.served.control(
                    "GET", f"/accounts/gmail/{self.address}/threads/{self.address}"
                )
            )["messages"]
            if one["direction"] == "outbound"
        ]

    async def sends(self) -> int:
        path = f"/log?kind=gmail&operation=send&account={self.address}"
        return len((await self.served.control("GET", path))["calls"])

    async def state(self) -> Channel:
        found = await self.served.office.stores.channels.find(self.channel.id)
        assert found is not None
        return found


MakeMailbox = Callable[[], Coroutine[Any, Any, Mailbox]]


@pytest.fixture
async def a_mailbox(store: Stores, simulator_url: str) -> AsyncIterator[MakeMailbox]:
    """Mailboxes of one office, each connected and watched."""
    await store.journal.close()  # the server starts it itself
    port = int(simulator_url.rpartition(":")[2])
    listener, url = listening()
    # Ten seconds of a provider's silence are four.
    http = Http(allow=frozenset({("127.0.0.1", port)}), patience=0.4)
    await http.start()
    created = NOW - timedelta(days=7)
    office = await open_office(
        store, http, f"{simulator_url}/v26.0", simulator_url, created_at=created
    )
    google = Google(
        gmail_url=simulator_url,
        accounts_url=simulator_url,
        token_url=f"{simulator_url}/token",
        certs_url=f"{simulator_url}/oauth2/v3/certs",
    )
    office.connectors["gmail"] = Gmail(http, google, search_waits_s=(0.0, 0.2))
    context = assembled(store, office, url)
    async with serving(context, listener), aiohttp.ClientSession() as session:
        served = Served(office, context, simulator_url, session)
        await served.control("DELETE", "/world")

        async def make() -> Mailbox:
            number = secrets.token_hex(4)
            token = f"1//{number}"
            channel = Channel(
                id=ChannelId(new_id("chn")),
                workspace_id=office.workspace_id,
                kind="gmail",
                name="Shop",
                account=f"shop-{number}@example.com",
                config={
                    "address": f"shop-{number}@example.com",
                    "client_id": GOOGLE["client_id"],
                    "topic": TOPIC,
                    "service_account": SIGNER,
                },
                secrets={
                    "client_secret": Secret(GOOGLE["client_secret"]),
                    "refresh_token": Secret(token),
                },
                provider_stop=False,
                created_at=created,
            )
            mailbox = Mailbox(served, channel)
            body = {"name": "Maya Ortiz", "email": f"maya-{number}@example.com"}
            await served.control("PUT", f"/customers/{mailbox.address}", body)
            await mailbox.registers(token)
            await store.channels.add(channel)
            await mailbox.is_watched()
            return mailbox

        yield make
        await served.control("DELETE", "/faults")
        await served.control("DELETE", "/world")
    await http.close()


async def all_rows(
    a_mailbox: MakeMailbox,
    table: dict[str, Any],
    do: Callable[[Mailbox, Any], Coroutine[Any, Any, None]],
) -> None:
    wrong: dict[str, str] = {}

    async def one(name: str, row: Any) -> None:
        try:
            await do(await a_mailbox(), row)
        except AssertionError as error:
            wrong[name] = str(error)[:300]

    await asyncio.gather(*(one(name, row) for name, row in table.items()))
    assert not wrong, "\n".join(f"{name}: {what}" for name, what in wrong.items())


# -- mails that come in ----------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Coming:
    """operation, fault   of a call of ours, or (`message`) of the pushes
    act               something that happens to the mailbox besides
    """

    operation: str = ""
    times: int = 1
    fault: dict[str, Any] | None = None
    act: str = ""


COMING = {
    "too many calls": Coming(operation="history", fault={"status": 429, "retry_after": 0}),
    "too much of the mailbox": Coming(
        operation="fetch", fault={"status": 403, "reason": "userRateLimitExceeded"}
    ),
    "a fault of theirs, twice": Coming(operation="history", times=2, fault={"status": 500}),
    "a mail that cannot be had now": Coming(operation="fetch", fault={"status": 503}),
    "slow": Coming(operation="history", fault={"delay_s": 0.5}),
    "in small pieces": Coming(operation="fetch", fault={"drip_s": 0.5}),
    "no answer": Coming(operation="history", fault={"hang": True}),
    "garbage": Coming(operation="history", fault={"garbage": True}),
    "a mail of garbage": Coming(operation="fetch", fault={"garbage": True}),
    "a connection that breaks": Coming(operation="fetch", fault={"reset": True}),
    "a sign-in that fails": Coming(operation="token", fault={"status": 500}, act="expire-tokens"),
    "a token that has run out": Coming(act="expire-tokens"),
    "a place that is forgotten": Coming(act="forget-history"),
    "pushes five times": Coming(operation="message", times=9, fault={"duplicate": 4}),
    "late pushes": Coming(operation="message", fault={"late_s": 0.5}),
    "pushes out of order": Coming(operation="message", fault={"reorder": True}),
    "a lost push": Coming(operation="message", fault={"lost": True}),
    "an early push": Coming(act="push"),
}


async def _comes(mailbox: Mailbox, row: Coming) -> None:
    await mailbox.writes("One", subject="A kettle")
    await mailbox.has("One")
    if row.fault is not None:
        await mailbox.trouble(row.operation, row.times, **row.fault)
    if row.act:
        await mailbox.does(row.act)
    for text in ("Two", "Three", "Four"):
        await mailbox.writes(text)
    await mailbox.has("One", "Two", "Three", "Four")
    # A push of long ago brings nothing a second time.
    await mailbox.does("push", history_id=1)
    await mailbox.writes("Five")
    await mailbox.has("One", "Two", "Three", "Four", "Five")


async def test_whatever_happens_every_mail_is_there_once_and_in_order(
    a_mailbox: MakeMailbox,
) -> None:
    await all_rows(a_mailbox, COMING, _comes)


# -- answers ---------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Answering:
    """fault     of the call, or of what becomes of the mail
    becomes   what the answer comes to
    arrives   how often the customer has it
    calls     how often Gmail was asked to send
    """

    fault: dict[str, Any]
    operation: str = "send"
    becomes: Status = Status.SENT
    arrives: int = 1
    calls: int = 1


UNKNOWN, FAILED = Status.UNKNOWN, Status.FAILED
ANSWERING = {
    "too many calls": Answering(fault={"status": 429, "retry_after": 0}, calls=2),
    "too much of the mailbox": Answering(
        fault={"status": 403, "reason": "userRateLimitExceeded"}, calls=2
    ),
    # Gmail says itself that it may have been sent: nobody sends it again by himself.
    "a fault of theirs": Answering(fault={"status": 500}, becomes=UNKNOWN, arrives=0),
    "an answer that is lost": Answering(fault={"drop_answer_after_accepting": True}),
    "a connection that breaks": Answering(fault={"reset": True}, becomes=UNKNOWN, arrives=0),
    "garbage": Answering(fault={"garbage": True}, becomes=UNKNOWN, arrives=0),
    "slow": Answering(fault={"delay_s": 0.5}),
    "in small pieces": Answering(fault={"drip_s": 0.5}),
    "an address that is nobody's": Answering(
        fault={"status": 400, "reason": "invalidArgument"}, becomes=FAILED, arrives=0
    ),
    "a bounce": Answering(operation="status", fault={"fail_code": 550}, becomes=FAILED),
}


async def _answers(mailbox: Mailbox, row: Answering) -> None:
    office = mailbox.served.office
    await mailbox.writes("One", subject="A kettle")
    await mailbox.has("One")

    async def answerable() -> Conversation | None:
        found = await mailbox.conversation()
        return found if found is not None and found.last_inbound_at is not None else None

    conversation = await until(answerable, LIMIT_S)
    await mailbox.trouble(row.operation, **row.fault)
    message = await office.accepts("Answer", conversation)

    async def settled() -> Message | None:
        current = await office.again(message)
        return current if current.status is row.becomes else None

    try:
        found = await until(settled, LIMIT_S)
    except AssertionError as error:
        stuck = await office.again(message)
        raise AssertionError(f"{error}: {stuck.status} {stuck.failure}") from error
    if row.becomes is FAILED:
        assert found.failure is not None
        assert found.failure.reason.endswith(".")
    # The sent copy comes back with what is written next, and is not shown as a second one.
    await mailbox.writes("Two")
    await mailbox.has("One", "Two")
    assert await mailbox.texts(Direction.OUTBOUND) == ["Answer"]
    assert len([one for one in await mailbox.received() if one.startswith("Answer")]) == row.arrives
    assert await mailbox.sends() == row.calls
    assert (await office.again(message)).status is row.becomes


async def test_whatever_gmail_says_an_answer_leaves_once_or_says_why_not(
    a_mailbox: MakeMailbox,
) -> None:
    await all_rows(a_mailbox, ANSWERING, _answers)


# -- the sign-in -----------------------------------------------------------------------------------


async def test_after_a_revoked_sign_in_nothing_is_lost(a_mailbox: MakeMailbox) -> None:
    mailbox = await a_mailbox()
    office = mailbox.served.office
    await mailbox.writes("One", subject="A kettle")
    await mailbox.has("One")
    await mailbox.does("revoke")
    await mailbox.writes("Two")

    async def stopped() -> bool:
        return (await mailbox.state()).state == "reauthorization_required"

    await until(stopped, LIMIT_S)
    trouble = (await mailbox.state()).trouble
    assert trouble is not None
    assert "connect it again" in trouble
    conversation = await mailbox.conversation()
    message = await office.accepts("Answer", conversation)
    await mailbox.writes("Three")
    assert await mailbox.texts() == ["One"]

    fresh = f"1//{secrets.token_hex(8)}"
    await mailbox.registers(fresh)
    channels = Channels(
        office.stores, office.hub, office.connectors, Directory(office.stores.channels)
    )
    signed_in = {"refresh_token": fresh, "address": mailbox.address}
    await channels.signed_in(await mailbox.state(), signed_in, datetime.now(UTC))

    await mailbox.has("One", "Two", "Three")
    messages = office.stores.database["messages"]
    later = {"$set": {"delivery.next_at": datetime.now(UTC)}}  # A minute later.
    await messages.update_one({"_id": message.id}, later)
    await office.reaches(message, Status.SENT)
    assert [one.splitlines()[0] for one in await mailbox.received()] == ["Answer"]
