"""The control API, under /simulator/api: JSON in and out, times in RFC 3339.

PUT /accounts/{kind}/{account}
    Our side: `webhook_url`, `name`, the kind's credentials (`secret` is another name of the
    one that signs), `status_delay_s`, `timeout_s`, `retry_first_s`. With `"handshake": true`
    the address has to prove itself first (409 when it does not). Messenger and Instagram need
    an `access_token` for each account: it says whose `me` is (409).
GET /accounts
    All of them, without credentials.
PUT /customers/{id}, GET /customers
    `name`, `phone`, `email`, `username`, `bsuid`, `psid`, `igsid` (made when not given),
    `picture`, `behaviour` (world.Behaviour).
POST /uploads
    An image as the raw body; answers `{"id"}`.
POST /accounts/{kind}/{account}/messages
    Write as the customer: `customer_id`, `text`, `image` (base64) or `upload`, `at`. Answers
    `{"provider_id", "status", "deliveries": [{"at", "status", "error", "ms"}]}` after the
    first attempts. What else a customer does, each where `allows` of the account has it:
    with a message `reply_to` (a provider's id), `quick_reply` (its payload), `"story": "reply"`
    (to the story that `image` shows) or `"mention"` (in it); in place of one `"sticker": true`,
    `postback: {title, payload}`, `location: {latitude, longitude, name, address}`; to one that
    is there `reaction: {to, emoji}` (null takes it back), `edit: {of, text}`, `unsend: id`; and
    `optin: {title, payload, stopped}`, which leaves nothing on the phone. A mail has `subject`
    (none: it answers the last one), `cc`, `html` and `files: [{name, mime, content}]`.
POST /gmail/{account}/{act}
    What happens to a mailbox: gmail_control.py.
POST /accounts/{kind}/{account}/echo
    What somebody of the shop wrote to `customer_id` in the provider's own app: `text`. Answers
    the same.
GET /accounts/{kind}/{account}/threads, …/threads/{customer_id}
    Who has a thread or could have one, newest first; `{"customer", "blocked", "messages"}`.
POST /history
    A past thread: `kind`, `account`, `customer_id`, `messages: [{"direction", "text",
    "image", "at", "status", "provider_id", "reply_to", "reactions": {"customer" or "shop":
    emoji}, "edits", "unsent", "story", "subject"}]`; answers `{"provider_ids"}`. No webhook leaves.
    STOP and START in it take effect. An id that is there already is replaced.
GET, DELETE /log
    `{"calls", "counts"}` of the providers' APIs; counts are exact, calls the newest 20,000,
    newest last; `?kind=&operation=&account=` choose calls.
POST, GET, DELETE /faults
    Scripted trouble: faults.Script.
DELETE /world
    Forget everything.
GET /events?page=ID
    Server-sent events: account, customer, message, wire, call, typing, resync.
PUT /pages/{id}
    `{"open": [[kind, account, customer_id], …]}`: the phones that a listening page shows;
    they read what comes at once.

Errors are `{"error": sentence}` with 400, 404, 409 or 413.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import secrets
from collections.abc import Awaitable, Callable
from typing import Any, Literal, TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import BaseRoute, Route

from connectors.simulator.acts import Acts
from connectors.simulator.exchange import Exchange
from connectors.simulator.faults import Script
from connectors.simulator.kind import AnyKind, HandshakeRefused
from connectors.simulator.shapes import (
    PastMessage,
    PostEcho,
    PostHistory,
    PostMessage,
    PutCustomer,
    PutPage,
    ShownAccount,
    ShownThread,
    Written,
    Wrong,
)
from connectors.simulator.world import Account, Customer, Message, image_mime

_BODY_LIMIT = 24 * 1024 * 1024
_UPLOADS = 50

T = TypeVar("T")


Handler = Callable[[Request], Awaitable[Response]]


class Control:
    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._world = exchange.world
        self._acts = Acts(exchange)
        self._uploads: dict[str, bytes] = {}

    def routes(self) -> list[BaseRoute]:
        def route(method: Literal["GET", "PUT", "POST", "DELETE"], path: str, do: Handler) -> Route:
            return Route("/simulator/api" + path, _answering(do), methods=[method])

        account = "/accounts/{kind}/{account}"
        return [
            route("GET", "/accounts", self._accounts),
            route("PUT", account, self._put_account),
            route("POST", account + "/messages", self._write),
            route("POST", account + "/echo", self._echo),
            route("GET", account + "/threads", self._threads),
            route("GET", account + "/threads/{customer}", self._thread),
            route("GET", "/customers", self._customers),
            route("PUT", "/customers/{customer}", self._put_customer),
            route("POST", "/uploads", self._upload),
            route("POST", "/history", self._history),
            route("GET", "/log", self._log),
            route("DELETE", "/log", self._clear_log),
            route("GET", "/faults", self._faults),
            route("POST", "/faults", self._add_fault),
            route("DELETE", "/faults", self._clear_faults),
            route("DELETE", "/world", self._forget),
            route("GET", "/events", self._events),
            route("PUT", "/pages/{page}", self._show),
            Route("/simulator/media/{media}", self._media, methods=["GET"]),
        ]

    # accounts and customers

    async def _put_account(self, request: Request) -> Response:
        kind = self._kind(request)
        body = await _read(request, dict[str, Any])  # Any: checked by the kind's own type below
        body |= {"kind": kind.name, "account": request.path_params["account"]}
        if "secret" in body:
            body.setdefault(kind.signing_field, body["secret"])
        handshake = body.pop("handshake", False)
        try:
            account = msgspec.convert({"name": kind.label, **body}, kind.account_type)
        except msgspec.ValidationError as error:
            raise Wrong(400, str(error)) from error
        clash = kind.clash(account)
        if clash is not None:
            raise Wrong(409, clash)
        if handshake:
            try:
                await kind.handshake(account)
            except HandshakeRefused as error:
                raise Wrong(409, str(error)) from error
        self._world.put_account(account)
        self._exchange.broadcast.publish("account", account=self._shown(account))
        return _json(self._shown(account))

    async def _accounts(self, request: Request) -> Response:
        return _json([self._shown(account) for account in self._world.accounts.values()])

    def _shown(self, account: Account) -> ShownAccount:
        kind = self._exchange.kinds[account.kind]
        return ShownAccount(
            kind=kind.name,
            account=account.account,
            name=account.name,
            label=kind.label,
            provider=kind.provider,
            address=kind.address(account),
            reports_reading=kind.reports_reading,
            network_stop=bool(getattr(account, "provider_stop", False)),
            allows=sorted(kind.allows),
        )

    async def _put_customer(self, request: Request) -> Response:
        body = await _read(request, PutCustomer)
        customer_id = request.path_params["customer"]
        # A business-scoped id of their own, the same in every run.
        number = int(hashlib.sha256(customer_id.encode()).hexdigest()[:16], 16)
        customer = Customer(
            id=customer_id,
            name=body.name,
            phone=body.phone,
            username=body.username,
            bsuid=body.bsuid or f"US.{number:020d}",
            psid=body.psid,
            igsid=body.igsid,
            email=body.email,
            picture=body.picture,
            behaviour=body.behaviour,
        )
        self._world.put_customer(customer)
        self._exchange.forget_replies(customer_id)
        self._exchange.broadcast.publish("customer", customer=customer)
        return _json(customer)

    async def _customers(self, request: Request) -> Response:
        return _json(list(self._world.customers.values()))

    # threads

    async def _upload(self, request: Request) -> Response:
        content = await _body(request)
        _image(content)
        if len(self._uploads) >= _UPLOADS:
            self._uploads.pop(next(iter(self._uploads)))
        upload = "up_" + secrets.token_hex(8)
        self._uploads[upload] = content
        return _json({"id": upload}, 201)

    async def _write(self, request: Request) -> Response:
        kind, account = self._account(request)
        body = await _read(request, PostMessage)
        customer = self._customer(kind, body.customer_id)
        content = _decoded(body.image)
        if body.upload is not None:
            content = self._uploads.pop(body.upload, None)
            if content is None:
                raise Wrong(404, "There is no such upload.")
        images = [(content, _image(content))] if content is not None else []
        for file in body.files:
            images.append((_decoded(file.content) or b"", file.mime))
        return _json(await self._acts.do(kind, account, customer, body, images), 201)

    async def _echo(self, request: Request) -> Response:
        kind, account = self._account(request)
        body = await _read(request, PostEcho)
        customer = self._customer(kind, body.customer_id)
        if "echo" not in kind.allows or not body.text:
            raise Wrong(
                409, f"{kind.label} has no app of its own for the shop, or text is missing."
            )
        message, deliveries = await self._exchange.echo(account, customer, body.text)
        return _json(
            Written(provider_id=message.id, status=message.status, deliveries=deliveries), 201
        )

    async def _threads(self, request: Request) -> Response:
        kind, account = self._account(request)
        limit = int(request.query_params.get("limit", "40"))
        found = []
        for customer in self._world.customers.values():
            if not kind.reaches(customer):
                continue
            thread = self._world.thread(kind.name, account.account, customer.id)
            messages = self._world.messages((kind.name, account.account, customer.id))
            found.append(
                ShownThread(
                    customer_id=customer.id,
                    name=customer.name,
                    handle=kind.handle(customer),
                    blocked=thread.blocked,
                    last=messages[-1] if messages else None,
                )
            )
        # Stable: those without a thread keep the order in which they were made.
        found.sort(key=lambda t: t.last.at.timestamp() if t.last else 0.0, reverse=True)
        return _json(found[:limit])

    async def _thread(self, request: Request) -> Response:
        kind, account = self._account(request)
        customer = self._customer(kind, request.path_params["customer"])
        key = (kind.name, account.account, customer.id)
        body = {
            "customer": customer,
            "blocked": self._world.thread(*key).blocked,
            "messages": self._world.messages(key),
        }
        return _json(body)

    async def _history(self, request: Request) -> Response:
        body = await _read(request, PostHistory)
        account = self._world.accounts.get((body.kind, body.account))
        kind = self._exchange.kinds.get(body.kind)
        if account is None or kind is None:
            raise Wrong(404, "There is no such account.")
        customer = self._customer(kind, body.customer_id)
        thread = self._world.thread(kind.name, account.account, customer.id)
        ids = []
        for past in sorted(body.messages, key=lambda m: m.at):
            message = self._past(kind, account, customer, past)
            kind.arrive(account, customer, message)
            self._exchange.changed(message)
            if message.direction == "inbound":
                kind.heard(account, thread, message.text)
            ids.append(message.id)
        return _json({"provider_ids": ids}, 201)

    def _past(
        self, kind: AnyKind, account: Account, customer: Customer, past: PastMessage
    ) -> Message:
        outbound = past.direction != "inbound"
        content = _decoded(past.image)
        status = past.status or ("delivered" if outbound else "past")
        message = Message(
            id=past.provider_id
            or kind.new_id(customer, outbound=outbound, media=content is not None),
            kind=kind.name,
            account=account.account,
            customer_id=customer.id,
            direction=past.direction,
            at=past.at,
            status=status,
            text=past.text,
            status_at={status: past.at},
            seen=not outbound,
            reply_to=past.reply_to,
            reactions={str(who): emoji for who, emoji in past.reactions.items()},
            edits=past.edits,
            unsent=past.unsent,
            details=_past_details(past),
        )
        if content is not None:
            message.media.append(
                self._world.put_media(kind.new_media_id(), account, content, _image(content))
            )
        return message

    # watching and troubling

    async def _log(self, request: Request) -> Response:
        wanted = {
            name: request.query_params[name]
            for name in ("kind", "operation", "account")
            if name in request.query_params
        }
        calls = [
            call
            for call in self._exchange.calls.newest
            if all(getattr(call, name) == value for name, value in wanted.items())
        ]
        return _json({"calls": calls, "counts": dict(self._exchange.calls.counts)})

    async def _clear_log(self, request: Request) -> Response:
        self._exchange.calls.clear()
        return Response(status_code=204)

    async def _faults(self, request: Request) -> Response:
        return _json(self._exchange.faults.scripts)

    async def _add_fault(self, request: Request) -> Response:
        script = await _read(request, Script)
        self._exchange.faults.scripts.append(script)
        return _json(script, 201)

    async def _clear_faults(self, request: Request) -> Response:
        self._exchange.faults.scripts.clear()
        return Response(status_code=204)

    async def _forget(self, request: Request) -> Response:
        await self._exchange.forget()
        return Response(status_code=204)

    async def _events(self, request: Request) -> Response:
        page = request.query_params.get("page", secrets.token_hex(8))
        return StreamingResponse(
            self._exchange.broadcast.listen(page),
            media_type="text/event-stream",
            headers={"Cache-Control": "no-store"},
        )

    async def _show(self, request: Request) -> Response:
        body = await _read(request, PutPage)
        self._exchange.broadcast.show(request.path_params["page"], body.open)
        self._exchange.opened(body.open)
        return Response(status_code=204)

    async def _media(self, request: Request) -> Response:
        """A file as the customer's phone shows it: pictures only, whatever the inbox sent."""
        media = self._world.media.get(request.path_params["media"])
        if media is None:
            return Response(status_code=404)
        content = self._world.read_media(media.id)
        mime = image_mime(content)
        headers = {"Cache-Control": "private, max-age=86400"}
        if mime is None:
            headers["Content-Disposition"] = "attachment"
        return Response(content, media_type=mime or "application/octet-stream", headers=headers)

    # finding

    def _kind(self, request: Request) -> AnyKind:
        kind = self._exchange.kinds.get(request.path_params["kind"])
        if kind is None:
            raise Wrong(404, "There is no such kind.")
        return kind

    def _account(self, request: Request) -> tuple[AnyKind, Account]:
        kind = self._kind(request)
        account = self._world.accounts.get((kind.name, request.path_params["account"]))
        if account is None:
            raise Wrong(404, "There is no such account.")
        return kind, account

    def _customer(self, kind: AnyKind, customer_id: str) -> Customer:
        customer = self._world.customers.get(customer_id)
        if customer is None:
            raise Wrong(404, "There is no such customer.")
        if not kind.reaches(customer):
            raise Wrong(409, f"{kind.label} cannot reach this customer: they have no number.")
        return customer


def _past_details(past: PastMessage) -> dict[str, str]:
    details = {"story": past.story, "story_id": "0"} if past.story else {}
    return details | ({"subject": past.subject} if past.subject else {})


def _answering(do: Handler) -> Handler:
    async def answer(request: Request) -> Response:
        try:
            return await do(request)
        except Wrong as wrong:
            return _json({"error": str(wrong)}, wrong.status)

    return answer


def _json(body: object, status: int = 200) -> Response:
    return Response(
        msgspec.json.encode(body),
        status,
        media_type="application/json",
        headers={"Cache-Control": "no-store"},
    )


async def _body(request: Request) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > _BODY_LIMIT:
            raise Wrong(413, "That is more than 24 MB.")
    return bytes(body)


async def _read(request: Request, type_: type[T]) -> T:
    try:
        return msgspec.json.decode(await _body(request), type=type_)
    except msgspec.DecodeError as error:
        raise Wrong(400, str(error)) from error


def _decoded(image: str | None) -> bytes | None:
    if image is None:
        return None
    try:
        return base64.b64decode(image, validate=True)
    except binascii.Error as error:
        raise Wrong(400, "The image is not base64.") from error


def _image(content: bytes) -> str:
    mime = image_mime(content)
    if mime is None:
        raise Wrong(400, "That is no JPEG, PNG, GIF or WebP image.")
    return mime
