"""Meta's side of Instagram Direct, by Instagram login: what is its own beside `messaging.py`."""

from __future__ import annotations

import base64
import re
import secrets
from typing import ClassVar

from connectors.simulator import handles
from connectors.simulator.changes import Change
from connectors.simulator.courier import Pack
from connectors.simulator.graph import Refused
from connectors.simulator.kind import Act
from connectors.simulator.messaging import Messaging
from connectors.simulator.messaging_content import MB
from connectors.simulator.messaging_events import MessagingAccount
from connectors.simulator.meta import Json
from connectors.simulator.world import Customer, Message, now

_TEXT_BYTES = 1000


class InstagramAccount(MessagingAccount, frozen=True, kw_only=True):
    """`account` is the professional account's id, which webhooks and `user_id` of /me name; the
    `id` of /me is another one, the app's own for it."""

    username: str = ""


class Instagram(Messaging[InstagramAccount]):
    name: ClassVar = "instagram"
    label: ClassVar = "Instagram"
    object_name: ClassVar = "instagram"
    allows: ClassVar[frozenset[Act]] = frozenset(
        (
            *("reply_to", "reaction", "edit", "unsend", "postback", "quick_reply"),
            *("sticker", "story", "echo"),
        )
    )
    window_subcode: ClassVar = 2534022
    unknown_subcode: ClassVar = 2534014
    # There is no field of its own for echoes: they come with the messages.
    echo_field: ClassVar = "messages"
    edit_field: ClassVar = "message_edit"
    own_types: ClassVar = frozenset(("like_heart", "MEDIA_SHARE"))
    media_rules: ClassVar = {
        "image": (frozenset(("image/png", "image/jpeg", "image/gif")), 8 * MB),
        "audio": (
            frozenset(("audio/aac", "audio/mp4", "audio/x-m4a", "audio/wav", "audio/x-wav")),
            25 * MB,
        ),
        "video": (
            frozenset(
                ("video/mp4", "video/ogg", "video/x-msvideo", "video/quicktime", "video/webm")
            ),
            25 * MB,
        ),
        "file": (frozenset(("application/pdf",)), 25 * MB),
    }
    reactions: ClassVar = {
        "❤": "love",
        "😂": "laugh",
        "😆": "laugh",
        "😮": "wow",
        "😢": "sad",
        "😠": "angry",
        "👍": "like",
    }
    subscribable: ClassVar = (
        *("messages", "messaging_postbacks", "message_reactions", "messaging_seen"),
        *("message_edit", "messaging_referral", "comments", "live_comments", "mentions"),
    )

    @property
    def account_type(self) -> type[InstagramAccount]:
        return InstagramAccount

    def address(self, account: InstagramAccount) -> str:
        return f"@{_username(account.username or account.name)}"

    def meet(self, scoped_id: str) -> Customer | None:
        return self.exchange.world.meet(igsid=scoped_id)

    def scoped_id(self, customer: Customer) -> str:
        return customer.igsid

    def handle(self, customer: Customer) -> str:
        return f"@{customer.username or _username(customer.name)}"

    def new_id(self, customer: Customer | None, *, outbound: bool, media: bool) -> str:
        raw = b"ig_item:1:IGMessageID:" + secrets.token_hex(32).encode()
        return base64.urlsafe_b64encode(raw).decode()

    # what the inbox calls

    def page(self, account: InstagramAccount, node: str) -> Json:
        return {
            "id": handles.app_scoped(account.account) if node == "me" else node,
            "user_id": account.account,
            "name": account.name,
            "username": _username(account.username or account.name),
            "account_type": "BUSINESS",
        }

    def profile(self, account: InstagramAccount, customer: Customer) -> Json:
        key = (self.name, account.account, customer.id)
        if not any(m.direction == "inbound" for m in self.exchange.world.messages(key)):
            raise Refused(230, "User consent is required to access user profile")
        return {
            "name": customer.name,
            "username": self.handle(customer).removeprefix("@"),
            "profile_pic": self.portrait_url(account, customer),
            "is_verified_user": False,
            "follower_count": 214,
            "is_user_follow_business": True,
            "is_business_follow_user": False,
        }

    def check_type(self, body: Json) -> None:
        if body.get("messaging_type") not in (None, "RESPONSE", "UPDATE", "MESSAGE_TAG"):
            raise Refused(100, "Param messaging_type must be RESPONSE, UPDATE or MESSAGE_TAG")

    def check_text(self, text: str) -> None:
        if len(text.encode()) > _TEXT_BYTES:
            raise self.invalid("A text has at most 1000 bytes")

    def invalid(self, text: str) -> Refused:
        return Refused(100, text, 2534015)

    # what Meta calls

    def sticker(self, message: Message) -> Json:
        return {"type": "like_heart"}

    def reaction(self, message: Message, change: Change) -> Json:
        if change.event == "unreact":
            return {"mid": message.id, "action": "unreact"}
        return super().reaction(message, change)

    def pack_receipt(
        self, account: InstagramAccount, customer: Customer, message: Message, status: str
    ) -> Pack | None:
        if status != "read":
            return None  # Instagram says nothing about delivery
        event = self.event(account, customer, now(), {"read": {"mid": message.id}})
        return self.packing(account, "messaging_seen", event)


def _username(name: str) -> str:
    return ".".join(re.findall(r"[a-z0-9_]+", name.lower())) or "someone"
