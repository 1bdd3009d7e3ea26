"""What the simulated providers know: accounts, customers, and the threads on customers' phones.

All of it is in memory; each change is also appended to the archive, so that the phones still show
their threads after a restart. What is on its way (retries, statuses to come, delayed answers) is
not kept: a restart forgets it, as a provider's outage would.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import msgspec

from connectors.simulator import handles
from connectors.simulator.archive import Archive

THREAD_LIMIT = 2_000
"""Messages kept of one thread; the oldest go first."""

Direction = Literal["inbound", "outbound", "network"]
"""As the inbox sees it: the customer wrote, the inbox did, or the carrier (an answer to STOP)."""

ThreadKey = tuple[str, str, str]


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """Our side at a provider; each kind adds its credentials.

    account         the provider's id of it: phone_number_id, a number
    status_delay_s  between taking a message, saying `sent`, and saying `delivered`
    timeout_s       how long a webhook may take
    retry_first_s   the first wait before a failed webhook comes again, where the provider repeats
    """

    kind: str
    account: str
    name: str
    webhook_url: str
    status_delay_s: float = 0.15
    timeout_s: float = 15.0
    retry_first_s: float = 1.0


class Behaviour(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """reads        sends read receipts, `read_delay_s` after delivery or when the phone is open
    auto_reply   answers with these, one to each message of the inbox, until none is left
    """

    reads: bool = True
    read_delay_s: float = 2.0
    auto_reply: tuple[str, ...] = ()
    auto_reply_delay_s: float = 4.0


class Customer(msgspec.Struct, frozen=True, kw_only=True):
    """phone          E.164, empty for one who hides it behind a user name (WhatsApp)
    email          empty for one who writes no mail
    psid, igsid    made from the id when not given
    picture        they have a profile picture
    met            known only because the inbox wrote to them: nobody here knows when they wrote
    """

    id: str
    name: str
    phone: str = ""
    username: str | None = None
    bsuid: str = ""
    psid: str = ""
    igsid: str = ""
    email: str = ""
    picture: bool = False
    met: bool = False
    behaviour: Behaviour = Behaviour()

    def __post_init__(self) -> None:
        msgspec.structs.force_setattr(self, "psid", self.psid or handles.psid(self.id))
        msgspec.structs.force_setattr(self, "igsid", self.igsid or handles.igsid(self.id))


class Media(msgspec.Struct, frozen=True, kw_only=True):
    """A file; `sha256` is hex. `account` is who may fetch it."""

    id: str
    kind: str
    account: str
    mime: str
    name: str
    size_bytes: int
    sha256: str


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt at a webhook: its HTTP status, or what went wrong before there was one."""

    at: datetime
    ms: int
    status: int | None = None
    error: str | None = None


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    code: int
    title: str


class Message(msgspec.Struct, kw_only=True):
    """status      inbound: `sending`, `past`, or how the webhook fared: `delivered`, `refused`,
                `unreached`;
                outbound: the provider's own word; network: `delivered`
    seen       the inbox told the provider that it was read
    reactions  an emoji each of `customer` and `shop`
    edits      how often the customer has changed the text
    unsent     the customer took it back: text and files are gone
    details    what only the kind knows (segments, callback address …)
    """

    id: str
    kind: str
    account: str
    customer_id: str
    direction: Direction
    at: datetime
    status: str
    text: str = ""
    media: list[Media] = []
    status_at: dict[str, datetime] = {}
    failure: Failure | None = None
    seen: bool = False
    reply_to: str | None = None
    callback_data: str | None = None
    deliveries: list[Delivery] = []
    reactions: dict[str, str] = {}
    edits: int = 0
    unsent: bool = False
    details: dict[str, str] = {}

    @property
    def key(self) -> ThreadKey:
        return (self.kind, self.account, self.customer_id)


class Thread(msgspec.Struct, kw_only=True):
    """blocked     the provider refuses to send here since the customer wrote STOP
    reacted_at  the customer's last reaction, which opens a window with some providers
    """

    kind: str
    account: str
    customer_id: str
    blocked: bool = False
    reacted_at: datetime | None = None


class World:
    def __init__(self, path: Path | None, account_types: Mapping[str, type[Account]]) -> None:
        self._account_types = account_types
        self._archive = Archive(path)
        self._media_dir = path.with_name(path.name + ".media") if path else None
        self._contents: dict[str, bytes] = {}
        self.accounts: dict[tuple[str, str], Account] = {}
        self.customers: dict[str, Customer] = {}
        self.media: dict[str, Media] = {}
        self.threads: dict[ThreadKey, Thread] = {}
        self._messages: dict[ThreadKey, dict[str, Message]] = {}
        self._by_id: dict[str, Message] = {}
        self._by_phone: dict[str, str] = {}
        self._by_email: dict[str, str] = {}
        self._by_bsuid: dict[str, str] = {}
        self._by_scoped_id: dict[str, str] = {}

    def open(self) -> None:
        """Read the archive back and write it anew, without what was superseded since."""
        if self._media_dir is not None:
            self._media_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        for tag, value in self._archive.load():
            self._restore(tag, value)
        self._drop_orphaned_files()
        self._archive.rewrite(self._records())

    def close(self) -> None:
        self._archive.close()

    def forget(self) -> None:
        for known in (self.accounts, self.customers, self.threads, self._messages, self._by_id):
            known.clear()
        self._by_phone.clear()
        self._by_email.clear()
        self._by_bsuid.clear()
        self._by_scoped_id.clear()
        self._contents.clear()
        self._drop_orphaned_files()
        self._archive.rewrite(self._records())

    def _restore(self, tag: str, value: msgspec.Raw) -> None:
        match tag:
            case "account":
                kind = msgspec.json.decode(value, type=Account).kind
                account = msgspec.json.decode(value, type=self._account_types[kind])
                self.accounts[account.kind, account.account] = account
            case "customer":
                self._index(msgspec.json.decode(value, type=Customer))
            case "media":
                media = msgspec.json.decode(value, type=Media)
                self.media[media.id] = media
            case "thread":
                thread = msgspec.json.decode(value, type=Thread)
                self.threads[thread.kind, thread.account, thread.customer_id] = thread
            case "message":
                self._place(msgspec.json.decode(value, type=Message))

    def _records(self) -> Iterator[tuple[str, msgspec.Struct]]:
        yield from (("account", account) for account in self.accounts.values())
        yield from (("customer", customer) for customer in self.customers.values())
        yield from (("media", media) for media in self.media.values())
        yield from (("thread", thread) for thread in self.threads.values())
        for thread in self._messages.values():
            yield from (("message", message) for message in thread.values())

    def _drop_orphaned_files(self) -> None:
        """Files whose message fell out of its thread, and uploads that were never sent."""
        used = {media.id for message in self._by_id.values() for media in message.media}
        for media_id in [known for known in self.media if known not in used]:
            del self.media[media_id]
            if self._media_dir is not None:
                (self._media_dir / media_id).unlink(missing_ok=True)

    def _save(self, tag: str, value: msgspec.Struct) -> None:
        self._archive.append(tag, value)
        if self._archive.appended > max(20_000, 8 * len(self._by_id)):
            self._archive.rewrite(self._records())

    # accounts and customers

    def put_account(self, account: Account) -> None:
        self.accounts[account.kind, account.account] = account
        self._save("account", account)

    def put_customer(self, customer: Customer) -> None:
        before = self.customers.get(customer.id)
        if before is not None:
            self._by_phone.pop(digits(before.phone), None)
            self._by_email.pop(before.email.lower(), None)
            self._by_bsuid.pop(before.bsuid, None)
            self._by_scoped_id.pop(before.psid, None)
            self._by_scoped_id.pop(before.igsid, None)
        self._index(customer)
        self._save("customer", customer)

    def _index(self, customer: Customer) -> None:
        self.customers[customer.id] = customer
        self._by_bsuid[customer.bsuid] = customer.id
        self._by_scoped_id[customer.psid] = customer.id
        self._by_scoped_id[customer.igsid] = customer.id
        if customer.phone:
            self._by_phone[digits(customer.phone)] = customer.id
        if customer.email:
            self._by_email[customer.email.lower()] = customer.id

    def find_by_phone(self, phone: str) -> Customer | None:
        return self.customers.get(self._by_phone.get(digits(phone), ""))

    def find_by_email(self, email: str) -> Customer | None:
        return self.customers.get(self._by_email.get(email.lower(), ""))

    def find_by_bsuid(self, bsuid: str) -> Customer | None:
        return self.customers.get(self._by_bsuid.get(bsuid, ""))

    def meet(
        self,
        *,
        phone: str = "",
        bsuid: str = "",
        psid: str = "",
        igsid: str = "",
        email: str = "",
    ) -> Customer | None:
        """Somebody whom we are asked to reach and do not know yet: whoever signs webhooks of their
        own writes for such people. None for an id that ends with 0000: nobody is there."""
        given = digits(phone) or bsuid or psid or igsid or email
        if len(given) < 6 or given.partition("@")[0].endswith("0000"):
            return None
        customer = Customer(
            id=f"met-{given}",
            name=phone or given,
            phone=phone,
            bsuid=bsuid,
            psid=psid,
            igsid=igsid,
            email=email,
            met=True,
        )
        self.put_customer(customer)
        return customer

    def find_by_scoped_id(self, scoped_id: str) -> Customer | None:
        """By PSID or IGSID."""
        return self.customers.get(self._by_scoped_id.get(scoped_id, ""))

    # threads

    def thread(self, kind: str, account: str, customer_id: str) -> Thread:
        key = (kind, account, customer_id)
        if key not in self.threads:
            self.threads[key] = Thread(kind=kind, account=account, customer_id=customer_id)
        return self.threads[key]

    def block(self, thread: Thread, blocked: bool) -> None:
        thread.blocked = blocked
        self._save("thread", thread)

    def reacted(self, thread: Thread, at: datetime) -> None:
        thread.reacted_at = at
        self._save("thread", thread)

    def messages(self, key: ThreadKey) -> list[Message]:
        """Oldest first."""
        return sorted(self._messages.get(key, {}).values(), key=lambda m: m.at)

    def messages_of(self, kind: str, account: str) -> list[Message]:
        """Of every thread of one account, newest first."""
        found = [
            message
            for key, thread in self._messages.items()
            if key[:2] == (kind, account)
            for message in thread.values()
        ]
        return sorted(found, key=lambda m: m.at, reverse=True)

    def find_message(self, message_id: str) -> Message | None:
        return self._by_id.get(message_id)

    def put_message(self, message: Message) -> None:
        """Add it, or keep a change of it."""
        self._place(message)
        self._save("message", message)

    def _place(self, message: Message) -> None:
        thread = self._messages.setdefault(message.key, {})
        if message.id not in thread and len(thread) >= THREAD_LIMIT:
            dropped = thread.pop(next(iter(thread)))
            self._by_id.pop(dropped.id, None)
        thread[message.id] = message
        self._by_id[message.id] = message

    # files

    def put_media(
        self, media_id: str, account: Account, content: bytes, mime: str, name: str = ""
    ) -> Media:
        media = Media(
            id=media_id,
            kind=account.kind,
            account=account.account,
            mime=mime,
            name=name or f"{media_id}.{mime.rpartition('/')[2]}",
            size_bytes=len(content),
            sha256=hashlib.sha256(content).hexdigest(),
        )
        if self._media_dir is None:
            self._contents[media_id] = content
        else:
            (self._media_dir / media_id).write_bytes(content)
        self.media[media_id] = media
        self._save("media", media)
        return media

    def remove_media(self, media_id: str) -> None:
        """Forget a file; the archive drops its mention when it is read next."""
        self.media.pop(media_id, None)
        self._contents.pop(media_id, None)
        if self._media_dir is not None:
            (self._media_dir / media_id).unlink(missing_ok=True)

    def read_media(self, media_id: str) -> bytes:
        """raises   FileNotFoundError"""
        if self._media_dir is not None:
            return (self._media_dir / media_id).read_bytes()
        if media_id not in self._contents:
            raise FileNotFoundError(media_id)
        return self._contents[media_id]


def digits(phone: str) -> str:
    return "".join(character for character in phone if character.isdigit())


def now() -> datetime:
    return datetime.now(UTC)


def image_mime(content: bytes) -> str | None:
    """What kind of picture the bytes are, whatever anybody says; None: none that we show."""
    if content.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if content.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if content[:6] in (b"GIF87a", b"GIF89a"):
        return "image/gif"
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "image/webp"
    return None
