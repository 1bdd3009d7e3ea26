"""The way of a message through a provider, the same for every kind: what the customer writes goes
out as a webhook; what the inbox sends gets its statuses, is read, and is perhaps answered.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping, Sequence
from datetime import datetime
from pathlib import Path

from starlette.background import BackgroundTask

from connectors.simulator.broadcast import Broadcast
from connectors.simulator.calls import Calls
from connectors.simulator.changes import Change, apply
from connectors.simulator.courier import Attempt, Courier, Manner, Pack
from connectors.simulator.faults import NO_FAULT, Fault, Faults
from connectors.simulator.kind import AnyKind
from connectors.simulator.world import (
    Account,
    Customer,
    Delivery,
    Message,
    Thread,
    ThreadKey,
    World,
    now,
)

NO_REPEAT = Manner(any_failure=False)


class Exchange:
    """`base_url` is where providers' own addresses (media) are found: this server."""

    def __init__(
        self, kinds: Sequence[type[AnyKind]], *, base_url: str, data_path: Path | None
    ) -> None:
        self.base_url = base_url
        self.kinds: dict[str, AnyKind] = {kind.name: kind(self) for kind in kinds}
        types = {name: kind.account_type for name, kind in self.kinds.items()}
        self.world = World(data_path, types)
        self.courier = Courier()
        self.broadcast = Broadcast()
        self.faults = Faults()
        self.calls = Calls()
        self._replied: dict[ThreadKey, int] = {}
        self._replying: set[ThreadKey] = set()

    async def start(self) -> None:
        self.world.open()
        await self.courier.start()

    async def close(self) -> None:
        self.broadcast.close()
        await self.courier.close()
        self.world.close()

    async def forget(self) -> None:
        """Begin anew, with no account, customer, thread, fault or log."""
        await self.courier.drop()
        self.world.forget()
        self.faults.scripts.clear()
        self.calls.clear()
        self._replied.clear()
        self._replying.clear()
        for kind in self.kinds.values():
            kind.forget()
        self.broadcast.publish("resync")

    def changed(self, message: Message) -> None:
        self.world.put_message(message)
        self.broadcast.publish("message", message=message)

    def wire(self, key: ThreadKey, operation: str, attempt: Attempt) -> None:
        """What happens behind, for the line under a phone."""
        kind, account, customer_id = key
        self.broadcast.publish(
            "wire",
            kind=kind,
            account=account,
            customer_id=customer_id,
            operation=operation,
            status=attempt.delivery.status,
            error=attempt.delivery.error,
            ms=attempt.delivery.ms,
        )

    # from the customer

    async def write(
        self,
        account: Account,
        customer: Customer,
        *,
        text: str,
        images: Sequence[tuple[bytes, str]] = (),
        at: datetime | None = None,
        reply_to: str | None = None,
        details: Mapping[str, str] | None = None,
    ) -> Message:
        """The customer writes. Returns once the provider's first attempts at the webhook are over;
        later ones change the message's `deliveries` and `status` by themselves."""
        kind = self.kinds[account.kind]
        message = Message(
            id=kind.new_id(customer, outbound=False, media=bool(images)),
            kind=account.kind,
            account=account.account,
            customer_id=customer.id,
            direction="inbound",
            at=at or now(),
            status="sending",
            text=text,
            reply_to=reply_to,
            details=dict(details or {}),
        )
        for content, mime in images:
            message.media.append(self.world.put_media(kind.new_media_id(), account, content, mime))
        kind.arrive(account, customer, message)
        self.changed(message)
        thread = self.world.thread(*message.key)
        network_text = kind.heard(account, thread, text)
        await self._bring(kind, account, customer, message)
        if network_text is not None:
            self.network_says(thread, network_text)
        return message

    async def _bring(
        self, kind: AnyKind, account: Account, customer: Customer, message: Message
    ) -> None:
        fault = self.faults.take(account.kind, account.account, "message")
        await asyncio.sleep(fault.delay_s)
        pack = kind.pack_message(account, customer, message)
        if pack is None or fault.lost:
            message.status = kind.untold
            self.changed(message)
            return

        def noted(attempt: Attempt) -> None:
            message.deliveries.append(attempt.delivery)
            if message.status != "delivered":
                message.status = "delivered" if attempt.taken else _refusal(attempt)
            self.changed(message)
            self.wire(message.key, "message", attempt)

        attempt = await self.courier.deliver(account, pack, kind.manner, noted)
        for _ in range(fault.duplicate):
            await self.courier.deliver(account, pack, NO_REPEAT, noted)
        await kind.answered(account, customer, attempt, pack)

    async def change(
        self, account: Account, customer: Customer, message: Message, change: Change
    ) -> list[Delivery]:
        """The customer does something to a message that is there already."""
        for media in message.media if change.event == "unsend" else ():
            self.world.remove_media(media.id)
        apply(message, change)
        if change.event == "react":
            self.world.reacted(self.world.thread(*message.key), now())
        self.changed(message)
        pack = self.kinds[account.kind].pack_change(account, customer, message, change)
        return await self.tell(account, customer, pack, change.event)

    async def tell(
        self, account: Account, customer: Customer, pack: Pack | None, operation: str
    ) -> list[Delivery]:
        """Bring what is no message of the customer; the attempts made by the time it returns."""
        if pack is None:
            return []
        fault = self.faults.take(account.kind, account.account, "message")
        await asyncio.sleep(fault.delay_s)
        key = (account.kind, account.account, customer.id)
        deliveries: list[Delivery] = []

        def noted(attempt: Attempt) -> None:
            deliveries.append(attempt.delivery)
            self.wire(key, operation, attempt)

        await self.courier.deliver(account, pack, self.kinds[account.kind].manner, noted)
        for _ in range(fault.duplicate):
            await self.courier.deliver(account, pack, NO_REPEAT, noted)
        return list(deliveries)

    async def echo(
        self, account: Account, customer: Customer, text: str
    ) -> tuple[Message, list[Delivery]]:
        """Somebody of the shop writes in the provider's own app: the inbox only hears of it."""
        kind = self.kinds[account.kind]
        message = Message(
            id=kind.new_id(customer, outbound=True, media=False),
            kind=account.kind,
            account=account.account,
            customer_id=customer.id,
            direction="outbound",
            at=now(),
            status="sent",
            text=text,
            details={"by": "app"},
        )
        message.status_at["sent"] = message.at
        self.changed(message)
        pack = kind.pack_status(account, customer, message, "echo")
        deliveries = await self.tell(account, customer, pack, "echo")
        self.courier.spawn(self._travel(account, customer, message, None, NO_FAULT))
        return message, deliveries

    def network_says(self, thread: Thread, text: str) -> None:
        """The carrier writes to the phone by itself; the inbox never hears of it."""
        kind = self.kinds[thread.kind]
        message = Message(
            id=kind.new_id(None, outbound=True, media=False),
            kind=thread.kind,
            account=thread.account,
            customer_id=thread.customer_id,
            direction="network",
            at=now(),
            status="delivered",
            text=text,
        )
        self.changed(message)

    # from the inbox

    async def take(
        self, account: Account, customer: Customer | None, message: Message, code: int | None
    ) -> BackgroundTask | None:
        """Keep a message that the provider has just accepted; `code`: it will fail with that.
        returns   its further way, which begins when the answer is out"""
        fault = self.faults.take(account.kind, account.account, "status")
        message.status_at[message.status] = message.at
        self.changed(message)
        further = self._travel(account, customer, message, fault.fail_code or code, fault)
        if fault.statuses_before_answer:
            await further
            return None
        return BackgroundTask(self._go_on, further)

    async def _go_on(self, further: Coroutine[object, object, None]) -> None:
        self.courier.spawn(further)

    async def _travel(
        self,
        account: Account,
        customer: Customer | None,
        message: Message,
        code: int | None,
        fault: Fault,
    ) -> None:
        kind = self.kinds[account.kind]
        await asyncio.sleep(fault.delay_s)
        if code is None:
            code = await kind.prepare(account, message)
        if code is not None:
            message.failure = kind.failure(code)
        open_phone = self.broadcast.is_open(message.key)
        steps = kind.steps(message, open_phone=open_phone and _reads(customer))
        delay_s = account.status_delay_s
        if fault.reorder_statuses:
            if message.failure is None and kind.reports_reading and _reads(customer):
                steps = (*dict.fromkeys((*steps, "read")),)
            steps, delay_s = steps[::-1], 0.0
        for step in steps:
            await asyncio.sleep(delay_s)
            await self._report(kind, account, customer, message, step, fault.duplicate)
        if message.failure is None and customer is not None:
            self.courier.spawn(self._read_later(kind, account, customer, message))
            self._reply_later(account, customer)

    async def _report(
        self,
        kind: AnyKind,
        account: Account,
        customer: Customer | None,
        message: Message,
        status: str,
        duplicate: int = 0,
    ) -> None:
        message.status_at[status] = now()
        if _RANK.get(status, 0) >= _RANK.get(message.status, 0):
            message.status = status
        self.changed(message)
        pack = kind.pack_status(account, customer, message, status)
        if pack is None:
            return
        for count in range(1 + duplicate):
            manner = kind.manner if count == 0 else NO_REPEAT
            attempt = await self.courier.deliver(account, pack, manner)
            self.wire(message.key, status, attempt)

    async def _read_later(
        self, kind: AnyKind, account: Account, customer: Customer, message: Message
    ) -> None:
        if kind.reports_reading and customer.behaviour.reads:
            await asyncio.sleep(customer.behaviour.read_delay_s)
            await self._read(kind, account, customer, message)

    async def _read(
        self, kind: AnyKind, account: Account, customer: Customer, message: Message
    ) -> None:
        if message.status == "delivered":
            await self._report(kind, account, customer, message, "read")

    def opened(self, phones: Sequence[ThreadKey]) -> None:
        """A person looks at these phones: what was delivered to them is read now."""
        for key in phones:
            kind = self.kinds.get(key[0])
            account = self.world.accounts.get(key[:2])
            customer = self.world.customers.get(key[2])
            if kind is None or account is None or customer is None:
                continue
            if kind.reports_reading and customer.behaviour.reads:
                for message in self.world.messages(key):
                    if message.direction == "outbound" and message.status == "delivered":
                        self.courier.spawn(self._read(kind, account, customer, message))

    def _reply_later(self, account: Account, customer: Customer) -> None:
        key = (account.kind, account.account, customer.id)
        index = self._replied.get(key, 0)
        # Each text once, and one at a time: two programs must never talk to each other for good.
        if key in self._replying or index >= len(customer.behaviour.auto_reply):
            return
        self._replied[key] = index + 1
        self._replying.add(key)
        self.courier.spawn(self._reply(account, customer, key, index))

    async def _reply(
        self, account: Account, customer: Customer, key: ThreadKey, index: int
    ) -> None:
        try:
            await asyncio.sleep(customer.behaviour.auto_reply_delay_s)
            await self.write(account, customer, text=customer.behaviour.auto_reply[index])
        finally:
            self._replying.discard(key)

    def forget_replies(self, customer_id: str) -> None:
        """A customer with new behaviour starts at the first answer again."""
        for key in [key for key in self._replied if key[2] == customer_id]:
            del self._replied[key]


_RANK = {"sent": 1, "undelivered": 2, "failed": 2, "delivered": 3, "read": 4}


def _reads(customer: Customer | None) -> bool:
    return customer is not None and customer.behaviour.reads


def _refusal(attempt: Attempt) -> str:
    return "refused" if attempt.delivery.status is not None else "unreached"
