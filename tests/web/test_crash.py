"""A defect of ours, as its caller sees it."""

from __future__ import annotations

import asyncio
import json
import logging
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import uvicorn

from inbox.settings import read
from inbox.web.app import build
from inbox.web.context import Context
from tests.system.waiting import wait_for


@pytest.fixture
async def url(tmp_path: Path) -> AsyncIterator[str]:
    """A server that lacks its parts, so that whatever needs one of them is a defect."""
    # Any: parts that are not there.
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
    settings = read({}, host="127.0.0.1", port=0, data_dir=tmp_path, demo=True)
    app = build(Context(settings=settings, **parts), frozenset({"127.0.0.1"}))
    config = uvicorn.Config(app, lifespan="off", log_config=None, server_header=False, ws="none")
    server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        await wait_for(lambda: server.started)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        server.should_exit = True
        await serving


@pytest.mark.parametrize("path", ["/readyz", "/login", "/api/v1/me", "/webhooks/sms/chn_1"])
async def test_l7_a_crash_is_a_500_with_all_headers_and_nothing_internal(
    url: str, path: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL, "uvicorn.error")
    headers = {"Host": "127.0.0.1", "Cookie": "session=x"}
    async with (
        aiohttp.ClientSession() as session,
        session.get(url + path, headers=headers) as answer,
    ):
        body = await answer.text()

    assert answer.status == 500
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert answer.headers["cache-control"] == "no-store"
    request_id = answer.headers["x-request-id"]
    assert request_id in body
    for word in ("Traceback", "NoneType", "AttributeError", ".py"):
        assert word not in body
    if path.startswith("/api/"):
        assert json.loads(body)["code"] == "internal"
