"""What the control API takes and gives."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Literal

import msgspec

from connectors.simulator.kind import Act
from connectors.simulator.world import Behaviour, Delivery, Direction, Message, ThreadKey


class Wrong(Exception):
    """The request cannot be done; the message says why."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class PutCustomer(msgspec.Struct, kw_only=True):
    name: str
    phone: str = ""
    username: str | None = None
    bsuid: str = ""
    psid: str = ""
    igsid: str = ""
    email: str = ""
    picture: bool = False
    behaviour: Behaviour = Behaviour()


class ReactionTo(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """`emoji` None takes it back."""

    to: str
    emoji: str | None


class EditOf(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    of: str
    text: str


class Postback(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    title: str
    payload: str


class Location(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    latitude: float
    longitude: float
    name: str = ""
    address: str = ""


class OptIn(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Of marketing messages on one topic; `stopped` ends it."""

    title: str
    payload: str
    stopped: bool = False


class MailFile(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """`content` in base64."""

    name: str
    mime: str
    content: str


class PostMessage(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    customer_id: str
    text: str = ""
    image: str | None = None
    upload: str | None = None
    at: datetime | None = None
    reply_to: str | None = None
    quick_reply: str | None = None
    sticker: bool = False
    postback: Postback | None = None
    story: Literal["reply", "mention"] | None = None
    location: Location | None = None
    reaction: ReactionTo | None = None
    edit: EditOf | None = None
    unsend: str | None = None
    optin: OptIn | None = None
    subject: str | None = None
    cc: list[str] = []
    html: str | None = None
    files: list[MailFile] = []

    def acts(self) -> Iterator[Act]:
        """What it asks for beside a text and a picture."""
        given: dict[Act, object] = {
            "reply_to": self.reply_to,
            "quick_reply": self.quick_reply,
            "sticker": self.sticker or None,
            "postback": self.postback,
            "story": self.story,
            "location": self.location,
            "reaction": self.reaction,
            "edit": self.edit,
            "unsend": self.unsend,
            "optin": self.optin,
            "mail": self.subject or self.cc or self.html or self.files or None,
        }
        return (act for act, value in given.items() if value is not None)


class PostEcho(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    customer_id: str
    text: str


class PastMessage(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    direction: Direction
    at: datetime
    text: str = ""
    image: str | None = None
    status: str | None = None
    provider_id: str | None = None
    reply_to: str | None = None
    reactions: dict[Literal["customer", "shop"], str] = {}
    edits: int = 0
    unsent: bool = False
    story: Literal["reply", "mention"] | None = None
    subject: str | None = None


class PostHistory(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    kind: str
    account: str
    customer_id: str
    messages: list[PastMessage]


class PutPage(msgspec.Struct, kw_only=True):
    open: list[ThreadKey]


class Written(msgspec.Struct, kw_only=True):
    provider_id: str
    status: str
    deliveries: list[Delivery]


class ShownAccount(msgspec.Struct, kw_only=True):
    """An account as a page may know it."""

    kind: str
    account: str
    name: str
    label: str
    provider: str
    address: str
    reports_reading: bool
    network_stop: bool
    allows: list[Act]


class ShownThread(msgspec.Struct, kw_only=True):
    customer_id: str
    name: str
    handle: str
    blocked: bool
    last: Message | None
