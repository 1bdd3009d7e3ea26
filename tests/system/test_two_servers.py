"""Two servers on one database and one Redis."""

from __future__ import annotations

import asyncio

import pytest

from tests.system.conftest import Start, Visit
from tests.system.demo import MARK, Demo
from tests.system.program import Program
from tests.system.screen import Screen
from tests.web.test_signin import Browser

pytestmark = pytest.mark.timeout(180)


class Pair:
    """The demo, and another server beside it with the same database, keys, Redis and providers."""

    def __init__(self, demo: Demo, second: Program) -> None:
        self.demo = demo
        self.second = second

    async def screen_of_second(self) -> Screen:
        screen = await Screen.open(self.second.url, self.demo.agent.headers)
        self.demo.stack.push_async_callback(screen.close)
        await screen.hello()
        return screen


@pytest.fixture(scope="module")
def programs(start_once: Start, redis_url: str) -> tuple[Program, Program]:
    first = start_once("--demo", INBOX_REDIS_URL=redis_url)
    lines = (first.data_dir / "keys").read_text().splitlines()
    simulator_url = first.demo["simulator_url"]
    second = start_once(
        INBOX_REDIS_URL=redis_url,
        INBOX_MONGODB_URL=(first.data_dir / "db.url").read_text(),
        INBOX_DEV="1",
        INBOX_GRAPH_URL=f"{simulator_url}/v26.0",
        INBOX_TWILIO_URL=simulator_url,
        **dict(line.split("=", 1) for line in lines if line),
    )
    return first, second


@pytest.fixture
async def pair(programs: tuple[Program, Program], visit: Visit) -> Pair:
    first, second = programs
    return Pair(await visit(first), second)


async def test_what_one_server_takes_in_the_other_pushes(pair: Pair) -> None:
    demo = pair.demo
    maya = await demo.customer()
    ours, theirs = await demo.agent.opens_screen(), await pair.screen_of_second()

    await demo.takes(maya.signed(f"To the first {MARK}"))
    call = maya.signed(f"To the second {MARK}")
    url = call.url.replace(demo.url, pair.second.url)
    answer = await demo.call("POST", url, data=call.body, headers=call.headers)

    assert answer.status == 200
    for screen in (ours, theirs):
        for where in ("first", "second"):
            await screen.gets("message.created", text=f"To the {where} {MARK}")
        await screen.passes()
        assert len(screen.all("message.created")) == 2


async def test_a_cursor_of_one_server_is_good_on_the_other(pair: Pair) -> None:
    demo = pair.demo
    maya = await demo.customer()
    screen = await demo.agent.opens_screen()
    await screen.close()
    await maya.writes(f"Missed {MARK}")
    await demo.agent.finds(maya)

    other = await Screen.open(pair.second.url, demo.agent.headers)
    welcome = await other.hello(screen.cursor)
    await other.gets("message.created", text=f"Missed {MARK}")
    await other.close()

    assert welcome["resumed"] is True


async def test_a_reply_given_to_one_server_is_sent_once(pair: Pair) -> None:
    demo = pair.demo
    maya = await demo.customer("sms")
    await maya.writes(f"Hello {MARK}")
    conversation_id = (await demo.agent.finds(maya))["id"]
    screen = await demo.agent.opens_screen()
    texts = [f"Reply {number} {MARK}" for number in range(10)]

    async def reply(number: int, text: str) -> int:
        base = (demo.url, pair.second.url)[number % 2]
        path = f"{base}/api/v1/conversations/{conversation_id}/messages"
        body = {"client_id": f"reply-{number}", "text": text}
        both = [
            demo.call("POST", path, json=body, headers=demo.agent.headers),
            demo.agent.call("POST", f"/conversations/{conversation_id}/messages", json=body),
        ]
        return sorted(answer.status for answer in await asyncio.gather(*both))[-1]

    statuses = [await reply(number, text) for number, text in enumerate(texts)]

    assert set(statuses) == {202}
    for frame in [m for m in await demo.agent.thread(conversation_id) if m["client_id"]]:
        await screen.gets("message.status_changed", id=frame["id"], status="delivered", limit_s=20)
    assert await maya.received() == texts


async def test_signing_out_on_one_server_ends_the_cookie_on_the_other(pair: Pair) -> None:
    demo = pair.demo
    browser = Browser(demo)
    await browser.signs_in()
    cookie = {"Cookie": f"session={browser.cookies['session']}"}
    known = await demo.call("GET", f"{pair.second.url}/api/v1/me", headers=cookie)
    screen = await Screen.open(pair.second.url, {**cookie, "Origin": pair.second.url})
    await screen.hello()

    await browser.call("POST", "/logout", headers={"X-CSRF-Token": await browser.page_token()})

    await browser.session.close()
    after = await demo.call("GET", f"{pair.second.url}/api/v1/me", headers=cookie)
    assert (known.status, after.status) == (200, 401)
    assert (await screen.gets_closed(1.0))[0] == 4001
    await screen.close()
