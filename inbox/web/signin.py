"""Who is calling: a login session by cookie, or a bearer token; and proof that our page asked.

Every handler that serves people goes through `signed_in`.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from datetime import UTC, datetime

from starlette.requests import HTTPConnection, Request
from starlette.responses import Response

from inbox.domain.agent import Agent
from inbox.domain.errors import AssentError
from inbox.web import context as contexts

_SAFE = {"GET", "HEAD"}


class NotSignedIn(AssentError):
    code = "not_signed_in"


class Forged(AssentError):
    """An unsafe request that does not prove that it comes from our own page."""

    code = "csrf"


@dataclass(frozen=True, kw_only=True, slots=True)
class Caller:
    """`login` names the login session or token; `csrf_token` is empty for tokens."""

    agent: Agent
    login: str
    csrf_token: str


def cookie_name(connection: HTTPConnection) -> str:
    return "__Host-session" if contexts.of(connection).settings.secure else "session"


def set_cookie(request: Request, response: Response, token: str) -> None:
    response.set_cookie(
        cookie_name(request),
        token,
        path="/",
        secure=contexts.of(request).settings.secure,
        httponly=True,
        samesite="lax",
    )


def has_our_origin(connection: HTTPConnection) -> bool:
    """Whether the browser says that our own page asked. A form under our referrer policy sends an
    `Origin` of `null`; then only the browser's own word, `Sec-Fetch-Site`, counts."""
    origin = connection.headers.get("origin")
    if origin in (None, "null"):
        return connection.headers.get("sec-fetch-site") == "same-origin"
    return origin == contexts.of(connection).settings.public_url


async def find_caller(connection: HTTPConnection) -> Caller | None:
    """Who is calling, by bearer token or else by cookie; None: nobody that we know."""
    accounts = contexts.of(connection).stores.accounts
    now = datetime.now(UTC)
    scheme, _, token = connection.headers.get("authorization", "").partition(" ")
    if scheme:
        if scheme.lower() != "bearer" or not token:
            return None
        agent = await accounts.find_by_token(token.strip(), now)
        return (
            None if agent is None else Caller(agent=agent, login=f"token:{agent.id}", csrf_token="")
        )
    cookie = connection.cookies.get(cookie_name(connection))
    if not cookie:
        return None
    session = await accounts.find_session(cookie, now)
    if session is None:
        return None
    return Caller(agent=session.agent, login=session.id, csrf_token=session.csrf_token)


async def signed_in(request: Request) -> Caller:
    """The caller; raises NotSignedIn, or Forged for an unsafe request by cookie without proof."""
    caller = await find_caller(request)
    if caller is None:
        raise NotSignedIn("Sign in first.")
    if caller.csrf_token and request.method not in _SAFE:
        given = request.headers.get("x-csrf-token", "")
        same = hmac.compare_digest(given.encode(), caller.csrf_token.encode())
        if not same or not has_our_origin(request):
            raise Forged("The request did not come from this page. Reload it and try again.")
    return caller
