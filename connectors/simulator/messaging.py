"""The Graph API of the Messenger Platform, which Messenger and Instagram share: sending within the
24-hour window, profiles, subscriptions. What a message may hold is in `messaging_content.py`,
webhooks in `messaging_events.py`; limits and what else differs, in the kinds.

Left out on purpose: personas, private replies, handover.
"""

from __future__ import annotations

import hmac
import time
from abc import abstractmethod
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any, ClassVar

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from connectors.simulator.calls import Door
from connectors.simulator.graph import (
    File,
    GraphRoute,
    Refused,
    debug_token,
    is_proved,
    part,
    read_body,
)
from connectors.simulator.messaging_content import type_of
from connectors.simulator.messaging_events import A, MessagingAccount
from connectors.simulator.messaging_listing import MessagingListing
from connectors.simulator.meta import Json, platform_error, shake_hands
from connectors.simulator.world import Customer, Message, ThreadKey, now

WINDOW = timedelta(hours=24)
HUMAN_AGENT = timedelta(days=7)
_METADATA_LIMIT = 1000
_REMOVED_TAGS = ("ACCOUNT_UPDATE", "CONFIRMED_EVENT_UPDATE", "POST_PURCHASE_UPDATE")
_USUAL_CODES = {400: 100, 401: 190, 403: 200, 404: 100, 429: 613, 500: 2, 503: 2}
_EMOJI = {
    "love": "❤️",
    "smile": "😆",
    "laugh": "😆",
    "wow": "😮",
    "sad": "😢",
    "angry": "😠",
    "like": "👍",
    "dislike": "👎",
}


class Messaging(MessagingListing[A]):
    """subcodes         the code that Graph gives along with a subcode of ours
    window_subcode   of the error that says that the window is closed
    unknown_subcode  of the error that says that there is no such person
    """

    provider: ClassVar = "Meta"
    reports_reading: ClassVar = True
    subcodes: ClassVar[Mapping[int, int]] = {
        1545041: 551,
        2018278: 10,
        2534022: 10,
        2018001: 100,
        2018008: 100,
        2018014: 100,
        2018047: 100,
        2018074: 100,
        2018109: 100,
        2534014: 100,
        2534015: 100,
        2534040: 613,
    }
    failures: ClassVar = {
        2: "Service temporarily unavailable",
        10: "Application does not have permission for this action",
        100: "Invalid parameter",
        190: "Invalid OAuth access token",
        200: "Permissions error",
        551: "This person isn't available right now.",
        613: "Calls to this api have exceeded the rate limit.",
        1545041: "This person isn't available right now.",
        2018278: "This message is sent outside of allowed window.",
        2534022: "This message is sent outside of allowed window.",
    }
    window_subcode: ClassVar[int]
    unknown_subcode: ClassVar[int]
    subscribable: ClassVar[tuple[str, ...]]
    permissions: ClassVar[tuple[str, ...]]

    @abstractmethod
    def page(self, account: A, node: str) -> Json:
        """The fields of the account itself."""

    @abstractmethod
    def profile(self, account: A, customer: Customer) -> Json:
        """The fields of a person. raises Refused"""

    @abstractmethod
    def check_type(self, body: Json) -> None:
        """The `messaging_type`. raises Refused"""

    def reaches(self, customer: Customer) -> bool:
        return True

    async def handshake(self, account: A) -> None:
        await shake_hands(
            self.exchange.courier.session,
            account.webhook_url,
            account.verify_token,
            account.timeout_s,
        )

    def clash(self, account: A) -> str | None:
        for other in self.exchange.world.accounts.values():
            same = (other.kind, other.account) == (account.kind, account.account)
            if (
                isinstance(other, MessagingAccount)
                and not same
                and other.access_token == account.access_token
            ):
                return f"The access_token is that of {other.kind} {other.account}."
        return None

    # whose call it is

    def _by_token(self, request: Request) -> A | None:
        bearer = request.headers.get("authorization", "").removeprefix("Bearer ")
        token = (bearer or request.query_params.get("access_token", "")).encode()
        for account in self.exchange.world.accounts.values():
            if isinstance(account, self.account_type) and hmac.compare_digest(
                account.access_token.encode(), token
            ):
                return account
        return None

    def _by_node(self, request: Request) -> A | None:
        world = self.exchange.world
        node = request.path_params.get("node", "")
        media = world.media.get(request.path_params.get("media", ""))
        found = world.accounts.get((self.name, media.account if media else node))
        return found if isinstance(found, self.account_type) else None

    def account_at(self, request: Request) -> A | None:
        return self._by_node(request) or self._by_token(request)

    def _claims(self, request: Request) -> bool:
        """An id in the address says whose call it is, before any token does."""
        world = self.exchange.world
        node = request.path_params["node"]
        named = {kind for kind, account in world.accounts if account == node}
        if named:
            return self.name in named
        media = world.media.get(node)
        if media is not None:
            return media.kind == self.name
        customer = world.find_by_scoped_id(node)
        if customer is not None and self.scoped_id(customer) != node:
            return False
        return self._by_token(request) is not None

    def _caller(self, request: Request) -> A:
        account = self._by_token(request)
        if account is None:
            raise Refused(190, "Invalid OAuth access token - Cannot parse access token")
        if not is_proved(request, account):
            raise Refused(100, "Invalid appsecret_proof provided in the API argument")
        node = request.path_params["node"]
        if node != account.account and self._by_node(request) is not None:
            raise Refused(200, "The token is not one of this account")
        return account

    def _own(self, request: Request, account: A) -> bool:
        return request.path_params["node"] in ("me", account.account)

    def _must_be_own(self, request: Request, account: A) -> None:
        if not self._own(request, account):
            raise _no_object(request)

    # what the inbox calls

    def routes(self) -> Sequence[BaseRoute]:
        node = "/v{version}/{node}"

        def door(path: str, operation: str, handler: Any, *methods: str) -> GraphRoute:
            answering = Door(self, operation, self._answering(handler))
            return GraphRoute(path, answering, list(methods), self._claims)

        return [
            door(node + "/messages", "send", self._send, "POST"),
            door(node + "/messages", "lookup", self.messages, "GET"),
            door(node + "/conversations", "lookup", self._conversations, "GET"),
            door(node + "/message_attachments", "media", self._upload, "POST"),
            door(node + "/subscribed_apps", "lookup", self._subscription, "GET", "POST", "DELETE"),
            door(node, "lookup", self._node, "GET"),
            Route(
                f"/{self.name}_cdn/{{media}}",
                Door(self, "media", self._cdn, content=True),
                methods=["GET"],
            ),
        ]

    def _answering(
        self, handler: Callable[[Request, A], Awaitable[Response]]
    ) -> Callable[[Request], Awaitable[Response]]:
        async def answer(request: Request) -> Response:
            try:
                return await handler(request, self._caller(request))
            except Refused as refused:
                return platform_error(400, refused.code, refused.subcode, str(refused))

        return answer

    def error(self, status: int, code: int | None, text: str | None = None) -> Response:
        """`code` may be a subcode that we know."""
        code = code if code is not None else _USUAL_CODES.get(status, 2)
        text = text or self.failures.get(code, "An unexpected error has occurred")
        if code in self.subcodes:
            return platform_error(status, self.subcodes[code], code, text)
        return platform_error(status, code, 1545041 if code == 551 else None, text)

    async def _send(self, request: Request, account: A) -> Response:
        self._must_be_own(request, account)
        body, file = await read_body(request)
        scoped_id = part(body, "recipient").get("id")
        if not isinstance(scoped_id, str):
            raise Refused(100, "Param recipient must hold an id")
        world = self.exchange.world
        customer = world.find_by_scoped_id(scoped_id) or self.meet(scoped_id)
        if customer is None or self.scoped_id(customer) != scoped_id:
            raise Refused(100, "No matching user found", self.unknown_subcode)
        action = body.get("sender_action")
        if action is not None and body.get("message") is not None:
            raise Refused(100, "sender_action and message cannot go together", 2018014)
        if action is not None:
            self._act(account, customer, str(action), body)
            return JSONResponse({"recipient_id": scoped_id})
        return await self._accept(request, account, customer, body, file)

    def _act(self, account: A, customer: Customer, action: str, body: Json) -> None:
        key = (self.name, account.account, customer.id)
        match action:
            case "typing_on" | "typing_off":
                self.exchange.broadcast.publish(
                    "typing",
                    kind=self.name,
                    account=account.account,
                    customer_id=customer.id,
                    on=action == "typing_on",
                )
            case "mark_seen":
                for message in self.exchange.world.messages(key):
                    if message.direction == "inbound" and not message.seen:
                        message.seen = True
                        self.exchange.changed(message)
            case "react" | "unreact":
                self._react(key, part(body, "payload"), taken_back=action == "unreact")
            case _:
                raise Refused(100, "Param sender_action is not one that is known")

    def _react(self, key: ThreadKey, payload: Json, *, taken_back: bool) -> None:
        target = self._message_in(key, payload.get("message_id"))
        name = payload.get("reaction")
        if taken_back:
            target.reactions.pop("shop", None)
        elif isinstance(name, str) and name:
            target.reactions["shop"] = _EMOJI.get(name, name)
        else:
            raise Refused(100, "Param payload[reaction] must be given")
        self.exchange.changed(target)

    def _message_in(self, key: ThreadKey, mid: object) -> Message:
        message = self.exchange.world.find_message(mid) if isinstance(mid, str) else None
        if message is None or message.key != key:
            raise Refused(100, "There is no such message in this conversation")
        return message

    async def _accept(
        self, request: Request, account: A, customer: Customer, body: Json, file: File | None
    ) -> Response:
        content = part(body, "message")
        if not content:
            raise Refused(100, "Param message must be given")
        key = (self.name, account.account, customer.id)
        self.check_type(body)
        self._check_window(account, key, body)
        metadata = content.get("metadata")
        if metadata is not None and len(str(metadata)) > _METADATA_LIMIT:
            raise Refused(100, "Length of param message[metadata] must be at most 1000")
        message = Message(
            id=self.new_id(customer, outbound=True, media=False),
            kind=self.name,
            account=account.account,
            customer_id=customer.id,
            direction="outbound",
            at=now(),
            status="sent",
            callback_data=None if metadata is None else str(metadata),
        )
        if "reply_to" in body:
            message.reply_to = self._message_in(key, part(body, "reply_to").get("mid")).id
        await self.fill(account, message, content, file)
        answer = {"recipient_id": self.scoped_id(customer), "message_id": message.id}
        if message.details.pop("reusable", None):
            answer["attachment_id"] = message.media[0].id
        request.state.message_id = message.id
        further = await self.exchange.take(account, customer, message, None)
        return JSONResponse(answer, background=further)

    def _check_window(self, account: A, key: ThreadKey, body: Json) -> None:
        world = self.exchange.world
        heard = [m.at for m in world.messages(key) if m.direction == "inbound"]
        reacted_at = world.thread(*key).reacted_at
        last = max([*heard, *([reacted_at] if reacted_at else [])], default=None)
        tagged = body.get("messaging_type") == "MESSAGE_TAG"
        if tagged:
            self._check_tag(account, body.get("tag"))
        allowed = HUMAN_AGENT if tagged else WINDOW
        customer = world.customers.get(key[2])
        if last is None and customer is not None and customer.met:
            return
        if last is None or now() - last >= allowed:
            raise Refused(
                10, "This message is sent outside of allowed window.", self.window_subcode
            )

    def _check_tag(self, account: A, tag: object) -> None:
        if tag in _REMOVED_TAGS:
            raise Refused(100, "The message tag is no longer supported")
        if tag != "HUMAN_AGENT":
            raise Refused(100, "Param tag must be one that fits the message")
        if not account.may_use_human_agent:
            raise Refused(10, "The app has no permission to use the tag HUMAN_AGENT")

    async def _upload(self, request: Request, account: A) -> Response:
        self._must_be_own(request, account)
        body, file = await read_body(request)
        attachment = part(part(body, "message"), "attachment")
        media = await self.file(account, type_of(attachment), part(attachment, "payload"), file)
        return JSONResponse({"attachment_id": media.id})

    async def _subscription(self, request: Request, account: A) -> Response:
        self._must_be_own(request, account)
        if request.method == "GET":
            known = self.subscribable if account.fields is None else account.fields
            app = {"id": account.app_id, "name": "Assent", "subscribed_fields": list(known)}
            return JSONResponse({"data": [app] if known else []})
        fields: tuple[str, ...] = ()
        if request.method == "POST":
            body, _ = await read_body(request)
            asked = request.query_params.get("subscribed_fields") or body.get("subscribed_fields")
            fields = tuple(asked if isinstance(asked, list) else str(asked or "").split(","))
            if not set(fields) or not set(fields) <= set(self.subscribable):
                raise Refused(100, "Param subscribed_fields must name fields that are known")
        self.exchange.world.put_account(msgspec.structs.replace(account, fields=fields))
        return JSONResponse({"success": True})

    async def _conversations(self, request: Request, account: A) -> Response:
        self._must_be_own(request, account)
        return await self.conversations(request, account)

    async def _node(self, request: Request, account: A) -> Response:
        node = request.path_params["node"]
        if node == "debug_token":
            return self._debug_token(request, account)
        if self._own(request, account):
            known = self.page(account, node)
        else:
            customer = self.exchange.world.find_by_scoped_id(node)
            if customer is None or self.scoped_id(customer) != node:
                raise _no_object(request)
            known = self.profile(account, customer) | {"id": node}
        fields = request.query_params.get("fields", "name").split(",")
        chosen = {name: known[name] for name in fields if name in known}
        return JSONResponse(chosen | {"id": known["id"]})

    def _debug_token(self, request: Request, account: A) -> Response:
        """Only a token that asks about itself is known here."""
        if request.query_params.get("input_token") != account.access_token:
            raise Refused(100, "The token may not ask about another one")
        return JSONResponse(debug_token(account, self.permissions))

    # files of customers

    async def _cdn(self, request: Request) -> Response:
        # An access token here is one that was given away.
        if "authorization" in request.headers or "access_token" in request.query_params:
            return Response("Bad signature", 400, media_type="text/plain")
        media = self.exchange.world.media.get(request.path_params["media"])
        query = request.query_params
        try:
            expires = int(query.get("oe", ""), 16)
        except ValueError:
            expires = 0
        if media is None or query.get("oh") != media.sha256[:24] or expires < time.time():
            return Response("URL signature mismatch", 403, media_type="text/plain")
        return Response(self.exchange.world.read_media(media.id), media_type=media.mime)


def _no_object(request: Request) -> Refused:
    node = request.path_params["node"]
    text = f"Unsupported request. Object with ID '{node}' does not exist or cannot be loaded"
    return Refused(100, text, 33)
