"""What happens to a mailbox, at a word of a test or a demo: `POST /simulator/api/gmail/{account}/…`

mails            `{"mails": [{"raw", "customer_id", "labels", "thread_id", "at"}], "push"}`: mails
                 as they are (base64), all but `raw` optional; answers `{"ids"}`
seed             `{"count", "customer_id", "days"}`: so many mails of a customer over the last days
push             one more push of the mailbox, or `{"history_id"}` of an earlier one
labels           `{"id", "add", "remove"}`
delete           `{"id"}`: for good
forget-history   every place in the history that anybody has kept is too old
expire-tokens    access tokens end before their time
revoke           the sign-in is ended: refreshing says `invalid_grant`
expire-watch     nobody is told of anything any more
replace-keys     pushes are signed with a new key
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from connectors.simulator import gmail_letters as letters
from connectors.simulator.gmail_account import GmailAccount
from connectors.simulator.gmail_push import packing
from connectors.simulator.world import Customer, Message, now

if TYPE_CHECKING:
    from connectors.simulator.gmail import Gmail

T = TypeVar("T")
_BODY_LIMIT = 80 * 1024 * 1024


class GivenMail(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    raw: str
    customer_id: str | None = None
    labels: tuple[str, ...] = ("INBOX", "UNREAD")
    thread_id: str | None = None
    at: datetime | None = None


class PostMails(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    mails: list[GivenMail]
    push: bool = True


class PostSeed(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    count: int
    customer_id: str
    days: float = 10.0


class PostPush(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    history_id: int | None = None


class PostLabels(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    id: str
    add: list[str] = []
    remove: list[str] = []


class PostDelete(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    id: str


class _Wrong(Exception):
    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


Act = Callable[[GmailAccount, bytes], Awaitable[object]]


class MailboxControl:
    def __init__(self, kind: Gmail) -> None:
        self._kind = kind
        self._acts: dict[str, Act] = {
            "mails": self._mails,
            "seed": self._seed,
            "push": self._push,
            "labels": self._labels,
            "delete": self._delete,
            "forget-history": self._forget_history,
            "expire-tokens": self._expire_tokens,
            "revoke": self._revoke,
            "expire-watch": self._expire_watch,
            "replace-keys": self._replace_keys,
        }

    def routes(self) -> Sequence[BaseRoute]:
        return [Route("/simulator/api/gmail/{account}/{act}", self._do, methods=["POST"])]

    async def _do(self, request: Request) -> Response:
        account = self._kind.account(request.path_params["account"])
        act = self._acts.get(request.path_params["act"])
        if account is None or act is None:
            return JSONResponse({"error": "There is no such mailbox or act."}, status_code=404)
        body = await request.body()
        if len(body) > _BODY_LIMIT:
            return JSONResponse({"error": "That is more than 80 MB."}, status_code=413)
        try:
            return JSONResponse(await act(account, body or b"{}"))
        except _Wrong as wrong:
            return JSONResponse({"error": str(wrong)}, status_code=wrong.status)
        except msgspec.DecodeError as error:
            return JSONResponse({"error": str(error)}, status_code=400)

    async def _mails(self, account: GmailAccount, body: bytes) -> object:
        given = msgspec.json.decode(body, type=PostMails)
        ids = [self._mail(account, one) for one in given.mails]
        if given.push:
            await self._tell(account)
        return {"ids": ids}

    def _mail(self, account: GmailAccount, given: GivenMail) -> str:
        try:
            raw = base64.b64decode(given.raw, validate=True)
        except binascii.Error as error:
            raise _Wrong(400, "The mail is not base64.") from error
        at = given.at or now()
        sender = letters.read(raw).sender
        customer = self._customer(given.customer_id, sender)
        message = None
        if customer is not None and "SENT" not in given.labels:
            message = self._message(account, customer, letters.seen(raw)[0], at)
        mail = self._kind.keep(
            account,
            raw,
            labels=set(given.labels),
            at=at,
            thread_id=given.thread_id,
            message=message,
        )
        if message is not None:
            self._kind.exchange.changed(message)
        return mail.id

    def _customer(self, customer_id: str | None, address: str) -> Customer | None:
        world = self._kind.exchange.world
        if customer_id is None:
            return world.find_by_email(address)
        customer = world.customers.get(customer_id)
        if customer is None or not customer.email:
            raise _Wrong(404, "There is no such customer with a mail address.")
        return customer

    def _message(
        self, account: GmailAccount, customer: Customer, text: str, at: datetime
    ) -> Message:
        return Message(
            id=self._kind.new_id(customer, outbound=False, media=False),
            kind=self._kind.name,
            account=account.account,
            customer_id=customer.id,
            direction="inbound",
            at=at,
            status=self._kind.untold,
            text=text,
        )

    async def _seed(self, account: GmailAccount, body: bytes) -> object:
        given = msgspec.json.decode(body, type=PostSeed)
        customer = self._customer(given.customer_id, "")
        if customer is None:
            raise _Wrong(404, "There is no such customer.")
        step = timedelta(days=given.days) / max(given.count, 1)
        begin = now() - timedelta(days=given.days)
        ids = []
        for number in range(given.count):
            at = begin + step * number
            message = self._message(account, customer, f"Letter number {number + 1}.", at)
            raw = letters.write(
                sender=(customer.name, customer.email),
                to=account.account,
                subject=f"Question {number + 1}",
                text=message.text,
                at=at,
            )
            self._kind.keep(account, raw, labels={"INBOX", "UNREAD"}, at=at, message=message)
            self._kind.exchange.world.put_message(message)
            ids.append(message.id)
        self._kind.exchange.broadcast.publish("resync")
        return {"ids": ids}

    async def _tell(self, account: GmailAccount) -> object:
        pack = self._kind.pack_push(account)
        if pack is None:
            return {"status": None}
        attempt = await self._kind.exchange.courier.deliver(account, pack, self._kind.manner)
        return {"status": attempt.delivery.status}

    async def _push(self, account: GmailAccount, body: bytes) -> object:
        given = msgspec.json.decode(body, type=PostPush)
        if given.history_id is None:
            self._kind.box(account).pushed_at = None
            return await self._tell(account)
        pack = packing(
            self._kind.signer,
            url=account.webhook_url,
            audience=account.audience or account.webhook_url,
            service_account=account.service_account,
            address=account.account,
            history_id=given.history_id,
        )
        attempt = await self._kind.exchange.courier.deliver(account, pack, self._kind.manner)
        return {"status": attempt.delivery.status}

    async def _labels(self, account: GmailAccount, body: bytes) -> object:
        given = msgspec.json.decode(body, type=PostLabels)
        box = self._kind.box(account)
        mail = box.mails.get(given.id)
        if mail is None:
            raise _Wrong(404, "There is no such mail.")
        box.relabel(mail, given.add, given.remove)
        self._kind.relabelled(mail)
        return {"labels": sorted(mail.labels)}

    async def _delete(self, account: GmailAccount, body: bytes) -> object:
        box = self._kind.box(account)
        mail = box.mails.get(msgspec.json.decode(body, type=PostDelete).id)
        if mail is None:
            raise _Wrong(404, "There is no such mail.")
        box.delete(mail)
        return {}

    async def _forget_history(self, account: GmailAccount, body: bytes) -> object:
        self._kind.box(account).forget_history()
        return {}

    async def _expire_tokens(self, account: GmailAccount, body: bytes) -> object:
        self._kind.google.expire(account.account)
        return {}

    async def _revoke(self, account: GmailAccount, body: bytes) -> object:
        self._kind.google.revoke(account.account)
        return {}

    async def _expire_watch(self, account: GmailAccount, body: bytes) -> object:
        self._kind.box(account).watched_until = None
        return {}

    async def _replace_keys(self, account: GmailAccount, body: bytes) -> object:
        return {"kid": self._kind.signer.replace()}
