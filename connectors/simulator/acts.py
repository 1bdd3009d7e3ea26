"""What a customer does with the phone in hand, from the control API's words to the exchange."""

from __future__ import annotations

import secrets

from connectors.simulator.changes import EDIT_LIMIT, Change
from connectors.simulator.exchange import Exchange
from connectors.simulator.kind import AnyKind
from connectors.simulator.pictures import draw
from connectors.simulator.shapes import PostMessage, ReactionTo, Written, Wrong
from connectors.simulator.world import Account, Customer, Delivery, Message

_STICKER = "369239263222822"
_REACTABLE = ("inbound", "outbound")


class Acts:
    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    async def do(
        self,
        kind: AnyKind,
        account: Account,
        customer: Customer,
        body: PostMessage,
        images: list[tuple[bytes, str]],
    ) -> Written:
        """raises   Wrong"""
        for act in body.acts():
            if act not in kind.allows:
                raise Wrong(409, f"{kind.label} does not have this here: {act}.")
        if body.optin is not None:
            topic = body.optin
            pack = kind.pack_optin(
                account, customer, topic.title, topic.payload, stopped=topic.stopped
            )
            return _told("", await self._exchange.tell(account, customer, pack, "optin"))
        change = self._change(kind, account, customer, body)
        if change is not None:
            message, done = change
            return _told(done.id, await self._exchange.change(account, customer, message, done))
        return await self._write(kind, account, customer, body, images)

    def _change(
        self, kind: AnyKind, account: Account, customer: Customer, body: PostMessage
    ) -> tuple[Message, Change] | None:
        key = (kind.name, account.account, customer.id)
        if body.reaction is not None:
            message = self._message(key, body.reaction.to)
            return message, self._reaction(kind, customer, message, body.reaction)
        if body.edit is not None:
            message = self._own(key, body.edit.of)
            if message.edits >= EDIT_LIMIT:
                raise Wrong(409, f"A message can be edited {EDIT_LIMIT} times.")
            if not body.edit.text:
                raise Wrong(400, "An edited message needs a text.")
            return message, Change(event="edit", id=message.id, text=body.edit.text)
        if body.unsend is not None:
            message = self._own(key, body.unsend)
            return message, Change(event="unsend", id=message.id)
        return None

    def _reaction(
        self, kind: AnyKind, customer: Customer, message: Message, reaction: ReactionTo
    ) -> Change:
        # WhatsApp gives a reaction an id of its own; the others only name the message.
        own = kind.name == "whatsapp"
        id_ = kind.new_id(customer, outbound=False, media=False) if own else message.id
        if reaction.emoji:
            return Change(event="react", id=id_, emoji=reaction.emoji)
        former = message.reactions.get("customer")
        if former is None:
            raise Wrong(409, "There is no reaction to take back.")
        return Change(event="unreact", id=id_, emoji=former)

    def _message(self, key: tuple[str, str, str], message_id: str) -> Message:
        message = self._exchange.world.find_message(message_id)
        if message is None or message.key != key or message.direction not in _REACTABLE:
            raise Wrong(404, "There is no such message in this thread.")
        if message.unsent:
            raise Wrong(409, "The message was taken back.")
        return message

    def _own(self, key: tuple[str, str, str], message_id: str) -> Message:
        message = self._message(key, message_id)
        if message.direction != "inbound":
            raise Wrong(409, "That is not a message of the customer.")
        return message

    async def _write(
        self,
        kind: AnyKind,
        account: Account,
        customer: Customer,
        body: PostMessage,
        images: list[tuple[bytes, str]],
    ) -> Written:
        if body.reply_to is not None:
            self._message((kind.name, account.account, customer.id), body.reply_to)
        if body.story == "mention" and (body.text or not images):
            raise Wrong(400, "A story that mentions the shop is a picture, without a text.")
        if body.story == "reply" and not body.text:
            raise Wrong(400, "A reply to a story needs a text.")
        text, details = body.text, _details(body)
        if body.postback is not None:
            text = body.postback.title
        if body.sticker:
            images = [(draw("sticker"), "image/png")]
        if not (text or images or body.location):
            raise Wrong(400, "A message needs a text or an image.")
        message = await self._exchange.write(
            account,
            customer,
            text=text,
            images=images,
            at=body.at,
            reply_to=body.reply_to,
            details=details,
        )
        return Written(provider_id=message.id, status=message.status, deliveries=message.deliveries)


def _details(body: PostMessage) -> dict[str, str]:
    details = {}
    if body.subject:
        details["subject"] = body.subject
    if body.cc:
        details["cc"] = ", ".join(body.cc)
    if body.html:
        details["html"] = body.html
    if body.files:
        details["files"] = "\n".join(file.name for file in body.files)
    if body.postback is not None:
        details["postback"] = body.postback.payload
    if body.quick_reply is not None:
        details["quick_reply"] = body.quick_reply
    if body.sticker:
        details["sticker"] = _STICKER
    if body.story is not None:
        details["story"] = body.story
        details["story_id"] = str(18 * 10**15 + secrets.randbelow(10**15))
    if body.location is not None:
        place = body.location
        details["latitude"], details["longitude"] = str(place.latitude), str(place.longitude)
        details |= {"place": place.name, "address": place.address}
    return details


def _told(provider_id: str, deliveries: list[Delivery]) -> Written:
    last = deliveries[-1].status if deliveries else None
    taken = last is not None and 200 <= last < 300
    status = "delivered" if taken else "unreached" if last is None else "refused"
    return Written(provider_id=provider_id, status=status, deliveries=deliveries)
