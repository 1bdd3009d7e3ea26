"""Twilio's side of SMS and MMS: Messages and Media of an account, STOP on its numbers. Webhooks are
in `sms_events.py`.

Left out on purpose: scheduling, Content templates, WhatsApp through Twilio, deletion.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import re
import secrets
from collections.abc import Sequence
from typing import Any, ClassVar
from urllib.parse import urlencode, urlsplit

from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from connectors.simulator.calls import Door
from connectors.simulator.fetching import NotFetched, fetch
from connectors.simulator.gsm7 import segments
from connectors.simulator.sms_events import API, SmsAccount, SmsEvents
from connectors.simulator.stop import answer, keyword
from connectors.simulator.twilio import FAILURES, rfc2822, sent_within
from connectors.simulator.world import Customer, Message, Thread, now

_BODY_LIMIT = 1600
_MEDIA_LIMIT = 5 * 1024 * 1024
_E164 = re.compile(r"\+[1-9]\d{6,14}")
_PAGE_LIMIT = 1000
_USUAL_CODES = {400: 21211, 401: 20003, 404: 20404, 429: 20429, 500: 20500, 503: 20503}


class Sms(SmsEvents):
    name: ClassVar = "sms"
    label: ClassVar = "SMS"
    provider: ClassVar = "Twilio"
    reports_reading: ClassVar = False
    failures: ClassVar = FAILURES

    @property
    def account_type(self) -> type[SmsAccount]:
        return SmsAccount

    def address(self, account: SmsAccount) -> str:
        return account.account

    def reaches(self, customer: Customer) -> bool:
        return bool(customer.phone)

    def new_id(self, customer: Customer | None, *, outbound: bool, media: bool) -> str:
        return ("MM" if media else "SM") + secrets.token_hex(16)

    def new_media_id(self) -> str:
        return "ME" + secrets.token_hex(16)

    def account_at(self, request: Request) -> SmsAccount | None:
        """By the account's id; the first number of it. A call about one number finds it itself."""
        return next(iter(self._numbers(request.path_params.get("sid", ""))), None)

    def _numbers(self, sid: str) -> list[SmsAccount]:
        accounts = self.exchange.world.accounts.values()
        return [a for a in accounts if isinstance(a, SmsAccount) and a.account_sid == sid]

    def error(self, status: int, code: int | None, text: str | None = None) -> Response:
        code = code if code is not None else _USUAL_CODES.get(status, 20500)
        body = {
            "code": code,
            "message": text or self.failures.get(code, "Request failed"),
            "more_info": f"https://www.twilio.com/docs/errors/{code}",
            "status": status,
        }
        return JSONResponse(body, status_code=status)

    # what the inbox calls

    def routes(self) -> Sequence[BaseRoute]:
        def door(path: str, operation: str, handler: Any, method: str = "GET") -> Route:
            return Route(path, Door(self, operation, handler), methods=[method])

        messages = API + "/Accounts/{sid}/Messages"
        return [
            door(messages + ".json", "send", self._send, "POST"),
            door(messages + ".json", "lookup", self._list),
            door(messages + "/{message}/Media.json", "lookup", self._files),
            door(messages + "/{message}/Media/{media}", "media", self._media),
            door(messages + "/{message}.json", "lookup", self._one),
            door(API + "/Accounts/{sid}.json", "lookup", self._account),
            Route(
                "/cdn/{media}/{mark}", Door(self, "media", self._cdn, content=True), methods=["GET"]
            ),
            door(API + "/Accounts/{sid}/IncomingPhoneNumbers.json", "lookup", self._owned),
        ]

    def _refused(self, request: Request, *, optional: bool = False) -> Response | None:
        header = request.headers.get("authorization")
        if header is None and optional:
            return None
        try:
            given = base64.b64decode((header or "").removeprefix("Basic "), validate=True)
        except binascii.Error:
            given = b""
        for number in self._numbers(request.path_params["sid"]):
            logins = [f"{number.account_sid}:{number.auth_token}"]
            if number.api_key_sid:
                logins.append(f"{number.api_key_sid}:{number.api_key_secret}")
            if any(hmac.compare_digest(given, login.encode()) for login in logins):
                return None
        return self.error(401, 20003)

    async def _send(self, request: Request) -> Response:
        refused = self._refused(request)
        if refused is not None:
            return refused
        async with request.form() as form:
            fields = {name: str(value) for name, value in form.items()}
            urls = [str(url) for url in form.getlist("MediaUrl")]
        account = self._sender(request.path_params["sid"], fields)
        code = self._wrong(account, fields, urls)
        if code is not None or account is None:
            return self.error(400, code)
        to = fields["To"]
        customer = self.exchange.world.find_by_phone(to) or self.exchange.world.meet(phone=to)
        customer_id = customer.id if customer else f"unknown:{to}"
        if self.exchange.world.thread(self.name, account.account, customer_id).blocked:
            return self.error(400, 21610)
        service = fields.get("MessagingServiceSid", "")
        message = Message(
            id=self.new_id(customer, outbound=True, media=bool(urls)),
            kind=self.name,
            account=account.account,
            customer_id=customer_id,
            direction="outbound",
            at=now(),
            status="accepted" if service else "queued",
            text=fields.get("Body", ""),
            details={
                "to": to,
                "service": service,
                "callback": fields.get("StatusCallback", ""),
                "media_urls": "\n".join(urls),
            },
        )
        request.state.message_id, request.state.account = message.id, account.account
        # With a service the sender and the segments are found out later: the first answer has none.
        answer = self._resource(account, message, first=bool(service))
        further = await self.exchange.take(account, customer, message, None if customer else 30005)
        return _created(answer, further)

    def _sender(self, sid: str, fields: dict[str, str]) -> SmsAccount | None:
        for number in self._numbers(sid):
            if fields.get("From") == number.account:
                return number
            service = fields.get("MessagingServiceSid")
            if not fields.get("From") and service and service == number.messaging_service_sid:
                return number
        return None

    def _wrong(
        self, account: SmsAccount | None, fields: dict[str, str], urls: list[str]
    ) -> int | None:
        body = fields.get("Body", "")
        if not fields.get("To"):
            return 21604
        if not _E164.fullmatch(fields["To"]):
            return 21211
        if not fields.get("From") and not fields.get("MessagingServiceSid"):
            return 21603
        if account is None:
            return 21606
        if not body and not urls:
            return 21619
        if len(body) > _BODY_LIMIT:
            return 21617
        if len(urls) > 10 or any(urlsplit(url).scheme not in ("http", "https") for url in urls):
            return 21620
        return None

    async def prepare(self, account: SmsAccount, message: Message) -> int | None:
        for url in message.details.get("media_urls", "").split():
            try:
                content, mime = await fetch(self.exchange.courier.session, url, _MEDIA_LIMIT)
            except NotFetched:
                return 11200
            media = self.exchange.world.put_media(self.new_media_id(), account, content, mime)
            message.media.append(media)
        return None

    async def _one(self, request: Request) -> Response:
        refused = self._refused(request)
        if refused is not None:
            return refused
        message = self.exchange.world.find_message(request.path_params["message"])
        account = self._owner(request, message)
        if message is None or account is None:
            return self.error(404, 20404)
        request.state.message_id = message.id
        return JSONResponse(self._resource(account, message))

    def _owner(self, request: Request, message: Message | None) -> SmsAccount | None:
        if message is None or message.kind != self.name or message.direction == "network":
            return None
        numbers = self._numbers(request.path_params["sid"])
        return next((n for n in numbers if n.account == message.account), None)

    async def _list(self, request: Request) -> Response:
        """Newest first, as Twilio does; `DateSent>` and its like take a day or a time."""
        refused = self._refused(request)
        if refused is not None:
            return refused
        query = request.query_params
        found = [
            resource
            for account in self._numbers(request.path_params["sid"])
            for message in self.exchange.world.messages_of(self.name, account.account)
            if message.direction != "network" and sent_within(message.at, query)
            for resource in [self._resource(account, message)]
            if query.get("To") in (None, resource["to"])
            and query.get("From") in (None, resource["from"])
        ]
        size = min(int(query.get("PageSize", "50")), _PAGE_LIMIT)
        page = int(query.get("Page", "0"))
        rest = len(found) > (page + 1) * size
        following = urlencode({**query, "Page": str(page + 1)})
        body = {
            "messages": found[page * size : (page + 1) * size],
            "page": page,
            "page_size": size,
            "uri": request.url.path,
            "next_page_uri": f"{request.url.path}?{following}" if rest else None,
        }
        return JSONResponse(body)

    async def _files(self, request: Request) -> Response:
        refused = self._refused(request)
        if refused is not None:
            return refused
        message = self.exchange.world.find_message(request.path_params["message"])
        account = self._owner(request, message)
        if message is None or account is None:
            return self.error(404, 20404)
        listed = [
            {
                "sid": media.id,
                "account_sid": account.account_sid,
                "parent_sid": message.id,
                "content_type": media.mime,
                "date_created": rfc2822(message.at),
                "date_updated": rfc2822(message.at),
                "uri": self.media_path(account, message, media) + ".json",
            }
            for media in message.media
        ]
        return JSONResponse({"media_list": listed, "next_page_uri": None})

    async def _account(self, request: Request) -> Response:
        refused = self._refused(request)
        account = self.account_at(request)
        if refused is not None or account is None:
            return refused or self.error(404, 20404)
        body = {
            "sid": account.account_sid,
            "friendly_name": account.name,
            "status": "active",
            "type": "Full",
        }
        return JSONResponse(body)

    async def _owned(self, request: Request) -> Response:
        """The account's numbers, or the one that is asked for."""
        refused = self._refused(request)
        wanted = request.query_params.get("PhoneNumber")
        numbers = [
            {"phone_number": one.account, "friendly_name": one.name}
            for one in self._numbers(request.path_params["sid"])
            if wanted in (None, one.account)
        ]
        return refused or JSONResponse({"incoming_phone_numbers": numbers})

    def _resource(
        self, account: SmsAccount, message: Message, *, first: bool = False
    ) -> dict[str, Any]:  # Any: JSON, on its way out
        """The Message resource; `first`: as it is before the service has chosen a sender."""
        customer = self.exchange.world.customers.get(message.customer_id)
        phone = message.details.get("to") or (customer.phone if customer else "")
        ours, outbound = account.account, message.direction == "outbound"
        sent = message.status_at.get("sent") or (None if outbound else message.at)
        media = len(message.media) or len(message.details.get("media_urls", "").split())
        uri = f"{API}/Accounts/{account.account_sid}/Messages/{message.id}"
        return {
            "sid": message.id,
            "account_sid": account.account_sid,
            "api_version": "2010-04-01",
            "from": None if first else (ours if outbound else phone),
            "to": phone if outbound else ours,
            "body": message.text,
            "status": message.status if outbound else "received",
            "num_segments": "0" if first else str(max(1, segments(message.text))),
            "num_media": str(media),
            "direction": "outbound-api" if outbound else "inbound",
            "error_code": message.failure.code if message.failure else None,
            "error_message": message.failure.title if message.failure else None,
            "price": None,
            "price_unit": "USD",
            "date_created": rfc2822(message.at),
            "date_updated": rfc2822(max(message.status_at.values(), default=message.at)),
            "date_sent": rfc2822(sent),
            "messaging_service_sid": message.details.get("service")
            or (account.messaging_service_sid if not outbound else None),
            "uri": uri + ".json",
            "subresource_uris": {"media": uri + "/Media.json"},
        }

    async def _media(self, request: Request) -> Response:
        account = self.account_at(request)
        refused = self._refused(request, optional=account is None or not account.media_auth)
        if refused is not None:
            return refused
        media = self.exchange.world.media.get(request.path_params["media"])
        message = self.exchange.world.find_message(request.path_params["message"])
        if media is None or self._owner(request, message) is None:
            return self.error(404, 20404)
        address = f"{self.exchange.base_url}/cdn/{media.id}/{media.sha256[:24]}"
        return RedirectResponse(address, status_code=307)

    async def _cdn(self, request: Request) -> Response:
        # The store behind it takes its own signature in the address, or a header, never both.
        if "authorization" in request.headers:
            return Response(
                "<Error><Code>InvalidArgument</Code></Error>", 400, media_type="text/xml"
            )
        media = self.exchange.world.media.get(request.path_params["media"])
        if media is None or not media.sha256.startswith(request.path_params["mark"]):
            return Response(status_code=403)
        return Response(self.exchange.world.read_media(media.id), media_type=media.mime)

    def steps(self, message: Message, *, open_phone: bool) -> tuple[str, ...]:
        begin = ("queued",) if message.details.get("service") else ()
        if message.failure is None:
            return (*begin, "sent", "delivered")
        # Codes from 30000 on come from the carrier, who had taken it.
        carrier = message.failure.code >= 30000
        return (*begin, "sent", "undelivered") if carrier else (*begin, "failed")

    def heard(self, account: SmsAccount, thread: Thread, text: str) -> str | None:
        """A block holds for every number of a Messaging Service."""
        word = keyword(text, account.advanced_opt_out) if account.provider_stop else None
        if word is None or (word == "STOP" and thread.blocked):
            return None
        if word == "START" and not thread.blocked:
            return None
        if word != "HELP":
            for number in self._of_service(account):
                other = self.exchange.world.thread(self.name, number.account, thread.customer_id)
                self.exchange.world.block(other, word == "STOP")
        return answer(word, account.advanced_opt_out)

    def _of_service(self, account: SmsAccount) -> list[SmsAccount]:
        service = account.messaging_service_sid
        numbers = self._numbers(account.account_sid) if service else []
        others = [n for n in numbers if n.messaging_service_sid == service and n != account]
        return [account, *others]


def _created(body: dict[str, Any], further: BackgroundTask | None) -> Response:
    return JSONResponse(body, status_code=201, background=further)
