"""Puts the simulator together: the providers' APIs, the control API, and the page."""

from __future__ import annotations

import ipaddress
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

from starlette.applications import Starlette
from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from connectors.simulator.control import Control
from connectors.simulator.exchange import Exchange
from connectors.simulator.gmail import Gmail
from connectors.simulator.instagram import Instagram
from connectors.simulator.kind import AnyKind
from connectors.simulator.messenger import Messenger
from connectors.simulator.sms import Sms
from connectors.simulator.whatsapp import WhatsApp

# WhatsApp answers what of Graph no other kind claims, so the others are asked first.
KINDS: Sequence[type[AnyKind]] = (Messenger, Instagram, WhatsApp, Sms, Gmail)

_PAGE = Path(__file__).parent / "page"
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


class Guard:
    """Keeps other web pages in the person's browser out of the control API, which has no log-in.

    On loopback only loopback names are answered (a foreign name that resolves here is somebody's
    trick), and what a browser sends must come from our own page.
    """

    def __init__(self, app: ASGIApp, host: str) -> None:
        self._app = app
        self._loopback = is_loopback(host)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        if self._loopback and not is_loopback(urlsplit(f"//{host}").hostname or ""):
            await PlainTextResponse("Unknown host", 421)(scope, receive, send)
            return
        origin = headers.get("origin")
        if origin is not None and urlsplit(origin).netloc != host:
            await PlainTextResponse("Another page's request", 403)(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                answer = MutableHeaders(scope=message)
                answer["X-Content-Type-Options"] = "nosniff"
                answer.setdefault("Content-Security-Policy", _POLICY)
                answer["Referrer-Policy"] = "no-referrer"
            await send(message)

        await self._app(scope, receive, send_with_headers)


def is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


async def _page(request: Request) -> Response:
    return FileResponse(_PAGE / "index.html", headers={"Cache-Control": "no-cache"})


def make_app(*, host: str, base_url: str, data_path: Path | None) -> tuple[Starlette, Exchange]:
    """The application, and the exchange in it, which ends open event streams when it is closed."""
    exchange = Exchange(KINDS, base_url=base_url, data_path=data_path)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        await exchange.start()
        try:
            yield
        finally:
            await exchange.close()

    routes = [
        Route("/", _page),
        Mount("/page", StaticFiles(directory=_PAGE)),
        *Control(exchange).routes(),
    ]
    for kind in exchange.kinds.values():
        routes.extend(kind.routes())
    app = Starlette(routes=routes, lifespan=lifespan, middleware=[Middleware(Guard, host=host)])
    return app, exchange
