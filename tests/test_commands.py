"""Connecting a channel on the command line: the same steps as in the pages, typed."""

from __future__ import annotations

import asyncio
import os
import secrets
import sys
from pathlib import Path

import aiohttp
import pytest

from inbox.keyring import Keyring
from inbox.settings import keyring, new_keys, read
from inbox.store.database import Database
from inbox.stores import stores
from tests.office import ROOT

SID, NUMBER, TOKEN = "AC" + "0" * 31 + "5", "+15550155", "planted-auth-token-5"


@pytest.fixture
def environment(mongodb_url: str, simulator_url: str, tmp_path: Path) -> dict[str, str]:
    keys = dict(line.split("=", 1) for line in new_keys().splitlines())
    own = f"/test_{secrets.token_hex(6)}?"
    return {
        "INBOX_MONGODB_URL": mongodb_url.replace("/?", own),
        "INBOX_TWILIO_URL": simulator_url,
        "INBOX_DEV": "1",
        **keys,
    }


async def typed(environment: dict[str, str], *lines: str) -> tuple[int, str, str]:
    """`run.py connect sms`, with these answers: exit code, output, errors."""
    given = {k: v for k, v in os.environ.items() if not k.startswith("INBOX_")}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "run.py", "connect", "sms", "--name", "Orders"),
        cwd=ROOT,
        env={**given, **environment},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        # Without a terminal, secrets are read from where everything else is.
        start_new_session=True,
    )
    async with asyncio.timeout(60):
        out, errors = await process.communicate("".join(f"{one}\n" for one in lines).encode())
    assert process.returncode is not None
    return process.returncode, out.decode(), errors.decode()


async def channels(environment: dict[str, str], keys: Keyring) -> list[tuple[str, str, str]]:
    database = Database(environment["INBOX_MONGODB_URL"], keys)
    store = stores(database)
    (workspace,) = await store.accounts.workspaces()
    found = await store.channels.of_workspace(workspace.id)
    database.close()
    return [(one.name, one.account, one.state) for one in found]


async def test_what_is_typed_is_tried_and_kept_when_it_works(
    environment: dict[str, str], simulator_url: str, tmp_path: Path
) -> None:
    account = {
        "name": "Harbour Kettles",
        "webhook_url": "http://127.0.0.1:1/",
        "account_sid": SID,
        "auth_token": TOKEN,
    }
    async with aiohttp.ClientSession() as session:
        url = f"{simulator_url}/simulator/api/accounts/sms/{NUMBER}"
        async with session.put(url, json=account) as answer:
            assert answer.ok
    workspace = ("Harbour Kettles", "help@harbour.example")
    wrong = (*workspace, SID, "wrong", NUMBER, "", "", "", "", "")
    settings = read(environment, host="127.0.0.1", port=0, data_dir=tmp_path)
    keys = keyring(environment, settings)

    code, _, errors = await typed(environment, *wrong)
    assert code == 1
    assert "Twilio does not accept this Account SID and auth token together." in errors
    assert await channels(environment, keys) == []

    code, out, errors = await typed(environment, SID, TOKEN, NUMBER, "", "", "", "", "")
    assert code == 0, errors
    assert "Connected: Harbour Kettles" in out
    assert "/webhooks/sms/chn_" in out
    assert TOKEN not in out + errors
    assert await channels(environment, keys) == [("Orders", NUMBER, "connected")]
