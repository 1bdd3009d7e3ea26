"""Google's sign-in: the page to send an admin to, the tokens that come of it, and short-lived
access tokens, renewed before they run out and one at a time.

source  developers.google.com/identity/protocols/oauth2/web-server
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from urllib.parse import urlencode

from connectors.body import line, number
from connectors.gmail.errors import token_refusal
from connectors.gmail.google import Google
from connectors.http import Http
from inbox.domain.channel import Channel
from inbox.domain.errors import AccountTrouble, Permanent, Temporary

SCOPE = "https://www.googleapis.com/auth/gmail.modify"
_FULL_SCOPE = "https://mail.google.com/"
EARLY_S = 300.0
# A sign-in that Google has ended is not asked for again and again.
_REFUSED_FOR_S = 300.0


def sign_in_url(
    google: Google,
    given: Mapping[str, str],
    *,
    redirect_uri: str,
    state: str,
    code_challenge: str,
    hint: str,
) -> str:
    """`access_type` and `prompt` together bring a refresh token every time, not only the first."""
    query = {
        "client_id": given.get("client_id", ""),
        "redirect_uri": redirect_uri,
        "response_type": "code",
        "scope": SCOPE,
        "access_type": "offline",
        "prompt": "consent",
        "include_granted_scopes": "true",
        "state": state,
        "code_challenge": code_challenge,
        "code_challenge_method": "S256",
    }
    if hint:
        query["login_hint"] = hint
    return f"{google.accounts_url}/o/oauth2/v2/auth?{urlencode(query)}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Grant:
    """What Google gave for a code."""

    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)


async def exchange(
    http: Http,
    google: Google,
    given: Mapping[str, str],
    *,
    redirect_uri: str,
    code: str,
    code_verifier: str,
) -> Grant:
    """raises   Temporary; Permanent with a sentence for the admin"""
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "client_id": given.get("client_id", ""),
        "client_secret": given.get("client_secret", ""),
        "redirect_uri": redirect_uri,
        "code_verifier": code_verifier,
    }
    document = await _ask(http, google, form)
    access = line(document, "access_token", 4096)
    refresh = line(document, "refresh_token", 2048) or given.get("refresh_token", "")
    # People can untick single permissions on Google's page.
    granted = (line(document, "scope", 4096) or "").split()
    if SCOPE not in granted and _FULL_SCOPE not in granted:
        raise Permanent(
            "The permission “Read, compose and send emails from your Gmail account” was not given."
            " Sign in again and leave it ticked.",
            code="scope_missing",
        )
    if access is None or not refresh:
        raise Permanent(
            "Google gave no lasting sign-in. Remove this app at myaccount.google.com/permissions"
            " and sign in again.",
            code="no_refresh_token",
        )
    return Grant(access_token=access, refresh_token=refresh)


@dataclass(slots=True)
class _Held:
    """What is known of one refresh token: an access token and until when, or why there is none."""

    mark: bytes
    token: str = field(default="", repr=False)
    until: float = 0.0
    trouble: AccountTrouble | None = None
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class Tokens:
    """Access tokens by channel, in memory only."""

    def __init__(self, http: Http, google: Google) -> None:
        self._http = http
        self._google = google
        self._held: dict[str, _Held] = {}

    async def access(self, channel: Channel, *, stale: str | None = None) -> str:
        """A token that Google should take. `stale` is one that it has just refused.

        raises   Temporary; AccountTrouble when somebody has to sign in again
        """
        held = self._of(channel)
        async with held.lock:
            now = asyncio.get_running_loop().time()
            if held.trouble is not None and now < held.until:
                raise AccountTrouble(str(held.trouble), code=held.trouble.code)
            if (
                held.trouble is not None
                or not held.token
                or held.token == stale
                or now > held.until
            ):
                await self._renew(held, channel)
            return held.token

    async def revoke(self, channel: Channel) -> None:
        """End the mailbox's sign-in at Google. One that has ended already is no error.

        raises   Temporary, Permanent
        """
        self._held.pop(channel.id, None)
        token = channel.setting("refresh_token")
        if not token:
            return
        answer = await self._http.call(
            "POST",
            self._google.revoke_url,
            headers={"Content-Type": "application/x-www-form-urlencoded"},
            body=urlencode({"token": token}).encode(),
            repeatable=True,
        )
        if answer.status != 200 and line(answer.json(), "error", 64) != "invalid_token":
            raise token_refusal(answer)

    def _of(self, channel: Channel) -> _Held:
        names = ("client_id", "client_secret", "refresh_token")
        text = "\0".join(channel.setting(name) for name in names)
        mark = sha256(text.encode()).digest()
        held = self._held.get(channel.id)
        if held is None or held.mark != mark:
            held = self._held[channel.id] = _Held(mark)
        return held

    async def _renew(self, held: _Held, channel: Channel) -> None:
        form = {
            "grant_type": "refresh_token",
            "refresh_token": channel.setting("refresh_token"),
            "client_id": channel.setting("client_id"),
            "client_secret": channel.setting("client_secret"),
        }
        loop = asyncio.get_running_loop()
        held.token = ""
        try:
            # The answer names no refresh token: the one we have stays good.
            document = await _ask(self._http, self._google, form)
        except AccountTrouble as trouble:
            held.trouble, held.until = trouble, loop.time() + _REFUSED_FOR_S
            raise
        token = line(document, "access_token", 4096)
        if token is None:
            raise Temporary("Google's sign-in gave no clear answer.", code="bad_answer")
        seconds = number(document, "expires_in") or 0.0
        held.trouble = None
        # Of a token too short-lived for that, half of its time is early enough.
        held.token, held.until = token, loop.time() + max(seconds - EARLY_S, seconds / 2)


async def _ask(http: Http, google: Google, form: Mapping[str, str]) -> object:
    answer = await http.call(
        "POST",
        google.token_url,
        headers={"Content-Type": "application/x-www-form-urlencoded"},
        body=urlencode(form).encode(),
        repeatable=True,
    )
    if answer.status != 200:
        raise token_refusal(answer)
    document = answer.json()
    if not isinstance(document, Mapping):
        raise Temporary("Google's sign-in gave no clear answer.", code="bad_answer")
    return document
