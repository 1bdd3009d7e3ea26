"""Meta's side of Messenger: what is its own beside `messaging.py`."""

from __future__ import annotations

import secrets
from typing import ClassVar

from connectors.simulator.courier import Pack
from connectors.simulator.graph import Refused
from connectors.simulator.kind import Act
from connectors.simulator.messaging import Messaging
from connectors.simulator.messaging_content import MB
from connectors.simulator.messaging_events import MessagingAccount, milliseconds
from connectors.simulator.meta import Json
from connectors.simulator.world import Customer, Message, now

_TEXT_LIMIT = 2000
_PAGE_INBOX = 26390203743090
_THIRTY_DAYS_MS = 30 * 24 * 3600 * 1000


class MessengerAccount(MessagingAccount, frozen=True, kw_only=True):
    """`account` is the Page's id. `delivery_mids`: deliveries name their messages; otherwise only
    the watermark tells, as Meta sometimes leaves it."""

    delivery_mids: bool = True


class Messenger(Messaging[MessengerAccount]):
    name: ClassVar = "messenger"
    label: ClassVar = "Messenger"
    object_name: ClassVar = "page"
    allows: ClassVar[frozenset[Act]] = frozenset(
        (
            *("reply_to", "reaction", "edit", "postback", "quick_reply", "sticker"),
            *("optin", "echo"),
        )
    )
    window_subcode: ClassVar = 2018278
    unknown_subcode: ClassVar = 2018001
    echo_field: ClassVar = "message_echoes"
    edit_field: ClassVar = "message_edits"
    media_rules: ClassVar = {
        "image": (frozenset(("image/png", "image/jpeg", "image/gif", "image/webp")), 8 * MB),
        "audio": (frozenset[str](), 25 * MB),
        "video": (frozenset[str](), 25 * MB),
        "file": (frozenset[str](), 25 * MB),
    }
    reactions: ClassVar = {
        "❤": "love",
        "😍": "love",
        "😆": "smile",
        "😮": "wow",
        "😢": "sad",
        "😠": "angry",
        "👍": "like",
        "👎": "dislike",
    }
    subscribable: ClassVar = (
        *("messages", "messaging_postbacks", "message_deliveries", "message_reads"),
        *("message_echoes", "message_edits", "message_reactions", "messaging_optins"),
        *("messaging_referrals", "messaging_handovers", "standby", "feed"),
    )

    @property
    def account_type(self) -> type[MessengerAccount]:
        return MessengerAccount

    def address(self, account: MessengerAccount) -> str:
        return account.name

    def meet(self, scoped_id: str) -> Customer | None:
        return self.exchange.world.meet(psid=scoped_id)

    def scoped_id(self, customer: Customer) -> str:
        return customer.psid

    def handle(self, customer: Customer) -> str:
        return "on Facebook"  # people see a name there, and no address

    def new_id(self, customer: Customer | None, *, outbound: bool, media: bool) -> str:
        return "m_" + secrets.token_urlsafe(66)

    # what the inbox calls

    def page(self, account: MessengerAccount, node: str) -> Json:
        return {"id": account.account, "name": account.name}

    def profile(self, account: MessengerAccount, customer: Customer) -> Json:
        first, _, last = customer.name.partition(" ")
        told = {"name": customer.name, "first_name": first, "last_name": last}
        picture = self.portrait_url(account, customer)
        return told if picture is None else told | {"profile_pic": picture}

    def check_type(self, body: Json) -> None:
        if body.get("messaging_type") not in ("RESPONSE", "UPDATE", "MESSAGE_TAG"):
            raise Refused(100, "Param messaging_type must be RESPONSE, UPDATE or MESSAGE_TAG")

    def check_text(self, text: str) -> None:
        if len(text) > _TEXT_LIMIT:
            raise Refused(100, "Length of param message[text] must be at most 2000")

    # what Meta calls

    def echo_marks(self, account: MessengerAccount, message: Message) -> Json:
        by_app = message.details.get("by") == "app"
        return {"app_id": _PAGE_INBOX if by_app else int(account.app_id)}

    def sticker(self, message: Message) -> Json:
        payload: Json = {"sticker_id": int(message.details["sticker"])}
        payload["url"] = self.cdn_url(message.media[0])
        return {"type": "sticker", "payload": payload}

    def quoted(self, message: Message, mid: str) -> Json:
        target = self.exchange.world.find_message(mid)
        own = target is not None and target.direction == message.direction
        return {"mid": mid, "is_self_reply": own}

    def pack_receipt(
        self, account: MessengerAccount, customer: Customer, message: Message, status: str
    ) -> Pack | None:
        at = now()
        if status == "read":
            event = self.event(account, customer, at, {"read": {"watermark": milliseconds(at)}})
            return self.packing(account, "message_reads", event)
        delivery: Json = {"watermark": milliseconds(at)}
        if account.delivery_mids:
            delivery["mids"] = [message.id]
        # These have no time of their own.
        event = self.event(account, customer, None, {"delivery": delivery})
        return self.packing(account, "message_deliveries", event)

    def pack_optin(
        self,
        account: MessengerAccount,
        customer: Customer,
        title: str,
        payload: str,
        *,
        stopped: bool,
    ) -> Pack | None:
        at = now()
        optin: Json = {
            "type": "notification_messages",
            "title": title,
            "payload": payload,
            "notification_messages_token": secrets.token_hex(16),
            "notification_messages_timezone": "Europe/London",
            "token_expiry_timestamp": milliseconds(at) + _THIRTY_DAYS_MS,
            "user_token_status": "NOT_REFRESHED",
        }
        if stopped:
            optin["notification_messages_status"] = "STOP NOTIFICATIONS"
        event = self.event(account, customer, at, {"optin": optin})
        return self.packing(account, "messaging_optins", event)
