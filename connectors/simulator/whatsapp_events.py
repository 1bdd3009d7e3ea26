"""The webhooks of WhatsApp: messages, statuses and echoes, signed with the app secret."""

from __future__ import annotations

import base64
import time
from datetime import datetime
from typing import ClassVar

from connectors.simulator.changes import Change
from connectors.simulator.courier import Manner, Pack, Webhook
from connectors.simulator.kind import Kind
from connectors.simulator.meta import Json, encode, sign
from connectors.simulator.world import Account, Customer, Media, Message, digits, now

_MEDIA_URL_S = 300
_PRICING = {
    "billable": False,
    "pricing_model": "PMP",
    "type": "free_customer_service",
    "category": "service",
}


class WhatsAppAccount(Account, frozen=True, kw_only=True):
    """`account` is the phone_number_id."""

    business_account_id: str
    display_phone_number: str
    access_token: str
    app_secret: str
    verify_token: str
    token_expires_at: int = 0
    token_permissions: tuple[str, ...] | None = None


class WhatsAppEvents(Kind[WhatsAppAccount]):
    signing_field: ClassVar = "app_secret"
    manner: ClassVar = Manner(any_failure=True, later=10)

    def pack_message(self, account: WhatsAppAccount, customer: Customer, message: Message) -> Pack:
        item = _item(customer, message.id, message.at, "text")
        if message.reply_to is not None:
            target = self.exchange.world.find_message(message.reply_to)
            own = target is not None and target.direction == "inbound"
            us = digits(account.display_phone_number)
            item["context"] = {"id": message.reply_to, "from": item.get("from", "") if own else us}
        if "latitude" in message.details:
            item |= {"type": "location", "location": _location(message.details)}
        elif "press" in message.details:
            item |= _press(message)
        elif message.media:
            media = message.media[0]
            item["type"] = "image"
            item["image"] = {
                "id": media.id,
                "mime_type": media.mime,
                "sha256": base64.b64encode(bytes.fromhex(media.sha256)).decode(),
                "url": self.media_url(media),
            }
            if message.text:
                item["image"]["caption"] = message.text
        else:
            item["text"] = {"body": message.text}
        value = {"contacts": [_contact(customer)], "messages": [item]}
        return lambda: self._pack(account, value)

    def pack_change(
        self, account: WhatsAppAccount, customer: Customer, message: Message, change: Change
    ) -> Pack:
        item = _item(customer, change.id, now(), "reaction")
        item["reaction"] = {"message_id": message.id}
        if change.event == "react":
            item["reaction"]["emoji"] = change.emoji
        value = {"contacts": [_contact(customer)], "messages": [item]}
        return lambda: self._pack(account, value)

    def _pack_echo(self, account: WhatsAppAccount, customer: Customer, message: Message) -> Pack:
        """What was written in the phone app of a number that is in both."""
        item: Json = {
            "from": digits(account.display_phone_number),
            "to_user_id": customer.bsuid,
            "id": message.id,
            "timestamp": str(int(message.at.timestamp())),
            "type": "text",
            "text": {"body": message.text},
        }
        if customer.phone:
            item["to"] = digits(customer.phone)
        value = {"contacts": [_contact(customer)], "message_echoes": [item]}
        return lambda: self._pack(account, value, "smb_message_echoes")

    def pack_status(
        self, account: WhatsAppAccount, customer: Customer | None, message: Message, status: str
    ) -> Pack | None:
        if status == "echo":
            return self._pack_echo(account, customer, message) if customer else None
        item: Json = {
            "id": message.id,
            "status": status,
            "timestamp": str(int(now().timestamp())),
        }
        if customer is None:
            item["recipient_id"] = digits(message.customer_id)
        else:
            item["recipient_user_id"] = customer.bsuid
            if customer.phone:
                item["recipient_id"] = digits(customer.phone)
        if message.callback_data is not None:
            item["biz_opaque_callback_data"] = message.callback_data
        if status in ("sent", "delivered"):
            item["pricing"] = _PRICING
        value: Json = {"statuses": [item]}
        if status == "failed" and message.failure is not None:
            title = message.failure.title
            item["errors"] = [
                {
                    "code": message.failure.code,
                    "title": title,
                    "message": title,
                    "error_data": {"details": title},
                    "href": "/documentation/business-messaging/whatsapp/support/error-codes",
                }
            ]
        elif customer is not None:
            value["contacts"] = [_contact(customer)]
        return lambda: self._pack(account, value)

    def steps(self, message: Message, *, open_phone: bool) -> tuple[str, ...]:
        if message.failure is not None:
            return ("failed",)
        if message.details.get("by") == "app":
            return ()
        if message.details.get("type") == "reaction":
            return ("sent",)
        # Where the chat is open Meta reports only `read`: it means delivered, too.
        return ("sent", "read") if open_phone else ("sent", "delivered")

    def _pack(self, account: WhatsAppAccount, value: Json, field: str = "messages") -> Webhook:
        metadata = {
            "display_phone_number": digits(account.display_phone_number),
            "phone_number_id": account.account,
        }
        value = {"messaging_product": "whatsapp", "metadata": metadata, **value}
        change = {"value": value, "field": field}
        body = encode(
            {
                "object": "whatsapp_business_account",
                "entry": [{"id": account.business_account_id, "changes": [change]}],
            }
        )
        return sign(account.webhook_url, account.app_secret, body)

    def pack_news(self, account: WhatsAppAccount, field: str, value: Json) -> Pack:
        """The webhook of a field that is about the business account."""
        entry = {
            "id": account.business_account_id,
            "time": int(time.time()),
            "changes": [{"value": value, "field": field}],
        }
        body = encode({"object": "whatsapp_business_account", "entry": [entry]})
        return lambda: sign(account.webhook_url, account.app_secret, body)

    def media_url(self, media: Media) -> str:
        """For five minutes, and for whoever has the token."""
        expires = int(time.time()) + _MEDIA_URL_S
        mark = media.sha256[:12]
        base = f"{self.exchange.base_url}/whatsapp_business/attachments/"
        return f"{base}?mid={media.id}&source=webhook&ext={expires}&hash={mark}"


def _item(customer: Customer, id_: str, at: datetime, type_: str) -> Json:
    item: Json = {
        "from_user_id": customer.bsuid,
        "id": id_,
        "timestamp": str(int(at.timestamp())),
        "type": type_,
    }
    if customer.phone:
        item["from"] = digits(customer.phone)
    return item


def _press(message: Message) -> Json:
    """What a press on a button is: on a template it is of another type than elsewhere."""
    details = message.details
    reply: Json = {"id": details["press_id"], "title": message.text}
    if details["press"] == "quick_reply":
        return {"type": "button", "button": {"payload": reply["id"], "text": reply["title"]}}
    if "press_description" in details:
        reply["description"] = details["press_description"]
    kind = details["press"]
    return {"type": "interactive", "interactive": {"type": kind, kind: reply}}


def _location(details: dict[str, str]) -> Json:
    place: Json = {name: float(details[name]) for name in ("latitude", "longitude")}
    named = {"name": details.get("place"), "address": details.get("address")}
    return place | {name: value for name, value in named.items() if value}


def _contact(customer: Customer) -> Json:
    profile: Json = {"name": customer.name}
    if customer.username:
        profile["username"] = customer.username
    contact: Json = {"profile": profile, "user_id": customer.bsuid}
    if customer.phone:
        contact["wa_id"] = digits(customer.phone)
    return contact
