"""Meta's side of WhatsApp: the Graph API of a number. Webhooks are in `whatsapp_events.py`.

Left out on purpose: groups, calls, blocking, making templates over the API.
"""

from __future__ import annotations

import base64
import hmac
import json
import secrets
import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any, ClassVar

import msgspec
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from connectors.simulator.calls import Door
from connectors.simulator.fetching import NotFetched, fetch
from connectors.simulator.graph import debug_token, is_proved
from connectors.simulator.kind import Act
from connectors.simulator.meta import Json, graph_error, shake_hands
from connectors.simulator.whatsapp_events import WhatsAppAccount, WhatsAppEvents
from connectors.simulator.whatsapp_rich import RichWrong, contacts, interactive, location
from connectors.simulator.whatsapp_templates import (
    Template,
    TemplateWrong,
    fill,
    first_templates,
    page,
)
from connectors.simulator.world import Account, Customer, Media, Message, digits, image_mime, now

WINDOW = timedelta(hours=24)
_TEXT_LIMIT = 4096
_CAPTION_LIMIT = 1024
_MEDIA_TYPES = ("image", "video", "audio", "document", "sticker")
_UPLOAD_LIMIT = 100 * 1024 * 1024
_IMAGE_LIMIT = 5 * 1024 * 1024

_PERMISSIONS = ("whatsapp_business_messaging", "whatsapp_business_management")
_RICH: dict[str, Callable[[Any], Json]] = {"interactive": interactive, "location": location}

_USUAL_CODES = {400: 100, 401: 190, 403: 10, 404: 132001, 429: 130429, 500: 131000, 503: 131016}


class WhatsApp(WhatsAppEvents):
    name: ClassVar = "whatsapp"
    label: ClassVar = "WhatsApp"
    provider: ClassVar = "Meta"
    reports_reading: ClassVar = True
    allows: ClassVar[frozenset[Act]] = frozenset(
        ("reply_to", "reaction", "location", "echo", "press")
    )
    failures: ClassVar = {
        131000: "Something went wrong",
        131026: "Message undeliverable",
        131047: "Re-engagement message",
        131050: "This recipient has chosen to stop receiving marketing messages",
        131053: "Media upload error",
        131056: "(Business Account, Consumer Account) pair rate limit hit",
        130472: "User's number is part of an experiment",
    }

    @property
    def account_type(self) -> type[WhatsAppAccount]:
        return WhatsAppAccount

    def address(self, account: WhatsAppAccount) -> str:
        return account.display_phone_number

    def reaches(self, customer: Customer) -> bool:
        return True

    def new_id(self, customer: Customer | None, *, outbound: bool, media: bool) -> str:
        # The real ones hold the customer's number, too: they are not to be logged lightly.
        phone = digits(customer.phone).encode() if customer else b""
        nature = b"\x15\x02\x00\x11\x18\x12" if outbound else b"\x15\x02\x00\x12\x18\x14"
        unique = secrets.token_hex(9 if outbound else 10).upper().encode()
        raw = b"\x1c\x18" + bytes([len(phone)]) + phone + nature + unique + b"\x00"
        return "wamid." + base64.b64encode(raw).decode()

    def new_media_id(self) -> str:
        return str(10**14 + secrets.randbelow(9 * 10**14))

    def account_at(self, request: Request) -> WhatsAppAccount | None:
        node = request.path_params.get("node") or request.query_params.get("mid", "")
        media = self.exchange.world.media.get(node)
        accounts = self.exchange.world.accounts
        found = accounts.get((self.name, media.account if media else node))
        if found is None:
            found = next((a for a in accounts.values() if _owns(a, node)), None)
        return found if isinstance(found, WhatsAppAccount) else None

    def error(self, status: int, code: int | None, text: str | None = None) -> Response:
        code = code if code is not None else _USUAL_CODES.get(status, 131000)
        text = text or self.failures.get(code, "Request failed")
        return graph_error(status, code, text, "whatsapp")

    async def handshake(self, account: WhatsAppAccount) -> None:
        await shake_hands(
            self.exchange.courier.session,
            account.webhook_url,
            account.verify_token,
            account.timeout_s,
        )

    # what the inbox calls

    def routes(self) -> Sequence[BaseRoute]:
        def door(path: str, operation: Any, handler: Any, method: str) -> Route:
            return Route(path, Door(self, operation, handler), methods=[method])

        # Door is an ASGI app, so Route leaves the check of methods to it: `methods` still holds.
        return [
            door("/v{version}/{node}/messages", "send", self._send, "POST"),
            door("/v{version}/{node}/message_templates", "lookup", self._templates, "GET"),
            door("/v{version}/{node}/media", "media", self._upload, "POST"),
            door("/v{version}/{node}/phone_numbers", "lookup", self._numbers, "GET"),
            door("/v{version}/{node}", self._operation, self._node, "GET"),
            door("/v{version}/{node}", "media", self._delete, "DELETE"),
            Route(
                "/whatsapp_business/attachments/",
                Door(self, "media", self._download, content=True),
                methods=["GET"],
            ),
        ]

    def _operation(self, request: Request) -> str:
        return "media" if request.path_params["node"] in self.exchange.world.media else "lookup"

    def _known(self, request: Request) -> list[WhatsAppAccount]:
        """The numbers that the request's token is good for."""
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        return [
            found
            for found in self.exchange.world.accounts.values()
            if isinstance(found, WhatsAppAccount)
            and hmac.compare_digest(found.access_token.encode(), token.encode())
        ]

    def _stranger(self, request: Request) -> Response | None:
        known = self._known(request)
        if not known:
            return self.error(401, 190, "Invalid OAuth access token")
        if not is_proved(request, known[0]):
            return self.error(400, 100, "Invalid appsecret_proof provided in the API argument")
        return None

    def _refused(self, request: Request, account: WhatsAppAccount | None) -> Response | None:
        stranger = self._stranger(request)
        if stranger is None and account not in self._known(request):
            return self.error(400, 100, "Object does not exist or cannot be loaded")
        return stranger

    def templates_of(self, account: WhatsAppAccount) -> list[Template]:
        """Those of the business that the number belongs to."""
        known = self.exchange.world.templates
        return known.setdefault(account.business_account_id, first_templates())

    async def _templates(self, request: Request) -> Response:
        account = self.account_at(request)
        refused = self._refused(request, account)
        if refused is not None or account is None:
            return refused or self.error(400, 100)
        return JSONResponse(page(self.templates_of(account), request.query_params))

    async def _send(self, request: Request) -> Response:
        account = self.account_at(request)
        refused = self._refused(request, account)
        if refused is not None or account is None:
            return refused or self.error(400, 100)
        try:
            body = json.loads(await request.body())
        except ValueError:
            body = None
        if not isinstance(body, dict) or body.get("messaging_product") != "whatsapp":
            return self.error(400, 100, "Invalid parameter: messaging_product")
        if body.get("status") == "read":
            return self._seen(account, body)
        return await self._accept(request, account, body)

    def _seen(self, account: WhatsAppAccount, body: Json) -> Response:
        message = self.exchange.world.find_message(str(body.get("message_id")))
        if message is None or message.direction != "inbound" or message.account != account.account:
            return self.error(400, 131009, "Parameter value is not valid: message_id")
        for earlier in self.exchange.world.messages(message.key):
            if earlier.direction == "inbound" and earlier.at <= message.at and not earlier.seen:
                earlier.seen = True
                self.exchange.changed(earlier)
        if "typing_indicator" in body:
            self.exchange.broadcast.publish(
                "typing", kind=self.name, account=account.account, customer_id=message.customer_id
            )
        return JSONResponse({"success": True})

    async def _accept(self, request: Request, account: WhatsAppAccount, body: Json) -> Response:
        world = self.exchange.world
        target = str(body.get("to") or body.get("recipient") or "")
        if not target:
            return self.error(400, 131008, "Required parameter is missing: to or recipient")
        by_phone = bool(body.get("to"))
        if by_phone:
            customer = world.find_by_phone(target) or world.meet(phone=target)
        else:
            customer = world.find_by_bsuid(target) or world.meet(bsuid=target)
        message = Message(
            id=self.new_id(customer, outbound=True, media=False),
            kind=self.name,
            account=account.account,
            customer_id=customer.id if customer else f"unknown:{target}",
            direction="outbound",
            at=now(),
            status="accepted",
            reply_to=_text_of(body, "context", "message_id"),
            callback_data=_text(body, "biz_opaque_callback_data"),
        )
        wrong = self._fill(account, message, body)
        if wrong is not None:
            return wrong
        request.state.message_id = message.id
        code = self._code(message, customer)
        further = await self.exchange.take(account, customer, message, code)
        contact: Json = {"input": target}
        if customer is not None and customer.phone:
            contact["wa_id"] = digits(customer.phone)
        if customer is not None:
            contact["user_id"] = customer.bsuid
        answer = {
            "messaging_product": "whatsapp",
            "contacts": [contact],
            "messages": [{"id": message.id}],
        }
        return _answer(answer, further)

    def _fill(self, account: WhatsAppAccount, message: Message, body: Json) -> Response | None:
        """Put the content in; the error where there is something wrong with it."""
        type_ = _text(body, "type") or "text"
        content = body.get(type_)
        if type_ == "contacts":
            return self._rich(message, type_, contacts, content)
        if not isinstance(content, dict):
            return self.error(400, 131008, f"Required parameter is missing: {type_}")
        if type_ == "text":
            message.text = str(content.get("body", ""))
            if not 0 < len(message.text) <= _TEXT_LIMIT:
                return self.error(400, 100, "Param text['body'] must be 1 to 4096 characters long")
        elif type_ in _MEDIA_TYPES:
            message.text = str(content.get("caption", ""))
            if len(message.text) > _CAPTION_LIMIT:
                return self.error(400, 100, "Param caption must be at most 1024 characters long")
            if "link" in content:
                message.details["link"] = str(content["link"])
            else:
                media = self.exchange.world.media.get(str(content.get("id")))
                if media is None or media.account != account.account:
                    return self.error(400, 131009, "Parameter value is not valid: media id")
                message.media.append(media)
        elif type_ == "template":
            return self._from_template(account, message, content)
        elif type_ in _RICH:
            return self._rich(message, type_, _RICH[type_], content)
        elif type_ == "reaction":
            target = self.exchange.world.find_message(str(content.get("message_id")))
            if target is None or target.key != message.key:
                return self.error(400, 131009, "Parameter value is not valid: message_id")
            self._react(target, str(content.get("emoji", "")))
        else:
            return self.error(400, 131051, "Message type unsupported")
        message.details["type"] = type_
        return None

    def _rich(
        self, message: Message, type_: str, read: Callable[[Any], Json], content: object
    ) -> Response | None:
        try:
            message.rich = read(content)
        except RichWrong as wrong:
            return self.error(400, wrong.code, str(wrong))
        message.text = message.rich.pop("text", "")
        message.details["type"] = type_
        return None

    def _from_template(
        self, account: WhatsAppAccount, message: Message, content: Json
    ) -> Response | None:
        try:
            template, message.rich = fill(self.templates_of(account), content)
        except TemplateWrong as wrong:
            return self.error(wrong.status, wrong.code, str(wrong))
        message.text = message.rich.pop("text")
        message.details |= {"type": "template", "template": template.name}
        file = message.rich.pop("media", None)
        if file is not None:
            media = self.exchange.world.media.get(file)
            if media is None or media.account != account.account:
                return self.error(400, 131009, "Parameter value is not valid: media id")
            message.media.append(media)
        return None

    def _react(self, target: Message, emoji: str) -> None:
        target.reactions.pop("shop", None)
        if emoji:
            target.reactions["shop"] = emoji
        self.exchange.changed(target)

    def _code(self, message: Message, customer: Customer | None) -> int | None:
        """With what the message will fail, if it will."""
        type_ = message.details["type"]
        if customer is None:
            return 131026
        if type_ == "image" and any(
            media.mime not in ("image/jpeg", "image/png") or media.size_bytes > _IMAGE_LIMIT
            for media in message.media
        ):
            return 131053
        if type_ == "template":
            return None
        earlier = self.exchange.world.messages(message.key)
        last = max((m.at for m in earlier if m.direction == "inbound"), default=None)
        if last is None and customer.met:
            return None
        # Meta takes a late message with 200 and only then says that the window was closed.
        return None if last is not None and now() - last < WINDOW else 131047

    async def prepare(self, account: WhatsAppAccount, message: Message) -> int | None:
        link = message.details.get("link")
        if link is None:
            return None
        try:
            content, mime = await fetch(self.exchange.courier.session, link, _UPLOAD_LIMIT)
        except NotFetched:
            return 131053
        media = self.exchange.world.put_media(self.new_media_id(), account, content, mime)
        message.media.append(media)
        return None

    async def _upload(self, request: Request) -> Response:
        account = self.account_at(request)
        refused = self._refused(request, account)
        if refused is not None or account is None:
            return refused or self.error(400, 100)
        async with request.form(max_files=1, max_part_size=_UPLOAD_LIMIT) as form:
            file = form.get("file")
            if form.get("messaging_product") != "whatsapp" or file is None or isinstance(file, str):
                return self.error(400, 100, "Invalid parameter: file and messaging_product")
            content = await file.read()
            mime = str(form.get("type") or file.content_type or "application/octet-stream")
        if mime.startswith("image/") and image_mime(content) != mime:
            return self.error(400, 131053, "Media upload error: the file is not what its type says")
        media = self.exchange.world.put_media(self.new_media_id(), account, content, mime)
        return JSONResponse({"id": media.id})

    async def _numbers(self, request: Request) -> Response:
        """The numbers of a business account, as far as the token reaches."""
        node = request.path_params["node"]
        found = [one for one in self._known(request) if one.business_account_id == node]
        stranger = self._stranger(request)
        if stranger is not None:
            return stranger
        if not found:
            return self.error(400, 100, "Object does not exist or cannot be loaded")
        return JSONResponse({"data": [{"id": one.account} for one in found]})

    async def _node(self, request: Request) -> Response:
        if request.path_params["node"] in ("me", "debug_token"):
            return self._self(request)
        account = self.account_at(request)
        refused = self._refused(request, account)
        if refused is not None or account is None:
            return refused or self.error(400, 100)
        media = self.exchange.world.media.get(request.path_params["node"])
        if media is not None:
            return JSONResponse(self._media_json(media))
        fields = request.query_params.get("fields", "verified_name,display_phone_number").split(",")
        known = {
            "verified_name": account.name,
            "display_phone_number": account.display_phone_number,
            "quality_rating": "GREEN",
            "code_verification_status": "VERIFIED",
            "platform_type": "CLOUD_API",
            "status": "CONNECTED",
        }
        return JSONResponse(
            {field: known[field] for field in fields if field in known} | {"id": account.account}
        )

    def _self(self, request: Request) -> Response:
        """Whose token it is, and what is known of it; of another one nothing is told."""
        stranger = self._stranger(request)
        if stranger is not None:
            return stranger
        account = self._known(request)[0]
        if request.path_params["node"] == "me":
            return JSONResponse({"id": "600000000000001", "name": "Assent"})
        if request.query_params.get("input_token") != account.access_token:
            return self.error(400, 100, "The token may not ask about another one")
        return JSONResponse(debug_token(account, _PERMISSIONS))

    async def _delete(self, request: Request) -> Response:
        refused = self._refused(request, self.account_at(request))
        return refused or JSONResponse({"success": True})

    def _media_json(self, media: Media) -> Json:
        return {
            "url": self.media_url(media),
            "mime_type": media.mime,
            "sha256": base64.b64encode(bytes.fromhex(media.sha256)).decode(),
            "file_size": media.size_bytes,
            "id": media.id,
            "messaging_product": "whatsapp",
        }

    async def _download(self, request: Request) -> Response:
        account = self.account_at(request)
        refused = self._refused(request, account)
        if refused is not None:
            return refused
        query = request.query_params
        media = self.exchange.world.media.get(query.get("mid", ""))
        expires = query.get("ext", "")
        if media is None or not expires.isdigit() or int(expires) < time.time():
            return Response(status_code=404)
        return Response(self.exchange.world.read_media(media.id), media_type=media.mime)


def _owns(account: Account, node: str) -> bool:
    return isinstance(account, WhatsAppAccount) and account.business_account_id == node


def _text_of(body: Json, outer: str, inner: str) -> str | None:
    found = body.get(outer)
    return _text(found, inner) if isinstance(found, dict) else None


def _text(body: Json, name: str) -> str | None:
    text = body.get(name)
    return text if isinstance(text, str) else None


def _answer(body: Json, further: BackgroundTask | None) -> Response:
    return Response(msgspec.json.encode(body), media_type="application/json", background=further)
