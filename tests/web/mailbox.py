"""A kind that is signed in to at its provider's own page: a small connector, and the provider's
authorization server over real HTTP, which checks what OAuth 2.0 with PKCE has to bring."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from urllib.parse import urlencode

from aiohttp import web

from connectors.http import Http
from inbox.domain.channel import (
    Channel,
    Credential,
    Fetched,
    Manifest,
    OutboundMessage,
    Payload,
    Sent,
    TextLimits,
    WebhookRequest,
)
from inbox.domain.errors import AccountTrouble, Permanent, Untrusted
from inbox.domain.gate import Permit
from inbox.domain.report import Media, Report

CLIENT = {"client_id": "client-1", "client_secret": "planted-client-secret"}
ADDRESS = "support@example.com"


@dataclass
class PostOffice:
    """The provider. `granted` are the grants that work; `mailbox` is who sits at the browser."""

    mailbox: str = ADDRESS
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    granted: dict[str, str] = field(default_factory=dict)
    url: str = ""
    _runner: web.AppRunner | None = None

    async def start(self) -> None:
        app = web.Application()
        app.add_routes(
            [
                web.get("/authorize", self._authorize),
                web.post("/token", self._token),
                web.get("/mailbox", self._mailbox),
            ]
        )
        self._runner = web.AppRunner(app)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self.port}"

    @property
    def port(self) -> int:
        assert self._runner is not None
        return int(self._runner.addresses[0][1])

    async def close(self) -> None:
        assert self._runner is not None
        await self._runner.cleanup()

    async def _authorize(self, request: web.Request) -> web.Response:
        query = dict(request.query)
        assert query["code_challenge_method"] == "S256"
        code = secrets.token_urlsafe(16)
        self.codes[code] = query
        back = urlencode({"code": code, "state": query["state"]})
        raise web.HTTPFound(f"{query['redirect_uri']}?{back}")

    async def _token(self, request: web.Request) -> web.Response:
        form = await request.post()
        asked = self.codes.pop(str(form["code"]), None)
        digest = sha256(str(form["code_verifier"]).encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        if (
            asked is None
            or asked["code_challenge"] != challenge
            or asked["redirect_uri"] != form["redirect_uri"]
            or form["client_secret"] != CLIENT["client_secret"]
        ):
            return web.json_response({"error": "invalid_grant"}, status=400)
        grant = f"planted-grant-{secrets.token_hex(8)}"
        self.granted[grant] = self.mailbox
        return web.json_response({"grant": grant, "address": self.mailbox})

    async def _mailbox(self, request: web.Request) -> web.Response:
        address = self.granted.get(request.headers.get("Authorization", ""))
        if address is None:
            return web.json_response({}, status=401)
        return web.json_response({"address": address})


class Post:
    """The connector: mail by the post office above."""

    manifest = Manifest(
        kind="post",
        label="Mail",
        provider="the post office",
        needs=(
            Credential(name="client_id", label="Client ID", help="Printed on the form."),
            Credential(name="client_secret", label="Secret", secret=True, help="On its back."),
            Credential(name="grant", label="Grant", secret=True, by_sign_in=True),
            Credential(name="address", label="Address", by_sign_in=True),
        ),
        account_field="address",
        signing_field="client_secret",
        text=TextLimits(max_chars=1000, caption_chars=0),
        media=(),
        max_attachments=0,
        reports=("sent",),
        preparing=("A mailbox.",),
        greeting="Write a mail to this mailbox.",
    )

    def __init__(self, http: Http, url: str) -> None:
        self._http = http
        self._url = url

    def sign_in_url(
        self,
        given: Mapping[str, str],
        *,
        redirect_uri: str,
        state: str,
        code_challenge: str,
        hint: str = "",
    ) -> str:
        query = {
            "client_id": given["client_id"],
            "redirect_uri": redirect_uri,
            "state": state,
            "code_challenge": code_challenge,
            "code_challenge_method": "S256",
            "hint": hint,
        }
        return f"{self._url}/authorize?{urlencode(query)}"

    async def sign_in(
        self, given: Mapping[str, str], *, redirect_uri: str, code: str, code_verifier: str
    ) -> dict[str, str]:
        form = {
            "code": code,
            "code_verifier": code_verifier,
            "redirect_uri": redirect_uri,
            "client_secret": given["client_secret"],
        }
        answer = await self._http.call(
            "POST",
            f"{self._url}/token",
            headers={"Content-Type": "application/x-www-form-urlencoded"},
            body=urlencode(form).encode(),
            repeatable=True,
        )
        document = answer.json()
        if answer.status != 200 or not isinstance(document, dict):
            raise Permanent("The post office does not know this sign-in. Sign in again.")
        return {"grant": document["grant"], "address": document["address"]}

    async def check(self, channel: Channel) -> str:
        headers = {"Authorization": channel.setting("grant")}
        answer = await self._http.call("GET", f"{self._url}/mailbox", headers=headers)
        if answer.status != 200:
            raise AccountTrouble("The post office wants you to sign in again.")
        return channel.account

    def verify(self, request: WebhookRequest, channels: Sequence[Channel]) -> None:
        raise Untrusted("the post office does not call")

    def challenge(self, request: WebhookRequest, channel: Channel) -> str:
        raise Untrusted("the post office does not call")

    def parse(self, payload: Payload, received_at: datetime) -> list[Report]:
        return []

    async def send(self, message: OutboundMessage, permit: Permit) -> Sent:
        raise Permanent("The post office is on strike.")

    async def fetch(self, media: Media, channel: Channel) -> Fetched:
        raise Permanent("The post office keeps no files.")
