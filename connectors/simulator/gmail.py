"""Google's side of mail: what happens to a mailbox, and what it tells of it.

The API that the inbox calls is in gmail_api.py, the sign-in in google_accounts.py. Left out on
purpose: drafts, batch calls, media upload, settings but sendAs, labels of one's own.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import ClassVar

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute

from connectors.simulator import gmail_letters as letters
from connectors.simulator import gmail_shapes as shapes
from connectors.simulator.courier import Manner, Pack
from connectors.simulator.gmail_account import GmailAccount
from connectors.simulator.gmail_api import Api
from connectors.simulator.gmail_control import MailboxControl
from connectors.simulator.gmail_mailbox import Mail, Mailbox
from connectors.simulator.gmail_push import Signer, packing
from connectors.simulator.google_accounts import GoogleAccounts
from connectors.simulator.kind import Act, Kind
from connectors.simulator.world import Account, Customer, Message, now

RAW = "message/rfc822"


class Gmail(Kind[GmailAccount]):
    name: ClassVar = "gmail"
    label: ClassVar = "Gmail"
    provider: ClassVar = "Google"
    reports_reading: ClassVar = False
    signing_field: ClassVar = "client_secret"
    manner: ClassVar = Manner(any_failure=True, acks=frozenset({102, 200, 201, 202, 204}), later=6)
    allows: ClassVar[frozenset[Act]] = frozenset({"mail", "reply_to"})
    untold: ClassVar = "waiting"
    failures: ClassVar = {550: "The email account does not exist"}

    @property
    def account_type(self) -> type[GmailAccount]:
        return GmailAccount

    def address(self, account: GmailAccount) -> str:
        return account.account

    def reaches(self, customer: Customer) -> bool:
        return bool(customer.email)

    def handle(self, customer: Customer) -> str:
        return customer.email

    def new_id(self, customer: Customer | None, *, outbound: bool, media: bool) -> str:
        return "19" + secrets.token_hex(7)

    def new_media_id(self) -> str:
        return "gm" + secrets.token_hex(16)

    def routes(self) -> Sequence[BaseRoute]:
        self.google = GoogleAccounts(self)
        self.signer = Signer()
        self._boxes: dict[str, Mailbox] = {}
        return [*Api(self).routes(), *MailboxControl(self).routes()]

    def account_at(self, request: Request) -> GmailAccount | None:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        access = self.google.access(token) if scheme == "Bearer" else None
        return self.account(access.address) if access is not None else None

    def error(self, status: int, code: int | None, text: str | None = None) -> Response:
        """`text` is Google's `reason`."""
        return JSONResponse(shapes.error(status, text), status_code=status)

    def forget(self) -> None:
        self.google.forget()
        self._boxes.clear()

    # accounts

    def accounts(self) -> Iterator[GmailAccount]:
        known = list(self.exchange.world.accounts.values())
        return (account for account in known if isinstance(account, GmailAccount))

    def account(self, address: str) -> GmailAccount | None:
        return next((a for a in self.accounts() if a.account.lower() == address.lower()), None)

    def met(self, address: str, client_id: str, client_secret: str) -> None:
        """Somebody signed in with a mailbox that nobody has registered: there it is."""
        if self.account(address) is None:
            account = GmailAccount(
                kind=self.name,
                account=address,
                name=address.partition("@")[0],
                webhook_url="",
                client_id=client_id,
                client_secret=client_secret,
            )
            self.exchange.world.put_account(account)

    # mails

    def box(self, account: Account) -> Mailbox:
        """With what the archive still has of it after a restart."""
        box = self._boxes.get(account.account)
        if box is None:
            box = self._boxes[account.account] = Mailbox()
            kept = [
                _mail(message)
                for message in self.exchange.world.messages_of(self.name, account.account)
                if "history_id" in message.details
            ]
            for mail in sorted(kept, key=lambda mail: mail.history_id):
                box.restore(mail)
        return box

    def raw(self, mail: Mail) -> bytes:
        return self.exchange.world.read_media(mail.media_id)

    def keep(
        self,
        account: GmailAccount,
        raw: bytes,
        *,
        labels: set[str],
        at: datetime,
        thread_id: str | None = None,
        message: Message | None = None,
        mail_id: str | None = None,
    ) -> Mail:
        """Put a mail into the mailbox; `message` is what a customer sees of it."""
        heads = letters.read(raw)
        box = self.box(account)
        id_ = mail_id or (message.id if message is not None else None)
        id_ = id_ or self.new_id(None, outbound=False, media=False)
        media = self.exchange.world.put_media(self.new_media_id(), account, raw, RAW, f"{id_}.eml")
        thread_id = thread_id or box.thread_for(heads.mail_id, heads.references, heads.subject)
        mail = Mail(
            id=id_,
            thread_id=thread_id or id_,
            labels=set(labels),
            at=at,
            media_id=media.id,
            mail_id=heads.mail_id,
            references=heads.references,
            subject=heads.subject,
            size=len(raw),
            message_id=message.id if message is not None else "",
        )
        box.add(mail)
        if message is not None:
            message.media.append(media)
            self.note(mail, message)
        return mail

    def note(self, mail: Mail, message: Message) -> None:
        """Keep with the message what the mailbox needs to know of it after a restart."""
        message.details |= {
            "thread_id": mail.thread_id,
            "labels": " ".join(sorted(mail.labels)),
            "history_id": str(mail.history_id),
            "raw": mail.media_id,
            "mail_id": mail.mail_id,
            "references": " ".join(mail.references),
            "subject": mail.subject,
            "size": str(mail.size),
        }

    def relabelled(self, mail: Mail) -> None:
        message = self.exchange.world.find_message(mail.message_id)
        if message is not None:
            self.note(mail, message)
            self.exchange.changed(message)

    def arrive(self, account: GmailAccount, customer: Customer, message: Message) -> None:
        """What was written on the phone becomes a mail, unless it is one already."""
        if "raw" in message.details:
            return
        answered = self._answered(account, customer, message)
        names = message.details.get("files", "").split("\n")
        images = [media for media in message.media if media.mime != RAW]
        names = [""] * (len(images) - len(names)) + names
        files = tuple(
            letters.File(
                name=name or media.name,
                mime=media.mime,
                content=self.exchange.world.read_media(media.id),
            )
            for media, name in zip(images, names, strict=False)
        )
        inbound = message.direction == "inbound"
        shop = (account.name, account.account)
        raw = letters.write(
            sender=(customer.name, customer.email) if inbound else shop,
            to=account.account if inbound else customer.email,
            cc=message.details.get("cc", ""),
            subject=message.details.get("subject", "") or ("" if answered else "(no subject)"),
            text=message.text,
            html=message.details.get("html", ""),
            files=files,
            answered=answered,
            at=message.at,
        )
        labels = {"INBOX", "UNREAD"} if inbound else {"SENT"}
        self.keep(account, raw, labels=labels, at=message.at, message=message)

    def _answered(
        self, account: GmailAccount, customer: Customer, message: Message
    ) -> letters.Answered | None:
        """The mail that this one answers: the named one; without a subject, the last one."""
        world = self.exchange.world
        target = world.find_message(message.reply_to or "")
        if target is None and not message.details.get("subject"):
            earlier = world.messages((self.name, account.account, customer.id))
            target = next((m for m in reversed(earlier) if m.id != message.id), None)
        if target is None or "mail_id" not in target.details:
            return None
        message.reply_to = target.id
        return letters.Answered(
            mail_id=target.details["mail_id"],
            references=tuple(target.details.get("references", "").split()),
            subject=target.details["subject"],
            text=target.text,
            author=customer.name if target.direction == "inbound" else account.name,
            at=target.at,
        )

    def fetched(self, mail: Mail) -> None:
        """The inbox has it now."""
        message = self.exchange.world.find_message(mail.message_id)
        if message is not None and message.direction == "inbound" and message.status != "delivered":
            message.status = "delivered"
            self.exchange.changed(message)

    # pushes

    def pack_push(self, account: GmailAccount) -> Pack | None:
        """None where nobody is told: there is no watch, or it was told of the mailbox just now."""
        box = self.box(account)
        if not account.webhook_url or box.watched_until is None or box.watched_until < now():
            return None
        if not box.may_push(time.monotonic(), account.push_every_s):
            return None
        return packing(
            self.signer,
            url=account.webhook_url,
            audience=account.audience or account.webhook_url,
            service_account=account.service_account,
            address=account.account,
            history_id=box.history_id,
        )

    def pack_message(
        self, account: GmailAccount, customer: Customer, message: Message
    ) -> Pack | None:
        return self.pack_push(account)

    def pack_status(
        self, account: GmailAccount, customer: Customer | None, message: Message, status: str
    ) -> Pack | None:
        """Nobody reports on a mail; one that could not be delivered comes back as another mail."""
        if status != "failed" or "raw" not in message.details:
            return None
        original = self.exchange.world.read_media(message.details["raw"])
        recipient = next(iter(letters.read(original).to), "nobody@example.com")
        raw = letters.bounce(account.account, recipient, original, now())
        self.keep(account, raw, labels={"INBOX", "UNREAD"}, at=now())
        return self.pack_push(account)

    def steps(self, message: Message, *, open_phone: bool) -> tuple[str, ...]:
        return ("delivered",) if message.failure is None else ("failed",)


def _mail(message: Message) -> Mail:
    details = message.details
    return Mail(
        id=message.id,
        thread_id=details["thread_id"],
        labels=set(details["labels"].split()),
        at=message.at,
        media_id=details["raw"],
        mail_id=details["mail_id"],
        references=tuple(details["references"].split()),
        subject=details["subject"],
        size=int(details["size"]),
        message_id=message.id,
        history_id=int(details["history_id"]),
    )
