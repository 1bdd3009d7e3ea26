"""Google's sign-in: the page where a person allows an app to use a mailbox, codes, and tokens.

A refresh token that was given for a code says itself what it is good for, sealed with the client's
secret: it is still good after a restart. One that an account was registered with is good as well.
"""

from __future__ import annotations

import base64
import hmac
import json
import secrets
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from html import escape
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from connectors.simulator.gmail_account import GmailAccount

if TYPE_CHECKING:
    from connectors.simulator.gmail import Gmail

MODIFY = "https://www.googleapis.com/auth/gmail.modify"
SCOPES = {
    MODIFY: "Read, compose and send emails from your Gmail account",
    "openid": "Know who you are on Google",
    "email": "See your primary Google Account email address",
}
_CODE_S = 600.0
TOKEN_S = 3599


@dataclass(frozen=True, kw_only=True, slots=True)
class _Code:
    client_id: str
    address: str
    scope: str
    redirect_uri: str
    challenge: str
    until: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Access:
    address: str
    scope: str
    until: float


@dataclass(slots=True)
class GoogleAccounts:
    kind: Gmail
    _codes: dict[str, _Code] = field(default_factory=dict)
    _access: dict[str, Access] = field(default_factory=dict)
    # Google's own clock of when all of a mailbox's sign-ins were ended.
    _ended: dict[str, float] = field(default_factory=dict)
    _revoked: set[str] = field(default_factory=set)

    # what the Gmail API asks

    def access(self, token: str) -> Access | None:
        found = self._access.get(token)
        return found if found is not None and time.time() < found.until else None

    def expire(self, address: str) -> None:
        """Access tokens run out before their time; refreshing still works."""
        self._drop(address)

    def revoke(self, address: str) -> None:
        """The person ends every sign-in that there is."""
        self._drop(address)
        self._ended[address] = time.time()
        account = self.kind.account(address)
        if account is not None:
            self._revoked.add(account.refresh_token)

    def forget(self) -> None:
        for known in (self._codes, self._access, self._ended, self._revoked):
            known.clear()

    def _drop(self, address: str) -> None:
        for token in [t for t, access in self._access.items() if access.address == address]:
            del self._access[token]

    # the page

    async def page(self, request: Request) -> Response:
        """`GET /o/oauth2/v2/auth`; with `decision` it is the person's answer."""
        query = request.query_params
        redirect_uri = query.get("redirect_uri", "")
        if urlsplit(redirect_uri).scheme not in ("http", "https"):
            return HTMLResponse("Error 400: redirect_uri_mismatch", 400)
        if query.get("response_type") != "code" or not query.get("client_id"):
            return HTMLResponse("Error 400: invalid_request", 400)
        if "decision" not in query:
            return self._ask(query)
        if query["decision"] != "allow":
            return _back(redirect_uri, {"error": "access_denied", "state": query.get("state", "")})
        address = query.get("account", "").strip().lower()
        if "@" not in address:
            return self._ask(query)
        code = "4/0A" + secrets.token_urlsafe(40)
        asked = query.get("scope", "").split()
        granted = " ".join(scope for scope in asked if scope in query.getlist("granted"))
        self._codes[code] = _Code(
            client_id=query["client_id"],
            address=address,
            scope=granted,
            redirect_uri=redirect_uri,
            challenge=query.get("code_challenge", ""),
            until=time.time() + _CODE_S,
        )
        state = query.get("state", "")
        return _back(redirect_uri, {"state": state, "code": code, "scope": granted})

    def _ask(self, query: Mapping[str, str]) -> Response:
        hidden = "".join(
            f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">'
            for name, value in query.items()
            if name not in ("granted", "account", "decision")
        )
        known = [account.account for account in self.kind.accounts()]
        hint = query.get("login_hint", "") or next(iter(known), "")
        options = "".join(f'<option value="{escape(address)}">' for address in known)
        scopes = "".join(
            f'<label class="consent__scope"><input type="checkbox" name="granted"'
            f' value="{escape(scope)}" checked> {escape(SCOPES.get(scope, scope))}</label>'
            for scope in query.get("scope", "").split()
        )
        host = urlsplit(query["redirect_uri"])
        html = (
            '<!doctype html><html lang="en"><head><meta charset="utf-8">'
            '<meta name="viewport" content="width=device-width, initial-scale=1">'
            '<meta name="color-scheme" content="light dark"><title>Sign in · simulator</title>'
            '<link rel="icon" href="/page/icon.svg"><link rel="stylesheet"'
            ' href="/page/css/tokens.css">'
            '<link rel="stylesheet" href="/page/css/page.css">'
            '<link rel="stylesheet" href="/page/css/consent.css"></head><body>'
            '<main class="consent"><h1 class="consent__title">Sign in with a simulated mailbox</h1>'
            '<p class="consent__text">This page stands in for Google’s. '
            f"<strong>{escape(host.netloc)}</strong> wants to use a mailbox.</p>"
            f'<form class="consent__form" action="/o/oauth2/v2/auth">{hidden}'
            '<label class="consent__field">Mailbox <input class="consent__input" name="account"'
            f' type="email" required list="known" value="{escape(hint)}"></label>'
            f'<datalist id="known">{options}</datalist>'
            f'<fieldset class="consent__scopes"><legend>It may</legend>{scopes}</fieldset>'
            '<div class="consent__choice">'
            '<button class="consent__button" name="decision" value="deny" formnovalidate>Cancel'
            "</button>"
            '<button class="consent__button consent__button--allow" name="decision" value="allow">'
            "Continue</button></div></form></main></body></html>"
        )
        # The answer to the form leads to the app, which a browser counts as a part of the form.
        policy = (
            "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none';"
            " frame-ancestors 'none';"
            f" form-action 'self' {host.scheme}://{host.netloc}"
        )
        return HTMLResponse(html, headers={"Content-Security-Policy": policy})

    # tokens

    async def token(self, request: Request) -> Response:
        """`POST /token`"""
        async with request.form() as form:
            fields = {name: str(value) for name, value in form.items()}
        client_id, secret = fields.get("client_id", ""), fields.get("client_secret", "")
        known = [a for a in self.kind.accounts() if a.client_id == client_id]
        if not client_id or not secret or any(a.client_secret != secret for a in known):
            return refused("invalid_client", "The OAuth client was not found.", 401)
        match fields.get("grant_type"):
            case "authorization_code":
                return self._exchange(fields)
            case "refresh_token":
                return self._refresh(fields)
        return refused("unsupported_grant_type", "Invalid grant_type")

    def _exchange(self, fields: Mapping[str, str]) -> Response:
        code = self._codes.pop(fields.get("code", ""), None)
        verifier = fields.get("code_verifier", "")
        if code is None or time.time() > code.until or code.client_id != fields["client_id"]:
            return refused("invalid_grant", "Bad Request")
        if code.redirect_uri != fields.get("redirect_uri"):
            return refused("redirect_uri_mismatch", "Bad Request")
        if code.challenge and code.challenge != _challenge(verifier):
            return refused("invalid_grant", "Invalid code verifier.")
        self.kind.met(code.address, code.client_id, fields["client_secret"])
        told = {"a": code.address, "s": code.scope, "c": code.client_id, "t": time.time()}
        text = base64.urlsafe_b64encode(json.dumps(told).encode()).decode()
        refresh = f"1//{text}.{_seal(text, fields['client_secret'])}"
        return self._granted(code.address, code.scope, refresh)

    def _refresh(self, fields: Mapping[str, str]) -> Response:
        token = fields.get("refresh_token", "")
        found = self._registered(token, fields) or self._sealed(token, fields)
        if found is None or token in self._revoked:
            return refused("invalid_grant", "Token has been expired or revoked.")
        address, scope = found
        return self._granted(address, scope, None)

    def _registered(self, token: str, fields: Mapping[str, str]) -> tuple[str, str] | None:
        for account in self.kind.accounts():
            if token and account.refresh_token == token:
                return (account.account, MODIFY) if _owns(account, fields) else None
        return None

    def _sealed(self, token: str, fields: Mapping[str, str]) -> tuple[str, str] | None:
        text, _, seal = token.removeprefix("1//").partition(".")
        if not hmac.compare_digest(seal, _seal(text, fields["client_secret"])):
            return None
        told = json.loads(base64.urlsafe_b64decode(text))
        if told["c"] != fields["client_id"] or told["t"] <= self._ended.get(told["a"], 0.0):
            return None
        return told["a"], told["s"]

    def _granted(self, address: str, scope: str, refresh: str | None) -> Response:
        access = "ya29." + secrets.token_urlsafe(48)
        account = self.kind.account(address)
        seconds = account.token_s if account is not None else TOKEN_S
        self._access[access] = Access(address=address, scope=scope, until=time.time() + seconds)
        body: dict[str, Any] = {  # Any: JSON, on its way out
            "access_token": access,
            "expires_in": seconds,
            "scope": scope,
            "token_type": "Bearer",
        }
        if refresh is not None:
            body["refresh_token"] = refresh
        return JSONResponse(body, headers={"Cache-Control": "no-store"})

    async def revoked(self, request: Request) -> Response:
        """`POST /revoke`"""
        async with request.form() as form:
            token = str(form.get("token", "")) or request.query_params.get("token", "")
        access = self._access.pop(token, None)
        if access is None and not token.startswith("1//"):
            return refused("invalid_token", "Token expired or revoked")
        self._revoked.add(token)
        return JSONResponse({})

    def tokens(self, address: str) -> Iterator[str]:
        return (token for token, access in self._access.items() if access.address == address)


def _owns(account: GmailAccount, fields: Mapping[str, str]) -> bool:
    given = (fields["client_id"], fields["client_secret"])
    return given == (account.client_id, account.client_secret)


def _challenge(verifier: str) -> str:
    digest = sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def _seal(text: str, secret: str) -> str:
    return hmac.new(secret.encode(), text.encode(), sha256).hexdigest()


def _back(redirect_uri: str, query: Mapping[str, str]) -> Response:
    joint = "&" if urlsplit(redirect_uri).query else "?"
    return RedirectResponse(f"{redirect_uri}{joint}{urlencode(query)}", status_code=302)


def refused(word: str, text: str, status: int = 400) -> Response:
    return JSONResponse({"error": word, "error_description": text}, status_code=status)
