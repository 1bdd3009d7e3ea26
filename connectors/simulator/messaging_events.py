"""The webhooks of the Messenger Platform, which Messenger and Instagram share: what happened, as an
event in an envelope, signed with the app secret.
"""

from __future__ import annotations

import secrets
import time
from abc import abstractmethod
from datetime import datetime
from typing import ClassVar, TypeVar

from connectors.simulator.changes import Change
from connectors.simulator.courier import Manner, Pack, Webhook
from connectors.simulator.kind import Kind
from connectors.simulator.meta import Json, encode, sign
from connectors.simulator.pictures import draw
from connectors.simulator.world import Account, Customer, Media, Message, now

_CDN_S = 24 * 3600


class MessagingAccount(Account, frozen=True, kw_only=True):
    """app_id       our own app, in echoes of what it sent
    human_agent  true or `yes`: a person may answer for seven days
    fields       what the app has subscribed to; None: everything
    """

    access_token: str
    app_secret: str
    verify_token: str
    app_id: str = "500000000000001"
    human_agent: bool | str = False
    fields: tuple[str, ...] | None = None

    @property
    def may_use_human_agent(self) -> bool:
        return self.human_agent in (True, "yes")


A = TypeVar("A", bound=MessagingAccount)


class MessagingEvents(Kind[A]):
    """object_name   the envelope's `object`
    reactions     the provider's names of a reaction; any other emoji is `other`
    *_field       what the app subscribes to for such an event
    """

    signing_field: ClassVar = "app_secret"
    # Meta tries a few times at once and goes on for an hour; what it drops then is dropped here.
    manner: ClassVar = Manner(any_failure=True, at_once=2, later=10)
    object_name: ClassVar[str]
    reactions: ClassVar[dict[str, str]]
    echo_field: ClassVar[str]
    edit_field: ClassVar[str]

    @abstractmethod
    def scoped_id(self, customer: Customer) -> str: ...

    @abstractmethod
    def meet(self, scoped_id: str) -> Customer | None:
        """Somebody whom the inbox knows and we do not; None: nobody is there."""

    @abstractmethod
    def pack_receipt(
        self, account: A, customer: Customer, message: Message, status: str
    ) -> Pack | None:
        """The webhook that says that a message was delivered or read."""

    @abstractmethod
    def sticker(self, message: Message) -> Json:
        """A sticker of the customer, as an attachment."""

    def pack_message(self, account: A, customer: Customer, message: Message) -> Pack | None:
        details = message.details
        if "postback" in details:
            postback = {
                "mid": message.id,
                "title": message.text,
                "payload": details["postback"],
            }
            event = self.event(account, customer, message.at, {"postback": postback})
            return self.packing(account, "messaging_postbacks", event)
        content = self._content(message)
        if "quick_reply" in details:
            content["quick_reply"] = {"payload": details["quick_reply"]}
        event = self.event(account, customer, message.at, {"message": content})
        return self.packing(account, "messages", event)

    def pack_change(
        self, account: A, customer: Customer, message: Message, change: Change
    ) -> Pack | None:
        match change.event:
            case "react" | "unreact":
                field, content = "message_reactions", {"reaction": self.reaction(message, change)}
            case "edit":
                edit = {"mid": message.id, "text": change.text, "num_edit": message.edits}
                field, content = self.edit_field, {"message_edit": edit}
            case "unsend":
                field = "messages"
                content = {"message": {"mid": message.id, "is_deleted": True}}
        return self.packing(account, field, self.event(account, customer, now(), content))

    def reaction(self, message: Message, change: Change) -> Json:
        name = self.reactions.get(change.emoji.rstrip("\ufe0f"), "other")
        return {
            "mid": message.id,
            "action": change.event,
            "reaction": name,
            "emoji": change.emoji,
        }

    def pack_status(
        self, account: A, customer: Customer | None, message: Message, status: str
    ) -> Pack | None:
        if customer is None:
            return None
        if status != "echo":
            return self.pack_receipt(account, customer, message, status)
        content = self._content(message) | {"is_echo": True} | self.echo_marks(account, message)
        if message.callback_data is not None:
            content["metadata"] = message.callback_data
        event = {
            "sender": {"id": account.account},
            "recipient": {"id": self.scoped_id(customer)},
            "timestamp": milliseconds(message.at),
            "message": content,
        }
        return self.packing(account, self.echo_field, event)

    def echo_marks(self, account: A, message: Message) -> Json:
        """What an echo says of who wrote it."""
        return {}

    def steps(self, message: Message, *, open_phone: bool) -> tuple[str, ...]:
        if message.failure is not None:
            return ()  # nothing tells of it
        # What was written in the provider's own app has been told already.
        echo = () if message.details.get("by") == "app" else ("echo",)
        return (*echo, "delivered", "read") if open_phone else (*echo, "delivered")

    def packing(self, account: A, field: str, event: Json) -> Pack | None:
        """None when the app has not subscribed to the field."""
        if account.fields is not None and field not in account.fields:
            return None
        return lambda: self._pack(account, event)

    def _pack(self, account: A, event: Json) -> Webhook:
        entry = {"id": account.account, "time": milliseconds(now()), "messaging": [event]}
        body = encode({"object": self.object_name, "entry": [entry]})
        return sign(account.webhook_url, account.app_secret, body)

    def event(self, account: A, customer: Customer, at: datetime | None, content: Json) -> Json:
        """An event on the customer's side; `at` None: it has no time of its own."""
        event: Json = {
            "sender": {"id": self.scoped_id(customer)},
            "recipient": {"id": account.account},
            **content,
        }
        if at is not None:
            event["timestamp"] = milliseconds(at)
        return event

    def _content(self, message: Message) -> Json:
        content: Json = {"mid": message.id}
        story = message.details.get("story")
        if message.text and "sticker" not in message.details:
            content["text"] = message.text
        attachments = [] if story == "reply" else self._attachments(message, story)
        if attachments:
            content["attachments"] = attachments
        if message.details.get("type") in ("template", "like_heart", "MEDIA_SHARE"):
            content.pop("text", None)
            content["attachments"] = [{"type": message.details["type"], "payload": {}}]
        if story == "reply":
            content["reply_to"] = {"story": self._story(message)}
        elif message.reply_to is not None:
            content["reply_to"] = self.quoted(message, message.reply_to)
        return content

    def quoted(self, message: Message, mid: str) -> Json:
        return {"mid": mid}

    def _attachments(self, message: Message, story: str | None) -> list[Json]:
        if "sticker" in message.details:
            return [self.sticker(message)]
        return [
            {
                "type": "story_mention" if story == "mention" else _type_of(media.mime),
                "payload": {"url": self.cdn_url(media)},
            }
            for media in message.media
        ]

    def _story(self, message: Message) -> Json:
        story: Json = {"id": message.details["story_id"]}
        if message.media:
            story["url"] = self.cdn_url(message.media[0])
        return story

    def cdn_url(self, media: Media) -> str:
        """Signed, for a day, and open to whoever has it."""
        expires = int(time.time()) + _CDN_S
        base = f"{self.exchange.base_url}/{self.name}_cdn/{media.id}"
        return f"{base}?oe={expires:X}&oh={media.sha256[:24]}"

    def portrait_url(self, account: A, customer: Customer) -> str | None:
        """A new address at each question, as Meta's run out."""
        if not customer.picture:
            return None
        world = self.exchange.world
        content = draw("kettle")
        return self.cdn_url(world.put_media(self.new_media_id(), account, content, "image/png"))

    def new_media_id(self) -> str:
        return str(10**15 + secrets.randbelow(9 * 10**15))


def milliseconds(at: datetime) -> int:
    return int(at.timestamp() * 1000)


def _type_of(mime: str) -> str:
    first = mime.partition("/")[0]
    return first if first in ("image", "audio", "video") else "file"
