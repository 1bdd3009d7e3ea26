"""Who is calling: a login session by cookie, or a bearer token; and proof that our page asked.

Every handler that serves people goes through `signed_in`.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from datetime import UTC, datetime
from ipaddress import IPv4Address, IPv6Address, ip_address

from starlette.requests import HTTPConnection, Request
from starlette.responses import Response

from inbox.domain.agent import Agent, can
from inbox.domain.errors import AssentError, NotFound
from inbox.settings import Network
from inbox.web import context as contexts

_SAFE = {"GET", "HEAD"}
# What the login of a bearer token begins with; a login session's is a hash.
_BY_TOKEN = "token:"  # noqa: S105 - a prefix, no secret


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


def client_address(connection: HTTPConnection) -> str:
    """Where a request comes from: the peer, or, when that is a proxy we trust, the last address
    before those that we trust. Whatever stands further to the left anybody may have written."""
    if connection.client is None:
        return "unknown"
    trusted = contexts.of(connection).settings.trusted_proxies
    found = connection.client.host
    hops = ",".join(connection.headers.getlist("x-forwarded-for")).split(",")
    for hop in reversed(hops):
        if not _is_in(found, trusted):
            break
        address = _address(hop)
        if address is None:
            break  # what the proxy next to it did not say, nobody can know
        found = str(address)
    return found


def _address(text: str) -> IPv4Address | IPv6Address | None:
    """Some proxies add the port."""
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def _is_in(text: str, networks: tuple[Network, ...]) -> bool:
    address = _address(text)
    return address is not None and any(address in network for network in networks)


async def find_caller(connection: HTTPConnection) -> Caller | None:
    """Who is calling, by bearer token or else by cookie; None: nobody that we know."""
    accounts = contexts.of(connection).stores.accounts
    now = datetime.now(UTC)
    scheme, _, token = connection.headers.get("authorization", "").partition(" ")
    if scheme:
        if scheme.lower() != "bearer" or not token:
            return None
        agent = await accounts.find_by_token(token.strip(), now)
        if agent is None:
            return None
        return Caller(agent=agent, login=_BY_TOKEN + agent.id, csrf_token="")
    cookie = connection.cookies.get(cookie_name(connection))
    if not cookie:
        return None
    session = await accounts.find_session(cookie, now)
    if session is None:
        return None
    return Caller(agent=session.agent, login=session.id, csrf_token=session.csrf_token)


async def find_again(connection: HTTPConnection, login: str) -> Agent | None:
    """The agent of a connection that has been open for a while, as of now; None: its login session
    or token is over. That a screen is open is no sign of life: the idle time goes on."""
    if login.startswith(_BY_TOKEN):
        caller = await find_caller(connection)
        return None if caller is None else caller.agent
    accounts = contexts.of(connection).stores.accounts
    session = await accounts.find_session_by_id(login, datetime.now(UTC))
    return None if session is None else session.agent


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


async def admin_at_page(request: Request) -> Caller:
    """An admin, by cookie. raises NotSignedIn; NotFound: the pages are not for others"""
    caller = await signed_in(request)
    if not caller.csrf_token:
        raise NotSignedIn("The page is for browsers.")
    if not can(caller.agent, "connect"):
        raise NotFound("There is nothing here.")
    return caller
