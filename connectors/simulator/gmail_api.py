"""The Gmail API as the inbox calls it."""

from __future__ import annotations

import base64
import binascii
import functools
import json
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from connectors.simulator import gmail_letters as letters
from connectors.simulator import gmail_shapes as shapes
from connectors.simulator.calls import Door
from connectors.simulator.courier import Pack
from connectors.simulator.gmail_account import GmailAccount
from connectors.simulator.gmail_mailbox import TYPES, Mail, base_subject
from connectors.simulator.google_accounts import MODIFY
from connectors.simulator.world import Message, now

if TYPE_CHECKING:
    from connectors.simulator.gmail import Gmail

API = "/gmail/v1/users/{user}"
WATCH_DAYS = 7
_MOST_RAW = 36_700_160
_MOST_RECIPIENTS = 500

Do = Callable[[Request, GmailAccount], Awaitable[Response]]


class Api:
    def __init__(self, kind: Gmail) -> None:
        self._kind = kind

    def routes(self) -> Sequence[BaseRoute]:
        google = self._kind.google

        def door(
            path: str, operation: str, do: Callable[[Request], Awaitable[Response]], method: str
        ) -> Route:
            return Route(path, Door(self._kind, operation, do), methods=[method])

        def api(path: str, operation: str, do: Do, method: str = "GET") -> Route:
            return door(API + path, operation, self._allowed(do), method)

        return [
            door("/o/oauth2/v2/auth", "lookup", google.page, "GET"),
            door("/token", "token", google.token, "POST"),
            door("/revoke", "token", google.revoked, "POST"),
            door("/oauth2/v3/certs", "lookup", self._certs, "GET"),
            api("/profile", "lookup", self._profile),
            api("/messages", "lookup", self._list),
            api("/messages/send", "send", self._send, "POST"),
            api("/messages/{id}", "fetch", self._get),
            api("/messages/{id}/modify", "lookup", self._modify, "POST"),
            api("/messages/{id}/trash", "lookup", self._trash, "POST"),
            api("/messages/{id}/attachments/{attachment}", "media", self._attachment),
            api("/threads/{id}", "lookup", self._thread),
            api("/history", "history", self._history),
            api("/watch", "lookup", self._watch, "POST"),
            api("/stop", "lookup", self._stop, "POST"),
            api("/settings/sendAs", "lookup", self._send_as),
        ]

    def _allowed(self, do: Do) -> Callable[[Request], Awaitable[Response]]:
        @functools.wraps(do)
        async def answer(request: Request) -> Response:
            token = request.headers.get("authorization", "").removeprefix("Bearer ")
            access = self._kind.google.access(token)
            account = self._kind.account(access.address) if access is not None else None
            if access is None or account is None:
                return _error(401)
            if MODIFY not in access.scope.split():
                return _error(403)
            if request.path_params["user"].lower() not in ("me", account.account.lower()):
                return _error(403, "delegationDenied")
            return await do(request, account)

        return answer

    async def _certs(self, request: Request) -> Response:
        return JSONResponse(
            self._kind.signer.published(),
            headers={"Cache-Control": "public, max-age=19800, must-revalidate"},
        )

    async def _profile(self, request: Request, account: GmailAccount) -> Response:
        box = self._kind.box(account)
        body = {
            "emailAddress": account.account,
            "messagesTotal": len(box.mails),
            "threadsTotal": len({mail.thread_id for mail in box.mails.values()}),
            "historyId": str(box.history_id),
        }
        return JSONResponse(body)

    async def _list(self, request: Request, account: GmailAccount) -> Response:
        query = request.query_params
        found = list(self._kind.box(account).search(query.get("q", ""), now()))
        size = min(int(query.get("maxResults", "100")), 500)
        begin = int(query.get("pageToken", "0"))
        body: shapes.Json = {"resultSizeEstimate": len(found)}
        if found[begin : begin + size]:
            body["messages"] = [shapes.brief(mail) for mail in found[begin : begin + size]]
        if len(found) > begin + size:
            body["nextPageToken"] = str(begin + size)
        return JSONResponse(body)

    async def _get(self, request: Request, account: GmailAccount) -> Response:
        mail = self._mail(request, account)
        if mail is None:
            return _error(404)
        request.state.message_id = mail.id
        format_ = shapes.FORMATS.get(request.query_params.get("format", "full"))
        if format_ is None:
            return _error(400)
        if format_ in ("raw", "full"):
            self._kind.fetched(mail)
        names = request.query_params.getlist("metadataHeaders")
        return JSONResponse(shapes.message(mail, self._kind.raw(mail), format_, names))

    def _mail(self, request: Request, account: GmailAccount) -> Mail | None:
        return self._kind.box(account).mails.get(request.path_params["id"])

    async def _attachment(self, request: Request, account: GmailAccount) -> Response:
        mail = self._mail(request, account)
        given = request.path_params["attachment"]
        content = shapes.attachment(self._kind.raw(mail), given) if mail is not None else None
        if content is None:
            return _error(404)
        data = base64.urlsafe_b64encode(content).decode().rstrip("=")
        return JSONResponse({"size": len(content), "data": data})

    async def _thread(self, request: Request, account: GmailAccount) -> Response:
        box = self._kind.box(account)
        mails = box.thread(request.path_params["id"])
        if not mails:
            return _error(404)
        shown = [shapes.message(mail, self._kind.raw(mail), "full") for mail in mails]
        body = {"id": mails[0].thread_id, "historyId": str(box.history_id), "messages": shown}
        return JSONResponse(body)

    async def _history(self, request: Request, account: GmailAccount) -> Response:
        query = request.query_params
        box = self._kind.box(account)
        start = query.get("startHistoryId", "")
        wanted = query.getlist("historyTypes")
        changes = [TYPES[one] for one in wanted if one in TYPES] or list(TYPES.values())
        if not start.isdigit():
            return _error(400)
        records = box.since(int(start), changes)
        if records is None:
            return _error(404)
        size = min(int(query.get("maxResults", "100")), 500)
        begin = int(query.get("pageToken", "0"))
        page = records[begin : begin + size]
        body: shapes.Json = {"history": [shapes.history(one) for one in page]} if page else {}
        if len(records) > begin + size:
            body["nextPageToken"] = str(begin + size)
        body["historyId"] = str(box.history_id)
        return JSONResponse(body)

    async def _watch(self, request: Request, account: GmailAccount) -> Response:
        document = await request.json()
        if not account.topic or document.get("topicName") != account.topic:
            return _error(400, "failedPrecondition")
        box = self._kind.box(account)
        box.watched_until = now() + timedelta(days=WATCH_DAYS)
        expiration = str(int(box.watched_until.timestamp() * 1000))
        body = {"historyId": str(box.history_id), "expiration": expiration}
        # A successful watch is followed by a notification at once.
        return JSONResponse(body, background=BackgroundTask(self._notify, account))

    async def _notify(self, account: GmailAccount) -> None:
        pack = self._kind.pack_push(account)
        if pack is not None:
            self._kind.exchange.courier.spawn(self._push(account, pack))

    async def _push(self, account: GmailAccount, pack: Pack) -> None:
        await self._kind.exchange.courier.deliver(account, pack, self._kind.manner)

    async def _stop(self, request: Request, account: GmailAccount) -> Response:
        self._kind.box(account).watched_until = None
        return Response(status_code=204)

    async def _send_as(self, request: Request, account: GmailAccount) -> Response:
        own = {
            "sendAsEmail": account.account,
            "displayName": account.name,
            "isPrimary": True,
            "isDefault": True,
        }
        others = [
            {"sendAsEmail": alias, "displayName": account.name, "verificationStatus": "accepted"}
            for alias in account.aliases
        ]
        return JSONResponse({"sendAs": [own, *others]})

    async def _modify(self, request: Request, account: GmailAccount) -> Response:
        mail = self._mail(request, account)
        if mail is None:
            return _error(404)
        document = await request.json()
        add, remove = document.get("addLabelIds", []), document.get("removeLabelIds", [])
        if {"SENT", "DRAFT"} & {*add, *remove} or len(add) > 100 or len(remove) > 100:
            return _error(400)
        self._relabel(account, mail, add, remove)
        return JSONResponse(shapes.labelled(mail))

    async def _trash(self, request: Request, account: GmailAccount) -> Response:
        mail = self._mail(request, account)
        if mail is None:
            return _error(404)
        self._relabel(account, mail, ["TRASH"], ["INBOX"])
        return JSONResponse(shapes.labelled(mail))

    def _relabel(
        self, account: GmailAccount, mail: Mail, add: list[str], remove: list[str]
    ) -> None:
        self._kind.box(account).relabel(mail, add, remove)
        self._kind.relabelled(mail)

    # sending

    async def _send(self, request: Request, account: GmailAccount) -> Response:
        try:
            document = json.loads(await request.body())
            encoded = str(document["raw"]).replace("-", "+").replace("_", "/").rstrip("=")
            raw = base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
        except (ValueError, KeyError, TypeError, binascii.Error):
            return _error(400, "badRequest")
        if len(raw) > _MOST_RAW:
            return _error(413, "uploadTooLarge")
        heads = letters.read(raw)
        people = dict.fromkeys((*heads.to, *heads.cc, *heads.bcc))
        if not people or len(people) > _MOST_RECIPIENTS:
            return JSONResponse(shapes.error(400, None, "Invalid To header"), status_code=400)
        thread_id = document.get("threadId")
        box = self._kind.box(account)
        thread = box.thread(thread_id) if thread_id else []
        if thread_id and not thread:
            return _error(404)
        # All three, or it is a new thread without a word: the id, the references, the subject.
        known = {mail.mail_id for mail in thread}
        subjects = {base_subject(mail.subject) for mail in thread}
        if not known & set(heads.references) or base_subject(heads.subject) not in subjects:
            thread_id = None
        raw = self._as_gmail_sends(account, raw, heads)
        message = self._delivered(account, raw, people, heads)
        mail = self._kind.keep(
            account,
            raw,
            labels={"SENT"},
            at=message.at,
            thread_id=thread_id or message.id,
            message=message,
        )
        request.state.message_id, request.state.account = mail.id, account.account
        customer = self._kind.exchange.world.customers.get(message.customer_id)
        code = None if customer is not None else 550
        further = await self._kind.exchange.take(account, customer, message, code)
        return JSONResponse(shapes.labelled(mail), background=further)

    def _as_gmail_sends(self, account: GmailAccount, raw: bytes, heads: letters.Heads) -> bytes:
        """Another sender than the mailbox may be is replaced, Bcc is taken out."""
        allowed = {account.account.lower(), *(alias.lower() for alias in account.aliases)}
        if heads.sender not in allowed:
            raw = letters.with_header(raw, "From", f"{account.name} <{account.account}>")
        if not (heads.mail_id.startswith("<") and "@" in heads.mail_id):
            raw = letters.with_header(raw, "Message-ID", letters.new_mail_id(account.account))
        return letters.without_header(raw, "Bcc")

    def _delivered(
        self, account: GmailAccount, raw: bytes, people: dict[str, None], heads: letters.Heads
    ) -> Message:
        """The mail as the first of its recipients sees it; the others get their own."""
        world = self._kind.exchange.world
        text, files = letters.seen(raw)
        first: Message | None = None
        for address in people:
            customer = world.find_by_email(address) or world.meet(email=address)
            message = Message(
                id=self._kind.new_id(customer, outbound=True, media=False),
                kind=self._kind.name,
                account=account.account,
                customer_id=customer.id if customer else f"unknown:{address}",
                direction="outbound",
                at=now(),
                status="sent",
                text=text,
                reply_to=self._phone_id(account, heads.references),
                details={
                    "subject": heads.subject,
                    "to": ", ".join(heads.to),
                    "cc": ", ".join(heads.cc),
                    "mail_id": heads.mail_id,
                    "references": " ".join(heads.references),
                },
            )
            message.media = [
                world.put_media(
                    self._kind.new_media_id(), account, file.content, file.mime, file.name
                )
                for file in files
            ]
            if first is None:
                first = message
            else:
                message.status = "delivered"
                self._kind.exchange.changed(message)
        if first is None:
            raise ValueError("a mail without recipients was taken")
        return first

    def _phone_id(self, account: GmailAccount, references: tuple[str, ...]) -> str | None:
        """The message that it answers, on the phone."""
        for mail in reversed(self._kind.box(account).mails.values()):
            if references and mail.mail_id == references[-1]:
                return mail.message_id or None
        return None


def _error(status: int, reason: str | None = None) -> Response:
    return JSONResponse(shapes.error(status, reason), status_code=status)
