"""Lets Twilio's own client speak through the shared, guarded session."""

from __future__ import annotations

import logging
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote, urlencode

# Twilio's package carries no types.
from twilio.http import AsyncHttpClient  # type: ignore[import-untyped]
from twilio.http.response import Response  # type: ignore[import-untyped]
from twilio.rest import Client  # type: ignore[import-untyped]

from connectors.http import Answer, Http
from connectors.meta import split_secrets
from inbox.domain.channel import Channel

TWILIO = "https://api.twilio.com"

# Twilio's client writes addresses and parameters to its logger, which we never want to see.
_SILENT = logging.Logger("silent", level=logging.CRITICAL + 1)


class _Bridge(AsyncHttpClient):  # type: ignore[misc]  # its base has no types
    """Twilio's transport over `Http`: nothing is retried. `answer` is what came back, headers too;
    the library's own response drops the provider's wish to wait."""

    def __init__(self, http: Http, twilio_url: str) -> None:
        super().__init__(_SILENT, True)
        self._http = http
        self._twilio_url = twilio_url.rstrip("/")
        self.answer: Answer | None = None

    async def request(
        self,
        method: str,
        uri: str,
        params: dict[str, object] | None = None,
        data: dict[str, object] | None = None,
        headers: dict[str, str] | None = None,
        auth: tuple[str, str] | None = None,
        timeout: float | None = None,
        allow_redirects: bool = False,
    ) -> Response:
        url = uri.replace(TWILIO, self._twilio_url, 1)
        sent = {**(headers or {}), **(basic(auth) if auth is not None else {})}
        body = urlencode(data, doseq=True).encode() if data else None
        self.answer = await self._http.call(method.upper(), url, headers=sent, body=body)
        text = self.answer.body.decode("utf-8", "replace")
        return Response(self.answer.status, text, self.answer.headers)


@dataclass(frozen=True, kw_only=True, slots=True)
class Twilio:
    """Twilio's REST API at `url`, which is https://api.twilio.com but for a simulator's."""

    http: Http
    url: str

    async def call(
        self,
        method: str,
        channel: Channel,
        path: str,
        form: Mapping[str, object] | None = None,
        *,
        by_key: bool = True,
    ) -> Answer:
        """One call below the channel's own account; `path` begins after its SID. Raises what
        `Http.call` raises; what an answer means is the caller's to read.

        by_key  with the API key where there is one; else always with the auth token
        """
        account = channel.setting("account_sid")
        login, password = credentials(channel) if by_key else by_token(channel)
        bridge = _Bridge(self.http, self.url)
        # A region or an edge from our own environment would change the address.
        client = Client(
            login, password, account, http_client=bridge, environment={"TWILIO_REGION": ""}
        )
        uri = f"{TWILIO}/2010-04-01/Accounts/{quote(account, safe='')}{path}"
        await client.request_async(method, uri, data=dict(form) if form else None)
        if bridge.answer is None:
            raise RuntimeError("Twilio's client did not use our transport")
        return bridge.answer


def credentials(channel: Channel) -> tuple[str, str]:
    """Login and password: the API key where one is given whole, else the account's own token."""
    key, secret = channel.setting("api_key_sid"), channel.setting("api_key_secret")
    if key and secret:
        return key, secret
    return by_token(channel)


def by_token(channel: Channel) -> tuple[str, str]:
    tokens = split_secrets(channel.setting("auth_token"))
    return channel.setting("account_sid"), tokens[0] if tokens else ""


def basic(login: tuple[str, str]) -> dict[str, str]:
    """The header for HTTP Basic."""
    text = b64encode(f"{login[0]}:{login[1]}".encode()).decode()
    return {"Authorization": f"Basic {text}"}
