"""Whatever a provider does wrong: every message is there once and in order, and every send is done
once, or is marked as failed or as not certain, and says why.

One table for inbound messages, one for sends, one for files. All kinds are troubled at the same
time, each on a line of its own, and what went wrong is told by kind and fault.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from connectors.simulator.pictures import draw
from inbox.domain.conversation import Conversation
from inbox.domain.ids import ChannelId
from inbox.domain.message import Direction, Message, Status
from tests.lines import ACCOUNTS, Lines
from tests.office import until

QUEUED, SENT, UNKNOWN, FAILED = Status.QUEUED, Status.SENT, Status.UNKNOWN, Status.FAILED
ARRIVED = (Status.SENT, Status.DELIVERED, Status.READ)
KINDS = tuple(ACCOUNTS)
CAPTIONS = ("whatsapp", "sms")
PICTURE = base64.b64encode(draw("kettle")).decode()


@dataclass
class Case:
    """What is done to one customer of one line."""

    lines: Lines
    kind: str
    name: str
    number: int
    _id: str | None = None

    async def begins(self) -> None:
        phone = f"+1555{200 + self.number:04}"
        body = {"name": self.name, "phone": phone, "behaviour": {"read_delay_s": 0.02}}
        await self.lines.control("PUT", f"/customers/{self.who}", body)

    @property
    def who(self) -> str:
        return f"{self.kind}-{self.number}"

    async def trouble(self, operation: str, times: int | None = 1, **fault: Any) -> None:
        match = {"operation": operation, "kind": self.kind}
        script = {"match": match, "times": times, "fault": fault}
        await self.lines.control("POST", "/faults", script)

    async def writes(self, text: str, seconds_ago: float = 0, **more: Any) -> None:
        at = (datetime.now(UTC) - timedelta(seconds=seconds_ago)).isoformat()
        await self.lines.customer_writes(self.kind, text, self.who, at=at, **more)

    async def conversation(self) -> Conversation:
        """This customer's, once there is one."""

        async def found() -> Conversation | None:
            for one in await self.lines.of_kind(self.kind):
                if self._id == one.id:
                    return one
                if self._id is None and await self._is_mine(one):
                    self._id = one.id
                    return one
            return None

        return await until(found)

    async def answerable(self) -> Conversation:
        """The same, once it is known when they wrote."""

        async def known() -> Conversation | None:
            found = await self.conversation()
            return found if found.last_inbound_at is not None else None

        return await until(known)

    async def _is_mine(self, conversation: Conversation) -> bool:
        thread = await self.lines.office.thread(conversation)
        return any(message.text.startswith(f"{self.name} ") for message in thread)

    async def inbound(self) -> list[str]:
        thread = await self.lines.office.thread(await self.conversation())
        return [m.text.removeprefix(self.name).strip() for m in thread if _is_inbound(m)]

    async def on_phone(self) -> list[dict[str, Any]]:
        said = await self.lines.on_phone(self.kind, self.who)
        return [one for one in said if one["direction"] == "outbound"]


def _is_inbound(message: Message) -> bool:
    return message.direction is Direction.INBOUND


Doing = Callable[[Case], Coroutine[Any, Any, None]]


async def all_kinds(
    lines: Lines, table: dict[str, Any], do: Callable[[Case, Any], Coroutine[Any, Any, None]]
) -> None:
    """Each row of the table on each kind; kinds at the same time, rows one after the other."""
    wrong: dict[str, str] = {}

    async def one_kind(kind: str) -> None:
        for number, (name, row) in enumerate(table.items()):
            if kind in row.without:
                continue
            case = Case(lines, kind, name, 100 * KINDS.index(kind) + number)
            await case.begins()
            try:
                await do(case, row)
            except AssertionError as error:
                wrong[f"{kind}, {name}"] = str(error)[:300]

    await asyncio.gather(*(one_kind(kind) for kind in KINDS))
    assert not wrong, "\n".join(f"{where}: {what}" for where, what in wrong.items())


# -- what customers write --------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Writing:
    """fault      of the second of four messages
    arrives    in which order they come, where the provider gives no time of its own
    recovered  the second is lost: only a provider that lists still has it
    """

    fault: dict[str, Any]
    arrives: tuple[str, ...] = ("1", "2", "3", "4")
    recovered: bool = False
    without: tuple[str, ...] = ()


WRITING = {
    "twice": Writing(fault={"duplicate": 1}),
    "five times": Writing(fault={"duplicate": 4}),
    "slow": Writing(fault={"delay_s": 0.1}),
    "late": Writing(fault={"late_s": 0.5}, arrives=("1", "3", "4", "2")),
    "late and twice": Writing(fault={"late_s": 0.5, "duplicate": 2}, arrives=("1", "3", "4", "2")),
    "out of order": Writing(fault={"reorder": True}, arrives=("1", "3", "2", "4")),
    "lost": Writing(fault={"lost": True}, arrives=("1", "3", "4", "2"), recovered=True),
}


async def _write_four(case: Case, row: Writing) -> None:
    connector = case.lines.office.connectors[case.kind]
    channel = case.lines.office.channels[case.kind]
    an_hour_ago = datetime.now(UTC) - timedelta(hours=1)
    lists = hasattr(connector, "pull")
    cursor = (await connector.pull(channel, None, an_hour_ago)).cursor if lists else None
    await case.writes(f"{case.name} 1", 300)
    await case.trouble("message", **row.fault)
    for number in (2, 3, 4):
        await case.writes(f"{case.name} {number}", 300 - 50 * number)
    expected = ["1", "2", "3", "4"] if case.kind != "sms" else list(row.arrives)
    if row.recovered and cursor is not None:
        await case.lines.pulls(case.kind, cursor)
    elif row.recovered:
        expected.remove("2")

    async def all_there() -> bool:
        return len(await case.inbound()) >= len(expected)

    await until(all_there, 5)
    await case.writes(f"{case.name} end")

    async def ended() -> bool:
        return "end" in await case.inbound()

    await until(ended, 5)
    assert await case.inbound() == [*expected, "end"]

    async def counted() -> bool:
        return (await case.conversation()).inbound_seq == len(expected) + 1

    await until(counted, 5)


async def test_whatever_happens_to_a_webhook_each_message_is_there_once_and_in_order(
    lines: Lines,
) -> None:
    await all_kinds(lines, WRITING, _write_four)


# -- what we send ----------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Sending:
    """fault     of the call, or of what is reported of it
    becomes   what the message comes to; `by_kind` where kinds differ
    phone     how often the customer has it
    calls     how often the provider was asked to send
    """

    fault: dict[str, Any]
    operation: str = "send"
    times: int | None = 1
    becomes: tuple[Status, ...] = ARRIVED
    by_kind: dict[str, tuple[Status, ...]] = field(default_factory=dict)
    phone: int = 1
    calls: int = 1
    without: tuple[str, ...] = ()


ONLY_UNKNOWN = (UNKNOWN,)
SENDING = {
    "too many calls": Sending(fault={"status": 429, "retry_after": 0}, calls=2),
    "too many calls, thrice": Sending(fault={"status": 429, "retry_after": 0}, times=3, calls=4),
    "a fault of theirs": Sending(
        fault={"status": 500, "retry_after": 0}, calls=2, without=("sms",)
    ),
    "a fault of theirs that says nothing": Sending(
        # Twilio does not say whether it took the message: nobody sends it again by himself.
        fault={"status": 500},
        becomes=ONLY_UNKNOWN,
        phone=0,
        without=("whatsapp", "messenger", "instagram"),
    ),
    "out of service": Sending(fault={"status": 503, "retry_after": 0}, calls=2),
    "slow": Sending(fault={"delay_s": 0.3}),
    "in small pieces": Sending(fault={"drip_s": 0.4}),
    "garbage": Sending(fault={"garbage": True}, becomes=ONLY_UNKNOWN, phone=0),
    "a connection that breaks": Sending(fault={"reset": True}, becomes=ONLY_UNKNOWN, phone=0),
    "no answer": Sending(fault={"hang": True}, becomes=ONLY_UNKNOWN, phone=0),
    "an answer that is lost": Sending(fault={"drop_answer_after_accepting": True}),
    "an address that is nobody's": Sending(
        fault={"status": 400}, becomes=(FAILED,), phone=0, without=()
    ),
    "statuses before the answer": Sending(
        operation="status", fault={"statuses_before_answer": True}
    ),
    "statuses backwards": Sending(operation="status", fault={"reorder_statuses": True}),
    "statuses thrice": Sending(operation="status", fault={"duplicate": 2}),
    "statuses that are lost": Sending(operation="status", fault={"lost": True}),
    "failed afterwards": Sending(
        operation="status",
        fault={"fail_code": 30005},
        becomes=(FAILED,),
        without=("whatsapp", "messenger", "instagram"),
    ),
    "failed afterwards, told backwards": Sending(
        operation="status",
        fault={"fail_code": 131026, "reorder_statuses": True},
        becomes=(FAILED,),
        without=("sms", "messenger", "instagram"),
    ),
}


async def _calls(case: Case) -> int:
    log = await case.lines.control("GET", f"/log?kind={case.kind}&operation=send")
    return len(log["calls"])


async def _send_one(case: Case, row: Sending) -> None:
    await case.writes(f"{case.name} hello")
    conversation = await case.answerable()
    before = await _calls(case)
    await case.trouble(row.operation, row.times, **row.fault)
    message = await case.lines.office.accepts(f"{case.name} answer", conversation)
    wanted = row.by_kind.get(case.kind, row.becomes)

    async def settled() -> Message | None:
        current = await case.lines.office.again(message)
        return current if current.status in wanted else None

    try:
        found = await until(settled, 15)
    except AssertionError as error:
        stuck = await case.lines.office.again(message)
        raise AssertionError(f"{error}: {stuck.status} {stuck.failure} {stuck.delivery}") from error
    assert [one["text"] for one in await case.on_phone()] == [message.text] * row.phone

    async def called() -> bool:  # a call is noted when its answer is out
        return await _calls(case) - before >= row.calls

    await until(called, 5)
    assert await _calls(case) - before == row.calls
    if found.status is FAILED:
        assert found.failure is not None
        assert found.failure.code
        assert found.failure.reason.endswith(".")
    # Nothing that comes later moves it backwards or doubles it.
    if row.phone:
        rank = {name: number for number, name in enumerate(("sent", "failed", "delivered", "read"))}
        later = await case.lines.office.again(message)
        assert rank.get(later.status, 0) >= rank.get(found.status, 0)
    thread = await case.lines.office.thread(await case.conversation())
    assert [m.text for m in thread if m.direction is Direction.OUTBOUND] == [message.text]


async def test_whatever_a_provider_answers_a_send_is_done_once_or_says_why_not(
    lines: Lines,
) -> None:
    await all_kinds(lines, SENDING, _send_one)


async def test_with_a_revoked_token_messages_wait_until_it_is_good_again(lines: Lines) -> None:
    async def wait_for_it(case: Case, _: Sending) -> None:
        await case.writes(f"{case.name} hello")
        conversation = await case.answerable()
        await case.trouble("any", None, revoked=True)
        message = await case.lines.office.accepts(f"{case.name} answer", conversation)
        channels = case.lines.office.stores.channels
        mine = case.lines.office.channels[case.kind].id

        async def stopped() -> bool:
            channel = await channels.find(mine)
            return channel is not None and channel.state == "reauthorization_required"

        await until(stopped, 5)
        waiting = await case.lines.office.again(message)
        assert waiting.status is QUEUED
        assert await case.on_phone() == []
        restored[case.kind] = (case, message)

    restored: dict[str, tuple[Case, Message]] = {}
    await all_kinds(lines, {"revoked": Sending(fault={})}, wait_for_it)
    await lines.control("DELETE", "/faults")
    # A minute later.
    messages = lines.office.stores.database["messages"]
    for _, message in restored.values():
        now = datetime.now(UTC)
        await messages.update_one({"_id": message.id}, {"$set": {"delivery.next_at": now}})
    for case, message in restored.values():
        await lines.office.reaches(message, *ARRIVED)
        assert len(await case.on_phone()) == 1

        async def mended(mine: ChannelId = message.channel_id) -> bool:
            channel = await lines.office.stores.channels.find(mine)
            return channel is not None and (channel.state, channel.trouble) == ("connected", None)

        await until(mended, 5)


# -- files of customers ----------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Fetching:
    """`becomes` of the picture; `by_kind` where kinds differ; `times` by kind, else once."""

    fault: dict[str, Any]
    times: dict[str, int] = field(default_factory=dict)
    becomes: str = "ready"
    by_kind: dict[str, str] = field(default_factory=dict)
    without: tuple[str, ...] = ()


FETCHING = {
    "too many calls": Fetching(fault={"status": 429, "retry_after": 0}),
    "a fault of theirs": Fetching(fault={"status": 503}),
    "in small pieces": Fetching(fault={"drip_s": 0.3}),
    # Only WhatsApp gives a new address, and Twilio the same one.
    "an address that ran out": Fetching(
        fault={"expired": True}, by_kind={"messenger": "failed", "instagram": "failed"}
    ),
    "a file that is gone": Fetching(
        # As often as each asks for it.
        fault={"expired": True},
        times={"whatsapp": 2, "sms": 3},
        becomes="failed",
    ),
}


async def _fetch_one(case: Case, row: Fetching) -> None:
    await case.trouble("media", row.times.get(case.kind, 1), **row.fault)
    await case.writes(f"{case.name} it is" if case.kind in CAPTIONS else "", image=PICTURE)
    if case.kind not in CAPTIONS:
        await case.writes(f"{case.name} is what it is")
    wanted = row.by_kind.get(case.kind, row.becomes)

    async def settled() -> Message | None:
        thread = await case.lines.office.thread(await case.conversation())
        held = [m for m in thread if m.attachments and m.attachments[0].state != "pending"]
        return held[0] if held else None

    (attachment,) = (await until(settled, 15)).attachments
    assert attachment.state == wanted
    if wanted == "failed":
        assert (attachment.reason or "").endswith(".")


async def test_whatever_happens_to_a_file_it_comes_or_says_why_not(lines: Lines) -> None:
    await all_kinds(lines, FETCHING, _fetch_one)
