"""Whose try a log-in is: the peer's, unless a proxy that we trust says another's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import HTTPConnection

from inbox.settings import read
from inbox.web import context as contexts
from inbox.web.context import Context
from inbox.web.signin import client_address

TRUSTED = "127.0.0.1, 10.0.0.0/8, 2001:db8:1::/48"
CASES = [
    # trusted, peer, X-Forwarded-For (one a header), whose try it is
    (TRUSTED, "127.0.0.1", ["203.0.113.7"], "203.0.113.7"),
    (TRUSTED, "127.0.0.1", ["192.0.2.1, 203.0.113.7"], "203.0.113.7"),
    (TRUSTED, "127.0.0.1", ["192.0.2.1, 203.0.113.7, 10.1.2.3"], "203.0.113.7"),
    (TRUSTED, "127.0.0.1", ["192.0.2.1", "203.0.113.7", "10.1.2.3"], "203.0.113.7"),
    (TRUSTED, "127.0.0.1", ["203.0.113.7:51234"], "203.0.113.7"),
    (TRUSTED, "127.0.0.1", ["[2001:db8:9::1]:51234"], "2001:db8:9::1"),
    (TRUSTED, "::ffff:127.0.0.1", ["203.0.113.7"], "203.0.113.7"),
    (TRUSTED, "2001:db8:1::5", ["::ffff:203.0.113.7"], "203.0.113.7"),
    (TRUSTED, "127.0.0.1", ["10.1.2.3"], "10.1.2.3"),
    (TRUSTED, "127.0.0.1", ["203.0.113.7, unknown"], "127.0.0.1"),
    (TRUSTED, "127.0.0.1", [""], "127.0.0.1"),
    (TRUSTED, "127.0.0.1", [], "127.0.0.1"),
    (TRUSTED, "198.51.100.9", ["203.0.113.7"], "198.51.100.9"),
    ("", "127.0.0.1", ["203.0.113.7"], "127.0.0.1"),
]


@pytest.mark.parametrize(("trusted", "peer", "forwarded", "whose"), CASES)
def test_only_a_trusted_proxy_is_believed_and_only_about_the_last_stranger(
    trusted: str, peer: str, forwarded: list[str], whose: str, tmp_path: Path
) -> None:
    settings = read(
        {"INBOX_TRUSTED_PROXIES": trusted}, host="127.0.0.1", port=8000, data_dir=tmp_path
    )
    # Any: parts that are not looked at.
    parts: dict[str, Any] = dict.fromkeys(
        (
            "stores",
            "hub",
            "connectors",
            "directory",
            "intake",
            "delivery",
            "fetching",
            "pulling",
            "links",
        )
    )
    parts |= dict.fromkeys(("passwords", "throttle", "sockets", "watch", "templates", "signals"))
    app = Starlette()
    contexts.attach(app, Context(settings=settings, **parts))
    headers = [(b"x-forwarded-for", one.encode()) for one in forwarded]
    scope = {"type": "http", "headers": headers, "client": (peer, 40_000), "app": app}

    assert client_address(HTTPConnection(scope)) == whose
