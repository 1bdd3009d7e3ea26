"""A large mailbox: synchronised once, whatever happens in the middle of it."""

from __future__ import annotations

import asyncio
import base64
import re
import secrets
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import aiohttp
import pytest

from tests.system.conftest import Start, Visit
from tests.system.demo import Demo
from tests.system.screen import Json
from tests.system.waiting import wait_for

MAILBOX = "archive@harbour.example"
MAILS = 2000
THREADS = 200
GOOGLE = {
    "client_id": "archive.apps.googleusercontent.com",
    "client_secret": secrets.token_hex(12),
}
TOPIC = "projects/archive/topics/gmail"
# What Google allows would make this last seven minutes.
QUOTA = "1000000"
pytestmark = pytest.mark.timeout(300)


def a_mail(number: int, at: datetime) -> Json:
    """The `number`th mail: each thread has ten, of one person, each an answer to the one before."""
    thread, place = number % THREADS, number // THREADS
    who = f"visitor-{thread}@example.com"
    letter = EmailMessage(policy=SMTP)
    letter["From"], letter["To"] = f"Visitor {thread} <{who}>", MAILBOX
    letter["Subject"] = f"{'Re: ' if place else ''}Question {thread}"
    letter["Date"] = format_datetime(at)
    letter["Message-ID"] = f"<{number}@mail.example.com>"
    if place:
        letter["In-Reply-To"] = letter["References"] = f"<{number - THREADS}@mail.example.com>"
    letter.set_content(f"Letter {number}.")
    raw = base64.b64encode(letter.as_bytes()).decode()
    return {"raw": raw, "customer_id": f"visitor-{thread}", "at": at.isoformat()}


class Archive:
    """The mailbox at the provider."""

    def __init__(self, demo: Demo) -> None:
        self._demo = demo

    async def opens(self) -> None:
        """The mails of the last ten days are there before anybody connects it."""
        account = {**GOOGLE, "name": "Archive", "topic": TOPIC, "webhook_url": ""}
        await self._demo.simulator("PUT", f"/accounts/gmail/{MAILBOX}", json=account)
        for thread in range(THREADS):
            body = {"name": f"Visitor {thread}", "email": f"visitor-{thread}@example.com"}
            await self._demo.simulator("PUT", f"/customers/visitor-{thread}", json=body)
        begin = datetime.now(UTC) - timedelta(days=10)
        mails = [a_mail(number, begin + timedelta(minutes=7 * number)) for number in range(MAILS)]
        for some in range(0, MAILS, 500):
            await self.gets(*mails[some : some + 500], push=False)

    async def is_connected(self) -> str:
        """By an admin in a browser, who signs in as the mailbox; the channel's id."""
        given = {**GOOGLE, "topic": TOPIC, "units_per_minute": QUOTA}
        draft = await self._demo.admin.post("/channels", {"kind": "gmail"}, 201)
        path = f"/channels/{draft['id']}"
        changed = await self._demo.admin.call("PATCH", path, json={"credentials": given})
        assert changed.status == 200, changed
        login, url = self._demo.logins["admin"], self._demo.url
        # Unsafe: of an address that is no name.
        async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as browser:
            async with browser.get(f"{url}/login") as page:
                token = re.findall('name="csrf_token" value="([^"]+)"', await page.text())[0]
            form = {"email": login["email"], "password": login["password"], "csrf_token": token}
            async with browser.post(f"{url}/login", data=form, headers={"Origin": url}) as page:
                assert page.status == 200
            begin = f"{url}/settings/channels/{draft['id']}/sign-in"
            async with browser.get(begin, allow_redirects=False) as away:
                asks = away.headers["location"]
            scopes = parse_qs(urlsplit(asks).query)["scope"][0].split()
            says = [("decision", "allow"), ("account", MAILBOX), *(("granted", s) for s in scopes)]
            async with browser.get(f"{asks}&{urlencode(says)}") as back:
                assert (back.status, back.url.path) == (
                    200,
                    f"/settings/channels/{draft['id']}/set-up",
                )
        return str(draft["id"])

    async def tells(self, webhook_url: str) -> None:
        """From now on it says when something comes."""
        account = {**GOOGLE, "name": "Archive", "topic": TOPIC, "webhook_url": webhook_url}
        await self._demo.simulator("PUT", f"/accounts/gmail/{MAILBOX}", json=account)

    async def gets(self, *mails: Json, push: bool = True) -> None:
        path = f"/gmail/{MAILBOX}/mails"
        await self._demo.simulator("POST", path, json={"mails": list(mails), "push": push})


async def synchronised(demo: Demo, channel_id: str) -> list[Json]:
    """The conversations of the channel, of both statuses."""
    found: list[Json] = []
    for status in ("open", "resolved"):
        query = {"limit": "100", "channel": channel_id, "status": status}
        page: dict[str, Any] = {"has_more": True, "next_cursor": None}
        while page["has_more"]:
            more = {"cursor": page["next_cursor"]} if page["next_cursor"] else {}
            page = await demo.agent.get("/conversations", params={**query, **more})
            found += page["data"]
    return [one for one in found if one["channel"]["id"] == channel_id]


async def letters(demo: Demo, conversations: Sequence[Json]) -> list[list[int]]:
    """The numbers of the letters in each of these conversations, in the order of showing."""
    found: list[list[int]] = []
    for some in range(0, len(conversations), 20):
        ids = [one["id"] for one in conversations[some : some + 20]]
        threads = await asyncio.gather(*map(demo.agent.thread, ids))
        found += [[int(m["text"].split()[1].rstrip(".")) for m in thread] for thread in threads]
    return found


async def test_a_mailbox_of_2000_messages_synchronises_once_through_a_kill(
    start: Start, visit: Visit
) -> None:
    program = start("--demo")
    demo = await visit(program)
    archive = Archive(demo)
    await archive.opens()
    channel = await archive.is_connected()

    async def reaches(count: int) -> None:
        async def there() -> bool:
            return await demo.metric("assent_pulled_payloads_total", kind="gmail") >= count

        await wait_for(there, 120, f"the {count}th mail")

    began = time.monotonic()
    await reaches(600)
    program.kill()
    first_s = time.monotonic() - began
    program.start()
    began = time.monotonic()
    demo = await visit(program)
    archive = Archive(demo)
    await archive.tells(f"{demo.url}/webhooks/gmail/{channel}")
    await reaches(200)
    # While it is still at it, something comes.
    await archive.gets(a_mail(MAILS, datetime.now(UTC)))

    async def whole() -> list[Json]:
        found = await synchronised(demo, channel)
        news = [one for one in found if one["inbound_seq"]]
        return found if news and sum(map(len, await letters(demo, found))) > MAILS else []

    found = await wait_for(whole, 120, "every mail")
    rest_s = time.monotonic() - began
    print(f"600 mails were fetched in {first_s:.1f} s, and all were stored {rest_s:.1f} s later")
    threads = await letters(demo, found)
    assert sorted(threads) == sorted(
        list(range(first, MAILS + 1, THREADS)) for first in range(THREADS)
    )
