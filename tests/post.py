"""A kind of mail for tests of the core: a connector of its own over a small provider's HTTP edge.

The provider is a post office on a free port: it holds mails, is asked for those after a number, and
takes mails to be sent. Its mails are JSON with the fields of `Mail`, so no parser comes between.
"""

from __future__ import annotations

import asyncio
import base64
import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from connectors.http import Http
from inbox.domain.abilities import Pulled
from inbox.domain.channel import (
    Channel,
    Connector,
    Fetched,
    Manifest,
    MediaLimit,
    OutboundMessage,
    Payload,
    Secret,
    Sent,
    TextLimits,
    WebhookRequest,
)
from inbox.domain.errors import AccountTrouble, MalformedPayload, Permanent, Temporary, Untrusted
from inbox.domain.gate import Permit
from inbox.domain.ids import ChannelId, WorkspaceId
from inbox.domain.mail import our_message
from inbox.domain.message import Author, Direction, Message, Status
from inbox.domain.report import (
    Mail,
    Media,
    MessageReceived,
    PreferenceReported,
    ProviderError,
    PullAsked,
    Report,
    Sender,
    StatusReported,
)
from inbox.ids import new_id
from tests.office import NOW, Office, a_draft

OURS = "help@shop.example"
MAYA = "maya@example.com"
MANIFEST = Manifest(
    kind="post",
    label="Post",
    provider="The post office",
    needs=(),
    account_field="address",
    signing_field="token",
    text=TextLimits(max_chars=100_000, caption_chars=100_000),
    media=(MediaLimit(kind="document", mimes=("text/plain",), max_bytes=1_000_000),),
    max_attachments=5,
    reports=("sent", "failed"),
    words="email",
    mail=True,
)


def a_mail(text: str = "Where is it?", *, who: str = MAYA, **more: Any) -> dict[str, Any]:
    """One mail as the post office holds it; `name`, `type` and `media` are of the message, the
    other keys are those of `Mail`."""
    return {
        "id": secrets.token_hex(6),
        "from": who,
        "name": "Maya Ortiz" if who == MAYA else None,
        "text": text,
        "at": NOW.isoformat(),
        "subject": "A kettle",
        "message_id": f"{secrets.token_hex(6)}@example.com",
        "to": [OURS],
        **more,
    }


_OF_MAIL = (
    *("subject", "message_id", "thread_id", "in_reply_to", "references", "reply_address", "to"),
    *("cc", "alias", "folded", "html", "sort", "automated", "opens", "basis"),
)
_LISTS = ("references", "to", "cc")


def _message(one: Mapping[str, Any]) -> MessageReceived:
    fields = {key: one[key] for key in _OF_MAIL if key in one}
    fields |= {key: tuple(fields[key]) for key in _LISTS if key in fields}
    address = one["to"][0] if one.get("sent") else one["from"]
    ours = our_message(one["message_id"]) if one.get("sent") else None
    return MessageReceived(
        account=OURS,
        provider_id=one["id"],
        sender=Sender(keys=(address,), address=address, handle=address, name=one.get("name")),
        type="text",
        text=one["text"],
        media=tuple(Media(**media) for media in one.get("media", ())),
        sent_at=datetime.fromisoformat(one["at"]),
        direction="outbound" if one.get("sent") else "inbound",
        message_id=ours,
        mail=Mail(from_address=one["from"], **fields),
    )


class Post:
    """The connector."""

    manifest = MANIFEST
    pull_every_s = 3600.0

    def __init__(self, http: Http, url: str) -> None:
        self._http = http
        self._url = url

    def verify(self, request: WebhookRequest, channels: Sequence[Channel]) -> None:
        if not any(request.query.decode() == c.setting("token") for c in channels):
            raise Untrusted("wrong token")

    def challenge(self, request: WebhookRequest, channel: Channel) -> str:
        raise Untrusted("there is none")

    def parse(self, payload: Payload, received_at: datetime) -> list[Report]:
        try:
            body = json.loads(payload.body)
        except ValueError as error:
            raise MalformedPayload("no JSON") from error
        reports: list[Report] = [_message(one) for one in body.get("mails", ())]
        if body.get("asks"):
            reports.append(PullAsked(account=OURS))
        for who in body.get("complaints", ()):
            sender = Sender(keys=(who,), address=who, handle=who)
            reports.append(
                PreferenceReported(
                    account=OURS,
                    sender=sender,
                    act="stop",
                    code="complaint",
                    at=received_at,
                    covers="all",
                )
            )
        for told in body.get("told", ()):
            failed = told["status"] == "failed"
            reason = "One of the recipients does not exist. Check the addresses."
            error = ProviderError(
                code="5.1.1", action="final", reason=reason, consent=told.get("consent")
            )
            reports.append(
                StatusReported(
                    account=OURS,
                    status=Status(told["status"]),
                    provider_id=told["mail_id"],
                    message_id=told["message_id"],
                    recipient=told.get("recipient"),
                    error=error if failed else None,
                )
            )
        return reports

    async def pull(self, channel: Channel, cursor: str | None, now: datetime) -> Pulled:
        url = f"{self._url}/mails?after={cursor or 0}"
        answer = await self._http.call("GET", url, max_bytes=1 << 26)
        if answer.status == 401:
            raise AccountTrouble("The mailbox must be signed in again.", code="signed_out")
        if answer.status == 410:
            raise Permanent("That number is too old.", code="cursor")
        if answer.status != 200:
            raise Temporary("The post office is closed.", retry_after_s=answer.retry_after_s)
        found: Any = answer.json()
        query = b"backfill=1" if cursor is None and found.get("old") else b""
        payloads = tuple(
            Payload(
                method="PULL",
                query=query,
                content_type="application/json",
                body=json.dumps({"mails": [one]}).encode(),
            )
            for one in found["mails"]
        )
        lost = tuple(datetime.fromisoformat(one) for one in found["lost"])
        return Pulled(
            payloads=payloads,
            cursor=str(found["cursor"]),
            more=found["more"],
            again_s=found["again_s"],
            lost=lost,
        )

    async def make_ready(self, message: OutboundMessage) -> None:
        await self._http.call("POST", f"{self._url}/ready")

    async def send(self, message: OutboundMessage, permit: Permit) -> Sent:
        permit.spend(message.subject(), datetime.now(NOW.tzinfo))
        body = {
            "id": message.id,
            "to": message.to,
            "text": message.text,
            "content": message.content,
        }
        answer = await self._http.call("POST", f"{self._url}/sent", body=json.dumps(body).encode())
        if answer.status != 200:
            raise Permanent("The post office refused it.")
        found: Any = answer.json()
        return Sent(provider_id=found["id"], mail_id=found["message_id"])

    async def fetch(self, media: Media, channel: Channel) -> Fetched:
        return Fetched(content=base64.b64decode(media.ref), mime=media.mime, name=media.name)

    async def check(self, channel: Channel) -> str:
        return OURS

    async def sign_out(self, channel: Channel) -> None:
        url = f"{self._url}/end?{channel.setting('token')}"
        if (await self._http.call("POST", url)).status != 200:
            raise Permanent("The post office refused it.", code="refused")


@dataclass
class PostOffice:
    """The provider: what it holds, how often it was asked, and what it answers instead."""

    mails: list[dict[str, Any]] = field(default_factory=list)
    sent: list[dict[str, Any]] = field(default_factory=list)
    asked: list[int] = field(default_factory=list)
    ended: list[str] = field(default_factory=list)
    readied: int = 0
    opened: asyncio.Event = field(default_factory=asyncio.Event)
    faults: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    page: int = 2
    old: bool = False
    lost: list[str] = field(default_factory=list)
    again_s: float | None = None
    port: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def start(self) -> None:
        self.opened.set()
        app = web.Application(client_max_size=1 << 26)
        app.router.add_get("/mails", self._list)
        app.router.add_post("/sent", self._take)
        app.router.add_post("/ready", self._make_ready)
        app.router.add_post("/end", self._end)
        self._runner = web.AppRunner(app, shutdown_timeout=1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.port = self._runner.addresses[0][1]

    async def close(self) -> None:
        await self._runner.cleanup()

    async def _list(self, request: web.Request) -> web.Response:
        after = int(request.query["after"])
        self.asked.append(after)
        if self.faults:
            status, headers = self.faults.pop(0)
            return web.Response(status=status, headers=headers)
        until = min(after + self.page, len(self.mails))
        return web.json_response(
            {
                "mails": self.mails[after:until],
                "cursor": until,
                "more": until < len(self.mails),
                "old": self.old,
                "lost": self.lost,
                "again_s": self.again_s,
            }
        )

    async def _make_ready(self, request: web.Request) -> web.Response:
        """Not until it is open."""
        self.readied += 1
        await self.opened.wait()
        return web.Response()

    async def _end(self, request: web.Request) -> web.Response:
        self.ended.append(request.query_string)
        status, _ = self.faults.pop(0) if self.faults else (200, {})
        return web.Response(status=status)

    async def _take(self, request: web.Request) -> web.Response:
        body = json.loads(await request.read())
        self.sent.append(body)
        answer = {"id": f"sent-{len(self.sent)}", "message_id": f"{body['id']}@shop.example"}
        return web.json_response(answer)


def a_post_channel(workspace_id: WorkspaceId) -> Channel:
    return Channel(
        id=ChannelId(new_id("chn")),
        workspace_id=workspace_id,
        kind="post",
        name="Shop",
        account=OURS,
        config={"address": OURS},
        secrets={"token": Secret("token")},
        provider_stop=False,
        created_at=NOW,
    )


async def with_post(office: Office, http: Http, post_office: PostOffice) -> Office:
    """The office with a mailbox besides."""
    channel = a_post_channel(office.workspace_id)
    await office.stores.channels.add(channel)
    connector: Connector = Post(http, post_office.url)
    return replace(
        office,
        connectors={**office.connectors, "post": connector},
        channels={**office.channels, "post": channel},
    )


def body_of(*mails: dict[str, Any]) -> bytes:
    return json.dumps({"mails": list(mails)}).encode()


async def an_answer(office: Office, text: str = "On its way.", **changes: Any) -> Message:
    """Sent, as far as we know."""
    conversation = await office.conversation()
    draft = a_draft(conversation, text, direction=Direction.OUTBOUND, at=datetime.now(UTC))
    draft = replace(draft, author=Author(type="agent", id="agt_1", name="Ana Silva"), **changes)
    (stored,) = await office.stores.messages.append(conversation, [draft], durable=True)
    return stored


def our_mail_id(office: Office, message: Message) -> str:
    """The Message-ID of a mail of ours, as the one that it goes to reads it."""
    return f"{message.id}.{office.stores.messages.mail_token(message.id)}@shop.example"


def copy_of(message: Message, **more: Any) -> dict[str, Any]:
    return a_mail(
        message.text,
        who=OURS,
        to=[MAYA],
        sent=True,
        message_id=f"{message.id}@shop.example",
        **more,
    )
